//! Looking at what a dead session left, and saving it in the repository.

use convoy_core::command::Observed;
use convoy_core::issue::DiffStat;
use convoy_core::session::Findings;

use super::job::Inspect;
use super::prepare::identity;
use super::step;
use crate::config::When;
use crate::explain;
use crate::git::workdir::Workdir;
use crate::git::{self, Branch, Error, Evidence, Key, Leftovers, Message, Oid, Repo};
use crate::hooks::{self, Host, Of};
use crate::workspace;
use crate::world::{World, note};

/// How often it is tried when git fails for reasons of its own.
const TRIES_MAX: u32 = 3;

pub(super) fn run(world: &World, job: &Inspect) -> Observed {
    let seen = match &job.role {
        Some(role) => step::inspect(world, job, role),
        None => look(world, job),
    };
    // After its work is saved: what the hook changes in the workdir is not the agent's.
    let workdir = std::path::Path::new(&job.workdir.path);
    if workdir.is_dir() {
        let of = Of {
            session: &job.session,
            epoch: job.epoch,
            worker: &job.worker,
            issue: &job.issue,
            convoy: job.convoy.as_ref(),
            workdir,
        };
        hooks::run_noted(&Host::of(world, &world.settings()), When::AfterRun, &of);
    }
    if let Some(role) = &job.role {
        step::leave(world, job, role, &seen);
    }
    seen
}

fn look(world: &World, job: &Inspect) -> Observed {
    let (session, epoch) = (job.session.clone(), job.epoch);
    let mut why = String::new();
    for _ in 0..TRIES_MAX {
        match world.git_permits.with(|| collect(world, job)) {
            Ok((evidence, unfit)) => {
                let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
                let diff = DiffStat {
                    commits: count(evidence.commits),
                    files: count(evidence.stat.files),
                    insertions: count(evidence.stat.insertions),
                    deletions: count(evidence.stat.deletions),
                };
                let leftovers = evidence.leftovers == Leftovers::Committed;
                let findings = match evidence.kept_at {
                    Some(kept_at) if !evidence.descends => {
                        let branch = kept_at.strip_prefix("refs/heads/").map(str::to_owned);
                        Findings::Rewritten { kept_at: branch.unwrap_or(kept_at) }
                    }
                    _ => Findings::Work { tip: evidence.tip.to_string(), diff, leftovers, unfit },
                };
                return Observed::Found { session, epoch, findings };
            }
            Err(error) => {
                why = explain(&error);
                if error.is_workdir_gone() {
                    return Observed::Found { session, epoch, findings: Findings::Gone { why } };
                }
                note(&format!("session {session}: {why}"));
            }
        }
    }
    Observed::Found { session, epoch, findings: Findings::Unsaved { why } }
}

/// The work, saved, and why it must not land if it must not.
fn collect(world: &World, job: &Inspect) -> Result<(Evidence, Option<String>), Error> {
    let repo = Repo::open_at(&world.git, &job.place.repository)?;
    let mut workdir = Workdir::at(
        &world.workdirs,
        Key::new(job.session.as_str())?,
        Some(Branch::new(job.workdir.branch.clone())?),
        Oid::new(&job.workdir.base)?,
    );
    workdir.onto = job.workdir.onto.clone().map(|onto| Oid::new(&onto)).transpose()?;
    let who = identity(job.worker.as_str(), job.session.as_str())?;
    let message = Message::new(&format!("{}: {}", job.issue, job.title))
        .trailer("Convoy-Session", job.session.as_str())?
        .trailer("Convoy-Leftovers", "yes")?;
    let evidence = git::collect(&repo, &world.workdirs, &workdir, &who, &message)?;
    let unfit = unfit(&repo, &evidence)?;
    Ok((evidence, unfit))
}

/// A branch may not bring what no later attempt could begin from, nor what decides which programs Convoy runs.
fn unfit(repo: &Repo, evidence: &Evidence) -> Result<Option<String>, Error> {
    if evidence.commits == 0 {
        return Ok(None);
    }
    match repo.refuse_unsupported(&evidence.tip) {
        Ok(()) => {}
        Err(error @ Error::Unsupported { .. }) => {
            return Ok(Some(format!("its branch cannot land: {error}")));
        }
        Err(error) => return Err(error),
    }
    let changed = repo.changed_below(&evidence.base, &evidence.tip, workspace::DIR)?;
    Ok((!changed.is_empty()).then(|| {
        let files = changed.join(", ");
        format!("its branch changes {files}, which decides what Convoy runs; only a person may do that")
    }))
}
