//! Every command line of the documents that describe Gas Town's convoys, orch's sessions and convoys, and Panopticon's
//! convoy runtime, as written there, through the aliases `gt`, `orch`, `pan` (this program) and `bd` (its `issue`).
//!
//! Each says what it does here. One that is not there yet is a clean usage error; when it begins to work, this test
//! fails until the line is moved.

#![expect(clippy::unwrap_used, reason = "clippy counts only functions marked as tests; all of this is one")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use convoy_testkit::env::{Run, TestEnv};
use serde_json::{Value, json};

use crate::room;

/// For what comes in a moment, on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(30);

/// What a line does.
#[derive(Clone, Copy)]
enum Does {
    /// What the document says; this is among what it prints.
    Works(&'static str),
    /// Something else, for this reason; this is among what it prints.
    Differs(&'static str, &'static str),
    /// Nothing yet: of this family.
    NotYet(&'static str),
}
use Does::{Differs, NotYet, Works};

/// A rig of its own for each prefix that the documents use.
fn town() -> TestEnv {
    let env = room();
    env.repo();
    for name in ["beads", "cs"] {
        env.repo_named(name);
    }
    env.convoy(["init", "--prefix", "gt", "--name", "gastown"]).ok();
    let file = env.dir().join(".convoy/config.toml");
    let mut config = std::fs::read_to_string(&file).unwrap();
    config.push_str("\n[rigs.beads]\npath = \"../beads\"\nprefix = \"bd\"\n[rigs.cs]\npath = \"../cs\"\nprefix = \"cs\"\n");
    // An agent that does nothing: what is started here is not what is tested here.
    config.push_str("[defaults]\nagent = \"idle\"\n[agents.idle]\ncommand = [\"sleep\", \"300\"]\n");
    std::fs::write(&file, config).unwrap();
    env
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Convoys by the ids that the documents call them by: taken over from the tools that made them.
fn take_over(env: &TestEnv, issues: &[&str], gastown: &[(&str, &str)], orch: &[&str]) {
    let issue =
        |id: &&str| format!("{}\n", json!({"id": id, "title": format!("Title of {id}"), "status": "open"}));
    let text: String = issues.iter().map(issue).collect();
    env.convoy_with_stdin(&text, ["issue", "import"]).ok();
    let convoy = |(id, issue): &(&str, &str)| {
        let tracks = json!([{"issue_id": id, "depends_on_id": issue, "type": "tracks"}]);
        format!(
            "{}\n",
            json!({"id": id, "title": "Deploy v2.0", "issue_type": "convoy", "status": "open", "dependencies": tracks})
        )
    };
    let home = env.root().join("other");
    put(&home.join(".beads/issues.jsonl"), &gastown.iter().map(convoy).collect::<String>());
    env.convoy(["import", "gastown", home.to_str().unwrap()]).ok();
    for id in orch {
        let convoy = json!({"convoy": {"id": id, "epicId": "epic-abc123", "name": "User Management", "status": "active",
            "issueIds": ["cs-a", "cs-b", "cs-c"], "createdAt": "2026-01-09T20:38:54.993Z"}});
        put(&home.join(format!(".orchestration/convoys/epic-abc123/{id}.json")), &convoy.to_string());
    }
    if !orch.is_empty() {
        env.convoy(["import", "orch", home.to_str().unwrap()]).ok();
    }
}

/// A command line as a shell reads it: words, `'` and `"` keep them together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '"' || c == '\'' => (quote, any) = (Some(c), true),
            None if c == ' ' => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            _ => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Through the alias that its first word is.
fn run(env: &TestEnv, line: &str) -> Run {
    let words = words(line);
    let args: Vec<&str> = match words[0].as_str() {
        "bd" => std::iter::once("issue").chain(words[1..].iter().map(String::as_str)).collect(),
        "gt" | "orch" | "pan" => words[1..].iter().map(String::as_str).collect(),
        other => panic!("{other} is no alias"),
    };
    env.convoy(args)
}

#[track_caller]
fn all(env: &TestEnv, lines: &[(&str, Does)]) {
    let mut wrong = String::new();
    for (line, does) in lines {
        let run = run(env, line);
        let printed = format!("{}{}", run.stdout, run.stderr);
        let as_said = match does {
            Works(text) => run.status == 0 && printed.contains(text),
            Differs(_, text) => printed.contains(text),
            NotYet(_) => {
                run.status == 2
                    && run.stdout.is_empty()
                    && (printed.contains("unrecognized subcommand")
                        || printed.contains("unexpected argument"))
            }
        };
        if !as_said {
            let what = match does {
                Works(text) => format!("works, and prints {text:?}"),
                Differs(why, text) => format!("differs ({why}), and prints {text:?}"),
                NotYet(family) => format!("is not there yet ({family}): move it if it is now"),
            };
            let _ = writeln!(wrong, "{line}\n  expected: {what}\n  status {}\n{printed}", run.status);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn convoys_of_gastown() {
    let env = town();
    let issues = [
        "gt-abc",
        "gt-def",
        "bd-xyz",
        "gt-auth-fix",
        "gt-a",
        "gt-b",
        "gt-c",
        "gt-new-issue",
        "gt-followup-fix",
        "gt-frontend-abc",
        "gt-backend-def",
        "bd-docs-xyz",
    ];
    take_over(&env, &issues, &[("hq-cv-abc", "gt-abc")], &[]);
    all(
        &env,
        &[
            ("gt convoy create \"Feature X\" gt-abc gt-def --notify overseer", Works("Tracking:  2 issues")),
            ("gt convoy status hq-cv-abc", Works("🚚 hq-cv-abc: Deploy v2.0")),
            ("gt convoy list", Works("Use 'convoy status <id>' for detailed view.")),
            ("gt convoy list --all", Works("Convoys")),
            (
                "gt convoy create \"Deploy v2.0\" gt-abc bd-xyz --notify gastown/joe",
                Works("Notify:    gastown/joe"),
            ),
            ("gt convoy create \"Fix auth bug\" gt-auth-fix", Works("Tracking:  1 issue")),
            ("gt convoy create \"Feature X\" gt-a gt-b gt-c", Works("Tracking:  3 issues")),
            ("bd dep add hq-cv-abc gt-new-issue --type=tracks", Works("Added gt-new-issue")),
            ("gt convoy close hq-cv-abc", Works("abandoned")),
            ("bd update hq-cv-abc --status=open", Works("Reopened hq-cv-abc")),
            ("bd dep add hq-cv-abc gt-followup-fix --type=tracks", Works("Added gt-followup-fix")),
            ("gt convoy status hq-abc", Works("🚚 hq-cv-abc: Deploy v2.0")),
            ("gt convoy status", Works("🚚 hq-cv-abc: Deploy v2.0")),
            ("gt convoy list --status=closed", Works("No")),
            ("gt convoy list --json", Works("\"id\": \"hq-cv-abc\"")),
            ("gt convoy create \"Feature X\" gt-abc --notify gastown/joe", Works("Notify:    gastown/joe")),
            (
                "gt convoy create \"Feature X\" gt-abc --notify mayor/ --notify --human",
                Works("Notify:    mayor/, overseer"),
            ),
            ("gt sling bd-xyz beads/amber", Works("assigned to beads/amber")),
            ("gt sling bd-xyz beads", Works("already being worked on by beads/amber")),
            (
                "gt convoy create \"Full-stack feature\" gt-frontend-abc gt-backend-def bd-docs-xyz",
                Works("Tracking:  3 issues"),
            ),
            ("gt rig status gastown", Works("gastown")),
            ("gt convoy add hq-cv-abc gt-def", Works("Added gt-def")),
        ],
    );
}

#[test]
fn lifecycle_of_gastown() {
    let env = town();
    take_over(&env, &["gt-abc", "gt-xyz"], &[("hq-cv-abc", "gt-abc"), ("hq-cv-xyz", "gt-xyz")], &[]);
    all(
        &env,
        &[
            ("gt convoy check", Works("")),
            ("gt convoy check hq-cv-abc", Works("1 of 1 issues are open")),
            ("gt convoy check --dry-run", Works("")),
            ("gt convoy status", Works("hq-cv-xyz")),
            ("gt convoy stranded", Works("hq-cv-abc")),
            (
                "gt convoy create \"Feature X\" gt-abc --owner mayor/ --notify overseer",
                Works("Owner:     mayor/"),
            ),
            ("gt convoy create \"Sprint work\" gt-abc --due=\"2026-01-15\"", Works("Sprint work")),
            ("gt convoy stranded --overdue", Works("Sprint work")),
            ("gt convoy close hq-cv-xyz --reason=\"work done differently\"", Works("abandoned")),
            ("bd update gt-abc --status=closed", Works("Closed gt-abc")),
            ("gt convoy close hq-cv-abc", Works("already landed")),
            ("gt convoy close hq-cv-abc --notify mayor/", Works("already landed")),
            ("gt convoy reopen hq-cv-abc", Works("hq-cv-abc")),
            ("gt convoy close hq-cv-abc --reason=done --notify=mayor/", Works("hq-cv-abc")),
        ],
    );
}

#[test]
fn sessions_of_orch() {
    let env = town();
    all(
        &env,
        &[
            ("orch session start --epic test-001 --budget 5.00", Works("Session number:  1")),
            ("orch session start --epic test-001 --resume", Works("RESUME BRIEF")),
            ("orch session start", Works("To pause:")),
            ("orch session status --epic test-001", Works("To pause:")),
            ("orch session status", Works("Epic: test-001")),
            (
                "orch session pause",
                Differs(
                    "two epics have a session open here, and it asks which is meant",
                    "several epics are active",
                ),
            ),
            ("orch session list --epic test-001", Works("session 2: running")),
            ("orch session list", Works("session 1: paused")),
        ],
    );
}

#[test]
fn convoys_of_orch() {
    let env = town();
    take_over(&env, &["cs-a", "cs-b", "cs-c"], &[], &["convoy-xyz789", "convoy-abc123"]);
    all(
        &env,
        &[
            ("orch convoy create \"Test\" cs-a cs-b cs-c", Works("Tracking:  3 issues")),
            (
                "orch convoy create \"User Profile Feature\" cs-a cs-b cs-c --budget 10.00",
                Works("Tracking:  3 issues"),
            ),
            ("orch convoy list --epic epic-abc123", Works("convoy-xyz789: User Management")),
            ("orch convoy show convoy-xyz789", Works("🚚 convoy-xyz789: User Management")),
            ("orch convoy show convoy-abc123", Works("🚚 convoy-abc123: User Management")),
            ("bd list --label convoy:xyz789", Works("cs-a")),
            ("bd list --label convoy:abc123", Works("cs-b")),
            ("orch work assign cs-a convoy-xyz789", Works("assigned to cs/")),
            ("orch work assign cs-b convoy-xyz789", Works("assigned to cs/")),
            ("orch work assign cs-c convoy-xyz789", Works("assigned to cs/")),
            ("orch work status cs-a", Works("cs-a")),
            (
                "orch work retry cs-a",
                Differs("an agent is at work on it: there is nothing to try again", "cs-a"),
            ),
            ("orch cost status --convoy convoy-xyz789", Works("convoy convoy-xyz789: $0.00 in")),
            ("orch cost report --epic epic-abc123", Works("epic epic-abc123: $0.00 in")),
        ],
    );
    // Whoever was assigned has begun when its engine has come that far.
    let begun = env.start(["events", "--follow", "--json", "--type", "session.started"]);
    assert!(begun.printed("session.started", LONG), "{}", env.convoy(["work", "list"]).shown());
    all(
        &env,
        &[
            ("orch cost report --convoy convoy-xyz789", Works("By worker")),
            ("orch cost report --convoy convoy-abc123", Works("No session has begun.")),
            (
                "orch cost budget 10",
                Differs(
                    "several convoys and an epic are active, and it is not guessed",
                    "say what it is for",
                ),
            ),
            ("orch convoy cancel convoy-xyz789", Works("convoy-xyz789")),
        ],
    );
}

#[test]
fn convoy_runtime_of_panopticon() {
    let env = town();
    let id = "convoy-review-1706123456";
    let run: Value = json!({"id": id, "template": "code-review", "status": "running", "startedAt": "2026-01-24T10:00:00Z",
        "agents": [{"role": "security", "subagent": "code-review-security", "tmuxSession": "t", "status": "running"}],
        "outputDir": "/o", "context": {"projectPath": "/p"}});
    let home = env.root().join("pan");
    put(&home.join(format!("convoys/{id}.json")), &run.to_string());
    env.convoy(["import", "panopticon", home.to_str().unwrap()]).ok();
    // The issue that the document names, and a file for its pattern to find.
    env.convoy_with_stdin(
        "{\"id\":\"MIN-123\",\"title\":\"Title\",\"status\":\"open\"}\n",
        ["issue", "import", "--rig", "gastown"],
    )
    .ok();
    put(&env.dir().join("src/a.ts"), "let a = 1;\n");
    all(
        &env,
        &[
            ("pan convoy start code-review --files \"src/**/*.ts\"", Works("synthesis")),
            (
                "pan convoy start code-review --files \"src/**/*.ts\" --pr-url https://example.com/1 --issue-id MIN-123",
                Works("synthesis"),
            ),
            ("pan convoy start code-review", Works("performance")),
            ("pan convoy start planning --issue MIN-123", Works("planner")),
            ("pan convoy status convoy-review-1706123456", Works("🚚 convoy-review-1706123456: code-review")),
            ("pan convoy status", Works("convoy-review-1706123456")),
            ("pan convoy list", Works("convoy-review-1706123456")),
            ("pan convoy list --status running", Works("code-review")),
            ("pan convoy list --status completed", Works("No such convoys.")),
            ("pan convoy stop convoy-review-1706123456", Works("convoy-review-1706123456")),
            (
                "pan convoy synthesize convoy-review-1706123456",
                Differs(
                    "it ran over there: its reports are not here",
                    "is not of a template, and has no reports to put together",
                ),
            ),
            ("pan work issue", NotYet("pan's work agents: convoy sling <issue>")),
        ],
    );
}
