//! Making the workdir of a session.

use convoy_core::command::Observed;
use convoy_core::id::SessionId;
use convoy_core::issue::Status;
use convoy_core::session::Workdir;
use convoy_core::state::State;
use convoy_core::worker::Worker;

use super::job::{Place, Predecessor, Prepare};
use super::step;
use super::sweep::save;
use crate::config::When;
use crate::explain;
use crate::git::workdir::{self, Base, Request};
use crate::git::{
    self, Advance, Branch, Error, Identity, Kept, Key, Leftover, Merge, Message, Oid, Repo, Salvage,
};
use crate::hooks::{self, Host, Of};
use crate::world::{World, note};

/// What went wrong, and whether trying again could help.
struct Problem {
    error: String,
    permanent: bool,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let permanent = matches!(
            error,
            Error::Unsupported { .. }
                | Error::NotARepository { .. }
                | Error::BadName { .. }
                | Error::Included { .. }
        );
        Self { error: explain(&error), permanent }
    }
}

pub(super) fn run(world: &World, job: &Prepare) -> Observed {
    let (session, epoch) = (job.session.clone(), job.epoch);
    let made = world.git_permits.with(|| prepare(world, job)).and_then(|workdir| {
        let of = Of {
            session: &job.session,
            epoch: job.epoch,
            worker: &job.worker,
            issue: &job.issue,
            convoy: job.convoy.as_ref(),
            workdir: std::path::Path::new(&workdir.path),
        };
        // Whoever does this again makes the workdir again, so the hook always finds a new one.
        hooks::run(&Host::of(world, &world.settings()), When::AfterCreate, &of)
            .map_err(|error| Problem { error, permanent: false })?;
        if job.role.is_some() {
            step::close(world, &job.session, &workdir)?;
        }
        Ok(workdir)
    });
    match made {
        Ok(workdir) => Observed::Prepared { session, epoch, workdir },
        Err(Problem { error, permanent }) => Observed::PrepareFailed { session, epoch, error, permanent },
    }
}

fn prepare(world: &World, job: &Prepare) -> Result<Workdir, Problem> {
    if let Some(role) = &job.role {
        return Ok(step::prepare(world, job, role)?);
    }
    let repo = Repo::open_at(&world.git, &job.place.repository)?;
    keep_forgotten(world, &repo, &job.session)?;
    let base_branch = base_branch(&repo, &job.place)?;
    let mut base = match repo.resolve(&base_branch)? {
        Some(oid) => Base::Commit(oid),
        // A repository without a commit has no branch yet; any other lacks the one that was asked for.
        None if job.place.base_branch.is_some() && repo.resolve(&repo.default_branch()?)?.is_some() => {
            let error = format!("there is no branch {:?} in the repository", base_branch.as_str());
            return Err(Problem { error, permanent: true });
        }
        None => Base::Unborn,
    };
    if let Base::Commit(oid) = &base {
        repo.refuse_unsupported(oid)?;
    }
    let (mut continue_from, mut onto) = (None, None);
    if let Some((tip, from)) = &job.resume {
        let tip = Oid::new(tip)?;
        if let Base::Commit(landed) = &base
            && !repo.is_ancestor(&tip, landed)?
        {
            onto = Some(landed.clone());
            let shared = repo.merge_base(&tip, landed)?;
            let from = from.as_deref().map(Oid::new).transpose()?;
            base = match (from, shared) {
                // It has merged the base branch since.
                (Some(from), Some(shared)) if repo.is_ancestor(&from, &shared)? => Base::Commit(shared),
                (Some(from), _) if repo.is_ancestor(&from, &tip)? => Base::Commit(from),
                // What it began from is not known, or is not where this tip began.
                (_, shared) => shared.map_or(base, Base::Commit),
            };
            onto = onto.filter(|onto| base != Base::Commit(onto.clone()));
            continue_from = Some(tip);
        }
    } else if let Some(joined) = join(&repo, job, &base)? {
        base = Base::Commit(joined);
    }
    let branch = branch_name(job);
    let request = Request {
        key: Key::new(job.session.as_str())?,
        base,
        base_branch: Some(base_branch),
        branch: Some(Branch::new(branch.clone())?),
        onto: onto.clone(),
        continue_from,
        wip: None,
        identity: identity(job.worker.as_str(), job.session.as_str())?,
    };
    let made = workdir::create(&repo, &world.workdirs, &request)?;
    git::include(&repo, &made)?;
    let path = made.path.to_str().ok_or_else(|| Problem {
        error: format!("the folder for workdirs is not UTF-8: {}", made.path.display()),
        permanent: true,
    })?;
    let onto = onto.map(|onto| onto.to_string());
    Ok(Workdir { path: path.to_owned(), branch, base: made.base.to_string(), onto })
}

/// A workdir that is there already is made again. Mostly nobody was ever in it; but where the log's tail was lost, and
/// the repository was away when the engine looked, an agent's work may still be in it.
fn keep_forgotten(world: &World, repo: &Repo, session: &SessionId) -> Result<(), Problem> {
    let key = Key::new(session.as_str())?;
    if !world.workdirs.workdir(&key).is_dir() {
        return Ok(());
    }
    let base = git::list(repo, &world.workdirs)?.into_iter().find_map(|left| match left {
        Leftover::Reference { key: of, kept: Kept::Base, commit } if of == key => Some(commit),
        _ => None,
    });
    let Some(base) = base else { return Ok(()) };
    if let Salvage::Saved { reference, .. } = save(world, repo, key, base, session)? {
        note(&format!("session {session}: what was in its workdir before is kept in {reference}"));
    }
    Ok(())
}

/// `convoy/<convoy>/<issue>-<session>`: never used twice.
fn branch_name(job: &Prepare) -> String {
    let convoy = job.convoy.as_ref().map_or("none", convoy_core::id::ConvoyId::as_str);
    let unique = job.session.as_str().trim_start_matches("s-");
    format!("convoy/{convoy}/{}-{unique}", job.issue)
}

/// The branch that the work lands in.
pub(super) fn base_branch(repo: &Repo, place: &Place) -> git::Result<Branch> {
    match &place.base_branch {
        Some(name) => Branch::new(name.clone()),
        None => repo.default_branch(),
    }
}

/// Who a worker commits as. The address differs for each attempt, so that equal edits in the same second do not
/// share a commit id.
pub(super) fn identity(worker: &str, session: &str) -> git::Result<Identity> {
    Identity::new(format!("Convoy worker {worker}"), format!("{session}@convoy.invalid"))
}

/// The commit that has everything which the issue depends on, where that was left on branches (`local`) or was
/// merged on the forge and not pulled yet (`pr`).
fn join(repo: &Repo, job: &Prepare, base: &Base) -> Result<Option<Oid>, Problem> {
    let Base::Commit(base) = base else { return Ok(None) };
    let mut missing = Vec::new();
    for Predecessor { tip, landed } in &job.predecessors {
        let (tip, landed) = (Oid::new(tip)?, landed.as_deref().map(Oid::new).transpose()?);
        let has_landed = match landed {
            Some(landed) => repo.has(&landed)? && repo.is_ancestor(&landed, base)?,
            None => false,
        };
        if !has_landed && !repo.is_ancestor(&tip, base)? {
            missing.push(tip);
        }
    }
    let Some(first) = missing.first().cloned() else { return Ok(None) };
    if missing.len() == 1 {
        return Ok(Some(first));
    }
    let branch = Branch::new(format!("convoy/join/{}", job.session))?;
    let mut at = first;
    match git::advance(repo, &branch, None, &at)? {
        Advance::Advanced | Advance::AlreadyMerged => {}
        Advance::Moved { now: Some(now) } => at = now,
        Advance::Moved { now: None } | Advance::Blocked { .. } => {
            return Err(Problem { error: "the join of its predecessors is locked".into(), permanent: false });
        }
    }
    let who = identity(job.worker.as_str(), job.session.as_str())?;
    for tip in &missing[1..] {
        let message = Message::new(&format!("Join what {} depends on", job.issue));
        match git::prepare(repo, &branch, tip, &who, &message)? {
            Merge::AlreadyMerged { .. } => {}
            Merge::Prepared { commit, .. } => {
                let _ = git::advance(repo, &branch, Some(&at), &commit)?;
                at = commit;
            }
            Merge::Conflict { files, .. } => {
                let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
                let error = format!("the branches that it depends on conflict in {}", files.join(", "));
                return Err(Problem { error, permanent: true });
            }
        }
    }
    Ok(Some(at))
}

/// The base of the attempt that left the tip which the next one goes on from.
pub(super) fn base_of(state: &State, worker: &Worker) -> Option<String> {
    let session = worker.lessons.iter().rev().find(|lesson| lesson.branch.is_some())?;
    Some(state.sessions.get(&session.session)?.workdir()?.base.clone())
}

/// Closed issues that the worker's issue depends on and whose work was left on its branch, or was merged on the forge.
pub(super) fn predecessors(state: &State, worker: &Worker) -> Vec<Predecessor> {
    let Some(issue) = state.issues.get(&worker.content.issue) else { return Vec::new() };
    issue
        .blockers()
        .filter_map(|id| match &state.issues.get(id)?.status {
            Status::Closed(closed) => closed.evidence.as_ref(),
            _ => None,
        })
        .filter(|evidence| evidence.merge_commit.is_none() || evidence.request.is_some())
        .filter_map(|evidence| {
            Some(Predecessor { tip: evidence.commit.clone()?, landed: evidence.merge_commit.clone() })
        })
        .collect()
}
