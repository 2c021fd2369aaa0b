//! The output of one session, followed for as long as somebody looks at it.
//!
//! Lines come on a shelf, and it is said once that there are some. Whoever is slow finds only the last ones there: an
//! agent that prints without end costs a bounded amount of memory, and no picture more.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use convoy_core::id::SessionId;
use convoy_engine::tails::{Following, Part, Tails};

use super::model::OUTPUT_LINES_MAX;
use super::run::Input;

/// How much of what was printed before is read: more than the lines that are kept usually take.
const TAIL_BYTES: u64 = 512 * 1024;

/// What was printed and not taken yet.
#[derive(Default)]
struct Shelf {
    lines: VecDeque<String>,
    told: bool,
}

/// One session's output.
pub(super) struct Tail {
    session: SessionId,
    shelf: Arc<Mutex<Shelf>>,
    /// Or why it is not followed.
    following: Result<Following, String>,
}

impl Tail {
    /// Begins to follow. What was printed before is on the shelf when this returns.
    pub(super) fn start(tails: &Tails, session: SessionId, post: SyncSender<Input>) -> Self {
        let shelf = Arc::<Mutex<Shelf>>::default();
        let filled = Arc::clone(&shelf);
        let tell = move |part: Part| {
            let mut shelf = filled.lock().unwrap_or_else(PoisonError::into_inner);
            let excess = (shelf.lines.len() + part.lines.len()).saturating_sub(OUTPUT_LINES_MAX);
            shelf.lines.extend(part.lines.into_iter().map(|line| line.text));
            shelf.lines.drain(..excess);
            if !std::mem::replace(&mut shelf.told, true) {
                // Whoever has a full queue is awake, and looks here before it waits again.
                let _ = post.try_send(Input::Printed);
            }
        };
        let following = tails.follow(&session, TAIL_BYTES, Box::new(tell)).map_err(|failure| failure.message);
        Self { session, shelf, following }
    }

    /// Whose output it is.
    pub(super) fn session(&self) -> &SessionId {
        &self.session
    }

    /// Why it is not followed, if so.
    pub(super) fn why_not(&self) -> Option<&String> {
        self.following.as_ref().err()
    }

    /// Takes what was printed since the last time.
    pub(super) fn take(&self) -> VecDeque<String> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.told = false;
        std::mem::take(&mut shelf.lines)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use convoy_engine::workspace::Workspace;

    use super::*;

    #[test]
    fn one_that_cannot_be_followed_says_why_and_one_that_begins_later_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".convoy/state")).unwrap();
        let workspace = Workspace::find(dir.path()).unwrap();
        let session = SessionId::new("s-abc").unwrap();
        let tails = Tails::new(&workspace);
        let (post, inbox) = sync_channel(1);
        let start = || Tail::start(&tails, session.clone(), post.clone());
        assert_eq!(start().why_not().unwrap(), "there is no output of s-abc");
        let output = workspace.sessions_dir().join("s-abc/output.log");
        std::fs::create_dir_all(output.parent().unwrap()).unwrap();
        let tail = start();
        assert_eq!((tail.why_not(), tail.take().len()), (None, 0));
        std::fs::write(&output, "first\n").unwrap();
        let mut taken = VecDeque::new();
        while taken.is_empty() {
            assert!(matches!(inbox.recv_timeout(Duration::from_secs(20)), Ok(Input::Printed)));
            taken = tail.take();
        }
        assert_eq!(taken, ["first"]);
        drop(tail);
        // Nobody takes what is told here: the queue is full, and that holds nobody up.
        let _ = post.try_send(Input::Printed);
        let long: String = (0..3000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&output, long).unwrap();
        let lines = start().take();
        assert_eq!((lines.len(), lines.back().unwrap().as_str()), (OUTPUT_LINES_MAX, "line 2999"));
    }
}
