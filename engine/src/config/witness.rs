//! `[witness]` and `[models]`: what sessions are judged by, and which models are stronger than which.

use convoy_api::Failure;
use convoy_core::health::Thresholds;
use convoy_core::id::AgentName;
use convoy_core::money::Money;
use convoy_core::policy::Tiers;
use convoy_core::time::Span;

use super::layers::Origin;
use super::typed::Config;
use crate::agent::{Output, Preset};

/// The keys of the witness, in the order in which they are shown.
pub const WITNESS_KEYS: [&str; 8] = [
    "witness.enabled",
    "witness.quiet",
    "witness.stuck",
    "witness.stop",
    "witness.burn",
    "witness.loops",
    "witness.tool_max",
    "limits.silence",
];

impl Config {
    /// What the witness goes by.
    ///
    /// # Errors
    /// When a value is not accepted, or a later threshold is shorter than an earlier one.
    pub fn thresholds(&self) -> Result<Thresholds, Failure> {
        let quiet = self.span("witness.quiet")?;
        if quiet == Span::default() {
            return Err(
                self.wrong("witness.quiet", "more than nothing; to switch it off: witness.enabled = false")
            );
        }
        let stuck = self.span("witness.stuck")?;
        if stuck < quiet {
            return Err(self.wrong("witness.stuck", "at least witness.quiet"));
        }
        let stop = self.span("witness.stop")?;
        if stop < stuck {
            return Err(self.wrong("witness.stop", "at least witness.stuck"));
        }
        let tool_max = self.span("witness.tool_max")?;
        Ok(Thresholds {
            enabled: self.flag("witness.enabled")?,
            quiet,
            stuck,
            stop,
            burn: self.dollars("witness.burn")?.filter(|burn| *burn > Money::default()),
            loops: self.number("witness.loops", 2)?.unwrap_or(5),
            tool_max: (tool_max > Span::default()).then_some(tool_max),
        })
    }

    fn dollars(&self, key: &str) -> Result<Option<Money>, Failure> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        let number = entry.value.as_float().or_else(|| entry.value.as_integer().map(|whole| whole as f64));
        let amount = number.and_then(Money::from_dollars);
        amount.map(Some).ok_or_else(|| self.wrong(key, "an amount in dollars such as 2.00, or 0 for never"))
    }

    /// Which models of which agents are stronger than which. What is usual is only known of Claude Code; for other
    /// agents it holds when somebody configured it.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub(crate) fn tiers<'a>(&self, agents: impl Iterator<Item = &'a Preset>) -> Result<Tiers, Failure> {
        let tiers = self.texts("models.tiers")?.unwrap_or_default();
        let usual = self.entry("models.tiers").is_none_or(|entry| matches!(entry.origin, Origin::Default));
        let known = agents.filter(|preset| !usual || preset.output == Output::Claude);
        let by_agent = known.filter_map(|preset| Some((AgentName::new(&preset.name).ok()?, tiers.clone())));
        Ok(Tiers { by_agent: by_agent.collect(), escalate_explicit: self.flag("models.escalate_explicit")? })
    }
}
