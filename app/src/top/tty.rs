//! The terminal as ratatui draws on it: cells go out as the sequences that every terminal of today knows.
//!
//! What is drawn is collected and written at once, so that nobody sees half a picture. Cells hold text that was made safe
//! before it came to a picture; ratatui lets no control character into one either.

use std::io;

use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::Cell;
use ratatui_core::layout::{Position, Size};
use ratatui_core::style::{Color, Modifier};

/// The size of a terminal that does not say it.
const UNKNOWN: Size = Size { width: 80, height: 24 };

/// The terminal of this process.
#[derive(Debug, Default)]
pub(super) struct Tty {
    out: Vec<u8>,
}

/// Writes all of it to the terminal. Without the standard library's lock, which whoever panics may hold.
pub(super) fn write(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Tty {
    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// What a cell looks like, as parameters of `SGR`.
fn look(cell: &Cell) -> String {
    let mut look = String::from("\x1b[0");
    for (modifier, number) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::REVERSED, 7),
        (Modifier::CROSSED_OUT, 9),
    ] {
        if cell.modifier.contains(modifier) {
            look.push_str(&format!(";{number}"));
        }
    }
    for (color, layer) in [(cell.fg, 30), (cell.bg, 40)] {
        look.push_str(&parameter(color, layer));
    }
    look.push('m');
    look
}

fn parameter(color: Color, layer: u8) -> String {
    let plain = |number: u8| format!(";{}", layer + number);
    let bright = |number: u8| format!(";{}", layer + 60 + number);
    match color {
        Color::Reset => String::new(),
        Color::Black => plain(0),
        Color::Red => plain(1),
        Color::Green => plain(2),
        Color::Yellow => plain(3),
        Color::Blue => plain(4),
        Color::Magenta => plain(5),
        Color::Cyan => plain(6),
        Color::Gray => plain(7),
        Color::DarkGray => bright(0),
        Color::LightRed => bright(1),
        Color::LightGreen => bright(2),
        Color::LightYellow => bright(3),
        Color::LightBlue => bright(4),
        Color::LightMagenta => bright(5),
        Color::LightCyan => bright(6),
        Color::White => bright(7),
        Color::Indexed(number) => format!(";{};5;{number}", layer + 8),
        Color::Rgb(red, green, blue) => format!(";{};2;{red};{green};{blue}", layer + 8),
    }
}

impl Backend for Tty {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut last: Option<(u16, u16)> = None;
        let mut worn = String::new();
        for (x, y, cell) in content {
            if last.is_none_or(|(before, row)| row != y || before + 1 != x) {
                self.set_cursor_position(Position { x, y })?;
            }
            last = Some((x, y));
            let look = look(cell);
            if look != worn {
                self.put(&look);
                worn = look;
            }
            self.put(cell.symbol());
        }
        self.put("\x1b[0m");
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.put("\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.put("\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Asking would have to wait for an answer between keys; on a screen of its own it does not matter.
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        let (row, column) = (u32::from(y) + 1, u32::from(x) + 1);
        self.put(&format!("\x1b[{row};{column}H"));
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.put(match clear_type {
            ClearType::All => "\x1b[0m\x1b[2J",
            ClearType::AfterCursor => "\x1b[0J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[0K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout())?;
        let (width, height) = (size.ws_col, size.ws_row);
        Ok(if width == 0 || height == 0 { UNKNOWN } else { Size { width, height } })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = write(&self.out);
        self.out.clear();
        written
    }
}
