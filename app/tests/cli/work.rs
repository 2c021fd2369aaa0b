//! Work: slung, run, stopped and followed, with the fake agent.

use std::time::Duration;

use convoy_testkit::env::{TestEnv, agent_toml};
use convoy_testkit::fake_agent::{Script, Step};
use rustix::process::Signal;

use crate::workspace;

const LONG: Duration = Duration::from_secs(60);

/// A workspace whose agent plays this script, with two issues.
fn manned(script: &Script) -> TestEnv {
    let env = workspace();
    let agent = agent_toml("fake", &env.fake_agent(script), "plain", &[]);
    let config = env.dir().join(".convoy/config.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, format!("{text}\n[defaults]\nagent = \"fake\"\n\n{agent}"))
        .expect("the configuration");
    for (id, title) in [("gt-1", "First"), ("gt-2", "Second")] {
        env.convoy(["issue", "create", title, "--id", id]).ok();
    }
    env
}

#[test]
fn run_follows_a_convoy_until_it_lands() {
    let env = manned(&Script::works());
    let id = env.convoy(["create", "Both", "gt-1", "-q"]).ok().stdout.trim().to_owned();
    let run = env.convoy(["run", &id]).ok();
    for piece in ["assigned to", "agent started", "submitted", "closed (merged)", "landed", "1/1 completed"] {
        assert!(run.stdout.contains(piece), "{piece}: {}", run.stdout);
    }
    // Nothing is left to do: nobody stays.
    assert_eq!(env.convoy(["daemon", "status", "--json"]).ok().json()["running"], false);
    let view = env.convoy(["run", &id, "--json"]).ok().json();
    assert_eq!(view["status"], "landed");
}

#[test]
fn create_run_goes_on_in_the_background() {
    let env = manned(&Script::works());
    let id = env.convoy(["create", "Both", "gt-1", "--run", "-q"]).ok().stdout.trim().to_owned();
    assert_eq!(env.convoy(["daemon", "status", "--json"]).ok().json()["running"], true);
    env.convoy(["wait", &id, "--timeout", "1m"]).ok();
    let issue = env.convoy(["issue", "show", "gt-1", "--json"]).ok().json();
    assert_eq!(issue["close_reason"], "merged");
}

#[test]
fn sling_says_what_it_would_do_and_does_it() {
    let env = manned(&Script::works());
    let dry = env.convoy(["sling", "gt-1", "--dry-run"]).ok().stdout;
    assert!(dry.contains("would make a convoy: Work: gt-1") && dry.contains("agent fake"), "{dry}");
    assert_eq!(env.convoy(["list", "--all", "--json"]).ok().stdout, "[]\n");
    env.convoy(["sling", "gt-1", "nowhere/"]).exits(2);
    env.convoy(["sling", "gt-1", "gt-2", "gastown"]).ok();
    let run = env.convoy(["run"]).ok();
    // What began before is named by its issue as well.
    assert!(!run.stdout.contains("  w-") && !run.stdout.contains("  s-"), "{}", run.stdout);
    let done = env.convoy(["sling", "gt-1"]).exits(1);
    assert!(done.stderr.contains("gt-1 is closed"), "{}", done.stderr);
}

#[test]
fn what_fails_for_good_ends_a_run_with_a_reason() {
    let env = manned(&Script::always([]));
    let config = env.dir().join(".convoy/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n[retry]\nmax_attempts = 1\n")).unwrap();
    let id = env.convoy(["create", "Bad", "gt-1", "-q"]).ok().stdout.trim().to_owned();
    let run = env.convoy(["run", &id]).exits(1);
    assert!(run.stdout.contains("Nothing can move") && run.stdout.contains("work retry"), "{}", run.stdout);
    let stranded = env.convoy(["stranded", "--json"]).ok().json();
    assert_eq!(stranded[0]["category"], "needs human");
}

#[test]
fn interrupted_it_detaches_and_agents_go_on() {
    let env = manned(&Script::always([Step::Hang]));
    let id = env.convoy(["create", "Both", "gt-1", "-q"]).ok().stdout.trim().to_owned();
    let running = env.start(["run", &id]);
    env.wait_witness("start", 1);
    running.signal(Signal::INT);
    let run = running.wait(LONG).exits(130);
    assert!(run.stdout.contains("Agents go on"), "{}", run.stdout);
    assert_eq!(env.convoy(["daemon", "status", "--json"]).ok().json()["live_sessions"], 1);
    let list = env.convoy(["work", "list", "--json"]).ok().json();
    assert_eq!((&list[0]["issue_id"], &list[0]["state"]), (&"gt-1".into(), &"running".into()));
    assert!(env.convoy(["work", "status", "gt-1"]).ok().stdout.contains("Sessions:"));
    env.convoy(["work", "stop", "gt-1"]).ok();
    assert!(env.convoy(["run", &id]).exits(1).stdout.contains("Nothing can move"));
}
