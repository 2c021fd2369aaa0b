//! The one oracle: what must hold after every fault, once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use convoy_engine::log::sqlite::Reader;
use serde_json::Value;

use crate::room::{Room, files_below, lives};

/// Insists on every promise. `acknowledged` are ids that a command said it had made.
#[track_caller]
pub(crate) fn check(room: &Room, acknowledged: &[&str]) {
    room.convoy(["down"]).ok();
    let events = room.events();
    let wrong = |what: String| -> ! { panic!("{what}\n{:#?}", room.brief()) };

    log_is_whole(room, &events);
    for id in acknowledged {
        let kinds = ["issue.created", "convoy.created"];
        let made =
            events.iter().filter(|e| e["subject"] == *id && kinds.iter().any(|kind| e["type"] == *kind));
        if made.count() != 1 {
            wrong(format!("{id} was acknowledged and is not there once"));
        }
    }
    if let Some(what) = once_each(room, &events).or_else(|| landings(&events)) {
        wrong(what);
    }
    if let Some(what) = leftovers(room, &events).or_else(|| commits(room)) {
        wrong(what);
    }
    let doctor = room.convoy(["doctor", "--json"]);
    assert_eq!(doctor.status, 0, "{}", doctor.shown());
}

fn log_is_whole(room: &Room, events: &[Value]) {
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    let expected: Vec<u64> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "the events have gaps");
    // A copy: the folder may be on a disk that SQLite cannot see from here.
    let copy = tempfile::tempdir_in(room.env.root()).unwrap();
    for file in ["log.db", "log.db-wal", "log.ack"] {
        let from = room.state().join(file);
        if from.exists() {
            fs::copy(from, copy.path().join(file)).unwrap();
        }
    }
    let verified = Reader::open(copy.path()).unwrap().verify(&mut |_| ()).unwrap();
    assert_eq!(verified.tail.seq.0, numbers.len() as u64);
}

fn counted<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value.to_string()).or_default() += 1;
    }
    counts
}

/// One effect for each issue, one start for each attempt.
fn once_each(room: &Room, events: &[Value]) -> Option<String> {
    let of = |kind: &str| -> Vec<&Value> { events.iter().filter(|e| e["type"] == kind).collect() };
    let closed = of("issue.closed");
    let reopened = counted(of("issue.reopened").iter().map(|e| &e["subject"]));
    for (issue, times) in counted(closed.iter().map(|e| &e["subject"])) {
        if times > 1 + reopened.get(&issue).copied().unwrap_or_default() {
            return Some(format!("{issue} was closed {times} times"));
        }
    }
    let merged = closed.iter().filter(|e| e["data"]["closed"]["reason"] == "merged");
    let merged: BTreeSet<&str> = merged.filter_map(|e| e["subject"].as_str()).collect();
    let mut log = room.env.command("git", &room.env.dir());
    log.args(["log", "--format=%(trailers:key=Convoy-Issue,valueonly,separator=%x2C)", "--branches"]);
    let landed = room.env.run(log).ok().stdout;
    let mut landed: Vec<&str> = landed.split_whitespace().collect();
    landed.sort_unstable();
    let expected: Vec<&str> = merged.into_iter().collect();
    if landed != expected {
        return Some(format!("merged by the log: {expected:?}, by the branch: {landed:?}"));
    }
    let witness = room.env.witness();
    let starts = witness.iter().filter(|entry| entry["event"] == "start");
    let sessions: Vec<&Value> = starts.map(|entry| &entry["env"]["CONVOY_SESSION"]).collect();
    let known: BTreeSet<&str> = of("session.wanted").iter().filter_map(|e| e["subject"].as_str()).collect();
    for (session, times) in counted(sessions.iter().copied()) {
        if times > 1 {
            return Some(format!("session {session} was started {times} times"));
        }
    }
    // A session whose beginning was in a tail of the log that was lost is in its folder, fenced.
    let folder = room.state().join("sessions");
    let stray =
        sessions.iter().filter_map(|s| s.as_str()).find(|s| !known.contains(s) && !folder.join(s).is_dir());
    stray.map(|session| format!("session {session} is nowhere"))
}

/// Each landing once, with one notice for each who is to be told.
fn landings(events: &[Value]) -> Option<String> {
    let landed: Vec<&Value> = events.iter().filter(|e| e["type"] == "convoy.landed").collect();
    let key = |event: &Value| format!("{} {}", event["subject"], event["data"]["landing_epoch"]);
    let keys: BTreeSet<String> = landed.iter().map(|event| key(event)).collect();
    if keys.len() != landed.len() {
        return Some("a convoy landed twice".to_owned());
    }
    for event in landed {
        let convoy = event["subject"].as_str().unwrap();
        let epoch = &event["data"]["landing_epoch"];
        let made = events.iter().find(|e| e["type"] == "convoy.created" && e["subject"] == convoy)?;
        let content = &made["data"]["convoy"];
        let mut expected: Vec<&str> =
            content["notify"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        expected.extend(content["owner"].as_str());
        expected.sort_unstable();
        expected.dedup();
        let notices = events.iter().filter(|e| e["type"] == "notice.sent").map(|e| &e["data"]["notice"]);
        let about = notices.filter(|n| {
            n["convoy"] == convoy && n["landing_epoch"] == *epoch && n["kind"] == "convoy_landed"
        });
        let mut told: Vec<&str> = about.filter_map(|notice| notice["to"].as_str()).collect();
        told.sort_unstable();
        if told != expected {
            return Some(format!("of the landing of {convoy} were told {told:?}, not {expected:?}"));
        }
    }
    None
}

/// Processes, workdirs and locks that belong to nothing that lives.
fn leftovers(room: &Room, events: &[Value]) -> Option<String> {
    let subjects = |kind: &str| -> BTreeSet<&str> {
        events.iter().filter(|e| e["type"] == kind).filter_map(|e| e["subject"].as_str()).collect()
    };
    let (wanted, over) = (subjects("session.wanted"), subjects("session.over"));
    for process in room.env.processes() {
        let environ = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        let session = environ.split(|b| *b == 0).find_map(|pair| pair.strip_prefix(b"CONVOY_SESSION="));
        let Some(session) = session.map(|bytes| String::from_utf8_lossy(bytes).into_owned()) else {
            continue;
        };
        let live = wanted.contains(session.as_str()) && !over.contains(session.as_str());
        if !live && lives(process.pid.cast_unsigned()) {
            return Some(format!("{process:?} of session {session} is alive"));
        }
    }
    let root = room.env.home().join(".local/share/convoy/workdirs");
    let workspaces = fs::read_dir(root).into_iter().flatten().flatten();
    for entry in workspaces.flat_map(|entry| fs::read_dir(entry.path()).into_iter().flatten().flatten()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = room.state().join("sessions").join(&name);
        if !name.starts_with('.') && !wanted.contains(name.as_str()) && !folder.is_dir() {
            return Some(format!("workdir {name} belongs to no session"));
        }
    }
    let locks = files_below(&room.env.dir().join(".git")).into_iter();
    let mut locks = locks.filter(|path| path.extension().is_some_and(|extension| extension == "lock"));
    locks.next().map(|path| format!("{} was left", path.display()))
}

/// Every commit that an agent told of is kept by a reference.
fn commits(room: &Room) -> Option<String> {
    let mut list = room.env.command("git", &room.env.dir());
    list.args(["rev-list", "--all"]);
    let kept = room.env.run(list).ok().stdout;
    let kept: BTreeSet<&str> = kept.lines().collect();
    let witness = room.env.witness();
    let told =
        witness.iter().filter(|entry| entry["argv"] == serde_json::json!(["git", "rev-parse", "HEAD"]));
    let mut told = told.filter_map(|entry| entry["stdout"].as_str()).map(str::trim);
    told.find(|commit| !kept.contains(commit)).map(|commit| format!("commit {commit} is lost"))
}
