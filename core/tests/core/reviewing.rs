//! Reviews as the scripts and the golden files have them.

use convoy_core::command::Request;
use convoy_core::id::RoleName;
use convoy_core::money::Money;
use convoy_core::report::Tokens;
use convoy_core::review::{Confidence, Finding, Lane, LaneEnd, Raised, Review, Severity};
use convoy_core::template::{Counts, ReportMade, Run, Verdict};
use convoy_core::time::Span;

use crate::perform::Words;
use crate::show::Names;
use crate::templated;

/// `resolved w1 a b`: these roles review the tip of a worker.
pub(crate) fn resolved(names: &Names, words: &Words<'_>, tip: String) -> Request {
    let Request::TemplateStart { run, steps, owner, notify, max_parallel, epic, budget, .. } =
        templated::request(names, words)
    else {
        panic!("a template");
    };
    let (name, run) = ("Review".to_owned(), Box::new(Run { commit: Some(tip), ..*run }));
    Request::TemplateStart { name, run, steps, owner, notify, max_parallel, epic, budget }
}

/// What a report says that is made so: `approved`, `changes` or `commented`, and which roles are missing.
pub(crate) fn worded(words: &Words<'_>, report: ReportMade) -> ReportMade {
    let verdict = words.get("verdict").map(|verdict| match verdict.as_str() {
        "approved" => Verdict::Approved,
        "changes" => Verdict::ChangesRequested,
        "commented" => Verdict::Commented,
        other => panic!("{other:?} is no verdict"),
    });
    let blocks = verdict == Some(Verdict::ChangesRequested) && !words.has("nothing");
    let blocking = if blocks { review("critical", "").findings } else { Vec::new() };
    let counts =
        Counts { critical: blocking.len() as u32, low: words.number("low", 0) as u32, ..Counts::default() };
    let missing = words.list("missing").iter().map(|role| role.parse().unwrap()).collect();
    ReportMade { verdict, counts, blocking, missing, error: words.get("error"), ..report }
}

/// A review of a branch with a finding of this severity; `none` without one, `ungrounded` with a grave one that is
/// not believed, `failed` without a word.
pub(crate) fn review(how: &str, tip: &str) -> Review {
    let role: RoleName = "security".parse().unwrap();
    let named = Severity::ALL.into_iter().find(|one| one.name() == how);
    let severity = named.or((how == "ungrounded").then_some(Severity::Blocker));
    let raised = severity.map(|severity| Raised {
        role: role.clone(),
        grounded: how != "ungrounded",
        finding: Finding {
            severity,
            category: "injection".into(),
            title: "a hole".into(),
            file: Some("a.rs".into()),
            line: Some(3),
            end_line: Some(4),
            quote: "let a = 1;".into(),
            problem: "it leaks".into(),
            impact: "much".into(),
            fix: "mend it".into(),
            confidence: Some(Confidence::High),
        },
    });
    let end = match how {
        "failed" => LaneEnd::Failed { why: "it ran out of time".into() },
        _ => LaneEnd::Done,
    };
    let lane = Lane {
        role,
        agent: "claude".parse().unwrap(),
        model: Some("opus".into()),
        end,
        duration: Span::from_secs(61),
        cost: Some(Money::from_micros(12_500)),
        tokens: Some(Tokens::default()),
    };
    Review {
        tip: tip.into(),
        commit: tip.into(),
        lanes: vec![lane],
        findings: raised.into_iter().collect(),
        convoy: None,
        others: 0,
    }
}
