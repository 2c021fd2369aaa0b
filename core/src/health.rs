//! How a live session does: judged from evidence, never from a guess.
//!
//! Its supervisor is asked for the evidence ([`Vitals`]) only when nothing was heard for longer than a threshold, or when
//! much was spent. Loops and an agent that waits for a person are reported as they happen. What follows from a judgement
//! is a ladder whose steps are each taken once in an episode; an episode is over when the session is healthy again.
//!
//! An agent is stopped only if nothing of it can be at work: no output, no use of a tool that has not ended, no CPU time.

mod ladder;
mod nudge;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::time::{Span, Time};
pub use ladder::{Taken, Verdict, look_again, next_look, next_step, reported, verdict};
pub use nudge::WITNESS;
pub(crate) use nudge::text as nudge_text;

/// How many crossings are kept of a session.
const CROSSINGS_MAX: usize = 64;
/// How much has to be spent for another crossing: fine enough for any sensible threshold. The fold does not know the
/// configuration.
const CROSSING_MICROS: i64 = 50_000;
/// A tree whose share of one processor is below this is doing nothing: a runtime that only waits uses less.
const BUSY_PERCENT: i64 = 2;

/// What the witness goes by.
#[derive(Clone, PartialEq, Debug)]
pub struct Thresholds {
    /// Whether it looks at all.
    pub enabled: bool,
    /// Nothing heard for so long is quiet: the agent is nudged.
    pub quiet: Span,
    /// For so long it is stalled: a person is told.
    pub stuck: Span,
    /// For so long it is stopped, and tried again.
    pub stop: Span,
    /// Spending so much without any change of its files is burning; none for never.
    pub burn: Option<Money>,
    /// The same call or error so often in a row is a loop.
    pub loops: u32,
    /// A tool that runs for longer does not count as work any more; none for never.
    pub tool_max: Option<Span>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            enabled: true,
            quiet: Span::from_secs(20 * 60),
            stuck: Span::from_secs(40 * 60),
            stop: Span::from_secs(60 * 60),
            burn: Some(Money::from_micros(2_000_000)),
            loops: 5,
            tool_max: Some(Span::from_secs(2 * 60 * 60)),
        }
    }
}

/// What a supervisor knows of its agent when it is asked.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vitals {
    /// When it was asked.
    pub at: Time,
    /// How long ago anything was heard: output, a report of the agent's own, a try again that it announced.
    pub silent_ms: u64,
    /// The tool that it uses, for the longest.
    pub tool: Option<Tool>,
    /// How many of its processes live.
    pub processes: u32,
    /// What all of them, and those that have ended, used of processors.
    pub cpu_ms: u64,
    /// When it tries again what its model's service refused.
    pub retry_at: Option<Time>,
    /// What it waits for, if it waits for a person.
    pub waiting: Option<String>,
    /// What it does again and again.
    pub looping: Option<Repeated>,
    /// Whether it can be given a text while it works.
    pub takes_input: bool,
}

/// A use of a tool that has not ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// For how long.
    pub for_ms: u64,
}

/// The same thing in a row.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Repeated {
    /// Which.
    pub what: String,
    /// How often.
    pub count: u32,
}

/// One look at a session: its vitals at its end, and what was seen over its length.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// At its end.
    pub vitals: Vitals,
    /// How long it took; zero if one moment was enough.
    pub window_ms: u64,
    /// What the tree used of processors meanwhile.
    pub cpu_ms: u64,
    /// When anything in its workdir changed last, if that was looked at.
    pub changed_at: Option<Time>,
}

/// How a session does.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It works, as far as can be seen.
    #[default]
    Healthy,
    /// Nothing was heard of it for a while.
    Quiet {
        /// Since when.
        since: Time,
    },
    /// Nothing was heard of it for long.
    Stalled {
        /// Since when.
        since: Time,
        /// The tool that has run for all that time, and for longer than a tool may.
        tool: Option<String>,
    },
    /// It does the same again and again.
    Looping {
        /// What, and how often.
        repeated: Repeated,
    },
    /// It spends, and nothing in its workdir changes.
    Burning {
        /// What it spent since something changed.
        spent: Money,
        /// When that was.
        since: Time,
    },
    /// It waits for a person.
    Waiting {
        /// For what.
        what: String,
    },
    /// Its model's service takes no more before then.
    RateLimited {
        /// When it is tried again.
        until: Time,
    },
    /// Its supervisor is not there, and its end is not known yet.
    Dead,
}

impl Health {
    /// The name that scripts read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Quiet { .. } => "quiet",
            Self::Stalled { .. } => "stalled",
            Self::Looping { .. } => "looping",
            Self::Burning { .. } => "burning",
            Self::Waiting { .. } => "waiting",
            Self::RateLimited { .. } => "rate_limited",
            Self::Dead => "dead",
        }
    }

    /// Whether somebody should look at it. A service that takes no more for a while is nobody's fault.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Healthy | Self::RateLimited { .. } => false,
            Self::Quiet { .. }
            | Self::Stalled { .. }
            | Self::Looping { .. }
            | Self::Burning { .. }
            | Self::Waiting { .. }
            | Self::Dead => true,
        }
    }

    /// Whether anything that is heard of the agent shows that this is over.
    pub(crate) fn ends_when_heard(&self) -> bool {
        match self {
            Self::Quiet { .. } | Self::Stalled { .. } | Self::Waiting { .. } | Self::RateLimited { .. } => {
                true
            }
            Self::Healthy | Self::Looping { .. } | Self::Burning { .. } | Self::Dead => false,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("it is at work"),
            Self::Quiet { since } => write!(f, "nothing was heard of it since {since}"),
            Self::Stalled { since, tool: None } => {
                write!(f, "it stalled: nothing was heard of it since {since}")
            }
            Self::Stalled { since, tool: Some(tool) } => {
                write!(f, "it stalled: nothing was heard of it since {since}, while it uses {tool}")
            }
            Self::Looping { repeated } => {
                write!(f, "it does the same again and again, {} times: {}", repeated.count, repeated.what)
            }
            Self::Burning { spent, since } => {
                write!(f, "it spent ${spent} since {since}, and nothing in its workdir changed")
            }
            Self::Waiting { what } => write!(f, "it waits for a person: {what}"),
            Self::RateLimited { until } => write!(f, "its model's service takes no more before {until}"),
            Self::Dead => f.write_str("its supervisor is gone"),
        }
    }
}

/// What the witness does about a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The agent is reminded, if it can be.
    Nudge,
    /// Whoever owns its convoy is told.
    Escalate,
    /// What it did is kept, it is ended, and the next attempt begins.
    Stop,
}

impl Step {
    /// The name that scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nudge => "nudge",
            Self::Escalate => "escalate",
            Self::Stop => "stop",
        }
    }
}

/// What a session had cost at some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Crossing {
    /// When.
    pub at: Time,
    /// What the session had cost by then.
    pub spent: Money,
}

/// What the witness has found out about a session so far.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Standing {
    /// How many judgements and steps are in the log.
    pub round: u32,
    /// The last judgement.
    pub health: Health,
    /// When something was last heard, as far as the log knows.
    pub heard_at: Time,
    /// The steps of this episode.
    pub steps: Vec<Taken>,
    /// What the last judgement rests on.
    pub look: Option<Look>,
    /// What was spent when, to see for how long nothing changed.
    pub crossings: Vec<Crossing>,
    /// What its agent is to be told, and the judgement that led to it.
    pub nudge: Option<(u32, String)>,
    /// It is ended by the witness, and why.
    pub stopped: Option<String>,
}

impl Standing {
    /// Of a session that was begun.
    pub fn new(at: Time) -> Self {
        Self { heard_at: at, ..Self::default() }
    }

    /// Something was heard: silence is over, and with it its episode.
    pub(crate) fn heard(&mut self, at: Time) {
        self.heard_at = self.heard_at.max(at);
        if self.health.ends_when_heard() && self.stopped.is_none() {
            self.recover();
        }
    }

    /// The episode is over.
    pub(crate) fn recover(&mut self) {
        self.health = Health::Healthy;
        self.steps.clear();
        self.nudge = None;
    }

    /// Takes note of what a session has cost. When there are too many crossings, every other one goes: what was long ago
    /// needs not be known as finely.
    pub(crate) fn spent(&mut self, spent: Money, at: Time) {
        let last = self.crossings.last().map_or(0, |last| last.spent.as_micros());
        if spent.as_micros().saturating_sub(last) < CROSSING_MICROS {
            return;
        }
        if self.crossings.len() >= CROSSINGS_MAX {
            let mut position = 0_usize;
            self.crossings.retain(|_| {
                position += 1;
                position % 2 == 1
            });
        }
        self.crossings.push(Crossing { at, spent });
    }
}

/// When something was last heard, of all that is known.
pub fn heard_at(look: &Look, standing: &Standing) -> Time {
    let vitals = &look.vitals;
    let silent = i64::try_from(vitals.silent_ms).unwrap_or(i64::MAX);
    let by_vitals = Time::from_millis(vitals.at.as_millis().saturating_sub(silent));
    // Until it tries again, as it said, nobody has to hear of it.
    let retried = vitals.retry_at.filter(|at| *at <= vitals.at).unwrap_or_default();
    by_vitals.max(standing.heard_at.min(vitals.at)).max(retried)
}

/// Whether its processes were at work: during the look, and since the one before.
pub fn is_busy(look: &Look, standing: &Standing) -> bool {
    let share = |cpu_ms: u64, of_ms: u64| {
        let (cpu, of) = (i64::try_from(cpu_ms).unwrap_or(i64::MAX), i64::try_from(of_ms).unwrap_or(i64::MAX));
        of > 0 && cpu.saturating_mul(100) >= of.saturating_mul(BUSY_PERCENT)
    };
    let before = standing.look.as_ref().map(|before| &before.vitals);
    let since = before.is_some_and(|before| {
        let span = look.vitals.at.since(before.at).as_millis();
        let used = look.vitals.cpu_ms.saturating_sub(before.cpu_ms);
        share(used, u64::try_from(span).unwrap_or_default())
    });
    share(look.cpu_ms, look.window_ms) || since
}

/// What was spent since anything changed, and when that was; none if it was not looked at.
fn burned(look: &Look, standing: &Standing, spent: Money) -> Option<(Money, Time)> {
    let changed = look.changed_at?;
    // Before the first crossing that is later than the change something was spent that is not counted: in its favour.
    let after = standing.crossings.iter().find(|crossing| crossing.at >= changed)?;
    Some((Money::from_micros(spent.as_micros().saturating_sub(after.spent.as_micros())), changed))
}

/// How a session does by this evidence. `spent` is what it has cost so far.
pub fn judge(look: &Look, standing: &Standing, thresholds: &Thresholds, spent: Money) -> Health {
    let vitals = &look.vitals;
    if let Some(what) = &vitals.waiting {
        return Health::Waiting { what: what.clone() };
    }
    if let Some(until) = vitals.retry_at.filter(|until| until.since(vitals.at) > Span::default()) {
        return Health::RateLimited { until };
    }
    if let Some(repeated) = vitals.looping.as_ref().filter(|repeated| repeated.count >= thresholds.loops) {
        return Health::Looping { repeated: repeated.clone() };
    }
    let since = heard_at(look, standing);
    let silent = vitals.at.since(since);
    if silent >= thresholds.quiet {
        let span = |ms: u64| Span::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        match &vitals.tool {
            Some(tool) if thresholds.tool_max.is_some_and(|max| span(tool.for_ms) >= max) => {
                return Health::Stalled { since, tool: Some(tool.name.clone()) };
            }
            Some(_) => {}
            None if is_busy(look, standing) => {}
            None if silent >= thresholds.stuck => return Health::Stalled { since, tool: None },
            None => return Health::Quiet { since },
        }
    }
    match (thresholds.burn, burned(look, standing, spent)) {
        (Some(most), Some((spent, since))) if spent >= most => Health::Burning { spent, since },
        _ => Health::Healthy,
    }
}
