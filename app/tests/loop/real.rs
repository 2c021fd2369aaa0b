//! Real agents on real work, against a scripted model: Claude Code.

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::Script as NoScript;
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents;
use serde_json::{Value, json};

use crate::room::{Room, SOON, outside, text};

const MODEL: &str = "claude-sonnet-4-5";

/// Writes and commits a file named after the issue; the second issue's agent insists on the first one's file.
pub(crate) fn two_pieces() -> Script {
    let first = work("gt-one");
    let mut second = work("gt-two");
    second[1] = Step::bash("cat gt-one.txt && git add -A && git commit -qm 'Do gt-two'");
    Script::by_prompt([("# gt-one:", first), ("# gt-two:", second)])
}

pub(crate) fn work(issue: &str) -> Vec<Step> {
    let mut steps = Step::write_and_commit(&format!("{issue}.txt"), "done\n", &format!("Do {issue}"));
    steps[0] = steps[0].clone().tokens(1000, 50).cached(500, 40);
    steps
}

/// Where `claude` of the built-in preset is found and led to a script.
pub(crate) fn with_claude(url: &str) -> TestEnv {
    let mut env = outside();
    real_agents::link_into(&env.bin());
    for (name, value) in real_agents::claude_env(url) {
        env.set(&name, value);
    }
    env
}

pub(crate) fn claude_room(url: &str, config: &str) -> Room {
    let defaults = format!("[defaults]\nagent = \"claude\"\nmodel = \"{MODEL}\"\n{config}");
    Room::around(with_claude(url), &defaults, &NoScript::default())
}

/// The tokens of `work()`, and what they cost at the vendor's prices.
pub(crate) fn usage() -> Value {
    json!({ "input": 1200, "output": 90, "cache_read": 500, "cache_write": 40 })
}
/// 1200 × 3 + 90 × 15 + 500 × 0.3 + 40 × 3.75 millionths of a dollar.
const MICROS: i64 = 5_250;

#[test]
fn claude_does_two_issues_that_depend_on_each_other() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let url = server.add("work", two_pieces());
    let room = claude_room(&url, "");
    let convoy = room.launch_new("gt-one gt-two:gt-one", "");
    let view = room.lands(&convoy);
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
        assert_eq!(session["cost"], json!({ "usd": "0.00525", "micros": MICROS }), "{session:#}");
        assert_eq!((text(session, "/cost_source"), &worker["spent"]["micros"]), ("reported", &MICROS.into()));
        assert!(text(session, "/model").starts_with(MODEL), "{session:#}");
        assert_eq!(room.issue(issue)["evidence"]["cost"]["micros"], MICROS);
        // Counted once for each message, and as they came.
        let counted = room.events("session.usage");
        let of_session = counted.iter().filter(|event| event["subject"] == session["id"]);
        assert_eq!(of_session.count(), 3, "{counted:#?}");
    }
    assert_eq!(view["spent"]["micros"], 2 * MICROS, "{view:#}");
    assert_eq!(server.calls("work"), 6);
    let logs = room.convoy("logs gt-one").stdout;
    assert!(logs.contains("I write the file.") && !logs.contains("\"type\""), "{logs}");
    let raw = room.convoy("logs gt-one --raw").stdout;
    assert!(raw.contains("\"type\":\"result\""), "{raw}");
}

#[test]
fn a_claude_whose_tools_are_denied_has_done_nothing() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let url = server.add("work", Script::new(work("gt-one")));
    let words =
        "-p --output-format stream-json --verbose --include-partial-messages --permission-mode default";
    let command: Vec<&str> = ["claude"].into_iter().chain(words.split(' ')).collect();
    let config = format!("[agents.claude]\ncommand = {}\n", json!(command));
    let room = claude_room(&url, &config);
    room.convoy("config set retry.max_attempts 1");
    let convoy = room.launch_new("gt-one", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("2 of its tool uses were denied"), "{said}");
    let worker = room.worker("gt-one");
    let session = &worker["sessions"][0];
    assert_eq!((text(session, "/outcome"), &session["exit"]["code"]), ("failure", &0.into()), "{session:#}");
    assert_eq!(session["cost"]["micros"], MICROS, "and it cost what it cost");
}

#[test]
fn a_refused_request_is_a_failed_attempt_with_its_reason() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let refusal = Step::fail(400, "invalid_request_error", "prompt is not understood").times(1);
    let mut steps = work("gt-one");
    steps[0].error = refusal.error;
    let url = server.add("work", Script::new(steps));
    let room = claude_room(&url, "");
    let convoy = room.launch_new("gt-one", "");
    room.lands(&convoy);
    let worker = room.worker("gt-one");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&2.into(), &1.into()), "{worker:#}");
    let why = text(&worker, "/sessions/0/why");
    assert!(why.contains("prompt is not understood"), "{why}");
    // What the result says although it calls itself a success.
    let first = text(&worker, "/sessions/0/id").to_owned();
    let raw = room.convoy(&format!("logs {first} --raw")).stdout;
    let result =
        raw.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()).find(|l| l["type"] == "result");
    let result = result.unwrap();
    assert_eq!((&result["subtype"], &result["is_error"]), (&"success".into(), &true.into()));
}

/// The tokens of the message in the middle.
fn spent() -> Value {
    json!({ "input": 700, "output": 30, "cache_read": 100, "cache_write": 10 })
}

/// 700 × 3 + 30 × 15 + 100 × 0.3 + 10 × 3.75 millionths of a dollar, half of one rounded up.
const SPENT_MICROS: i64 = 2_618;

/// Starts a claude that spends, leaves an edit, and is in the middle of a tool.
fn in_the_middle(server: &ModelServer, config: &str) -> (Room, String) {
    let tool = "echo half > half; touch \"$HOME/tool-runs\"; exec sleep 600";
    let steps = [Step::bash(tool).tokens(700, 30).cached(100, 10), Step::say("I am done.")];
    let url = server.add("work", Script::new(steps));
    let room = claude_room(&url, config);
    let convoy = room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    // The usage of the message that asked for the tool is known while it runs.
    assert!(room.follow("session.usage").printed("cache_read", SOON));
    (room, convoy)
}

/// What is known of a claude that a person stopped.
fn stopped(room: &Room) -> Value {
    room.convoy("work stop gt-one");
    assert!(room.follow("worker.stopped").printed("overseer", SOON), "{}", room.story());
    let left: Vec<String> = room.env.processes().into_iter().map(|process| process.command).collect();
    assert!(!left.iter().any(|c| c.contains("sleep 600") || c.contains("claude")), "{left:#?}");
    let worker = room.worker("gt-one");
    assert_eq!(text(&worker, "/state"), "stopped");
    assert_ne!(text(&room.issue("gt-one"), "/status"), "closed");
    assert_eq!(room.repo().subjects("main"), ["Begin"]);
    let branch = text(&worker, "/branch").to_owned();
    assert_eq!(room.repo().git(["show", &format!("{branch}:half")]), "half", "its work is kept");
    worker["sessions"][0].clone()
}

#[test]
fn a_stopped_claude_is_no_success_and_its_usage_is_kept() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let (room, _) = in_the_middle(&server, "");
    let session = stopped(&room);
    assert_eq!((text(&session, "/state"), text(&session, "/outcome")), ("paused", "partial"), "{session:#}");
    assert_eq!(session["usage"], spent());
    assert_eq!(server.calls("work"), 1, "it was not let go on");
}

#[test]
fn a_killed_claude_has_its_tool_killed_and_is_tried_again() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let (room, convoy) = in_the_middle(&server, "");
    let again = Script::by_prompt([("ended by signal 9", work("gt-one"))]);
    server.add("work", again);
    let pid = room.worker("gt-one")["sessions"][0]["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    room.lands(&convoy);
    assert!(room.env.processes().iter().all(|process| !process.command.contains("sleep 600")));
    let worker = room.worker("gt-one");
    let session = &worker["sessions"][0];
    assert_eq!(
        (text(session, "/outcome"), &session["exit"]["signal"]),
        ("failure", &9.into()),
        "{session:#}"
    );
    assert!(session["exit"]["leaked"].as_u64().unwrap() >= 1, "{session:#}");
    assert_eq!(session["usage"], spent());
    assert_eq!(
        (&session["cost"]["micros"], text(session, "/cost_source")),
        (&SPENT_MICROS.into(), "estimated")
    );
    assert_eq!(
        (&worker["failures"], &worker["spent"]["micros"]),
        (&1.into(), &(MICROS + SPENT_MICROS).into())
    );
    assert_eq!(room.repo().read("half"), "half\n", "what it left was gone on with");
}
