//! The conformance suite over every event log that there is.

use convoy_engine::log::memory::{Disk, MemoryLog};
use convoy_engine::log::sqlite::SqliteLog;
use convoy_testkit::conformance;

#[test]
fn memory() {
    conformance::all(|| {
        let disk = Disk::default();
        move || MemoryLog::open(&disk)
    });
}

#[test]
fn sqlite() {
    conformance::all(|| {
        let dir = tempfile::tempdir().unwrap();
        move || SqliteLog::open(dir.path()).unwrap()
    });
}
