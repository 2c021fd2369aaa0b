//! `convoy top` on a real terminal: what stands on it, what keys do, and what the terminal is like afterwards.

use std::os::fd::AsFd as _;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Script, Step};
use convoy_testkit::terminal::Terminal;
use convoy_testkit::wait;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::room::{Room, SOON, commit, outside};

/// An agent that prints something hostile, and more when it is let, and then works.
fn talks(env: &TestEnv) -> Vec<Step> {
    let first = Step::Print("first \u{1b}[2J\u{1b}]0;mine\u{7} words".into());
    let second = Step::Print("and second words".into());
    [
        &[first, Room::hold(env, "more"), second, Room::hold(env, "go")][..],
        &commit("$CONVOY_ISSUE.txt", "a\n"),
    ]
    .concat()
}

fn room() -> Room {
    let env = outside();
    let script = Script::always(talks(&env));
    Room::around(env, "", &script)
}

/// How a terminal is that no program has changed.
fn fresh(env: &TestEnv) -> String {
    let mut terminal = env.on_terminal(["--version"]);
    assert_eq!(terminal.ended(SOON), 0);
    terminal.modes()
}

/// The terminal is as it was before, and shows what it showed.
#[track_caller]
fn is_given_back(terminal: &Terminal, env: &TestEnv) {
    assert_eq!(terminal.modes(), fresh(env));
    assert!(!terminal.is_alternate() && !terminal.hides_cursor());
}

#[test]
fn a_person_looks_on_stops_a_worker_lets_it_go_on_and_leaves() {
    let room = room();
    let convoy = room.launch_new("gt-a gt-b:gt-a", "");
    let mut top = room.env.on_terminal(["top"]);
    top.sees("engine is up", SOON);
    top.sees(&convoy, SOON);
    // Live, and what the agent prints is shown, not executed.
    top.sees("first \\x1b[2J\\x1b]0;mine\\x07 words", SOON);
    room.open("more");
    let shown = top.sees("and second words", SOON);
    assert!(shown.contains("gt-a") && shown.contains("running"), "{shown}");
    assert!(top.is_alternate() && top.hides_cursor());
    assert!(!String::from_utf8_lossy(top.bytes()).contains("]0;mine\u{7}"));

    top.types("\t");
    top.types("s");
    top.sees("Stop the worker of gt-a?", SOON);
    top.types("n");
    top.sees("Nothing was changed", SOON);
    assert_eq!(room.worker("gt-a")["state"], "running");
    top.types("sy");
    top.sees("Stopped gt-a", SOON);
    top.sees("stopped by overseer", SOON);
    assert_eq!(room.worker("gt-a")["state"], "stopped");
    // It stays on the screen for as long as its issue waits.
    let stands = |shown: &str| shown.lines().any(|row| row.contains("home/") && row.contains("stopped"));
    top.until(SOON, stands).unwrap();
    room.issues("gt-c");
    top.until(SOON, stands).unwrap();
    // What the line above counts is what the page of problems lists.
    top.sees("! 1 needs you", SOON);
    top.types("p");
    top.sees("Problems 1 ─", SOON);
    top.types("p");
    top.types("r");
    top.sees("Let gt-a be worked on again?", SOON);
    top.types("y");
    top.sees("Retrying gt-a", SOON);
    room.open("go");
    // Both land, by themselves and on the screen.
    let shown = top.sees("1 landed today", SOON);
    assert!(!stands(&shown), "{shown}");
    top.types("\x1b[D");
    top.types("c");
    top.sees("(y/n)", SOON);
    top.types("y");
    top.until(SOON, |shown| !shown.contains("(y/n)")).unwrap();
    top.types("q");
    assert_eq!(top.ended(SOON), 0);
    is_given_back(&top, &room.env);
}

#[test]
fn pages_search_and_sizes() {
    let room = room();
    room.issues("gt-a gt-b");
    let one = room.json("create Alpha gt-a")["id"].as_str().unwrap().to_owned();
    room.convoy("create Beta gt-b");
    let mut top = room.env.on_terminal(["top"]);
    top.sees(&one, SOON);
    // What is pasted is a text where one is typed, and no keys elsewhere.
    top.types("\x1b[200~sy\x1b[201~/\x1b[200~al\rph\x1b[201~");
    let shown = top.sees("Convoys 1 of 2", SOON);
    assert!(shown.contains("/alph") && !shown.contains("(y/n)"), "{shown}");
    assert!(top.written().contains("\x1b[?2004h"));
    top.types("\x1b");
    top.sees("Convoys 2 ─", SOON);
    top.types("/beta\r\r");
    top.sees("Do gt-b", SOON);
    top.types("\x1b");
    top.sees("Convoys 2 ─", SOON);
    top.types("?");
    top.sees("bring the engine up", SOON);
    top.types("$");
    top.sees("No session has begun", SOON);
    // What only tracks waits for nobody.
    top.types("p");
    top.sees("nothing needs you", SOON);
    for (columns, rows) in [(40, 10), (7, 3), (1, 1), (160, 50), (80, 24)] {
        top.resize(columns, rows);
        top.types("?p");
    }
    top.sees("nothing needs you", SOON);
    top.types("\x03");
    assert_eq!(top.ended(SOON), 0);
    is_given_back(&top, &room.env);
}

#[test]
fn an_engine_that_goes_is_told_and_the_next_one_is_found() {
    let room = room();
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    let mut top = room.env.on_terminal(["top"]);
    top.sees("engine is up", SOON);
    room.convoy("down");
    // What there is stays on the screen, and looking brings no engine up.
    let shown = top.sees("engine is not up", SOON);
    assert!(shown.contains(&convoy) && shown.contains("gt-a"), "{shown}");
    assert_eq!(room.json("daemon status")["running"], false);
    // What an agent prints needs no engine.
    room.open("more");
    top.sees("and second words", SOON);
    // One that comes is found, and one that is killed is missed.
    room.convoy("up");
    top.sees("engine is up", SOON);
    let engine =
        Pid::from_raw(room.json("daemon status")["pid"].as_i64().unwrap().try_into().unwrap()).unwrap();
    let fd = pidfd_open(engine, PidfdFlags::empty()).unwrap();
    kill_process(engine, Signal::KILL).unwrap();
    assert!(wait::readable(fd.as_fd(), SOON));
    top.sees("engine is not up", SOON);
    top.types("u");
    top.sees("engine is up", SOON);
    room.open("go");
    top.sees("1 landed today", SOON);
    top.types("q");
    assert_eq!(top.ended(SOON), 0);
}

#[test]
fn what_commands_do_without_an_engine_is_seen() {
    let room = room();
    let mut top = room.env.on_terminal(["top"]);
    top.sees("No convoys yet", SOON);
    room.issues("gt-a");
    let convoy = room.json("create Later gt-a")["id"].as_str().unwrap().to_owned();
    let shown = top.sees(&convoy, SOON);
    assert!(shown.contains("engine is not up"), "{shown}");
    assert_eq!(room.json("daemon status")["running"], false);
    top.types("q");
    assert_eq!(top.ended(SOON), 0);
}

#[test]
fn the_terminal_is_given_back_after_a_panic_and_after_signals() {
    let mut room = room();
    room.env.set("CONVOY_TOP_PANIC", "1");
    let mut top = room.env.on_terminal(["top"]);
    top.sees("No convoys yet", SOON);
    assert_ne!(top.modes(), fresh(&room.env));
    top.types("\x18");
    assert_eq!(top.ended(SOON), 101);
    is_given_back(&top, &room.env);
    // The reason stands on the screen that a person sees then.
    let shown = top.until(SOON, |shown| shown.contains("asked to panic"));
    assert!(shown.is_ok(), "{shown:?}");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut top = room.env.on_terminal(["top"]);
        top.sees("No convoys yet", SOON);
        top.signal(signal);
        assert_eq!(top.ended(SOON), 130, "{signal:?}");
        is_given_back(&top, &room.env);
    }
}

#[test]
fn enter_lends_the_screen_to_the_terminal_of_an_agent() {
    let env = outside();
    let script = Script::always(talks(&env));
    let room = Room::around(env, "[defaults]\nagent = \"fake\"\nruntime = \"tmux\"\n", &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    let mut top = room.env.on_terminal(["top"]);
    // What is typed ahead, and is more than may wait to be seen, is for nobody, and holds nothing up.
    for ahead in ["", &"j".repeat(900)] {
        top.sees("first", SOON);
        top.types(&format!("\t\r{ahead}"));
        top.sees("Ctrl-c leaves", SOON);
        top.types("\u{3}");
        top.sees("Workers 1", SOON);
        assert!(top.is_alternate() && top.hides_cursor());
        top.types("\t\t\t");
    }
    // Keys are the dashboard's again, and the agent goes on.
    top.types("?");
    top.sees("bring the engine up", SOON);
    top.types("q");
    assert_eq!(top.ended(SOON), 0);
    is_given_back(&top, &room.env);
    // Whoever ends it does not have to wait until the person has seen enough.
    let mut top = room.env.on_terminal(["top"]);
    top.sees("first", SOON);
    top.types("\t\r");
    top.sees("Ctrl-c leaves", SOON);
    top.signal(Signal::TERM);
    assert_eq!(top.ended(SOON), 130);
    is_given_back(&top, &room.env);
    room.open("more");
    room.open("go");
    room.lands(&convoy);
}

#[test]
fn one_that_can_draw_nowhere_says_so() {
    let mut room = room();
    let run = room.env.convoy(["top"]).exits(2);
    assert!(
        run.stderr.contains("needs a terminal") && run.stderr.contains("convoy status --watch"),
        "{}",
        run.shown()
    );
    let run = room.env.convoy(["top", "--json"]).ok();
    assert_eq!(run.json()["convoys"], serde_json::json!([]));
    room.env.set("TERM", "dumb");
    let mut terminal = room.env.on_terminal(["top"]);
    terminal.sees("TERM=dumb", SOON);
    assert_eq!(terminal.ended(SOON), 2);
}
