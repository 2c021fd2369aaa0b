//! What a supervisor is told: the content of `spec.json`, written once by the engine.
//!
//! Read by supervisors one version older and newer: fields are only ever added, each with a default.

use std::collections::BTreeMap;
use std::path::PathBuf;

use convoy_core::id::{ConvoyId, Epoch, IssueId, SessionId, WorkerId};
use convoy_core::money::Money;
use convoy_core::report::Tokens;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::agent::{Asked, Output};
use crate::runtime::Runtime;

/// The version that this code writes.
pub const VERSION: u32 = 1;
/// How much raw output is kept when nothing else is said: enough to read, little enough for many sessions.
pub const OUTPUT_BYTES: u64 = 64 * 1024 * 1024;
/// The longest patience of one step of a ladder; a stop must end.
pub const STEP_MS_MAX: u64 = 60_000;
/// The most steps of a ladder.
pub const STEPS_MAX: usize = 6;

/// Everything that a supervisor knows about its session.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The version of this form.
    pub version: u32,
    /// The session.
    pub session: SessionId,
    /// The attempt; orders for another one are refused.
    pub epoch: Epoch,
    /// The worker whose attempt this is.
    pub worker: WorkerId,
    /// What it works on.
    pub issue: IssueId,
    /// The convoy that the issue belongs to.
    pub convoy: Option<ConvoyId>,
    /// The agent's program and its arguments. Never a shell line, never a secret.
    pub argv: Vec<String>,
    /// The directory in which the agent works.
    pub workdir: PathBuf,
    /// The complete environment of the agent; only `CONVOY_SESSION` and `CONVOY_SOCKET` are added.
    pub env: BTreeMap<String, String>,
    /// How the prompt gets to the agent.
    pub prompt: PromptVia,
    /// How its output is read.
    pub translator: Output,
    /// What is known of the run that its output leaves out.
    #[serde(default)]
    pub asked: Asked,
    /// What it may use.
    pub limits: Limits,
    /// How it is asked to stop. SIGKILL of everything follows the last step.
    #[serde(default = "default_ladder")]
    pub stop: Vec<Step>,
    /// How the supervisor is hosted.
    #[serde(default)]
    pub runtime: Runtime,
    /// Prices by model, longest matching beginning first, to know the cost of usage while the agent runs. Empty:
    /// only what the agent itself says about its cost counts.
    #[serde(default)]
    pub prices: BTreeMap<String, Price>,
    /// What the agent may write, if not whatever its user may.
    #[serde(default)]
    pub confine: Option<Confine>,
    /// How much of what it prints to its standard output is kept by itself as well, from the beginning; none if nothing.
    #[serde(default)]
    pub stdout_bytes: Option<u64>,
}

/// A confinement of an agent and all that it starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Confine {
    /// The program that confines itself and then becomes the agent, by `program confine …`.
    pub program: PathBuf,
    /// The folders and files that may be written. What is not there is left out.
    pub write: Vec<PathBuf>,
}

/// How a prompt gets to the agent. It is never an argument: those are visible to everybody and limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptVia {
    /// Through its standard input.
    Stdin,
    /// As `prompt.txt` of the session directory, named in its arguments.
    File,
    /// As the first of the messages that it reads from its standard input while it works; more may follow. A
    /// supervisor that does not know this refuses the specification and starts nothing.
    Duplex,
}

/// What an agent may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// How long it may run.
    pub wall_ms: Option<u64>,
    /// How long it may show no sign of life: no output, no report.
    pub silence_ms: Option<u64>,
    /// What it may spend, as far as its cost is known while it runs.
    pub spend_micros: Option<i64>,
    /// How much raw output is kept, first and last.
    #[serde(default = "default_output_bytes")]
    pub output_bytes: u64,
    /// How often the same call or error in a row is a loop.
    #[serde(default = "default_loops")]
    pub loops: u32,
}

/// How often in a row is a loop when nothing else is said.
const LOOPS: u32 = 5;

fn default_loops() -> u32 {
    LOOPS
}

impl Default for Limits {
    fn default() -> Self {
        Self { wall_ms: None, silence_ms: None, spend_micros: None, output_bytes: OUTPUT_BYTES, loops: LOOPS }
    }
}

fn default_output_bytes() -> u64 {
    OUTPUT_BYTES
}

/// One step of a ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The signal for the agent's process group.
    pub signal: StopSignal,
    /// How long to wait for its end before the next step.
    pub wait_ms: u64,
}

/// A signal that asks an agent to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// As Ctrl-C: most agents finish what they say and report their cost.
    Int,
    /// The usual request to end.
    Term,
    /// As if the terminal had gone.
    Hup,
    /// As Ctrl-\.
    Quit,
    /// No request at all: the whole tree is killed.
    Kill,
}

impl StopSignal {
    /// The system's name for it.
    pub fn signal(self) -> Signal {
        match self {
            Self::Int => Signal::INT,
            Self::Term => Signal::TERM,
            Self::Hup => Signal::HUP,
            Self::Quit => Signal::QUIT,
            Self::Kill => Signal::KILL,
        }
    }
}

/// INT first, because agents answer it with a result and their cost; TERM for those that ignore it.
pub fn default_ladder() -> Vec<Step> {
    vec![Step { signal: StopSignal::Int, wait_ms: 5_000 }, Step { signal: StopSignal::Term, wait_ms: 5_000 }]
}

/// What a million tokens of a model cost, in micro-dollars.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Price {
    /// Fresh input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache.
    pub cache_write: u64,
    /// Input written to a cache that keeps it for an hour, if that costs anything else.
    #[serde(default)]
    pub cache_write_1h: Option<u64>,
    /// What holds for replies to long prompts, if that is anything else.
    #[serde(default)]
    pub long: Option<Long>,
}

/// What a million tokens cost in replies to long prompts, in micro-dollars.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Long {
    /// Prompts with more input than this, in tokens, of whatever kind.
    pub above: u64,
    /// Fresh input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache.
    pub cache_write: u64,
    /// Input written to a cache that keeps it for an hour.
    pub cache_write_1h: u64,
}

impl Price {
    /// What these tokens cost, rounded up: a limit is never passed by rounding. A sum of several replies is no long prompt.
    pub fn cost(&self, tokens: Tokens, written_1h: u64, summed: bool) -> Money {
        let prompt = tokens.input.saturating_add(tokens.cache_read).saturating_add(tokens.cache_write);
        let rates = match self.long.filter(|long| !summed && prompt > long.above) {
            Some(long) => long,
            None => Long {
                above: 0,
                input: self.input,
                output: self.output,
                cache_read: self.cache_read,
                cache_write: self.cache_write,
                cache_write_1h: self.cache_write_1h.unwrap_or(self.cache_write),
            },
        };
        let hour = written_1h.min(tokens.cache_write);
        let micros = [
            (rates.input, tokens.input),
            (rates.output, tokens.output),
            (rates.cache_read, tokens.cache_read),
            (rates.cache_write, tokens.cache_write - hour),
            (rates.cache_write_1h, hour),
        ]
        .into_iter()
        .fold(0_u128, |sum, (price, count)| sum.saturating_add(u128::from(price) * u128::from(count)))
        .div_ceil(1_000_000);
        Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl Spec {
    /// The price of a model: that of the longest key with which its name begins.
    pub fn price(&self, model: &str) -> Option<&Price> {
        self.prices
            .iter()
            .filter(|(key, _)| model.starts_with(key.as_str()))
            .max_by_key(|(key, _)| key.len())
            .map(|(_, p)| p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_rounded_up_and_never_wraps() {
        let price = Price {
            input: 3_000_000,
            output: 15_000_000,
            cache_read: 300_000,
            cache_write: 3_750_000,
            ..Price::default()
        };
        let tokens = Tokens { input: 1200, output: 85, cache_read: 9000, cache_write: 500 };
        let cost = |price: &Price, tokens| price.cost(tokens, 0, false);
        assert_eq!(cost(&price, tokens), Money::from_micros(9_450));
        assert_eq!(cost(&price, Tokens { cache_read: 1, ..Tokens::default() }), Money::from_micros(1));
        let much = Price { input: u64::MAX, ..Price::default() };
        assert_eq!(
            cost(&much, Tokens { input: u64::MAX, ..Tokens::default() }),
            Money::from_micros(i64::MAX)
        );
        let long = Long { above: 10_000, input: 6_000_000, cache_write_1h: 9_000_000, ..Long::default() };
        let steps = Price { cache_write_1h: Some(6_000_000), long: Some(long), ..price };
        let prompt = |input| Tokens { input, cache_write: 500, ..Tokens::default() };
        assert_eq!(
            steps.cost(prompt(9_500), 500, false),
            Money::from_micros(28_500 + 3_000),
            "it is not longer"
        );
        assert_eq!(steps.cost(prompt(9_501), 500, false), Money::from_micros(57_006 + 4_500));
        assert_eq!(
            steps.cost(prompt(9_501), 0, true),
            Money::from_micros(28_503 + 1_875),
            "a sum of several"
        );
    }
}
