//! Whole runs: reviewers side by side, a report of what they found, one role alone, one role for each issue.

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::json;

use super::room::{Desk, finding, hears, ranks, reader, reviews, role, said, states, tells};
use crate::room::{outside, text};

/// Three reviewers who wait for each other, and what each of them finds.
fn three(env: &convoy_testkit::env::TestEnv) -> Script {
    let all = ["correctness", "security", "performance"];
    let mut script = Script::default();
    for (n, name) in all.into_iter().enumerate() {
        let mut steps = vec![tells(env, name)];
        steps.extend(all.map(|other| hears(env, other)));
        let mine = finding("high", &format!("What {name} found"), n + 1);
        steps.extend(reviews(&format!("The report of {name}"), [mine]));
        script = script.role(name, steps);
    }
    script
}

/// The numbers of events of this type, in order.
fn numbers(desk: &Desk, kind: &str) -> Vec<u64> {
    desk.room.events(kind).iter().filter_map(|event| event["seq"].as_u64()).collect()
}

#[test]
fn a1_three_reviewers_side_by_side_and_a_synthesis_of_what_all_of_them_wrote() {
    let env = outside();
    let sum_up = [Step::SavePrompt(said(&env, "synthesis")), ranks(3)];
    let script = three(&env).role("synthesis", sum_up);
    let desk = Desk::around(env, "", &script);
    let convoy = desk.waits("code-review --files src/**", 0);
    assert_eq!(convoy["outcome"], "completed", "{convoy:#}");
    assert_eq!(convoy["status"], "landed");
    assert_eq!(convoy["template"], "code-review");
    assert!(!convoy["closed_at"].is_null());
    let all = "correctness completed, security completed, performance completed, synthesis completed";
    assert_eq!(states(&convoy), all);
    for name in ["correctness", "security", "performance"] {
        let role = role(&convoy, name);
        assert!(!role["completed_at"].is_null() && !role["session_id"].is_null(), "{role:#}");
        assert_eq!((&role["exit_code"], &role["attempts"]), (&json!(0), &json!(1)));
        assert_eq!(role["findings"], 1, "{role:#}");
    }
    // What was found by all three is what the last one is asked to put in order.
    let prompt = std::fs::read_to_string(desk.room.env.root().join("said/synthesis")).unwrap();
    for name in ["correctness", "security", "performance"] {
        assert!(prompt.contains(&format!("What {name} found")), "{prompt}");
    }
    // It began after all of them had ended.
    let id = text(&convoy, "/id");
    let last = role(&convoy, "synthesis")["issue_id"].clone();
    let began = desk.room.events("worker.assigned");
    let began = began.iter().find(|event| event["data"]["worker"]["issue"] == last).unwrap();
    let closed = numbers(&desk, "issue.closed");
    assert!(began["seq"].as_u64().unwrap() > closed[2], "{began}");
    // The report is there, and says who found what.
    let report = desk.report(id);
    for words in ["Executive Summary", "What security found", "Files reviewed: 1"] {
        assert!(report.contains(words), "no {words:?} in\n{report}");
    }
    let synthesis = role(&convoy, "synthesis");
    assert_eq!(synthesis["needs"], json!(["correctness", "performance", "security"]));
    let landed = numbers(&desk, "convoy.landed");
    let made = numbers(&desk, "convoy.synthesized");
    assert_eq!((made.len(), landed.len()), (1, 1));
    assert!(made[0] < landed[0], "it landed with its report");
    // Nothing of the repository was touched.
    assert_eq!(desk.room.repo().git(["status", "--porcelain", "--", "src", "README.md"]), "");
    assert_eq!(desk.room.repo().git(["branch", "--list"]), "* main");
}

#[test]
fn a2_a_template_of_one_role_is_completed() {
    let desk = Desk::new(&Script::always([Step::Output("# Ü plan\n".to_owned())]));
    desk.template("alone", "planner", "");
    let convoy = desk.waits("alone", 0);
    assert_eq!((&convoy["outcome"], &convoy["total"]), (&json!("completed"), &json!(1)));
    let planner = desk.output(text(&convoy, "/id"), "planner");
    assert_eq!(planner["content"], "# Ü plan\n");
    assert_eq!((&planner["role"], &planner["findings"]), (&json!("planner"), &json!(null)));
    let path = text(&planner, "/path").to_owned();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# Ü plan\n");
    assert!(path.starts_with(desk.room.env.dir().to_str().unwrap()), "{path}");
}

#[test]
fn a19_triage_has_a_role_for_each_issue_and_a_summary() {
    let judged = json!({
        "category": "bug/high", "priority": "P1", "complexity": "simple", "labels": ["parser"],
        "confidence": "high", "rationale": "It says so",
    });
    let triage = Step::Write {
        path: "$CONVOY_OUTPUT_FILE".to_owned(),
        content: format!("# A judgement\n\n```json triage\n{judged}\n```\n"),
    };
    let desk = Desk::new(&Script::always([triage]));
    desk.room.issues("gt-a gt-b gt-c");
    let convoy = desk.waits("triage --issue gt-a --issue-id gt-b --issue gt-c", 0);
    let roles = convoy["roles"].as_array().unwrap();
    for issue in ["gt-a", "gt-b", "gt-c"] {
        let role = roles.iter().find(|role| text(role, "/role").ends_with(issue));
        assert_eq!(role.unwrap()["status"], "completed", "{convoy:#}");
    }
    assert_eq!(convoy["context"]["issues"], json!(["gt-a", "gt-b", "gt-c"]));
    let report = desk.report(text(&convoy, "/id"));
    for issue in ["gt-a", "gt-b", "gt-c"] {
        assert!(report.contains(issue), "{report}");
    }
    // Nothing is changed unless somebody wants that.
    assert_eq!(desk.room.issue("gt-a")["labels"], json!([]));
}

#[test]
fn what_is_not_committed_is_read_as_it_was_when_it_began() {
    let env = outside();
    let look = Step::Run(["cat", "src/lib.txt"].map(str::to_owned).into());
    let hold = [tells(&env, "began"), hears(&env, "go"), look, Step::Output("# Seen\n".to_owned())];
    let desk = Desk::around(env, "", &Script::always(hold));
    desk.template("alone", "reader", "");
    desk.agent_file("reader", &reader("", "{{ files }}"));
    desk.room.repo().write("src/lib.txt", "changed\n");
    let id = desk.starts("alone --files src/*");
    desk.room.env.wait_for("said/began");
    desk.room.repo().write("src/lib.txt", "changed again\n");
    std::fs::write(desk.room.env.root().join("said/go"), "").unwrap();
    desk.over(&id);
    let seen = desk.room.env.wait_witness("ran", 1);
    assert_eq!(seen[0]["stdout"], "changed\n");
    assert_eq!(desk.room.repo().read("src/lib.txt"), "changed again\n");
}

#[test]
fn a_report_is_made_again_when_somebody_asks() {
    let env = outside();
    let script =
        three(&env).or(convoy_testkit::fake_agent::Case { steps: vec![ranks(3)], ..Default::default() });
    let desk = Desk::around(env, "", &script);
    let convoy = desk.waits("code-review --files src/**", 0);
    let id = text(&convoy, "/id");
    let first = desk.report(id);
    let folder = std::path::PathBuf::from(text(&desk.room.json(&format!("output {id}")), "/path"));
    let made = |view: &serde_json::Value| view["context"]["report"]["round"].clone();
    assert_eq!(made(&convoy), 1);
    std::fs::remove_file(folder.join("synthesis.md")).unwrap();
    assert_eq!(desk.tries(&["output", id]).status, 1);
    let again = desk.room.json(&format!("synthesize {id} --wait"));
    assert_eq!(made(&again), 2);
    assert_eq!(desk.report(id), first, "of the same reports the same report is made");
    assert_eq!(desk.room.events("convoy.landed").len(), 1);
    assert_eq!(states(&again), states(&convoy));
}
