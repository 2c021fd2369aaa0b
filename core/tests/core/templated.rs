//! What the scripts say of template convoys.

use convoy_core::command::{Observed, Request};
use convoy_core::id::{ConvoyId, RoleName};
use convoy_core::session::Findings;
use convoy_core::template::{
    Counts, Judged, NewStep, OnFailure, OutputKind, Product, ReportKind, ReportMade, Run, Runner, Step,
};
use convoy_core::time::{Span, Time};
use convoy_core::view;

use crate::door::Door;
use crate::perform::Words;
use crate::reviewing;
use crate::show::Names;

/// `template NAME a b s:a+b`: roles, each with what it needs.
pub(crate) fn request(names: &Names, words: &Words<'_>) -> Request {
    let convoy = || names.id(words.bare[1]);
    match words.bare[0] {
        "stop-convoy" => return Request::ConvoyStop { convoy: convoy() },
        "synthesize" => return Request::ConvoySynthesize { convoy: convoy(), apply: words.has("apply") },
        _ => {}
    }
    let span = |name: &str| words.get(name).map(|text| Span::from_secs(text.parse().unwrap()));
    let step = |text: &&str| {
        let (role, needs) = text.split_once(':').unwrap_or((text, ""));
        let runner = match words.list("programs").iter().any(|name| name == role) {
            true => Runner::Program { command: vec!["lint".into()], success: vec![0, 1] },
            false => {
                Runner::Agent { agent: None, model: words.get("model"), tools: None, permission_mode: None }
            }
        };
        NewStep {
            step: Step {
                role: RoleName::new(role).unwrap(),
                subagent: "code-review-x".parse().unwrap(),
                runner,
                output: OutputKind::Findings,
                timeout: None,
                max_attempts: words.get("attempts").map(|n| n.parse().unwrap()),
                params: Default::default(),
                about: None,
            },
            title: format!("{role}: looks"),
            prompt: "look".into(),
            needs: needs.split('+').filter(|n| !n.is_empty()).map(|n| RoleName::new(n).unwrap()).collect(),
        }
    };
    let run = Run {
        template: "code-review".parse().unwrap(),
        rig: "home".parse().unwrap(),
        commit: Some("c0ffee".into()),
        diff_base: None,
        files: vec!["src/a.rs".into()],
        vars: Default::default(),
        pr_url: None,
        issues: words.list("issues").iter().map(|id| names.id(id).parse().unwrap()).collect(),
        timeout: span("timeout"),
        on_failure: if words.has("fail-stops") { OnFailure::Stop } else { OnFailure::Continue },
        report: match (words.has("no-report"), words.has("with-triage")) {
            (true, _) => ReportKind::None,
            (_, true) => ReportKind::Triage,
            _ => ReportKind::Review,
        },
        output_dir: None,
        apply: words.has("with-apply"),
        reviews: None,
    };
    Request::TemplateStart {
        name: words.bare[1].to_owned(),
        run: Box::new(run),
        steps: words.bare[2..].iter().filter(|w| !w.contains('-')).map(step).collect(),
        owner: None,
        notify: Vec::new(),
        max_parallel: words.get("max").map(|max| max.parse().unwrap()),
        epic: None,
        budget: words.get("budget").map(|text| text.parse().unwrap()),
    }
}

/// That a report was made, or that the time of a convoy is up.
pub(crate) fn observed(words: &Words<'_>, convoy: &str) -> Observed {
    let convoy = convoy.parse().unwrap();
    if words.bare[0] == "time-up" {
        return Observed::TimeUp { convoy };
    }
    let report = ReportMade {
        interim: words.has("interim"),
        round: words.number("round", 1) as u32,
        at: Time::from_millis(0),
        files: vec!["synthesis.md".into()],
        counts: Counts::default(),
        verdict: None,
        missing: Vec::new(),
        error: words.get("error"),
        applied: None,
        blocking: Vec::new(),
    };
    Observed::Synthesized {
        convoy,
        report: Box::new(reviewing::worded(words, report)),
        judged: words.list("judged").iter().map(|text| judged(text)).collect(),
    }
}

/// `role|issue|category|priority|complexity|label+label|rationale|duplicate`; `_` is a blank, `^` ends a line.
fn judged(text: &str) -> Judged {
    let text = text.replace('_', " ").replace('^', "\n");
    let parts: Vec<&str> = text.split('|').collect();
    let labels = parts.get(5).copied().unwrap_or_default().split('+').filter(|label| !label.is_empty());
    Judged {
        role: RoleName::new(parts[0]).unwrap(),
        issue: parts[1].parse().unwrap(),
        category: parts[2].to_owned(),
        priority: parts[3].parse().unwrap(),
        complexity: parts[4].to_owned(),
        labels: labels.map(str::to_owned).collect(),
        duplicate_of: parts.get(7).map(|text| (*text).to_owned()),
        rationale: parts.get(6).copied().unwrap_or_default().to_owned(),
    }
}

/// What is found of a role, if a line of a script says that.
pub(crate) fn findings(word: &str) -> Option<Findings> {
    Some(match word {
        "output" => Findings::Output { product: Product { files: vec!["a.md".into()], findings: Some(1) } },
        "nothing" => Findings::NoOutput { why: "it wrote no report".into(), repairable: false },
        "garbled" => Findings::NoOutput { why: "its findings are not JSON".into(), repairable: true },
        _ => return None,
    })
}

/// `roles cv1`: how the roles of a convoy do, and what it came to.
pub(crate) fn roles(door: &Door, convoy: &str) -> Vec<String> {
    let convoy = &door.state.convoys[&convoy.parse::<ConvoyId>().unwrap()];
    let one = |role: view::RoleView| {
        let why = role.why.map(|why| format!(": {why}")).unwrap_or_default();
        let file = role.output_file.map(|file| format!(" {file}")).unwrap_or_default();
        format!("  {} {} after {}{file}{why}", role.role, role.status, role.attempts)
    };
    let mut lines: Vec<String> = view::roles(&door.state, convoy, door.now).into_iter().map(one).collect();
    let outcome = view::run_outcome(&door.state, convoy).map_or("-", |outcome| outcome.name());
    lines.push(format!("  {} outcome {outcome}", convoy.status.name()));
    lines
}
