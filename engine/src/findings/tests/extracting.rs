//! The findings of a role, wherever it left them, and what it is told if they cannot be read.

use convoy_core::review::Severity;

use super::super::extract::{ROLE_FINDINGS_MAX, Sources, extract};
use super::role;

const GOOD: &str = r#"{"findings": [{"severity": "high", "title": "One", "file": "a.rs", "line": 3, "quote": "let a"}]}"#;

fn titles(sources: &Sources<'_>) -> Result<Vec<String>, String> {
    let found = extract(&role("security"), sources).map_err(|why| why.to_string())?;
    Ok(found.into_iter().map(|one| one.title).collect())
}

fn why(text: &str) -> String {
    titles(&Sources { file: Some(text), ..Sources::default() }).unwrap_err()
}

#[test]
fn the_file_comes_before_the_report_and_that_before_what_was_printed() {
    let block = |title: &str| {
        format!("# Report\n```json findings\n{{\"findings\": [{{\"severity\": \"low\", \"title\": \"{title}\"}}]}}\n```\n")
    };
    let (report, printed) = (block("Two"), block("Three"));
    let mut sources = Sources { file: Some(GOOD), report: Some(&report), output: Some(&printed) };
    assert_eq!(titles(&sources).unwrap(), ["One"]);
    sources.file = Some("  \n");
    assert_eq!(titles(&sources).unwrap(), ["Two"]);
    sources.report = Some("# Only words");
    assert_eq!(titles(&sources).unwrap(), ["Three"]);
    let result = serde_json::json!({ "type": "result", "structured_output": { "findings": [{ "severity": "low", "title": "Four" }] } });
    let result = format!("{{\"type\": \"system\"}}\n{result}\n");
    sources.output = Some(&result);
    assert_eq!(titles(&sources).unwrap(), ["Four"]);
    sources.output = Some("nothing of the sort");
    let why = titles(&sources).unwrap_err();
    assert!(why.contains("security.findings.json") && why.contains("```json findings"), "{why}");
}

#[test]
fn an_empty_list_is_a_review_that_found_nothing() {
    for text in ["{\"findings\": []}", "[]", "\u{feff}{\"findings\": []}\n"] {
        assert_eq!(titles(&Sources { file: Some(text), ..Sources::default() }).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let two = r#"[{"severity": "high", "title": "fine"}, {"severity": "catastrophic"}, 5, {"title": "x", "line": -1, "file": 7}]"#;
    let why = why(two);
    for piece in [
        "security.findings.json",
        "findings[1].severity is \"catastrophic\": use one of blocker, critical, high, medium, low, info",
        "findings[1].title is missing",
        "findings[2] is not an object",
        "findings[3].severity is missing",
        "findings[3].line is no number from 1",
        "findings[3].file is no text",
    ] {
        assert!(why.contains(piece), "{piece}: {why}");
    }
}

#[test]
fn a_list_that_was_cut_off_says_so_with_its_line() {
    let cut = &GOOD[..GOOD.len() - 20];
    assert!(why(cut).contains("it ends too early"), "{}", why(cut));
    let comma = "{\"findings\": [\n  {\"severity\": \"high\",}\n]}";
    let why_comma = why(comma);
    assert!(why_comma.contains("line 2") && why_comma.contains("{\"severity\": \"high\",}"), "{why_comma}");
    assert!(why("{\"results\": []}").contains("the list `findings`"));
    assert!(why("\"text\"").contains("the list `findings`"));
}

#[test]
fn there_is_a_limit_and_many_faults_are_told_in_short() {
    let many = format!("[{}]", vec!["{}"; 500].join(","));
    let why_many = why(&many);
    assert!(why_many.contains("and 990 more like these") && why_many.len() < 3000, "{why_many}");
    let one = r#"{"severity":"low","title":"t"}"#;
    let most = format!("[{}]", vec![one; ROLE_FINDINGS_MAX].join(","));
    assert_eq!(titles(&Sources { file: Some(&most), ..Sources::default() }).unwrap().len(), ROLE_FINDINGS_MAX);
    let more = format!("[{}]", vec![one; ROLE_FINDINGS_MAX + 1].join(","));
    assert!(why(&more).contains("too many"));
}

#[test]
fn words_that_mean_ours_are_taken() {
    let text = r#"[{"severity": "ERROR", "title": "a", "line": "12-14"}, {"severity": "Nit", "description": "b"}]"#;
    let found = extract(&role("r"), &Sources { file: Some(text), ..Sources::default() }).unwrap();
    assert_eq!((found[0].severity, found[0].line), (Severity::High, Some(12)));
    assert_eq!((found[1].severity, found[1].title.as_str()), (Severity::Info, "b"));
}
