//! Real agents that go on with their own conversation, in another folder and after they were stopped.

use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents;
use serde_json::{Value, json};

use crate::codex::{codex_room, nothing_runs};
use crate::gemini::gemini_room;
use crate::real::claude_room;
use crate::room::{Room, SOON, text};

/// Says something that only this conversation knows, and is then in the middle of a tool.
fn begins() -> Script {
    let tool = "echo half > half; touch \"$HOME/tool-runs\"; exec sleep 600";
    let first = Step::bash("true").text("My plan is secret-plan.").tokens(500, 20).cached(50, 5);
    Script::new([first, Step::bash(tool).tokens(700, 30).cached(100, 10), Step::say("I am done.")])
}

/// What is left to do.
fn goes_on() -> Script {
    let steps = Step::write_and_commit("gt-one.txt", "done\n", "Do gt-one");
    let steps = [vec![steps[0].clone().tokens(1000, 50).cached(500, 40)], steps[1..].to_vec()].concat();
    Script::by_prompt([("This is the same conversation", steps.clone()), ("# gt-one:", steps)])
}

/// What the second run takes by itself.
fn second() -> Value {
    json!({ "input": 1200, "output": 90, "cache_read": 500, "cache_write": 40 })
}

/// Stops the worker in the middle of its tool.
fn paused(room: &Room) -> String {
    let convoy = room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    room.convoy("work stop gt-one");
    assert!(room.follow("worker.stopped").printed("overseer", SOON), "{}", room.story());
    nothing_runs(room);
    convoy
}

/// Has it go on, and returns its worker.
fn retried(room: &Room, server: &ModelServer, convoy: &str) -> Value {
    server.add("work", goes_on());
    room.convoy("work retry gt-one");
    room.lands(convoy);
    assert_eq!(
        (room.repo().read("gt-one.txt"), room.repo().read("half")),
        ("done\n".into(), "half\n".into())
    );
    room.worker("gt-one")
}

/// The first request of the first run, and that of the second.
fn firsts(server: &ModelServer) -> (convoy_testkit::model_server::Seen, convoy_testkit::model_server::Seen) {
    let steps: Vec<_> = server.log().into_iter().filter(|seen| seen.step == Some(0)).collect();
    assert_eq!(steps.len(), 2, "{steps:#?}");
    (steps[0].clone(), steps[1].clone())
}

/// Insists that the second run saw what was said in the first, and was told of the folder.
fn went_on(server: &ModelServer) {
    let (first, second) = firsts(server);
    assert!(second.prompts > first.prompts, "{first:#?}\n{second:#?}");
    assert!(!first.said.contains("secret-plan") && second.said.contains("secret-plan"), "{second:#?}");
    assert!(
        second.prompt.contains("# gt-one:") && second.prompt.contains("You are in another folder"),
        "{second:#?}"
    );
}

#[test]
fn a_paused_claude_goes_on_in_its_own_conversation() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = claude_room(&server.add("work", begins()), "");
    let convoy = paused(&room);
    let worker = retried(&room, &server, &convoy);
    went_on(&server);
    assert_eq!(worker["sessions"][0]["usage"], second(), "{worker:#}");
    let said = room.events("session.conversation");
    // Its hook says so before its output does, which knows the model besides.
    assert!(said.len() >= 2, "{said:#?}");
    assert!(
        said.iter().all(|one| one["data"]["conversation"] == said[0]["data"]["conversation"]),
        "{said:#?}"
    );
}

#[test]
fn a_paused_codex_goes_on_in_its_own_thread_and_counts_it_once() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = codex_room(&server.add("work", begins()));
    let convoy = paused(&room);
    let worker = retried(&room, &server, &convoy);
    went_on(&server);
    assert_eq!(worker["sessions"][0]["usage"], second(), "{worker:#}");
    // Its own count goes on: that is what had to be subtracted from.
    let raw = room.convoy("logs gt-one --raw").stdout;
    let turn = raw.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let turn = turn.into_iter().find(|line| line["type"] == "turn.completed").unwrap();
    assert_eq!(turn["usage"]["output_tokens"], 20 + 30 + 90, "{turn}");
    let outputs = room.events("session.usage");
    let outputs: i64 = outputs.iter().filter_map(|event| event["data"]["tokens"]["output"].as_i64()).sum();
    assert_eq!(outputs, 20 + 30 + 90, "each reply once over both sessions");
}

#[test]
fn a_paused_gemini_goes_on_in_its_own_conversation() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = gemini_room(&server.add("work", begins()));
    let convoy = paused(&room);
    let worker = retried(&room, &server, &convoy);
    went_on(&server);
    let usage = json!({ "input": 1200, "output": 90, "cache_read": 500, "cache_write": 0 });
    assert_eq!(worker["sessions"][0]["usage"], usage, "{worker:#}");
}

#[test]
fn a_conversation_that_is_gone_costs_no_attempt() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = claude_room(&server.add("work", begins()), "");
    let convoy = paused(&room);
    std::fs::remove_dir_all(room.env.home().join(".claude/projects")).unwrap();
    let worker = retried(&room, &server, &convoy);
    let (first, second) = firsts(&server);
    assert_eq!((first.prompts, second.prompts), (1, 1), "it began afresh");
    assert!(!second.prompt.contains("You are in another folder"), "{second:#?}");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&1.into(), &0.into()), "{worker:#}");
    assert_eq!(text(&worker, "/state"), "done");
}

#[test]
fn one_whose_supervisor_vanished_goes_on_in_its_own_conversation() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = codex_room(&server.add("work", begins()));
    let convoy = room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    server.add("work", goes_on());
    let supervisors =
        room.env.processes().into_iter().filter(|process| process.command.contains(" supervise "));
    for supervisor in supervisors {
        let pid = rustix::process::Pid::from_raw(supervisor.pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    room.lands(&convoy);
    went_on(&server);
    let worker = room.worker("gt-one");
    assert_eq!(
        (&worker["failures"], worker["sessions"].as_array().unwrap().len()),
        (&0.into(), 2),
        "{worker:#}"
    );
    assert_eq!(worker["sessions"][1]["usage"], second(), "{worker:#}");
}
