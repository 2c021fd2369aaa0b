//! Running the reviewers of a change.
//!
//! All begin at once, each under a supervisor of its own, in one workdir at the commit that nobody may write in; then
//! each is waited for. Their folders are with those of the gates: what an engine that died was running is ended by the
//! next one, and the review is done again. Nothing of a review is in the log before it is whole.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use convoy_core::effect::Effect;
use convoy_core::id::{Epoch, IssueId, RoleName, SessionId, WorkerId};
use convoy_core::report::{Exit, ExitKind, StopWhy};
use convoy_core::review::{Finding, Lane, LaneEnd, Raised, Review};
use convoy_core::time::Span;

use super::prompt::{Change, prompt};
use crate::agent::Preset;
use crate::config::Reviewers;
use crate::explain;
use crate::findings::{Text, ground, parse};
use crate::git::workdir::{self, Base, Request, Workdir};
use crate::git::{self, Identity, Key, Oid, Repo};
use crate::os::spawn::Environment;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::supervisor::files::SessionDir;
use crate::supervisor::launch::{Launched, Probe, launch, probe, reap_leftovers};
use crate::supervisor::spec::{Limits, Spec, VERSION};
use crate::tasks::{self, Kind};
use crate::world::{World, note};

/// How much of a reviewer's output is kept.
const OUTPUT_BYTES: u64 = 16 * 1024 * 1024;
/// How much of the end of it is read for findings.
const READ_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The file that a reviewer may write its findings to, in a folder of its own.
const FILE: &str = "findings.json";

/// Why a review could not be made at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Git.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// The configuration.
    #[error("{0}")]
    Config(String),
}

/// The change that is reviewed.
pub(crate) struct Subject<'a> {
    pub(crate) worker: &'a WorkerId,
    pub(crate) issue: &'a IssueId,
    pub(crate) epoch: Epoch,
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
    /// Where the change begins; none if at nothing.
    pub(crate) base: Option<&'a Oid>,
    /// The commit that has it.
    pub(crate) commit: &'a Oid,
    /// The tip of the branch that it is.
    pub(crate) tip: &'a Oid,
}

/// Has a change reviewed. Nothing if nobody wants to know any more.
///
/// # Errors
/// When there could be no review. A reviewer that fails is part of the review.
pub(crate) fn review(
    world: &Arc<World>,
    effect: &Effect,
    repo: &Repo,
    reviews: &Reviewers,
    subject: &Subject<'_>,
) -> Result<Option<Review>, Error> {
    let key =
        format!("{}r{}-{:08x}", crate::executor::GATE_PREFIX, subject.epoch.0, crate::entropy::seed() as u32);
    let request = Request {
        key: Key::new(key)?,
        base: Base::Commit(subject.commit.clone()),
        base_branch: None,
        branch: None,
        onto: None,
        continue_from: None,
        wip: None,
        identity: Identity::new("Convoy", "convoy@convoy.invalid")?,
    };
    let (files, diff, workdir) = world.git_permits.with(|| -> git::Result<_> {
        let files = repo.changed_files(subject.base, subject.commit)?;
        let diff = repo.diff(subject.base, subject.commit)?;
        Ok((files, diff, workdir::create(repo, &world.workdirs, &request)?))
    })?;
    let change = Change {
        title: subject.title,
        body: subject.body,
        base: subject.base.map(Oid::as_str),
        commit: subject.commit.as_str(),
        files: &files,
        diff: diff.as_deref(),
    };
    let made = in_workdir(world, effect, reviews, subject, &change, &workdir);
    close(&workdir.path, true);
    if let Err(error) = workdir::remove(repo, &world.workdirs, &workdir) {
        note(&format!("review {}: {}", workdir.key.as_str(), explain(&error)));
    }
    let Some(raw) = made? else { return Ok(None) };
    let mut review = Review {
        tip: subject.tip.to_string(),
        commit: subject.commit.to_string(),
        convoy: None,
        others: 0,
        lanes: Vec::new(),
        findings: Vec::new(),
    };
    for (lane, findings) in raw {
        for mut finding in findings {
            let text = match ground::path(&finding) {
                Some(path) => repo.text_at(subject.commit, path)?,
                None => None,
            };
            let grounded = text.is_some_and(|text| Text::new(text).ground(&mut finding));
            review.findings.push(Raised { role: lane.role.clone(), grounded, finding });
        }
        review.lanes.push(lane);
    }
    Ok(Some(review.ordered()))
}

/// Takes the right to write in the workdir from everybody, or gives its owner back what it needs to be removed.
fn close(folder: &Path, open: bool) {
    let Ok(facts) = fs::symlink_metadata(folder) else { return };
    if facts.is_symlink() {
        return;
    }
    let mode = facts.permissions().mode();
    let mode = if open { mode | 0o700 } else { mode & !0o222 };
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(mode));
    if facts.is_dir() && !open {
        fs::read_dir(folder).into_iter().flatten().flatten().for_each(|entry| close(&entry.path(), false));
    }
}

/// A reviewer that was begun.
struct Running {
    role: RoleName,
    model: Option<String>,
    session: SessionId,
    dir: SessionDir,
    launched: Launched,
}

type Ended = (Lane, Vec<Finding>);

fn in_workdir(
    world: &Arc<World>,
    effect: &Effect,
    reviews: &Reviewers,
    subject: &Subject<'_>,
    change: &Change<'_>,
    workdir: &Workdir,
) -> Result<Option<Vec<Ended>>, Error> {
    close(&workdir.path, false);
    let settings = world.settings();
    let preset = settings
        .presets
        .get(reviews.agent.as_str())
        .map_err(|error| Error::Config(format!("review.agent: {}", explain(&error))))?;
    let mut begun = Vec::new();
    for role in &reviews.roles {
        let model = reviews.models.get(role).cloned();
        let running =
            begin(world, &settings, preset, reviews, subject, change, workdir, (role, model.clone()));
        begun.push(running.map_err(|why| lane(reviews, role, model, LaneEnd::Failed { why })));
    }
    let dirs: Vec<(SessionDir, Epoch)> =
        begun.iter().flatten().map(|running| (running.dir.clone(), subject.epoch)).collect();
    end_when_unwanted(world, effect, dirs, reviews.timeout);
    let mut ended = Vec::new();
    for one in begun {
        match one {
            Ok(running) => ended.push(wait(running, reviews, workdir)),
            Err(lane) => ended.push((lane, Vec::new())),
        }
    }
    Ok(world.wanted.has(effect).then_some(ended))
}

/// Stops the reviewers when nobody wants their word any more: they cost money.
fn end_when_unwanted(world: &Arc<World>, effect: &Effect, dirs: Vec<(SessionDir, Epoch)>, timeout: Span) {
    let (world, effect) = (Arc::clone(world), effect.clone());
    let span = Duration::from_millis(u64::try_from(timeout.as_millis()).unwrap_or_default());
    let started = tasks::start(Kind::Watch, move || {
        if world.wanted.stays(&effect, span) {
            return;
        }
        for (dir, epoch) in dirs {
            if let Ok(Probe::Live(mut client)) = probe(&dir) {
                let _ = client.stop(epoch);
            }
        }
    });
    if let Err(error) = started {
        note(&format!("reviewers run to their end in any case: {error}"));
    }
}

fn lane(reviews: &Reviewers, role: &RoleName, model: Option<String>, end: LaneEnd) -> Lane {
    Lane {
        role: role.clone(),
        agent: reviews.agent.clone(),
        model,
        end,
        duration: Span::default(),
        cost: None,
        tokens: None,
    }
}

#[expect(clippy::too_many_arguments, reason = "all of it makes one specification, in one place")]
fn begin(
    world: &World,
    settings: &Settings,
    preset: &Preset,
    reviews: &Reviewers,
    subject: &Subject<'_>,
    change: &Change<'_>,
    workdir: &Workdir,
    (role, model): (&RoleName, Option<String>),
) -> Result<Running, String> {
    let text = |error: &dyn std::error::Error| explain(error);
    let name = format!("review-{:08x}-{role}", crate::entropy::seed() as u32);
    let session = SessionId::new(name).map_err(|error| text(&error))?;
    let dir = SessionDir::new(world.workspace.gates_dir().join(session.as_str()));
    let argv = preset.argv(model.as_deref(), None, &dir.prompt());
    if argv.is_empty() {
        return Err(format!("agent {0} has no command; set agents.{0}.command", reviews.agent));
    }
    let silence = settings.config.span("limits.silence").map_err(|failure| failure.message)?;
    let millis = |span: Span| u64::try_from(span.as_millis()).ok().filter(|ms| *ms > 0);
    let mut env = preset.environment(&world.env);
    let mut set = |name: &str, value: &str| drop(env.insert(name.to_owned(), value.to_owned()));
    set("CONVOY_ROLE", role.as_str());
    set("CONVOY_OUTPUT_FILE", &output_file(&dir).to_string_lossy());
    set("CONVOY_OUTPUT_DIR", &output_dir(&dir).to_string_lossy());
    set("CONVOY_ISSUE", subject.issue.as_str());
    set("CONVOY_EPOCH", &subject.epoch.to_string());
    set("GIT_CEILING_DIRECTORIES", &world.workdirs.path().to_string_lossy());
    let spec = Spec {
        version: VERSION,
        session: session.clone(),
        epoch: subject.epoch,
        worker: subject.worker.clone(),
        issue: subject.issue.clone(),
        convoy: None,
        argv,
        workdir: workdir.path.clone(),
        env,
        prompt: preset.prompt,
        translator: preset.output,
        asked: crate::agent::Asked { model: model.clone(), ..crate::agent::Asked::default() },
        limits: Limits {
            wall_ms: millis(reviews.timeout),
            silence_ms: millis(silence),
            spend_micros: None,
            output_bytes: OUTPUT_BYTES,
            ..Limits::default()
        },
        stop: preset.stop.clone(),
        runtime: Runtime::Headless,
        prices: std::collections::BTreeMap::new(),
        confine: None,
        stdout_bytes: None,
    };
    dir.create(&spec, &prompt(role, change)).map_err(|error| text(&error))?;
    fs::DirBuilder::new().mode(0o700).create(output_dir(&dir)).map_err(|error| text(&error))?;
    let launched = launch(&world.program, &dir, &Environment::default()).map_err(|error| text(&error))?;
    Ok(Running { role: role.clone(), model, session, dir, launched })
}

fn output_dir(dir: &SessionDir) -> PathBuf {
    dir.path().join("out")
}

fn output_file(dir: &SessionDir) -> PathBuf {
    output_dir(dir).join(FILE)
}

/// Waits for a reviewer, and reads what it found.
fn wait(running: Running, reviews: &Reviewers, workdir: &Workdir) -> Ended {
    let Running { role, model, session, dir, launched: Launched { mut child, client } } = running;
    if let Ok(messages) = client.subscribe(0) {
        // Only its end matters; what it prints is read when all of it is there.
        messages.for_each(drop);
    }
    let _ = child.wait();
    let mut lane = lane(reviews, &role, model, LaneEnd::Done);
    let exit = match probe(&dir) {
        Ok(Probe::Ended(exit)) => Some(exit),
        Ok(Probe::Live(_) | Probe::Dead(_) | Probe::NeverStarted) | Err(_) => None,
    };
    let Some(exit) = exit else {
        let _ = reap_leftovers(&session, &workdir.path);
        lane.end = LaneEnd::Failed { why: "its supervisor vanished".to_owned() };
        return (lane, Vec::new());
    };
    lane.duration = exit.started_at.map_or(Span::default(), |at| exit.ended_at.since(at));
    (lane.cost, lane.tokens) =
        exit.result.as_ref().map_or((None, None), |result| (result.cost, result.tokens));
    match ended_well(&exit).and_then(|()| findings(&dir)) {
        Ok(findings) => (lane, findings),
        Err(why) => {
            lane.end = LaneEnd::Failed { why };
            (lane, Vec::new())
        }
    }
}

fn ended_well(exit: &Exit) -> Result<(), String> {
    match exit.kind {
        ExitKind::Exited => {}
        ExitKind::StartFailed | ExitKind::HookFailed => {
            return Err(format!("it could not be started: {}", exit.detail.clone().unwrap_or_default()));
        }
        ExitKind::Stopped(StopWhy::WallTime) => return Err("it ran longer than it may".to_owned()),
        ExitKind::Stopped(StopWhy::Silence) => return Err("it showed no sign of life".to_owned()),
        ExitKind::Stopped(StopWhy::Ordered | StopWhy::Spend | StopWhy::Unpriced | StopWhy::Storage) => {
            return Err("it was stopped".to_owned());
        }
    }
    match (exit.code, exit.signal, &exit.result) {
        (Some(0), _, Some(result)) if !result.ok => {
            Err(format!("it says that it failed: {}", result.error.clone().unwrap_or_default()))
        }
        (Some(0), ..) => Ok(()),
        (Some(code), ..) => Err(format!("it exited with status {code}")),
        (None, signal, _) => Err(format!("it was ended by signal {}", signal.unwrap_or(0))),
    }
}

/// What it wrote, else what it said.
fn findings(dir: &SessionDir) -> Result<Vec<Finding>, String> {
    let written = end_of(&output_file(dir)).unwrap_or_default();
    if !written.trim().is_empty() {
        return parse::of_file(&written);
    }
    parse::of_output(&end_of(&dir.output()).unwrap_or_default())
}

/// The end of a regular file; agents may have put something else in its place.
fn end_of(path: &Path) -> Option<String> {
    use std::io::{Read, Seek, SeekFrom};
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path).ok()?;
    let facts = file.metadata().ok().filter(fs::Metadata::is_file)?;
    file.seek(SeekFrom::Start(facts.len().saturating_sub(READ_BYTES_MAX))).ok()?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
