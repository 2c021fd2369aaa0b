//! What only a log on a disk can suffer: kills, failing system calls, torn and damaged files, full and read-only
//! file systems, a second opener, other versions. Every case ends with a log that has all that it acknowledged,
//! or with a refusal that names the file.

#![expect(clippy::unwrap_used, reason = "a test: what cannot be had fails it")]

mod calls;
mod child;
mod damage;
mod files;
mod kill;
mod lock;
mod mounts;

use std::path::Path;

use convoy_core::id::Seq;
use convoy_engine::log::sqlite::SqliteLog;
use convoy_engine::log::{EventLog, Record, Stored};
use convoy_testkit::conformance::read_all;

/// The record that always starts at event `first` in these tests.
fn record_at(first: Seq) -> Record {
    let mut random = fastrand::Rng::with_seed(first.0);
    let most = if random.u8(0..8) == 0 { 30_000 } else { 600 };
    let bytes = random.usize(0..most);
    Record { count: random.u32(1..4), body: vec![random.u8(..); bytes] }
}

/// The `length` records that come after event `after`.
fn group_after(after: Seq, length: usize) -> Vec<Record> {
    let mut first = Seq(after.0 + 1);
    (0..length)
        .map(|_| {
            let record = record_at(first);
            first = Seq(first.0 + u64::from(record.count));
            record
        })
        .collect()
}

/// Appends `groups` groups of 1 to 3 records.
fn fill(log: &mut SqliteLog, groups: usize) {
    for group in 0..groups {
        let after = log.tail().seq;
        log.append(after, &group_after(after, group % 3 + 1)).unwrap();
    }
}

/// Opens the log in `dir`, which must be whole, and checks every byte of it.
fn check_whole(dir: &Path) -> Vec<Stored> {
    let log = SqliteLog::open(dir).unwrap();
    let verified = log.verify(&mut |_| ()).unwrap();
    assert_eq!(verified.tail, log.tail());
    let all = read_all(&log);
    assert_eq!(verified.records, all.len() as u64);
    for stored in &all {
        let record = record_at(stored.first);
        assert!(record.count == stored.count && record.body == stored.body, "at event {}", stored.first);
    }
    all
}

/// Copies the files of a log.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Says why a case did not run here.
#[expect(clippy::print_stderr, reason = "a case that did not run must not pass for one that did")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
