//! Text that would like to be more than text.

use serde_json::Value;

use crate::workspace;

const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}[31mred\u{1b}]0;title\u{7}",
    "two\nlines\r\nand a\ttab",
    "$(touch pwned) `touch pwned` ; touch pwned",
    "\"quotes\" and 'quotes' and \\ backslashes",
    "right\u{202e}left\u{2066}",
    "c1 \u{9b}31m and del \u{7f}",
    "invisible \u{e0041}\u{200b}",
    "日本語 🚚 émoji",
    "{{ template }} {0} %s",
];

#[test]
fn titles_are_kept_whole_and_shown_harmless() {
    let env = workspace();
    for (n, title) in HOSTILE.iter().enumerate() {
        let id = format!("gt-{n}");
        let made = env.convoy(["issue", "create", title, "--id", &id, "--body", title, "--json"]).ok();
        assert_eq!(made.json()["title"], *title);
        env.convoy(["create", title, &id, "--json"]).ok();
    }
    for line in [
        "issue list",
        "list",
        "status",
        "issue show gt-0 gt-1 gt-4 gt-5",
        "stranded",
        "why gt-0",
        "events",
        "issue list --json",
        "status --json",
        "issue show gt-nope\u{1b}[2J",
        "nonsense\u{1b}[2J",
        "create \u{9b}1 gt-x",
    ] {
        let run = env.convoy(crate::words(line));
        let printed = run.stdout + &run.stderr;
        let hostile = |c: char| {
            c.is_control() && c != '\n' && c != '\t' || "\u{202e}\u{2066}\u{e0041}\u{200b}".contains(c)
        };
        assert!(!printed.contains(hostile), "{line}: {printed:?}");
    }
    assert!(!env.dir().join("pwned").exists());
}

#[test]
fn a_title_has_a_limit_and_lists_cut_it() {
    let env = workspace();
    let long = "é".repeat(512);
    env.convoy(["issue", "create", &long, "--id", "gt-1"]).ok();
    let list = env.convoy(["issue", "list"]).ok().stdout;
    assert!(list.lines().next().unwrap().chars().count() < 160, "{list}");
    assert_eq!(env.convoy(["issue", "show", "gt-1", "--json"]).ok().json()["title"], long.as_str());
    let run = env.convoy(["issue", "create", &"é".repeat(513)]).exits(2);
    assert!(run.stderr.contains("title: expected 1 to 512 characters"), "{}", run.stderr);
    env.convoy(["issue", "create", ""]).exits(2);
}

#[test]
fn leading_dashes_are_flags_unless_said_otherwise() {
    let env = workspace();
    env.convoy(["issue", "create", "--weird"]).exits(2);
    let made = env.convoy(["issue", "create", "--id", "gt-1", "--json", "--", "--weird"]).ok().json();
    assert_eq!(made["title"], "--weird");
    env.convoy(["create", "--", "-x", "gt-1"]).exits(2);
    env.convoy(["create", "c", "--", "--json"]).exits(3);
}

#[test]
fn ids_and_addresses_are_checked_at_the_edge() {
    let env = workspace();
    for id in ["../etc", "gt", "gt-", "gt-a/b", "gt-a b", "gt-\u{1b}", "hq-cv-abc12"] {
        let run = env.convoy(["issue", "create", "t", "--id", id]).exits(2);
        assert!(run.stderr.contains("id"), "{}", run.stderr);
    }
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    env.convoy(["create", "c", "gt-1", "--owner", "a b"]).exits(2);
    env.convoy(["create", "c", "gt-1", "--as", "a\u{1b}b"]).exits(2);
    env.convoy(["create", "c", "gt-1", "--base", "a..b"]).exits(2);
    let list: Value = env.convoy(["list", "--json"]).ok().json();
    assert_eq!(list, serde_json::json!([]));
}
