//! What an attempt came to.

use super::health::{ended_by_witness, limited};
use super::session::{first_line, unsaved};
use crate::report::{Exit, ExitKind, StopWhy};
use crate::session::{Findings, Outcome, Said, Session, SessionState};
use crate::state::State;
use crate::template::{Runner, Step};
use crate::worker::Worker;

/// Whether a program that exits so has done its work.
fn succeeds(step: &Step, code: i32) -> bool {
    match &step.runner {
        Runner::Program { success, .. } => success.contains(&code),
        Runner::Agent { .. } | Runner::Nobody => code == 0,
    }
}

/// Whether an attempt before was there only to mend what could not be read.
fn was_asked_to_mend(state: &State, worker: &Worker) -> bool {
    let sessions = worker.sessions.iter().filter_map(|id| state.sessions.get(id));
    sessions.into_iter().any(|session| {
        matches!(&session.state, SessionState::Over { outcome: Outcome::Unreadable { .. }, .. })
    })
}

/// What an attempt came to. An exit status of zero is never enough.
pub(super) fn verdict(
    state: &State,
    session: &Session,
    worker: &Worker,
    step: Option<&Step>,
    exit: Option<&Exit>,
    findings: &Findings,
) -> Outcome {
    let failed = |why: String| Outcome::Failed { why };
    // However it ended: another attempt would begin without the work, and nobody would know where it is.
    if let Findings::Unsaved { why } = findings {
        return Outcome::Infrastructure { why: unsaved(why) };
    }
    let Some(exit) = exit else {
        return Outcome::Lost { why: "its supervisor vanished".into() };
    };
    match exit.kind {
        ExitKind::StartFailed => {
            let detail = exit.detail.clone().unwrap_or_default();
            return Outcome::Infrastructure { why: format!("the agent could not be started: {detail}") };
        }
        ExitKind::HookFailed => {
            return Outcome::Lost {
                why: first_line(exit.detail.as_deref().unwrap_or_default()).0.to_owned(),
            };
        }
        ExitKind::Stopped(StopWhy::Ordered) if session.stopping => {
            return ended_by_witness(session).map_or(Outcome::Stopped, failed);
        }
        // Nobody who is in the log wanted that: the agent, or somebody beside us, ended its supervisor.
        ExitKind::Stopped(StopWhy::Ordered) => {
            let detail = exit.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            return Outcome::Lost { why: format!("its supervisor was told to end by somebody else{detail}") };
        }
        ExitKind::Stopped(StopWhy::WallTime) => return failed("it ran longer than it may".into()),
        ExitKind::Stopped(StopWhy::Silence) => return failed("it showed no sign of life".into()),
        ExitKind::Stopped(StopWhy::Spend) => return failed("it spent more than it may".into()),
        ExitKind::Stopped(StopWhy::Unpriced) => return failed("nobody knows the price of its model".into()),
        ExitKind::Stopped(StopWhy::Storage) => {
            // Not the fault of the task: it is tried again when there is room, like any lost session.
            return Outcome::Lost { why: "what it reports could not be kept on disk".into() };
        }
        ExitKind::Exited => {}
    }
    if let Some(Said::Blocked { reason }) = &session.said {
        return Outcome::Blocked { why: reason.clone() };
    }
    if let Some(limited) = limited(exit) {
        return limited;
    }
    let result = exit.result.as_ref();
    match (exit.code, exit.signal) {
        (Some(code), _) if step.map_or(code == 0, |step| succeeds(step, code)) => {}
        (Some(code), _) => {
            let said =
                result.and_then(|result| result.error.clone()).map(|e| format!(": {e}")).unwrap_or_default();
            return failed(format!("it exited with status {code}{said}"));
        }
        (None, signal) => return failed(format!("it was ended by signal {}", signal.unwrap_or(0))),
    }
    if let Some(result) = result.filter(|result| !result.ok) {
        let error = result.error.clone().unwrap_or_else(|| "without saying how".into());
        return failed(format!("it says that it failed: {error}"));
    }
    match findings {
        Findings::Output { product } => Outcome::Delivered { product: product.clone() },
        Findings::NoOutput { why, repairable: true } if !was_asked_to_mend(state, worker) => {
            Outcome::Unreadable { why: why.clone() }
        }
        Findings::NoOutput { why, .. } => failed(why.clone()),
        Findings::Gone { why } => failed(format!("its workdir is gone: {why}")),
        Findings::Unsaved { why } => Outcome::Infrastructure { why: unsaved(why) },
        Findings::Rewritten { .. } => {
            failed("it rewrote commits that were there before it, so that nothing can be merged".into())
        }
        Findings::Work { unfit: Some(why), .. } => failed(why.clone()),
        Findings::Work { diff, .. } if diff.commits > 0 => Outcome::Submitted,
        Findings::Work { .. } => match &session.said {
            Some(Said::Done { no_change: true, .. }) => Outcome::NoChange,
            _ => {
                let denied = result.map_or(0, |result| result.denied);
                let why = if denied > 0 {
                    format!("it ended well but left no commit; {denied} of its tool uses were denied")
                } else {
                    "it ended well but left no commit, and did not say 'convoy done --no-change'".to_owned()
                };
                failed(why)
            }
        },
    }
}
