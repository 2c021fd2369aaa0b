//! When a model's service takes work again, as agents tell it.
//!
//! Claude Code prints a `rate_limit_event` with `resetsAt`, and older versions end with `… limit reached|<unix time>`;
//! Codex passes on `resets_at` or `resets_in_seconds` of its service, Gemini CLI `retryDelay`. Only lines about the run
//! itself are read, never what a tool printed.

use std::borrow::Cow;

use convoy_core::report::{AgentResult, Report};
use convoy_core::time::{Span, Time};
use serde::Deserialize;
use serde_json::Value;

use super::translate::Output;
use crate::clock;

/// What comes before a time in the words of a refusal, and what that time is.
const MARKS: [(&str, Form); 5] = [
    ("limit reached|", Form::Unix),
    ("resets_at", Form::Unix),
    ("resetsAt", Form::Unix),
    ("resets_in_seconds", Form::Seconds),
    ("retryDelay", Form::Seconds),
];
/// What may stand between a mark and its number: quotes, escaped ones too, a colon and blanks.
const BETWEEN: &[char] = &['"', '\\', ':', ' ', '='];

#[derive(Clone, Copy)]
enum Form {
    /// Seconds since 1970.
    Unix,
    /// Seconds from now.
    Seconds,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// What was told of it in one run.
#[derive(Debug, Default)]
pub(super) struct Refused {
    until: Option<Time>,
}

impl Refused {
    /// Takes note of what a line tells.
    pub(super) fn line(&mut self, output: Output, line: &[u8]) {
        let interesting =
            MARKS.iter().any(|(mark, _)| line.windows(mark.len()).any(|part| part == mark.as_bytes()));
        if output == Output::Plain || !interesting {
            return;
        }
        let Ok(Kind { kind }) = serde_json::from_slice(line) else { return };
        match kind.as_ref() {
            "rate_limit_event" => {
                let line: Value = serde_json::from_slice(line).unwrap_or_default();
                let info = line.get("rate_limit_info");
                let rejected =
                    info.and_then(|info| info.get("status")).and_then(Value::as_str) == Some("rejected");
                let at = info.and_then(|info| info.get("resetsAt")).and_then(Value::as_f64);
                self.until = at.filter(|_| rejected).and_then(|at| time(at, Form::Unix, Time::default()));
            }
            "result" | "error" | "turn.failed" => {
                let told = told(&String::from_utf8_lossy(line), clock::now());
                self.until = told.or(self.until);
            }
            _ => {}
        }
    }

    /// Adds to a result that is a failure when it is worth trying again.
    pub(super) fn complete(&self, report: &mut Report) {
        if let Report::Result(AgentResult { ok: false, retry_at, .. }) = report {
            *retry_at = retry_at.or(self.until);
        }
    }
}

fn time(number: f64, form: Form, now: Time) -> Option<Time> {
    let ms = number * 1000.0;
    let whole = (ms.is_finite() && (0.0..1e15).contains(&ms)).then_some(ms.ceil() as i64)?;
    Some(match form {
        Form::Unix => Time::from_millis(whole),
        Form::Seconds => now.plus(Span::from_millis(whole)),
    })
}

/// The time in the words of a refusal.
fn told(words: &str, now: Time) -> Option<Time> {
    MARKS.iter().find_map(|(mark, form)| {
        let (_, rest) = words.split_once(mark)?;
        let rest = rest.trim_start_matches(BETWEEN);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        time(rest.get(..end)?.parse().ok()?, *form, now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_is_understood() {
        let now = Time::from_millis(1_000_000);
        let at = |words| told(words, now).map(Time::as_millis);
        assert_eq!(at("Claude AI usage limit reached|1749924000"), Some(1_749_924_000_000));
        assert_eq!(
            at(r#"{"error":{"type":"usage_limit_reached","resets_at":1749924000}}"#),
            Some(1_749_924_000_000)
        );
        assert_eq!(at(r#"{\"type\":\"usage_limit_reached\",\"resets_in_seconds\":90}"#), Some(1_090_000));
        assert_eq!(at(r#""retryDelay": "34.5s""#), Some(1_034_500));
        assert_eq!(at("limit reached|soon"), None);
        assert_eq!(at("it broke"), None);
    }

    #[test]
    fn only_a_rejection_counts_and_only_of_a_failure() {
        let mut refused = Refused::default();
        let result = |ok| {
            Report::Result(AgentResult {
                ok,
                error: None,
                cost: None,
                tokens: None,
                denied: 0,
                retry_at: None,
            })
        };
        let event = |status: &str| {
            format!(
                r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"{status}","resetsAt":1749924000}}}}"#
            )
        };
        let until = |refused: &Refused, ok| {
            let mut report = result(ok);
            refused.complete(&mut report);
            match report {
                Report::Result(result) => result.retry_at,
                _ => None,
            }
        };
        refused.line(Output::Claude, event("allowed_warning").as_bytes());
        assert_eq!(until(&refused, false), None);
        refused.line(Output::Claude, event("rejected").as_bytes());
        assert_eq!(until(&refused, false), Some(Time::from_millis(1_749_924_000_000)));
        assert_eq!(until(&refused, true), None);
        let tool = br#"{"type":"user","message":{"content":"limit reached|1749929999"}}"#;
        refused.line(Output::Claude, tool);
        assert_eq!(until(&refused, false), Some(Time::from_millis(1_749_924_000_000)), "a tool printed it");
    }
}
