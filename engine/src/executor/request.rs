//! Strategy `pr`: asking for a merge on the forge, and waiting until somebody there has decided.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::issue::GateResult;
use convoy_core::worker::{MergeOutcome, MergeRequest};

use super::job::{FollowRequest, Merge as Job};
use super::merge::Error;
use super::prepare::base_branch;
use crate::crash;
use crate::explain;
use crate::forge::{Forge, Standing};
use crate::git::{self, Branch, Oid, Repo};
use crate::world::{World, note};

/// Pushes the branch and asks for its merge. One that was asked for before a crash is found again by its branch.
pub(super) fn make(
    world: &World,
    job: &Job,
    repo: &Repo,
    tip: &Oid,
    gates: Vec<GateResult>,
) -> Result<MergeRequest, Error> {
    let settings = world.settings();
    let remote = settings.config.remote().map_err(|failure| Error::Config(failure.message))?;
    let branch = Branch::new(job.branch.clone())?;
    git::push(repo, &world.env, remote, tip, &branch)?;
    crash::point("request:pushed");
    let forge = Forge::new(&world.env, folder(repo))?;
    let pull = match forge.of_branch(branch.as_str())? {
        Some(pull) => pull,
        None => {
            let base = base_branch(repo, &job.place)?;
            forge.create(branch.as_str(), base.as_str(), &title(job), &body(job))?;
            crash::point("request:made");
            let made = forge.of_branch(branch.as_str())?;
            made.ok_or_else(|| Error::Config("gh made a request and does not list it".to_owned()))?
        }
    };
    Ok(MergeRequest { number: pull.number, url: pull.url, gates })
}

/// Looks at a request now and then, until it is merged or closed. Nothing once nobody wants to know any more.
pub(super) fn follow(world: &World, effect: &Effect, job: &FollowRequest) -> Option<Observed> {
    let span = world.settings().config.span("merge.request_interval").unwrap_or_default();
    let interval = Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or_default());
    let mut said = String::new();
    loop {
        match look(world, job) {
            Ok(Some(outcome)) => {
                let (worker, epoch, round) = (job.worker.clone(), job.epoch, job.round);
                return Some(Observed::Merge { worker, epoch, round, outcome });
            }
            Ok(None) => {}
            Err(error) => {
                // The forge is away; that says nothing about the request. Said once for each way to fail.
                let error = explain(&error);
                if error != said {
                    note(&format!("request {} of {}: {error}", job.number, job.worker));
                    said = error;
                }
            }
        }
        if !world.wanted.stays(effect, interval) {
            return None;
        }
    }
}

fn look(world: &World, job: &FollowRequest) -> Result<Option<MergeOutcome>, Error> {
    let repo = Repo::open_at(&world.git, &job.place.repository)?;
    let pull = Forge::new(&world.env, folder(&repo))?.view(job.number)?;
    Ok(match pull.state {
        Standing::Open => None,
        Standing::Merged => {
            let merge_commit = pull.merge_commit.map(|commit| commit.oid);
            Some(MergeOutcome::Landed { merge_commit, gates: Vec::new() })
        }
        Standing::Closed => Some(MergeOutcome::Declined {
            why: format!("its request was closed without a merge: {}", pull.url),
        }),
    })
}

/// Where `gh` finds out which repository on the forge is meant.
fn folder(repo: &Repo) -> &Path {
    repo.work_tree.as_deref().unwrap_or(&repo.common_dir)
}

fn title(job: &Job) -> String {
    format!("{} ({})", job.title, job.issue)
}

fn body(job: &Job) -> String {
    let mut text = String::new();
    if !job.body.trim().is_empty() {
        let _ = writeln!(text, "{}\n", job.body.trim_end());
    }
    let _ = writeln!(text, "Convoy-Issue: {}", job.issue);
    if let Some(convoy) = &job.convoy {
        let _ = writeln!(text, "Convoy-Convoy: {convoy}");
    }
    let _ = writeln!(text, "Convoy-Session: {}", job.session);
    text
}
