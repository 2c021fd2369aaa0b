//! Whoever tells beads of a change may die at any moment; it is told again, and nothing comes of it twice.

use crate::room::Room;

/// One command or engine is killed at a point, and what comes next finishes.
fn killed_at(point: &str, by_engine: bool) {
    let room = Room::new();
    let id = room.bd().create("A", &[]);
    room.convoy("tracker notify");
    let convoy = room.create(&[&id]);
    let crashing = |words: &[&str]| {
        let mut command = room.env.command(env!("CARGO_BIN_EXE_convoy"), &room.env.dir());
        command.args(words).env("CONVOY_CRASH", format!("{point}@1"));
        room.env.run(command).exits(137)
    };
    if by_engine {
        // What is done while beads cannot be read is left for the engine.
        room.hide(true);
        room.convoy(&format!("issue close {id}"));
        room.convoy("down");
        room.hide(false);
        crashing(&["daemon", "serve"]);
    } else {
        crashing(&["issue", "close", &id]);
    }
    room.convoy("up");
    room.until(|bd| bd.show(&id)["status"] == "closed");
    assert_eq!(room.json(&format!("status {convoy}"))["status"], "landed", "{point}");
    let issue = room.issue(&id);
    assert_eq!(
        (&issue["status"], &issue["close_reason"]),
        (&"closed".into(), &"completed".into()),
        "{point}"
    );
    let times = |kind: &str| room.convoy(&format!("events --type {kind} --json")).stdout.lines().count();
    assert_eq!(
        (times("issue.closed"), times("convoy.landed"), times("issue.reopened")),
        (1, 1, 0),
        "{point}"
    );
    room.convoy("tracker notify");
    assert_eq!(room.json("tracker status")[0]["pending"], 0, "{point}");
}

#[test]
fn a_command_before_it_tells() {
    killed_at("push:before", false);
}

#[test]
fn a_command_between_telling_and_the_record() {
    killed_at("push:told", false);
}

#[test]
fn a_command_after_telling() {
    killed_at("push:after", false);
}

#[test]
fn an_engine_before_it_tells() {
    killed_at("push:before", true);
}

#[test]
fn an_engine_between_telling_and_the_record() {
    killed_at("push:told", true);
}

#[test]
fn an_engine_after_telling() {
    killed_at("push:after", true);
}
