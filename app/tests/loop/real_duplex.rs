//! Talking with a real Claude Code while it works, and what its hooks report, against a scripted model.

use std::path::Path;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::Script as NoScript;
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents;
use serde_json::{Value, json};

use crate::room::{Room, SOON, outside, text};

fn room(url: &str, prepare: impl FnOnce(&TestEnv)) -> Room {
    let mut env = outside();
    real_agents::link_into(&env.bin());
    for (name, value) in real_agents::claude_env(url) {
        env.set(&name, value);
    }
    prepare(&env);
    let defaults = "[defaults]\nagent = \"claude\"\nmodel = \"claude-sonnet-4-5\"\n";
    Room::around(env, defaults, &NoScript::default())
}

/// A tool that runs until the test writes into a named pipe.
fn held() -> Step {
    Step::bash("mkfifo \"$HOME/go\"; touch \"$HOME/tool-runs\"; cat \"$HOME/go\"")
}

/// All that Claude Code itself has kept of its conversations.
fn transcripts(dir: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all += &transcripts(&path);
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            all += &std::fs::read_to_string(path).unwrap_or_default();
        }
    }
    all
}

fn observations(room: &Room, session: &Value) -> Vec<Value> {
    let dir = room.env.dir().join(".convoy/state/sessions").join(text(session, "/id"));
    let lines = std::fs::read_to_string(dir.join("observations.ndjson")).unwrap();
    lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["report"].clone()).collect()
}

#[test]
fn claude_is_told_something_while_a_tool_runs_and_its_hooks_are_heard() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let steps = [vec![held()], Step::write_and_commit("one.txt", "one\n", "Do it")].concat();
    let url = server.add("work", Script::new(steps));
    // A person's own hooks go on to run.
    let room = room(&url, |env| {
        let hook = |name: &str| json!([{ "hooks": [{ "type": "command", "command": format!("touch \"$HOME/own-{name}\"") }] }]);
        let settings = json!({ "hooks": { "SessionStart": hook("start"), "Stop": hook("stop") } });
        std::fs::create_dir_all(env.home().join(".claude")).unwrap();
        std::fs::write(env.home().join(".claude/settings.json"), settings.to_string()).unwrap();
    });
    let settings = std::fs::read_to_string(room.env.home().join(".claude/settings.json")).unwrap();
    let convoy = room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    room.env.convoy(["nudge", "gt-one", "mind the tabs in one.txt"]).ok();
    std::fs::write(room.env.home().join("go"), "").unwrap();
    room.lands(&convoy);
    assert_eq!(room.repo().read("one.txt"), "one\n");
    let worker = room.worker("gt-one");
    let session = &worker["sessions"][0];
    assert_eq!((&worker["attempt"], &session["exit"]["code"]), (&1.into(), &0.into()), "{session:#}");
    // It was taken up in the same turn.
    let logs = room.convoy("logs gt-one --raw").stdout;
    let results = logs.lines().filter(|line| line.contains("\"type\":\"result\"")).count();
    assert_eq!(results, 1, "{logs}");
    assert!(transcripts(&room.env.home().join(".claude")).contains("mind the tabs in one.txt"));
    assert_eq!(text(&room.events("session.nudged")[0], "/data/text"), "mind the tabs in one.txt");
    // The hook names the conversation before the program's output does, without a model.
    let all = observations(&room, session);
    let begun: Vec<&Value> = all.iter().filter(|report| report["kind"] == "conversation").collect();
    assert_eq!((begun.len(), &begun[0]["model"]), (2, &Value::Null), "{begun:#?}");
    assert_eq!(begun[0]["id"], begun[1]["id"]);
    for name in ["own-start", "own-stop"] {
        assert!(room.env.home().join(name).exists(), "{name}");
    }
    assert_eq!(std::fs::read_to_string(room.env.home().join(".claude/settings.json")).unwrap(), settings);
    assert_eq!(session["exit"]["leaked"], 0);
}

#[test]
fn claude_answers_what_it_is_told_during_its_last_reply_in_another_turn() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let mut first = Step::write_and_commit("one.txt", "one\n", "Do one");
    let last = first.len() - 1;
    first[last] = first[last].clone().held_by("last");
    let second = Step::write_and_commit("two.txt", "two\n", "Do two");
    let count = first.len() + second.len();
    let url = server.add("work", Script::by_prompt([("ALSO two.txt", second), ("# gt-one:", first)]));
    let room = room(&url, |_| {});
    let convoy = room.launch_new("gt-one", "");
    assert!(server.wait_calls("work", last + 1, SOON), "{}", room.story());
    room.env.convoy(["nudge", "gt-one", "ALSO two.txt"]).ok();
    server.open("last");
    room.lands(&convoy);
    let repo = room.repo();
    assert_eq!((repo.read("one.txt"), repo.read("two.txt")), ("one\n".into(), "two\n".into()));
    let worker = room.worker("gt-one");
    let session = &worker["sessions"][0];
    // Two turns of one process: sums of all, each message once.
    let each = |tokens: usize| json!(tokens * count);
    assert_eq!(
        (&session["usage"]["input"], &session["usage"]["output"]),
        (&each(100), &each(20)),
        "{session:#}"
    );
    assert_eq!(session["cost"]["micros"], each(100 * 3 + 20 * 15), "{session:#}");
    assert_eq!(room.events("session.usage").len(), count);
    let logs = room.convoy("logs gt-one --raw").stdout;
    assert_eq!(logs.lines().filter(|line| line.contains("\"type\":\"result\"")).count(), 2, "{logs}");
    assert_eq!((&worker["attempt"], server.calls("work")), (&1.into(), count));
}

#[test]
fn a_claude_that_is_stopped_in_the_middle_of_a_conversation_ends_at_once() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    // What it is told may become a turn of its own when the first is interrupted, which is never answered here.
    let url = server.add("work", Script::new([held(), Step::say("I am done.").held_by("never")]));
    let room = room(&url, |_| {});
    room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    room.env.convoy(["nudge", "gt-one", "hurry"]).ok();
    room.convoy("work stop gt-one");
    assert!(room.follow("worker.stopped").printed("overseer", SOON), "{}", room.story());
    let session = &room.worker("gt-one")["sessions"][0];
    assert_eq!(
        (text(session, "/state"), &session["cost_source"]),
        ("paused", &"reported".into()),
        "{session:#}\n{:#?}",
        observations(&room, session)
    );
    assert!(room.env.processes().iter().all(|process| !process.command.contains("claude")));
}
