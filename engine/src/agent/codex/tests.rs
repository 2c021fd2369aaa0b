//! The translator against recorded streams.
//!
//! The fixtures are what Codex 0.169.0 printed with `exec --json -m gpt-5.1-codex` against a scripted model on this
//! machine; only paths were replaced. `resume` goes on with the thread of `commit`, `throttled` gets a 429 and is let
//! through then, `refused` gets a 400 after a first reply that cost something, and `sigint` was sent that signal while
//! a shell command ran.

use super::*;
use crate::agent::{Output, Translation};

const COMMIT: &str = include_str!("../fixtures/codex_0.169.0_commit.jsonl");
const RESUME: &str = include_str!("../fixtures/codex_0.169.0_resume.jsonl");
const THROTTLED: &str = include_str!("../fixtures/codex_0.169.0_throttled.jsonl");
const REFUSED: &str = include_str!("../fixtures/codex_0.169.0_refused.jsonl");
const SIGINT: &str = include_str!("../fixtures/codex_0.169.0_sigint.jsonl");

fn translate(text: &str, used: Tokens) -> Vec<Report> {
    let asked = Asked { model: Some("gpt-5.1-codex".to_owned()), used };
    let mut translation = Translation::new(Output::Codex, &asked);
    let mut reports = translation.read(text.as_bytes());
    reports.extend(translation.end());
    reports
}

fn usage(reports: &[Report]) -> Vec<(&str, Tokens)> {
    let of = |report| match report {
        &Report::Usage { ref message_id, tokens, .. } => Some((message_id.as_str(), tokens)),
        _ => None,
    };
    reports.iter().filter_map(of).collect()
}

fn result(reports: &[Report]) -> Option<&AgentResult> {
    reports.iter().find_map(|report| if let Report::Result(result) = report { Some(result) } else { None })
}

/// What the scripted model said that its three replies took.
const FIRST: Tokens = Tokens { input: 1650, output: 175, cache_read: 29_500, cache_write: 870 };

#[test]
fn a_recorded_run_reports_what_its_turn_took() {
    let reports = translate(COMMIT, Tokens::default());
    let [(id, tokens)] = usage(&reports)[..] else { panic!("{reports:?}") };
    assert_eq!(tokens, FIRST);
    assert!(id.ends_with("-32195"), "{id}");
    let expected =
        AgentResult { ok: true, error: None, cost: None, tokens: Some(FIRST), denied: 0, retry_at: None };
    assert_eq!(result(&reports), Some(&expected));
    let tools =
        reports.iter().filter_map(|r| if let Report::Tool { name } = r { Some(name.as_str()) } else { None });
    assert_eq!(tools.collect::<Vec<_>>(), ["command_execution", "command_execution"]);
    let Report::Conversation { id, model: Some(model) } = &reports[0] else { panic!("{reports:?}") };
    assert!(model == "gpt-5.1-codex" && id.len() == 36, "{id} {model}");
}

#[test]
fn a_resumed_thread_counts_only_what_is_new() {
    let reports = translate(RESUME, FIRST);
    let [(id, tokens)] = usage(&reports)[..] else { panic!("{reports:?}") };
    assert_eq!(tokens, Tokens { input: 100, output: 7, cache_read: 11_000, cache_write: 0 });
    assert_eq!(result(&reports).unwrap().tokens, Some(tokens));
    let first = translate(COMMIT, Tokens::default());
    assert_ne!(usage(&first)[0].0, id, "both runs count");
    assert_eq!(first[0], reports[0], "and are one conversation");
    // A thread that began anew although it was to go on.
    assert_eq!(usage(&translate(COMMIT, FIRST.plus(FIRST)))[0].1, FIRST);
    // Two turns of one process.
    let both = translate(&format!("{COMMIT}{RESUME}"), Tokens::default());
    assert_eq!(usage(&both).iter().map(|(_, tokens)| tokens.output).collect::<Vec<_>>(), [175, 7]);
}

#[test]
fn a_warning_is_no_failure_and_a_connection_is_tried_again() {
    let reports = translate(THROTTLED, Tokens::default());
    assert!(reports.contains(&Report::Retrying { status: Some(429), delay_ms: 0 }), "{reports:?}");
    assert!(result(&reports).is_some_and(|result| result.ok));
    let other = "{\"type\":\"error\",\"message\":\"Reconnecting... 2/5 (unexpected status 503 Service Unavailable: x)\"}\n\
        {\"type\":\"error\",\"message\":\"Reconnecting... 3/5 (stream closed)\"}\n";
    let expected = [Some(503), None].map(|status| Report::Retrying { status, delay_ms: 0 });
    assert_eq!(translate(other, Tokens::default()), expected);
}

#[test]
fn a_failed_turn_says_why_and_an_interrupted_one_nothing() {
    let refused = translate(REFUSED, Tokens::default());
    let result = result(&refused).unwrap();
    assert_eq!((result.ok, result.error.as_deref()), (false, Some("invalid_request_error: No credit")));
    assert_eq!((result.tokens, usage(&refused)), (None, Vec::new()));
    let interrupted = translate(SIGINT, Tokens::default());
    assert!(super::tests::result(&interrupted).is_none() && usage(&interrupted).is_empty());
    assert_eq!(interrupted.len(), 2, "its conversation and its tool: {interrupted:?}");
}

#[test]
fn declined_tools_are_counted_and_tools_reported_once() {
    let item = |when: &str, id: &str, status: &str| {
        format!(
            "{{\"type\":\"item.{when}\",\"item\":{{\"id\":\"{id}\",\"type\":\"mcp_tool_call\",\"server\":\"s\",\"tool\":\"t\",\"status\":\"{status}\"}}}}\n"
        )
    };
    let end = "{\"type\":\"turn.completed\",\"usage\":{}}\n";
    let all = [
        item("started", "1", "in_progress"),
        item("completed", "1", "declined"),
        item("completed", "2", "completed"),
    ];
    let reports = translate(&format!("{}{end}", all.concat()), Tokens::default());
    let tool = Report::Tool { name: "mcp__s__t".to_owned() };
    assert_eq!(reports[..2], [tool.clone(), tool]);
    assert_eq!((reports.len(), result(&reports).unwrap().denied), (3, 1));
}

#[test]
fn garbage_between_lines_is_passed_over() {
    let garbage = [
        "",
        "{",
        "null",
        "{\"type\":17}",
        "{\"type\":\"item.started\",\"item\":[]}",
        "\u{1b}[2J",
        "{\"type\":\"error\"}",
    ];
    let mixed: String = COMMIT
        .lines()
        .enumerate()
        .map(|(n, line)| format!("{}\n{line}\n", garbage[n % garbage.len()]))
        .collect();
    assert_eq!(translate(&mixed, Tokens::default()), translate(COMMIT, Tokens::default()));
    let wrong = "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":\"x\"}}\n{\"type\":\"turn.failed\",\"error\":3}\n";
    let reports = translate(wrong, Tokens::default());
    assert_eq!((reports.len(), usage(&reports)), (2, Vec::new()));
}
