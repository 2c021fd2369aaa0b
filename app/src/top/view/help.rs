//! The keys, and what is said to somebody who has nothing yet.

use ratatui_core::layout::Rect;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::paragraph::Paragraph;

use super::super::model::{Model, Scroll};
use super::paint::Paint;
use super::table::part;

const KEYS: [(&str, &str); 16] = [
    ("j k ↑ ↓", "move; PgUp PgDn by ten, g to the beginning, G to the end"),
    ("Tab", "to the next part: convoys, workers, output, events"),
    ("Enter", "open a convoy; look on while a worker works, in its terminal if it runs in tmux"),
    ("Esc", "back; clears a search first"),
    ("l", "output of the worker on the whole screen"),
    ("s", "stop the worker, or every agent of the convoy; asks first"),
    ("r", "let a stopped, failed or waiting issue be worked on again; asks first"),
    ("c", "land what is complete; asks first"),
    ("/", "show only what contains a text; Enter keeps it, Esc clears it"),
    ("p", "problems: what needs you"),
    ("$", "costs"),
    ("u", "bring the engine up, if it is not"),
    ("?", "this page"),
    ("q Ctrl-C", "leave; work goes on"),
    ("", ""),
    ("! ? ▶ ✓", "needs you · somebody should look · at work · done"),
];

/// Draws the page.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let inner = part(frame, area, "Keys", true, paint);
    let line = |(keys, what): &(&'static str, &'static str)| {
        let pad = 10usize.saturating_sub(Span::raw(*keys).width());
        Line::from(vec![
            Span::raw("  "),
            Span::styled(*keys, paint.accent().patch(paint.bold())),
            Span::raw(format!("{} {what}", " ".repeat(pad))),
        ])
    };
    let mut lines: Vec<Line<'_>> = KEYS.iter().map(line).collect();
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let from = model.scrolled(Scroll::Help).min(most);
    frame.render_widget(Paragraph::new(lines.split_off(from)), inner);
}

/// What stands in a workspace in which nothing has happened.
pub(super) fn empty(frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let commands = [
        ("convoy issue create 'Fix the login'", "make an issue"),
        ("convoy create 'Release 2' <issue>…", "bundle issues"),
        ("convoy run <convoy>", "work until it lands"),
    ];
    let mut lines = vec![
        Line::default(),
        Line::styled("  No convoys yet: convoy create <name> <issue>…", paint.bold()),
        Line::default(),
    ];
    lines.extend(commands.map(|(command, what)| {
        Line::from(vec![
            Span::styled(format!("  {command:<38}"), paint.accent()),
            Span::styled(what, paint.faint()),
        ])
    }));
    lines.push(Line::default());
    lines.push(Line::styled("  They appear here by themselves.", paint.faint()));
    frame.render_widget(Paragraph::new(lines), area);
}
