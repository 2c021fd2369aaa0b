//! What the executor needs to know of a role of a template convoy, read of the state when an effect is started.

use std::path::{Path, PathBuf};

use convoy_core::convoy::Convoy;
use convoy_core::id::{ConvoyId, IssueId, RoleName, SessionId};
use convoy_core::issue::{CloseReason, Issue, Status};
use convoy_core::policy::Policy;
use convoy_core::session::{Outcome, SessionState};
use convoy_core::state::State;
use convoy_core::template::{OutputKind, Product, Run, Runner, Step};
use convoy_core::view;
use convoy_core::worker::Worker;

use crate::clock;
use crate::world::World;

/// A role, with what its convoy says and what the roles before it left.
pub(super) struct Role {
    pub(super) step: Step,
    pub(super) convoy: ConvoyId,
    pub(super) run: Run,
    /// The roles that it needs.
    pub(super) inputs: Vec<Lane>,
    /// The issues that the convoy is about.
    pub(super) issues: Vec<About>,
    /// The convoy's title.
    pub(super) title: String,
    /// The attempt before, if what it gave could not be read and this one is there to mend it.
    pub(super) mends: Option<SessionId>,
    /// What is known of everybody at work, if its prompt asks for that.
    pub(super) facts: Option<Box<view::FactsView>>,
}

/// Another role of the same convoy, as it ended.
pub(super) struct Lane {
    pub(super) role: RoleName,
    pub(super) output: OutputKind,
    /// What it left, if it is done.
    pub(super) product: Option<Product>,
    /// Why it left nothing.
    pub(super) failed: Option<String>,
    /// The issue that it is about, if about one.
    pub(super) about: Option<IssueId>,
    /// The roles that it was done after.
    pub(super) needs: Vec<RoleName>,
}

/// An issue that a convoy is about.
pub(super) struct About {
    pub(super) id: IssueId,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) labels: Vec<String>,
    pub(super) priority: u8,
    pub(super) issue_type: String,
}

/// The report that is to be made of a convoy.
pub(super) struct Synthesize {
    pub(super) convoy: ConvoyId,
    pub(super) round: u32,
    /// Some of them have not ended.
    pub(super) interim: bool,
    pub(super) run: Run,
    pub(super) repository: PathBuf,
    /// All roles, in the order of the template.
    pub(super) lanes: Vec<Lane>,
    pub(super) issues: Vec<About>,
}

/// The folder of a convoy's reports.
pub(super) fn folder(world: &World, run: &Run, convoy: &ConvoyId) -> PathBuf {
    let outputs = || world.workspace.outputs_dir();
    let parent = run.output_dir.as_deref().map_or_else(outputs, |dir| world.workspace.root().join(dir));
    parent.join(convoy.as_str())
}

/// The role of a worker's issue, if it is one.
pub(super) fn of_worker(state: &State, worker: &Worker) -> Option<Box<Role>> {
    let issue = state.issues.get(&worker.content.issue)?;
    let step = issue.content.step.as_deref()?.clone();
    let convoy = state.convoys.get(worker.content.convoy.as_ref()?)?;
    let run = convoy.content.run.as_deref()?.clone();
    let inputs = issue.blockers().filter_map(|id| lane(state, state.issues.get(id)?)).collect();
    let issues = abouts(state, &run);
    let (title, mends) = (convoy.content.title.clone(), mended(state, worker));
    let facts = None;
    Some(Box::new(Role { step, convoy: convoy.content.id.clone(), run, inputs, issues, title, mends, facts }))
}

/// The same for one that is started: with the facts, if its prompt names them.
pub(super) fn starting(state: &State, policy: &Policy, worker: &Worker) -> Option<Box<Role>> {
    let mut role = of_worker(state, worker)?;
    // Gathering them is no small thing, and hardly a role wants them. Whether it does is looked at closely later.
    let named = |text: &str| text.contains("facts");
    let asks = match &role.step.runner {
        Runner::Program { command, .. } => command.iter().any(|argument| named(argument)),
        Runner::Agent { .. } | Runner::Nobody => {
            named(&state.issues.get(&worker.content.issue)?.content.body)
        }
    };
    if asks {
        role.facts = Some(Box::new(view::facts(state, policy, Some(&role.convoy), clock::now())));
    }
    Some(role)
}

/// The last attempt that is over, if what it gave could not be read.
fn mended(state: &State, worker: &Worker) -> Option<SessionId> {
    let sessions = worker.sessions.iter().rev().filter_map(|id| state.sessions.get(id));
    let (id, outcome) = sessions.into_iter().find_map(|session| match &session.state {
        SessionState::Over { outcome, .. } => Some((&session.content.id, outcome)),
        SessionState::Wanted
        | SessionState::Starting { .. }
        | SessionState::Running { .. }
        | SessionState::Ended { .. } => None,
    })?;
    matches!(outcome, Outcome::Unreadable { .. }).then(|| id.clone())
}

/// What the report of a convoy is made of.
pub(super) fn synthesize(
    state: &State,
    convoy: &Convoy,
    round: u32,
    repository: &Path,
) -> Option<Synthesize> {
    let run = convoy.content.run.as_deref()?.clone();
    Some(Synthesize {
        convoy: convoy.content.id.clone(),
        round,
        interim: convoy.open_count > 0,
        repository: repository.to_owned(),
        lanes: view::steps(state, convoy).filter_map(|issue| lane(state, issue)).collect(),
        issues: abouts(state, &run),
        run,
    })
}

fn abouts(state: &State, run: &Run) -> Vec<About> {
    let issues = run.issues.iter().filter_map(|id| state.issues.get(id));
    issues
        .map(|issue| About {
            id: issue.content.id.clone(),
            title: issue.content.title.clone(),
            body: issue.content.body.clone(),
            labels: issue.content.labels.iter().cloned().collect(),
            priority: issue.content.priority,
            issue_type: issue.content.issue_type.name().to_owned(),
        })
        .collect()
}

fn lane(state: &State, issue: &Issue) -> Option<Lane> {
    let step = issue.content.step.as_deref()?;
    let failed = match &issue.status {
        Status::Closed(closed) if closed.reason == CloseReason::Completed => None,
        Status::Closed(closed) => Some(closed.note.clone().unwrap_or_default()),
        Status::Open | Status::InProgress { .. } | Status::Submitted { .. } | Status::NeedsHuman { .. } => {
            Some("it has not ended".to_owned())
        }
    };
    Some(Lane {
        role: step.role.clone(),
        output: step.output,
        product: view::product(state, issue).cloned(),
        failed,
        about: step.about.clone(),
        needs: issue
            .blockers()
            .filter_map(|id| Some(state.issues.get(id)?.content.step.as_ref()?.role.clone()))
            .collect(),
    })
}
