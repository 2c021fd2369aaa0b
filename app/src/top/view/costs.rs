//! What all work costs: the total, how it is known, and by what it is divided.

use convoy_core::view::{CostLine, CostView};
use ratatui_core::layout::Rect;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::paragraph::Paragraph;

use super::super::model::{Model, Scroll};
use super::paint::Paint;
use super::table::{bar, nothing, part};
use crate::text;

/// How many of the dearest are shown of each.
const LINES_MAX: usize = 8;
/// How wide a bar is.
const BAR_CHARS: usize = 20;
/// How much of a name is shown.
const NAME_CHARS: usize = 24;

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let inner = part(frame, area, "Costs", true, paint);
    let Some(cost) = &model.data.cost else {
        nothing(frame, inner, "…", paint);
        return;
    };
    let mut lines = vec![total(cost, paint)];
    lines.extend(known(cost, paint));
    // The latest days are the last ones.
    let days = &cost.by_day[cost.by_day.len().saturating_sub(LINES_MAX)..];
    for (name, of) in [
        ("By convoy", &cost.by_convoy[..]),
        ("By worker", &cost.by_worker[..]),
        ("By model", &cost.by_model[..]),
        ("By day", days),
    ] {
        if of.is_empty() {
            continue;
        }
        lines.push(Line::default());
        lines.push(Line::styled(format!("  {name}"), paint.bold()));
        let most = of.iter().map(|line| line.cost.micros).max().unwrap_or(0);
        lines.extend(of.iter().take(LINES_MAX).map(|line| row(line, most, paint)));
        if of.len() > LINES_MAX {
            lines.push(Line::styled(
                format!("  and {} more: convoy cost report", of.len() - LINES_MAX),
                paint.faint(),
            ));
        }
    }
    if cost.sessions == 0 {
        lines.push(Line::styled("  No session has begun.", paint.faint()));
    }
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let from = model.scrolled(Scroll::Costs).min(most);
    frame.render_widget(Paragraph::new(lines.split_off(from)), inner);
}

fn total<'a>(cost: &CostView, paint: Paint) -> Line<'a> {
    let sessions = text::count(cost.sessions as usize, "session");
    Line::from(vec![
        Span::raw("  "),
        Span::styled(text::money(&cost.total), paint.bold()),
        Span::raw(format!(" in {sessions}")),
    ])
}

/// How it is known.
fn known<'a>(cost: &CostView, paint: Paint) -> Option<Line<'a>> {
    let kinds = [
        ("reported", &cost.reported),
        ("estimated", &cost.estimated),
        ("self-reported", &cost.self_reported),
        ("elsewhere", &cost.carried),
    ];
    let mut parts: Vec<String> = kinds
        .into_iter()
        .filter(|(_, money)| money.micros != 0)
        .map(|(name, money)| format!("{} {name}", text::money(money)))
        .collect();
    if cost.unmetered > 0 {
        parts.push(format!("{} of which nothing is known", text::count(cost.unmetered as usize, "session")));
    }
    (!parts.is_empty()).then(|| Line::styled(format!("  {}", parts.join(" · ")), paint.faint()))
}

fn row<'a>(line: &CostLine, most: i64, paint: Paint) -> Line<'a> {
    let name = line.name.as_deref().or(line.id.as_deref()).unwrap_or("(none)");
    let name = text::cut(name, NAME_CHARS);
    // Padded by what it takes on the screen, which is not what it has in characters.
    let pad = NAME_CHARS.saturating_sub(Span::raw(name.as_str()).width());
    let share =
        |amount: i64| usize::try_from(amount.max(0) / most.max(1).div_euclid(1000).max(1)).unwrap_or(0);
    let money = if line.cost.micros == 0 && line.unmetered > 0 {
        "unmetered".to_owned()
    } else {
        text::money(&line.cost)
    };
    let mut spans = vec![Span::raw(format!("  {name}{} ", " ".repeat(pad)))];
    spans.extend(bar(share(line.cost.micros), share(most), BAR_CHARS, paint));
    spans.push(Span::raw(format!(" {:>12} {:>4.0} %", money, line.share * 100.0)));
    Line::from(spans)
}
