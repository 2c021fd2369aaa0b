//! Commands: killed at any point, many at once, with a lost reply.

use std::collections::BTreeSet;
use std::time::Duration;

use convoy_testkit::env::Background;
use convoy_testkit::fake_agent::Script;
use serde_json::Value;

use crate::room::{BIN, Room};
use crate::{PATIENCE, count, oracle, skip};

fn ids_titled(room: &Room, title: &str) -> Vec<String> {
    let all = room.convoy(["issue", "list", "--all", "--json"]).ok().json();
    let titled = all.as_array().unwrap().iter().filter(|issue| issue["title"] == title);
    titled.map(|issue| issue["id"].as_str().unwrap().to_owned()).collect()
}

/// The same command with the same key makes the same issue, however often.
#[track_caller]
fn once_with_key(room: &Room, title: &str) -> String {
    let before = ids_titled(room, title);
    assert!(before.len() <= 1, "{title}: {before:?}");
    let args = ["issue", "create", title, "--key", title, "--json"];
    let made = room.convoy(args).ok().json()["id"].as_str().unwrap().to_owned();
    assert_eq!(room.convoy(args).ok().json()["id"], made.as_str(), "{title}");
    assert_eq!(ids_titled(room, title), std::slice::from_ref(&made), "{title}");
    assert!(before.is_empty() || before == [made.clone()], "{title}: {before:?}");
    made
}

/// Kills `issue create` at its n-th call of a kind, for n from 1 until it gets through.
fn kill_at_each(room: &Room, calls: &str, stride: usize) -> Vec<String> {
    let mut made = Vec::new();
    for n in (1..2000).step_by(stride) {
        let title = format!("{} {n}", &calls[..calls.find(',').unwrap_or(calls.len())]);
        let mut command = room.env.command("strace", &room.env.dir());
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        command.args(["-e", &format!("inject={calls}:signal=KILL:when={n}")]);
        command.args([BIN, "issue", "create", &title, "--key", &title]);
        let run = room.env.run(command);
        assert!([0, 137].contains(&run.status), "{calls} {n}: {}", run.shown());
        if run.status == 0 {
            assert_eq!(ids_titled(room, &title).len(), 1, "{title} was acknowledged");
        }
        made.push(once_with_key(room, &title));
        if run.status == 0 {
            assert!(n > 1, "{calls} was never called");
            return made;
        }
    }
    panic!("{calls} without end");
}

fn killed(room: &Room, calls: &[&str]) {
    let has_strace = room.env.run(room.env.command("strace", room.env.root())).status != 127;
    if !has_strace {
        return skip("there is no strace");
    }
    let mut made = Vec::new();
    for calls in calls {
        made.extend(kill_at_each(room, calls, count(5, 1)));
    }
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    oracle::check(room, &made);
}

#[test]
fn a_command_that_is_killed_without_an_engine() {
    let room = Room::new(&Script::works(), "");
    killed(&room, &["write,pwrite64", "fsync,fdatasync,rename,renameat,unlink,ftruncate", "openat,flock"]);
}

#[test]
fn a_command_that_is_killed_while_it_talks_to_the_engine() {
    let room = Room::new(&Script::works(), "");
    room.convoy(["up"]).ok();
    killed(&room, &["write,sendto", "connect,openat", "read,recvfrom"]);
}

/// An engine that dies at a point, and listens.
fn doomed(room: &Room, crash: &str) -> Background {
    let mut command = room.command(["daemon", "serve"]);
    command.env("CONVOY_CRASH", crash);
    let engine = room.env.spawn(command);
    assert!(engine.printed("ready", PATIENCE));
    engine
}

#[test]
fn a_lost_reply_is_never_a_success() {
    let room = Room::new(&Script::works(), "");
    let mut made = Vec::new();
    for (crash, recorded) in [("append:before@1", 0), ("append:after@1", 1), ("effects:before@1", 1)] {
        let engine = doomed(&room, crash);
        let run = room.convoy(["issue", "create", crash, "--key", crash, "--json"]);
        if crash.starts_with("append") {
            let run = run.exits(5);
            assert!(run.stderr.contains("\"unknown\"") && run.stderr.contains("--key"), "{}", run.shown());
        }
        assert_eq!(engine.wait(PATIENCE).status, 137);
        assert_eq!(ids_titled(&room, crash).len(), recorded, "{crash}");
        made.push(once_with_key(&room, crash));
    }
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    oracle::check(&room, &made);
}

#[test]
fn of_fifty_engines_one_stays() {
    let room = Room::new(&Script::works(), "");
    let all: Vec<Background> = (0..50).map(|_| room.start(["up", "--json"])).collect();
    let pids: BTreeSet<String> =
        all.into_iter().map(|up| up.wait(PATIENCE).ok().json()["pid"].to_string()).collect();
    assert_eq!(pids, BTreeSet::from([room.engine_pid().to_string()]));
    let engines = room.env.processes().into_iter().filter(|process| process.command.contains("daemon serve"));
    assert_eq!(engines.count(), 1);
    let said = std::fs::read_to_string(room.state().join("engine.log")).unwrap();
    assert_eq!(said.matches(" serves ").count(), 1, "{said}");
    oracle::check(&room, &[]);
}

/// Runs commands, so many at once.
fn at_once(room: &Room, commands: Vec<Vec<String>>, width: usize) -> Vec<convoy_testkit::env::Run> {
    let mut commands = commands.into_iter();
    let mut running: std::collections::VecDeque<Background> =
        commands.by_ref().take(width).map(|args| room.start(args)).collect();
    let mut done = Vec::new();
    while let Some(first) = running.pop_front() {
        done.push(first.wait(Duration::from_secs(100)));
        running.extend(commands.next().map(|args| room.start(args)));
    }
    done
}

fn creates(with_engine: bool) {
    let room = Room::new(&Script::works(), "");
    if with_engine {
        room.convoy(["up"]).ok();
    }
    let many = count(100, 500);
    let commands =
        (0..many).map(|n| ["issue", "create", &format!("Issue {n}"), "--json"].map(str::to_owned).into());
    let runs = at_once(&room, commands.collect(), 50);
    let ids: BTreeSet<String> =
        runs.into_iter().map(|run| run.ok().json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), many);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(room.events_of("issue.created").len(), many);
    oracle::check(&room, &ids);
}

#[test]
fn many_creates_at_once_without_an_engine() {
    creates(false);
}

#[test]
fn many_creates_at_once_with_an_engine() {
    creates(true);
}

#[test]
fn twenty_closes_at_once_land_a_convoy_once() {
    for with_engine in [false, true] {
        let room = Room::new(&Script::works(), "");
        if with_engine {
            room.convoy(["up"]).ok();
        }
        let ids: Vec<String> = (0..10).map(|n| format!("gt-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        room.issues(&ids);
        let create = [
            "create",
            "Together",
            "--notify",
            "mayor/",
            "--notify",
            "--human",
            "--owner",
            "gastown/nux",
            "-q",
        ];
        let convoy = room.convoy(create.iter().chain(&ids)).ok().stdout.trim().to_owned();
        // Each issue twice.
        let close = |id: &&str| ["issue", "close", id, "--json"].map(str::to_owned).into();
        let closes: Vec<Vec<String>> = ids.iter().chain(&ids).map(close).collect();
        let runs = at_once(&room, closes, 20);
        let items: Vec<Value> = runs.into_iter().map(|run| run.ok().json()[0].clone()).collect();
        assert_eq!(items.iter().filter(|item| item["changed"] == true).count(), 10, "{items:?}");
        assert_eq!(room.events_of("convoy.landed").len(), 1);
        assert_eq!(room.events_of("notice.sent").len(), 3);
        let view = room.convoy(["status", &convoy, "--json"]).ok().json();
        assert_eq!((&view["status"], &view["landed_by"]), (&"landed".into(), &"close".into()), "{view}");
        oracle::check(&room, &[&convoy]);
    }
}
