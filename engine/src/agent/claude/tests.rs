//! The translator against recorded streams.
//!
//! The fixtures are what Claude Code 2.1.197 printed with `-p --output-format stream-json --verbose
//! --include-partial-messages --model claude-sonnet-4-5` against a scripted model on this machine; only paths were
//! replaced, and the long lists of the first line shortened. `max_budget` adds `--max-budget-usd 0.008`, `denied`
//! asks for permission where nobody answers, `sub_agent` starts one that starts others, `overloaded` gets a 529,
//! and `sigint` and `sigterm` were sent that signal while a shell command ran.

use super::*;
use crate::agent::{Asked, LINE_BYTES_MAX, Output, Translation};

const COMMIT: &str = include_str!("../fixtures/claude_2.1.197_commit.jsonl");
const MAX_BUDGET: &str = include_str!("../fixtures/claude_2.1.197_max_budget.jsonl");
const DENIED: &str = include_str!("../fixtures/claude_2.1.197_denied.jsonl");
const SUB_AGENT: &str = include_str!("../fixtures/claude_2.1.197_sub_agent.jsonl");
const OVERLOADED: &str = include_str!("../fixtures/claude_2.1.197_overloaded.jsonl");
const SIGINT: &str = include_str!("../fixtures/claude_2.1.197_sigint.jsonl");
const SIGTERM: &str = include_str!("../fixtures/claude_2.1.197_sigterm.jsonl");

fn translate(text: &str) -> Vec<Report> {
    let mut translation = Translation::new(Output::Claude, &Asked::default());
    let mut reports = translation.read(text.as_bytes());
    reports.extend(translation.end());
    reports
}

fn usage(reports: &[Report]) -> (usize, Tokens) {
    let all = reports
        .iter()
        .filter_map(|report| if let Report::Usage { tokens, .. } = report { Some(*tokens) } else { None });
    all.fold((0, Tokens::default()), |(count, sum), one| (count + 1, sum.plus(one)))
}

fn result(reports: &[Report]) -> AgentResult {
    let found = reports
        .iter()
        .find_map(|report| if let Report::Result(result) = report { Some(result.clone()) } else { None });
    found.expect("the stream has a result")
}

fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
    Tokens { input, output, cache_read, cache_write }
}

#[test]
fn a_recorded_run_reports_each_message_once_with_its_final_usage() {
    let reports = translate(COMMIT);
    let outputs: Vec<u64> = reports
        .iter()
        .filter_map(|r| if let Report::Usage { tokens, .. } = r { Some(tokens.output) } else { None })
        .collect();
    assert_eq!(outputs, [85, 60, 30]);
    assert_eq!(usage(&reports), (3, tokens(1650, 175, 29_500, 870)));
    let tools: Vec<&str> = reports
        .iter()
        .filter_map(|r| if let Report::Tool { name } = r { Some(name.as_str()) } else { None })
        .collect();
    assert_eq!(tools, ["Write", "Bash"]);
    assert!(
        matches!(&reports[0], Report::Conversation { model: Some(model), .. } if model == "claude-sonnet-4-5")
    );
    let expected = AgentResult {
        ok: true,
        error: None,
        cost: Money::from_dollars(0.019_687_5),
        tokens: Some(tokens(1650, 175, 29_500, 870)),
        denied: 0,
        retry_at: None,
    };
    assert_eq!(result(&reports), expected);
}

#[test]
fn the_cut_between_reads_changes_nothing() {
    let whole = translate(COMMIT);
    for size in [1, 7, 4096] {
        let mut translation = Translation::new(Output::Claude, &Asked::default());
        let mut reports: Vec<Report> =
            COMMIT.as_bytes().chunks(size).flat_map(|piece| translation.read(piece)).collect();
        reports.extend(translation.end());
        assert_eq!(reports, whole, "{size}");
    }
}

#[test]
fn zeros_of_a_reached_budget_are_not_believed() {
    let reports = translate(MAX_BUDGET);
    let result = result(&reports);
    assert!(!result.ok);
    assert_eq!(result.error.as_deref(), Some("error_max_budget_usd: Reached maximum budget ($0.008)"));
    assert_eq!(result.cost, Money::from_dollars(0.00945));
    assert_eq!(result.tokens, Some(tokens(1200, 85, 9000, 500)));
    assert_eq!(usage(&reports), (1, tokens(1200, 85, 9000, 500)));
}

#[test]
fn a_failed_request_that_calls_itself_success_is_a_failure() {
    let reports = translate(OVERLOADED);
    assert!(
        matches!(reports[1], Report::Retrying { status: Some(529), delay_ms: 400..=700 }),
        "{:?}",
        reports[1]
    );
    let result = result(&reports);
    assert!(!result.ok);
    assert!(result.error.is_some_and(|error| error.starts_with("API Error: 529")));
    assert_eq!(result.tokens, None);
    assert_eq!(usage(&reports).0, 0);
}

#[test]
fn refused_tools_are_counted() {
    let result = result(&translate(DENIED));
    assert!(result.ok);
    assert!(result.denied > 0);
}

#[test]
fn sub_agents_are_counted_and_the_sum_is_that_of_the_process() {
    let reports = translate(SUB_AGENT);
    let result = result(&reports);
    assert_eq!(result.tokens, Some(tokens(5250, 345, 4600, 300)));
    assert_eq!(usage(&reports).1, tokens(5250, 345, 4600, 300));
    let ids: Vec<&String> = reports
        .iter()
        .filter_map(|r| if let Report::Usage { message_id, .. } = r { Some(message_id) } else { None })
        .collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
    // Two of the main agent, one of the sub-agent, and what the process used beyond that.
    assert_eq!(ids.len(), 4);
    assert!(ids[3].starts_with("rest-"));
}

#[test]
fn interrupted_runs_keep_their_cost() {
    let interrupted = result(&translate(SIGINT));
    assert!(!interrupted.ok);
    assert!(interrupted.error.is_some_and(|error| error.starts_with("error_during_execution")));
    assert_eq!(interrupted.cost, Money::from_dollars(0.000_45));
    // On SIGTERM this version says success; whoever stopped it knows better.
    assert!(result(&translate(SIGTERM)).ok);
}

#[test]
fn a_killed_run_keeps_what_its_last_message_began_with() {
    let cut: String = COMMIT
        .lines()
        .take_while(|line| !line.contains("message_delta"))
        .map(|line| format!("{line}\n"))
        .collect();
    let reports = translate(&cut);
    assert_eq!(usage(&reports), (1, tokens(1200, 1, 9000, 500)));
    assert!(!reports.iter().any(|report| matches!(report, Report::Result(_))));
}

#[test]
fn without_parts_whole_messages_count_once_and_the_rest_follows() {
    let whole: String = COMMIT
        .lines()
        .filter(|line| !line.contains("stream_event"))
        .map(|line| format!("{line}\n"))
        .collect();
    let reports = translate(&whole);
    assert_eq!(usage(&reports).1, tokens(1650, 175, 29_500, 870));
    assert_eq!(usage(&reports).0, 4);
}

#[test]
fn the_order_of_keys_does_not_matter() {
    fn reversed(value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let mut pairs: Vec<String> =
                    map.iter().map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), reversed(v))).collect();
                pairs.reverse();
                format!("{{{}}}", pairs.join(","))
            }
            Value::Array(all) => format!("[{}]", all.iter().map(reversed).collect::<Vec<_>>().join(",")),
            other => other.to_string(),
        }
    }
    let turned: String =
        COMMIT.lines().map(|line| reversed(&serde_json::from_str(line).unwrap()) + "\n").collect();
    assert_eq!(translate(&turned), translate(COMMIT));
}

#[test]
fn garbage_between_lines_is_passed_over() {
    let long = format!("{{\"type\":\"result\",\"x\":\"{}\"}}", "y".repeat(LINE_BYTES_MAX));
    let garbage = [
        "",
        "npm warn something",
        "{",
        "[1,2]",
        "null",
        "{\"type\":17}",
        "{\"type\":\"new_thing\"}",
        "\u{0}\u{1b}[2J",
        &long,
    ];
    let mixed: String = COMMIT
        .lines()
        .enumerate()
        .map(|(n, line)| format!("{}\n{line}\n", garbage[n % garbage.len()]))
        .collect();
    assert_eq!(translate(&mixed), translate(COMMIT));
    let wrong = "{\"type\":\"result\",\"is_error\":\"no\",\"modelUsage\":[],\"total_cost_usd\":\"x\",\"permission_denials\":3}\n";
    assert!(!result(&translate(wrong)).ok);
    let mut translation = Translation::new(Output::Claude, &Asked::default());
    assert!(translation.read(b"\xff\xfe{\"type\":\"result\"}\n").is_empty());
}

#[test]
fn plain_output_reports_nothing() {
    let mut translation = Translation::new(Output::Plain, &Asked::default());
    assert!(translation.read(COMMIT.as_bytes()).is_empty());
    assert!(translation.end().is_empty());
}

#[test]
fn while_messages_come_in_parts_whole_ones_never_count() {
    // Their beginnings are lost, so that only the sums of the result are left.
    let cut: String = COMMIT
        .lines()
        .filter(|line| !line.contains("message_start"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(usage(&translate(&cut)), (1, tokens(1650, 175, 29_500, 870)));
}
