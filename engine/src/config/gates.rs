//! Gates: commands that a tree has to pass.

use std::collections::BTreeSet;

use convoy_api::Failure;
use convoy_core::id::RigName;
use convoy_core::time::Span;

use super::typed::Config;

/// The longest that a gate may take if nothing is said.
const TIMEOUT: Span = Span::from_secs(600);

/// When a gate runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GateTime {
    /// On the merged tree, before it lands.
    BeforeMerge,
    /// On what is checked out, before a session begins or when a person asks.
    Baseline,
}

impl GateTime {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::BeforeMerge, Self::Baseline];

    /// Its name in `when`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeMerge => "before-merge",
            Self::Baseline => "baseline",
        }
    }
}

/// A check that a tree has to pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The longest that it may take.
    pub timeout: Span,
    /// The rigs that it is for; all if none are named.
    pub rigs: Option<Vec<RigName>>,
    /// When it runs.
    pub when: BTreeSet<GateTime>,
}

impl Gate {
    /// Whether it is for this rig.
    pub fn is_for(&self, rig: &RigName) -> bool {
        self.rigs.as_ref().is_none_or(|rigs| rigs.contains(rig))
    }
    /// Whether it runs then.
    pub fn is_at(&self, time: GateTime) -> bool {
        self.when.contains(&time)
    }
}

impl Config {
    /// The gates, in order of name.
    ///
    /// # Errors
    /// When one has no command or a bad time limit.
    pub fn gates(&self) -> Result<Vec<Gate>, Failure> {
        let mut gates = Vec::new();
        for name in self.names("gates") {
            let key = |leaf: &str| format!("gates.{name}.{leaf}");
            let command = self
                .texts(&key("command"))?
                .filter(|command| !command.is_empty())
                .ok_or_else(|| self.wrong(&key("command"), "a program and its arguments"))?;
            let timeout = match self.entry(&key("timeout")) {
                Some(_) => self.span(&key("timeout"))?,
                None => TIMEOUT,
            };
            let rigs = self.texts(&key("rigs"))?;
            let known = |text: String| self.rigs().get_key_value(text.as_str()).map(|(name, _)| name.clone());
            let rigs = rigs.map(|rigs| rigs.into_iter().map(known).collect::<Option<Vec<_>>>());
            // A misspelt name would be a gate that never runs.
            let rigs = match rigs {
                Some(None) => return Err(self.wrong(&key("rigs"), "names of rigs")),
                known => known.flatten(),
            };
            gates.push(Gate { command, timeout, rigs, when: self.when(&key("when"))?, name });
        }
        Ok(gates)
    }

    fn when(&self, key: &str) -> Result<BTreeSet<GateTime>, Failure> {
        let Some(names) = self.texts(key)? else { return Ok(GateTime::ALL.into()) };
        let time = |name: &String| GateTime::ALL.into_iter().find(|time| time.name() == *name);
        let times: Option<BTreeSet<GateTime>> = names.iter().map(time).collect();
        times
            .filter(|times| !times.is_empty())
            .ok_or_else(|| self.wrong(key, "\"before-merge\", \"baseline\" or both"))
    }

    /// Whether detected gates run before a merge in a rig that has none of its own.
    ///
    /// # Errors
    /// When it is neither yes nor no.
    pub fn detects_before_merge(&self) -> Result<bool, Failure> {
        self.flag("baseline.before_merge")
    }

    /// The longest that a detected gate may take.
    ///
    /// # Errors
    /// When it is no duration.
    pub fn detected_timeout(&self) -> Result<Span, Failure> {
        self.span("baseline.timeout")
    }
}
