//! What the scripts say was seen: of agents, of tries to land, of deliveries.

use convoy_core::checkpoint::Made;
use convoy_core::command::Observed;
use convoy_core::id::{Epoch, SessionId, WorkerId};
use convoy_core::issue::{DiffStat, GateResult};
use convoy_core::money::Money;
use convoy_core::report::{AgentResult, Exit, ExitKind, Observation, Report, StopWhy, Tokens};
use convoy_core::session::{Findings, Workdir};
use convoy_core::time::{Span, Time};
use convoy_core::worker::{Member, MergeBlock, MergeOutcome, MergeRequest, WorkerState};

use crate::door::Door;
use crate::mailing;
use crate::perform::Words;
use crate::reviewing;
use crate::show::Names;
use crate::templated;
use crate::witnessed;

/// A commit as the scripts name it, in full.
fn tip(text: &str) -> String {
    format!("{text:0<8}")
}

/// What a line of a script says was seen.
pub(crate) fn observed(door: &Door, names: &Names, words: &Words<'_>) -> Observed {
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
        "resolved" => {
            let tip = tip(&words.get("tip").unwrap_or_else(|| "work".into()));
            let start = match third {
                "nothing" => Err("there is no template \"code-review\"".to_owned()),
                "empty" => Ok(None),
                _ => Ok(Some(Box::new(reviewing::resolved(names, words, tip)))),
            };
            return match words.bare[1].starts_with('c') {
                true => Observed::CheckpointReviewResolved { checkpoint: name.parse().unwrap(), start },
                false => Observed::ReviewResolved { member: member(door, words, &name), start },
            };
        }
        "time-up" | "synthesized" => return templated::observed(words, &name),
        "patrol" => return Observed::Patrol,
        "leaving" => return Observed::Leaving,
        "made" => {
            let made = Made {
                commit: tip("commit"),
                git_commit: Some(tip("git")),
                wip_commit: None,
                files_changed: words.number("files", 0) as u32,
                tree: Some(tip(&words.get("tree").unwrap_or_else(|| "tree".into()))),
            };
            return Observed::CheckpointMade { checkpoint: name.parse().unwrap(), made };
        }
        "not-made" => {
            return Observed::CheckpointFailed { checkpoint: name.parse().unwrap(), why: "no space".into() };
        }
        "changed" => {
            return Observed::Changed { session: name.parse().unwrap(), last: words.number("last", 0) };
        }
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
            model: Some(words.get("model").unwrap_or_else(|| "opus".into())),
            tokens: Tokens { output: words.number("output", 5), ..Tokens::default() },
            cache_write_1h: 0,
            cost: words.get("cost").and_then(|text| text.parse().ok()).map(Money::from_micros),
            price: words.get("cost").map(|_| "list".to_owned()),
        }),
        "result" => report(Report::Result(AgentResult {
            ok: true,
            error: None,
            cost: Some(Money::from_micros(words.number("cost", 10_000) as i64)),
            tokens: None,
            denied: 0,
            retry_at: None,
        })),
        "own-word" => {
            report(Report::SelfReported { cost: Money::from_micros(words.number("cost", 10_000) as i64) })
        }
        "say" => report(match third {
            "done" => Report::Done { no_change: false, note: words.get("note") },
            "no-change" => Report::Done { no_change: true, note: words.get("note") },
            "conversation" => Report::Conversation { id: "conversation-1".into(), model: None },
            "checkpoint" => Report::CheckpointAsked { note: words.get("note") },
            "blocked" => Report::Blocked { reason: "no access".into() },
            "escalate" => Report::Escalated { reason: words.get("reason").unwrap_or_default() },
            "nudged" => Report::Nudged { text: words.get("text").unwrap_or_default(), by: words.get("by") },
            "note" => {
                Report::Note { text: ["remember"; 4000][..words.number("times", 1) as usize].join(" ") }
            }
            other => panic!("{other:?} cannot be said"),
        }),
        "not-nudged" => Observed::NotNudged {
            session,
            epoch,
            round: words.number("round", 1) as u32,
            why: "its agent has ended its turn".into(),
        },
        "nudged" => report(Report::Nudged { text: "go on".into(), by: words.get("by") }),
        "examined" => witnessed::examined(door, words, session, epoch),
        "waits" | "loops" | "retries" => report(witnessed::report(words)),
        "conversation" => report(Report::Conversation { id: third.into(), model: words.get("model") }),
        "ended" => Observed::Ended { session, epoch, exit: exit(door.now, epoch, words, third) },
        "lost" => Observed::Lost { session, epoch, why: "its supervisor vanished".into() },
        "found" => {
            let commits = words.number("commits", 0) as u32;
            let tip = tip(&words.get("tip").unwrap_or_else(|| "tip".into()));
            let diff = DiffStat { commits, ..DiffStat::default() };
            let findings = match third {
                word if templated::findings(word).is_some() => templated::findings(word).unwrap(),
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
        "unpriced" => stopped(StopWhy::Unpriced),
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
        retry_at: words.get("retry").map(|s| now.plus(Span::from_secs(s.parse().unwrap()))),
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
