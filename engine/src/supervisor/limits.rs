//! When an agent must stop, and how far the stop has come. No input or output: time and facts come as arguments.

use std::time::Duration;

use convoy_core::money::Money;
use convoy_core::report::{AgentResult, Report, StopWhy, Tokens};
use convoy_core::time::Span;

use super::spec::{STEP_MS_MAX, STEPS_MAX, Spec, Step, StopSignal};
use crate::agent::Output;
use crate::clock::Instant;

/// A loop that was held up for longer than this was not running: the machine slept. Nobody was silent then.
const HELD_UP: Duration = Duration::from_secs(10);

/// What an agent has used, against what it may use.
#[derive(Debug)]
pub(super) struct Meter {
    wall: Option<Instant>,
    silence: Option<Span>,
    heard: Instant,
    spend: Option<Money>,
    /// What usage cost by the prices that the engine gave, since the agent reported a total, if it did.
    estimated: Option<Money>,
    /// What the agent's program says that it cost.
    reported: Option<Money>,
    /// What a file of the agent says that it cost.
    self_reported: Money,
    /// It used a model that nobody knows a price of.
    unpriced: bool,
    /// The model that is at work, where usage does not name one.
    model: Option<String>,
}

fn span(ms: u64) -> Span {
    Span::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

impl Meter {
    pub(super) fn new(spec: &Spec, now: Instant) -> Self {
        Self {
            wall: spec.limits.wall_ms.map(|ms| now.plus(span(ms))),
            silence: spec.limits.silence_ms.map(span),
            heard: now,
            spend: spec.limits.spend_micros.map(Money::from_micros),
            estimated: None,
            reported: None,
            self_reported: Money::default(),
            unpriced: false,
            model: spec.asked.model.clone(),
        }
    }

    /// A sign of life.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Counts what a report says about cost.
    pub(super) fn count(&mut self, report: &Report, spec: &Spec) {
        match report {
            Report::Usage { message_id, model, tokens, cache_write_1h, .. } => {
                let summed = spec.translator.is_sum(message_id);
                // Claude names the model of each reply, and a sum without one is of several.
                let known = self.model.as_ref().filter(|_| spec.translator != Output::Claude);
                let model = model.as_ref().or(known);
                match model.and_then(|model| spec.price(model)) {
                    Some(price) => {
                        let cost = price.cost(*tokens, *cache_write_1h, summed);
                        self.estimated = Some(self.estimated.unwrap_or_default().plus(cost));
                    }
                    // Tokens that nobody counted have no price to know; and which model it is may be known to the engine
                    // alone.
                    None => {
                        self.unpriced |=
                            model.is_some() && !spec.prices.is_empty() && *tokens != Tokens::default();
                    }
                }
            }
            // It replaces what was estimated, as in the ledger.
            Report::Result(AgentResult { cost: Some(cost), .. }) => {
                (self.reported, self.estimated, self.unpriced) = (Some(*cost), None, false);
            }
            Report::SelfReported { cost } => self.self_reported = *cost,
            Report::Conversation { model: Some(model), .. } => self.model = Some(model.clone()),
            Report::Result(_)
            | Report::Started { .. }
            | Report::Conversation { .. }
            | Report::Tool { .. }
            | Report::Retrying { .. }
            | Report::Done { .. }
            | Report::Blocked { .. }
            | Report::Note { .. }
            | Report::CheckpointAsked { .. }
            | Report::Escalated { .. }
            | Report::Waiting { .. }
            | Report::Looping { .. }
            | Report::Nudged { .. }
            | Report::Stopping { .. }
            | Report::Unknown => {}
        }
    }

    /// What it has cost, by the rule of the ledger: what was reported and what was used since, else what usage costs, else
    /// the agent's own word.
    fn spent(&self) -> Money {
        match (self.reported, self.estimated) {
            (None, None) => self.self_reported,
            (reported, estimated) => reported.unwrap_or_default().plus(estimated.unwrap_or_default()),
        }
    }

    /// It may spend this much in all. A ceiling is never taken back: what is promised may be spent.
    pub(super) fn raise(&mut self, ceiling: Money) {
        self.spend = self.spend.max(Some(ceiling));
    }

    /// The limit that is reached, if one is. `woken_late` is by how much the loop missed its own deadline.
    pub(super) fn breach(&mut self, now: Instant, woken_late: Duration) -> Option<StopWhy> {
        if woken_late > HELD_UP {
            self.heard = now;
        }
        if self.spend.is_some_and(|limit| self.spent() >= limit) {
            return Some(StopWhy::Spend);
        }
        if self.spend.is_some() && self.unpriced {
            return Some(StopWhy::Unpriced);
        }
        if self.wall.is_some_and(|at| now >= at) {
            return Some(StopWhy::WallTime);
        }
        self.silence.is_some_and(|silence| now >= self.heard.plus(silence)).then_some(StopWhy::Silence)
    }

    /// When to look again, if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let silence = self.silence.map(|silence| self.heard.plus(silence));
        [self.wall, silence].into_iter().flatten().min()
    }
}

/// A stop in progress.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) why: StopWhy,
    steps: std::vec::IntoIter<Step>,
    /// When the next step is due.
    pub(super) due: Instant,
    /// The first step was taken.
    begun: bool,
    /// The patience with a step was cut short, which it is once.
    hurried: bool,
}

impl Stop {
    /// The ladder of the specification, with bounded patience, and SIGKILL at its end.
    pub(super) fn new(why: StopWhy, ladder: &[Step], now: Instant) -> Self {
        let last = Step { signal: StopSignal::Kill, wait_ms: 0 };
        let steps: Vec<Step> = ladder
            .iter()
            .filter(|step| step.signal != StopSignal::Kill)
            .take(STEPS_MAX)
            .map(|step| Step { wait_ms: step.wait_ms.min(STEP_MS_MAX), ..*step })
            .chain([last])
            .collect();
        Self { why, steps: steps.into_iter(), due: now, begun: false, hurried: false }
    }

    /// The agent was asked to end and has begun something else: it is asked by the next step at once. It may have begun
    /// that before it was asked again, so this is so only once.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.begun && !self.hurried {
            self.hurried = true;
            self.due = self.due.min(now);
        }
    }

    /// The next signal, if it is due. After the last step this is SIGKILL again and again, a moment apart: what
    /// was forked in between is found then.
    pub(super) fn next(&mut self, now: Instant) -> Option<StopSignal> {
        if now < self.due {
            return None;
        }
        self.begun = true;
        let step = self.steps.next().unwrap_or(Step { signal: StopSignal::Kill, wait_ms: KILL_AGAIN_MS });
        self.due = now.plus(span(step.wait_ms.max(KILL_AGAIN_MS)));
        Some(step.signal)
    }
}

/// How long to wait before SIGKILL is sent again.
const KILL_AGAIN_MS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::spec::default_ladder;

    #[test]
    fn whoever_begins_something_else_is_hurried_once() {
        let begun = Instant::now();
        let later = |ms| begun.plus(Span::from_millis(ms));
        let mut stop = Stop::new(StopWhy::Ordered, &default_ladder(), begun);
        stop.hurry(begun);
        assert_eq!(stop.next(begun), Some(StopSignal::Int), "it was not asked before");
        assert_eq!(stop.next(later(1)), None);
        stop.hurry(later(1));
        assert_eq!(stop.next(later(1)), Some(StopSignal::Term));
        stop.hurry(later(2));
        assert_eq!(stop.next(later(5_000)), None);
        assert_eq!(stop.next(later(5_001)), Some(StopSignal::Kill));
    }

    #[test]
    fn a_ladder_ends_with_kill_whatever_it_says() {
        let begun = Instant::now();
        let later = |ms| begun.plus(Span::from_millis(ms));
        let mut stop = Stop::new(StopWhy::Ordered, &default_ladder(), begun);
        let seen: Vec<_> =
            [0, 4_999, 5_000, 9_999, 10_000, 10_001, 10_020].map(|ms| stop.next(later(ms))).into();
        assert_eq!(
            seen,
            [
                Some(StopSignal::Int),
                None,
                Some(StopSignal::Term),
                None,
                Some(StopSignal::Kill),
                None,
                Some(StopSignal::Kill)
            ]
        );
        let endless = [Step { signal: StopSignal::Hup, wait_ms: u64::MAX }; 50];
        let mut stop = Stop::new(StopWhy::Ordered, &endless, begun);
        let mut now = begun;
        while stop.next(now) != Some(StopSignal::Kill) {
            now = stop.due;
        }
        assert_eq!(now, begun.plus(span(STEP_MS_MAX * STEPS_MAX as u64)));
    }
}
