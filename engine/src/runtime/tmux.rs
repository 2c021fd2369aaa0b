//! Supervisors in sessions of a tmux server that belongs to one workspace.
//!
//! tmux is given fixed words and ids only: an argument that ends in `;` would begin another command of its own, a
//! single word would go to a shell, and `#( )` in an option is run. The server reads nobody's configuration and
//! inherits no environment. Its socket lies in the state folder and is named from there, since the address of a
//! socket has room for 107 bytes. It ends with its last session, whose name is that of the session exactly.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use convoy_core::id::SessionId;

use crate::os::process::{self, Process};
use crate::os::spawn::{self, Environment};
use crate::os::{program, socket};
use crate::supervisor::client::Client;
use crate::supervisor::files::SessionDir;
use crate::workspace::Workspace;

/// The first version that is tried: older ones have no `unbind-key -a -T` that goes on without a client.
const MAJOR_MIN: u32 = 3;
/// How long one call of tmux may take; it usually takes 5 ms.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long a supervisor may take from its process to its call.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);
/// How much of what tmux complains is read.
const SAID_BYTES_MAX: u64 = 4096;
/// The server's socket, within the state folder.
const SOCKET: &str = "tmux.sock";
/// What to do about a missing tmux.
pub const INSTALL: &str = "install tmux 3.0 or later (Debian: apt install tmux; macOS: brew install tmux), or set \
                           defaults.runtime = \"headless\"";

/// What the server is told before each session: nothing of whoever starts it or attaches gets into it, and a person
/// who looks on can leave, scroll back, and end nothing by a slip.
const SETTINGS: &[&[&str]] = &[
    &["start-server"],
    &["set-option", "-g", "update-environment", ""],
    // Keys that come fast are keys here too: nothing is ever pasted.
    &["set-option", "-g", "assume-paste-time", "0"],
    &["set-option", "-g", "status-left-length", "40"],
    &["set-option", "-g", "status-left", "[#{session_name}] "],
    &["set-option", "-g", "status-right", "Ctrl-c leaves, the agent goes on "],
    &["unbind-key", "-a", "-T", "prefix"],
    &["unbind-key", "-a", "-T", "root"],
    &["bind-key", "-T", "prefix", "d", "detach-client"],
    &["bind-key", "-T", "root", "C-c", "detach-client"],
    &["bind-key", "-T", "root", "PPage", "copy-mode", "-eu"],
];
/// The size of a session to which nobody is attached.
const SIZE: [&str; 4] = ["-x", "132", "-y", "43"];
/// Variables by which tmux knows the terminal of whoever attaches.
const TERMINAL: [&str; 6] = ["TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "TERMINFO"];

/// Why tmux does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("tmux is not installed")]
    Missing,
    /// It is too old.
    #[error("{found} is too old")]
    TooOld {
        /// What it says of itself.
        found: String,
    },
    /// A path cannot be handed to it.
    #[error("tmux cannot be given {0:?}")]
    Path(PathBuf),
    /// It said no.
    #[error("tmux failed: {0}")]
    Failed(String),
    /// It does not answer.
    #[error("tmux did not answer within 10 seconds")]
    Silent,
    /// The system.
    #[error("cannot {action}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
}

fn io_error(action: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action, source }
}

/// The tmux of this machine, for one workspace.
#[derive(Debug)]
pub struct Tmux {
    program: PathBuf,
    version: String,
    state: PathBuf,
}

impl Tmux {
    /// Finds it on the PATH.
    ///
    /// # Errors
    /// When it is not there, or too old.
    pub fn find(workspace: &Workspace, env: &Environment) -> Result<Self, Error> {
        let program = program::find("tmux", env.get("PATH")).ok_or(Error::Missing)?;
        let mut ask = spawn::command(&program);
        ask.arg("-V").current_dir("/");
        let version = call(ask)?;
        if major(&version).is_some_and(|major| major < MAJOR_MIN) {
            return Err(Error::TooOld { found: version });
        }
        Ok(Self { program, version, state: workspace.state_dir() })
    }

    /// What it says of itself: `tmux 3.3a`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Starts a supervisor in a session of its own, unless that session is there already. The client, if the
    /// supervisor called in time; if not, the session's files say what became of it.
    ///
    /// # Errors
    /// When tmux cannot be used. Whether the supervisor was started is then not known.
    pub(crate) fn launch(
        &self,
        convoy: &Path,
        session: &SessionId,
        dir: &SessionDir,
    ) -> Result<Option<Client>, Error> {
        let listener = socket::bind(&dir.call()).map_err(io_error("listen for a supervisor"))?;
        let mut words: Vec<OsString> = Vec::new();
        for setting in SETTINGS {
            words.extend(setting.iter().map(OsString::from));
            words.push(";".into());
        }
        words.extend(["new-session", "-d", "-s", session.as_str()].map(OsString::from));
        words.extend(SIZE.map(OsString::from));
        words.extend([plain(convoy)?, "supervise".into(), plain(dir.path())?]);
        match call(self.command(words)) {
            Err(Error::Failed(why)) if why.starts_with("duplicate session") => {}
            other => drop(other?),
        }
        let called = process::wait_readable(&listener, BEGIN_LIMIT).map_err(io_error("wait"))?;
        let client = match listener.accept() {
            Ok((stream, _)) if called && socket::same_user(&stream) => Client::from_stream(stream).ok(),
            _ => None,
        };
        // Whoever calls later finds nobody, and is found by its own socket.
        drop(std::fs::remove_file(dir.call()));
        Ok(client)
    }

    /// Whether the session is there.
    pub fn has(&self, session: &SessionId) -> bool {
        call(self.command(["has-session".into(), "-t".into(), target(session)])).is_ok()
    }

    /// The command line that shows a session on a terminal. It has to be run in [`Tmux::directory`].
    pub fn attach_words(&self, session: &SessionId) -> Vec<String> {
        let program = self.program.to_string_lossy().into_owned();
        let words = ["-S", SOCKET, "-f", "/dev/null", "attach-session", "-t"].map(str::to_owned);
        [program].into_iter().chain(words).chain([format!("={session}")]).collect()
    }

    /// The folder from which the server's socket is named.
    pub fn directory(&self) -> &Path {
        &self.state
    }

    /// Becomes tmux, showing a session on the terminal of this process. Returns only when that fails.
    pub fn attach(&self, session: &SessionId, env: &Environment) -> Error {
        use std::os::unix::process::CommandExt;
        let terminal = env.filtered(|name| TERMINAL.contains(&name));
        let mut command = self.command(["attach-session".into(), "-t".into(), target(session)]);
        // Without TMUX among them it is no concern whether this terminal is itself inside another tmux.
        command.envs(terminal.iter()).stdin(Stdio::inherit());
        Error::Io { action: "start tmux", source: command.exec() }
    }

    fn command(&self, words: impl IntoIterator<Item = OsString>) -> Command {
        let mut command = spawn::command(&self.program);
        command.args(["-S", SOCKET, "-f", "/dev/null"]).args(words).current_dir(&self.state);
        command
    }
}

/// The session of exactly this name: without `=` a beginning of it would do.
fn target(session: &SessionId) -> OsString {
    format!("={session}").into()
}

/// A path as a word that tmux takes for nothing else.
fn plain(path: &Path) -> Result<OsString, Error> {
    let ends_a_command = path.as_os_str().as_encoded_bytes().ends_with(b";");
    if !path.is_absolute() || ends_a_command { Err(Error::Path(path.to_owned())) } else { Ok(path.into()) }
}

/// Runs tmux to its end; what it printed.
fn call(mut command: Command) -> Result<String, Error> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(io_error("start tmux"))?;
    let ended = Process::of(child.id()).is_none_or(|it| it.wait_end(CALL_LIMIT).unwrap_or(false));
    if !ended {
        child.kill().map_err(io_error("end tmux"))?;
    }
    let status = child.wait().map_err(io_error("wait for tmux"))?;
    if !ended {
        return Err(Error::Silent);
    }
    let mut text = Vec::new();
    let mut read = |pipe: Option<&mut dyn Read>| {
        pipe.map_or(Ok(0), |pipe| pipe.take(SAID_BYTES_MAX).read_to_end(&mut text))
            .map_err(io_error("hear tmux"))
    };
    let of = if status.success() {
        read(child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read))
    } else {
        read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read))
    };
    of?;
    let said = String::from_utf8_lossy(&text).trim().to_owned();
    if status.success() { Ok(said) } else { Err(Error::Failed(said)) }
}

/// The first number of a version: of `tmux 3.3a`, `tmux next-3.4`. None for one without, such as `tmux master`.
fn major(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).find(|piece| !piece.is_empty())?;
    // One that comes with OpenBSD has the number of that, which is above ours.
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        for (text, number) in [
            ("tmux 3.3a", Some(3)),
            ("tmux next-3.4", Some(3)),
            ("tmux 2.9", Some(2)),
            ("tmux openbsd-7.5", Some(7)),
            ("tmux master", None),
        ] {
            assert_eq!(major(text), number, "{text}");
        }
    }

    #[test]
    fn a_path_that_would_begin_another_command_is_refused() {
        assert!(plain(Path::new("/a;b/c")).is_ok());
        assert!(plain(Path::new("/a/b;")).is_err());
        assert!(plain(Path::new("a/b")).is_err());
    }
}
