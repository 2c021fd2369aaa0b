//! The standing mirror: all issues as a file of JSONL, written again after they changed.
//!
//! The file is derived: the log is the truth, and whatever is in the file is replaced. It is written whole, beside and
//! then in place of the one before, and only when its content differs. A stamp in the state folder says up to which
//! event it is current, so that whoever opens the workspace after a crash sees that it is not.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use convoy_core::event::Event;
use convoy_core::id::Seq;
use convoy_core::issue::Issue;
use convoy_core::state::State;
use convoy_core::time::Span;
use convoy_core::view;

use crate::clock::Instant;
use crate::tasks::{self, Kind};
use crate::world::note;
use crate::{crash, interchange};

/// How long changes are gathered before they are written.
const DEBOUNCE: Span = Span::from_millis(300);

/// A mirror that is kept.
pub(crate) struct Mirror {
    at: Paths,
    /// It may not be what the state is, and is written before the engine leaves.
    stale: bool,
    /// When it is written; none while nothing has changed.
    due: Option<Instant>,
    writing: Option<JoinHandle<bool>>,
}

/// Where the mirror is, and the stamp that says up to which event it is current.
#[derive(Clone)]
struct Paths {
    file: PathBuf,
    stamp: PathBuf,
}

/// What is written, taken from the state at one moment.
struct Page {
    at: Paths,
    issues: Vec<(Issue, Option<String>)>,
    seq: Seq,
}

impl Mirror {
    /// A mirror at `file` of a state at `seq`. An engine that `stays` looks at it whatever the stamp says: somebody may
    /// have changed it.
    pub(crate) fn new(file: PathBuf, stamp: PathBuf, seq: Seq, stays: bool) -> Self {
        let said = std::fs::read_to_string(&stamp).ok().and_then(|text| text.trim().parse().ok().map(Seq));
        let stale = stays || said != Some(seq) || !file.exists();
        let due = stays.then(Instant::now);
        Self { at: Paths { file, stamp }, stale, due, writing: None }
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.at.file
    }

    /// These events were committed.
    pub(crate) fn saw<'a>(&mut self, mut events: impl Iterator<Item = &'a Event>) {
        let shows = |event: &Event| event.name().starts_with("issue.") || event.name().starts_with("worker.");
        if self.due.is_none() && events.any(shows) {
            self.stale = true;
            self.due = Some(Instant::now().plus(DEBOUNCE));
        }
    }

    /// How long until it is to be written.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.due.map(Instant::left)
    }

    /// Writes it in a thread of its own if it is time. One writes at a time.
    pub(crate) fn write_if_due(&mut self, state: &State) {
        if !self.due.is_some_and(|due| due.left().is_zero()) {
            return;
        }
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            self.due = Some(Instant::now().plus(DEBOUNCE));
            return;
        }
        let went_well = self.collect();
        let page = self.page(state);
        self.writing = tasks::start(Kind::Effect, move || page.write()).ok();
        // What cannot be written now is tried again with the next change, and at the end.
        self.stale = !went_well || self.writing.is_none();
        self.due = None;
    }

    /// Waits for what is being written; whether it was.
    fn collect(&mut self) -> bool {
        self.writing.take().is_none_or(|writing| writing.join().unwrap_or(false))
    }

    /// Brings it up to date before the engine leaves.
    pub(crate) fn close(mut self, state: &State) {
        let went_well = self.collect();
        if self.stale || !went_well {
            self.page(state).write();
        } else {
            // Nothing of what came since shows in it.
            put_stamp(&self.at.stamp, state.seq);
        }
    }

    fn page(&self, state: &State) -> Page {
        let row = |issue: &Issue| (issue.clone(), view::assignee(state, issue));
        Page { at: self.at.clone(), issues: state.issues.values().map(row).collect(), seq: state.seq }
    }
}

impl Page {
    /// Writes the file if it differs, then the stamp; whether that went well.
    fn write(self) -> bool {
        let mut text = Vec::new();
        for (issue, assignee) in &self.issues {
            text.extend_from_slice(interchange::line(issue, assignee.as_deref()).as_bytes());
            text.push(b'\n');
        }
        let written = if is_same(&self.at.file, &text) { Ok(()) } else { replace(&self.at.file, &text) };
        match written {
            Ok(()) => {
                put_stamp(&self.at.stamp, self.seq);
                true
            }
            Err(error) => {
                note(&format!("the mirror {} cannot be written: {error}", self.at.file.display()));
                false
            }
        }
    }
}

fn is_same(path: &Path, text: &[u8]) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let Ok(facts) = file.metadata() else { return false };
    let mut there = Vec::new();
    facts.is_file()
        && facts.len() == text.len() as u64
        && file.take(text.len() as u64 + 1).read_to_end(&mut there).is_ok()
        && there == text
}

/// Whole or not at all. What a crash leaves beside it is used again by the next one.
fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidFilename)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(".new");
    let beside = path.with_file_name(beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    crash::point("mirror:rename");
    std::fs::rename(&beside, path)
}

/// Without a stamp the file is looked at the next time: that it may be lost does no harm.
fn put_stamp(path: &Path, seq: Seq) {
    let text = format!("{seq}\n");
    if std::fs::read_to_string(path).ok().as_ref() != Some(&text) {
        let _ = replace(path, text.as_bytes());
    }
}
