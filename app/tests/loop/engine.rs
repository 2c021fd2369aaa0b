//! The engine comes and goes; agents and what they do stay.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use convoy_testkit::fake_agent::Script;
use rustix::process::Signal;
use serde_json::Value;

use crate::room::{Room, SOON, commit, outside, save_prompt, shell, text};

/// An agent that leaves an edit, holds until `go`, and works.
fn held() -> (Room, String) {
    let env = outside();
    let steps = [&[shell("echo half > half"), Room::hold(&env, "go")][..], &commit("a", "a\n")].concat();
    let room = Room::around(env, "", &Script::always(steps));
    room.issues("gt-a");
    let made = room.json("create Work gt-a");
    (room, text(&made, "/id").to_owned())
}

fn pid(room: &Room) -> Option<u64> {
    room.worker("gt-a")["sessions"][0]["pid"].as_u64()
}

fn running(room: &Room) -> Value {
    room.json("daemon status")["running"].clone()
}

#[test]
fn run_follows_until_it_landed_and_leaves_nothing_behind() {
    let room = Room::new(&Script::works());
    room.issues("gt-a gt-b:gt-a");
    let convoy = room.json("create Work gt-a gt-b")["id"].as_str().unwrap().to_owned();
    let run = room.convoy(&format!("run {convoy}"));
    assert!(run.stdout.contains("gt-b") && run.stdout.contains("✓"), "{}", run.shown());
    assert_eq!(running(&room), false);
    assert_eq!(room.env.processes(), []);
    let again = room.json(&format!("run {convoy}"));
    assert_eq!(text(&again, "/status"), "landed", "again, at once");
    assert_eq!(room.env.wait_witness("start", 2).len(), 2);
}

#[test]
fn an_interrupted_run_detaches_and_the_work_goes_on() {
    let (room, convoy) = held();
    let run = room.env.start(["run", &convoy]);
    room.env.wait_witness("waiting", 1);
    let agent = pid(&room);
    run.signal(Signal::INT);
    let run = run.wait(SOON).exits(130);
    assert!(run.stdout.contains("Agents go on"), "{}", run.shown());
    assert_eq!(running(&room), true, "somebody has to take up what they do");
    assert_eq!(pid(&room), agent);
    room.open("go");
    room.lands(&convoy);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
}

#[test]
fn a_run_that_is_killed_is_taken_up_by_the_next() {
    let (room, convoy) = held();
    let run = room.env.start(["run", &convoy]);
    room.env.wait_witness("waiting", 1);
    run.signal(Signal::KILL);
    run.wait(SOON).exits(137);
    assert_eq!(running(&room), false);
    room.open("go");
    room.convoy(&format!("run {convoy}"));
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
    assert_eq!(room.repo().read("a"), "a\n");
}

#[test]
fn while_run_has_the_workspace_others_can_look_and_order() {
    let (room, convoy) = held();
    let run = room.env.start(["run", &convoy]);
    room.env.wait_witness("waiting", 1);
    for words in ["list", "status", "issue list", "work list", "why gt-a", "events", "stranded", "mail inbox"]
    {
        room.convoy(words);
    }
    assert_eq!(text(&room.worker("gt-a"), "/sessions/0/state"), "running");
    room.issues("gt-b");
    room.convoy(&format!("add {convoy} gt-b"));
    room.open("go");
    let run = run.wait(SOON).ok();
    assert!(run.stdout.contains("2/2"), "{}", run.shown());
}

#[test]
fn down_ends_a_run_and_leaves_its_agents_at_work() {
    let (room, convoy) = held();
    let run = room.env.start(["run", &convoy]);
    room.env.wait_witness("waiting", 1);
    let agent = pid(&room);
    room.convoy("down");
    let run = run.wait(SOON).exits(130);
    assert!(run.stdout.contains("Agents go on"), "{}", run.shown());
    assert_eq!(running(&room), false, "nobody came in its place");
    assert_eq!(pid(&room), agent);
    room.convoy("up");
    room.open("go");
    room.lands(&convoy);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
}

#[test]
fn down_leaves_agents_at_work_and_up_takes_them_up() {
    let (room, convoy) = held();
    room.convoy("up");
    room.convoy(&format!("work assign gt-a {convoy}"));
    room.env.wait_witness("waiting", 1);
    let agent = pid(&room).unwrap();
    let down = room.convoy("down");
    assert!(down.stdout.contains("1 agent at work"), "{}", down.shown());
    assert!(room.env.processes().iter().any(|p| u64::try_from(p.pid) == Ok(agent)));
    room.convoy("up");
    assert_eq!(pid(&room), Some(agent));
    room.convoy("up");
    room.open("go");
    room.lands(&convoy);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
}

#[test]
fn an_agent_that_ends_while_nobody_is_up_is_judged_by_the_next_engine() {
    let (room, convoy) = held();
    room.convoy(&format!("work assign gt-a {convoy}"));
    room.env.wait_witness("waiting", 1);
    room.convoy("down");
    room.open("go");
    room.env.wait_witness("end", 1);
    assert_eq!(room.repo().subjects("main"), ["Begin"]);
    room.convoy("up");
    room.lands(&convoy);
    assert_eq!(room.repo().read("a"), "a\n");
}

#[test]
fn down_can_stop_agents_and_up_has_their_work_gone_on_with() {
    let (room, convoy) = held();
    room.convoy(&format!("work assign gt-a {convoy}"));
    room.env.wait_witness("waiting", 1);
    let down = room.convoy("down --stop-agents");
    assert!(down.stdout.contains("1 agent stopped"), "{}", down.shown());
    assert_eq!(room.env.processes(), []);
    let steps =
        [&[save_prompt(&room.env, "prompt"), shell("test -f half")][..], &commit("a", "a\n")].concat();
    room.plays(&Script::always(steps));
    room.convoy("up");
    room.lands(&convoy);
    assert_eq!(room.repo().read("half"), "half\n");
    assert!(room.saved("prompt").contains("already holds that work"));
    assert_eq!(room.worker("gt-a")["failures"], 0);
}

#[test]
fn a_killed_engine_is_followed_by_another_that_goes_on() {
    let (room, convoy) = held();
    room.convoy(&format!("work assign gt-a {convoy}"));
    room.env.wait_witness("waiting", 1);
    let engine = room.json("daemon status")["pid"].as_i64().unwrap();
    let engine = rustix::process::Pid::from_raw(i32::try_from(engine).unwrap()).unwrap();
    rustix::process::kill_process(engine, Signal::KILL).unwrap();
    room.open("go");
    room.lands(&convoy);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
}

#[test]
fn the_last_issue_lands_its_convoy_with_nobody_up() {
    let room = Room::new(&Script::works());
    room.issues("gt-a gt-b");
    let convoy = room.json("create Work gt-a gt-b --notify --human")["id"].as_str().unwrap().to_owned();
    room.convoy("issue close gt-a");
    room.convoy("issue close gt-b");
    let view = room.json(&format!("status {convoy}"));
    assert_eq!((text(&view, "/status"), &view["landing_epoch"]), ("landed", &1.into()), "{view:#}");
    assert_eq!(room.events("convoy.landed").len(), 1);
    assert_eq!(room.json("mail inbox").as_array().unwrap().len(), 1);
    assert_eq!(running(&room), false, "nothing was left to do");
    assert_eq!(room.env.processes(), []);
}

#[test]
fn the_directory_and_inherited_variables_make_no_difference() {
    let mut env = outside();
    let other = env.repo_named("other");
    let (git, tree) = (other.path().join(".git"), other.path().to_owned());
    let head = other.git(["rev-parse", "HEAD"]);
    env.repo();
    for (name, value) in [
        ("GIT_DIR", git.as_path()),
        ("GIT_WORK_TREE", &tree),
        ("GIT_INDEX_FILE", &git.join("index")),
        ("GIT_OBJECT_DIRECTORY", &git.join("objects")),
        ("GIT_COMMON_DIR", &git),
        ("GIT_NAMESPACE", "elsewhere".as_ref()),
        ("GIT_CEILING_DIRECTORIES", "/".as_ref()),
    ] {
        env.set(name, value);
    }
    env.set("CONVOY_SOCKET", "/nowhere").set("CONVOY_WORKER", "w-nobody").set("CONVOY_EPOCH", "99");
    env.set("CONVOY_ISSUE", "gt-zzz")
        .set("CONVOY_CONVOY", "hq-cv-zzzzz")
        .set("CONVOY_BRIEF_FILE", "/nowhere");
    // The test's own git must not be led astray, so it is called with another environment.
    let room = Room::around(env, "", &Script::works());
    let deep = room.env.dir().join("src/deep");
    std::fs::create_dir_all(&deep).unwrap();
    let in_deep = |words: &str| room.env.convoy_in(&deep, words.split_whitespace()).ok();
    in_deep("issue create Do --id gt-a");
    let at = room.env.dir().to_string_lossy().into_owned();
    let elsewhere = |words: &str| {
        room.env.convoy_in(room.env.root(), ["-C", &at].into_iter().chain(words.split_whitespace())).ok()
    };
    let made = elsewhere("create Work gt-a --run --json").json();
    let convoy = text(&made, "/id").to_owned();
    in_deep(&format!("wait {convoy} --timeout 60s"));
    let issue = elsewhere("issue show gt-a --json").json();
    let issue = issue.as_array().map_or(issue.clone(), |all| all[0].clone());
    assert_eq!(text(&issue, "/created_by"), "overseer");
    assert_eq!(text(&issue, "/close_reason"), "merged");
    assert_eq!(std::fs::read_to_string(room.env.dir().join("gt-a.txt")).unwrap(), "done\n");
    let refs = std::fs::read_to_string(git.join("refs/heads/main")).unwrap();
    assert_eq!(refs.trim(), head, "the other repository is as it was");
    assert!(!tree.join("gt-a.txt").exists());
    let start = &room.env.wait_witness("start", 1)[0];
    assert_eq!(start["env"]["CONVOY_ISSUE"], "gt-a");
    let names = start["variables"].as_array().unwrap();
    assert!(!names.iter().any(|name| name == "GIT_DIR" || name == "GIT_WORK_TREE"), "{names:?}");
}

#[test]
fn an_engine_of_another_version_is_told_clearly() {
    let room = Room::new(&Script::works());
    room.convoy("up");
    let socket = text(&room.json("daemon status"), "/socket").to_owned();
    // An older or newer command asks ours.
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"{\"protocol\":999,\"ask\":\"engine\"}\n").unwrap();
    let mut reply = String::new();
    BufReader::new(&stream).read_line(&mut reply).unwrap();
    assert!(reply.contains("of another version") && reply.contains("convoy down"), "{reply}");
    // What any version understands is to make way.
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"{\"protocol\":999,\"control\":{\"down\":{\"stop_agents\":false}}}\n").unwrap();
    let mut done = String::new();
    BufReader::new(&stream).read_line(&mut done).unwrap();
    assert_eq!(done, "\"done\"\n");
    room.convoy("down");
    // Ours asks an older or newer engine, which says the same, or something that we do not understand.
    for said in [reply, "{\"novelty\":{\"x\":1}}\n".to_owned(), "not even JSON\n".to_owned()] {
        let listener = UnixListener::bind(&socket).unwrap();
        let ended = serve(&listener, &said, room.env.start(["list"]));
        assert_eq!(ended.status, 1, "{}", ended.shown());
        assert!(ended.stderr.contains("another version"), "{}", ended.shown());
        drop(listener);
        let _ = std::fs::remove_file(&socket);
    }
}

/// Answers every call alike until the command has ended.
fn serve(
    listener: &UnixListener,
    said: &str,
    command: convoy_testkit::env::Background,
) -> convoy_testkit::env::Run {
    std::thread::scope(|scope| {
        let serving = std::thread::Builder::new();
        let serving = serving.spawn_scoped(scope, move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut call = String::new();
                let _ = BufReader::new(&stream).read_line(&mut call);
                if call == "end\n" {
                    return;
                }
                let _ = stream.write_all(said.as_bytes());
            }
        });
        let serving = serving.unwrap();
        let ended = command.wait(Duration::from_secs(20));
        let address = listener.local_addr().unwrap();
        let mut last = UnixStream::connect(address.as_pathname().unwrap()).unwrap();
        last.write_all(b"end\n").unwrap();
        serving.join().unwrap();
        ended
    })
}
