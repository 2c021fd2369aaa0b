//! How a run begins: what its name means, two at once, and whatever people write.

use std::collections::BTreeSet;

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::json;

use super::room::{Desk, reader, states};
use crate::room::{SOON, outside, text};

fn answers() -> Script {
    Script::always([Step::SavePrompt("$CONVOY_OUTPUT_FILE".to_owned())])
}

#[test]
fn a11_two_that_begin_in_the_same_millisecond_are_two() {
    let mut env = outside();
    // Time stands still.
    env.with_clock();
    let desk = Desk::around(env, "", &answers());
    desk.template("alone", "reader", "");
    desk.room.convoy("up");
    let both = [(), ()].map(|()| desk.room.env.start(["start", "alone", "--wait", "--json"]));
    let views = both.map(|start| start.wait(SOON).exits(0).json());
    let ids: BTreeSet<&str> = views.iter().map(|view| text(view, "/id")).collect();
    let folders: BTreeSet<&str> = views.iter().map(|view| text(view, "/output_dir")).collect();
    assert_eq!((ids.len(), folders.len()), (2, 2), "{views:#?}");
    for id in ids {
        assert_eq!(states(&desk.status(id)), "reader completed");
        assert!(!desk.report_of(id, "reader").is_empty());
    }
}

#[test]
fn a12_whatever_people_write_is_only_text() {
    let env = outside();
    let repo = env.repo();
    let hostile = "a b;$(touch pwned)`touch pwned`'\"&|.txt";
    repo.write(&format!("src/{hostile}"), "one\n");
    repo.write("src/-rf", "two\n");
    repo.write("src/--help", "three\n");
    repo.commit("Names");
    let desk = Desk::around(env, "", &answers());
    desk.agent_file("reader", &reader("", "Files:\n{{ files }}\nSaid: {{ vars.what }}\nOf: {{ pr_url }}"));
    desk.template("alone", "reader", "");
    let value = "what=$(touch pwned); `touch pwned` --help 'x' \"y\" \\ 🚚\n-rf /";
    let words = [
        "start",
        "alone",
        "--files",
        "src/*",
        "--var",
        value,
        "--pr-url",
        "https://example.com/a?b=$(touch+pwned)",
        "--owner",
        "mayor/",
        "--notify",
        "--human",
    ];
    let convoy = desk.ends(&words, 0);
    let content = desk.report_of(text(&convoy, "/id"), "reader");
    for part in [hostile, "src/-rf", "src/--help", &value["what=".len()..], "$(touch+pwned)"] {
        assert!(content.contains(part), "no {part:?} in {content}");
    }
    let pwned = |folder: std::path::PathBuf| folder.join("pwned").exists();
    assert!(
        !pwned(desk.room.env.dir())
            && !pwned(desk.room.env.home())
            && !pwned(desk.room.env.root().to_owned())
    );
    for bad in [
        &["start", "-rf"][..],
        &["start", "../../etc/passwd"],
        &["start", "a/b"],
        &["start", ""],
        &["start", "alone", "--var", "no-value"],
        &["start", "alone", "--var", "=x"],
        &["start", "alone", "--var", "a b=x"],
        &["start", "alone", "--var", "what=1", "--var", "what=2"],
        &["start", "alone", "--max-parallel", "0"],
        &["start", "alone", "--timeout", "-5m"],
        &["start", "alone", "--var", "what=1", "--pr-url", "javascript:alert(1)"],
        &["start", "alone", "--var", "what=1", "--agent", "nobody"],
        &["start", "alone", "--var", "what=1", "--base", "no-such-branch"],
        &["start", "alone", "--var", "what=1", "--files", "no/such/*"],
        &["start", "alone", "--var", "what=1", "--issue", "gt-none"],
        &["output", "../../etc", "x"],
        &["output", text(&convoy, "/id"), "../reader"],
    ] {
        let run = desk.tries(bad);
        assert!((1..=4).contains(&run.status), "{}", run.shown());
        assert!(!run.stderr.is_empty(), "{}", run.shown());
    }
    assert_eq!(desk.room.json("list --all").as_array().unwrap().len(), 1);
}

#[test]
fn a12_reports_are_put_where_one_wants_them() {
    let desk = Desk::new(&answers());
    desk.template("alone", "reader", "");
    let folder = desk.room.env.root().join("my reports; $(touch pwned)");
    let convoy = desk.ends(&["start", "alone", "--output-dir", folder.to_str().unwrap()], 0);
    let path = desk.output(text(&convoy, "/id"), "reader")["path"].clone();
    let expected = folder.join(text(&convoy, "/id")).join("reader.md");
    assert_eq!(path, expected.to_str().unwrap());
    assert!(expected.is_file());
}

#[test]
fn what_is_there_already_comes_before_a_template_of_its_name() {
    let desk = Desk::new(&answers());
    desk.room.issues("gt-a");
    let id = text(&desk.room.json("create Work gt-a"), "/id").to_owned();
    desk.template("hq-cv", "reader", "");
    let run = desk.room.env.convoy(["start", "hq-cv", "--dry-run"]).ok();
    assert!(run.stdout.contains(&id), "{}", run.shown());
    // What is for templates is refused for it.
    let run = desk.tries(&["start", "hq-cv", "--files", "*"]).exits(2);
    assert!(run.stderr.contains("--files is for templates"), "{}", run.shown());
    // What is neither.
    let run = desk.tries(&["start", "code-reviev"]).exits(3);
    assert!(run.stderr.contains("no convoy") && run.stderr.contains("code-review"), "{}", run.shown());
}

#[test]
fn a_dry_run_says_what_would_be_and_starts_nothing() {
    let desk = Desk::new(&answers());
    let run = desk.room.env.convoy(["start", "code-review", "--files", "src/**", "--dry-run"]).ok();
    for words in [
        "Would start",
        "correctness",
        "after correctness, security, performance",
        "src/lib.txt",
        "Nothing was",
    ] {
        assert!(run.stdout.contains(words), "no {words:?}: {}", run.shown());
    }
    let view = desk.room.json("start code-review --files src/** --dry-run");
    assert_eq!(view["roles"].as_array().unwrap().len(), 4);
    assert_eq!(view["files"], json!(["src/lib.txt"]));
    assert_eq!(desk.room.json("list --all"), json!([]));
    assert_eq!(desk.room.json("issue list --all"), json!([]));
    assert!(desk.room.env.witness().is_empty());
}

#[test]
fn what_changed_since_a_branch_is_what_is_looked_at() {
    let desk = Desk::new(&answers());
    desk.agent_file("reader", &reader("", "Files: {{ files }}\n{{ diff }}"));
    desk.template("alone", "reader", "");
    let repo = desk.room.repo();
    repo.git(["checkout", "-q", "-b", "work"]);
    repo.write("src/new.txt", "a new line\n");
    repo.git(["add", "src"]);
    repo.git(["commit", "-q", "-m", "New"]);
    let convoy = desk.waits("alone --base main --files src/**", 0);
    assert_eq!(convoy["context"]["files"], json!(["src/new.txt"]));
    assert_eq!(convoy["context"]["base"], repo.git(["rev-parse", "main"]));
    let prompt = desk.report_of(text(&convoy, "/id"), "reader");
    assert!(prompt.contains("+a new line"), "{prompt}");
}
