//! The command of the README that a newcomer runs first, in an environment with nothing in it.

use convoy_testkit::env::TestEnv;

/// The longest that anything here is waited for.
const SOON: std::time::Duration = std::time::Duration::from_secs(60);
/// What the README says to type.
const COMMAND: &str = "cargo run --release -- demo";

#[test]
fn the_demo_lands_with_one_retry_and_one_merge_made_anew() {
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(COMMAND), "the README says how to see a convoy land");
    let env = TestEnv::new(env!("CARGO_BIN_EXE_convoy"));
    let report = env.convoy(["demo", "--json"]).ok().json();
    assert_eq!(report["landed"], true, "{report}");
    assert_eq!(report["retries"], 1, "{report}");
    assert_eq!(report["remerges"], 1, "{report}");
    assert_eq!(report["issues"].as_array().map(Vec::len), Some(5), "{report}");
    assert_eq!(report["repository"], serde_json::Value::Null, "nothing of it is left: {report}");
}

#[test]
fn on_a_terminal_whoever_is_at_work_is_seen_and_a_person_may_have_enough() {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_convoy"));
    let mut terminal = env.on_terminal(["demo"]);
    let seen = terminal.sees_that(SOON, |screen| screen.contains(" at work") && screen.contains("  ▶ hb-"));
    assert!(seen.contains("of 5 closed"), "{seen}");
    terminal.types("\u{3}");
    assert_eq!(terminal.ended(SOON), 130);
    let seen = terminal.sees_that(SOON, |screen| screen.contains("the folder is gone again"));
    assert!(!seen.contains(" at work"), "{seen}");
    let kept = std::fs::read_dir(env.root().join("tmp")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing of it is left");
    let left: Vec<_> =
        env.processes().into_iter().filter(|process| process.command.contains("demo-agent")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_people_see_ends_with_what_to_do_next() {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_convoy"));
    let run = env.convoy(["demo"]).ok();
    for line in
        ["the base branch moved; it is merged anew", "🚚 Convoy Landed: The handbook", "Next: convoy init"]
    {
        assert!(run.stdout.contains(line), "{line:?} is missing in:\n{}", run.stdout);
    }
}
