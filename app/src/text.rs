//! Text of people and agents, made fit to print: nothing in it can move a cursor, set a colour, hide or reorder.
//!
//! Also the forms in which times, ages and money are shown to people.

use std::fmt::Write as _;

use convoy_core::issue::MoneyView;
use convoy_core::time::{Span, Time};
pub(crate) use convoy_engine::text::{block, is_hostile, line};
use unicode_width::UnicodeWidthStr as _;

/// The longest title in a list, in characters. `show` prints it whole, and so does `--json`.
pub(crate) const TITLE_CHARS: usize = 120;

/// How many characters one column of a terminal may take: a letter with its marks.
const CHARS_OF_A_COLUMN: usize = 4;

/// Each line of the text, safe and indented.
pub(crate) fn indented(text: &str, by: &str) -> String {
    block(text).trim_end().lines().map(|line| format!("{by}{line}\n")).collect()
}

/// The text on one line, safe, and cut to `chars_max` characters.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    let safe = line(text);
    match safe.char_indices().nth(chars_max) {
        None => safe.into_owned(),
        Some(_) => safe.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A title in a list.
pub(crate) fn title(text: &str) -> String {
    cut(text, TITLE_CHARS)
}

/// How many columns a terminal needs for a text. It may need more or fewer: fonts and terminals do not agree.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text on one line, safe, and cut to so many columns of a terminal.
pub(crate) fn fit(text: &str, columns_max: usize) -> String {
    // What takes no column may come without end, and is cut as well.
    let chars_max = CHARS_OF_A_COLUMN * columns_max + CHARS_OF_A_COLUMN;
    let safe = line(text.char_indices().nth(chars_max).map_or(text, |(at, _)| &text[..at]));
    if safe.len() >= text.len() && columns(&safe) <= columns_max {
        return safe.into_owned();
    }
    let mut fits = String::new();
    for c in safe.chars() {
        fits.push(c);
        if columns(&fits) >= columns_max {
            fits.pop();
            break;
        }
    }
    if columns_max > 0 {
        fits.push('…');
    }
    fits
}

/// How long something has lasted, to the second: `7s`, `2m 05s`, `1h 02m`.
pub(crate) fn lasted(seconds: i64) -> String {
    match seconds.max(0) {
        s @ ..60 => format!("{s}s"),
        s @ ..3600 => format!("{}m {:02}s", s / 60, s % 60),
        s => format!("{}h {:02}m", s / 3600, s / 60 % 60),
    }
}

/// A point in time in the local zone: `2025-12-30T10:15:00-08:00`.
pub(crate) fn time(at: Time) -> String {
    let zoned = at.timestamp().to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The time of day in the local zone, for progress lines.
pub(crate) fn clock(at: Time) -> String {
    at.timestamp().to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// An age in seconds as people read it: `5m`, `2h 15m`.
pub(crate) fn age(seconds: i64) -> String {
    Span::from_secs(seconds).to_string()
}

/// Money as people read it: `$1.23`.
pub(crate) fn money(amount: &MoneyView) -> String {
    format!("${}", amount.usd)
}

/// A number with its thousands apart: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 issue`, `2 issues`.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Rows with their columns aligned; the last column is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, " {cell:<width$} ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_terminal_would_execute_is_shown() {
        for (text, shown) in [
            ("plain – naïve 🚚 日本", "plain – naïve 🚚 日本"),
            ("\u{1b}[31mred", "\\x1b[31mred"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}"),
            ("\u{7f}\u{0}", "\\x7f\\x00"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(line(text), shown);
            assert!(!line(text).contains(is_hostile));
        }
        assert_eq!(block("a\r\nb\tc\u{1b}"), "a\nb\tc\\x1b");
        assert_eq!(indented("a\n\nb\n\n", "  "), "  a\n  \n  b\n");
    }

    #[test]
    fn a_cut_says_so_and_never_grows() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut(&"é".repeat(600), 120).chars().count(), 120);
        assert_eq!(cut("\u{1b}\u{1b}\u{1b}", 6), "\\x1b\\…");
    }

    #[test]
    fn what_fits_into_columns_is_never_wider() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!((fit("ab", 1), fit("ab", 0)), ("…".to_owned(), String::new()));
        assert_eq!(fit("\u{1b}[2J", 5), "\\x1b…");
        let odd = "a\u{301}👩‍👩‍👧❤️🚚\u{200d}日\u{fe0f}".repeat(3);
        for most in 0..60 {
            assert!(columns(&fit(&odd, most)) <= most, "{most}: {:?}", fit(&odd, most));
        }
        let marks = format!("a{}", "\u{301}".repeat(100_000));
        assert!(fit(&marks, 10).chars().count() < 50);
    }

    #[test]
    fn a_time_is_told_to_the_second_while_that_is_of_interest() {
        let told = [-3, 7, 59, 60, 125, 3599, 3600, 7325].map(lasted);
        assert_eq!(told, ["0s", "7s", "59s", "1m 00s", "2m 05s", "59m 59s", "1h 00m", "2h 02m"]);
    }

    #[test]
    fn columns_line_up() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(table(&[row("a", "1"), row("ccc", "2")]), "  a    1\n  ccc  2\n");
    }
}
