//! Text of agents and of code, as Markdown in which it is nothing but text: no HTML, no links, no images, no mentions, no
//! headings, and no end of a fence.
//!
//! Code in single backticks stays code, and so do fenced blocks: in both, nothing is anything but text anyway. What a
//! host would make a link or a mention of (`https://…`, `@name`, `#12`) becomes code.

use std::fmt::Write as _;

use crate::text;

/// Text as code within a line.
pub fn code(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_ticks(&line) + 1);
    // Where a backtick is at an end, blanks keep it apart; they are not shown.
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// Text as a block of code, in a fence that is longer than any in it.
pub fn fenced(info: &str, text: &str) -> String {
    let text = text::block(text);
    let fence = "`".repeat(longest_ticks(&text).max(2) + 1);
    format!("{fence}{info}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// Text within a line.
pub fn inline(text: &str) -> String {
    let mut safe = String::new();
    let line = one_line(text);
    let mut rest = line.as_str();
    while let Some(at) = rest.find('`') {
        words(&mut safe, &rest[..at]);
        let after = &rest[at + 1..];
        match after.find('`').filter(|end| *end > 0) {
            Some(end) => {
                if safe.ends_with('`') {
                    safe.push(' ');
                }
                let _ = write!(safe, "`{}`", &after[..end]);
                rest = &after[end + 1..];
            }
            None => {
                safe.push_str("\\`");
                rest = after;
            }
        }
    }
    words(&mut safe, rest);
    safe
}

/// Text of several paragraphs, with the blocks of code that are in it.
pub fn paragraphs(text: &str) -> String {
    let mut safe = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        let ticks = trimmed.len() - trimmed.trim_start_matches('`').len();
        if ticks >= 3 && !trimmed[ticks..].contains('`') {
            let closes = |line: &&str| {
                let line = line.trim();
                line.len() >= ticks && line.bytes().all(|byte| byte == b'`')
            };
            let block: Vec<&str> = lines.by_ref().take_while(|line| !closes(line)).collect();
            let _ = write!(safe, "\n{}\n", fenced("", &block.join("\n")));
            continue;
        }
        safe.push_str(&line_start(&inline(trimmed)));
        safe.push('\n');
    }
    let mut tidy = String::with_capacity(safe.len());
    let (mut empty, mut fence) = (true, None::<usize>);
    for line in safe.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            None if ticks >= 3 && ticks == line.len() => fence = Some(ticks),
            Some(open) if ticks == open && line.len() == ticks => fence = None,
            None | Some(_) => {}
        }
        if fence.is_none() && line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy.trim_end().to_owned()
}

fn one_line(text: &str) -> String {
    text::line(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

fn longest_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Words without backticks; the blanks between them stay.
fn words(safe: &mut String, text: &str) {
    for (n, word) in text.split(' ').enumerate() {
        if n > 0 {
            safe.push(' ');
        }
        if is_reference(word) {
            if safe.ends_with('`') {
                safe.push(' ');
            }
            safe.push_str(&code(word));
        } else {
            escape(safe, word);
        }
    }
}

/// Whether a host would make a link of it, or tell somebody.
fn is_reference(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let numbered = |mark: &str| {
        lower.split(mark).skip(1).any(|after| after.starts_with(|c: char| c.is_ascii_digit()))
    };
    lower.contains("://")
        || lower.contains("www.")
        || lower.contains("mailto:")
        || lower.contains("xmpp:")
        || lower.contains('@')
        || numbered("#")
        || numbered("gh-")
}

fn escape(safe: &mut String, word: &str) {
    let mut before = ' ';
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        let within = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
        let special = match c {
            '\\' | '*' | '[' | ']' | '<' | '&' | '~' | '|' | '$' => true,
            // Within a word it is only a letter.
            '_' => !(before.is_alphanumeric() || before == '_') || !within(chars.peek()),
            _ => false,
        };
        if special {
            safe.push('\\');
        }
        safe.push(c);
        before = c;
    }
}

/// What would begin a heading, a list, a quote or a rule at the beginning of a line.
fn line_start(line: &str) -> String {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 && line[digits..].starts_with(['.', ')']) {
        return format!("{}\\{}", &line[..digits], &line[digits..]);
    }
    if line.starts_with(['#', '>', '+', '-', '=', ':', '%']) { format!("\\{line}") } else { line.to_owned() }
}
