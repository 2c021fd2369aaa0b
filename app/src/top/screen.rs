//! The screen: taken over as a whole, and given back as it was, however the program ends.
//!
//! Whoever leaves gives it back: at the end, after a panic in any thread, at a signal. Giving it back twice does nothing.

use std::io::IsTerminal as _;
use std::sync::{Mutex, Once, PoisonError};

use ratatui_core::terminal::Terminal;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::tty::{self, Tty};

/// The alternate screen, with keys of the cursor in their plain form, and what is pasted told from what is typed.
const TAKE: &[u8] = b"\x1b[?1049h\x1b[?1l\x1b[?25l\x1b[?2004h";
/// Everything that was changed, changed back.
const GIVE: &[u8] = b"\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l";
/// What a program that panicked ends with, as the language has it.
const PANICKED: i32 = 101;

/// How the terminal was, while this process has it.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal while it is drawn on. Dropping it gives the terminal back.
pub(super) struct Screen {
    pub(super) terminal: Terminal<Tty>,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn take() -> std::io::Result<Self> {
        hook();
        take()?;
        let screen = Terminal::new(Tty::default()).map(|terminal| Self { terminal });
        if screen.is_err() {
            give_back();
        }
        screen
    }

    /// Takes the terminal over again, after something else has had it.
    pub(super) fn take_again(&mut self) -> std::io::Result<()> {
        take()?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether there is a terminal that can be taken over.
pub(super) fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

fn take() -> std::io::Result<()> {
    let before = tcgetattr(rustix::stdio::stdin())?;
    let mut raw = before.clone();
    raw.make_raw();
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    let taken = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &raw)
        .map_err(std::io::Error::from)
        .and_then(|()| tty::write(TAKE));
    if taken.is_err() {
        give_back();
    }
    taken
}

/// Gives the terminal back, if this process has it. A terminal that is gone needs nothing.
pub(super) fn give_back() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        drop(tty::write(GIVE));
        // What was typed for the dashboard is not for the shell.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &before);
    }
}

/// Has a panic give the terminal back before it says what happened. One in another thread ends the process: a dashboard
/// without its keys, or without its events, would only look alive.
fn hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let then = std::panic::take_hook();
        let main = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            give_back();
            then(info);
            if std::thread::current().id() != main {
                std::process::exit(PANICKED);
            }
        }));
    });
}
