//! Output that is followed, from real files that grow.

use std::io::Write;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::*;
use crate::supervisor::output::OutputLog;

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Place {
    _dir: tempfile::TempDir,
    pub(crate) workspace: Workspace,
    pub(crate) session: SessionId,
    path: std::path::PathBuf,
}

pub(crate) fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join(".convoy/state")).unwrap();
    let workspace = Workspace::find(dir.path()).unwrap();
    let session = SessionId::new("s-abc").unwrap();
    let path = workspace.sessions_dir().join(session.as_str());
    std::fs::create_dir_all(&path).unwrap();
    Place { _dir: dir, workspace, session, path }
}

impl Place {
    pub(crate) fn print(&self, text: &[u8]) {
        let path = self.path.join("output.log");
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text).unwrap();
    }
    pub(crate) fn end(&self) {
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
    fn follow(&self, before_end: u64) -> (Following, Receiver<Part>) {
        let (sender, receiver) = sync_channel(1000);
        let tell = Box::new(move |part| sender.send(part).unwrap());
        let following = Tails::new(&self.workspace).follow(&self.session, before_end, tell).unwrap();
        (following, receiver)
    }
    fn tail(&self) -> Tail {
        Tail::new(&self.workspace, &self.session)
    }
    /// An output that is read in this way.
    pub(crate) fn translated(&self, translator: &str) {
        self.specify(translator, 64 * 1024 * 1024);
    }
    /// An output of which so many bytes are kept, as its supervisor writes it.
    fn bounded(&self, bytes: u64) -> OutputLog {
        self.specify("plain", bytes);
        OutputLog::create(self.path.join("output.log"), bytes).unwrap()
    }
    fn specify(&self, translator: &str, bytes: u64) {
        let spec = serde_json::json!({
            "version": 1, "session": "s-abc", "epoch": 1, "worker": "w-1", "issue": "gt-1", "convoy": null,
            "argv": [], "workdir": "/", "env": {}, "prompt": "stdin", "translator": translator,
            "limits": {"wall_ms": null, "silence_ms": null, "spend_micros": null, "output_bytes": bytes},
        });
        std::fs::write(self.path.join("spec.json"), spec.to_string()).unwrap();
        assert_eq!(self.tail().form().1, bytes / 2);
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
    let tail = place.tail();
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
    let tail = place.tail();
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
    let (_following, told) = place.follow(0);
    place.print(b"un\nmore\n");
    let (mut next, mut lines) = (7, Vec::new());
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
    let (following, told) = place.follow(0);
    drop(following);
    assert!(told.recv_timeout(PATIENCE).is_err());
    place.end();
    let (_following, told) = place.follow(0);
    let part = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((part.from, part.ended), (4, true));
    let (_following, told) = place.follow(100);
    let part = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((texts(&part), part.ended), (vec![(0, "all")], true));
}

#[test]
fn one_without_output_yet_is_followed_from_its_first_line() {
    let place = place();
    let (_following, told) = place.follow(0);
    place.print(b"first\n");
    let part = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(texts(&part), [(0, "first")]);
    std::fs::remove_dir_all(&place.path).unwrap();
    let mut last = told.recv_timeout(PATIENCE).unwrap();
    while !last.ended {
        last = told.recv_timeout(PATIENCE).unwrap();
    }
}

/// What is read from a place on, and where it ends.
fn read(tail: &Tail, mut at: u64) -> (Vec<String>, u64) {
    let mut lines = Vec::new();
    loop {
        let part = tail.part(at, 1000, false).unwrap();
        lines.extend(part.lines.into_iter().map(|line| line.text));
        if part.next == at {
            return (lines, at);
        }
        at = part.next;
    }
}

/// So many lines of ten bytes.
fn lines(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|n| format!("line {n:04}")).collect()
}

fn print(log: &mut OutputLog, numbers: std::ops::Range<u64>) {
    lines(numbers).into_iter().for_each(|line| log.write(format!("{line}\n").as_bytes()));
}

#[test]
fn what_is_printed_beyond_the_limit_is_read_as_it_is_printed_and_keeps_its_place_at_the_end() {
    let place = place();
    // 10,000 bytes of the beginning, and twice 5,000 of the end.
    let mut log = place.bounded(20_000);
    let tail = place.tail();
    print(&mut log, 0..1400);
    assert_eq!(read(&tail, 0), (lines(0..1400), 14_000), "nothing was dropped yet");
    print(&mut log, 1400..2500);
    let marked = |dropped: u64, rest| {
        let mark = vec![format!("[convoy: {dropped} bytes of output were dropped here]")];
        [lines(0..1000), mark, lines(rest)].concat()
    };
    assert_eq!(read(&tail, 0), (marked(5_000, 1500..2500), 25_000));
    assert_eq!(tail.before_end(15).unwrap(), 24_980);
    assert_eq!(tail.last_line(|line| Some(line.to_owned())).unwrap(), "line 2499");
    // Who is behind is told what was missed.
    let behind = tail.part(12_000, 1, false).unwrap();
    assert_eq!(texts(&behind), [(12_000, "[convoy: 3000 bytes of output were dropped here]")]);
    assert_eq!((behind.next, tail.line_at(12_000).unwrap()), (15_000, 10_000));
    print(&mut log, 2500..2600);
    assert_eq!(read(&tail, 25_000), (lines(2500..2600), 26_000));
    log.write(b"no end");
    let so_far = read(&tail, 0);
    assert_eq!(so_far, (marked(10_000, 2000..2600), 26_000));
    log.finish().unwrap();
    assert_eq!(read(&tail, 0), so_far, "each place is where it was");
    place.end();
    let last = tail.part(26_000, 1000, false).unwrap();
    assert_eq!((texts(&last), last.ended, last.next), (vec![(26_000, "no end")], true, 26_006));
}

#[test]
fn what_is_put_together_is_read_once_whenever_that_is_looked_at() {
    let place = place();
    let mut log = place.bounded(20_000);
    print(&mut log, 0..2600);
    let tail = place.tail();
    let whole = read(&tail, 0);
    let names = ["output.log", "output.log.20000", "output.log.25000"];
    let [head, older, newer] = names.map(|name| std::fs::read(place.path.join(name)).unwrap());
    log.finish().unwrap();
    let finished = std::fs::read(place.path.join("output.log")).unwrap();
    // As it was at moments of that: half copied, copied, and with one removed already.
    let copied = finished.len() - 3_000;
    for (there, one, other) in [
        (&head, true, true),
        (&finished[..copied].to_vec(), true, true),
        (&finished, true, true),
        (&finished, false, true),
        (&finished, false, false),
    ] {
        std::fs::write(place.path.join(names[0]), there).unwrap();
        for (name, content, is) in [(names[1], &older, one), (names[2], &newer, other)] {
            let path = place.path.join(name);
            if is { std::fs::write(path, content).unwrap() } else { drop(std::fs::remove_file(path)) }
        }
        assert_eq!(read(&tail, 0), whole, "{} {one} {other}", there.len());
    }
}

#[test]
fn who_follows_is_told_what_is_printed_beyond_the_limit() {
    let place = place();
    let mut log = place.bounded(20_000);
    let (_following, told) = place.follow(0);
    let mut seen = Vec::new();
    let mut until = |text: &str| {
        while seen.last().is_none_or(|last| last != text) {
            let part = told.recv_timeout(PATIENCE).unwrap();
            seen.extend(part.lines.into_iter().map(|line| line.text));
        }
    };
    // Each time all of it is seen before more is printed, so that nothing is missed.
    for n in 0..30 {
        print(&mut log, n * 100..(n + 1) * 100);
        until(&format!("line {:04}", n * 100 + 99));
    }
    log.write(b"last");
    log.finish().unwrap();
    place.end();
    until("last");
    assert_eq!(seen, [lines(0..3000), vec!["last".to_owned()]].concat());
}

#[test]
fn a_change_is_told_once_until_it_is_asked_for_again() {
    let place = place();
    let (sender, told) = sync_channel(100);
    let tell = Box::new(move || sender.send(()).unwrap());
    let following = Tails::new(&place.workspace).on_change(&place.session, tell).unwrap();
    place.print(b"one\n");
    told.recv_timeout(PATIENCE).unwrap();
    // What came with that is told with it, or just after it.
    for _ in 0..50 {
        place.print(b"more\n");
    }
    assert!(told.try_iter().count() < 10);
    following.again();
    place.print(b"again\n");
    told.recv_timeout(PATIENCE).unwrap();
    drop(following);
    place.print(b"nobody\n");
    assert!(told.iter().count() < 10, "the teller is dropped");
}

#[test]
fn the_last_lines_include_the_last_though_a_long_one_stands_before_it() {
    let place = place();
    place.print(format!("before\n{}\nshort\n", "x".repeat(200_000)).as_bytes());
    let lines = place.tail().last_lines(100, false).unwrap().lines;
    assert_eq!(lines.iter().map(|line| line.text.len()).collect::<Vec<_>>(), [200_000, 5]);
    // A line that never ends is given in pieces, and so it is looked for.
    let endless = 5 * 1024 * 1024;
    place.print(&vec![b'y'; endless]);
    let begin = place.tail().before_end(100).unwrap();
    assert_eq!(begin, (7 + 200_001 + 6 + endless - 100 - LINE_BYTES_MAX) as u64);
}
