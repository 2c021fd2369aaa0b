//! Every system call that changes a file fails once, or is the last one: the n-th, for n from 1 until none is
//! left. Needs `strace`.

use std::path::Path;

use super::child::{Running, Verb, acknowledged};
use super::{check_whole, skip};

/// More calls of one kind than the script makes.
const CALLS_MAX: usize = 150;

fn runs_under_strace(dir: &Path) -> bool {
    let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync"];
    Running::start(Verb::Script, dir, &wrapper).is_ok_and(|child| child.finish().1.success())
}

/// Runs the script with a fault in the n-th of `calls`, and checks what is left. Returns whether there was an n-th.
fn once(calls: &str, fault: &str, n: usize) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let inject = format!("inject={calls}:{fault}:when={n}");
    let filter = format!("trace={calls}");
    let output = trace.display().to_string();
    // Only the files of the log: the harness writes to its stdout by other calls.
    let wrapper = ["strace", "-f", "-y", "-qq", "-o", &output, "-e", &filter, "-e", &inject];
    let (said, status) = Running::start(Verb::Script, &state, &wrapper).unwrap().finish();
    assert!(
        !said.iter().any(|line| line.starts_with("damaged")) && status.code() != Some(101),
        "{calls} {fault} {n}: {said:?}"
    );
    if fault.contains("EIO") && calls.contains("sync") {
        let trace = std::fs::read_to_string(&trace).unwrap();
        // SQLite ignores it when it cannot sync the folder; where that matters we have done it before.
        let by_sqlite = |line: &&str| line.contains("/state>") && !said.is_empty() && status.success();
        let injected = trace.lines().filter(|line| line.contains("(INJECTED)"));
        let injected = injected.filter(|line| !by_sqlite(line)).count() > 0;
        assert_eq!(
            injected,
            status.code() == Some(3),
            "a failed sync ends the process: {n} {said:?} {trace}"
        );
    }
    let all = check_whole(&state);
    for (seq, hash) in acknowledged(&said) {
        let found = all.iter().any(|stored| stored.last().0 == seq && stored.hash.to_string() == hash);
        assert!(found, "{calls} {fault} {n}: event {seq} was acknowledged");
    }
    let trace = std::fs::read_to_string(&trace).unwrap_or_default();
    trace.contains("INJECTED") || trace.contains("killed by SIGKILL") || !status.success()
}

fn each(calls: &str, fault: &str) {
    let dir = tempfile::tempdir().unwrap();
    if !runs_under_strace(dir.path()) {
        return skip("strace does not work here");
    }
    let last = (1..CALLS_MAX).find(|n| !once(calls, fault, *n)).unwrap();
    assert!(last > 1, "the fault was never injected");
}

#[test]
fn killed_at_each_write() {
    each("pwrite64", "signal=KILL");
}

#[test]
fn killed_at_each_sync() {
    each("fsync,fdatasync", "signal=KILL");
}

#[test]
fn killed_at_each_rename_truncation_and_removal() {
    each("rename,renameat,renameat2,ftruncate,unlink,unlinkat", "signal=KILL");
}

#[test]
fn each_sync_fails() {
    each("fsync,fdatasync", "error=EIO");
}

#[test]
fn each_write_finds_the_disk_full() {
    each("pwrite64", "error=ENOSPC");
}

#[test]
fn each_write_fails() {
    each("pwrite64", "error=EIO");
}

#[test]
fn each_write_is_interrupted() {
    each("pwrite64", "error=EINTR");
}

#[test]
fn every_acknowledgement_comes_after_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    if !runs_under_strace(dir.path()) {
        return skip("strace does not work here");
    }
    let (state, trace) = (dir.path().join("state"), dir.path().join("trace"));
    std::fs::create_dir(&state).unwrap();
    let output = trace.display().to_string();
    let wrapper = ["strace", "-f", "-y", "-qq", "-o", &output, "-e", "trace=fsync,fdatasync,write"];
    let (said, status) = Running::start(Verb::Script, &state, &wrapper).unwrap().finish();
    assert!(status.success());
    let (mut synced, mut acknowledgements) = (false, 0);
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        if line.contains("sync(") && line.contains("/log.db-wal>") {
            synced = true;
        } else if line.contains("\"@ ack") {
            assert!(synced, "{line}");
            synced = false;
            acknowledgements += 1;
        }
    }
    assert_eq!(acknowledgements, acknowledged(&said).len());
}
