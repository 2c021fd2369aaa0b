//! What a role's session came to: whether it ended well and left its checkout alone, and what it gave.

use std::path::Path;

use convoy_core::command::Observed;
use convoy_core::report::{Exit, ExitKind};
use convoy_core::session::Findings;
use convoy_core::template::{Product, Runner, Step};

use super::super::job::Inspect;
use super::super::role::{self, Role};
use super::publish::{self, Verdict};
use super::yields::{self, Left, Nothing, Yield};
use crate::agent::Output;
use crate::crash;
use crate::explain;
use crate::git::workdir::{self, Workdir};
use crate::git::{self, Key, Oid, Repo};
use crate::supervisor::files::SessionDir;
use crate::text;
use crate::world::{World, note};

/// How many changed files are named.
const NAMED_MAX: usize = 5;

/// Looks, and publishes what there is.
pub(in crate::executor) fn inspect(world: &World, job: &Inspect, role: &Role) -> Observed {
    let findings = match look(world, job, role) {
        Ok(Verdict::Output(product)) => Findings::Output { product },
        Ok(Verdict::NoOutput { why, repairable }) => Findings::NoOutput { why, repairable },
        Err(why) => {
            note(&format!("session {}: {why}", job.session));
            Findings::Unsaved { why }
        }
    };
    Observed::Found { session: job.session.clone(), epoch: job.epoch, findings }
}

fn look(world: &World, job: &Inspect, role: &Role) -> Result<Verdict, String> {
    let dir = SessionDir::new(world.workspace.sessions_dir().join(job.session.as_str()));
    let folder = role::folder(world, &role.run, &role.convoy);
    let io = |error: std::io::Error| format!("its report cannot be kept: {error}");
    if let Some(verdict) = publish::verdict(dir.path()).map_err(io)? {
        publish::publish(&folder, &job.session, &verdict).map_err(io)?;
        return Ok(verdict);
    }
    let (verdict, files) = match judge(world, job, role, &dir, &folder)? {
        Ok(Yield { files, findings }) => {
            let names = files.iter().map(|file| file.name.clone()).collect();
            (Verdict::Output(Product { files: names, findings }), files)
        }
        Err(Nothing { why, repairable }) => (Verdict::NoOutput { why, repairable }, Vec::new()),
    };
    publish::keep(dir.path(), &folder, &job.session, &verdict, &files).map_err(io)?;
    publish::publish(&folder, &job.session, &verdict).map_err(io)?;
    Ok(verdict)
}

/// What it gave, or why that is nothing. The error is one that has nothing to do with it.
fn judge(
    world: &World,
    job: &Inspect,
    role: &Role,
    dir: &SessionDir,
    folder: &Path,
) -> Result<Result<Yield, Nothing>, String> {
    let exit = dir.exit().map_err(|error| explain(&error))?;
    if let Err(how) = ended_well(&role.step, exit.as_ref()) {
        return Ok(Err(Nothing::from(how)));
    }
    let checkout = Path::new(&job.workdir.path);
    if !checkout.is_dir() {
        return Ok(Err(Nothing::from(format!("its checkout is gone: {}", checkout.display()))));
    }
    let changed = world.git_permits.with(|| -> git::Result<Vec<std::path::PathBuf>> {
        let repo = Repo::open_at(&world.git, &job.place.repository)?;
        let key = Key::new(job.session.as_str())?;
        git::changed(
            &repo,
            &world.workdirs,
            &Workdir::at(&world.workdirs, key, None, Oid::new(&job.workdir.base)?),
        )
    });
    match changed {
        Ok(files) if files.is_empty() => {}
        Ok(files) => {
            let named: Vec<String> = files
                .iter()
                .take(NAMED_MAX)
                .map(|file| text::line(&file.to_string_lossy()).into_owned())
                .collect();
            let more = files.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let why = format!("it changed files of its checkout: {}{more}", named.join(", "));
            return Ok(Err(Nothing::from(why)));
        }
        Err(error) if error.is_workdir_gone() => return Ok(Err(Nothing::from(explain(&error)))),
        Err(error) => return Err(explain(&error)),
    }
    let staging = publish::staging(folder, &job.session);
    Ok(yields::read(&Left {
        step: &role.step,
        report: role.run.report,
        staging: &staging,
        session: dir,
        translator: dir.spec().map_or(Output::Plain, |spec| spec.translator),
        workdir: checkout,
    }))
}

/// The core judges by the same; but what is not going to count is not published either.
fn ended_well(step: &Step, exit: Option<&Exit>) -> Result<(), String> {
    let Some(exit) = exit else { return Err("it ended without saying how".to_owned()) };
    match exit.kind {
        ExitKind::Exited => {}
        ExitKind::StartFailed | ExitKind::HookFailed => return Err("it was not started".to_owned()),
        ExitKind::Stopped(_) => return Err("it was stopped before it had ended".to_owned()),
    }
    let fine = match (&step.runner, exit.code) {
        (Runner::Program { success, .. }, Some(code)) => success.contains(&code),
        (Runner::Agent { .. } | Runner::Nobody, Some(code)) => code == 0,
        (_, None) => false,
    };
    let says_so = exit.result.as_ref().is_none_or(|result| result.ok);
    if fine && says_so { Ok(()) } else { Err("it failed; what it wrote is not published".to_owned()) }
}

/// Removes what nobody needs any more: its checkout, and what it needed meanwhile. What it wrote and was not published
/// stays for people.
pub(in crate::executor) fn leave(world: &World, job: &Inspect, role: &Role, seen: &Observed) {
    let published = match seen {
        Observed::Found { findings: Findings::Unsaved { .. }, .. } => return,
        Observed::Found { findings: Findings::Output { product }, .. } => Some(product),
        _ => None,
    };
    publish::tidy(&role::folder(world, &role.run, &role.convoy), &job.session, published);
    let removed = world.git_permits.with(|| -> git::Result<()> {
        let repo = Repo::open_at(&world.git, &job.place.repository)?;
        workdir::remove_closed(
            &repo,
            &world.workdirs,
            Key::new(job.session.as_str())?,
            Oid::new(&job.workdir.base)?,
        )
    });
    if let Err(error) = removed {
        // Housekeeping looks for it again.
        note(&format!("session {}: its checkout is still there: {}", job.session, explain(&error)));
    }
    crash::point("publish:left");
}
