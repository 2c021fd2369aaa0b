//! What the commands of the scripts do. Words are separated by spaces; `key=value` and bare words may be mixed.

use std::collections::btree_map::Entry;

use convoy_core::decide::check_level;
use convoy_core::event::Event;
use convoy_core::ledger::{self, Account, Level};
use convoy_core::policy::{Budget, Checkpoints, Inconclusive, Observers, Reviews};
use convoy_core::time::{Span, Time};
use convoy_core::{view, why};

use crate::door::Door;
use crate::mailing;
use crate::observed::observed;
use crate::request::{request, scope};
use crate::show::{self, Names};
use crate::staged;
use crate::templated;
use crate::tracker::of_tracker;
use crate::witnessed;

/// A command, taken apart.
pub(crate) struct Words<'a> {
    pub(crate) bare: Vec<&'a str>,
    pub(crate) named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (named, bare): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(|w| w.contains('='));
        Self { bare, named: named.into_iter().filter_map(|word| word.split_once('=')).collect() }
    }
    pub(crate) fn has(&self, word: &str) -> bool {
        self.bare.contains(&word)
    }
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.named.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let text = self.get(name).unwrap_or_default();
        text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        self.get(name).map_or(default, |text| text.parse().unwrap())
    }
}

/// Does a command of a script; what came of it, a line each.
pub(crate) fn perform(door: &mut Door, names: &mut Names, line: &str) -> Vec<String> {
    let words = Words::of(line);
    match words.bare[0] {
        "time" => {
            let seconds: i64 = words.bare[1].parse().unwrap();
            door.now = Time::from_millis(door.now.as_millis() + seconds * 1000);
            Vec::new()
        }
        "observers" => {
            let on = |name| words.has(name);
            door.policy.observers = Observers {
                close: on("close"),
                merger: on("merger"),
                witness: on("witness"),
                tracker: on("tracker"),
                patrol: on("patrol"),
            };
            Vec::new()
        }
        "reviews" => {
            let number = |name| words.number(name, 0) as u32;
            door.policy.reviews = Reviews {
                every: number("every"),
                files: number("files"),
                before_merge: words.has("before-merge"),
                on_inconclusive: match words.get("inconclusive").as_deref() {
                    Some("merge") => Inconclusive::Merge,
                    _ => Inconclusive::NeedsHuman,
                },
            };
            Vec::new()
        }
        "checkpoints" => {
            door.policy.checkpoints = match words.get("interval") {
                Some(seconds) => Checkpoints {
                    interval: Some(Span::from_secs(seconds.parse().unwrap())),
                    ..Checkpoints::default()
                },
                None => Checkpoints::default(),
            };
            Vec::new()
        }
        "witness" | "tiers" | "max-time" => {
            witnessed::configured(door, &words);
            Vec::new()
        }
        "routes" => mailing::routes(door, &words),
        "body" => mailing::body(door, names, &words),
        "policy" => {
            let amount = |name: &str| words.get(name).map(|text| text.parse().unwrap());
            let unmetered = words.list("unmetered").iter().map(|name| name.parse().unwrap()).collect();
            door.policy.budget = Budget {
                attempt: amount("attempt"),
                day: amount("day"),
                convoy: amount("convoy"),
                unmetered,
                allow_unmetered: words.has("allow"),
            };
            Vec::new()
        }
        "account" => vec![account(door, names, &words)],
        "limit" => {
            door.policy.max_parallel = words.bare[1].parse().unwrap();
            Vec::new()
        }
        "rig" => {
            let name = words.bare[1].parse().unwrap();
            let rig = door.policy.rigs.entry(name);
            match (words.bare[2], rig) {
                ("park", rig) => rig.or_default().parked = true,
                ("unpark", rig) => rig.or_default().parked = false,
                ("breaks", rig) => rig.or_default().trouble = Some("it is gone".into()),
                ("mends", rig) => rig.or_default().trouble = None,
                ("add", rig) => rig.or_default().prefix = words.get("prefix").unwrap(),
                ("branch", rig) => rig.or_default().default_branch = Some(words.bare[3].into()),
                ("remove", Entry::Occupied(rig)) => drop(rig.remove()),
                (other, _) => panic!("{other:?} cannot be done to a rig"),
            }
            Vec::new()
        }
        "rigs" => {
            let shown = |rig: view::RigView| {
                let detail = rig.detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
                let parked = if rig.parked { " parked" } else { "" };
                format!(
                    "  {} {}{detail}{parked} live {} ready {} merging {} open {}",
                    rig.name,
                    rig.health.name(),
                    rig.live,
                    rig.ready,
                    rig.merging,
                    rig.open_issues
                )
            };
            view::rigs(&door.state, &door.policy).into_iter().map(shown).collect()
        }
        "budget-of" => {
            let level = Level::Epic(words.bare[1].parse().unwrap());
            vec![format!("  {:?}", door.state.ledger.limits.get(&level).map(|limit| limit.amount))]
        }
        "rig-status" => rig_status(door, words.bare[1]),
        "plan" => {
            let (events, plan) = door.plan();
            let mut lines = events_shown(names, &events);
            lines.extend(plan.effects.iter().map(show::effect));
            lines.extend(plan.wake_at.map(|at| format!("  * wake at {at}")));
            lines.extend(plan.waits.then(|| "  * waits for a repository".to_owned()));
            lines
        }
        "import" | "import-issue" => {
            door.import(staged::imported(&words));
            Vec::new()
        }
        "analyse" => staged::analysed(door, names, &words),
        "verdict" => verdict(&words),
        "why" => why_lines(door, names, words.bare[1]),
        "roles" => templated::roles(door, &names.id(words.bare[1])),
        "stranded" => view::stranded(&door.state, &door.policy, door.now)
            .into_iter()
            .map(|v| {
                format!(
                    "  {} {}: {} {:?} ({})",
                    v.convoy_id,
                    v.category.name(),
                    v.detail,
                    v.issues,
                    v.command
                )
            })
            .collect(),
        "queue" => view::queue(&door.state, &door.policy, door.now)
            .into_iter()
            .map(|v| {
                let (place, batch) = (v.position.unwrap_or_default(), v.batch.map_or(0, |batch| batch.0));
                format!("  {place} {} {} batch {batch} round {}", v.issue_id, v.state, v.round)
            })
            .collect(),
        "batches" => {
            door.policy.batches.max = words.bare[1].parse().unwrap();
            door.policy.batches.wait = Span::from_secs(words.number("wait", 0) as i64);
            Vec::new()
        }
        "show" => shown(door, names, words.bare[1]),
        "bd" | "bd-lost" | "told" => {
            let observed = of_tracker(door, names, &words);
            let events = door.see(observed);
            if events.is_empty() { vec!["  nothing".to_owned()] } else { events_shown(names, &events) }
        }
        "made" | "not-made" | "changed" | "leaving" | "prepared" | "prepare-failed" | "started" | "say"
        | "usage" | "own-word" | "conversation" | "result" | "ended" | "lost" | "found" | "merge"
        | "time-up" | "synthesized" | "batch" | "resolved" | "deliver" | "checkout" | "patrol" | "begin"
        | "due" | "dispatch" | "nudged" | "not-nudged" | "examined" | "waits" | "loops" | "retries" => {
            let observed = observed(door, names, &words);
            let events = door.see(observed);
            if events.is_empty() { vec!["  nothing".to_owned()] } else { events_shown(names, &events) }
        }
        _ => {
            let actor = words.get("as").unwrap_or_else(|| "overseer".into());
            let request = request(names, &words, line);
            match door.ask(request, &actor, words.get("key")) {
                Ok((events, items)) => {
                    let mut lines = events_shown(names, &events);
                    lines.extend(items.iter().map(show::item));
                    lines
                }
                Err(refusal) => vec![format!("  ! {}", show::refusal(&refusal))],
            }
        }
    }
}

/// What is spent and promised, by all sessions or at a level.
fn account(door: &Door, names: &Names, words: &Words<'_>) -> String {
    let level = check_level(&door.state, &scope(names, words)).unwrap();
    let Account { settled, reserved } = ledger::account(&door.state, &level, door.now);
    let over = match &level {
        Level::Session(id) => format!(" overrun {}", door.state.sessions[id].overrun()),
        _ => String::new(),
    };
    format!("  spent {settled} reserved {reserved}{over}")
}

fn rig_status(door: &Door, name: &str) -> Vec<String> {
    let view = view::rig_status(&door.state, &door.policy, &name.parse().unwrap(), door.now);
    let worker = |w: view::RigWorkerView| {
        let why = w.why.unwrap_or_default();
        format!(
            "  worker {} {} on {} of {:?} for {}s: {why}",
            w.name, w.state, w.issue_id, w.convoys, w.age_s
        )
    };
    let queued = |q: view::QueuedView| {
        format!("  ready {} p{} of {:?} started {}", q.id, q.priority, q.convoys, q.started)
    };
    let merging =
        |m: view::MergingView| format!("  merging {} by {} round {}", m.issue_id, m.worker_id, m.round);
    let workers = view.workers.into_iter().map(worker);
    workers.chain(view.queue.into_iter().map(queued)).chain(view.merges.into_iter().map(merging)).collect()
}

fn events_shown(names: &mut Names, events: &[Event]) -> Vec<String> {
    events.iter().for_each(|event| names.meet(event));
    events.iter().map(show::event).collect()
}

fn why_lines(door: &Door, names: &Names, what: &str) -> Vec<String> {
    let (state, policy, now) = (&door.state, &door.policy, door.now);
    let id = names.id(what);
    let reasons = if let Some(issue) = state.issues.get(id.as_str()) {
        why::issue(state, policy, issue, now)
    } else if let Some(convoy) = state.convoys.get(id.as_str()) {
        why::convoy(state, policy, convoy, now)
    } else {
        why::worker(state, policy, &state.workers[id.as_str()], now)
    };
    let line = |reason: why::Reason| {
        format!("  {}: {} ({})", reason.code, reason.text, reason.command.unwrap_or_else(|| "-".into()))
    };
    reasons.into_iter().map(line).collect()
}

fn shown(door: &Door, names: &Names, what: &str) -> Vec<String> {
    let (state, now) = (&door.state, door.now);
    let id = names.id(what);
    if let Some(issue) = state.issues.get(id.as_str()) {
        let v = view::issue(state, &door.policy, issue);
        vec![format!("  {} {} blocked_by {:?} worker {:?}", v.id, v.status, v.blocked_by, v.worker)]
    } else if let Some(convoy) = state.convoys.get(id.as_str()) {
        let v = view::convoy(state, &door.policy, convoy, now);
        vec![format!(
            "  {} {} {}/{} in progress {} failed {} epoch {} by {:?}",
            v.id, v.status, v.completed, v.total, v.in_progress, v.failed, v.landing_epoch, v.landed_by
        )]
    } else {
        let v = view::worker(state, &door.policy, &state.workers[id.as_str()], now);
        vec![format!(
            "  {} {} attempt {} failures {} lost {} conflicts {} spent {} why {:?}",
            v.id, v.state, v.attempt, v.failures, v.lost, v.conflicts, v.spent.usd, v.why
        )]
    }
}

/// What an attempt comes to that ended so: its outcome, and the events that follow from it.
fn verdict(words: &Words<'_>) -> Vec<String> {
    let (mut door, mut names) = (Door::new(), Names::default());
    let mut all = Vec::new();
    let mut script = vec!["issue hq-a".to_owned(), "sling hq-a".into(), "prepared s1".into()];
    script.extend(words.get("said").map(|said| format!("say s1 {said} n=1")));
    let more: Vec<String> = words.named.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let more = more.join(" ");
    match words.bare[1] {
        "lost" => script.push("lost s1".into()),
        how => script.push(format!("ended s1 {how} {more} n=1")),
    }
    let gone = ["gone", "rewritten", "unsaved", "unfit"]
        .into_iter()
        .find(|word| words.has(word))
        .unwrap_or_default();
    script.push(format!("found s1 {gone} {more}"));
    for line in script {
        all = perform(&mut door, &mut names, &line);
    }
    let types = all[1..].iter().filter_map(|line| line.split_whitespace().next());
    let types: Vec<&str> = types.filter(|t| *t != "worker.learned" && *t != "notice.sent").collect();
    vec![format!("{} -> {}", names.hide(&all[0]).replace("session.over s1 ", ""), types.join(", "))]
}
