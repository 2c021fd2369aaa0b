//! Streams: what happens and what agents print, as it does, without a gap.

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::client::{Sent, Site};
use crate::room::{Room, commit, outside, text};

/// Prints, waits, prints more, and ends.
fn talker(room: &convoy_testkit::env::TestEnv) -> Script {
    let mut steps = vec![
        Step::Print("one".into()),
        Step::Print("two".into()),
        Room::hold(room, "more"),
        Step::Print("three".into()),
    ];
    steps.extend(commit("a.txt", "a\n"));
    Script::always(steps)
}

fn talking() -> (Room, Site) {
    let env = outside();
    let script = talker(&env);
    let room = Room::around(env, "", &script);
    let site = Site::up(&room);
    (room, site)
}

/// Everything that happened.
pub(crate) fn all(room: &Room) -> Vec<Value> {
    room.story().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn lines(message: &Value) -> Vec<String> {
    message["lines"].as_array().unwrap().iter().map(|line| text(line, "/text").to_owned()).collect()
}

#[test]
fn events_come_as_the_command_prints_them_and_go_on_from_any_number() {
    let (room, site) = talking();
    room.issues("gt-a gt-b");
    let mut live = site.events("/api/events", None);
    let start = live.next().unwrap();
    let known = all(&room).last().unwrap()["seq"].clone();
    assert_eq!((start.name.as_str(), &start.data), ("start", &json!({"seq": known})));
    room.issues("gt-c");
    let came = live.next().unwrap();
    let printed = room.events("issue.created").pop().unwrap();
    assert_eq!((came.name.as_str(), &came.data), ("issue.created", &printed));
    assert_eq!(came.id, printed["seq"].to_string());
    // From the beginning, by the address or by what a browser says it saw last.
    let all = all(&room);
    for (path, last) in [("/api/events?since=0", None), ("/api/events?since=2", Some("0"))] {
        let mut again = site.events(path, last);
        assert_eq!(again.next().unwrap().data, json!({"seq": 0}));
        let read: Vec<Value> = all.iter().map(|_| again.next().unwrap().data).collect();
        assert_eq!(read, all);
    }
    // Only some.
    let mut issues = site.events("/api/events?since=0&type=issue.", None);
    issues.next();
    let read: Vec<String> = (0..3).map(|_| issues.next().unwrap().data["subject"].to_string()).collect();
    assert_eq!(read, ["\"gt-a\"", "\"gt-b\"", "\"gt-c\""]);
    room.convoy("issue close gt-c");
    let closed: Sent = issues.next().unwrap();
    assert_eq!((closed.name.as_str(), text(&closed.data, "/subject")), ("issue.closed", "gt-c"));
}

#[test]
fn a_convoy_is_watched_with_its_agents_until_it_lands() {
    let (room, site) = talking();
    room.issues("gt-x");
    let convoy = room.launch_new("gt-a", "");
    let mut live = site.socket(&format!("/api/convoys/{convoy}/stream?since=0"));
    assert_eq!(live.until("start")["seq"], 0);
    let (mut printed, mut session, mut next) = (Vec::new(), String::new(), Value::Null);
    while printed.len() < 2 {
        let message = live.until("output");
        session = text(&message, "/session").to_owned();
        assert!(text(&message, "/worker").starts_with("w-"), "{message}");
        printed.extend(lines(&message));
        next = message["next"].clone();
    }
    assert_eq!(printed, ["one", "two"]);
    // Somebody else comes later, and has seen one line.
    let mut late = site.socket(&format!("/api/convoys/{convoy}/stream?output={session}:4"));
    let start = late.until("start");
    assert_eq!(start["sessions"], json!([session]));
    assert_eq!(lines(&late.until("output")), ["two"]);
    room.open("more");
    let rest = late.until("output");
    assert_eq!((lines(&rest), &rest["offset"]), (vec!["three".to_owned()], &next));
    assert_eq!(lines(&live.until("output")), ["three"]);
    room.issues("gt-y");
    // All that concerns it, nothing else, then the end.
    let mut seen: Vec<Value> = Vec::new();
    let mut again = site.socket(&format!("/api/convoys/{convoy}/stream?since=0"));
    loop {
        match again.next() {
            Ok(message) if message["type"] == "event" => seen.push(message),
            Ok(message) if message["type"] == "end" => assert_eq!(message["reason"], "over"),
            Ok(_) => {}
            Err(code) => break assert_eq!(code, 1000),
        }
    }
    let names: Vec<&str> = seen.iter().map(|message| text(message, "/name")).collect();
    for name in ["issue.created", "convoy.created", "session.started", "session.over", "convoy.landed"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let subjects: Vec<&str> = seen.iter().map(|message| text(message, "/event/subject")).collect();
    assert!(!subjects.contains(&"gt-x") && !subjects.contains(&"gt-y"), "{subjects:?}");
    let all = all(&room);
    assert!(seen.iter().all(|message| all.contains(&message["event"])));
    // The others were told the same.
    assert_eq!(live.until("end")["reason"], "over");
    assert_eq!(live.next().unwrap_err(), 1000);
}

#[test]
fn of_a_convoy_some_types_are_told_although_others_say_what_belongs_to_it() {
    let (room, site) = talking();
    room.issues("gt-a");
    let id = text(&room.json("create First gt-a"), "/id").to_owned();
    let mut live = site.events(&format!("/api/events?convoy={id}&type=session."), None);
    assert_eq!(live.next().unwrap().name, "start");
    let mut again = site.events(&format!("/api/events?convoy={id}&type=session.&since=0"), None);
    room.convoy(&format!("start {id}"));
    for live in [&mut live, &mut again] {
        let started = live.until("session.started");
        assert!(text(&started.data, "/subject").starts_with("s-"));
    }
    room.open("more");
    room.lands(&id);
}

#[test]
fn output_is_sent_to_browsers_and_read_by_parts() {
    let (room, site) = talking();
    let convoy = room.launch_new("gt-a", "");
    room.until("session.started", "s-");
    let mut live = site.events("/api/work/gt-a/output/stream?offset=0", None);
    let (mut printed, mut last) = (Vec::new(), String::new());
    while printed.len() < 2 {
        let sent = live.until("output");
        printed.extend(lines(&sent.data));
        last = sent.id;
    }
    assert_eq!(printed, ["one", "two"]);
    drop(live);
    room.open("more");
    // A browser comes back with the last id.
    let mut live = site.events("/api/work/gt-a/output/stream?offset=0", Some(&last));
    assert_eq!(lines(&live.until("output").data), ["three"]);
    let end = live.until("end");
    assert!(live.next().is_none());
    let again = site.ask("GET", "/api/work/gt-a/output/stream").header("Last-Event-ID", &end.id).send();
    assert_eq!(again.status, 204, "it is told not to come again");
    room.lands(&convoy);
}

#[test]
fn a_worker_is_watched_by_its_issue_and_what_callers_say_changes_nothing() {
    let (room, site) = talking();
    let convoy = room.launch_new("gt-a", "");
    room.until("session.started", "s-");
    let mut live = site.socket("/api/work/gt-a/stream?raw=true");
    live.until("output");
    live.send(1, b"hello");
    live.send(9, b"ping");
    loop {
        let (kind, data) = live.frame();
        if kind == 10 {
            break assert_eq!(data, b"ping");
        }
    }
    room.open("more");
    assert_eq!(live.until("end")["reason"], "over");
    // Somebody who closes is let go.
    let mut other = site.socket(&format!("/api/convoys/{convoy}/stream"));
    other.until("start");
    other.send(8, &1000_u16.to_be_bytes());
    let code = loop {
        if let Err(code) = other.next() {
            break code;
        }
    };
    assert_eq!(code, 1000);
    // Too large a message is the end.
    let mut other = site.socket("/api/work/gt-a/stream?since=0");
    other.send(1, &vec![b'x'; 100_000]);
    room.lands(&convoy);
}
