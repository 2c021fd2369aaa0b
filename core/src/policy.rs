//! What the configuration says, as the rules need it. Read by the engine, handed to `decide` and `plan`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::checkpoint::Reason;
use crate::convoy::{MergeStrategy, Observer};
use crate::health::Thresholds;
use crate::id::{AgentName, RigName, RouteName};
use crate::money::Money;
use crate::time::Span;
use crate::worker::NewWorker;

/// Who keeps the issues of a rig.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tracker {
    /// Convoy itself.
    #[default]
    Builtin,
    /// The `bd` command.
    Beads,
}

impl Tracker {
    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Beads => "beads",
        }
    }
}

/// One managed repository.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rig {
    /// The prefix of its issues.
    pub prefix: String,
    /// How many agents may work in it at once.
    pub max_parallel: Option<u32>,
    /// Where it is, as people read it.
    pub path: String,
    /// The branch that work lands in; none if the repository is to say.
    pub default_branch: Option<String>,
    /// Who keeps its issues.
    pub tracker: Tracker,
    /// A person wants no new work begun in it.
    pub parked: bool,
    /// Why its repository cannot be used, as the engine saw last. No fact of the log: it is looked at again.
    pub trouble: Option<String>,
}

/// Why no work is begun in a rig.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RigHold<'a> {
    /// The configuration does not name it any more.
    Unknown,
    /// Its repository cannot be used.
    Unreadable {
        /// What is wrong with it.
        why: &'a str,
    },
    /// A person parked it.
    Parked,
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
    /// Merges of one branch that break for reasons that have nothing to do with it.
    pub max_broken: u32,
    /// Reviews that find what blocks before a person is needed.
    pub max_reviews: u32,
    /// How long the attempts of a worker may take in all; none for as long as they take.
    pub max_time: Option<Span>,
    /// Failures with one model before a stronger one is tried.
    pub max_model_failures: u32,
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
            max_broken: 3,
            max_reviews: 3,
            max_time: None,
            max_model_failures: 2,
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

/// How the merge queue makes its batches.
#[derive(Clone, PartialEq, Debug)]
pub struct Batches {
    /// How many branches are merged together at most.
    pub max: u32,
    /// How long the first of a batch waits for others.
    pub wait: Span,
}

impl Default for Batches {
    fn default() -> Self {
        Self { max: 5, wait: Span::default() }
    }
}

/// When checkpoints are made by themselves. One that somebody asks for is always made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Checkpoints {
    /// Any at all.
    pub enabled: bool,
    /// Of a live session after so long, if something has changed; none: never.
    pub interval: Option<Span>,
    /// When a session begins.
    pub on_start: bool,
    /// When something went wrong.
    pub on_error: bool,
    /// When an issue is completed.
    pub on_issue_complete: bool,
    /// Before an agent is stopped.
    pub before_stop: bool,
}

/// What becomes of a branch whose review has no word about it: a reviewer failed, or somebody stopped it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Inconclusive {
    /// A person has to look.
    #[default]
    NeedsHuman,
    /// It lands as if there had been none.
    Merge,
}

/// What is reviewed, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reviews {
    /// A checkpoint of a live session after so many of them; zero: not for this reason.
    pub every: u32,
    /// A checkpoint when so many more files have changed; zero: not for this reason.
    pub files: u32,
    /// A submitted branch, before it lands.
    pub before_merge: bool,
    /// What follows from a review without a word.
    pub on_inconclusive: Inconclusive,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Some(Span::from_secs(15 * 60)),
            on_start: true,
            on_error: true,
            on_issue_complete: true,
            before_stop: true,
        }
    }
}

impl Checkpoints {
    /// None by themselves.
    pub const OFF: Self = Self {
        enabled: false,
        interval: None,
        on_start: false,
        on_error: false,
        on_issue_complete: false,
        before_stop: false,
    };

    /// Whether one is made for this reason.
    pub fn allow(&self, reason: &Reason) -> bool {
        let switch = match reason {
            Reason::Started => self.on_start,
            Reason::Interval => self.interval.is_some(),
            Reason::IssueCompleted { .. } => self.on_issue_complete,
            Reason::Error { .. } => self.on_error,
            Reason::Stopping { .. } | Reason::BudgetThreshold { .. } => self.before_stop,
            // Somebody wants these.
            Reason::Paused { .. } | Reason::Completed | Reason::Asked { .. } => return true,
        };
        self.enabled && switch
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

/// What agents may spend, when nothing more was said.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Budget {
    /// What is reserved at a time for an attempt that any limit applies to; none: its share of what is free.
    pub attempt: Option<Money>,
    /// The limit of each day (UTC), for the whole workspace.
    pub day: Option<Money>,
    /// The limit of each convoy that is made from now on.
    pub convoy: Option<Money>,
    /// Agents that report nothing that could be counted.
    pub unmetered: Vec<AgentName>,
    /// Whether they work although a limit applies to them.
    pub allow_unmetered: bool,
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
    /// What works in a role of a template convoy is confined, whatever agent it is.
    pub roles_sandboxed: bool,
    /// The agent that works when none is named.
    pub agent: AgentName,
    /// The model when neither flag nor label names one.
    pub model: Option<String>,
    /// Model by `complexity:` label.
    pub complexity: BTreeMap<String, String>,
    /// How branches land when the convoy does not say.
    pub merge: MergeStrategy,
    /// How the merge queue makes its batches.
    pub batches: Batches,
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
    /// What agents may spend.
    pub budget: Budget,
    /// When checkpoints are made.
    pub checkpoints: Checkpoints,
    /// When they are reviewed.
    pub reviews: Reviews,
    /// What the witness goes by.
    pub witness: Thresholds,
    /// Which models are stronger than which.
    pub tiers: Tiers,
}

/// Which models are stronger than which, for agents that know them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tiers {
    /// By agent, from weak to strong. An agent that is not here is left alone.
    pub by_agent: BTreeMap<AgentName, Vec<String>>,
    /// Whether a model that a person asked for is left behind too, when it fails.
    pub escalate_explicit: bool,
}

impl Tiers {
    /// The models of an agent, from weak to strong.
    pub fn of(&self, agent: &AgentName) -> &[String] {
        self.by_agent.get(agent).map_or(&[], Vec::as_slice)
    }
}

impl Policy {
    /// Why no work is begun in a rig, if none is.
    pub fn hold(&self, rig: &RigName) -> Option<RigHold<'_>> {
        let Some(rig) = self.rigs.get(rig) else { return Some(RigHold::Unknown) };
        match &rig.trouble {
            Some(why) => Some(RigHold::Unreadable { why }),
            None => rig.parked.then_some(RigHold::Parked),
        }
    }

    /// Why a worker does not begin, if its rig is the reason: of one that a person wants also while its rig is
    /// parked, that is none.
    pub fn holds(&self, worker: &NewWorker) -> Option<RigHold<'_>> {
        self.hold(&worker.rig).filter(|hold| *hold != RigHold::Parked || !worker.although_parked)
    }

    /// Whether what is under way in a rig can go on: its repository is there, parked or not.
    pub fn reaches(&self, rig: &RigName) -> bool {
        matches!(self.hold(rig), None | Some(RigHold::Parked))
    }
}
