//! What the configuration says, as the rules need it. Read by the engine, handed to `decide` and `plan`.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::convoy::{MergeStrategy, Observer};
use crate::id::{AgentName, RigName, RouteName};
use crate::time::Span;

/// One managed repository.
#[derive(Clone, PartialEq, Debug)]
pub struct Rig {
    /// The prefix of its issues.
    pub prefix: String,
    /// How many agents may work in it at once.
    pub max_parallel: Option<u32>,
}

/// How often, and after how long, something is tried again.
#[derive(Clone, PartialEq, Debug)]
pub struct Retry {
    /// Failures of the task or its gates before a person is needed.
    pub max_attempts: u32,
    /// The pause after the first failure; it doubles with each.
    pub backoff: Span,
    /// The longest pause.
    pub backoff_max: Span,
    /// Lost sessions before a person is needed.
    pub max_lost: u32,
    /// Merge conflicts before a person is needed.
    pub max_conflicts: u32,
    /// Tries to land one branch on a base that keeps moving.
    pub max_rounds: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            backoff: Span::from_secs(10),
            backoff_max: Span::from_secs(300),
            max_lost: 5,
            max_conflicts: 3,
            max_rounds: 10,
        }
    }
}

/// Where notices go besides their mailboxes, and how often that is tried.
#[derive(Clone, PartialEq, Debug)]
pub struct Routes {
    /// For every address.
    pub every: Vec<RouteName>,
    /// For these.
    pub by_address: BTreeMap<Address, Vec<RouteName>>,
    /// The pause after the first failure; it doubles with each.
    pub backoff: Span,
    /// The longest pause.
    pub backoff_max: Span,
    /// Failures before a delivery is given up.
    pub tries_max: u32,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            every: Vec::new(),
            by_address: BTreeMap::new(),
            backoff: Span::from_secs(10),
            backoff_max: Span::from_secs(600),
            // With these pauses about an hour: long enough for a service that is being restarted.
            tries_max: 12,
        }
    }
}

impl Routes {
    /// The routes of an address, each once.
    pub fn of(&self, address: &Address) -> impl Iterator<Item = &RouteName> {
        let own = self.by_address.get(address).map_or(&[][..], Vec::as_slice);
        own.iter().chain(self.every.iter().filter(|route| !own.contains(route)))
    }
}

/// Who may notice that a convoy is complete. A person always may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Observers {
    /// The close of an issue.
    pub close: bool,
    /// The merger.
    pub merger: bool,
    /// The witness.
    pub witness: bool,
    /// The watch on a tracker's data.
    pub tracker: bool,
    /// The patrol.
    pub patrol: bool,
}

impl Default for Observers {
    fn default() -> Self {
        Self { close: true, merger: true, witness: true, tracker: true, patrol: true }
    }
}

impl Observers {
    /// Whether this one is switched on.
    pub fn allow(&self, observer: Observer) -> bool {
        match observer {
            Observer::Close => self.close,
            Observer::Merger => self.merger,
            Observer::Witness => self.witness,
            Observer::Tracker => self.tracker,
            Observer::Patrol => self.patrol,
            Observer::Person => true,
        }
    }
}

/// The rules that may differ between workspaces.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// The rigs by name.
    pub rigs: BTreeMap<RigName, Rig>,
    /// The rig of issues that name none.
    pub home: RigName,
    /// The agents that are known.
    pub agents: Vec<AgentName>,
    /// Those of them that are confined to what they may touch. The others are shown as unsandboxed.
    pub sandboxed: Vec<AgentName>,
    /// The agent that works when none is named.
    pub agent: AgentName,
    /// The model when neither flag nor label names one.
    pub model: Option<String>,
    /// Model by `complexity:` label.
    pub complexity: BTreeMap<String, String>,
    /// How branches land when the convoy does not say.
    pub merge: MergeStrategy,
    /// How many agents work at once in the workspace, and by default in a convoy.
    pub max_parallel: u32,
    /// Who is told of every landing.
    pub notify: Vec<Address>,
    /// Where notices go.
    pub routes: Routes,
    /// Retries.
    pub retry: Retry,
    /// Who may land convoys.
    pub observers: Observers,
}
