//! Status, list, JSON and why say the same of every convoy and issue, whatever has happened to them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

use std::collections::BTreeMap;

use convoy_testkit::env::TestEnv;
use serde_json::Value;

use crate::workspace;

const SEEDS: u64 = 3;
const STEPS: usize = 24;
const ISSUES: [&str; 5] = ["gt-a", "gt-b", "gt-c", "gt-d", "gt-e"];

/// Something a person could do next; it may be refused.
fn step(rng: &mut fastrand::Rng, convoys: &[String]) -> Vec<String> {
    let issue = |rng: &mut fastrand::Rng| ISSUES[rng.usize(0..ISSUES.len())];
    let (one, other) = (issue(rng), issue(rng));
    let convoy = match convoys.len() {
        0 => "hq-cv-none",
        n => &convoys[rng.usize(0..n)],
    };
    let line = match rng.u32(0..18) {
        0..=1 => format!("create C {one} {other} --notify ann"),
        2 => format!("create Owned {one} --owned"),
        3 => format!("create Late {one} --due 2025-01-01"),
        4..=6 => format!("issue close {one}"),
        7 => format!("issue reopen {one}"),
        8 => format!("add {convoy} {one}"),
        9 => format!("remove {convoy} {one}"),
        10 => format!("close {convoy} --reason enough"),
        11 => format!("reopen {convoy}"),
        12 => format!("land {convoy}"),
        13 => format!("issue dep add {one} {other}"),
        14 => format!("cancel {convoy}"),
        15..=16 => format!("stage {one} {other}"),
        _ => "check".to_owned(),
    };
    line.split_whitespace().map(str::to_owned).collect()
}

fn array(env: &TestEnv, args: &[&str]) -> Vec<Value> {
    env.convoy(args.iter().chain(&["--json"])).ok().json().as_array().unwrap().clone()
}

fn glyph(status: &Value) -> &'static str {
    match status.as_str().unwrap() {
        "closed" => "✓",
        "open" => "○",
        other => panic!("{other}"),
    }
}

fn check(env: &TestEnv) {
    let issues: BTreeMap<String, Value> = array(env, &["issue", "list", "--all"])
        .into_iter()
        .map(|issue| (issue["id"].as_str().unwrap().to_owned(), issue))
        .collect();
    let stranded: BTreeMap<String, Value> = array(env, &["stranded"])
        .into_iter()
        .map(|found| (found["convoy_id"].as_str().unwrap().to_owned(), found))
        .collect();
    let all = array(env, &["list", "--all"]);
    let active: Vec<Value> = array(env, &["list"]).iter().map(|convoy| convoy["id"].clone()).collect();
    let listed = env.convoy(["list", "--all"]).ok().stdout;
    for convoy in &all {
        let id = convoy["id"].as_str().unwrap();
        let status = env.convoy(["status", id, "--json"]).ok().json();
        assert_eq!(&status, convoy, "list and status");
        let active_now = status["status"] == "open" || status["status"] == "staged";
        assert_eq!(active.contains(&convoy["id"]), active_now, "{id} in the default list");
        let tracked = status["tracked"].as_array().unwrap();
        for one in tracked {
            let issue = &issues[one["id"].as_str().unwrap()];
            assert_eq!(
                (&one["status"], &one["blocked"]),
                (&issue["status"], &issue["blocked"]),
                "{id}: {one}"
            );
            assert!(issue["convoys"].as_array().unwrap().contains(&convoy["id"]), "{id}: {issue}");
        }
        let closed = tracked.iter().filter(|one| one["status"] == "closed").count();
        assert_eq!(status["completed"], closed, "{id}");
        let text = env.convoy(["status", id]).ok().stdout;
        assert!(text.contains(&format!("  Progress:  {closed}/{} completed\n", tracked.len())), "{text}");
        for one in tracked {
            let line = format!("    {} {}: ", glyph(&one["status"]), one["id"].as_str().unwrap());
            assert!(text.contains(&line), "{line:?} in {text}");
        }
        let sign = match status["status"].as_str().unwrap() {
            "open" => "●",
            "landed" => "✓",
            "staged" => "→",
            _ => "✗",
        };
        assert!(text.contains(&format!("  Status:    {sign}\n")), "{text}");
        let line = listed.lines().find(|line| line.contains(id)).unwrap();
        assert!(line.contains(sign), "{line}");
        assert_eq!(line.contains("overdue"), status["overdue"] == true, "{line}");
        check_why(env, &status, closed == tracked.len(), stranded.get(id));
    }
    for (id, issue) in &issues {
        let why = env.convoy(["why", id, "--json"]).ok().json();
        assert_eq!(why["status"], issue["status"], "{id}");
        let blocked = why["reasons"].as_array().unwrap().iter().any(|reason| reason["code"] == "blocked");
        assert_eq!(issue["blocked"] == true, blocked, "{why}");
    }
}

fn check_why(env: &TestEnv, status: &Value, complete: bool, stranded: Option<&Value>) {
    let id = status["id"].as_str().unwrap();
    let why = env.convoy(["why", id, "--json"]).ok().json();
    assert_eq!(why["status"], status["status"]);
    let code = why["reasons"][0]["code"].as_str().unwrap();
    let open = status["status"] == "open";
    // Nobody works on anything here: every open convoy is stranded, and none other.
    assert_eq!(stranded.is_some(), open, "{id}: {why}");
    assert!(stranded.is_none_or(|found| found["overdue"] == status["overdue"]), "{stranded:?}");
    if !open {
        assert_eq!(code, status["status"].as_str().unwrap());
    } else if status["total"] == 0 {
        assert_eq!(code, "empty");
    } else if complete {
        let expected = if status["owned"] == true { "owned" } else { "held" };
        assert_eq!(code, expected, "{id} is complete, and open");
        assert!(status["held"] == true || status["owned"] == true);
    } else {
        assert!(!["owned", "held", "complete", "empty"].contains(&code), "{id}: {why}");
    }
}

#[test]
fn every_surface_says_the_same() {
    let env = workspace();
    env.convoy(["up"]).ok();
    for seed in 0..SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        for id in ISSUES {
            env.convoy(["issue", "create", "t", "--id", id]);
        }
        for n in 0..STEPS {
            let convoys: Vec<String> = array(&env, &["list", "--all"])
                .iter()
                .map(|convoy| convoy["id"].as_str().unwrap().to_owned())
                .collect();
            let run = env.convoy(step(&mut rng, &convoys));
            assert!([0, 1, 3].contains(&run.status), "{}", run.shown());
            if n % 12 == 11 {
                check(&env);
            }
        }
    }
    env.convoy(["down"]).ok();
}
