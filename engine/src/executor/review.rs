//! The template by which a change is reviewed: a submitted branch before it lands, or a checkpoint of a live session.
//!
//! Nothing is started here. What is to be started goes to the core, which makes a convoy of it; so reviewers are retried,
//! paid for and ended like everybody else. A branch is reviewed as it is, against where it left its base branch: a base
//! that moves meanwhile calls for no other review.

use convoy_core::command::{Observed, Request};
use convoy_core::id::{CheckpointId, IssueId, RoleName, WorkerId};
use convoy_core::template::{NewStep, OutputKind, Runner, Step};
use convoy_core::time::Span;
use convoy_core::worker::Member;

use super::job::Place;
use super::prepare::base_branch;
use crate::config::Reviews;
use crate::explain;
use crate::git::{Oid, Repo};
use crate::templates::{self, Library, Resolved, Start};
use crate::world::World;

/// How much of an issue's title is in the name of its review, in characters.
const TITLE_CHARS: usize = 80;
/// What the agent files of roles are called that stand in the configuration, before the role.
const PREFIX: &str = "code-review-";
/// Who looks at checkpoints when no roles are named.
const USUAL: [&str; 3] = ["security", "architecture", "quality"];
/// How long one of the roles may take, if nothing is said.
const TIMEOUT: Span = Span::from_secs(20 * 60);

/// A change that reviewers are to look at.
pub(super) struct Review {
    pub(super) of: Reviewed,
    pub(super) worker: WorkerId,
    pub(super) issue: IssueId,
    pub(super) title: String,
    pub(super) place: Place,
    /// It ends here.
    pub(super) commit: String,
}

/// What is reviewed.
pub(super) enum Reviewed {
    /// A submitted branch, against where it left its base branch.
    Branch(Member),
    /// A checkpoint, against what its session began from.
    Checkpoint { id: CheckpointId, number: u64, base: String },
}

/// What is to be started, or why nothing can be.
type Started = Result<Option<Box<Request>>, String>;

/// What is seen of it.
pub(super) fn resolved(job: &Review, start: Started) -> Observed {
    match &job.of {
        Reviewed::Branch(member) => Observed::ReviewResolved { member: member.clone(), start },
        Reviewed::Checkpoint { id, .. } => {
            Observed::CheckpointReviewResolved { checkpoint: id.clone(), start }
        }
    }
}

/// Looks it up; nothing is to be started if the change is none.
pub(super) fn resolve(world: &World, job: &Review) -> Started {
    let reviews = world.settings().config.reviews().map_err(|failure| failure.message)?;
    let base = base(world, job)?;
    if let Some(Base { unchanged: true, .. }) = &base {
        return Ok(None);
    }
    let start = Start {
        template: reviews.template.to_string(),
        rig: Some(job.place.rig.clone()),
        commit: Some(job.commit.clone()),
        // A branch that begins at nothing is looked at as a whole.
        files: if base.is_none() { vec!["**".to_owned()] } else { Vec::new() },
        base: base.map(|base| base.commit.to_string()),
        issues: vec![job.issue.clone()],
        agent: reviews.agent.clone(),
        timeout: reviews.timeout,
        name: Some(name(job)),
        reviews: Some(job.worker.clone()),
        ..Start::default()
    };
    let said = |failure: convoy_api::Failure| failure.message;
    let mut resolved = templates::resolve(&world.workspace, &world.env, &start).map_err(said)?;
    if let Some(roles) = roles(&job.of, &reviews)? {
        resolved.steps = steps(world, &reviews, &roles)?;
        resolved.max_parallel = None;
        // Each has a limit of its own, and may be tried again.
        resolved.run.timeout = None;
    }
    models(&mut resolved, &reviews);
    Ok(Some(Box::new(resolved.request(None, Vec::new(), None, None))))
}

/// Where a branch left its base branch.
struct Base {
    commit: Oid,
    /// It has the same files.
    unchanged: bool,
}

fn base(world: &World, job: &Review) -> Result<Option<Base>, String> {
    let look = || -> Result<Option<Base>, crate::git::Error> {
        let repo = Repo::open_at(&world.git, &job.place.repository)?;
        let tip = Oid::new(&job.commit)?;
        let commit = match &job.of {
            Reviewed::Checkpoint { base, .. } => Some(Oid::new(base)?),
            Reviewed::Branch(_) => match repo.resolve(&base_branch(&repo, &job.place)?)? {
                Some(base) => repo.merge_base(&base, &tip)?,
                None => None,
            },
        };
        let Some(commit) = commit else { return Ok(None) };
        let unchanged = repo.tree_of(&commit)? == repo.tree_of(&tip)?;
        Ok(Some(Base { commit, unchanged }))
    };
    world.git_permits.with(look).map_err(|error| explain(&error))
}

fn name(job: &Review) -> String {
    let title: String =
        job.title.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TITLE_CHARS).collect();
    let (issue, title) = (&job.issue, title.trim());
    match &job.of {
        Reviewed::Branch(_) => format!("Review of {issue}: {title}"),
        Reviewed::Checkpoint { number, .. } => format!("Review of {issue} at checkpoint {number}: {title}"),
    }
}

/// The roles that look at it instead of those of the template. At checkpoints nobody sums up.
fn roles(of: &Reviewed, reviews: &Reviews) -> Result<Option<Vec<RoleName>>, String> {
    match (&reviews.roles, of) {
        (Some(roles), _) => Ok(Some(roles.clone())),
        (None, Reviewed::Branch(_)) => Ok(None),
        (None, Reviewed::Checkpoint { .. }) => {
            let usual: Result<_, _> = USUAL.into_iter().map(RoleName::new).collect();
            usual.map(Some).map_err(|error| explain(&error))
        }
    }
}

/// The roles that the configuration names, side by side. Code alone makes their report.
fn steps(world: &World, reviews: &Reviews, roles: &[RoleName]) -> Result<Vec<NewStep>, String> {
    let library = Library::open(Some(&world.workspace), &world.env);
    let step = |role: &RoleName| {
        let file = library.agent_file(&format!("{PREFIX}{role}")).map_err(|error| explain(&error))?;
        if !matches!(file.output, OutputKind::Findings | OutputKind::Sarif) {
            return Err(format!("review.roles: {role:?} gives no findings", role = role.as_str()));
        }
        let runner = match &file.command {
            Some(words) => Runner::Program {
                command: words.iter().map(|word| word.value.clone()).collect(),
                success: file.success.clone(),
            },
            None => Runner::Agent {
                agent: reviews.agent.clone(),
                model: file.model.clone(),
                tools: file.tools.clone(),
                permission_mode: file.permission_mode.clone(),
            },
        };
        let description = file.description.lines().next().unwrap_or_default();
        Ok(NewStep {
            title: format!("{role}: {}", description.chars().take(TITLE_CHARS).collect::<String>()),
            prompt: file.body.clone(),
            needs: Vec::new(),
            step: Step {
                role: role.clone(),
                subagent: file.name.clone(),
                runner,
                output: file.output,
                timeout: reviews.timeout.or(file.timeout).or(Some(TIMEOUT)),
                max_attempts: None,
                params: Default::default(),
                about: None,
            },
        })
    };
    roles.iter().map(step).collect()
}

/// The models that the configuration has for roles.
fn models(resolved: &mut Resolved, reviews: &Reviews) {
    for step in &mut resolved.steps {
        if let (Some(wanted), Runner::Agent { model, .. }) =
            (reviews.models.get(&step.step.role), &mut step.step.runner)
        {
            *model = Some(wanted.clone());
        }
    }
}
