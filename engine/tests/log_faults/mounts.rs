//! Full and read-only file systems. The work is done in children: in a mount namespace where that is permitted,
//! under a limit on file sizes everywhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

use convoy_engine::lock::{Acquired, WorkspaceLock};
use convoy_engine::log::sqlite::{Reader, SqliteLog};
use convoy_engine::log::{AppendError, EventLog, OpenError};

use super::child::{Running, Verb};
use super::{check_whole, fill as fill_groups, group_after, skip};

/// Enough appends to fill whatever the test has set aside.
const APPENDS_MAX: usize = 10_000;
const LIMIT_BYTES: u64 = 300_000;

/// Runs `verb` in a mount namespace in which `mount` was run; none if there is no such thing here.
fn in_namespace(verb: Verb, dir: &Path, mount: &str) -> Option<Vec<String>> {
    let script = format!("{mount} && exec \"$@\"");
    for unshare in ["-m", "-Urm"] {
        let path = dir.to_str().unwrap();
        let wrapper = ["unshare", unshare, "sh", "-c", &script, path];
        let (said, status) = Running::start(verb, dir, &wrapper).ok()?.finish();
        if !said.is_empty() {
            assert!(status.success(), "{said:?}");
            return Some(said);
        }
    }
    None
}

/// Appends until there is no room; returns how often it was refused without a trace.
fn until_full(log: &mut SqliteLog) -> AppendError {
    for round in 0..APPENDS_MAX {
        let after = log.tail();
        if let Err(error) = log.append(after.seq, &group_after(after.seq, round % 3 + 1)) {
            assert_eq!(log.tail(), after);
            return error;
        }
        log.maintain().unwrap();
    }
    panic!("there is always room");
}

/// In a child, on a file system of 1 MB.
pub(crate) fn fill(dir: &Path) {
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![0; 200_000]).unwrap();
    let mut log = SqliteLog::open(dir).unwrap();
    super::child::say("begun");
    let error = until_full(&mut log);
    assert!(matches!(error, AppendError::Full), "{error:?}");
    let tail = log.tail();
    for _ in 0..3 {
        let error = log.append(tail.seq, &group_after(tail.seq, 3)).unwrap_err();
        assert!(matches!(error, AppendError::Full), "still full: {error:?}");
    }
    drop(log);
    // What was refused is not there, also not after the log is read from the disk again; a full disk can be opened.
    let mut log = SqliteLog::open(dir).unwrap();
    assert_eq!(log.tail(), tail);
    fs::remove_file(ballast).unwrap();
    fill_groups(&mut log, 3);
    assert!(log.tail().seq > tail.seq, "goes on without being opened again");
    drop(log);
    check_whole(dir);
    super::child::say("whole");
}

/// In a child, whose files can only grow so far.
pub(crate) fn fill_limited(dir: &Path) {
    // The signal that would end the process gets a handler, and the write an error.
    let signal = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    signal_hook::flag::register(25, signal).unwrap();
    let mut log = SqliteLog::open(dir).unwrap();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    let small = rustix::process::Rlimit { current: Some(LIMIT_BYTES), ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, small).unwrap();
    super::child::say("begun");
    let error = until_full(&mut log);
    assert!(matches!(error, AppendError::Full | AppendError::Unknown(_)), "{error:?}");
    let tail = log.tail();
    drop(log);
    assert_eq!(SqliteLog::open(dir).unwrap().tail(), tail);
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
    fill_groups(&mut SqliteLog::open(dir).unwrap(), 3);
    check_whole(dir);
    super::child::say("whole");
}

/// In a child, on a read-only file system.
pub(crate) fn read_only(dir: &Path) {
    assert!(fs::write(dir.join("probe"), "").is_err(), "can be written");
    super::child::say("begun");
    for (name, has_log) in [("with-wal", true), ("without-wal", true), ("empty", false)] {
        let dir = dir.join(name);
        let error = SqliteLog::open(&dir).unwrap_err();
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(name), "{error}");
        if has_log {
            let reader = Reader::open(&dir).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(reader.verify(&mut |_| ()).unwrap().tail, reader.tail().unwrap());
            assert!(reader.tail().unwrap().seq.0 > 10);
            let lock = WorkspaceLock::acquire(&dir, Duration::ZERO).unwrap();
            assert!(matches!(lock, Acquired::Held(_)));
        }
    }
    super::child::say("whole");
}

#[test]
fn a_full_disk_refuses_and_records_nothing() {
    let dir = tempfile::tempdir().unwrap();
    match in_namespace(Verb::Fill, dir.path(), "mount -t tmpfs -o size=1m none \"$0\"") {
        Some(said) => assert_eq!(said, ["begun", "whole"]),
        None => skip("no mount namespaces"),
    }
}

#[test]
fn a_file_that_cannot_grow_refuses_and_records_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (said, status) = Running::start(Verb::FillLimited, dir.path(), &[]).unwrap().finish();
    assert!(status.success());
    assert_eq!(said, ["begun", "whole"]);
    check_whole(dir.path());
}

#[test]
fn a_read_only_folder_is_refused_and_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["with-wal", "without-wal", "empty"] {
        let dir = dir.path().join(name);
        fs::create_dir(&dir).unwrap();
        if name != "empty" {
            fill_groups(&mut SqliteLog::open(&dir).unwrap(), 10);
            fs::write(dir.join("lock"), "").unwrap();
        }
    }
    let folded = dir.path().join("without-wal");
    fs::remove_file(folded.join("log.ack")).unwrap();
    drop(SqliteLog::open(&folded).unwrap());
    fs::remove_file(folded.join("log.db-wal")).unwrap();
    match in_namespace(
        Verb::ReadOnly,
        dir.path(),
        "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\"",
    ) {
        Some(said) => assert_eq!(said, ["begun", "whole"]),
        None => skip("no mount namespaces"),
    }
}
