//! The witness: agents that say nothing, that go round in circles, whose service takes no more; and stronger models
//! after failures.
//!
//! Its thresholds are seconds here. What agents do for a while, they time themselves.

use convoy_testkit::env::{TestEnv, agent_toml};
use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::room::{Room, commit, outside, shell, text};

const PATIENCE: &str = "[witness]\nquiet = \"2s\"\nstuck = \"4s\"\nstop = \"6s\"\n";

/// An agent whose output is understood as Claude Code's, as the default one.
fn understood(env: &TestEnv, script: &Script) -> String {
    let agent = agent_toml("talks", &env.fake_agent(script), "claude", &[]);
    format!("[defaults]\nagent = \"talks\"\n{agent}{PATIENCE}")
}

fn began(id: usize, input: &str) -> Step {
    let block =
        json!({ "type": "tool_use", "id": format!("t{id}"), "name": "Bash", "input": { "command": input } });
    let message = json!({ "id": format!("m{id}"), "model": "small", "content": [block], "usage": {} });
    Step::Print(json!({ "type": "assistant", "message": message, "parent_tool_use_id": null }).to_string())
}

fn ended(id: usize) -> Step {
    let block = json!({ "type": "tool_result", "tool_use_id": format!("t{id}"), "content": "ok" });
    let message = json!({ "role": "user", "content": [block] });
    Step::Print(json!({ "type": "user", "message": message, "parent_tool_use_id": null }).to_string())
}

/// What the witness did, in order.
fn steps(room: &Room) -> Vec<String> {
    let events = room.events("witness.stepped");
    events.iter().filter_map(|event| event["data"]["step"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_silent_agent_is_reminded_told_of_stopped_and_tried_again() {
    let env = outside();
    let first = [&commit("half", "half\n")[..], &[Room::hold(&env, "never")]].concat();
    let script = Script::default().attempt(1, first).attempt(2, commit("rest", "rest\n"));
    let room = Room::around(env, PATIENCE, &script);
    let convoy = room.launch_new("gt-a", "--owner mayor/");
    room.until("witness.stepped", "\"nudge\"");
    let shown: Value = room.json("witness status");
    assert_eq!(
        (text(&shown, "/0/issue_id"), text(&shown, "/0/steps/0/step")),
        ("gt-a", "nudge"),
        "{shown:#}"
    );
    assert!(text(&shown, "/0/steps/0/unable").contains("takes no input"), "{shown:#}");
    room.lands(&convoy);
    assert_eq!(steps(&room), ["nudge", "escalate", "stop"], "{}", room.story());
    let mail = room.json("mail inbox mayor/");
    let subjects: Vec<&str> = mail.as_array().unwrap().iter().map(|one| text(one, "/subject")).collect();
    let told = subjects.iter().filter(|subject| subject.starts_with("Needs attention: Do gt-a")).count();
    assert_eq!(told, 1, "{subjects:?}");
    let worker = room.worker("gt-a");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&2.into(), &1.into()), "{worker:#}");
    assert!(text(&worker, "/sessions/0/why").starts_with("the witness stopped it"), "{worker:#}");
    // What it had done is there.
    assert_eq!(room.repo().read("half"), "half\n");
}

#[test]
fn an_agent_that_computes_is_not_stopped() {
    let busy = Step::Try(["timeout", "9", "sh", "-c", "while :; do :; done"].map(str::to_owned).into());
    let room = Room::with(PATIENCE, &Script::always([&[busy][..], &commit("a", "a\n")].concat()));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert!(!steps(&room).contains(&"stop".to_owned()), "{}", room.story());
    assert_eq!(room.worker("gt-a")["attempt"], 1);
}

#[test]
fn a_long_tool_is_not_silence() {
    let env = outside();
    let steps_of_agent =
        [&[began(1, "make test"), Step::SleepMs(8_000), ended(1)][..], &commit("a", "a\n")].concat();
    let script = Script::always(steps_of_agent);
    let config = understood(&env, &script);
    let room = Room::around(env, &config, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert_eq!(steps(&room), [""; 0], "{}", room.story());
    assert_eq!(room.worker("gt-a")["attempt"], 1);
}

#[test]
fn an_agent_that_goes_round_in_circles_is_told_of_and_goes_on() {
    let env = outside();
    let same = (0..10).flat_map(|id| [began(id, "make test"), ended(id)]);
    let other = [began(10, "make fix"), ended(10)];
    let script = Script::always(same.chain(other).chain(commit("a", "a\n")));
    let config = understood(&env, &script);
    let room = Room::around(env, &config, &script);
    let convoy = room.launch_new("gt-a", "--owner mayor/");
    room.lands(&convoy);
    assert_eq!(steps(&room), ["nudge", "escalate"], "{}", room.story());
    let last = room.events("witness.stepped").pop().unwrap();
    assert_eq!(last["data"]["health"], "healthy", "it did something else");
    assert_eq!(room.worker("gt-a")["attempt"], 1);
}

#[test]
fn whoever_is_refused_goes_on_when_the_service_takes_work_again() {
    let env = outside();
    let init = json!({ "type": "system", "subtype": "init", "session_id": "abc", "model": "small" });
    let refusal = "printf '{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\",\
                   \"resetsAt\":%d}}\\n' $(($(date +%s) + 4)) > /proc/$PPID/fd/1";
    let result =
        json!({ "type": "result", "subtype": "success", "is_error": true, "result": "limit reached" });
    let first = [
        &commit("half", "half\n")[..],
        &[Step::Print(init.to_string()), shell(refusal), Step::Print(result.to_string()), Step::Exit(1)],
    ]
    .concat();
    let script = Script::default().attempt(1, first).attempt(2, commit("rest", "rest\n"));
    let config = understood(&env, &script);
    let room = Room::around(env, &config, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let worker = room.worker("gt-a");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&2.into(), &0.into()), "{worker:#}");
    assert_eq!(text(&worker, "/sessions/0/state"), "paused", "{worker:#}");
    let waits = room.events("worker.waiting");
    assert_eq!(waits.len(), 1, "{}", room.story());
    let until = text(&waits[0], "/data/until");
    let begins = room.events("session.wanted");
    assert!(text(&begins[1], "/at") >= until, "it began before {until}: {}", room.story());
    assert_eq!(begins[1]["data"]["session"]["resume"], begins[0]["data"]["session"]["id"]);
}

#[test]
fn a_stronger_model_is_tried_after_two_failures() {
    let fails = [Step::Exit(1)];
    let script = Script::default().attempt(1, fails.clone()).attempt(2, fails).attempt(3, commit("a", "a\n"));
    let config =
        "[defaults]\nagent = \"fake\"\nmodel = \"small\"\n[models]\ntiers = [\"small\", \"large\"]\n";
    let room = Room::with(config, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let worker = room.worker("gt-a");
    let models: Vec<&str> = (0..3).map(|n| text(&worker, &format!("/sessions/{n}/model"))).collect();
    assert_eq!(models, ["small", "small", "large"], "{worker:#}");
    assert_eq!(text(&worker, "/model_rationale"), "2 attempts with small failed");
    let shown = room.convoy("work status gt-a").stdout;
    assert!(shown.contains("with large (2 attempts with small failed)"), "{shown}");
}
