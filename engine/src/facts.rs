//! What is known of everybody at work, brought up to the minute and put into words.
//!
//! The view is the core's; here live agents are looked at once more, what work needs is checked, and it becomes Markdown:
//! the report of the health monitor, or what a model is given to tell of. Whatever people or agents wrote stands in it
//! between backticks, on one line, cut.

use std::fmt::Write as _;

use convoy_core::health::{Health, Look, Thresholds, judge};
use convoy_core::money::Money;
use convoy_core::time::Time;
use convoy_core::view::{BudgetView, EvidenceView, FactsView, TroubleView, WitnessView, WorkerFactsView};

use crate::config::Config;
use crate::os::spawn::Environment;
use crate::supervisor::files::SessionDir;
use crate::supervisor::look::look_now;
use crate::workspace::Workspace;
use crate::{doctor, text};

/// How much of a text of others is shown, in characters.
const SHOWN_CHARS: usize = 300;
/// How many live agents are looked at once more: each look can take a quarter of a second.
const LOOKS_MAX: usize = 40;

/// Brings facts up to the minute: live agents, and what all work needs.
pub fn refresh(facts: &mut FactsView, workspace: &Workspace, env: &Environment, config: &Config) {
    if let Ok(thresholds) = config.thresholds() {
        let live = facts.workers.iter_mut().filter(|worker| worker.health.is_some());
        for worker in live.take(LOOKS_MAX) {
            let Some(session) = &worker.session_id else { continue };
            let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
            if let Some(health) = &mut worker.health {
                look_again(health, &dir, &thresholds);
            }
            worker.advise();
        }
    }
    let found = doctor::quick(workspace, env, config);
    let trouble =
        |found: doctor::Finding| TroubleView { check: found.check, detail: found.detail, fix: found.fix };
    facts.troubles = found.into_iter().map(trouble).collect();
}

/// What is known from the log can be older than what can be seen.
pub fn look_again(health: &mut WitnessView, dir: &SessionDir, thresholds: &Thresholds) {
    match look_now(dir, thresholds.quiet) {
        Ok(Some(look)) => {
            let seen = judge(&look, &health.standing(), thresholds, Money::default());
            health.refresh(&look, &seen);
        }
        Ok(None) => {}
        Err(_) => health.refresh(&Look::default(), &Health::Dead),
    }
}

/// The facts in words.
pub fn markdown(facts: &FactsView) -> String {
    let mut said = format!("# How the agents do\n\n{}\n", summary(facts));
    section(&mut said, "Workers", "No agent is at work, and none has given up.", &facts.workers, |worker| {
        of_worker(worker, facts.at)
    });
    if facts.workers_left_out > 0 {
        let _ = writeln!(said, "- and {} more: `convoy work list`", facts.workers_left_out);
    }
    section(&mut said, "Convoys in which nothing moves", "None.", &facts.stranded, |convoy| {
        format!(
            "- `{}` {} ({}): {}{}",
            convoy.convoy_id,
            shown(&convoy.title),
            convoy.category.name(),
            plain(&convoy.detail),
            helps(Some(&convoy.command))
        )
    });
    section(&mut said, "Waiting to land", "Nothing.", &facts.queue, |item| {
        let age =
            item.age_s.map(|s| format!(" for {}", convoy_core::time::Span::from_secs(s))).unwrap_or_default();
        let detail = item.detail.as_deref().map(|detail| format!(": {}", shown(detail))).unwrap_or_default();
        format!("- `{}` {} ({}{age}){detail}", item.issue_id, shown(&item.title), item.state)
    });
    section(&mut said, "Budgets", "No limits are set.", &facts.budgets, budget);
    let mut troubles: Vec<TroubleView> = facts
        .trackers
        .iter()
        .filter_map(|tracker| {
            let detail =
                format!("the tracker of {} cannot be read: {}", tracker.rig, tracker.why.as_deref()?);
            Some(TroubleView { check: "tracker".into(), detail, fix: Some("convoy tracker status".into()) })
        })
        .collect();
    if facts.undelivered > 0 {
        let detail = format!("{} notices could not be delivered", facts.undelivered);
        troubles.push(TroubleView { check: "outbox".into(), detail, fix: Some("convoy doctor".into()) });
    }
    troubles.extend(facts.troubles.iter().cloned());
    section(&mut said, "What work needs", "Nothing is missing.", &troubles, |trouble| {
        format!("- {}: {}{}", trouble.check, plain(&trouble.detail), helps(trouble.fix.as_deref()))
    });
    said
}

fn summary(facts: &FactsView) -> String {
    let attention = facts.workers.iter().filter(|worker| worker.command.is_some()).count();
    let count = |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    format!(
        "At {}: {}, {attention} of them to be looked at; {} in which nothing moves; {} waiting to land.",
        facts.at,
        count(facts.workers.len() + facts.workers_left_out, "worker"),
        count(facts.stranded.len(), "convoy"),
        count(facts.queue.len(), "branch").replace("branchs", "branches"),
    )
}

fn section<T>(said: &mut String, title: &str, none: &str, all: &[T], one: impl Fn(&T) -> String) {
    let _ = writeln!(said, "\n## {title}\n");
    if all.is_empty() {
        let _ = writeln!(said, "{none}");
    }
    for item in all {
        let _ = writeln!(said, "{}", one(item));
    }
}

fn of_worker(worker: &WorkerFactsView, now: Time) -> String {
    let how = worker.health.as_ref().map_or(worker.state.as_str(), |health| health.health.as_str());
    let convoy = worker.convoy_id.as_ref().map(|id| format!(" of `{id}`")).unwrap_or_default();
    let mut said = format!(
        "- **{}** `{}` on `{}` {}{convoy}, attempt {} of {}",
        how.replace('_', " "),
        one_line(&worker.name),
        worker.issue_id,
        shown(&worker.title),
        worker.attempt,
        worker.max_attempts.max(worker.attempt),
    );
    let why = worker.health.as_ref().map(|health| health.why.as_str()).or(worker.why.as_deref());
    if let Some(why) = why.filter(|why| !why.is_empty()) {
        let _ = write!(said, ": {}", shown(why));
    }
    if let Some(evidence) = worker.health.as_ref().and_then(|health| health.evidence.as_ref()) {
        let _ = write!(said, "\n  - Evidence: {}", seen(evidence, now));
    }
    let model = worker.model.as_deref().map(|model| format!(" ({})", one_line(model))).unwrap_or_default();
    let _ = write!(
        said,
        "\n  - {}{model}, ${} spent, active {} ago",
        one_line(&worker.agent),
        worker.spent.usd,
        now.since(worker.last_activity_at)
    );
    for (count, what) in [(worker.failures, "failed"), (worker.lost, "lost"), (worker.conflicts, "conflicts")]
    {
        if count > 0 {
            let _ = write!(said, ", {count} {what}");
        }
    }
    if let Some(lesson) = &worker.last_lesson {
        let _ = write!(said, "\n  - Before: {}", shown(lesson));
    }
    if let Some((health, step)) =
        worker.health.as_ref().and_then(|health| Some((health, health.next_step.as_ref()?)))
    {
        let at = health.next_at.map(|at| format!(" at {at}")).unwrap_or_default();
        let _ = write!(said, "\n  - Next, if nothing changes: {}{at}", step.replace('_', " "));
    }
    if let Some(command) = &worker.command {
        let _ = write!(said, "\n  - Would help: `{}`", one_line(command));
    }
    said
}

fn seen(evidence: &EvidenceView, now: Time) -> String {
    let ms =
        |ms: u64| convoy_core::time::Span::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)).to_string();
    let mut facts = vec![format!("silent for {}", ms(evidence.silent_ms))];
    if let (Some(tool), Some(for_ms)) = (&evidence.tool, evidence.tool_ms) {
        facts.push(format!("{} at work for {}", shown(tool), ms(for_ms)));
    }
    facts.push(format!("{} processes", evidence.processes));
    facts.push(match evidence.window_ms {
        0 => format!("{} ms of processor time in all", evidence.cpu_ms),
        window => format!("{} ms of processor time in the last {window} ms", evidence.window_cpu_ms),
    });
    if let (Some(what), Some(count)) = (&evidence.repeated, evidence.repeated_count) {
        facts.push(format!("{count} times in a row {}", shown(what)));
    }
    facts.extend(evidence.waiting.as_deref().map(|what| format!("waits for a person: {}", shown(what))));
    facts.extend(evidence.retry_at.map(|at| format!("tries again at {at}")));
    facts.extend(evidence.changed_at.map(|at| format!("its files changed last {} ago", now.since(at))));
    facts.join("; ")
}

fn budget(budget: &BudgetView) -> String {
    let of = budget.id.as_deref().map(|id| format!(" `{}`", one_line(id))).unwrap_or_default();
    let limit = budget.limit.as_ref().map(|limit| format!(" of ${}", limit.usd)).unwrap_or_default();
    let percent = budget.percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    let state = match (budget.exceeded, budget.warned) {
        (true, _) => "; nothing new begins on it",
        (false, true) => "; nearly spent",
        (false, false) => "",
    };
    format!(
        "- {}{of}: ${} spent{limit}{percent}, ${} promised{state}",
        budget.level, budget.spent.usd, budget.reserved.usd
    )
}

fn helps(command: Option<&str>) -> String {
    command.map(|command| format!(". Would help: `{}`", one_line(command))).unwrap_or_default()
}

/// A text of others: between backticks, which it cannot leave.
fn shown(text: &str) -> String {
    format!("`{}`", one_line(text))
}

/// Words of ours that may have a text of others in them.
fn plain(text: &str) -> String {
    one_line(text).replace(['<', '[', '*', '#'], " ")
}

fn one_line(text: &str) -> String {
    let safe = text::line(text).replace('`', "'");
    match safe.char_indices().nth(SHOWN_CHARS) {
        None => safe,
        Some((end, _)) => format!("{}…", &safe[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoy_core::view::FactsView;
    use serde_json::json;

    /// As an engine would send them: with everything that can be set, and texts that would rather be something else.
    fn facts() -> FactsView {
        let at = "2026-01-02T03:04:05Z";
        let money = json!({"usd": "0.31", "micros": 310_000});
        let hostile = "Fix `it`\n# Heading\u{1b}[2J";
        let evidence = json!({"at": at, "silent_ms": 2_460_000, "tool": "Bash", "tool_ms": 60_000, "processes": 3,
                        "cpu_ms": 10, "window_ms": 10_000, "window_cpu_ms": 0, "retry_at": null, "waiting": null,
                        "repeated": null, "repeated_count": null, "changed_at": at, "takes_input": false});
        let health = json!({"health": "stalled", "stale": true, "why": "nothing was heard", "heard_at": at, "steps": [],
                    "next_step": "stop", "next_at": at,
                    "evidence": evidence});
        serde_json::from_value(json!({
            "at": at, "workers_left_out": 2, "undelivered": 1,
            "workers": [{
                "worker_id": "w-1", "name": "gastown/amber", "issue_id": "gt-abc", "title": hostile, "convoy_id": "hq-cv-1",
                "session_id": "s-1", "state": "running", "why": null, "agent": "claude", "model": "opus", "attempt": 2,
                "max_attempts": 3, "failures": 1, "lost": 0, "conflicts": 0, "gave_up": false, "started_at": at,
                "last_activity_at": "2026-01-02T02:23:05Z", "spent": money, "last_lesson": "a gate failed",
                "command": "convoy work stop gt-abc",
                "health": health,
            }],
            "stranded": [{"convoy_id": "hq-cv-1", "title": hostile, "category": "needs human", "detail": "it waits",
                "issues": ["gt-abc"], "command": "convoy work retry gt-abc", "overdue": false}],
            "queue": [], "trackers": [],
            "budgets": [{"level": "convoy", "id": "hq-cv-1", "title": "t", "limit": {"usd": "5.00", "micros": 5_000_000},
                "spent": money, "reserved": money, "free": money, "overrun": money, "percent": 6, "warned": false,
                "exceeded": true, "configured": false, "active": true, "begins_anew_at": null}],
            "troubles": [{"check": "agent", "detail": "claude is not installed", "fix": "install it"}],
        }))
        .unwrap()
    }

    #[test]
    fn facts_are_said_with_their_evidence_and_a_command() {
        let said = markdown(&facts());
        for words in [
            "3 workers, 1 of them to be looked at; 1 convoy in which nothing moves; 0 branches",
            "- **stalled** `gastown/amber` on `gt-abc` `Fix 'it'\\n# Heading\\x1b[2J` of `hq-cv-1`, attempt 2 of 3",
            "Evidence: silent for 41m; `Bash` at work for 1m; 3 processes; 0 ms of processor time in the last 10000 ms",
            "claude (opus), $0.31 spent, active 41m ago, 1 failed",
            "Would help: `convoy work stop gt-abc`",
            "and 2 more",
            "(needs human): it waits. Would help: `convoy work retry gt-abc`",
            "## Waiting to land\n\nNothing.",
            "- convoy `hq-cv-1`: $0.31 spent of $5.00 (6 %), $0.31 promised; nothing new begins on it",
            "1 notices could not be delivered",
            "- agent: claude is not installed. Would help: `install it`",
        ] {
            assert!(said.contains(words), "{words:?} is missing in:\n{said}");
        }
        assert!(!said.lines().any(|line| line.starts_with("# Heading")), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
    }

    #[test]
    fn nothing_at_work_is_said_as_well() {
        let nothing = FactsView {
            workers: Vec::new(),
            workers_left_out: 0,
            stranded: Vec::new(),
            budgets: Vec::new(),
            troubles: Vec::new(),
            undelivered: 0,
            ..facts()
        };
        let said = markdown(&nothing);
        assert!(said.contains("No agent is at work") && said.contains("Nothing is missing."), "{said}");
    }
}
