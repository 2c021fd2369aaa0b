//! The places where an engine that stays can be looked at: a TCP port of this machine, and callers at its own socket
//! who speak HTTP. The engine opens them and keeps the secret; what is said there is the business of the [`Face`].

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use convoy_api::{Code, Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;

use crate::config::Config;
use crate::entropy;
use crate::inbox::Handle;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;
use crate::world::note;

/// How many random bytes a token is made of: as many as the hash has that guards cookies.
const TOKEN_BYTES: usize = 32;
/// The longest token that somebody may have written into the file, in bytes.
const TOKEN_BYTES_MAX: u64 = 4096;
/// The shortest: less could be guessed.
const TOKEN_BYTES_MIN: usize = 32;

/// Takes over a caller at the engine's socket who speaks HTTP.
pub type Callers = Box<dyn Fn(UnixStream) + Send + Sync>;

/// Lets everybody go who is served, and waits so long until they have their answers.
pub type Leave = Box<dyn FnOnce(Duration) + Send + Sync>;

/// Shows an engine. Called once, when the engine is about to serve.
pub type Face = fn(Opened) -> std::io::Result<Shown>;

/// An engine that is shown.
pub struct Shown {
    /// For those at its socket.
    pub callers: Callers,
    /// Called once, when it has ended.
    pub leave: Leave,
}

/// What a face gets.
pub struct Opened {
    /// What it shows.
    pub service: Arc<dyn Service + Send + Sync>,
    /// What is committed, as it is.
    pub watching: Watching,
    /// Where the files are that no service gives: output, reports.
    pub workspace: Workspace,
    /// The environment of the engine.
    pub env: Environment,
    /// The port, unless there is none.
    pub listener: Option<TcpListener>,
    /// By what other names than its address this machine may be called there.
    pub hosts: Vec<String>,
    /// Whoever knows it may do everything.
    pub token: String,
}

/// A way to see what is committed that can be ended, which a watch of the service cannot while nothing happens.
#[derive(Clone)]
pub struct Watching(Handle);

impl Watching {
    /// Sees what is committed from now on; also after which event that begins. It ends when the engine leaves, when the
    /// watch is dropped, or when whoever sees it falls too far behind.
    ///
    /// # Errors
    /// When the engine is leaving.
    pub fn begin(&self) -> Result<(Seq, impl Iterator<Item = Envelope> + use<>, Watched), Failure> {
        let live = self.0.subscribe()?;
        let watched = Watched { handle: self.0.clone(), number: live.number };
        Ok((live.after, live.events.into_iter(), watched))
    }
}

/// While it is there, something is watched.
pub struct Watched {
    handle: Handle,
    number: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.handle.unsubscribe(self.number);
    }
}

/// The places of one engine, before anybody serves them.
pub(crate) struct Places {
    listener: Option<TcpListener>,
    hosts: Vec<String>,
    token: String,
    token_file: PathBuf,
}

impl Places {
    /// Opens them. That a port is taken by somebody else keeps no engine from its work: it is said in its log.
    pub(crate) fn open(workspace: &Workspace, config: &Config) -> Result<Self, Failure> {
        let token_file = match config.text("daemon.token_file")? {
            Some(path) => workspace.root().join(path),
            None => workspace.state_dir().join("http.token"),
        };
        let token = token(&token_file)?;
        let listener = match config.http()? {
            None => None,
            Some(address) => match listen(address, &workspace.state_dir().join("http.port")) {
                Ok(listener) => Some(listener),
                Err(error) => {
                    note(&format!("no pages: cannot listen on {address}: {error}"));
                    None
                }
            },
        };
        Ok(Self { listener, hosts: config.hosts()?, token, token_file })
    }

    /// The address of the port, as a URL.
    pub(crate) fn url(&self) -> Option<String> {
        self.listener.as_ref()?.local_addr().ok().map(|address| format!("http://{address}"))
    }

    pub(crate) fn token_file(&self) -> &Path {
        &self.token_file
    }

    pub(crate) fn show(
        self,
        face: Face,
        handle: Handle,
        workspace: &Workspace,
        env: &Environment,
    ) -> Result<Shown, Failure> {
        let Self { listener, hosts, token, .. } = self;
        let watching = Watching(handle.clone());
        let (workspace, env) = (workspace.clone(), env.clone());
        let opened = Opened { service: Arc::new(handle), watching, workspace, env, listener, hosts, token };
        face(opened).map_err(|error| Failure::new(Code::Unavailable, format!("cannot serve pages: {error}")))
    }
}

/// Listens. Where any port will do, it is the one of last time if it is free, so that bookmarks stay true.
fn listen(address: SocketAddr, kept: &Path) -> std::io::Result<TcpListener> {
    if address.port() != 0 {
        return TcpListener::bind(address);
    }
    let last = std::fs::read_to_string(kept).ok().and_then(|text| text.trim().parse::<u16>().ok());
    let again = last.filter(|port| *port != 0).map(|port| SocketAddr::new(address.ip(), port));
    if let Some(listener) = again.and_then(|address| TcpListener::bind(address).ok()) {
        return Ok(listener);
    }
    let listener = TcpListener::bind(address)?;
    // Only a convenience: without it the next engine takes another port.
    let _ = std::fs::write(kept, format!("{}\n", listener.local_addr()?.port()));
    Ok(listener)
}

/// The token that is kept, or a new one.
fn token(path: &Path) -> Result<String, Failure> {
    let wrong = |text: String| {
        Failure::new(Code::Unavailable, format!("the token in {}: {text}", path.display()))
            .hint("delete the file: a new one is made")
    };
    let mut text = String::new();
    match std::fs::File::open(path) {
        Ok(file) => {
            file.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; TOKEN_BYTES];
            entropy::secret(&mut bytes).map_err(|error| wrong(error.to_string()))?;
            text = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            keep(path, &text).map_err(|error| wrong(error.to_string()))?;
        }
        Err(error) => return Err(wrong(error.to_string())),
    }
    let token = text.trim();
    let plain = token.len() >= TOKEN_BYTES_MIN && token.bytes().all(|byte| byte.is_ascii_graphic());
    if plain {
        Ok(token.to_owned())
    } else {
        Err(wrong(format!("not {TOKEN_BYTES_MIN} or more letters and digits")))
    }
}

/// Whole or not at all, and for nobody else's eyes.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// Reads the token, for a command that speaks for the same person.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn token_of(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Code::Unavailable, format!("the token in {} cannot be read: {error}", path.display()))
    })?;
    Ok(text.trim().to_owned())
}
