//! Tables: aligned columns of which narrow screens leave out the lesser ones, and the part of the rows that has room.

use ratatui_core::layout::{Constraint, Rect};
use ratatui_core::style::Style;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::block::Block;
use ratatui_widgets::borders::Borders;
use ratatui_widgets::paragraph::Paragraph;
use ratatui_widgets::table::{Cell, Row, Table, TableState};

use super::Paint;

/// A column.
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) width: Constraint,
    /// The least width of the table at which it is shown.
    pub(super) from: u16,
    right: bool,
}

/// A column of a fixed width.
pub(super) const fn fixed(head: &'static str, width: u16, from: u16) -> Column {
    Column { head, width: Constraint::Length(width), from, right: false }
}

/// A column of numbers, which end where its head does.
pub(super) const fn number(head: &'static str, width: u16, from: u16) -> Column {
    Column { right: true, ..fixed(head, width, from) }
}

/// A column that takes what is left.
pub(super) const fn rest(head: &'static str, from: u16) -> Column {
    Column { head, width: Constraint::Fill(1), from, right: false }
}

/// A titled part of the screen; what is inside it. One that has the keys stands out.
pub(super) fn part(frame: &mut Frame<'_>, area: Rect, title: &str, has_keys: bool, paint: Paint) -> Rect {
    let style = if has_keys { paint.accent().patch(paint.bold()) } else { paint.bold() };
    let border = if has_keys { paint.accent() } else { paint.faint() };
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(border)
        .title(Span::styled(format!(" {title} "), style));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// A text in the middle of nothing, for parts that have nothing to show.
pub(super) fn nothing(frame: &mut Frame<'_>, area: Rect, text: &str, paint: Paint) {
    frame.render_widget(Paragraph::new(Line::styled(format!("  {text}"), paint.faint())), area);
}

/// Which of `count` rows are shown in `height` lines: those around the selected one.
pub(super) fn shown(count: usize, selected: usize, height: usize) -> std::ops::Range<usize> {
    let from = selected.saturating_sub(height / 2).min(count.saturating_sub(height));
    from..(from + height).min(count)
}

/// Draws rows, of which only those that are shown are made.
pub(super) fn rows<'a>(
    frame: &mut Frame<'_>,
    area: Rect,
    columns: &[Column],
    count: usize,
    (selected, has_keys): (Option<usize>, bool),
    row: impl Fn(usize) -> Vec<Line<'a>>,
    paint: Paint,
) {
    let height = usize::from(area.height.saturating_sub(1));
    let range = shown(count, selected.unwrap_or(0), height);
    let fits = |column: &&Column| column.from <= area.width;
    let keep: Vec<bool> = columns.iter().map(|column| column.from <= area.width).collect();
    let cells = |at: usize| {
        let cells =
            row(at).into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(line, _)| Cell::new(line));
        Row::new(cells.collect::<Vec<_>>())
    };
    let heads: Vec<Cell<'_>> = columns
        .iter()
        .filter(fits)
        .map(|column| {
            let head = Line::from(column.head);
            Cell::new(if column.right { head.right_aligned() } else { head })
        })
        .collect();
    let highlight = if has_keys { paint.selected() } else { Style::new() };
    let table = Table::new(
        range.clone().map(cells).collect::<Vec<_>>(),
        columns.iter().filter(fits).map(|column| column.width),
    )
    .header(Row::new(heads).style(paint.faint()))
    .column_spacing(1)
    .row_highlight_style(highlight)
    .highlight_symbol(if has_keys { "▌" } else { "▏" });
    let mut state = TableState::new().with_selected(selected.and_then(|at| at.checked_sub(range.start)));
    frame.render_stateful_widget(table, area, &mut state);
}

/// A bar: how much of something is done.
pub(super) fn bar<'a>(done: usize, total: usize, width: usize, paint: Paint) -> Vec<Span<'a>> {
    let full = (done.min(total) * width).checked_div(total).unwrap_or(0);
    // What has begun shows, and what is not finished is not full.
    let full = if done > 0 { full.max(1) } else { full };
    vec![
        Span::styled("━".repeat(full), paint.good()),
        Span::styled("─".repeat(width.saturating_sub(full)), paint.faint()),
    ]
}
