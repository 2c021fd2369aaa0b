//! What the commands of the scripts do. Words are separated by spaces; `key=value` and bare words may be mixed.

use std::collections::btree_map::Entry;

use convoy_core::command::{Observed, Request};
use convoy_core::event::{Event, IssueChange};
use convoy_core::id::{Epoch, SessionId, WorkerId};
use convoy_core::issue::{CloseReason, DiffStat, GateResult, IssueType};
use convoy_core::money::Money;
use convoy_core::policy::Observers;
use convoy_core::report::{AgentResult, Exit, ExitKind, Observation, Report, StopWhy, Tokens};
use convoy_core::session::{Findings, Workdir};
use convoy_core::time::{Span, Time};
use convoy_core::worker::{Member, MergeBlock, MergeOutcome, MergeRequest, WorkerState};
use convoy_core::{view, why};

use crate::door::Door;
use crate::mailing;
use crate::show::{self, Names};
use crate::staged;
use crate::tracker::of_tracker;

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
        "routes" => mailing::routes(door, &words),
        "body" => mailing::body(door, names, &words),
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
        "prepared" | "prepare-failed" | "started" | "say" | "usage" | "result" | "ended" | "lost"
        | "found" | "merge" | "batch" | "deliver" | "checkout" | "patrol" | "begin" | "due" | "dispatch" => {
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

fn request(names: &Names, words: &Words<'_>, line: &str) -> Request {
    let id = |n: usize| names.id(words.bare.get(n).unwrap_or(&""));
    let flags = ["start", "no-convoy", "owned", "launch", "force"];
    let from = |n: usize| -> Vec<String> {
        words.bare[n.min(words.bare.len())..]
            .iter()
            .filter(|w| !flags.contains(*w))
            .map(|w| names.id(w))
            .collect()
    };
    let kind = staged::kind(words);
    match words.bare[0] {
        "issue" => Request::IssueCreate {
            id: (words.bare.get(1) != Some(&"-")).then(|| id(1)),
            rig: words.get("rig"),
            title: words.get("title").map_or_else(|| default_title(words), |t| t.replace('_', " ")),
            body: String::new(),
            issue_type: IssueType::NAMES
                .iter()
                .find(|(name, _)| Some((*name).to_owned()) == words.get("type"))
                .map_or(IssueType::Task, |(_, t)| *t),
            priority: words.number("p", 2) as u8,
            labels: words.list("label"),
            parent: words.get("parent"),
            needs: words.list("needs"),
            acceptance: Vec::new(),
        },
        "update" => Request::IssueUpdate {
            ids: from(1),
            change: IssueChange {
                priority: words.get("p").map(|p| p.parse().unwrap()),
                title: words.get("title"),
                add_labels: words.list("label"),
                ..IssueChange::default()
            },
        },
        "done" => Request::IssueClose {
            ids: from(1),
            reason: match words.get("reason").as_deref() {
                Some("dropped") => CloseReason::Dropped,
                Some("duplicate") => CloseReason::Duplicate,
                _ => CloseReason::Completed,
            },
            duplicate_of: words.get("of"),
            note: words.get("note"),
        },
        "reopen" => Request::IssueReopen { ids: from(1) },
        "need" => Request::DependencyAdd { id: id(1), needs: id(2), kind },
        "unneed" => Request::DependencyRemove { id: id(1), needs: id(2) },
        "convoy" => Request::ConvoyCreate {
            name: id(1).replace('_', " "),
            issues: from(2),
            owner: words.get("owner"),
            notify: words.list("notify"),
            merge: words.get("merge").map(|name| serde_json::from_value(name.into()).unwrap()),
            base: words.get("base"),
            max_parallel: words.get("max").map(|max| max.parse().unwrap()),
            start: words.has("start"),
            from_epic: words.get("from"),
            epic: words.get("epic"),
            owned: words.has("owned"),
            due: words.get("due").map(|at| Time::from_millis(at.parse::<i64>().unwrap() * 1000)),
        },
        "remove" => Request::ConvoyRemove { convoy: id(1), issues: from(2) },
        "unclose" => Request::ConvoyReopen { convoy: id(1) },
        "land" => Request::ConvoyLand { convoy: id(1) },
        "watch" => Request::ConvoyWatch { convoy: id(1), address: words.get("addr") },
        "unwatch" => Request::ConvoyUnwatch { convoy: id(1), address: words.get("addr") },
        "add" => Request::ConvoyAdd { convoy: id(1), issues: from(2) },
        "stage" => Request::Stage {
            what: from(1),
            title: words.get("title").map(|title| title.replace('_', " ")),
            owner: words.get("owner"),
            notify: words.list("notify"),
            merge: words.get("merge").map(|name| serde_json::from_value(name.into()).unwrap()),
            base: words.get("base"),
            max_parallel: words.get("max").map(|max| max.parse().unwrap()),
            launch: words.has("launch"),
            force: words.has("force"),
        },
        "launch" => Request::Launch { what: from(1), force: words.has("force") },
        "start" => Request::ConvoyStart { convoy: id(1) },
        "check" => Request::ConvoyCheck { convoy: words.bare.get(1).map(|name| names.id(name)) },
        "close" => {
            Request::ConvoyClose { convoy: id(1), reason: words.get("reason"), notify: words.list("notify") }
        }
        "sling" => Request::Sling {
            issues: from(1),
            target: words.get("target"),
            agent: words.get("agent"),
            model: words.get("model"),
            base: words.get("base"),
            no_convoy: words.has("no-convoy"),
            force: words.has("force"),
        },
        "assign" => Request::Assign {
            issue: id(1),
            convoy: id(2),
            agent: words.get("agent"),
            model: words.get("model"),
        },
        "retry" => Request::WorkRetry { issue: id(1) },
        "stop" => Request::WorkStop { issue: id(1) },
        "release" => Request::WorkRelease { issue: id(1) },
        "mq-retry" => Request::MergeRetry { issue: id(1) },
        "mq-reject" => Request::MergeReject { issue: id(1), reason: words.get("reason") },
        "read" => Request::MailRead { notice: id(1) },
        "send" | "archive" | "again" => mailing::request(names, words),
        other => panic!("{other:?} is no command: {line}"),
    }
}

pub(crate) fn default_title(words: &Words<'_>) -> String {
    if words.bare.get(1) == Some(&"-") { "generated".into() } else { format!("T {}", words.bare[1]) }
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

/// A commit as the scripts name it, in full.
fn tip(text: &str) -> String {
    format!("{text:0<8}")
}

fn observed(door: &Door, names: &Names, words: &Words<'_>) -> Observed {
    let name = names.id(words.bare.get(1).unwrap_or(&""));
    let third = words.bare.get(2).copied().unwrap_or_default();
    let late = words.number("epoch", 0);
    match words.bare[0] {
        "begin" => return Observed::Begin { worker: WorkerId::new(&name).unwrap() },
        "due" => return Observed::Due { worker: WorkerId::new(&name).unwrap() },
        "dispatch" => return Observed::Dispatch { issue: name.parse().unwrap() },
        "deliver" => return mailing::observed(door, words, &name, third),
        "checkout" => {
            let round = words.number("round", 1) as u32;
            return Observed::CheckoutChanged { worker: WorkerId::new(&name).unwrap(), round };
        }
        "merge" => return merge(door, words, &name, third),
        "batch" => return batch(door, names, words),
        "patrol" => return Observed::Patrol,
        _ => {}
    }
    let session = SessionId::new(&name).unwrap();
    let epoch = if late > 0 { Epoch(late) } else { door.state.sessions[&session].content.epoch };
    let report = |report| Observed::Report {
        session: session.clone(),
        epoch,
        observation: Observation { n: words.number("n", 1), at: door.now, epoch, report },
    };
    match words.bare[0] {
        "prepared" => Observed::Prepared {
            workdir: Workdir { path: "/w".into(), branch: "branch".into(), base: tip("base"), onto: None },
            session,
            epoch,
        },
        "prepare-failed" => Observed::PrepareFailed {
            session,
            epoch,
            error: "disk full".into(),
            permanent: words.has("permanent"),
        },
        "started" => report(Report::Started { pid: 7, start_ticks: 1 }),
        "usage" => report(Report::Usage {
            message_id: third.into(),
            model: Some("opus".into()),
            tokens: Tokens { output: 5, ..Tokens::default() },
        }),
        "result" => report(Report::Result(AgentResult {
            ok: true,
            error: None,
            cost: Some(Money::from_micros(words.number("cost", 10_000) as i64)),
            tokens: None,
            denied: 0,
        })),
        "say" => report(match third {
            "done" => Report::Done { no_change: false, note: words.get("note") },
            "no-change" => Report::Done { no_change: true, note: words.get("note") },
            "blocked" => Report::Blocked { reason: "no access".into() },
            "note" => {
                Report::Note { text: ["remember"; 4000][..words.number("times", 1) as usize].join(" ") }
            }
            other => panic!("{other:?} cannot be said"),
        }),
        "ended" => Observed::Ended { session, epoch, exit: exit(door.now, epoch, words, third) },
        "lost" => Observed::Lost { session, epoch, why: "its supervisor vanished".into() },
        "found" => {
            let commits = words.number("commits", 0) as u32;
            let tip = tip(&words.get("tip").unwrap_or_else(|| "tip".into()));
            let diff = DiffStat { commits, ..DiffStat::default() };
            let findings = match third {
                "gone" => Findings::Gone { why: "no such folder".into() },
                "rewritten" => Findings::Rewritten { kept_at: "refs/convoy/salvage/s".into() },
                "unsaved" => Findings::Unsaved { why: "disk full".into() },
                _ => {
                    let unfit = words.has("unfit").then(|| "it left a conflict unresolved".to_owned());
                    Findings::Work { tip, diff, leftovers: false, unfit }
                }
            };
            Observed::Found { session, epoch, findings }
        }
        other => panic!("{other:?} is not seen"),
    }
}

fn exit(now: Time, epoch: Epoch, words: &Words<'_>, how: &str) -> Exit {
    let stopped = |why| (None, None, ExitKind::Stopped(why));
    let (code, signal, kind) = match how {
        "walltime" => stopped(StopWhy::WallTime),
        "silence" => stopped(StopWhy::Silence),
        "spend" => stopped(StopWhy::Spend),
        "storage" => stopped(StopWhy::Storage),
        "ordered" => stopped(StopWhy::Ordered),
        "hungup" => stopped(StopWhy::Ordered),
        "nostart" => (None, None, ExitKind::StartFailed),
        "hook" => (None, None, ExitKind::HookFailed),
        "signal" => (None, Some(9), ExitKind::Exited),
        code => (Some(code.parse().unwrap()), None, ExitKind::Exited),
    };
    let result = words.get("result").map(|result| AgentResult {
        ok: result == "ok",
        error: (result != "ok").then(|| "it broke".to_owned()),
        cost: None,
        tokens: None,
        denied: words.number("denied", 0) as u32,
    });
    Exit {
        epoch: Epoch(words.number("exit-epoch", epoch.0)),
        code,
        signal,
        kind,
        detail: match how {
            "nostart" => Some("no such program".to_owned()),
            "hungup" => Some("its terminal was closed".to_owned()),
            "hook" => Some("hook before_run failed with status 3\nno room\n".to_owned()),
            _ => None,
        },
        leaked: 0,
        result,
        last_n: words.number("n", 1),
        dropped_bytes: 0,
        elapsed_ms: 0,
        started_at: None,
        ended_at: now,
    }
}

/// A try to land the branch of a worker, as it is or as the words say.
fn member(door: &Door, words: &Words<'_>, name: &str) -> Member {
    let worker = WorkerId::new(name).unwrap();
    let last = door.state.workers[&worker].sessions.last();
    let epoch = last.map_or(0, |id| door.state.sessions[id].content.epoch.0);
    let round = match &door.state.workers[&worker].state {
        WorkerState::Submitted(submission) if words.has("now") => u64::from(submission.round),
        _ => 1,
    };
    Member { worker, epoch: Epoch(words.number("epoch", epoch)), round: words.number("round", round) as u32 }
}

/// `batch w1,w2 gate`: one outcome for all; `batch w1:conflict,w2:aside`: one for each.
fn batch(door: &Door, names: &Names, words: &Words<'_>) -> Observed {
    let all = words.bare.get(2).copied().unwrap_or_default();
    let one = |text: &str| {
        let (name, how) = text.split_once(':').unwrap_or((text, all));
        (member(door, words, &names.id(name)), outcome(how))
    };
    Observed::Batch { tried: words.bare[1].split(',').map(one).collect() }
}

fn merge(door: &Door, words: &Words<'_>, name: &str, how: &str) -> Observed {
    let Member { worker, epoch, round } = member(door, words, name);
    Observed::Merge { worker, epoch, round, outcome: outcome(how) }
}

fn outcome(how: &str) -> MergeOutcome {
    let gate = |passed| GateResult { name: "test".into(), passed, code: Some(0), duration: Span::default() };
    match how {
        "landed" => MergeOutcome::Landed { merge_commit: Some(tip("merge")), gates: vec![gate(true)] },
        "kept" => MergeOutcome::Landed { merge_commit: None, gates: Vec::new() },
        "moved" => MergeOutcome::Moved { now: tip("now") },
        "conflict" => {
            MergeOutcome::Conflict { files: vec!["a.rs".into()], theirs: vec!["1234567 Theirs".into()] }
        }
        "aside" => MergeOutcome::SetAside { files: vec!["a.rs".into()] },
        "unable" => MergeOutcome::Unable { why: "gh is missing".into() },
        "requested" => MergeOutcome::Requested(MergeRequest {
            number: 7,
            url: "https://forge/7".into(),
            gates: vec![gate(true)],
        }),
        "declined" => MergeOutcome::Declined { why: "its request was closed".into() },
        "locked" => {
            MergeOutcome::Blocked(MergeBlock { why: "a rebase is under way".into(), files: Vec::new() })
        }
        "gate" => MergeOutcome::GateFailed { gates: vec![gate(false)], output: "boom".into() },
        "blocked" => {
            MergeOutcome::Blocked(MergeBlock { why: "local changes".into(), files: vec!["a.rs".into()] })
        }
        "broken" => MergeOutcome::Broken { error: "no space".into() },
        other => panic!("{other:?} is no way to merge"),
    }
}
