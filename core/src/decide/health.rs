//! The witness: what a look at a session, or a report of its supervisor, comes to.
//!
//! The core judges the evidence again, whatever whoever brought it thought of it: meanwhile the session may have been
//! heard of, or be over. What is written is only a judgement that is new, or a step.

use super::Context;
use super::tell::{on_one_line, tell};
use super::work::{backoff, owner};
use crate::event::Event;
use crate::health::{self, Health, Look, Repeated, Step, Verdict};
use crate::id::{Epoch, SessionId};
use crate::notice::NoticeKind;
use crate::report::{Exit, Observation, Report};
use crate::session::{Outcome, Session, SessionState};
use crate::state::State;
use crate::time::{Span, Time};
use crate::worker::Worker;

/// Why a nudge came to nothing.
pub(super) const NO_INPUT: &str = "its agent takes no input while it works";
/// The longest that a service is believed to take no more work: vendors have limits by the week. What an agent says is
/// only text.
const RATE_LIMIT_MAX: Span = Span::from_secs(8 * 24 * 60 * 60);
/// The longest that is kept of what an agent repeats or waits for, in characters.
const WHAT_CHARS_MAX: usize = 200;

/// A look at a session after a threshold had passed.
pub(super) fn examined(
    state: &State,
    id: &SessionId,
    epoch: Epoch,
    round: u32,
    look: &Look,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some((session, worker)) = examinable(state, id, epoch) else { return Vec::new() };
    if session.witness.round != round {
        return Vec::new();
    }
    match health::verdict(look, &session.witness, &ctx.policy.witness, session.priced()) {
        Some(verdict) => {
            let seen = Seen { n: None, look: Some(look), takes_input: look.vitals.takes_input };
            follow(state, session, worker, verdict, seen, ctx)
        }
        None => Vec::new(),
    }
}

/// An agent could not be reminded, although it seemed that it could.
pub(super) fn not_nudged(state: &State, id: &SessionId, epoch: Epoch, round: u32, why: &str) -> Vec<Event> {
    let Some((session, _)) = examinable(state, id, epoch) else { return Vec::new() };
    let standing = &session.witness;
    if standing.nudge.as_ref().is_none_or(|(wanted, _)| *wanted != round) {
        return Vec::new();
    }
    vec![Event::WitnessStepped {
        session: id.clone(),
        epoch,
        n: None,
        round: standing.round + 1,
        health: standing.health.clone(),
        step: None,
        unable: Some(cut(why)),
        look: None,
    }]
}

/// What a supervisor says of its agent's health by itself.
pub(super) fn reported(
    state: &State,
    id: &SessionId,
    epoch: Epoch,
    observation: &Observation,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some((session, worker)) = examinable(state, id, epoch) else { return Vec::new() };
    if observation.epoch != epoch || observation.n <= session.observed {
        return Vec::new();
    }
    let standing = &session.witness;
    let thresholds = &ctx.policy.witness;
    let (health, takes_input) = match &observation.report {
        Report::Waiting { what } => (Health::Waiting { what: cut(what) }, false),
        Report::Looping { count: 0, .. } if matches!(standing.health, Health::Looping { .. }) => {
            (Health::Healthy, false)
        }
        Report::Looping { what, count, takes_input } if *count >= thresholds.loops => {
            (Health::Looping { repeated: Repeated { what: cut(what), count: *count } }, *takes_input)
        }
        Report::Retrying { delay_ms, .. } => {
            let delay = Span::from_millis(i64::try_from(*delay_ms).unwrap_or(i64::MAX));
            if delay < thresholds.quiet {
                return Vec::new();
            }
            (Health::RateLimited { until: observation.at.plus(delay.min(RATE_LIMIT_MAX)) }, false)
        }
        _ => return Vec::new(),
    };
    match health::reported(health, standing, thresholds) {
        Some(verdict) => {
            let seen = Seen { n: Some(observation.n), look: None, takes_input };
            follow(state, session, worker, verdict, seen, ctx)
        }
        None => Vec::new(),
    }
}

/// What a judgement rests on.
struct Seen<'a> {
    /// The observation.
    n: Option<u64>,
    /// The look.
    look: Option<&'a Look>,
    /// Whether the agent can be given a text while it works.
    takes_input: bool,
}

/// What an attempt came to whose service took no more work, if that is why it ended. Nobody failed.
pub(super) fn limited(exit: &Exit) -> Option<Outcome> {
    let result = exit.result.as_ref()?;
    let refused = !result.ok || exit.code != Some(0);
    let until = result.retry_at.filter(|_| refused)?.min(exit.ended_at.plus(RATE_LIMIT_MAX));
    let said = result.error.as_deref().map(|error| format!(": {}", cut(error))).unwrap_or_default();
    Some(Outcome::RateLimited {
        until,
        why: format!("its model's service takes no more before {until}{said}"),
    })
}

/// The earliest that an attempt is tried again whose service took no more work: one that says again and again that it
/// takes work at once is not asked again at once.
pub(super) fn not_before(state: &State, worker: &Worker, ctx: &Context<'_>) -> Time {
    let refused = |id: &&SessionId| {
        let outcome = state.sessions.get(*id).map(|session| &session.state);
        matches!(outcome, Some(SessionState::Over { outcome: Outcome::RateLimited { .. }, .. }))
    };
    // The last one is not over yet, as far as the state knows.
    let before = worker.sessions.iter().rev().skip(1).take_while(refused).count();
    let times = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
    ctx.now.plus(backoff(ctx.policy.retry.backoff, ctx.policy.retry.backoff_max, times))
}

/// Why an attempt failed that the witness ended.
pub(super) fn ended_by_witness(session: &Session) -> Option<String> {
    session.witness.stopped.as_ref().map(|why| format!("the witness stopped it: {why}"))
}

/// A session that runs, with its worker, and that nobody is ending.
fn examinable<'a>(state: &'a State, id: &SessionId, epoch: Epoch) -> Option<(&'a Session, &'a Worker)> {
    let session = state.sessions.get(id).filter(|session| session.content.epoch == epoch)?;
    let runs = matches!(session.state, SessionState::Running { .. }) && !session.stopping;
    runs.then_some(session).and_then(|session| Some((session, state.workers.get(&session.content.worker)?)))
}

fn cut(text: &str) -> String {
    on_one_line(text).chars().take(WHAT_CHARS_MAX).collect()
}

/// Writes a judgement down, and takes its step.
fn follow(
    state: &State,
    session: &Session,
    worker: &Worker,
    verdict: Verdict,
    seen: Seen<'_>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Verdict { health, step } = verdict;
    let Seen { n, look, takes_input } = seen;
    let unable = (step == Some(Step::Nudge) && !takes_input).then(|| NO_INPUT.to_owned());
    let (id, epoch) = (session.content.id.clone(), session.content.epoch);
    let mut events = vec![Event::WitnessStepped {
        session: id.clone(),
        epoch,
        n,
        round: session.witness.round + 1,
        health: health.clone(),
        step,
        unable,
        look: look.cloned().map(Box::new),
    }];
    match step {
        Some(Step::Escalate) => {
            let issue = &worker.content.issue;
            let title = state.issues.get(issue).map(|issue| on_one_line(&issue.content.title));
            let subject = format!("Needs attention: {} ({issue})", title.unwrap_or_default());
            let body = format!(
                "The agent of {} is {}: {health}\n\nLook on: convoy logs {issue} -f\nEvidence: convoy work status \
                 {issue}\nStop it: convoy work stop {issue}",
                worker.content.full_name(),
                health.name().replace('_', " ")
            );
            let owner = owner(state, worker);
            events.extend(tell(state, vec![owner], NoticeKind::Witness, &subject, &body, None, ctx));
        }
        Some(Step::Stop) => events.push(Event::SessionStopRequested { session: id, epoch }),
        Some(Step::Nudge) | None => {}
    }
    events
}
