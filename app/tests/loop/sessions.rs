//! Sessions of persons and of agents: checkpoints that come by themselves as time passes, stops that wait for theirs,
//! crashes around them, and going on, here and in another clone.

use std::time::Duration;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::Script;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::room::{Room, commit, outside, says, text};

#[expect(dead_code, unreachable_pub, reason = "it is a program of its own, whose work is done here too")]
#[path = "../../../api/examples/session.rs"]
mod example;

const MINUTE: Duration = Duration::from_secs(60);
const REFERENCE: &str = "refs/convoy/state";

/// A room whose clock the test moves.
fn clocked(script: &Script) -> Room {
    let mut env = outside();
    env.with_clock();
    Room::around(env, "", script)
}

/// The subjects of what was committed on the ref, oldest first, without its root.
fn kept(room: &Room) -> Vec<String> {
    let log = room.repo().git(["log", "--first-parent", "--reverse", "--format=%s", REFERENCE]);
    log.lines().skip(1).map(str::to_owned).collect()
}

/// The ids of the checkpoints that are files of the ref.
fn files(room: &Room) -> Vec<String> {
    let all = room.repo().git(["ls-tree", "-r", "--name-only", REFERENCE, "checkpoints/"]);
    let id = |path: &str| path.rsplit('/').next().unwrap().trim_end_matches(".json").to_owned();
    let mut ids: Vec<String> = all.lines().map(id).collect();
    ids.sort();
    ids
}

/// The ids of the checkpoints that were announced.
fn announced(room: &Room) -> Vec<String> {
    let made = room.events("checkpoint.made");
    let mut ids: Vec<String> = made.iter().map(|event| text(event, "/data/checkpoint").to_owned()).collect();
    ids.sort();
    ids
}

fn reasons(room: &Room) -> Vec<String> {
    let name = |event: &Value| match &event["data"]["checkpoint"]["reason"] {
        Value::String(name) => name.clone(),
        reason => reason.as_object().unwrap().keys().next().unwrap().clone(),
    };
    room.events("checkpoint.wanted").iter().map(name).collect()
}

fn kill_engine(room: &Room) {
    let pid = room.json("daemon status")["pid"].as_u64().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

/// The first document's verification: work for 20 minutes, a checkpoint at 15 by itself, a crash, and going on.
#[test]
fn work_is_kept_after_a_quarter_of_an_hour_and_gone_on_from_after_a_crash() {
    let room = clocked(&Script::works());
    let start = room.convoy("session start --epic test-001 --budget 5.00").stdout;
    assert!(start.contains("Session number:  1") && start.contains("Session ready."), "{start}");
    room.repo().write("src/new.txt", "work of the first session\n");
    room.env.advance(20 * MINUTE);
    room.until("checkpoint.wanted", "interval");
    let wanted = room.events("checkpoint.wanted");
    room.until("checkpoint.made", text(wanted.last().unwrap(), "/data/checkpoint/id"));
    assert_eq!(reasons(&room), ["started", "interval"]);
    kill_engine(&room);
    let resumed = room.convoy("session start --epic test-001 --resume").stdout;
    for piece in [
        "Session number:  2",
        "RESUME BRIEF",
        "src/new.txt (created +1/-0)",
        "Limit: $5.00",
        "Session: 2, goes on from session 1",
    ] {
        assert!(resumed.contains(piece), "{piece}: {resumed}");
    }
    let status = room.json("session status --epic test-001");
    assert_eq!(status["budget"]["usd"], "5.00");
    assert_eq!(status["sessions"][0]["parent_session_id"], status["sessions"][1]["id"]);
    assert_eq!(status["sessions"][1]["state"], "paused");
    let list = room.convoy("session list --epic test-001").stdout;
    assert!(list.contains("something changed since the last one"), "{list}");
    let subjects = kept(&room);
    assert!(
        subjects.iter().any(|subject| subject.starts_with("test-001 session 1: something changed")),
        "{subjects:?}"
    );
    assert_eq!(files(&room), announced(&room));
    // Nothing of the person's was touched.
    assert_eq!(room.repo().git(["status", "--short", "src"]), "?? src/new.txt");
}

#[test]
fn an_idle_hour_makes_no_commits() {
    let room = clocked(&Script::works());
    room.convoy("session start --epic idle");
    for _ in 0..4 {
        room.env.advance(15 * MINUTE);
        // The engine has looked at the clock since.
        room.convoy("session status");
    }
    room.repo().write("src/late.txt", "late\n");
    room.env.advance(15 * MINUTE);
    room.until("checkpoint.wanted", "interval");
    room.convoy("session pause");
    assert_eq!(reasons(&room), ["started", "interval", "paused"]);
    assert_eq!(kept(&room).len(), 3);
}

#[test]
fn an_agent_is_stopped_after_its_checkpoint_and_nothing_is_lost() {
    let env = outside();
    let steps =
        [&commit("done.txt", "done\n")[..], &[says(&["note", "decision: use tabs"]), Room::hold(&env, "go")]];
    let room = Room::around(env, "", &Script::always(steps.concat()));
    room.issues("gt-a");
    room.convoy("sling gt-a");
    room.env.wait_witness("waiting", 1);
    room.convoy("work stop gt-a");
    room.until("worker.stopped", "w-");
    let all: Vec<Value> =
        room.convoy("events --json").stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at = |kind: &str, has: &str| {
        let fits = |event: &Value| event["type"] == kind && event.to_string().contains(has);
        all.iter().position(fits).unwrap_or_else(|| panic!("no {kind} with {has}: {}", room.story()))
    };
    let wanted = at("checkpoint.wanted", "stopping");
    let id = text(&all[wanted], "/data/checkpoint/id").to_owned();
    assert!(at("session.stop_requested", "") < wanted);
    assert!(at("checkpoint.made", &id) < at("session.ended", ""), "{}", room.story());
    let shown = room.json(&format!("checkpoint show {id}"));
    assert_eq!(shown["context"]["files_modified"][0]["path"], "done.txt");
    assert_eq!(shown["context"]["decisions"][0], "use tabs");
    assert_eq!(shown["context"]["current_task"]["issue_id"], "gt-a");
    assert_eq!(files(&room), announced(&room));
    let brief = room.convoy("brief gt-a").stdout;
    assert!(brief.contains("## Files Modified\n\n- done.txt (created +1/-0)"), "{brief}");
}

/// Killed before and after the commit: announced is what is in git, and each is there once.
#[test]
fn a_checkpoint_is_announced_if_and_only_if_it_is_in_git() {
    for point in
        ["checkpoint:before@1", "checkpoint:after@1", "state:before@1", "state:after@1", "checkpoint:after@2"]
    {
        let mut env = outside();
        env.repo();
        env.set("CONVOY_CRASH", point);
        let room = Room::around(env, "[checkpoint]\nsnapshots = false\n", &Script::works());
        room.convoy("up");
        let Room { mut env } = room;
        env.set("CONVOY_CRASH", "");
        let room = Room { env };
        room.convoy("session start --epic crashed");
        room.repo().write("a.txt", "a\n");
        room.convoy("checkpoint create -m first");
        room.convoy("session pause");
        assert_eq!(reasons(&room), ["started", "asked", "paused"], "{point}");
        assert_eq!(announced(&room).len(), 3, "{point}");
        assert_eq!(files(&room), announced(&room), "{point}");
        assert_eq!(kept(&room).len(), 3, "{point}: {:?}", kept(&room));
    }
}

/// With nothing but git.
#[test]
fn a_second_clone_goes_on() {
    let room = Room::new(&Script::works());
    let repo = room.repo();
    let bare = room.env.root().join("origin.git");
    repo.git(["init", "-q", "--bare", bare.to_str().unwrap()]);
    repo.git(["remote", "add", "origin", bare.to_str().unwrap()]);
    repo.git(["push", "-q", "origin", "main"]);
    room.convoy("session start --epic far --budget 3.00");
    repo.write("half.txt", "half of it\n");
    room.env.convoy(["checkpoint", "create", "-m", "decision: by hand"]).ok();
    room.convoy("session pause --reason moving");
    room.convoy("sync");
    let other = room.env.root().join("elsewhere");
    repo.git(["clone", "-q", bare.to_str().unwrap(), other.to_str().unwrap()]);
    room.env.convoy_in(&other, ["init", "--prefix", "gt", "--name", "home"]).ok();
    room.env.convoy_in(&other, ["sync"]).ok();
    let resumed = room.env.convoy_in(&other, ["session", "start", "--epic", "far", "--resume"]).ok().stdout;
    for piece in ["Session number:  2", "half.txt (created +1/-0)", "- by hand", "moving", "Limit: $3.00"] {
        assert!(resumed.contains(piece), "{piece}: {resumed}");
    }
    // Its checkpoints come after those of the other machine.
    let status = room.env.convoy_in(&other, ["session", "status", "--epic", "far", "--json"]).ok().json();
    assert_eq!(status["checkpoints"][0]["sequence"], 4);
    room.env.convoy_in(&other, ["down"]).ok();
}

#[test]
fn the_example_of_the_library_begins_pauses_and_goes_on() {
    let room = Room::new(&Script::works());
    room.convoy("up");
    let socket = room.json("daemon status")["socket"].as_str().unwrap().to_owned();
    let engine = convoy_api::client::Client::new(move || std::os::unix::net::UnixStream::connect(&socket));
    let path = room.env.dir().canonicalize().unwrap();
    let epic = example::work(&engine, "home", path.to_str().unwrap()).unwrap();
    let states: Vec<(u32, &str)> =
        epic.sessions.iter().map(|session| (session.number, session.state.as_str())).collect();
    assert_eq!(states, [(2, "running"), (1, "paused")]);
    assert_eq!(epic.sessions[0].parent_session_id.as_ref(), Some(&epic.sessions[1].id));
}

/// An agent in the background of an epic is paused with it, and begins again with it.
#[test]
fn agents_in_the_background_pause_and_go_on_with_their_epic() {
    let env: TestEnv = outside();
    let script = Script::always([&[Room::hold(&env, "go")][..], &commit("a.txt", "a\n")].concat());
    let room = Room::around(env, "", &script);
    room.issues("gt-a");
    room.convoy("session start --epic deep --background --issue gt-a");
    room.env.wait_witness("waiting", 1);
    assert_eq!(room.worker("gt-a")["sessions"][0]["epic_id"], "deep");
    room.convoy("session pause --epic deep --reason night");
    room.until("worker.stopped", "w-");
    assert!(reasons(&room).contains(&"paused".to_owned()), "{}", room.story());
    room.convoy("session resume --epic deep");
    room.env.wait_witness("waiting", 2);
    room.open("go");
    room.until("issue.closed", "gt-a");
    let worker = room.worker("gt-a");
    assert!(worker["sessions"][0]["parent_session_id"].is_string(), "{worker:#}");
}
