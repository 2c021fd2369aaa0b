//! The last line that each agent has printed. The system says when there is another one; it is read when it is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anstream::adapter::strip_str;
use convoy_core::id::SessionId;
use convoy_engine::os::watch::Watcher;
use convoy_engine::output;
use convoy_engine::tasks::{self, Kind};
use convoy_engine::workspace::Workspace;

use super::follow::Waker;

/// The last lines of some sessions.
pub(super) struct Tails {
    workspace: Workspace,
    waker: Waker,
    sessions: BTreeMap<SessionId, Tail>,
}

struct Tail {
    line: Option<String>,
    /// Something was printed since it was read.
    stale: Arc<AtomicBool>,
    /// Lets the thread look for more; none when nobody watches this one.
    read: Option<SyncSender<()>>,
}

impl Tails {
    /// Of no session yet. Whoever follows is woken when there is something to be read.
    pub(super) fn new(workspace: Workspace, waker: Waker) -> Self {
        Self { workspace, waker, sessions: BTreeMap::new() }
    }

    /// Watches these and no others.
    pub(super) fn watch<'a>(&mut self, sessions: impl IntoIterator<Item = &'a SessionId>) {
        let sessions: BTreeSet<&SessionId> = sessions.into_iter().collect();
        self.sessions.retain(|session, _| sessions.contains(session));
        for session in sessions {
            // One that cannot be watched is shown as it was when it was looked at.
            if self.sessions.get(session).is_none_or(|tail| tail.read.is_none()) {
                let tail = self.start(session);
                self.sessions.insert(session.clone(), tail);
            }
        }
    }

    fn start(&self, session: &SessionId) -> Tail {
        let stale = Arc::new(AtomicBool::new(true));
        let mut tail = Tail { line: None, stale: Arc::clone(&stale), read: None };
        // Before the agent has started there is no folder, and afterwards this is called again.
        let Ok(watcher) = output::watch(&self.workspace, session) else { return tail };
        let (read, may_look) = sync_channel(1);
        let waker = self.waker.clone();
        if tasks::start(Kind::Watch, move || pass_on(&watcher, &stale, &waker, &may_look)).is_ok() {
            tail.read = Some(read);
        }
        tail
    }

    /// The last line of a session: text of its agent's, without colours.
    pub(super) fn last(&mut self, session: &SessionId) -> Option<&str> {
        let tail = self.sessions.get_mut(session)?;
        if tail.stale.swap(false, Ordering::SeqCst) || tail.read.is_none() {
            tail.line = output::last_line(&self.workspace, session, words);
            if let Some(read) = &tail.read {
                let _ = read.try_send(());
            }
        }
        tail.line.as_deref()
    }
}

/// Says that something was printed, and looks for more only when that was read: an agent that prints without end costs
/// no more than what is shown of it.
fn pass_on(watcher: &Watcher, stale: &AtomicBool, waker: &Waker, may_look: &Receiver<()>) {
    while may_look.recv().is_ok() {
        if watcher.wait().is_err() {
            return;
        }
        stale.store(true, Ordering::SeqCst);
        waker.wake();
    }
}

fn words(line: &str) -> Option<String> {
    let plain = strip_str(line).to_string();
    let words = plain.trim();
    (!words.is_empty()).then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_no_words() {
        assert_eq!(words("\x1b[32m  ok \x1b[0m").as_deref(), Some("ok"));
        assert_eq!(words("\x1b[2J \x1b]0;title\x07"), None);
    }
}
