//! Roles that fail: the others go on, what came of it is partial, and who is missing is named.

use convoy_testkit::fake_agent::{Case, Script, Step};
use serde_json::{Value, json};

use super::room::{Desk, finding, ranks, reader, reviews, role, said, states};
use crate::room::{outside, text};

/// The review of the built-in template in which `security` does this, and nobody tries twice.
fn review(env: convoy_testkit::env::TestEnv, security: Vec<Step>) -> (Desk, Value) {
    let script = Script::default()
        .role("correctness", reviews("Correct", [finding("low", "A slip", 2)]))
        .role("security", security)
        .role("performance", reviews("Fast", []))
        .role("synthesis", [ranks(1)]);
    let desk = Desk::around(env, "", &script);
    let roles = |role: &str| format!("[[agents]]\nrole = \"{role}\"\nmax_attempts = 1\n");
    let roles: String = ["correctness", "performance", "security"].map(roles).concat() + "timeout = \"3s\"\n";
    desk.write(
        "templates/once.toml",
        &format!("name = \"once\"\ndescription = \"A review\"\nextends = \"code-review\"\n{roles}"),
    );
    let convoy = desk.waits("once --files src/**", 5);
    (desk, convoy)
}

/// Others are done, and the report names who is missing. A lane is no verdict.
#[track_caller]
fn partial(desk: &Desk, convoy: &Value, why: &str) {
    let all = "correctness completed, security failed, performance completed, synthesis completed";
    assert_eq!(states(convoy), all, "{}", desk.told());
    assert_eq!((&convoy["outcome"], &convoy["status"]), (&json!("partial"), &json!("landed")));
    let said = text(role(convoy, "security"), "/why");
    assert!(said.contains(why), "{said}");
    let report = &convoy["context"]["report"];
    assert_eq!(report["missing"], json!(["security"]), "{report:#}");
    assert_ne!(report["verdict"], "CHANGES_REQUESTED", "a lane that failed is no verdict");
    let read = desk.report(text(convoy, "/id"));
    assert!(read.contains("security") && read.contains("A slip"), "{read}");
    let shown = desk.room.convoy(&format!("status {}", text(convoy, "/id"))).stdout;
    assert!(shown.contains("partial") && shown.contains("Missing:"), "{shown}");
}

#[test]
fn a4_a5_one_that_writes_nothing() {
    let (desk, convoy) = review(outside(), Vec::new());
    partial(&desk, &convoy, "");
    assert_eq!(role(&convoy, "security")["exit_code"], 0);
    let run = desk.tries(&["output", text(&convoy, "/id"), "security"]).exits(1);
    assert!(run.stderr.contains("has written nothing"), "{}", run.shown());
}

#[test]
fn a4_a5_one_that_writes_an_empty_report() {
    let (desk, convoy) = review(outside(), vec![Step::Output(" \n".to_owned())]);
    partial(&desk, &convoy, "");
}

#[test]
fn a4_a5_one_that_ends_badly_with_a_report_written() {
    let steps = vec![Step::Output("# Half a report\n".to_owned()), Step::Exit(3)];
    let (desk, convoy) = review(outside(), steps);
    partial(&desk, &convoy, "");
    assert_eq!(role(&convoy, "security")["exit_code"], 3);
    // What it left is not its report, and is not lost.
    let run = desk.tries(&["output", text(&convoy, "/id"), "security"]).exits(1);
    assert!(run.stderr.contains("security.md"), "{}", run.shown());
    assert!(!desk.report(text(&convoy, "/id")).contains("Half a report"));
}

#[test]
fn a4_a5_one_that_is_killed() {
    let (desk, convoy) =
        review(outside(), vec![Step::Output("# Half\n".to_owned()), Step::Die("KILL".to_owned())]);
    partial(&desk, &convoy, "");
    let session = text(role(&convoy, "security"), "/session_id").to_owned();
    let ended = desk.room.events("session.ended");
    let ended = ended.iter().find(|event| event["subject"] == session.as_str()).unwrap();
    assert_eq!(ended["data"]["exit"]["signal"], 9, "{ended}");
}

#[test]
fn a5_a6_one_that_hangs_with_all_that_it_started() {
    let ignores = Step::Ignore(vec!["INT".to_owned(), "TERM".to_owned()]);
    let child = Step::Orphan { steps: vec![ignores.clone(), Step::Hang], keep_stdout: true };
    let (desk, convoy) = review(outside(), vec![ignores, child, Step::Hang]);
    partial(&desk, &convoy, "");
    let agents = desk.room.env.witness();
    let pids =
        agents.iter().filter(|entry| entry["role"] == "security").filter_map(|entry| entry["pid"].as_i64());
    let left = desk.room.env.processes();
    for pid in pids {
        assert!(left.iter().all(|process| i64::from(process.pid) != pid), "{left:?}");
    }
}

#[test]
fn a5_one_whose_findings_are_garbage() {
    let steps = vec![
        Step::Output("# A report\n".to_owned()),
        Step::Write {
            path: "$CONVOY_OUTPUT_DIR/security.findings.json".to_owned(),
            content: "{not json".to_owned(),
        },
    ];
    let (desk, convoy) = review(outside(), steps);
    partial(&desk, &convoy, "");
    // It is told what is wrong, and asked once more.
    assert_eq!(role(&convoy, "security")["attempts"], 2);
}

#[test]
fn a5_one_that_writes_where_it_may_not() {
    let env = outside();
    let at = |path: &str| env.root().join(path).to_string_lossy().into_owned();
    let write = |path: String| Step::Write { path, content: "mine\n".to_owned() };
    let steps = vec![
        write(at("repo/src/lib.txt")),
        write(at("repo/.convoy/templates/evil.toml")),
        write("$CONVOY_OUTPUT_DIR/../correctness.md".to_owned()),
        write("$CONVOY_OUTPUT_DIR/../../synthesis.md".to_owned()),
        write("src/lib.txt".to_owned()),
        Step::Try(
            ["ln", "-s", "/etc/passwd"]
                .into_iter()
                .map(str::to_owned)
                .chain(["$CONVOY_OUTPUT_FILE".to_owned()])
                .collect(),
        ),
    ];
    let (desk, convoy) = review(env, steps);
    partial(&desk, &convoy, "");
    assert_eq!(desk.room.repo().git(["status", "--porcelain", "--", "src"]), "");
    assert!(!desk.room.env.dir().join(".convoy/templates/evil.toml").exists());
    let correct = desk.output(text(&convoy, "/id"), "correctness");
    assert_eq!(correct["content"], "# Correct\n");
}

#[test]
fn a_role_is_tried_again_as_often_as_is_said() {
    let script = Script::default()
        .attempt(1, [Step::Exit(1)])
        .or(Case { steps: vec![Step::Output("# Well\n".to_owned())], ..Case::default() });
    let desk = Desk::new(&script);
    desk.template("alone", "reader", "");
    let convoy = desk.waits("alone", 0);
    let reader = role(&convoy, "reader");
    assert_eq!((&reader["status"], &reader["attempts"]), (&json!("completed"), &json!(2)), "{convoy:#}");
}

#[test]
fn when_all_fail_it_has_failed() {
    let desk = Desk::new(&Script::always([Step::Exit(1)]));
    desk.write(
        "templates/two.toml",
        "name = \"two\"\ndescription = \"Two\"\n[[agents]]\nrole = \"a\"\nsubagent = \"reader\"\nmax_attempts = 1\n\
         [[agents]]\nrole = \"b\"\nsubagent = \"reader\"\nmax_attempts = 1\n",
    );
    let convoy = desk.waits("two", 1);
    assert_eq!(convoy["outcome"], "failed");
    let listed = desk.room.json("list --status failed");
    assert_eq!(listed[0]["id"], convoy["id"]);
    for other in ["running", "completed", "partial", "stopped"] {
        assert_eq!(desk.room.json(&format!("list --status {other}")), json!([]), "{other}");
    }
}

#[test]
fn when_one_fails_all_end_if_the_template_wants_that() {
    let env = outside();
    let script = Script::default()
        .role("a", [super::room::hears(&env, "b"), Step::Exit(1)])
        .role("b", [super::room::tells(&env, "b"), Step::Hang]);
    let desk = Desk::around(env, "", &script);
    desk.write(
        "templates/two.toml",
        "name = \"two\"\ndescription = \"Two\"\n[[agents]]\nrole = \"a\"\nsubagent = \"reader\"\nmax_attempts = 1\n\
         [[agents]]\nrole = \"b\"\nsubagent = \"reader\"\n[[agents]]\nrole = \"c\"\nsubagent = \"reader\"\n\
         depends_on = [\"a\"]\n[config]\non_failure = \"stop\"\n",
    );
    let convoy = desk.waits("two", 1);
    assert_eq!(states(&convoy), "a failed, b failed, c failed");
    assert_eq!(desk.room.env.witness().iter().filter(|entry| entry["event"] == "start").count(), 2);
}

#[test]
fn a15_a_budget_ends_it_and_says_so() {
    let desk = Desk::new(&Script::always([Step::Output("# Read\n".to_owned())]));
    desk.template("alone", "reader", "");
    for bad in ["0", "-1", "NaN", "inf", "x"] {
        desk.tries(&["start", "alone", &format!("--budget={bad}")]).exits(2);
    }
    // What this agent spends is unknown, and nothing is granted of a limit to such a one.
    let run = desk.tries(&["start", "alone", "--budget", "1", "--wait"]).exits(1);
    assert!(run.stdout.contains("Nothing can move"), "{}", run.shown());
    let convoy = desk.room.json("list --status running")[0].clone();
    assert_eq!(convoy["budget"]["usd"], "1.00", "{convoy:#}");
    assert!(desk.room.env.witness().is_empty());
}

#[test]
fn a6_the_whole_has_a_time_limit() {
    let env = outside();
    let script = Script::default()
        .role("a", [Step::Output("# A\n".to_owned())])
        .role("b", [Step::Print("hangs".to_owned()), Step::Output("# Not yet\n".to_owned()), Step::Hang])
        .or(Case {
            steps: vec![Step::SavePrompt(said(&env, "c")), Step::Output("# C\n".to_owned())],
            ..Case::default()
        });
    let desk = Desk::around(env, "", &script);
    desk.agent_file("reader", &reader("", "Read."));
    desk.template("three", "a b c:b", "");
    // Time enough for the one that does not hang.
    let convoy = desk.waits("three --timeout 6s", 5);
    assert_eq!(states(&convoy), "a completed, b failed, c failed");
    assert_eq!((&convoy["outcome"], &convoy["context"]["timed_out"]), (&json!("partial"), &json!(true)));
    assert!(!desk.room.env.root().join("said/c").exists(), "nothing begins when the time is up");
    let hung = desk.room.env.witness().iter().find(|entry| entry["role"] == "b").unwrap()["pid"].as_i64();
    assert!(desk.room.env.processes().iter().all(|process| Some(i64::from(process.pid)) != hung));
}
