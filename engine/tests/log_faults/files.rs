//! Files that are whole but not what this version can use: foreign, newer, in use; and the snapshot.

use std::fs;
use std::path::Path;

use convoy_engine::log::sqlite::{Reader, SqliteLog, WRITER};
use convoy_engine::log::{EventLog, OpenError, Snapshot};
use convoy_testkit::conformance::read_all;

use super::child::{Running, Verb};
use super::{check_whole, fill};

/// Runs SQL on the file, as another program would.
fn sql(file: &Path, text: &str) {
    rusqlite::Connection::open(file).unwrap().execute_batch(text).unwrap();
}

#[test]
fn a_newer_log_is_refused_with_the_version_that_wrote_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = SqliteLog::open(dir.path()).unwrap();
    fill(&mut log, 3);
    drop(log);
    let file = dir.path().join("log.db");
    sql(&file, "PRAGMA user_version = 7; UPDATE meta SET value = 'convoy 9.1.0' WHERE key = 'writer';");
    let before = fs::read(&file).unwrap();
    for error in [SqliteLog::open(dir.path()).unwrap_err(), Reader::open(dir.path()).unwrap_err()] {
        assert!(matches!(error, OpenError::Newer { found: 7, known: 1, .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("convoy 9.1.0") && text.contains(WRITER), "{text}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    sql(&file, "PRAGMA user_version = 1;");
    check_whole(dir.path());
}

#[test]
fn foreign_files_are_refused_and_left_alone() {
    let texts: [&[u8]; 3] = [b"", b"hello", &[7; 10_000]];
    for text in texts {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("log.db"), text).unwrap();
        let error = SqliteLog::open(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert_eq!(fs::read(dir.path().join("log.db")).unwrap(), text);
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.db");
    sql(&file, "CREATE TABLE bookmark (url TEXT); INSERT INTO bookmark VALUES ('x');");
    let before = fs::read(&file).unwrap();
    let error = SqliteLog::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn the_log_of_another_workspace_is_noticed() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&one, &two] {
        fill(&mut SqliteLog::open(dir.path()).unwrap(), 5);
    }
    fs::copy(one.path().join("log.ack"), two.path().join("log.ack")).unwrap();
    let error = SqliteLog::open(two.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
}

#[test]
fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = SqliteLog::open(dir.path()).unwrap();
    fill(&mut log, 3);
    let error = SqliteLog::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Busy { .. }), "{error}");
    let (said, _) = Running::start(Verb::Open, dir.path(), &[]).unwrap().finish();
    assert!(said[0].starts_with("refused") && said[0].contains("in use"), "{said:?}");
    fill(&mut log, 3);
    drop(log);
    let (said, _) = Running::start(Verb::Open, dir.path(), &[]).unwrap().finish();
    assert_eq!(said, ["open"]);
    check_whole(dir.path());
}

#[test]
fn a_reader_sees_everything_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = SqliteLog::open(dir.path()).unwrap();
    fill(&mut log, 10);
    let tail = log.tail();
    drop(log);
    for wal in [true, false] {
        if !wal {
            fs::remove_file(dir.path().join("log.ack")).unwrap();
            drop(SqliteLog::open(dir.path()).unwrap());
            fs::remove_file(dir.path().join("log.db-wal")).unwrap();
        }
        let before = listing(dir.path());
        let reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.verify(&mut |_| ()).unwrap().tail, tail);
        assert_eq!(reader.tail().unwrap(), tail);
        drop(reader);
        assert!(listing(dir.path()) == before, "with a write-ahead file: {wal}");
    }
    check_whole(dir.path());
}

fn listing(dir: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_snapshot_that_is_not_this_logs_is_deleted() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mine, theirs) = (one.path().join("snapshot"), two.path().join("snapshot"));
    let mut log = SqliteLog::open(one.path()).unwrap();
    let mut other = SqliteLog::open(two.path()).unwrap();
    fill(&mut log, 5);
    fill(&mut other, 5);
    let put = |log: &mut SqliteLog| {
        let tail = log.tail();
        let snapshot = Snapshot { seq: tail.seq, hash: tail.hash, format: 3, body: vec![b's'; 5_000] };
        log.snapshot_put(&snapshot).unwrap();
        snapshot
    };
    put(&mut other);
    let good = put(&mut log);
    let bytes = fs::read(&mine).unwrap();
    let refused = |log: &SqliteLog, what: &str| {
        assert_eq!(log.snapshot_get().unwrap(), None, "{what}");
        assert!(!mine.exists(), "{what}: is deleted");
    };
    fs::copy(&theirs, &mine).unwrap();
    refused(&log, "another log's");
    for at in (0..92).chain([92, 2_000, bytes.len() - 1]) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&mine, damaged).unwrap();
        refused(&log, "damaged");
    }
    for length in [0, 1, 91, 92, bytes.len() - 1] {
        fs::write(&mine, &bytes[..length]).unwrap();
        refused(&log, "torn");
    }
    fs::write(&mine, [&bytes[..], b"x"].concat()).unwrap();
    refused(&log, "longer");
    fs::write(&mine, &bytes).unwrap();
    assert_eq!(log.snapshot_get().unwrap(), Some(good), "the same file undamaged is taken");

    // A snapshot that is ahead of the log: the log's files were put back, the snapshot was not.
    drop(log);
    for file in ["log.db", "log.db-wal", "log.ack"] {
        fs::copy(one.path().join(file), two.path().join(file)).unwrap();
    }
    drop(other);
    let mut log = SqliteLog::open(one.path()).unwrap();
    fill(&mut log, 5);
    put(&mut log);
    fs::copy(&mine, &theirs).unwrap();
    let behind = SqliteLog::open(two.path()).unwrap();
    assert_eq!(behind.snapshot_get().unwrap(), None);
    assert!(!theirs.exists());
    read_all(&behind);
}
