//! The success criteria of Panopticon's convoy runtime, one by one, each with a test that is named after it.
//!
//! Criterion 7 (skills) is tested in `app/tests/cli/skills.rs`, and 9 (no references to what is not there) where the
//! definitions of the commands are: `app/src/cli/skill/lines.rs`.

use std::fs;
use std::path::Path;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::room::{SOON, outside, text};
use crate::templates::room::{Desk, finding, hears, reader, reviews, role, said, states, tells};

const REVIEWERS: [&str; 3] = ["correctness", "security", "performance"];

/// Reviewers who each wait until all three are at work, and one who sums up.
fn together(env: &TestEnv, severity: &str) -> Script {
    let mut script = Script::default();
    for name in REVIEWERS {
        let mut steps = vec![tells(env, name)];
        steps.extend(REVIEWERS.map(|other| hears(env, other)));
        steps.extend(reviews(name, [finding(severity, &format!("What {name} found"), 3)]));
        script = script.role(name, steps);
    }
    script.role(
        "synthesis",
        [Step::SavePrompt(said(env, "synthesis")), Step::Output("# In short\n".to_owned())],
    )
}

fn reports() -> Script {
    Script::always([Step::Output("# A report\n".to_owned()), Step::Findings(Vec::new())])
}

#[test]
fn criterion_1_start_runs_three_reviewers_side_by_side_and_then_the_synthesis() {
    let env = outside();
    let script = together(&env, "high");
    let desk = Desk::around(env, "", &script);
    // Each waits for the two others: one after the other they would never end.
    let convoy = desk.ends(&["start", "code-review", "--files", "src/**"], 0);
    assert_eq!(
        states(&convoy),
        "correctness completed, security completed, performance completed, synthesis completed"
    );
    let last = text(role(&convoy, "synthesis"), "/started_at").to_owned();
    for name in REVIEWERS {
        assert!(*text(role(&convoy, name), "/completed_at") <= *last, "{convoy:#}");
    }
    assert!(desk.report(text(&convoy, "/id")).contains("What security found"));
}

#[test]
fn criterion_2_status_shows_all_agents_and_their_states() {
    let env = outside();
    let script = Script::default()
        .role("correctness", reviews("Done", []))
        .role("security", vec![tells(&env, "security"), Step::Hang])
        .role("performance", [Step::Exit(3)]);
    let desk = Desk::around(env, "", &script);
    let id = desk.starts("code-review --files src/**");
    desk.room.env.wait_for("said/security");
    let ended = desk.room.follow("issue.closed");
    assert!(ended.until(SOON, |text| text.matches("issue.closed").count() == 2), "{}", desk.told());
    let convoy = desk.status(&id);
    assert_eq!(
        states(&convoy),
        "correctness completed, security running, performance failed, synthesis pending"
    );
    // For people as well, each role with its state.
    let shown = desk.room.convoy(&format!("status {id}")).stdout;
    for (name, state) in [
        ("correctness", "completed"),
        ("security", "running"),
        ("performance", "failed"),
        ("synthesis", "pending"),
    ] {
        let line = shown.lines().find(|line| line.contains(name) && line.contains(state));
        assert!(line.is_some(), "{name} is not {state} in\n{shown}");
    }
    desk.room.convoy(&format!("stop {id}"));
}

#[test]
fn criterion_3_list_shows_all_convoys_and_filters_them() {
    let env = outside();
    let script = Script::default()
        .role("good", [Step::Output("# Fine\n".to_owned())])
        .role("bad", [Step::Exit(3)])
        .role("slow", vec![tells(&env, "slow"), Step::Hang]);
    let desk = Desk::around(env, "", &script);
    for (name, roles) in [("all-good", "good"), ("half", "good bad"), ("none", "bad"), ("hangs", "slow")] {
        desk.template(name, roles, "");
    }
    let mut ids = vec![];
    for (name, status) in [("all-good", 0), ("half", 5), ("none", 1)] {
        ids.push(text(&desk.waits(name, status), "/id").to_owned());
    }
    ids.push(desk.starts("hangs"));
    desk.room.env.wait_for("said/slow");
    for (n, status) in ["completed", "partial", "failed", "running"].iter().enumerate() {
        let listed = desk.room.json(&format!("list --status {status}"));
        let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|convoy| text(convoy, "/id")).collect();
        assert_eq!(listed, [ids[n].as_str()], "{status}");
    }
    assert_eq!(desk.room.json("list --all").as_array().map(Vec::len), Some(4));
    desk.room.convoy(&format!("stop {}", ids[3]));
}

#[test]
fn criterion_4_stop_kills_all_agents_and_cleans_up() {
    let env = outside();
    let child = Step::Orphan { steps: vec![Step::Hang], keep_stdout: true };
    let script = REVIEWERS.iter().fold(Script::default(), |script, name| {
        script.role(name, vec![child.clone(), tells(&env, name), Step::Hang])
    });
    let desk = Desk::around(env, "", &script);
    let id = desk.starts("code-review --files src/**");
    REVIEWERS.iter().for_each(|name| desk.room.env.wait_for(format!("said/{name}")));
    desk.room.convoy(&format!("stop {id}"));
    let over = desk.room.follow("session.over");
    assert!(over.until(SOON, |text| text.matches("session.over").count() == 3), "{}", desk.told());
    let alive = desk.room.env.processes();
    let agents: Vec<&str> = alive
        .iter()
        .map(|process| process.command.as_str())
        .filter(|line| line.contains("fake-agent"))
        .collect();
    assert_eq!(agents, [] as [&str; 0], "neither agents nor what they started");
    let convoy = desk.status(&id);
    assert_eq!((&convoy["status"], &convoy["outcome"]), (&json!("abandoned"), &json!("stopped")));
    assert_eq!(desk.room.json("work list"), json!([]), "nobody is at work, and nobody waits for a person");
    assert_eq!(desk.room.json("stranded"), json!([]));
}

#[test]
fn criterion_5_the_review_pipeline_runs_reviewers_as_a_convoy() {
    let env = outside();
    let script = together(&env, "blocker");
    let desk = Desk::around(env, "", &script);
    // What they quote is still there, or their findings would count for nothing.
    desk.room.repo().write("src/lib.txt", "the first line\nthe second line\nthe third line\na fourth\n");
    let run = desk.tries(&["review", "--json"]);
    assert_eq!(run.status, 1, "{}\n{}", run.shown(), desk.told());
    let result = run.json();
    assert_eq!(
        (&result["review_result"], &result["missing_lanes"]),
        (&json!("CHANGES_REQUESTED"), &json!([]))
    );
    let convoy = desk.status(text(&result, "/convoy_id"));
    assert_eq!(
        (&convoy["template"], convoy["roles"].as_array().map(Vec::len)),
        (&json!("code-review"), Some(4))
    );
}

#[test]
fn criterion_8_agent_files_are_what_agents_are_given() {
    let env = outside();
    let mut script = reports();
    script.cases.insert(
        0,
        convoy_testkit::fake_agent::Case {
            role: Some("security".to_owned()),
            steps: [vec![Step::SavePrompt(said(&env, "security"))], reviews("Ours", [])].concat(),
            ..Default::default()
        },
    );
    let desk = Desk::around(env, "", &script);
    // Every agent file that is built in can be used, and every template names only such as there are.
    desk.room.convoy("template validate");
    let built_in = desk.room.json("template list --agents");
    assert!(built_in.as_array().unwrap().len() > 8, "{built_in}");
    let before = desk.waits("code-review --files src/**", 0);
    let prompt = fs::read_to_string(desk.room.env.root().join("said/security")).unwrap();
    assert!(prompt.len() > 2000, "the prompt of the built-in file is told whole");
    assert_eq!(role(&before, "security")["subagent"], "code-review-security");
    // One of the workspace's own, of the same name, is used in its place.
    let own =
        reader("output: findings\n", "Look for {{ role }} only.").replace("reader", "code-review-security");
    desk.agent_file("code-review-security", &own);
    desk.waits("code-review --files src/**", 0);
    let prompt = fs::read_to_string(desk.room.env.root().join("said/security")).unwrap();
    assert!(prompt.contains("Look for security only."), "{prompt}");
}

/// The shell lines of the README's part on template convoys.
fn of_the_readme() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("README.md");
    let text = fs::read_to_string(readme).unwrap();
    let from = text.find("### Template convoys and review\n").expect("a part of the README");
    let part = text[from + 4..].split("\n### ").next().unwrap();
    let blocks = part.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let lines =
        blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    lines.filter(|line| line.starts_with("convoy ")).collect()
}

#[test]
fn criterion_10_the_readme_tells_of_convoys_with_commands_that_run() {
    let judgement =
        json!({"category": "docs", "priority": 3, "complexity": "simple", "labels": [], "rationale": "Yes"});
    let judged = [Step::Output(format!("# Judged\n\n```json triage\n{judgement}\n```\n"))];
    let script = Script::default().role("triage-gt-abc", judged.clone()).role("triage-gt-def", judged);
    let desk = Desk::new(&Script { cases: [script.cases, reports().cases].concat() });
    desk.room.issues("gt-abc gt-def");
    desk.room.repo().write("src/lib.txt", "one\ntwo\nthree\nfour\n");
    let lines = of_the_readme();
    assert!(lines.len() >= 8, "{lines:?}");
    let mut last = String::new();
    for line in &lines {
        let line = line.strip_prefix("convoy ").unwrap().replace("<convoy>", &last);
        let words: Vec<String> =
            line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect();
        let run = desk.room.env.convoy(&words);
        assert!(matches!(run.status, 0 | 5), "{line}\n{}\n{}", run.shown(), desk.told());
        let all = desk.room.json("list --all");
        if let Some(newest) =
            all.as_array().unwrap().iter().max_by_key(|convoy| text(convoy, "/created_at").to_owned())
        {
            last = text(newest, "/id").to_owned();
        }
    }
}

/// That all tests pass is for the whole suite to show; that none of the others is missing, is shown here.
#[test]
fn criterion_11_each_criterion_has_a_test() {
    fn sources(dir: &Path, all: &mut String) {
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                sources(&entry, all);
            } else if entry.extension().is_some_and(|ending| ending == "rs") {
                all.push_str(&fs::read_to_string(&entry).unwrap());
            }
        }
    }
    let app = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for dir in ["src", "tests"] {
        sources(&app.join(dir), &mut all);
    }
    for number in 1..=11 {
        let named = format!("#[test]\nfn criterion_{number}_");
        assert!(all.contains(&named), "criterion {number} has no test");
    }
}

#[test]
fn judgements_change_issues_when_that_is_asked_for_and_only_then() {
    let judged = |priority: u64, label: &str| {
        let judgement = json!({"category": "bug/high", "priority": priority, "complexity": "medium", "labels": [label],
            "rationale": "It breaks <!-- end of triage -->\n# everything", "confidence": 0.8});
        [Step::Output(format!("# Judged\n\n```json triage\n{judgement}\n```\n"))]
    };
    let script = Script::default()
        .role("triage-gt-a", judged(0, "parser"))
        .role("triage-gt-b", judged(1, "model:opus"));
    let desk = Desk::new(&script);
    desk.room.issues("gt-a gt-b");
    let before = desk.room.issue("gt-a");
    let convoy = desk.waits("triage --issue gt-a --issue gt-b", 0);
    assert_eq!(desk.room.issue("gt-a"), before, "nobody asked for it");
    let id = text(&convoy, "/id");
    let again = desk.room.json(&format!("synthesize {id} --apply --wait"));
    let issue = desk.room.issue("gt-a");
    assert_eq!(issue["priority"], 0, "{issue:#}");
    assert_eq!(issue["labels"], json!(["category:bug/high", "complexity:standard", "parser"]));
    assert!(text(&issue, "/description").contains("> # everything\n<!-- end of triage -->"), "{issue:#}");
    // A judgement may not choose a model, and then nothing of it is done.
    let refused = &again["context"]["report"]["applied"]["refused"];
    assert_eq!(refused.as_array().map(Vec::len), Some(1), "{again:#}");
    assert_eq!(
        (&refused[0]["issue"], desk.room.issue("gt-b")["labels"].clone()),
        (&json!("gt-b"), json!([]))
    );
    // In one record with the report.
    let of =
        |kind: &str| desk.room.events(kind).iter().map(|event| event["at"].clone()).collect::<Vec<Value>>();
    assert_eq!(of("issue.updated").last(), of("convoy.synthesized").last());
}

#[test]
fn the_health_monitor_tells_facts_without_any_model() {
    let env = outside();
    let script = Script::default().issue("gt-a", vec![tells(&env, "began"), Step::Hang]);
    let desk = Desk::around(env, "", &script);
    desk.room.launch_new("gt-a", "");
    desk.room.env.wait_for("said/began");
    let convoy = desk.waits("health-monitor", 0);
    let said = desk.report_of(text(&convoy, "/id"), "monitor");
    for words in ["- **healthy** ", "on `gt-a`", "Evidence: silent for ", "## Budgets"] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
    assert!(
        !said.contains("of `hq-cv-") || !said.contains("`monitor`"),
        "it does not tell of itself:\n{said}"
    );
    let agents = desk.room.env.witness().iter().filter(|entry| entry["event"] == "start").count();
    assert_eq!(agents, 1, "no agent but the one that is told of");
}
