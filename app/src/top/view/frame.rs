//! What stands around each page: the line above, and the one with the keys, questions and answers below.

use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::Style;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::paragraph::Paragraph;

use super::super::model::{Link, Model, Page, Pane, Prompt};
use super::paint::Paint;
use super::printed::fold;
use crate::text;

/// The most lines that an answer takes, with its hint.
const SAID_LINES_MAX: usize = 4;
/// Below this width the name of the workspace is cut, so that the state of its engine is not.
const NARROW: u16 = 60;
/// Below this height an answer has one line, and its hint one.
const LOW: u16 = 14;

/// The line above: which workspace, whether its engine is up, and what counts.
pub(super) fn header(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let (word, style_of_word) = match &model.link {
        Link::Up => ("● engine is up".to_owned(), paint.good()),
        Link::Lost => ("○ engine lost, reconnecting".to_owned(), paint.bad()),
        Link::Down => ("○ engine is not up".to_owned(), paint.busy()),
        Link::Broken(why) => (format!("✗ {}", text::cut(why, 120)), paint.bad()),
    };
    let overview = &model.data.overview;
    let needs = match overview.needs_total {
        0 => Span::styled("nothing needs you", paint.faint()),
        1 => Span::styled("! 1 needs you", paint.bad()),
        more => Span::styled(format!("! {more} need you"), paint.bad()),
    };
    let limit = overview.day_limit.as_ref().map(|limit| format!(" of {}", text::money(limit)));
    let (at_work, spent) = (overview.at_work_total, text::money(&overview.spent_today));
    let long = vec![
        needs,
        Span::raw(format!("  ▶ {at_work} at work  ")),
        Span::styled(spent.clone(), paint.bold()),
        Span::raw(format!("{} today ", limit.unwrap_or_default())),
    ];
    let (sign, style) = if overview.needs_total == 0 { ("·", paint.faint()) } else { ("!", paint.bad()) };
    let short = vec![
        Span::styled(format!("{sign}{}", overview.needs_total), style),
        Span::raw(format!(" ▶{at_work} ")),
        Span::styled(spent, paint.bold()),
        Span::raw(" "),
    ];
    let name = match area.width {
        0..NARROW => format!(" {} ", text::cut(&model.workspace, 8)),
        _ => format!(" convoy · {} ", text::cut(&model.workspace, 24)),
    };
    let left =
        Line::from(vec![Span::styled(name, paint.bold()), Span::raw(" "), Span::styled(word, style_of_word)]);
    // What does not fit beside the state of the engine is left out: that is told in any case.
    let room = usize::from(area.width).saturating_sub(left.width());
    let numbers = [long, short].map(|spans| Line::from(spans).right_aligned());
    let numbers = numbers.into_iter().find(|line| line.width() < room).unwrap_or_default();
    let width = u16::try_from(numbers.width()).unwrap_or(u16::MAX);
    let [at_left, at_right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    frame.render_widget(Paragraph::new(left), at_left);
    frame.render_widget(Paragraph::new(numbers), at_right);
}

/// How many lines the part below takes.
pub(super) fn below_height(model: &Model, area: Rect) -> u16 {
    let said = said(model, area, Paint { color: false }).len();
    u16::try_from(said).unwrap_or(0).saturating_add(1).min(area.height)
}

/// The line with the keys, and what is said above it.
pub(super) fn below(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let mut lines = said(model, area, paint);
    lines.push(match &model.prompt {
        Prompt::Search => search(model, paint),
        Prompt::Confirm { .. } => hints(&[("y", "yes"), ("n", "no")], area.width, paint),
        Prompt::Keys if model.busy => Line::styled(" …", paint.faint()),
        Prompt::Keys => hints(keys(model), area.width, paint),
    });
    let from = lines.len().saturating_sub(usize::from(area.height));
    frame.render_widget(Paragraph::new(lines.split_off(from)), area);
}

fn search<'a>(model: &Model, paint: Paint) -> Line<'a> {
    Line::from(vec![
        Span::styled(" /", paint.accent().patch(paint.bold())),
        Span::raw(text::line(&model.search).into_owned()),
        Span::styled(" ", paint.selected()),
        Span::styled("  Enter keeps it, Esc clears it", paint.faint()),
    ])
}

/// A question, or an answer with its hint.
fn said<'a>(model: &Model, area: Rect, paint: Paint) -> Vec<Line<'a>> {
    let width = usize::from(area.width.saturating_sub(2)).max(1);
    let each = if area.height < LOW { 1 } else { SAID_LINES_MAX / 2 };
    let lines = |text: &str, style: Style, most: usize| -> Vec<Line<'a>> {
        let safe = text::line(text).into_owned();
        fold(&safe, width)
            .into_iter()
            .take(most)
            .map(|piece| Line::styled(format!(" {piece}"), style))
            .collect()
    };
    if let Prompt::Confirm { question, .. } = &model.prompt {
        return lines(&format!("{question} (y/n)"), paint.bold().patch(paint.busy()), SAID_LINES_MAX / 2);
    }
    let Some(said) = &model.said else { return Vec::new() };
    let mut all = lines(&said.text, if said.bad { paint.bad() } else { paint.good() }, each);
    if let Some(hint) = &said.hint {
        all.extend(lines(&format!("hint: {hint}"), Style::new(), each));
    }
    all
}

fn keys(model: &Model) -> &'static [(&'static str, &'static str)] {
    match (&model.page, model.pane) {
        (Page::Main, Pane::Convoys) => &[
            ("?", "help"),
            ("q", "quit"),
            ("Enter", "open"),
            ("Tab", "next"),
            ("s", "stop"),
            ("c", "check"),
            ("p", "problems"),
            ("$", "costs"),
            ("/", "search"),
            ("j k", "move"),
        ],
        (Page::Main, Pane::Workers | Pane::Output) => &[
            ("?", "help"),
            ("q", "quit"),
            ("Enter", "open"),
            ("Tab", "next"),
            ("s", "stop"),
            ("r", "retry"),
            ("l", "logs"),
            ("p", "problems"),
            ("$", "costs"),
            ("/", "search"),
        ],
        (Page::Main, Pane::Events) => {
            &[("?", "help"), ("q", "quit"), ("Tab", "next"), ("j k", "scroll"), ("G", "latest")]
        }
        (Page::Convoy(_), _) => &[
            ("?", "help"),
            ("q", "quit"),
            ("Esc", "back"),
            ("Enter", "open"),
            ("s", "stop"),
            ("r", "retry"),
            ("c", "check"),
            ("l", "logs"),
        ],
        (Page::Logs(_), _) => &[
            ("?", "help"),
            ("q", "quit"),
            ("Esc", "back"),
            ("j k", "scroll"),
            ("G", "latest"),
            ("s", "stop"),
            ("r", "retry"),
        ],
        (Page::Problems, _) => &[
            ("?", "help"),
            ("q", "quit"),
            ("Esc", "back"),
            ("Enter", "open"),
            ("r", "retry"),
            ("s", "stop"),
            ("c", "check"),
        ],
        (Page::Costs | Page::Help, _) => &[("q", "quit"), ("Esc", "back"), ("j k", "scroll")],
    }
}

/// As many as there is room for, whole ones.
fn hints<'a>(keys: &[(&'static str, &'static str)], width: u16, paint: Paint) -> Line<'a> {
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for (key, what) in keys {
        let wide = Span::raw(*key).width() + what.len() + 3;
        if used + wide > usize::from(width) {
            break;
        }
        used += wide;
        spans.push(Span::styled(*key, paint.accent().patch(paint.bold())));
        spans.push(Span::raw(format!(" {what}  ")));
    }
    Line::from(spans)
}
