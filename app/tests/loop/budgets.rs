//! Budgets: a convoy stops at its limit and goes on when that is raised, with an engine and without one.

use std::path::PathBuf;

use convoy_testkit::env::agent_toml;
use convoy_testkit::fake_agent::{Case, Script, Step};
use convoy_testkit::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::room::{Room, SOON, commit, outside, text};

const MODEL: &str = "claude-sonnet-4-5";
/// 1000 tokens of output at 15 dollars a million.
const REPLY: i64 = 15_000;
/// How long an agent thinks before its next reply: longer than its supervisor needs to hear of the last one.
const THINKS_MS: u64 = 400;

/// A reply as Claude Code prints it, which costs `REPLY`.
fn reply(n: u32) -> Step {
    let message = json!({
        "id": format!("msg_{n}"), "type": "message", "role": "assistant", "model": MODEL,
        "content": [{ "type": "text", "text": "I think." }],
        "usage": { "input_tokens": 0, "output_tokens": 1000 },
    });
    Step::Print(json!({ "type": "assistant", "message": message }).to_string())
}

fn replies(from: u32, count: u32) -> impl Iterator<Item = Step> {
    (from..from + count).flat_map(|n| [reply(n), Step::SleepMs(THINKS_MS)])
}

fn case(issue: &str, attempt: usize, steps: Vec<Step>) -> Case {
    Case { issue: Some(issue.to_owned()), attempt: Some(attempt), steps, ..Case::default() }
}

/// A workspace whose agent prints what Claude prints.
fn room(script: &dyn Fn(&convoy_testkit::env::TestEnv) -> Script, config: &str) -> Room {
    let env = outside();
    env.repo();
    let script = script(&env);
    let agent = agent_toml("priced", &env.fake_agent(&script), "claude", &[]);
    Room::around(env, &format!("[defaults]\nagent = \"priced\"\n{agent}{config}"), &script)
}

/// It would go on for ever, and does its work at its second attempt.
fn spends_first(env: &convoy_testkit::env::TestEnv, gate: Option<&str>) -> Script {
    let held = gate.map(|gate| Room::hold(env, gate));
    let first = replies(1, 1).chain(held).chain(replies(2, 40)).collect();
    let second = [reply(100)].into_iter().chain(commit("work.txt", "done\n")).collect();
    Script { cases: vec![case("gt-one", 1, first), case("gt-one", 2, second)] }
}

fn micros(value: &Value, path: &str) -> i64 {
    value.pointer(path).and_then(Value::as_i64).unwrap_or_else(|| panic!("no amount at {path}: {value:#}"))
}

/// What every view says of a convoy's budget: limit, spent, reserved, overrun.
#[track_caller]
fn figures(room: &Room, convoy: &str) -> [i64; 4] {
    let view = room.json(&format!("status {convoy}"));
    let budget = room.json(&format!("cost budget --convoy {convoy}"));
    let cost = room.json(&format!("cost status --convoy {convoy}"));
    let of = |value: &Value, limit: &str| {
        let names = [limit, "/spent/micros", "/reserved/micros", "/overrun/micros"];
        names.map(|path| micros(value, path))
    };
    let figures = of(&view, "/budget/micros");
    assert_eq!(figures, of(&budget, "/limit/micros"), "{view:#}\n{budget:#}");
    assert_eq!(figures[1], micros(&cost, "/total/micros"), "{cost:#}");
    figures
}

#[test]
fn a_convoy_stops_at_its_budget_and_goes_on_when_it_is_raised() {
    let room = room(&|env| spends_first(env, None), "");
    let convoy = room.launch_new("gt-one", "--budget 0.05");
    room.until("session.over", "budget_exceeded");
    // Three replies fit, the fourth was in flight, and there was no fifth.
    assert_eq!(figures(&room, &convoy), [50_000, 4 * REPLY, 0, 10_000]);
    let warned = room.events("budget.warned");
    assert_eq!((warned.len(), micros(&warned[0], "/data/spent")), (1, 3 * REPLY), "{warned:#?}");
    let exceeded = room.events("budget.exceeded");
    assert_eq!((exceeded.len(), micros(&exceeded[0], "/data/spent")), (1, 4 * REPLY), "{exceeded:#?}");
    let worker = room.worker("gt-one");
    assert_eq!((text(&worker, "/state"), &worker["failures"]), ("assigned", &0.into()), "{worker:#}");
    let session = &worker["sessions"][0];
    assert_eq!(text(session, "/state"), "budget_exceeded", "{session:#}");
    let wanted = room.events("checkpoint.wanted");
    let of_budget = |event: &&Value| event.to_string().contains("budget");
    assert!(wanted.iter().any(|event| of_budget(&event)), "a checkpoint before the stop: {wanted:#?}");
    let stranded = room.json("stranded");
    assert_eq!(text(&stranded, "/0/category"), "over budget", "{stranded:#}");
    let helps = text(&stranded, "/0/command").to_owned();
    assert_eq!(helps, format!("convoy cost budget <usd> --convoy {convoy}"));
    let mail = room.json("mail inbox").to_string();
    assert!(mail.contains("⚡") && mail.contains("Budget used up"), "{mail}");
    let shown = room.convoy(&format!("status {convoy}")).stdout;
    assert!(shown.contains("Budget:") && shown.contains("exceeded") && shown.contains("$0.06"), "{shown}");
    // Nothing begins, however often anybody looks.
    let waits = room.convoy("why gt-one").stdout;
    assert!(waits.contains("$0.06 of $0.05 is spent"), "{waits}");

    room.convoy(&format!("cost budget 0.10 --convoy {convoy}"));
    room.lands(&convoy);
    assert_eq!(figures(&room, &convoy), [100_000, 5 * REPLY, 0, 0]);
    assert_eq!(room.worker("gt-one")["attempt"], 2);
}

#[test]
fn a_supervisor_stops_at_the_ceiling_while_the_engine_is_dead() {
    let room = room(&|env| spends_first(env, Some("go")), "");
    let convoy = room.launch_new("gt-one", "--budget 0.05");
    room.until("session.usage", "msg_1");
    let session = text(&room.worker("gt-one"), "/session_id").to_owned();
    let engine = room.json("daemon status")["pid"].as_i64().unwrap();
    let engine = rustix::process::Pid::from_raw(i32::try_from(engine).unwrap()).unwrap();
    rustix::process::kill_process(engine, Signal::KILL).unwrap();
    room.open("go");
    let exit: PathBuf = room.env.dir().join(".convoy/state/sessions").join(&session).join("exit.json");
    assert!(wait::for_file(&exit, SOON), "its supervisor stopped it");
    let exit: Value = serde_json::from_str(&std::fs::read_to_string(exit).unwrap()).unwrap();
    assert_eq!(exit["kind"], json!({ "stopped": "spend" }), "{exit:#}");

    room.convoy("up");
    room.until("session.over", "budget_exceeded");
    assert_eq!(figures(&room, &convoy), [50_000, 4 * REPLY, 0, 10_000]);
    assert_eq!(room.events("budget.warned").len(), 1);
    room.convoy(&format!("cost budget 0.10 --convoy {convoy}"));
    room.lands(&convoy);
    assert_eq!(figures(&room, &convoy), [100_000, 5 * REPLY, 0, 0]);
}

#[test]
fn a_ceiling_that_is_raised_while_an_agent_works_reaches_its_supervisor() {
    let script = |_: &_| {
        let steps = replies(1, 6).chain(commit("work.txt", "done\n")).collect();
        Script { cases: vec![case("gt-one", 1, steps)] }
    };
    // Slices of two replies of the six that it needs.
    let room = room(&script, "[budget]\nattempt = \"0.032\"\n");
    let convoy = room.launch_new("gt-one", "--budget 1");
    room.lands(&convoy);
    assert_eq!(figures(&room, &convoy), [1_000_000, 6 * REPLY, 0, 0]);
    assert_eq!(room.worker("gt-one")["attempt"], 1, "{}", room.story());
    assert!(room.events("session.extended").len() >= 2, "{}", room.story());
}

#[test]
fn what_nobody_can_count_or_price_is_refused_under_a_limit() {
    let script = |_: &_| {
        let line = json!({ "type": "assistant", "message": {
            "id": "msg_1", "model": "mystery-9", "content": [], "usage": { "input_tokens": 5, "output_tokens": 5 },
        }});
        let steps = vec![Step::Print(line.to_string()), Step::Hang];
        Script { cases: vec![case("gt-one", 1, steps)] }
    };
    let room = room(&script, "");
    let convoy = room.launch_new("gt-one", "--budget 1");
    let said = room.stalls(&convoy);
    assert!(said.contains("mystery-9") && said.contains("convoy cost prices update"), "{said}");
    room.issues("gt-two");
    let other = room.json("create Other gt-two --budget 1")["id"].as_str().unwrap().to_owned();
    let run = room.convoy(&format!("work assign gt-two {other} --agent fake")).stdout;
    assert!(run.contains("it waits") && run.contains("reports nothing"), "{run}");
    assert!(room.convoy("why gt-two").stdout.contains("budget.on_unmetered allow"));
}
