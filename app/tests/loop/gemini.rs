//! Real agents on real work, against a scripted model: Gemini CLI by its built-in preset.

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::Script as NoScript;
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents;
use serde_json::json;

use crate::codex::nothing_runs;
use crate::real::work;
use crate::room::{Room, SOON, outside, text};

const MODEL: &str = "gemini-2.5-pro";

/// Where `gemini` of the built-in preset is found and led to a script.
fn with_gemini(url: &str) -> TestEnv {
    let mut env = outside();
    real_agents::link_into(&env.bin());
    real_agents::gemini_home(&env.home());
    for (name, value) in real_agents::gemini_env(url) {
        env.set(&name, value);
    }
    env
}

pub(crate) fn gemini_room(url: &str) -> Room {
    let defaults = format!("[defaults]\nagent = \"gemini\"\nmodel = \"{MODEL}\"\n");
    Room::around(with_gemini(url), &defaults, &NoScript::default())
}

/// As for the other agents, but that here nothing is written to a cache and something is thought.
fn thoughtful(issue: &str) -> Vec<Step> {
    let mut steps = work(issue);
    steps[0] = steps[0].clone().cached(500, 0).reasoned(30);
    steps
}

#[test]
fn gemini_does_two_issues_that_depend_on_each_other() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let mut second = thoughtful("gt-two");
    second[1] = Step::bash("cat gt-one.txt && git add -A && git commit -qm 'Do gt-two'");
    let script = Script::by_prompt([("# gt-one:", thoughtful("gt-one")), ("# gt-two:", second)]);
    let room = gemini_room(&server.add("work", script));
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
        let usage = json!({ "input": 1200, "output": 90, "cache_read": 500, "cache_write": 0 });
        assert_eq!(session["usage"], usage, "{session:#}");
        assert_eq!(text(session, "/cost_source"), "estimated", "{session:#}");
        assert!(session["cost"]["micros"].as_i64().unwrap() > 0, "{session:#}");
        assert_eq!((&worker["attempt"], text(session, "/model")), (&1.into(), MODEL), "{session:#}");
    }
    // Its shell knows no configuration of the person, so the worker's identity comes from its environment.
    let who = repo.git(["log", "-1", "--no-merges", "--format=%an"]);
    assert!(who.starts_with("Convoy worker "), "{who}");
    let logs = room.convoy("logs gt-two").stdout;
    assert!(logs.contains("I write the file.") && !logs.contains("\"type\""), "{logs}");
    let raw = room.convoy("logs gt-two --raw").stdout;
    assert!(raw.contains("\"type\":\"result\""), "{raw}");
}

#[test]
fn a_refused_request_is_a_failed_attempt_with_its_reason() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let mut steps = work("gt-one");
    steps[1].error = Step::fail(400, "INVALID_ARGUMENT", "prompt is not understood").times(1).error;
    let room = gemini_room(&server.add("work", Script::new(steps)));
    let convoy = room.launch_new("gt-one", "");
    room.lands(&convoy);
    let worker = room.worker("gt-one");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&2.into(), &1.into()), "{worker:#}");
    let session = &worker["sessions"][0];
    let why = text(session, "/why");
    assert!(why.contains("prompt is not understood"), "{why}");
    assert_eq!(session["exit"]["code"], 400 % 256, "{session:#}");
    let spent = json!({ "input": 1000, "output": 50, "cache_read": 500, "cache_write": 0 });
    assert_eq!(session["usage"], spent, "what it cost before is known");
}

#[test]
fn an_interrupted_gemini_is_no_success_and_leaves_nothing_running() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    // A commit, so that an exit with status 0 would look like work that is done.
    let tool = "echo half > half; git add -A; git commit -qm Half; touch \"$HOME/tool-runs\"; exec sleep 600";
    let url = server.add("work", Script::new([Step::bash(tool), Step::say("I am done.")]));
    let room = gemini_room(&url);
    let convoy = room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    server.add("work", Script::by_prompt([("in the middle of its turn", thoughtful("gt-one"))]));
    let pid = room.worker("gt-one")["sessions"][0]["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    room.lands(&convoy);
    nothing_runs(&room);
    let worker = room.worker("gt-one");
    let session = &worker["sessions"][0];
    assert_eq!((text(session, "/outcome"), &session["exit"]["code"]), ("failure", &0.into()), "{session:#}");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&2.into(), &1.into()), "{worker:#}");
}

#[test]
fn a_stopped_gemini_leaves_nothing_running() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let tool = "echo half > half; touch \"$HOME/tool-runs\"; exec sleep 600";
    let room = gemini_room(&server.add("work", Script::new([Step::bash(tool), Step::say("I am done.")])));
    room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    room.convoy("work stop gt-one");
    assert!(room.follow("worker.stopped").printed("overseer", SOON), "{}", room.story());
    nothing_runs(&room);
    assert_eq!(text(&room.worker("gt-one"), "/state"), "stopped");
    assert_eq!(server.calls("work"), 1, "it was not let go on");
}
