//! Reading what agents print a part at a time, and following it as they print it, for whoever watches: one thread and one
//! watch of the system for all sessions.
//!
//! Places in an output are offsets in bytes. A part begins and ends at the ends of lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::agent::Output;
use crate::output::{Item, items, readable};
use crate::supervisor::files::{SessionDir, open_plain};
use crate::tasks::{self, Kind};
use crate::workspace::Workspace;

/// The longest line: what is longer is given in pieces. Agents that print JSON print an edited file in one line.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// About how many bytes of output are told at once.
const PART_BYTES: usize = 32 * 1024;
/// How many sessions are followed at once; each needs a watch of the system.
const FOLLOWED_MAX: usize = 1024;
/// How much is looked through at a time for the beginning of a line.
const BLOCK_BYTES: u64 = 64 * 1024;

/// Lines of an output, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Where it begins.
    pub from: u64,
    /// The lines; those that are only for programs are left out unless they were asked for as they are.
    pub lines: Vec<Line>,
    /// Where the next part begins.
    pub next: u64,
    /// Whether that is the end of all that will ever be there.
    pub ended: bool,
}

/// A line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Where it begins.
    pub offset: u64,
    /// Its text, without its end. Made readable, it may be of several lines.
    pub text: String,
}

/// The output of one session.
#[derive(Clone, Debug)]
pub struct Tail {
    session: SessionId,
    dir: SessionDir,
    translator: Output,
}

impl Tail {
    /// Of this session.
    pub fn new(workspace: &Workspace, session: &SessionId) -> Self {
        let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
        let translator = dir.spec().map(|spec| spec.translator).unwrap_or(Output::Plain);
        Self { session: session.clone(), dir, translator }
    }

    /// Of the session in this folder, whose output is plain.
    #[cfg(test)]
    pub(crate) fn at(folder: &std::path::Path, session: &SessionId) -> Self {
        Self { session: session.clone(), dir: SessionDir::new(folder), translator: Output::Plain }
    }

    fn wrong(&self, error: &std::io::Error) -> Failure {
        if error.kind() == std::io::ErrorKind::NotFound {
            Failure::new(Code::NotFound, format!("there is no output of {}", self.session))
                .hint("its agent has not started yet, or the output was kept no longer")
        } else {
            Failure::new(Code::Unavailable, format!("output of {}: {error}", self.session))
        }
    }

    /// About so many bytes of lines from an offset on, at least one line if there is one.
    ///
    /// # Errors
    /// When there is no output, or it cannot be read.
    pub fn part(&self, from: u64, bytes: usize, raw: bool) -> Result<Part, Failure> {
        self.read(from, bytes, raw).map_err(|error| self.wrong(&error))
    }

    fn read(&self, from: u64, bytes: usize, raw: bool) -> std::io::Result<Part> {
        // Whether it has ended is asked before the file is read to its end, or its last lines could be missed.
        let over = self.dir.exit().is_ok_and(|exit| exit.is_some());
        let mut file = open_plain(&self.dir.output())?;
        let from = from.min(file.metadata()?.len());
        file.seek(SeekFrom::Start(from))?;
        let mut reader = BufReader::new(file);
        let (mut lines, mut next, mut line) = (Vec::new(), from, Vec::new());
        while next - from < bytes as u64 {
            line.clear();
            let read = (&mut reader).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
            let whole = line.last() == Some(&b'\n') || read == LINE_BYTES_MAX || over;
            if read == 0 || !whole {
                return Ok(Part { from, lines, next, ended: over });
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            let shown = if raw { Some(text.to_owned()) } else { readable(self.translator, text) };
            lines.extend(shown.map(|text| Line { offset: next, text }));
            next += read as u64;
        }
        Ok(Part { from, lines, next, ended: false })
    }

    /// Where the line begins that is about so many bytes before the end; 0 bytes: where the last line begins that is not
    /// whole yet, or the end.
    ///
    /// # Errors
    /// When there is no output, or it cannot be read.
    pub fn before_end(&self, bytes: u64) -> Result<u64, Failure> {
        let find = || self.begin(self.len()?.saturating_sub(bytes));
        find().map_err(|error| self.wrong(&error))
    }

    /// Where the line begins that an offset is in.
    ///
    /// # Errors
    /// When there is no output, or it cannot be read.
    pub fn line_at(&self, offset: u64) -> Result<u64, Failure> {
        let find = || self.begin(offset.min(self.len()?));
        find().map_err(|error| self.wrong(&error))
    }

    /// How much there is, in bytes.
    ///
    /// # Errors
    /// When there is no output.
    pub fn size(&self) -> Result<u64, Failure> {
        self.len().map_err(|error| self.wrong(&error))
    }

    /// What stands in a line of it.
    pub fn items(&self, line: &str) -> Vec<Item> {
        items(self.translator, line)
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(open_plain(&self.dir.output())?.metadata()?.len())
    }

    fn begin_of_last(&self) -> std::io::Result<u64> {
        self.begin(self.len()?)
    }

    fn begin(&self, mut end: u64) -> std::io::Result<u64> {
        let mut file = open_plain(&self.dir.output())?;
        let mut block = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(BLOCK_BYTES);
            file.seek(SeekFrom::Start(start))?;
            block.clear();
            (&mut file as &mut File).take(end - start).read_to_end(&mut block)?;
            if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
                return Ok(start + at as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }
}

/// Told of each part as it is written, in order and without a gap. It must not block.
pub type Tell = Box<dyn Fn(Part) + Send>;

struct Followed {
    tail: Tail,
    at: u64,
    tell: Tell,
    /// Which of those that ever had the same watch of the system.
    number: u64,
}

struct Shared {
    fd: OwnedFd,
    followed: Mutex<BTreeMap<i32, Followed>>,
}

impl Shared {
    fn followed(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, watch: i32, number: u64) {
        let mut followed = self.followed();
        if followed.get(&watch).is_some_and(|one| one.number == number) {
            followed.remove(&watch);
            let _ = inotify::remove_watch(&self.fd, watch);
        }
    }
}

/// Follows outputs. Cheap to clone.
#[derive(Clone)]
pub struct Tails {
    workspace: Workspace,
    shared: Arc<OnceLock<Arc<Shared>>>,
    begin: Arc<Mutex<u64>>,
}

impl Tails {
    /// Of the sessions of a workspace.
    pub fn new(workspace: &Workspace) -> Self {
        Self { workspace: workspace.clone(), shared: Arc::default(), begin: Arc::default() }
    }

    /// The output of a session.
    pub fn tail(&self, session: &SessionId) -> Tail {
        Tail::new(&self.workspace, session)
    }

    /// Has `tell` told what a session prints from now on, until the answer is dropped; also from where on.
    ///
    /// # Errors
    /// When its agent was never started or nothing of it is kept, or too many are followed.
    pub fn follow(&self, session: &SessionId, tell: Tell) -> Result<(u64, Following), Failure> {
        let tail = self.tail(session);
        let shared = self.shared().map_err(|error| tail.wrong(&error))?;
        let flags = WatchFlags::MODIFY | WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::DELETE_SELF;
        let mut followed = shared.followed();
        if followed.len() >= FOLLOWED_MAX {
            return Err(Failure::new(Code::Unavailable, "too many outputs are followed at once"));
        }
        let watch = inotify::add_watch(&shared.fd, tail.dir.path(), flags)
            .map_err(|error| tail.wrong(&error.into()))?;
        // What is written from here on is told. The file itself may not be there yet.
        let at = tail.begin_of_last().or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(0),
            _ => Err(tail.wrong(&error)),
        })?;
        let number = {
            let mut count = self.begin.lock().unwrap_or_else(PoisonError::into_inner);
            *count += 1;
            *count
        };
        followed.insert(watch, Followed { tail, at, tell, number });
        drop(followed);
        // It may have ended, or begun a last line, before it was watched.
        advance(&shared, watch);
        Ok((at, Following { shared, watch, number }))
    }

    fn shared(&self) -> std::io::Result<Arc<Shared>> {
        let _one = self.begin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = self.shared.get() {
            return Ok(Arc::clone(shared));
        }
        let fd = inotify::init(CreateFlags::CLOEXEC)?;
        let shared = Arc::new(Shared { fd, followed: Mutex::default() });
        let ours = Arc::clone(&shared);
        tasks::start(Kind::Watch, move || run(&ours))?;
        let _ = self.shared.set(Arc::clone(&shared));
        Ok(shared)
    }
}

/// While it is there, an output is followed.
pub struct Following {
    shared: Arc<Shared>,
    watch: i32,
    number: u64,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.shared.forget(self.watch, self.number);
    }
}

/// Waits for the system to say that something was written, until the process ends.
fn run(shared: &Shared) {
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut events = inotify::Reader::new(&shared.fd, &mut buffer);
    let mut touched = BTreeSet::new();
    loop {
        match events.next() {
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                touched.extend(shared.followed().keys().copied());
            }
            Ok(event) => {
                let name = event.file_name().map(std::ffi::CStr::to_bytes);
                if matches!(name, None | Some(b"output.log" | b"exit.json")) {
                    touched.insert(event.wd());
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        // What came together is looked at once.
        if events.is_buffer_empty() {
            std::mem::take(&mut touched).into_iter().for_each(|watch| advance(shared, watch));
        }
    }
}

/// Tells what was written since it was told last.
fn advance(shared: &Shared, watch: i32) {
    loop {
        // Others get their turn between two parts.
        let mut all = shared.followed();
        let Some(one) = all.get_mut(&watch) else { return };
        let part = match one.tail.read(one.at, PART_BYTES, false) {
            Ok(part) => part,
            // Nothing is written yet; or nothing is left of it, and then its folder is gone too.
            Err(_) if one.tail.dir.path().exists() => return,
            Err(_) => Part { from: one.at, lines: Vec::new(), next: one.at, ended: true },
        };
        let (moved, ended) = (part.next > one.at, part.ended);
        one.at = part.next;
        if moved || ended {
            (one.tell)(part);
        }
        if ended {
            all.remove(&watch);
            let _ = inotify::remove_watch(&shared.fd, watch);
            return;
        }
        if !moved {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
