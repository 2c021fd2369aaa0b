//! How a run is ended by a person, and left alone by one.

use std::time::Duration;

use convoy_testkit::fake_agent::{Script, Step};
use rustix::process::Signal;
use serde_json::json;

use super::room::{Desk, hears, role, states, tells};
use crate::room::{SOON, outside, text};

/// The process numbers of agents that the witness has seen.
fn agents(desk: &Desk) -> Vec<i64> {
    let entries = desk.room.env.witness();
    let starts = entries.iter().filter(|entry| entry["event"] == "start" || entry["event"] == "orphan");
    starts.filter_map(|entry| entry["pid"].as_i64()).collect()
}

/// Those that are alive.
fn alive(desk: &Desk) -> Vec<i64> {
    let agents = agents(desk);
    let processes = desk.room.env.processes();
    processes.iter().map(|process| i64::from(process.pid)).filter(|pid| agents.contains(pid)).collect()
}

#[test]
fn a8_stopped_every_agent_is_dead_and_nothing_comes_back() {
    let stubborn = Step::Ignore(vec!["INT".to_owned(), "TERM".to_owned()]);
    let child = Step::Orphan { steps: vec![Step::Hang], keep_stdout: false };
    let script = Script::default()
        .role("a", [Step::Hang])
        .role("b", [stubborn, Step::Hang])
        .role("c", [child, Step::Hang]);
    let desk = Desk::new(&script);
    desk.template("four", "a b c last:a,b,c", "");
    let id = desk.starts("four");
    desk.room.env.wait_witness("waiting", 4);
    assert_eq!(alive(&desk).len(), 4);
    let stopped = desk.room.json(&format!("stop {id}"));
    assert_eq!((&stopped["ok"], &stopped["changed"]), (&json!(true), &json!(true)));
    let follow = desk.room.follow("session.over");
    assert!(follow.until(SOON, |text| text.matches("session.over").count() == 3), "{}", desk.told());
    assert_eq!(alive(&desk), Vec::<i64>::new());
    let convoy = desk.status(&id);
    assert_eq!(states(&convoy), "a failed, b failed, c failed, last failed");
    assert_eq!((&convoy["status"], &convoy["outcome"]), (&json!("abandoned"), &json!("stopped")));
    assert_eq!(convoy["context"]["stopped_by"], "overseer");
    // The second time it is so already.
    let again = desk.room.json(&format!("stop {id}"));
    assert_eq!((&again["ok"], &again["changed"]), (&json!(true), &json!(false)));
    assert!(text(&again, "/note").contains("already"), "{again}");
    // It stays so, whatever engine comes.
    desk.room.convoy("down");
    desk.room.convoy("up");
    desk.room.convoy("check");
    assert_eq!(desk.status(&id)["outcome"], "stopped");
    assert_eq!(agents(&desk).len(), 4, "nobody was started again");
    let run = desk.tries(&["start", &id]).exits(1);
    assert!(run.stderr.contains("runs once"), "{}", run.shown());
    assert_eq!(desk.room.json("list --status stopped")[0]["id"], id.as_str());
}

#[test]
fn who_waits_is_told_that_it_was_stopped() {
    let desk = Desk::new(&Script::always([Step::Hang]));
    desk.template("alone", "reader", "");
    let waiting = desk.room.env.start(["start", "alone", "--wait"]);
    desk.room.env.wait_witness("waiting", 1);
    let id = desk.room.json("list --status running")[0]["id"].as_str().unwrap().to_owned();
    desk.room.convoy(&format!("stop {id}"));
    let run = waiting.wait(SOON).exits(1);
    assert!(run.stdout.contains("stopped by overseer"), "{}", run.shown());
}

#[test]
fn an_ordinary_convoy_is_stopped_and_goes_on_when_it_is_started() {
    let env = outside();
    let script = Script::default().attempt(1, [Step::Hang]).or(convoy_testkit::fake_agent::Case {
        steps: crate::room::commit("work.txt", "done\n").to_vec(),
        ..Default::default()
    });
    let desk = Desk::around(env, "", &script);
    let id = desk.room.launch_new("gt-a", "");
    desk.room.env.wait_witness("waiting", 1);
    let stopped = desk.room.json(&format!("stop {id}"));
    assert_eq!(stopped["changed"], true, "{stopped}");
    desk.room.until("worker.stopped", "worker.stopped");
    assert_eq!(alive(&desk), Vec::<i64>::new());
    assert_eq!(desk.status(&id)["status"], "open");
    desk.room.convoy("work retry gt-a");
    desk.room.convoy(&format!("start {id}"));
    desk.room.lands(&id);
}

#[test]
fn without_wait_the_command_leaves_and_with_it_ctrl_c_does() {
    let env = outside();
    let script =
        Script::always([tells(&env, "began"), hears(&env, "go"), Step::Output("# Read\n".to_owned())]);
    let desk = Desk::around(env, "", &script);
    desk.template("alone", "reader", "");
    let waiting = desk.room.env.start(["start", "alone", "--wait"]);
    desk.room.env.wait_for("said/began");
    assert!(waiting.printed("agent started", Duration::from_secs(30)), "{}", waiting.stdout());
    waiting.signal(Signal::INT);
    let run = waiting.wait(SOON).exits(130);
    assert!(run.stdout.contains("goes on in the background"), "{}", run.shown());
    let id = desk.room.json("list --status running")[0]["id"].as_str().unwrap().to_owned();
    assert!(run.stdout.contains(&format!("convoy start {id} --wait")), "{}", run.shown());
    // Followed again, from another command, to its end.
    let again = desk.room.env.start(["start", &id, "--wait"]);
    std::fs::write(desk.room.env.root().join("said/go"), "").unwrap();
    let run = again.wait(SOON).exits(0);
    assert!(run.stdout.contains("1/1 roles completed"), "{}", run.shown());
    // One that is not waited for is left at once, though its role takes its time.
    std::fs::remove_file(desk.room.env.root().join("said/go")).unwrap();
    let id = desk.starts("alone");
    assert_eq!(role(&desk.status(&id), "reader")["completed_at"], json!(null));
    std::fs::write(desk.room.env.root().join("said/go"), "").unwrap();
    assert_eq!(desk.over(&id)["outcome"], "completed");
}

#[test]
fn on_a_terminal_each_role_has_a_line_that_changes() {
    let env = outside();
    let script = Script::always([hears(&env, "go"), Step::Output("# Read\n".to_owned())]);
    let desk = Desk::around(env, "", &script);
    desk.template("two", "first second:first", "");
    let mut terminal = desk.room.env.on_terminal(["start", "two", "--wait"]);
    terminal.shows("running", SOON);
    std::fs::write(desk.room.env.root().join("said/go"), "").unwrap();
    let shown = terminal.shows("2/2 roles completed", SOON);
    assert!(shown.contains("\u{1b}[2A"), "goes back over its lines: {shown:?}");
}
