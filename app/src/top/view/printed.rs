//! What agents print, and what happened: texts that grow at their end, folded to the width there is.

use convoy_core::id::IssueId;
use ratatui_core::layout::Rect;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::paragraph::Paragraph;

use super::super::model::{Model, Page, Pane, Scroll};
use super::paint::Paint;
use super::table::{nothing, part};

/// The output of the selected worker.
pub(super) fn output(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    of(frame, area, model, model.pane == Pane::Output, paint);
}

/// The output of one worker, on the whole screen.
pub(super) fn logs(frame: &mut Frame<'_>, area: Rect, model: &Model, issue: &IssueId, paint: Paint) {
    if model.printed.session.is_none() && model.worker().is_none() {
        let inner = part(frame, area, &format!("Output of {issue}"), true, paint);
        nothing(
            frame,
            inner,
            &format!("nobody is at work on {issue}; what was printed: convoy logs {issue}"),
            paint,
        );
        return;
    }
    of(frame, area, model, true, paint);
}

/// The output of whoever is meant.
pub(super) fn of(frame: &mut Frame<'_>, area: Rect, model: &Model, has_keys: bool, paint: Paint) {
    let printed = &model.printed;
    let nobody = matches!(model.page, Page::Convoy(_)) && model.worker().is_none();
    let Some(session) = printed.session.as_ref().filter(|_| !nobody) else {
        let inner = part(frame, area, "Output", has_keys, paint);
        let why =
            if nobody { "nobody is at work on it" } else { "what the selected worker prints is shown here" };
        nothing(frame, inner, why, paint);
        return;
    };
    let whose =
        match (&model.page, model.worker().filter(|worker| worker.session_id.as_ref() == Some(session))) {
            (_, Some(worker)) => format!("Output of {} · {session}", worker.issue_id),
            (Page::Logs(issue), None) => format!("Output of {issue} · {session}"),
            (_, None) => format!("Output · {session}"),
        };
    let back = model.scrolled(Scroll::Output);
    let title = if back == 0 { whose } else { format!("{whose} · {back} lines back, G goes on") };
    let inner = part(frame, area, &title, has_keys, paint);
    match &printed.why_not {
        Some(why) if printed.lines.is_empty() => nothing(frame, inner, &crate::text::line(why), paint),
        _ if printed.lines.is_empty() => nothing(frame, inner, "nothing was printed yet", paint),
        _ => end_of(frame, inner, printed.lines.iter().rev(), back),
    }
}

/// What happened, the latest last.
pub(super) fn events(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let back = model.scrolled(Scroll::Events);
    let title = if back == 0 { "Events".to_owned() } else { format!("Events · {back} back, G goes on") };
    let inner = part(frame, area, &title, model.pane == Pane::Events, paint);
    if model.events.is_empty() {
        nothing(frame, inner, "nothing has happened yet", paint);
    }
    end_of(frame, inner, model.events.iter().rev(), back);
}

/// The last lines, from `back` lines before the end.
fn end_of<'a>(frame: &mut Frame<'_>, area: Rect, lines: impl Iterator<Item = &'a String>, back: usize) {
    let height = usize::from(area.height);
    let mut rows: Vec<Line<'_>> = Vec::with_capacity(height);
    for line in lines.skip(back) {
        if rows.len() >= height {
            break;
        }
        let mut folded = fold(line, usize::from(area.width.saturating_sub(2)));
        folded.reverse();
        rows.extend(folded.into_iter().map(|row| Line::from(format!("  {row}"))));
    }
    rows.truncate(height);
    rows.reverse();
    frame.render_widget(Paragraph::new(rows), area);
}

/// A line in pieces of at most so many columns, between words where there are some.
pub(super) fn fold(line: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut used) = (0, 0);
    let mut gap = None;
    for (at, c) in line.char_indices() {
        let columns = Span::raw(&line[at..at + c.len_utf8()]).width();
        if used + columns > width && at > from {
            // A word that would leave less than half of the line empty goes on the next one whole.
            let end = gap.filter(|gap| Span::raw(&line[from..*gap]).width() * 2 > width).unwrap_or(at);
            pieces.push(line[from..end].trim_end());
            (from, used) = (end, Span::raw(&line[end..at]).width());
            gap = None;
        }
        used += columns;
        if c == ' ' {
            gap = Some(at + 1);
        }
    }
    pieces.push(&line[from..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_are_folded_between_words_and_by_what_they_take() {
        for (line, width, pieces) in [
            ("", 5, &[""][..]),
            ("abc", 5, &["abc"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("the quick brown", 10, &["the quick", "brown"]),
            ("a longwordthatdoesnotfit", 8, &["a longwo", "rdthatdo", "esnotfit"]),
            ("日本語文", 4, &["日本", "語文"]),
            ("日本", 1, &["日", "本"]),
        ] {
            assert_eq!(fold(line, width), pieces, "{line:?}");
        }
    }
}
