//! Reading what agents print a part at a time, and following it as they print it, for whoever watches: one thread and one
//! watch of the system for all sessions.
//!
//! Places in an output are offsets in bytes of what was printed, whatever of it is kept. A part begins and ends at the
//! ends of lines.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::agent::Output;
use crate::os::watch::Watcher;
use crate::output::{Item, items, readable};
use crate::supervisor::files::SessionDir;
use crate::supervisor::output::{dropped, head_bytes};
use crate::supervisor::spec::Spec;
use crate::tasks::{self, Kind};
use crate::workspace::Workspace;
use kept::Kept;

/// The longest line: what is longer is given in pieces. Agents that print JSON print an edited file in one line.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// About how many bytes of output are told at once.
const PART_BYTES: u64 = 32 * 1024;
/// How many sessions are followed at once; each needs a watch of the system.
const FOLLOWED_MAX: usize = 1024;
/// How much of the end of an output is looked at for its last line. Single lines of some agents have a few KiB.
const GLANCE_BYTES: u64 = 64 * 1024;

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
    /// Of its specification, once that is there: what translates it, and how much of its beginning is kept.
    form: OnceLock<(Output, u64)>,
}

/// What is done with a last line that has no end yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// It is waited for.
    Wait,
    /// It is taken as it is.
    Take,
}

impl Tail {
    /// Of this session.
    pub fn new(workspace: &Workspace, session: &SessionId) -> Self {
        let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
        Self { session: session.clone(), dir, form: OnceLock::new() }
    }

    /// Of the session in this folder, whose output is plain.
    #[cfg(test)]
    pub(crate) fn at(folder: &std::path::Path, session: &SessionId) -> Self {
        Self { session: session.clone(), dir: SessionDir::new(folder), form: OnceLock::new() }
    }

    fn form(&self) -> (Output, u64) {
        let of = |spec: Spec| (spec.translator, head_bytes(spec.limits.output_bytes));
        match self.form.get() {
            Some(form) => *form,
            None => {
                self.dir.spec().map_or((Output::Plain, u64::MAX), |spec| *self.form.get_or_init(|| of(spec)))
            }
        }
    }

    fn kept(&self) -> std::io::Result<Kept> {
        Kept::open(&self.dir, self.form().1)
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
    pub fn part(&self, from: u64, bytes: u64, raw: bool) -> Result<Part, Failure> {
        self.read(from, bytes, raw, Last::Wait).map_err(|error| self.wrong(&error))
    }

    /// The same, with what there is of a last line that is not whole yet, if that says anything.
    pub(crate) fn part_so_far(&self, from: u64, bytes: u64, raw: bool) -> Result<Part, Failure> {
        self.read(from, bytes, raw, self.so_far(raw)).map_err(|error| self.wrong(&error))
    }

    fn so_far(&self, raw: bool) -> Last {
        // It may be a prompt for people, but half a JSON value says nothing.
        if raw || self.form().0 == Output::Plain { Last::Take } else { Last::Wait }
    }

    fn read(&self, from: u64, bytes: u64, raw: bool, last: Last) -> std::io::Result<Part> {
        // Whether it has ended is asked before the file is read to its end, or its last lines could be missed.
        let over = self.dir.is_over();
        let (kept, translator) = (self.kept()?, self.form().0);
        let from = from.min(kept.end());
        let mut reader = BufReader::new(kept.bytes_from(from));
        let (mut lines, mut next, mut line) = (Vec::new(), from, Vec::new());
        while next - from < bytes {
            line.clear();
            let read = (&mut reader).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
            let gap = kept.gap(next + read as u64);
            let cut = read == LINE_BYTES_MAX || gap.is_some();
            let whole = line.last() == Some(&b'\n') || cut || over || last == Last::Take;
            if !whole || (read == 0 && gap.is_none()) {
                return Ok(Part { from, lines, next, ended: over });
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            let shown = if raw { Some(text.to_owned()) } else { readable(translator, text) };
            lines.extend(shown.filter(|_| read > 0).map(|text| Line { offset: next, text }));
            next += read as u64;
            if let Some(missing) = gap {
                lines.push(Line { offset: next, text: dropped(missing) });
                next += missing;
                reader = BufReader::new(kept.bytes_from(next));
            }
        }
        Ok(Part { from, lines, next, ended: false })
    }

    /// The lines of about so many bytes before the end, and of those that follow meanwhile.
    ///
    /// # Errors
    /// When there is no output, or it cannot be read.
    pub fn last_lines(&self, bytes: u64, raw: bool) -> Result<Part, Failure> {
        self.part(self.before_end(bytes)?, u64::MAX, raw)
    }

    /// The last line that `wanted` makes something of; nothing if there is none. It is text of the agent's, made readable,
    /// and not fit for a terminal yet.
    pub fn last_line(&self, wanted: impl Fn(&str) -> Option<String>) -> Option<String> {
        let from = self.before_end(GLANCE_BYTES).ok()?;
        let part = self.read(from, u64::MAX, true, self.so_far(false)).ok()?;
        let translator = self.form().0;
        let of = |line: &Line| readable(translator, &line.text)?.rsplit(['\n', '\r']).find_map(&wanted);
        part.lines.iter().rev().find_map(of)
    }

    /// Where the line begins that is about so many bytes before the end; 0 bytes: where the last line begins that is not
    /// whole yet, or the end.
    ///
    /// # Errors
    /// When there is no output, or it cannot be read.
    pub fn before_end(&self, bytes: u64) -> Result<u64, Failure> {
        self.begin(bytes).map_err(|error| self.wrong(&error))
    }

    fn begin(&self, before_end: u64) -> std::io::Result<u64> {
        let kept = self.kept()?;
        kept.line_start(kept.end().saturating_sub(before_end))
    }

    /// Where the line begins that an offset is in.
    ///
    /// # Errors
    /// When there is no output, or it cannot be read.
    pub fn line_at(&self, offset: u64) -> Result<u64, Failure> {
        let find = || {
            let kept = self.kept()?;
            kept.line_start(offset.min(kept.end()))
        };
        find().map_err(|error| self.wrong(&error))
    }

    /// How much was printed, in bytes.
    ///
    /// # Errors
    /// When there is no output.
    pub fn size(&self) -> Result<u64, Failure> {
        self.kept().map(|kept| kept.end()).map_err(|error| self.wrong(&error))
    }

    /// Sees whenever something changes in its folder.
    ///
    /// # Errors
    /// When there is none, or the system has no more watches.
    pub(crate) fn watcher(&self) -> Result<Watcher, Failure> {
        Watcher::new([self.dir.path()]).map_err(|error| self.wrong(&error))
    }

    /// What stands in a line of it.
    pub fn items(&self, line: &str) -> Vec<Item> {
        items(self.form().0, line)
    }
}

/// Told of each part as it is written, in order and without a gap. It must not block.
pub type Tell = Box<dyn Fn(Part) + Send>;

/// What is told of an output.
enum Told {
    /// Its lines, from a place on.
    Parts { at: u64, tell: Tell },
    /// That something was printed.
    Change(Box<dyn Fn() + Send>),
}

struct Followed {
    tail: Tail,
    told: Told,
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

    /// Watches the folder of an output, for what is written or for its going alone.
    fn watch(&self, tail: &Tail, writes: bool) -> Result<i32, Failure> {
        let of_writes = WatchFlags::MODIFY | WatchFlags::MOVED_TO | WatchFlags::CREATE;
        let flags = WatchFlags::DELETE_SELF | if writes { of_writes } else { WatchFlags::empty() };
        inotify::add_watch(&self.fd, tail.dir.path(), flags).map_err(|error| tail.wrong(&error.into()))
    }

    fn forget(&self, watch: i32, number: u64) {
        let mut followed = self.followed();
        if followed.get(&watch).is_some_and(|one| one.number == number) {
            followed.remove(&watch);
            let _ = inotify::remove_watch(&self.fd, watch);
        }
    }
}

/// Follows outputs, each session's once. Cheap to clone.
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

    /// Has `tell` told what a session has printed from about so many bytes before the end on, and what it prints from now
    /// on, until the answer is dropped. The former is told before this returns.
    ///
    /// # Errors
    /// When its agent was never started or nothing of it is kept, or too many are followed.
    pub fn follow(&self, session: &SessionId, before_end: u64, tell: Tell) -> Result<Following, Failure> {
        let parts = |tail: &Tail| match tail.begin(before_end) {
            Ok(at) => Ok(Told::Parts { at, tell }),
            // The file itself may not be there yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Told::Parts { at: 0, tell }),
            Err(error) => Err(tail.wrong(&error)),
        };
        let following = self.begin(session, parts)?;
        // What is there, and whether it has ended, comes with no event.
        advance(&following.shared, following.watch);
        Ok(following)
    }

    /// Has `tell` told once that a session has printed something, and then again only after `Following::again`: one that
    /// prints without end costs no more than what is read of it.
    ///
    /// # Errors
    /// As `follow`.
    pub fn on_change(&self, session: &SessionId, tell: Box<dyn Fn() + Send>) -> Result<Following, Failure> {
        self.begin(session, |_| Ok(Told::Change(tell)))
    }

    fn begin(
        &self,
        session: &SessionId,
        told: impl FnOnce(&Tail) -> Result<Told, Failure>,
    ) -> Result<Following, Failure> {
        let tail = self.tail(session);
        let shared = self.shared().map_err(|error| tail.wrong(&error))?;
        let mut followed = shared.followed();
        if followed.len() >= FOLLOWED_MAX {
            return Err(Failure::new(Code::Unavailable, "too many outputs are followed at once"));
        }
        // Before it is looked where it is: nothing is written in between.
        let watch = shared.watch(&tail, true)?;
        let told = told(&tail).inspect_err(|_| {
            if !followed.contains_key(&watch) {
                let _ = inotify::remove_watch(&shared.fd, watch);
            }
        })?;
        let number = {
            let mut count = self.begin.lock().unwrap_or_else(PoisonError::into_inner);
            *count += 1;
            *count
        };
        followed.insert(watch, Followed { tail, told, number });
        drop(followed);
        Ok(Following { shared, watch, number })
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

impl Following {
    /// Has the next change told again. To be called before what there is is read, or what is written meanwhile is missed.
    pub fn again(&self) {
        let followed = self.shared.followed();
        if let Some(one) = followed.get(&self.watch).filter(|one| one.number == self.number) {
            // What is gone changes no more.
            let _ = self.shared.watch(&one.tail, true);
        }
    }
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
                let name = event.file_name().map_or(&[][..], std::ffi::CStr::to_bytes);
                // Its segments too; without a name it is the folder itself.
                if name.is_empty()
                    || matches!(name, b"exit.json" | b"lost")
                    || name.starts_with(b"output.log")
                {
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
        let (at, tell) = match &mut one.told {
            Told::Parts { at, tell } => (at, tell),
            Told::Change(tell) => {
                let _ = shared.watch(&one.tail, false);
                tell();
                return;
            }
        };
        let part = match one.tail.read(*at, PART_BYTES, false, Last::Wait) {
            Ok(part) => part,
            // Nothing is written yet; or nothing is left of it, and then its folder is gone too.
            Err(_) if one.tail.dir.path().exists() => return,
            Err(_) => Part { from: *at, lines: Vec::new(), next: *at, ended: true },
        };
        let (moved, ended) = (part.next > *at, part.ended);
        *at = part.next;
        if moved || ended {
            tell(part);
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
pub(crate) mod tests;
