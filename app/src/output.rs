//! What a command prints: for people what happened, the id and the next useful command; for scripts one JSON value.
//!
//! Text comes in already made safe by [`crate::text`]. A reader that went away is not an error: the command goes on
//! and its status stands.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use convoy_api::ItemView;
use serde::Serialize;

use crate::error::{DONE, Error, PARTIAL};
use crate::text;

/// Important words.
pub(crate) const BOLD: Style = Style::new().bold();
/// Well done.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Under way.
pub(crate) const BUSY: Style = AnsiColor::Yellow.on_default();
/// Wants attention.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Of lesser interest.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// The text in a style. The style is taken out again where the output is no terminal.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// How a command prints.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// One JSON value on stdout, and nothing else.
    pub(crate) json: bool,
    /// Only ids and errors.
    pub(crate) quiet: bool,
    /// Also what is of interest when something is looked into.
    pub(crate) verbose: bool,
    /// Whether to colour.
    pub(crate) color: ColorChoice,
    closed: bool,
}

impl Output {
    /// An output with these manners.
    pub(crate) fn new(json: bool, quiet: bool, verbose: bool, color: ColorChoice) -> Self {
        Self { json, quiet, verbose, color, closed: false }
    }

    /// Whether the reader has gone away; what streams may end then.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether what is drawn on the terminal may have colours.
    pub(crate) fn colors(&self) -> bool {
        match self.color {
            ColorChoice::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            ColorChoice::Always | ColorChoice::AlwaysAnsi => true,
            ColorChoice::Never => false,
        }
    }

    /// Prints for people; nothing with `--json` or `-q`.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Error> {
        if self.json || self.quiet { Ok(()) } else { self.raw(text) }
    }

    /// Prints the text as it is, with its styles where they are wanted.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), Error> {
        let mut stream = AutoStream::new(io::stdout().lock(), self.color);
        let written = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
        self.written(written)
    }

    /// Prints one JSON value, indented, if `--json` was given.
    pub(crate) fn json(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(value);
        self.json_text(text)
    }

    /// Prints one JSON value on one line.
    pub(crate) fn json_line(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.json_text(serde_json::to_string(value))
    }

    /// Prints JSON text that is there already.
    pub(crate) fn json_raw(&mut self, text: &str) -> Result<(), Error> {
        self.json_text(Ok(text.to_owned()))
    }

    fn json_text(&mut self, text: serde_json::Result<String>) -> Result<(), Error> {
        let mut text = text.map_err(|error| Error::output(&error.into()))?;
        escape_json(&mut text);
        text.push('\n');
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        self.written(written)
    }

    fn written(&mut self, result: io::Result<()>) -> Result<(), Error> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.map_err(|error| Error::output(&error)),
        }
    }

    /// Prints beside the output, on stderr. There is nobody to tell when that fails.
    pub(crate) fn aside(&self, text: &str) {
        let mut stream = AutoStream::new(io::stderr().lock(), self.color);
        let _ = stream.write_all(text.as_bytes());
    }

    /// Prints an error on stderr: what, why, and what to do.
    pub(crate) fn error(&self, error: &Error) {
        if self.json {
            let (code, message) = (error.kind, error.message.as_str());
            let hint = (!error.hints.is_empty()).then(|| error.hints.join("; "));
            let report = Report { error: Reported { code, message, hint } };
            let mut text = serde_json::to_string(&report).unwrap_or_default();
            escape_json(&mut text);
            return self.aside(&format!("{text}\n"));
        }
        let mut text = format!("{} {}\n", paint(BAD, "error:"), text::block(&error.message).trim_end());
        for hint in &error.hints {
            let _ = writeln!(text, "{} {}", paint(BOLD, "hint:"), text::line(hint));
        }
        self.aside(&text);
    }

    /// Prints what came of each thing that was asked for; the exit status follows from it.
    pub(crate) fn items(&mut self, items: &[ItemView], done: &str) -> Result<u8, Error> {
        self.json(items)?;
        let people = if self.json { &[] } else { items };
        for item in people {
            let id = text::line(&item.id);
            let note = item.note.as_deref().map(text::line);
            match (&item.error, note, item.changed) {
                (Some(failure), _, _) => {
                    let mut error = Error::from(failure.clone());
                    if !error.message.contains(&item.id) {
                        error.message = format!("{id}: {}", error.message);
                    }
                    self.error(&error);
                }
                (None, Some(note), true) => self.say(&format!("{done} {id}: {note}\n"))?,
                (None, None, true) => self.say(&format!("{done} {id}\n"))?,
                (None, Some(note), false) => self.say(&format!("{id}: {note}\n"))?,
                (None, None, false) => self.say(&format!("{id}: nothing changed\n"))?,
            }
        }
        Ok(items_status(items))
    }

    /// Says which convoys landed by it.
    pub(crate) fn landed(&mut self, convoys: &[String]) -> Result<(), Error> {
        for id in convoys.iter().map(|id| text::line(id)) {
            self.say(&format!("🚚 {id} {}. See: convoy status {id}\n", paint(GOOD, "landed")))?;
        }
        Ok(())
    }

    /// Prints what came of the one thing that was asked for.
    pub(crate) fn item(&mut self, items: &[ItemView], done: &str) -> Result<u8, Error> {
        match items {
            [item] if self.json => self.json(item).map(|()| items_status(items)),
            _ => self.items(items, done),
        }
    }
}

/// An error as scripts read it.
#[derive(Serialize)]
struct Report<'a> {
    error: Reported<'a>,
}

#[derive(Serialize)]
struct Reported<'a> {
    code: &'a str,
    message: &'a str,
    hint: Option<String>,
}

/// In JSON text whatever is hostile stands in strings, where it may be written as an escape.
pub(crate) fn escape_json(text: &mut String) {
    let hostile = |c: char| text::is_hostile(c) && c != '\n';
    if !text.contains(hostile) {
        return;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hostile(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    *text = safe;
}

/// 0 when all are as asked for, the first one's status when none is, else 5.
pub(crate) fn items_status(items: &[ItemView]) -> u8 {
    let mut errors = items.iter().filter_map(|item| item.error.as_ref());
    match errors.next() {
        None => DONE,
        Some(first) if errors.count() + 1 == items.len() => first.code.exit_status(),
        Some(_) => PARTIAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoy_api::{Code, Failure};

    #[test]
    fn the_status_of_several_says_whether_some_or_all_failed() {
        let item = |error: Option<Code>| ItemView {
            id: "gt-1".into(),
            ok: error.is_none(),
            changed: error.is_none(),
            note: None,
            error: error.map(|code| Failure::new(code, "no")),
        };
        assert_eq!(items_status(&[]), 0);
        assert_eq!(items_status(&[item(None), item(None)]), 0);
        assert_eq!(items_status(&[item(None), item(Some(Code::NotFound))]), 5);
        assert_eq!(items_status(&[item(Some(Code::NotFound)), item(Some(Code::Refused))]), 3);
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_would_execute() {
        let value = serde_json::json!({ "title": "\u{1b}[2J\u{9b}\u{202e}\u{e0041}\u{7f}é" });
        let mut text = serde_json::to_string_pretty(&value).unwrap();
        escape_json(&mut text);
        assert!(!text.contains(|c| text::is_hostile(c) && c != '\n'), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
