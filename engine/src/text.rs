//! Text of people and agents, made fit for a terminal: nothing in it can move a cursor, set a colour, hide or
//! reorder.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal, or a reader, would be misled by this character: controls, bidi marks and overrides, line
/// separators, invisible operators, tags.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape(into: &mut String, c: char) {
    let _ = match c {
        '\n' => write!(into, "\\n"),
        '\r' => write!(into, "\\r"),
        '\t' => write!(into, "\\t"),
        c if u32::from(c) < 0x80 => write!(into, "\\x{:02x}", u32::from(c)),
        c => write!(into, "\\u{{{:x}}}", u32::from(c)),
    };
}

fn escaped(text: &str, hostile: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hostile) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hostile(c) { escape(&mut safe, c) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// The text on one line, with whatever is hostile shown.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hostile)
}

/// The text with its line breaks and tabs, and whatever else is hostile shown.
pub fn block(text: &str) -> String {
    escaped(&text.replace("\r\n", "\n"), |c| is_hostile(c) && c != '\n' && c != '\t').into_owned()
}
