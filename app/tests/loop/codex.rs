//! Real agents on real work, against a scripted model: Codex, as npm installs it and by its built-in preset.

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::Script as NoScript;
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents;
use serde_json::json;

use crate::real::{two_pieces, usage, work};
use crate::room::{Room, SOON, outside, text};

const MODEL: &str = "gpt-5.1-codex";

/// Where `codex` of the built-in preset is found and led to a script.
fn with_codex(url: &str) -> TestEnv {
    let mut env = outside();
    real_agents::link_into(&env.bin());
    real_agents::codex_home(&env.home(), url);
    env.set("OPENAI_SCRIPTED_KEY", "scripted");
    env
}

pub(crate) fn codex_room(url: &str) -> Room {
    let defaults = format!("[defaults]\nagent = \"codex\"\nmodel = \"{MODEL}\"\n");
    Room::around(with_codex(url), &defaults, &NoScript::default())
}

/// Where its model is its own affair.
fn unasked_room(url: &str) -> Room {
    Room::around(with_codex(url), "[defaults]\nagent = \"codex\"\n", &NoScript::default())
}

/// Starts a codex that has spent, has left an edit, and is in the middle of a tool.
pub(crate) fn in_the_middle(server: &ModelServer) -> (Room, String) {
    let tool = "echo half > half; touch \"$HOME/tool-runs\"; exec sleep 600";
    let steps = [
        Step::bash("true").tokens(500, 20).cached(50, 5),
        Step::bash(tool).tokens(700, 30).cached(100, 10),
        Step::say("I am done."),
    ];
    let url = server.add("work", Script::new(steps));
    let room = codex_room(&url);
    let convoy = room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    (room, convoy)
}

fn commands(room: &Room) -> Vec<String> {
    room.env.processes().into_iter().map(|process| process.command).collect()
}

/// Insists that nothing of an agent is left.
pub(crate) fn nothing_runs(room: &Room) {
    let left = commands(room);
    let of_agents =
        |command: &String| ["sleep 600", "codex", "gemini", "claude"].iter().any(|it| command.contains(it));
    assert!(!left.iter().any(of_agents), "{left:#?}");
}

#[test]
fn codex_does_two_issues_that_depend_on_each_other() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = unasked_room(&server.add("work", two_pieces()));
    let convoy = room.launch_new("gt-one gt-two:gt-one", "");
    room.lands(&convoy);
    let repo = room.repo();
    assert_eq!(
        repo.git(["log", "--first-parent", "--format=%s"]),
        "Merge gt-two: Do gt-two\nMerge gt-one: Do gt-one\nBegin"
    );
    assert_eq!((repo.read("gt-one.txt"), repo.read("gt-two.txt")), ("done\n".into(), "done\n".into()));
    for issue in ["gt-one", "gt-two"] {
        let worker = room.worker(issue);
        let session = &worker["sessions"][0];
        assert_eq!(session["usage"], usage(), "{session:#}");
        assert_eq!((&worker["attempt"], text(session, "/model")), (&1.into(), MODEL), "{session:#}");
        assert_eq!(text(session, "/cost_source"), "estimated", "{session:#}");
        assert!(session["cost"]["micros"].as_i64().unwrap() > 0, "{session:#}");
        let counted = room.events("session.usage");
        assert_eq!(counted.iter().filter(|event| event["subject"] == session["id"]).count(), 1, "a turn");
    }
    let logs = room.convoy("logs gt-two").stdout;
    assert!(logs.contains("I write the file.") && !logs.contains("\"type\""), "{logs}");
    let raw = room.convoy("logs gt-two --raw").stdout;
    assert!(raw.contains("turn.completed"), "{raw}");
    let program = real_agents::codex_program().unwrap().to_string_lossy().into_owned();
    let check = room.json("agent check codex");
    assert_eq!((&check[0]["path"], &check[0]["installed"]), (&json!(program), &json!(true)), "{check:#}");
    assert!(text(&check[0], "/version").contains("0.169.0"), "{check:#}");
}

#[test]
fn a_failed_turn_is_a_failed_attempt_with_its_reason() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let mut steps = work("gt-one");
    steps[0].error = Step::fail(400, "invalid_request_error", "prompt is not understood").times(1).error;
    let room = codex_room(&server.add("work", Script::new(steps)));
    let convoy = room.launch_new("gt-one", "");
    room.lands(&convoy);
    let worker = room.worker("gt-one");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&2.into(), &1.into()), "{worker:#}");
    let why = text(&worker, "/sessions/0/why");
    assert!(why.contains("prompt is not understood"), "{why}");
    let prompts: Vec<usize> = server.log().iter().map(|seen| seen.prompts).collect();
    assert!(prompts.iter().all(|count| *count == prompts[0]), "it began afresh: {prompts:?}");
}

#[test]
fn a_stopped_codex_leaves_nothing_running() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let (room, _) = in_the_middle(&server);
    // What was started is the program, not the script of that name in PATH, which would start it.
    let pid = room.worker("gt-one")["sessions"][0]["pid"].as_i64().unwrap();
    let agent = room.env.processes().into_iter().find(|process| i64::from(process.pid) == pid).unwrap();
    let program = real_agents::codex_program().unwrap().to_string_lossy().into_owned();
    assert!(agent.command.starts_with(&program), "{}", agent.command);
    room.convoy("work stop gt-one");
    assert!(room.follow("worker.stopped").printed("overseer", SOON), "{}", room.story());
    nothing_runs(&room);
    let worker = room.worker("gt-one");
    assert_eq!(text(&worker, "/state"), "stopped");
    assert_eq!(server.calls("work"), 2, "it was not let go on");
    // It said nothing of what it had used; its transcript does.
    let session = &worker["sessions"][0];
    let spent = json!({ "input": 1200, "output": 50, "cache_read": 150, "cache_write": 15 });
    assert_eq!((&session["usage"], text(session, "/cost_source")), (&spent, "estimated"), "{session:#}");
    let branch = text(&worker, "/branch").to_owned();
    assert_eq!(room.repo().git(["show", &format!("{branch}:half")]), "half", "its work is kept");
}

#[test]
fn a_killed_codex_leaves_nothing_running_and_is_tried_again() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let (room, convoy) = in_the_middle(&server);
    server.add("work", Script::by_prompt([("ended by signal 15", work("gt-one"))]));
    let pid = room.worker("gt-one")["sessions"][0]["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // What anybody may do to it.
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    room.lands(&convoy);
    nothing_runs(&room);
    let worker = room.worker("gt-one");
    let session = &worker["sessions"][0];
    assert_eq!(
        (text(session, "/outcome"), &session["exit"]["signal"]),
        ("failure", &15.into()),
        "{session:#}"
    );
    assert_eq!(worker["sessions"][1]["usage"], usage(), "{worker:#}");
    assert_eq!(room.repo().read("half"), "half\n", "what it left was gone on with");
}
