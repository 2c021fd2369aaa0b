//! The base branch moves while a merge is under way.

use convoy_testkit::fake_agent::{self, Script, Step};

use crate::oracle;
use crate::room::{Room, then_work};

/// A gate that plays these steps.
fn gate(steps: &[Step]) -> String {
    let steps = serde_json::to_string(steps).unwrap();
    let command = serde_json::json!([fake_agent::path(), "--no-stdin", "--do", steps]);
    format!("[gates.check]\ncommand = {command}\n")
}

#[test]
fn a_base_that_moves_while_gates_run_is_merged_anew() {
    let room = Room::bare();
    let began = Step::Append { path: room.at("began"), content: "x".into() };
    room.init(&Script::always(then_work([])), &gate(&[began, Step::WaitFor(room.at("go"))]));
    room.issues(&["gt-1"]);
    let convoy = room.launch(&["gt-1"]);
    room.env.wait_for("began");
    let repo = room.repo();
    repo.write("theirs.txt", "theirs\n");
    let theirs = repo.commit("Theirs");
    room.release("go");
    room.land(&convoy);
    let moved = room.events_of("merge.moved");
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0]["data"]["now"], theirs.as_str());
    // The gates ran on what landed, once for each round.
    assert_eq!(std::fs::read_to_string(room.at("began")).unwrap(), "xx");
    assert_eq!(repo.git(["show", "main:theirs.txt", "main:gt-1.txt"]), "theirs\ndone");
    repo.git(["merge-base", "--is-ancestor", &theirs, "main"]);
    oracle::check(&room, &["gt-1", &convoy]);
}

#[test]
fn a_base_that_always_moves_is_given_up() {
    let room = Room::bare();
    let repo = room.repo();
    let tree = room.env.dir().display().to_string();
    let moves = "A commit of somebody else";
    let words = [
        "git",
        "-C",
        &tree,
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@y.z",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
    ];
    let commit = Step::Run(words.into_iter().chain([moves]).map(str::to_owned).collect());
    room.init(&Script::always(then_work([])), &gate(&[commit]));
    room.issues(&["gt-1"]);
    room.launch(&["gt-1"]);
    room.wait_events("issue.needs_human", 1);
    let why = room.issue("gt-1")["needs_human"].as_str().unwrap().to_owned();
    assert!(why.contains("moved 10 times"), "{why}");
    assert_eq!(repo.subjects("main").iter().filter(|subject| *subject == moves).count(), 10);
    oracle::check(&room, &["gt-1"]);
}
