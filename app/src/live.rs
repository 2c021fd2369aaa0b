//! Lines at the bottom of a terminal that change in their place, under text that scrolls.
//!
//! The cursor always rests at the beginning of the line below them, is never hidden, and no mode of the terminal outlasts
//! one write. So whatever ends this process, a panic or a kill included, leaves a terminal that is fit to be used; at an
//! end in good order the lines are taken away as well.
//!
//! Text comes in already made safe by [`crate::text`].

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use rustix::termios::tcgetwinsize;
use signal_hook::consts::SIGCONT;

use crate::output::{Output, paint};
use crate::text;

/// What a terminal is taken to have that does not say.
const COLUMNS: usize = 80;
/// The same.
const ROWS: usize = 24;

/// Lines longer than the terminal are cut by it, not broken: a width that it and we do not agree on costs no row.
const NO_WRAP: &str = "\x1b[?7l";
/// As it was.
const WRAP: &str = "\x1b[?7h";
/// Clears the rest of the line.
const CLEAR_LINE: &str = "\x1b[K";
/// Clears everything from here on.
const CLEAR_BELOW: &str = "\x1b[J";

/// Where it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    /// On stdout.
    Out,
    /// On stderr.
    Err,
}

/// The size of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// One line: pieces with their styles.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    /// With another piece at the end.
    #[must_use]
    pub(crate) fn and(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// How many columns it takes.
    pub(crate) fn columns(&self) -> usize {
        self.0.iter().map(|(_, text)| text::columns(text)).sum()
    }

    /// The whole of it, cut to so many columns.
    pub(crate) fn painted(&self, columns_max: usize) -> (String, usize) {
        let (mut painted, mut used) = (String::new(), 0);
        for (style, text) in &self.0 {
            let fits = text::fit(text, columns_max - used);
            used += text::columns(&fits).min(columns_max - used);
            painted.push_str(&paint(*style, fits));
        }
        (painted, used)
    }
}

/// The lines.
pub(crate) struct Region {
    /// The terminal, without a buffer before it.
    terminal: File,
    color: ColorChoice,
    /// How wide each line is that is there now.
    drawn: Vec<usize>,
    /// What they say, to see whether anything changes.
    shown: String,
    /// This process was stopped, and goes on.
    continued: Arc<AtomicBool>,
}

impl Region {
    /// At the bottom of the terminal that the stream leads to. None where there is no terminal, where it can do nothing,
    /// or where somebody wants one JSON value or quiet.
    pub(crate) fn new(stream: Stream, out: &Output, term: Option<&str>) -> Option<Self> {
        let able = term.is_some_and(|term| !term.is_empty() && term != "dumb");
        if !able || out.json || out.quiet {
            return None;
        }
        let (terminal, auto) = match stream {
            Stream::Out => (io::stdout().as_fd().try_clone_to_owned(), AutoStream::choice(&io::stdout())),
            Stream::Err => (io::stderr().as_fd().try_clone_to_owned(), AutoStream::choice(&io::stderr())),
        };
        let terminal = terminal.map(File::from).ok().filter(File::is_terminal)?;
        let color = if out.color == ColorChoice::Auto { auto } else { out.color };
        let continued = Arc::new(AtomicBool::new(false));
        // Set before anything else of this process runs again. Without it lines would stand there twice, and nothing worse.
        let _ = signal_hook::flag::register(SIGCONT, Arc::clone(&continued));
        Some(Self { terminal, color, drawn: Vec::new(), shown: String::new(), continued })
    }

    /// The size of the terminal, now.
    pub(crate) fn size(&self) -> Size {
        let told = |n: u16, otherwise: usize| if n == 0 { otherwise } else { n.into() };
        tcgetwinsize(&self.terminal).map_or(Size { columns: COLUMNS, rows: ROWS }, |size| Size {
            columns: told(size.ws_col, COLUMNS),
            rows: told(size.ws_row, ROWS),
        })
    }

    /// Prints text above the lines, and leaves them as they are. The text ends with a line's end.
    pub(crate) fn print(&mut self, text: &str) -> io::Result<()> {
        self.after_a_stop();
        let size = self.size();
        let text = format!("{}{CLEAR_BELOW}{}{}", self.back(size), self.styled(text), self.shown);
        // What is shown again has a row for each line, whatever size the terminal had when it was made.
        self.drawn.iter_mut().for_each(|columns| *columns = (*columns).min(size.columns));
        self.write(&text)
    }

    /// Has these lines there instead of those that are, as many of them as the terminal has rows.
    pub(crate) fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        self.after_a_stop();
        let size = self.size();
        // The last column stays free, and so does the cursor's row: nothing scrolls by what is drawn in its place.
        let painted = lines.iter().take(size.rows - 1).map(|line| line.painted(size.columns - 1));
        let (mut shown, mut drawn) = (NO_WRAP.to_owned(), Vec::new());
        for (line, columns) in painted {
            shown.push_str(&self.styled(&line));
            shown.push_str(CLEAR_LINE);
            shown.push('\n');
            drawn.push(columns);
        }
        shown.push_str(WRAP);
        if shown == self.shown {
            return Ok(());
        }
        let back = self.back(size);
        let written = self.write(&format!("{back}{shown}{CLEAR_BELOW}"));
        (self.drawn, self.shown) = (drawn, shown);
        written
    }

    fn forget(&mut self) {
        self.drawn.clear();
        self.shown.clear();
    }

    /// Takes the lines away.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.after_a_stop();
        if self.drawn.is_empty() {
            return Ok(());
        }
        let back = self.back(self.size());
        self.forget();
        // A Ctrl-C makes the terminal forget what it has not yet shown, which may be the end of a write.
        self.write(&format!("{WRAP}{back}{CLEAR_BELOW}"))
    }

    /// Somebody else has written on the terminal while this process was stopped: what is there is theirs.
    fn after_a_stop(&mut self) {
        if self.continued.swap(false, Ordering::SeqCst) {
            self.forget();
        }
    }

    /// To the first line. On a terminal that became narrower, lines were broken into several rows.
    fn back(&self, size: Size) -> String {
        let rows: usize = self.drawn.iter().map(|columns| columns.div_ceil(size.columns).max(1)).sum();
        // More than the terminal has are out of reach.
        match rows.min(size.rows - 1) {
            0 => "\r".to_owned(),
            rows => format!("\x1b[{rows}A\r"),
        }
    }

    fn styled(&self, text: &str) -> String {
        if self.color == ColorChoice::Never { strip_str(text).to_string() } else { text.to_owned() }
    }

    /// In one write, which what is buffered for stdout comes before: nobody sees half of it, and nothing ends it halfway.
    fn write(&self, text: &str) -> io::Result<()> {
        io::stdout().flush()?;
        (&self.terminal).write_all(text.as_bytes())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // After a panic its message stands below the lines, and is worth more than they are.
        if !std::thread::panicking() {
            let _ = self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_as_a_whole_and_keeps_its_styles() {
        let bold = Style::new().bold();
        let line = Line::default().and(bold, "abc").and(Style::new(), "日本語");
        assert_eq!(line.columns(), 9);
        assert_eq!(line.painted(9), ("\x1b[1mabc\x1b[0m日本語".to_owned(), 9));
        assert_eq!(line.painted(6), ("\x1b[1mabc\x1b[0m日…".to_owned(), 6));
        assert_eq!(line.painted(2), ("\x1b[1ma…\x1b[0m".to_owned(), 2));
        assert_eq!(line.painted(0).1, 0);
    }

    #[test]
    fn it_goes_back_over_what_a_narrower_terminal_made_of_its_lines() {
        let of = |drawn: &[usize]| Region {
            terminal: File::open("/dev/null").unwrap(),
            color: ColorChoice::Never,
            drawn: drawn.to_vec(),
            shown: String::new(),
            continued: Arc::default(),
        };
        let back = |drawn: &[usize], columns| {
            let region = std::mem::ManuallyDrop::new(of(drawn));
            region.back(Size { columns, rows: 24 })
        };
        assert_eq!(back(&[], 80), "\r");
        assert_eq!(back(&[79, 0, 10], 80), "\x1b[3A\r");
        assert_eq!(back(&[79, 0, 10], 40), "\x1b[4A\r");
        assert_eq!(back(&[79; 40], 80), "\x1b[23A\r");
    }
}
