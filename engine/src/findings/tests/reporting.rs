//! The reports: what stands in them, and that hostile text is nothing but text.

use convoy_core::review::Severity;
use serde_json::Value;

use super::super::merge::Found;
use super::super::report::{self, code, fenced, inline, paragraphs};
use super::super::synthesis::{Lane, Missing, Subject, Synthesis};
use super::{flagged, found, role};

fn subject() -> Subject {
    Subject {
        template: "code-review".into(),
        commit: Some("c0ffee".into()),
        diff_base: Some("ba5e".into()),
        files: vec!["a.rs".into(), "b.rs".into(), "c d.rs".into()],
    }
}

fn lanes() -> Vec<Lane> {
    let mut apart = found("security", Severity::Blocker, "secrets", "Not there", ("b.rs", 5));
    apart.grounded = false;
    vec![
        Lane {
            role: role("security"),
            found: vec![
                found("security", Severity::Blocker, "injection", "SQL injection", ("a.rs", 1)),
                found("security", Severity::Critical, "auth", "Anybody may", ("a.rs", 30)),
                apart,
            ],
        },
        Lane {
            role: role("correctness"),
            found: vec![
                found("correctness", Severity::High, "injection", "A query of user input", ("a.rs", 1)),
                found("correctness", Severity::Blocker, "race", "Two writers", ("b.rs", 9)),
            ],
        },
        Lane {
            role: role("lint"),
            found: vec![flagged("lint", Severity::Low, "E501", "Line too long", ("c d.rs", 3))],
        },
    ]
}

fn files(lanes: Vec<Lane>, missing: Vec<Missing>) -> [String; 3] {
    let all = report::review(&Synthesis::make(subject(), lanes, missing, None));
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["synthesis.md", "synthesis.json", "synthesis.sarif"]);
    all.into_iter().map(|(_, text)| text).collect::<Vec<_>>().try_into().unwrap()
}

fn gone() -> Vec<Missing> {
    vec![Missing { role: role("performance"), why: "it hung, and was ended".into() }]
}

#[test]
fn the_report_has_all_its_parts_in_order() {
    let [text, ..] = files(lanes(), gone());
    let parts = [
        "# Code Review: Complete Analysis",
        "## Missing lanes",
        "- **performance**: it hung, and was ended",
        "## Executive Summary",
        "- 2 blockers (MUST FIX)\n- 1 critical issue\n- 1 low-priority item\n- 1 ungrounded finding, set apart\n",
        "**Verdict:** CHANGES_REQUESTED",
        "## Top Priority\n\n1. **F1** SQL injection in `a.rs:1` (security, blocker)\n2. **F2** Two writers in `b.rs:9`",
        "## Blocker Issues",
        "### F1. SQL injection\n\n- Severity: blocker\n- Reviewers: correctness, security\n- Category: injection\n- Location: `a.rs:1`",
        "- Also reported as: A query of user input",
        "- Related: F3",
        "```\nline 1 of a.rs\n```",
        "**Problem:**\nSQL injection, says security",
        "**Problem:**\nA query of user input, says correctness",
        "**Impact:**\nIt hurts.",
        "**Fix:**\nsecurity would mend it.",
        "## Critical Issues",
        "## High Issues\n\nNone.",
        "## Medium Issues\n\nNone.",
        "## Low Issues",
        "## Info\n\nNone.",
        "## Related\n\n- `a.rs`: F1, F3",
        "## Action Items\n\n### Before it lands\n\n- [ ] **F1** security would mend it. in `a.rs:1`",
        "### Later",
        "## Ungrounded",
        "### F5. Not there",
        "## Review Statistics\n\n- Files reviewed: 3\n- Issues found: 4\n- Duplicates removed: 1\n",
        "| security | 3 | 2 |",
        "| performance | missing | |",
    ];
    let mut rest = text.as_str();
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part}\nis not in\n{rest}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn json_reads_back_and_nothing_found_is_said() {
    let [text, json, _] = files(lanes(), gone());
    let back: Synthesis = serde_json::from_str(&json).unwrap();
    assert_eq!(report::review(&back)[0].1, text);
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["findings"][0]["id"], "F1");
    assert_eq!(value["verdict"], "CHANGES_REQUESTED");
    let [text, ..] = files(vec![Lane { role: role("a"), found: Vec::new() }], Vec::new());
    assert!(
        text.contains("- nothing was found") && text.contains("APPROVED") && !text.contains("Missing"),
        "{text}"
    );
}

/// What the format requires of what we write: SARIF 2.1.0, sections 3.13 to 3.58.
fn check_sarif(sarif: &Value) {
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif["$schema"].as_str().unwrap().ends_with("sarif-2.1.0.json"));
    for run in sarif["runs"].as_array().unwrap() {
        let driver = &run["tool"]["driver"];
        assert!(!driver["name"].as_str().unwrap().is_empty());
        let rules = driver["rules"].as_array().unwrap();
        let mut ids: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "rules are unique");
        for result in run["results"].as_array().unwrap() {
            let at = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(rules[at]["id"], result["ruleId"]);
            assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            for place in result["locations"].as_array().into_iter().flatten() {
                let place = &place["physicalLocation"];
                let uri = place["artifactLocation"]["uri"].as_str().unwrap();
                assert!(!uri.starts_with('/') && !uri.contains([' ', '\\', '"', '<', '#', '?']), "{uri}");
                if let Some(region) = place.get("region") {
                    assert!(region["startLine"].as_u64().unwrap() >= 1);
                    assert!(region["endLine"].as_u64() >= region["startLine"].as_u64());
                }
            }
        }
        for invocation in run["invocations"].as_array().unwrap() {
            assert!(invocation["executionSuccessful"].is_boolean());
            for notice in invocation["toolExecutionNotifications"].as_array().unwrap() {
                assert!(!notice["message"]["text"].as_str().unwrap().is_empty());
            }
        }
    }
}

#[test]
fn sarif_is_valid_and_is_read_by_ourselves() {
    let mut all = lanes();
    all[0].found[0].finding.title = "A [link](x) and {0}".into();
    let [_, _, sarif] = files(all, gone());
    let value: Value = serde_json::from_str(&sarif).unwrap();
    check_sarif(&value);
    let run = &value["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), 4, "what is ungrounded is no result");
    assert_eq!(run["properties"]["ungrounded"].as_array().unwrap().len(), 1);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["results"][0]["properties"]["roles"], serde_json::json!(["correctness", "security"]));
    assert!(run["results"][0]["message"]["text"].as_str().unwrap().starts_with("A \\[link\\](x) and {{0}}"));
    assert!(sarif.contains("c%20d.rs"));
    let [_, _, whole] = files(lanes(), Vec::new());
    let root = super::super::program::Root::new(std::path::Path::new("/nowhere"));
    let back = super::super::program::read(&whole, &root).unwrap();
    assert_eq!(back.len(), 4);
    assert!(back.iter().any(|one| one.file.as_deref() == Some("c d.rs") && one.line == Some(3)));
}

#[test]
fn text_in_a_line_is_nothing_but_text() {
    for (text, safe) in [
        ("plain words, snake_case and a-b", "plain words, snake_case and a-b"),
        ("<script>alert(1)</script>", "\\<script>alert(1)\\</script>"),
        ("[click](javascript:x) ![i](u)", "\\[click\\](javascript:x) !\\[i\\](u)"),
        ("see https://evil.example/x now", "see `https://evil.example/x` now"),
        ("www.evil.example", "`www.evil.example`"),
        ("ping @team, #12 and GH-3", "ping `@team,` `#12` and `GH-3`"),
        ("use `a_b()` *now*", "use `a_b()` \\*now\\*"),
        ("a ` alone", "a \\` alone"),
        ("``` two\nlines", "\\`\\`\\` two lines"),
        ("_x_ &amp; a|b $y$ ~z~ \\", "\\_x\\_ \\&amp; a\\|b \\$y\\$ \\~z\\~ \\\\"),
        ("red\u{1b}[31m \u{202e}txt", "red\\\\x1b\\[31m \\\\u{202e}txt"),
    ] {
        assert_eq!(inline(text), safe, "{text}");
    }
    assert_eq!(code("a`b"), "``a`b``");
    assert_eq!(code("`"), "`` ` ``");
}

#[test]
fn text_of_several_lines_begins_nothing() {
    assert_eq!(
        paragraphs("# H\n\n\n\n- a\n1. b\n> q\n===\n    x\n"),
        "\\# H\n\n\\- a\n1\\. b\n\\> q\n\\===\nx"
    );
    let with_code = "Do this:\n```rust\nfn a() {}\n# no heading\n```\nand **that**";
    assert_eq!(
        paragraphs(with_code),
        "Do this:\n\n```\nfn a() {}\n# no heading\n```\n\nand \\*\\*that\\*\\*"
    );
    assert_eq!(paragraphs("````\n```\ninner\n````\n# x"), "````\n```\ninner\n````\n\n\\# x");
    assert_eq!(paragraphs("```\nnever ended"), "```\nnever ended\n```");
    assert_eq!(fenced("", "a\n```\nb"), "````\na\n```\nb\n````\n");
}

#[test]
fn a_hostile_finding_leaves_the_report_as_it_is() {
    let evil = "x\n```\n## Blocker Issues\n<img src=x onerror=y>\n- 9 blockers (MUST FIX)\n[a](http://b.example) @all";
    let mut one = found("security", Severity::Low, evil, evil, ("a.rs", 1));
    for text in
        [&mut one.finding.quote, &mut one.finding.problem, &mut one.finding.impact, &mut one.finding.fix]
    {
        *text = evil.into();
    }
    one.finding.file = Some("a`.rs".into());
    let lane = |found: Vec<Found>| vec![Lane { role: role("security"), found }];
    let missing = vec![Missing { role: role("x"), why: evil.into() }];
    let [text, _, sarif] = files(lane(vec![one]), missing);
    check_sarif(&serde_json::from_str(&sarif).unwrap());
    // Outside of fences nothing of it is anything but words.
    let (mut fence, mut headings): (Option<usize>, usize) = (None, 0);
    for line in text.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks >= open && ticks == line.len() => fence = None,
            Some(_) => {}
            None => {
                headings += usize::from(line == "## Blocker Issues");
                assert!(!line.contains("<img") || line.contains("\\<img"), "{line}");
                let line = line.replace("`[a](http://b.example)`", "");
                assert!(!line.contains("[a](") && !line.contains(" @all"), "{line}");
                assert!(line != "- 9 blockers (MUST FIX)", "{line}");
            }
        }
    }
    assert_eq!(fence, None, "every fence ends");
    assert_eq!(headings, 1, "{text}");
}
