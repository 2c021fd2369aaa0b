//! Output that is followed, from real files that grow.

use std::io::Write;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::*;

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

struct Place {
    _dir: tempfile::TempDir,
    workspace: Workspace,
    session: SessionId,
    path: std::path::PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join(".convoy/state")).unwrap();
    let workspace = Workspace::find(dir.path()).unwrap();
    let session = SessionId::new("s-abc").unwrap();
    let path = workspace.sessions_dir().join(session.as_str());
    std::fs::create_dir_all(&path).unwrap();
    Place { _dir: dir, workspace, session, path }
}

impl Place {
    fn print(&self, text: &[u8]) {
        let path = self.path.join("output.log");
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text).unwrap();
    }
    fn end(&self) {
        let exit = convoy_core::report::Exit {
            epoch: convoy_core::id::Epoch(1),
            code: Some(0),
            signal: None,
            kind: convoy_core::report::ExitKind::Exited,
            detail: None,
            leaked: 0,
            result: None,
            last_n: 0,
            dropped_bytes: 0,
            elapsed_ms: 0,
            started_at: None,
            ended_at: crate::clock::now(),
        };
        let path = self.path.join("exit.json.new");
        std::fs::write(&path, serde_json::to_vec(&exit).unwrap()).unwrap();
        std::fs::rename(&path, self.path.join("exit.json")).unwrap();
    }
    fn follow(&self) -> (u64, Following, Receiver<Part>) {
        let (sender, receiver) = sync_channel(100);
        let tell = Box::new(move |part| sender.send(part).unwrap());
        let (at, following) = Tails::new(&self.workspace).follow(&self.session, tell).unwrap();
        (at, following, receiver)
    }
}

fn texts(part: &Part) -> Vec<(u64, &str)> {
    part.lines.iter().map(|line| (line.offset, line.text.as_str())).collect()
}

#[test]
fn parts_begin_and_end_at_lines_and_join_without_a_gap() {
    let place = place();
    let all: Vec<String> = (0..500).map(|n| format!("line {n} {}", "x".repeat(n % 60))).collect();
    place.print(format!("{}\nnot whole", all.join("\n")).as_bytes());
    let tail = Tail::new(&place.workspace, &place.session);
    let (mut at, mut read) = (0, Vec::new());
    loop {
        let part = tail.part(at, 1000, false).unwrap();
        assert_eq!((part.from, part.ended), (at, false));
        read.extend(part.lines.iter().map(|line| line.text.clone()));
        if part.next == at {
            break;
        }
        at = part.next;
    }
    assert_eq!(read, all);
    place.end();
    let last = tail.part(at, 1000, false).unwrap();
    assert_eq!((texts(&last), last.ended), (vec![(at, "not whole")], true));
    // An offset beyond the end is the end.
    assert_eq!(tail.part(u64::MAX, 1000, false).unwrap().next, last.next);
}

#[test]
fn the_beginning_of_a_line_is_found_before_the_end() {
    let place = place();
    let tail = Tail::new(&place.workspace, &place.session);
    assert_eq!(tail.before_end(0).unwrap_err().code, Code::NotFound);
    place.print(b"one\ntwo\nthr");
    let starts: Vec<u64> = [0, 1, 3, 4, 8, 100].map(|bytes| tail.before_end(bytes).unwrap()).into();
    assert_eq!(starts, [8, 8, 8, 4, 0, 0]);
    // A line longer than a block.
    place.print(format!("{}\n", "y".repeat(200_000)).as_bytes());
    assert_eq!(tail.before_end(10).unwrap(), 8);
}

#[test]
fn what_is_printed_is_told_as_it_is_printed_until_it_ends() {
    let place = place();
    place.print(b"before\nbeg");
    let (at, _following, told) = place.follow();
    assert_eq!(at, 7);
    place.print(b"un\nmore\n");
    let (mut next, mut lines) = (at, Vec::new());
    while next < 17 {
        let part = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(part.from, next, "no gap");
        next = part.next;
        lines.extend(part.lines.into_iter().map(|line| line.text));
    }
    place.print(b"last");
    place.end();
    let mut ended = false;
    while !ended {
        let part = told.recv_timeout(PATIENCE).unwrap();
        ended = part.ended;
        lines.extend(part.lines.into_iter().map(|line| line.text));
    }
    assert_eq!(lines, ["begun", "more", "last"]);
    assert!(told.recv_timeout(PATIENCE).is_err(), "the teller is dropped");
}

#[test]
fn one_that_has_ended_says_so_at_once_and_one_that_is_dropped_tells_nothing() {
    let place = place();
    place.print(b"all\n");
    let (_, following, told) = place.follow();
    drop(following);
    assert!(told.recv_timeout(PATIENCE).is_err());
    place.end();
    let (at, _following, told) = place.follow();
    let part = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((at, part.from, part.ended), (4, 4, true));
}

#[test]
fn one_without_output_yet_is_followed_from_its_first_line() {
    let place = place();
    let (at, _following, told) = place.follow();
    place.print(b"first\n");
    let part = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((at, texts(&part)), (0, vec![(0, "first")]));
    std::fs::remove_dir_all(&place.path).unwrap();
    let mut last = told.recv_timeout(PATIENCE).unwrap();
    while !last.ended {
        last = told.recv_timeout(PATIENCE).unwrap();
    }
}
