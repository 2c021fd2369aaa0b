//! The command of the README that a newcomer runs first, in an environment with nothing in it.

use convoy_testkit::env::TestEnv;

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
fn what_people_see_ends_with_what_to_do_next() {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_convoy"));
    let run = env.convoy(["demo"]).ok();
    for line in
        ["the base branch moved; it is merged anew", "🚚 Convoy Landed: The handbook", "Next: convoy init"]
    {
        assert!(run.stdout.contains(line), "{line:?} is missing in:\n{}", run.stdout);
    }
}
