//! Pictures of the model: what stands where, at any size.
//!
//! Colours are the terminal's own sixteen, so that they fit light and dark ones; nothing is told by colour alone.

mod costs;
mod frame;
mod help;
mod lists;
mod paint;
mod printed;
mod table;

use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::terminal::Frame;

use super::model::{Model, Page, Pane};
pub(super) use paint::Paint;

/// From this height on the parts of the main page stand below each other; below it, one fills the screen.
const PARTS_HEIGHT: u16 = 16;
/// From this width on output and events stand beside each other.
const BESIDE_WIDTH: u16 = 100;

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, paint: Paint) {
    let area = frame.area();
    let below = frame::below_height(model, area);
    let [above, page, below] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(below)]).areas(area);
    frame::header(frame, above, model, paint);
    frame::below(frame, below, model, paint);
    match &model.page {
        Page::Main => main(frame, page, model, paint),
        Page::Convoy(id) => lists::convoy(frame, page, model, id, paint),
        Page::Logs(issue) => printed::logs(frame, page, model, issue, paint),
        Page::Problems => lists::problems(frame, page, model, paint),
        Page::Costs => costs::draw(frame, page, model, paint),
        Page::Help => help::draw(frame, page, model, paint),
    }
}

fn main(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let convoys = model.data.convoys.len();
    if convoys == 0 && model.data.workers.is_empty() && model.events.is_empty() {
        help::empty(frame, area, paint);
        return;
    }
    if area.height + 2 < PARTS_HEIGHT {
        pane(frame, area, model, model.pane, paint);
        return;
    }
    // Lists take what they need, up to a third each; what is printed takes the rest.
    let third = area.height / 3;
    let rows =
        |count: usize| u16::try_from(count).unwrap_or(u16::MAX).saturating_add(3).clamp(4, third.max(4));
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(rows(convoys)),
        Constraint::Length(rows(model.data.workers.len())),
        Constraint::Fill(1),
    ])
    .areas(area);
    pane(frame, top, model, Pane::Convoys, paint);
    pane(frame, middle, model, Pane::Workers, paint);
    if area.width >= BESIDE_WIDTH {
        let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(bottom);
        pane(frame, left, model, Pane::Output, paint);
        pane(frame, right, model, Pane::Events, paint);
    } else {
        let shown = if model.pane == Pane::Events { Pane::Events } else { Pane::Output };
        pane(frame, bottom, model, shown, paint);
    }
}

fn pane(frame: &mut Frame<'_>, area: Rect, model: &Model, pane: Pane, paint: Paint) {
    match pane {
        Pane::Convoys => lists::convoys(frame, area, model, paint),
        Pane::Workers => lists::workers(frame, area, model, paint),
        Pane::Output => printed::output(frame, area, model, paint),
        Pane::Events => printed::events(frame, area, model, paint),
    }
}
