//! Whether what a finding quotes is in its file.
//!
//! Blanks at the beginning and end of lines do not count, nor do empty lines: reviewers take them from a diff or out of
//! their memory. Everything else has to be there as it is quoted. A program quotes nothing: it names a line, and the
//! quote is what stands there.

use std::collections::BTreeMap;
use std::ops::Range;

use convoy_core::review::{Finding, TEXT_BYTES_MAX};

use super::merge::Found;

/// The shortest quote that says anything, in characters: a brace is in every file.
const QUOTE_CHARS_MIN: usize = 4;
/// The longest path of a file, in bytes.
const PATH_BYTES_MAX: usize = 1024;
/// How many lines of what a program points at are quoted.
const PROGRAM_LINES_MAX: u32 = 20;

/// A path that a finding may name: one from the top of the repository, and on one line.
pub fn path(finding: &Finding) -> Option<&str> {
    finding.file.as_deref().filter(|path| is_path(path))
}

/// Whether it leads to a file of the repository, from its top, and is on one line.
pub(super) fn is_path(path: &str) -> bool {
    !path.starts_with('/')
        && path.len() <= PATH_BYTES_MAX
        && !path.contains(char::is_control)
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// A file's text, ready to be looked at for many quotes.
#[derive(Debug)]
pub struct Text {
    text: String,
    /// The lines that are not empty, without the blanks around them: their numbers from 1, and where they stand.
    lines: Vec<(u32, Range<usize>)>,
    /// How many lines there are in all.
    count: u32,
}

impl Text {
    /// Takes a file's text.
    pub fn new(text: String) -> Self {
        let mut lines = Vec::new();
        let (mut at, mut count) = (0, 0);
        for line in text.split_inclusive('\n') {
            count += 1;
            let trimmed = line.trim();
            if !trimmed.is_empty() {
                let from = at + line.len() - line.trim_start().len();
                lines.push((count, from..from + trimmed.len()));
            }
            at += line.len();
        }
        Self { text, lines, count }
    }

    fn line(&self, at: usize) -> &str {
        &self.text[self.lines[at].1.clone()]
    }

    /// Whether the finding's quote is in it; then the finding gets the lines where it is, the nearest to where it says.
    pub fn ground(&self, finding: &mut Finding) -> bool {
        let near = finding.line.unwrap_or(1);
        let quotes = [quoted(&finding.quote, false), quoted(&finding.quote, true)];
        let found = quotes.into_iter().flatten().find_map(|quote| self.place(&quote, near));
        let Some((first, last)) = found else { return false };
        (finding.line, finding.end_line) = (Some(first), Some(last));
        true
    }

    /// Whether the lines that a program names are there; then the finding gets them as its quote.
    pub fn ground_by_line(&self, finding: &mut Finding) -> bool {
        let Some(first) = finding.line else {
            // It is about the file as a whole, and that is there.
            return true;
        };
        if first == 0 || first > self.count {
            return false;
        }
        let end = finding.end_line.unwrap_or(first).clamp(first, self.count);
        finding.end_line = Some(end);
        let last = end.min(first.saturating_add(PROGRAM_LINES_MAX - 1));
        let all = self.text.lines().skip(first as usize - 1).take((last - first + 1) as usize);
        let mut quote = all.collect::<Vec<_>>().join("\n");
        quote.truncate(quote.floor_char_boundary(TEXT_BYTES_MAX));
        quote.trim_end().clone_into(&mut finding.quote);
        true
    }

    /// Whether the quote is what a program's finding got from the lines that it names: that may be a brace.
    fn has_line(&self, finding: &Finding) -> bool {
        let mut again = Finding { quote: String::new(), ..finding.clone() };
        finding.line.is_some() && self.ground_by_line(&mut again) && again.quote.trim() == finding.quote.trim()
    }

    /// The first and last line of the quote's place that is nearest to `near`.
    fn place(&self, quote: &[&str], near: u32) -> Option<(u32, u32)> {
        let (first, rest) = quote.split_first()?;
        if quote.iter().map(|line| line.chars().count()).sum::<usize>() < QUOTE_CHARS_MIN {
            return None;
        }
        let fits = |at: usize| match rest.split_last() {
            None => self.line(at).contains(first),
            // Only the outer ends of a quote may be in the middle of a line.
            Some((last, middle)) => {
                self.line(at).ends_with(first)
                    && self.line(at + rest.len()).starts_with(last)
                    && middle.iter().zip(at + 1..).all(|(wanted, at)| self.line(at) == *wanted)
            }
        };
        let places = (0..(self.lines.len() + 1).saturating_sub(quote.len())).filter(|at| fits(*at));
        places
            .map(|at| (self.lines[at].0, self.lines[at + rest.len()].0))
            .min_by_key(|(first, _)| first.abs_diff(near))
    }
}

/// The lines of a quote; as those that a diff adds, if it is one.
fn quoted(quote: &str, of_diff: bool) -> Option<Vec<&str>> {
    let lines = quote.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Option<Vec<&str>> =
        lines.map(|line| if of_diff { line.strip_prefix('+').map(str::trim) } else { Some(line) }).collect();
    Some(lines?.into_iter().filter(|line| !line.is_empty()).collect())
}

/// Says of each finding whether it is grounded. `read` gives the text of a file at the commit, and is asked once for
/// each.
///
/// # Errors
/// Those of `read`.
pub fn ground_all<E>(
    findings: &mut [Found],
    read: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<(), E> {
    let mut texts: BTreeMap<String, Option<Text>> = BTreeMap::new();
    for found in findings {
        let Some(file) = path(&found.finding).map(str::to_owned) else {
            found.grounded = false;
            continue;
        };
        if !texts.contains_key(&file) {
            texts.insert(file.clone(), read(&file)?.map(Text::new));
        }
        let Some(Some(text)) = texts.get(&file) else {
            found.grounded = false;
            continue;
        };
        found.grounded = match (found.by_program, found.finding.quote.trim().is_empty()) {
            (true, true) => text.ground_by_line(&mut found.finding),
            (true, false) => text.has_line(&found.finding) || text.ground(&mut found.finding),
            (false, true | false) => text.ground(&mut found.finding),
        };
    }
    Ok(())
}
