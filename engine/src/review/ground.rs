//! Whether what a finding quotes is in its file.
//!
//! Blanks at the beginning and end of lines do not count, nor do empty lines: reviewers take them from a diff or out of
//! their memory. Everything else has to be there as it is quoted.

use convoy_core::review::Finding;

/// The shortest quote that says anything, in characters: a brace is in every file.
const QUOTE_CHARS_MIN: usize = 4;
/// The longest path of a file, in bytes.
const PATH_BYTES_MAX: usize = 1024;

/// A path that a finding may name: one from the top of the repository, and on one line.
pub(super) fn path(finding: &Finding) -> Option<&str> {
    let path = finding.file.as_deref()?;
    let plain = !path.starts_with('/')
        && path.len() <= PATH_BYTES_MAX
        && !path.contains(char::is_control)
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    plain.then_some(path)
}

/// Whether the quote is in the text; then the finding gets the lines where it is, the nearest to where it says.
pub(super) fn ground(finding: &mut Finding, text: &str) -> bool {
    let numbered = (1..).zip(text.lines().map(str::trim));
    let lines: Vec<(u32, &str)> = numbered.filter(|(_, line)| !line.is_empty()).collect();
    let near = finding.line.unwrap_or(1);
    let quotes = [quoted(&finding.quote, false), quoted(&finding.quote, true)];
    let Some((first, last)) = quotes.into_iter().flatten().find_map(|quote| place(&lines, &quote, near))
    else {
        return false;
    };
    (finding.line, finding.end_line) = (Some(first), Some(last));
    true
}

/// The lines of a quote; as those that a diff adds, if it is one.
fn quoted(quote: &str, of_diff: bool) -> Option<Vec<&str>> {
    let lines = quote.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Option<Vec<&str>> =
        lines.map(|line| if of_diff { line.strip_prefix('+').map(str::trim) } else { Some(line) }).collect();
    Some(lines?.into_iter().filter(|line| !line.is_empty()).collect())
}

/// The first and last line of the quote's place that is nearest to `near`.
fn place(lines: &[(u32, &str)], quote: &[&str], near: u32) -> Option<(u32, u32)> {
    let (first, rest) = quote.split_first()?;
    if quote.iter().map(|line| line.chars().count()).sum::<usize>() < QUOTE_CHARS_MIN {
        return None;
    }
    let fits = |window: &[(u32, &str)]| match rest.split_last() {
        None => window[0].1.contains(first),
        // Only the outer ends of a quote may be in the middle of a line.
        Some((last, middle)) => {
            window[0].1.ends_with(first)
                && window[window.len() - 1].1.starts_with(last)
                && window[1..].iter().zip(middle).all(|((_, line), wanted)| line == wanted)
        }
    };
    let places = lines.windows(quote.len()).filter(|window| fits(window));
    places
        .map(|window| (window[0].0, window[window.len() - 1].0))
        .min_by_key(|(first, _)| first.abs_diff(near))
}
