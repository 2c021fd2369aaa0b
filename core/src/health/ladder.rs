//! The ladder: what is done about a session that does not do well, each step once in an episode.

use serde::{Deserialize, Serialize};

use super::{Health, Look, Standing, Step, Thresholds, heard_at, is_busy, judge};
use crate::money::Money;
use crate::time::{Span, Time};

/// The shortest pause before another look.
const AGAIN_MIN: Span = Span::from_millis(100);
/// Loops and spending that are this many times their thresholds are for a person.
const ESCALATE_TIMES: u32 = 2;
/// The steps after silence, in order.
const STEPS: [Step; 3] = [Step::Nudge, Step::Escalate, Step::Stop];

/// A step that was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// Which.
    pub step: Step,
    /// When.
    pub at: Time,
    /// Why it came to nothing, if it did.
    pub unable: Option<String>,
}

/// What a look comes to.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// How the session does.
    pub health: Health,
    /// What is to be done about it now.
    pub step: Option<Step>,
}

impl Thresholds {
    fn silence(&self, step: Step) -> Span {
        match step {
            Step::Nudge => self.quiet,
            Step::Escalate => self.stuck,
            Step::Stop => self.stop,
        }
    }
}

/// What this look comes to; none if it is what is known already, and nothing is to be done.
pub fn verdict(look: &Look, standing: &Standing, thresholds: &Thresholds, spent: Money) -> Option<Verdict> {
    if !thresholds.enabled || standing.stopped.is_some() {
        return None;
    }
    let health = judge(look, standing, thresholds, spent);
    let step = step(&health, look, standing, thresholds);
    (step.is_some() || health.name() != standing.health.name()).then_some(Verdict { health, step })
}

fn is_taken(standing: &Standing, step: Step) -> bool {
    standing.steps.iter().any(|taken| taken.step == step)
}

/// When the next step after silence is due, if there is one. Never at once after the one before: a machine that slept
/// for hours, or an engine that was down, has given the agent no time to answer.
fn silence_step(since: Time, standing: &Standing, thresholds: &Thresholds) -> Option<(Step, Time)> {
    let (position, step) = STEPS.iter().copied().enumerate().find(|(_, step)| !is_taken(standing, *step))?;
    let by_silence = since.plus(thresholds.silence(step));
    let before = position.checked_sub(1).and_then(|position| STEPS.get(position).copied());
    let pause = before.map_or(Span::default(), |before| {
        let (longer, shorter) =
            (thresholds.silence(step).as_millis(), thresholds.silence(before).as_millis());
        Span::from_millis(longer.saturating_sub(shorter))
    });
    let by_step = standing.steps.last().map_or(Time::default(), |taken| taken.at.plus(pause));
    Some((step, by_silence.max(by_step)))
}

/// The next step, if it is due.
fn step(health: &Health, look: &Look, standing: &Standing, thresholds: &Thresholds) -> Option<Step> {
    match health {
        Health::Healthy | Health::RateLimited { .. } | Health::Dead => None,
        Health::Waiting { .. } => (!is_taken(standing, Step::Escalate)).then_some(Step::Escalate),
        Health::Looping { repeated } => {
            at_once(repeated.count >= thresholds.loops.saturating_mul(ESCALATE_TIMES), standing)
        }
        Health::Burning { spent, .. } => {
            let most = thresholds.burn.map_or(i64::MAX, Money::as_micros);
            at_once(spent.as_micros() >= most.saturating_mul(i64::from(ESCALATE_TIMES)), standing)
        }
        Health::Quiet { since } | Health::Stalled { since, .. } => {
            let (step, at) = silence_step(*since, standing, thresholds)?;
            let is_due = at <= look.vitals.at;
            (is_due && (step != Step::Stop || may_stop(look, standing))).then_some(step)
        }
    }
}

/// Trouble that is not silence: the agent is reminded at once, and if it is `worse`, a person is told. It is not stopped:
/// it is at work, and what that may cost is for budgets to say.
fn at_once(worse: bool, standing: &Standing) -> Option<Step> {
    if !is_taken(standing, Step::Nudge) {
        return Some(Step::Nudge);
    }
    (worse && !is_taken(standing, Step::Escalate)).then_some(Step::Escalate)
}

/// Whether nothing of the agent can be at work.
fn may_stop(look: &Look, standing: &Standing) -> bool {
    look.vitals.tool.is_none() && look.window_ms > 0 && !is_busy(look, standing)
}

/// The trouble that its supervisor reported, and what is to be done about it; none if that is known.
pub fn reported(health: Health, standing: &Standing, thresholds: &Thresholds) -> Option<Verdict> {
    if !thresholds.enabled || standing.stopped.is_some() {
        return None;
    }
    let step = step(&health, &Look::default(), standing, thresholds);
    (step.is_some() || health.name() != standing.health.name()).then_some(Verdict { health, step })
}

/// When a session is to be looked at if nothing is heard of it before.
pub fn next_look(standing: &Standing, thresholds: &Thresholds) -> Option<Time> {
    next_step(standing, thresholds).map(|(_, at)| at)
}

/// What is done about a session if nothing is heard of it before, and when.
pub fn next_step(standing: &Standing, thresholds: &Thresholds) -> Option<(Step, Time)> {
    if !thresholds.enabled || standing.stopped.is_some() {
        return None;
    }
    match standing.health {
        // A person is asked, and nothing changes before one answers.
        Health::Waiting { .. } | Health::Dead => None,
        Health::Healthy
        | Health::Quiet { .. }
        | Health::Stalled { .. }
        | Health::Looping { .. }
        | Health::Burning { .. }
        | Health::RateLimited { .. } => silence_step(standing.heard_at, standing, thresholds),
    }
}

/// How long after a look that came to nothing another one can come to something.
pub fn look_again(look: &Look, standing: &Standing, thresholds: &Thresholds) -> Span {
    let now = look.vitals.at;
    let since = heard_at(look, standing);
    let next = match look.vitals.retry_at.filter(|until| *until > now) {
        Some(until) => Some(until),
        None => silence_step(since, standing, thresholds).map(|(_, at)| at).filter(|at| *at > now),
    };
    // It is due, and something of the agent is at work: it may rest at any moment.
    next.map_or(thresholds.quiet, |at| at.since(now)).max(AGAIN_MIN)
}
