//! The output of one session, followed by a thread that is given up as soon as somebody else's is wanted.
//!
//! The thread puts lines on a shelf and says once that there are some. Whoever is slow finds only the last ones there: an
//! agent that prints without end costs a bounded amount of memory, and no picture more.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use convoy_core::id::SessionId;
use convoy_engine::output;
use convoy_engine::tasks::{self, Kind};
use convoy_engine::workspace::Workspace;

use super::model::OUTPUT_LINES_MAX;
use super::run::Input;

/// How much of what was printed before is read: more than the lines that are kept usually take.
const TAIL_BYTES: u64 = 512 * 1024;

/// What was printed and not taken yet.
#[derive(Default)]
struct Shelf {
    lines: VecDeque<String>,
    why_not: Option<String>,
    told: bool,
}

/// One session's output.
pub(super) struct Tail {
    session: SessionId,
    shelf: Arc<Mutex<Shelf>>,
    /// Being closed tells the thread that nobody looks any more.
    _here: OwnedFd,
}

impl Tail {
    /// Begins to follow.
    pub(super) fn start(
        workspace: &Workspace,
        session: SessionId,
        post: SyncSender<Input>,
    ) -> std::io::Result<Self> {
        let (away, here) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let shelf = Arc::<Mutex<Shelf>>::default();
        let (workspace, of, filled) = (workspace.clone(), session.clone(), Arc::clone(&shelf));
        tasks::start(Kind::Watch, move || {
            let put = |change: &dyn Fn(&mut Shelf)| {
                let mut shelf = filled.lock().unwrap_or_else(PoisonError::into_inner);
                change(&mut shelf);
                let told = std::mem::replace(&mut shelf.told, true);
                drop(shelf);
                if told {
                    Ok(())
                } else {
                    post.send(Input::Printed).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
                }
            };
            let mut show = |line: &str| {
                put(&|shelf| {
                    if shelf.lines.len() == OUTPUT_LINES_MAX {
                        shelf.lines.pop_front();
                    }
                    shelf.lines.push_back(line.to_owned());
                })
            };
            if let Err(failure) = output::followed(&workspace, &of, TAIL_BYTES, &away, &mut show) {
                // Nobody to tell when the screen is gone.
                drop(put(&|shelf| shelf.why_not = Some(failure.message.clone())));
            }
        })?;
        Ok(Self { session, shelf, _here: here })
    }

    /// Whose output it is.
    pub(super) fn session(&self) -> &SessionId {
        &self.session
    }

    /// Takes what was printed since the last time, and why there is nothing, if so.
    pub(super) fn take(&self) -> (VecDeque<String>, Option<String>) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.told = false;
        (std::mem::take(&mut shelf.lines), shelf.why_not.take())
    }
}
