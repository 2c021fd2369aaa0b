//! Commands: a program with the notice on its stdin. Argv only; nothing of a notice is an argument.
//!
//! When it ends, or its time is up, whatever it started is ended too. What an engine that died left running is found
//! by its mark before the next try.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Stdio};
use std::time::Duration;

use convoy_core::id::{DeliveryId, NoticeId};
use convoy_core::time::Span;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};

use super::Failed;
use crate::clock::Instant;
use crate::os::process::{Process, kill_until_none, marked};
use crate::os::{program, spawn};
use crate::workspace::Workspace;
use crate::world::World;

/// The variable by which everything that a try started is found.
const MARK: &str = "CONVOY_DELIVERY";
/// The variable that names the notice.
const NOTICE: &str = "CONVOY_NOTICE";
/// How much of the end of what it says is kept to explain a failure.
const SAID_BYTES_MAX: usize = 300;
/// How long killed processes may take to be gone.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// What the processes of a delivery are known by.
pub(super) struct Mark<'a> {
    pub(super) delivery: &'a DeliveryId,
    pub(super) notice: &'a NoticeId,
}

impl Mark<'_> {
    /// Ends everything that carries it.
    fn sweep(&self) -> Result<(), Failed> {
        kill_until_none(|| marked(MARK, self.delivery.as_str()), KILL_LIMIT)
            .map(drop)
            .map_err(|error| Failed::for_now(error.to_string()))
    }
}

/// What every program may see: no secret of the engine's.
pub(super) fn environment(world: &World) -> BTreeMap<String, String> {
    let settings = world.settings();
    settings.presets.get("plain").map(|preset| preset.environment(&world.env)).unwrap_or_default()
}

/// Runs a program with a text on its stdin until it ends.
pub(super) fn run(
    workspace: &Workspace,
    argv: &[String],
    env: BTreeMap<String, String>,
    input: &[u8],
    mark: &Mark<'_>,
    limit: Duration,
) -> Result<(), Failed> {
    let (name, args) = argv.split_first().ok_or_else(|| Failed::for_good("there is no program"))?;
    // A path with a slash is one from the workspace.
    let path =
        if name.contains('/') { workspace.root().join(name).display().to_string() } else { name.clone() };
    let found = program::find(&path, env.get("PATH").map(std::ffi::OsStr::new))
        .filter(|file| program::runnable(file))
        .ok_or_else(|| Failed::for_good(format!("there is no program {name:?}")))?;
    let failed = |error: std::io::Error| Failed::for_now(format!("cannot run {name:?}: {error}"));
    mark.sweep()?;
    let mut file = tempfile::tempfile().map_err(failed)?;
    file.write_all(input).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(failed)?;
    let mut command = spawn::command(found);
    command
        .args(args)
        .envs(env)
        .env(NOTICE, mark.notice.as_str())
        .env(MARK, mark.delivery.as_str())
        .current_dir(workspace.root())
        .stdin(file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    spawn::die_with_parent(&mut command);
    let mut child = command.spawn().map_err(failed)?;
    let (ended, said) = listen(&mut child, Instant::now().plus(span(limit)));
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Not waited for yet, so the number is still the child's. Who left the group is found by the mark.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let status = child.wait().map_err(failed)?;
    mark.sweep()?;
    match ended.map_err(failed)? {
        false => {
            Err(Failed::for_now(format!("{name:?} took longer than {}s and was ended", limit.as_secs_f32())))
        }
        true if status.success() => Ok(()),
        true => Err(Failed::for_now(format!("{name:?} failed ({status}){said}"))),
    }
}

fn span(limit: Duration) -> Span {
    Span::from_millis(i64::try_from(limit.as_millis()).unwrap_or(i64::MAX))
}

/// Waits until the child has ended, and says whether it has before the deadline; and the last it said on stderr.
fn listen(child: &mut Child, deadline: Instant) -> (std::io::Result<bool>, String) {
    let mut said = VecDeque::new();
    let ended = wait(child, deadline, &mut said);
    let text = String::from_utf8_lossy(said.make_contiguous()).trim().to_owned();
    (ended, if text.is_empty() { text } else { format!(": {text}") })
}

fn wait(child: &mut Child, deadline: Instant, said: &mut VecDeque<u8>) -> std::io::Result<bool> {
    let mut stderr = child.stderr.take();
    // A zombie keeps its pid until it is waited for, so this is the child and no other.
    let Some(end) = Process::of(child.id()).map(Process::pidfd).transpose()?.flatten() else {
        return Ok(true);
    };
    loop {
        let left = deadline.left();
        if left.is_zero() {
            return Ok(false);
        }
        let timeout = Timespec::try_from(left).ok();
        let mut fds = vec![PollFd::new(&end, PollFlags::IN)];
        fds.extend(stderr.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let (over, speaks) =
            (!fds[0].revents().is_empty(), fds.get(1).is_some_and(|fd| !fd.revents().is_empty()));
        if speaks && !hear(stderr.as_mut(), said)? {
            stderr = None;
        } else if over && !speaks {
            return Ok(true);
        }
    }
}

/// Reads what is there, and keeps the end of it; whether more may come.
fn hear(pipe: Option<&mut ChildStderr>, said: &mut VecDeque<u8>) -> std::io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(false) };
    let mut chunk = [0; 4096];
    let count = pipe.read(&mut chunk)?;
    said.extend(&chunk[..count]);
    said.drain(..said.len().saturating_sub(SAID_BYTES_MAX));
    Ok(count > 0)
}
