//! The translator against recorded streams.
//!
//! The fixtures are what Gemini CLI 0.61.0 printed with `--output-format stream-json -m gemini-2.5-pro` against a
//! scripted model on this machine; only paths were replaced. `denied` ran with a policy against `git`, `refused` gets a
//! 400 after a first reply that cost something, and `sigterm` was sent that signal while a shell command ran: it exited
//! with status 0.

use super::*;
use crate::agent::{Asked, Output, Translation};

const COMMIT: &str = include_str!("../fixtures/gemini_0.61.0_commit.jsonl");
const DENIED: &str = include_str!("../fixtures/gemini_0.61.0_denied.jsonl");
const REFUSED: &str = include_str!("../fixtures/gemini_0.61.0_refused.jsonl");
const SIGTERM: &str = include_str!("../fixtures/gemini_0.61.0_sigterm.jsonl");

fn translate(text: &str) -> Vec<Report> {
    let mut translation = Translation::new(Output::Gemini, &Asked::default());
    let mut reports = translation.read(text.as_bytes());
    reports.extend(translation.end());
    reports
}

fn usage(reports: &[Report]) -> Vec<(&str, Option<&str>, Tokens)> {
    let of = |report| match report {
        &Report::Usage { ref message_id, ref model, tokens, .. } => {
            Some((message_id.as_str(), model.as_deref(), tokens))
        }
        _ => None,
    };
    reports.iter().filter_map(of).collect()
}

fn result(reports: &[Report]) -> &AgentResult {
    let found =
        reports.iter().find_map(|report| if let Report::Result(it) = report { Some(it) } else { None });
    found.expect("the stream has a result")
}

/// What the scripted model said that its three replies took; its 25 thoughts are output.
const WHOLE: Tokens = Tokens { input: 1650, output: 175, cache_read: 29_500, cache_write: 0 };

#[test]
fn a_recorded_run_reports_what_it_took_with_what_was_thought() {
    let reports = translate(COMMIT);
    let [(id, model, tokens)] = usage(&reports)[..] else { panic!("{reports:?}") };
    assert_eq!((model, tokens), (Some("gemini-2.5-pro"), WHOLE));
    let Report::Conversation { id: conversation, model: Some(answers) } = &reports[0] else { panic!() };
    assert!(id.starts_with(conversation.as_str()) && answers == "gemini-2.5-pro", "{id}");
    let tools =
        reports.iter().filter_map(|r| if let Report::Tool { name } = r { Some(name.as_str()) } else { None });
    assert_eq!(tools.collect::<Vec<_>>(), ["write_file", "run_shell_command"]);
    let expected =
        AgentResult { ok: true, error: None, cost: None, tokens: Some(WHOLE), denied: 0, retry_at: None };
    assert_eq!(result(&reports), &expected);
}

#[test]
fn each_model_has_usage_of_its_own() {
    let stats = "{\"total_tokens\":12,\"input_tokens\":7,\"output_tokens\":5,\"cached\":2}";
    let none = "{\"total_tokens\":0,\"input_tokens\":0,\"output_tokens\":0,\"cached\":0}";
    let line = format!(
        "{{\"type\":\"result\",\"status\":\"success\",\"stats\":{{\"models\":{{\"a\":{stats},\"b\":{stats},\"c\":{none}}}}}}}\n"
    );
    let reports = translate(&line);
    let one = Tokens { input: 5, output: 5, cache_read: 2, cache_write: 0 };
    assert_eq!(
        usage(&reports).iter().map(|(_, model, tokens)| (*model, *tokens)).collect::<Vec<_>>(),
        [(Some("a"), one), (Some("b"), one)]
    );
    assert_eq!(result(&reports).tokens, Some(one.plus(one)));
}

#[test]
fn a_refused_request_is_a_failure_with_the_service_s_words_and_what_it_cost() {
    let reports = translate(REFUSED);
    let result = result(&reports);
    assert_eq!((result.ok, result.error.as_deref()), (false, Some("invalid_request_error: No credit")));
    assert_eq!(usage(&reports)[0].2, Tokens { input: 100, output: 7, cache_read: 1000, cache_write: 0 });
}

#[test]
fn refused_tools_are_counted() {
    let reports = translate(DENIED);
    assert_eq!((result(&reports).ok, result(&reports).denied), (true, 1));
}

#[test]
fn a_run_without_a_result_has_failed_although_it_exits_well() {
    let reports = translate(SIGTERM);
    assert_eq!(result(&reports).error.as_deref(), Some("it ended in the middle of its turn"));
    assert!(usage(&reports).is_empty());
    // Nothing is said of one that never began.
    assert!(translate("Invalid auth method selected.\n").is_empty());
    let complaint = "{\"type\":\"error\",\"severity\":\"error\",\"message\":\"quota\"}\n";
    let warning = "{\"type\":\"error\",\"severity\":\"warning\",\"message\":\"loop\"}\n";
    let reports = translate(&format!("{SIGTERM}{complaint}{warning}"));
    assert_eq!(result(&reports).error.as_deref(), Some("quota"));
}

#[test]
fn garbage_between_lines_is_passed_over() {
    let garbage = [
        "",
        "Ripgrep is not available.",
        "{",
        "null",
        "{\"type\":17}",
        "{\"type\":\"tool_result\",\"error\":1}",
    ];
    let mixed: String = COMMIT
        .lines()
        .enumerate()
        .map(|(n, line)| format!("{}\n{line}\n", garbage[n % garbage.len()]))
        .collect();
    assert_eq!(translate(&mixed), translate(COMMIT));
    let wrong = "{\"type\":\"result\",\"status\":1,\"stats\":[],\"error\":\"x\"}\n";
    let wrong = translate(wrong);
    assert_eq!((wrong.len(), result(&wrong).ok), (1, false));
}
