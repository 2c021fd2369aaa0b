//! The last line that each agent has printed. The system says when there is another one; it is read when it is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::adapter::strip_str;
use convoy_core::id::SessionId;
use convoy_engine::tails::{self, Following};
use convoy_engine::workspace::Workspace;

use super::follow::Waker;

/// The last lines of some sessions.
pub(super) struct Tails {
    outputs: tails::Tails,
    waker: Waker,
    sessions: BTreeMap<SessionId, Tail>,
}

struct Tail {
    output: tails::Tail,
    line: Option<String>,
    /// Something was printed since it was read.
    stale: Arc<AtomicBool>,
    /// None when it cannot be watched.
    following: Option<Following>,
}

impl Tails {
    /// Of no session yet. Whoever follows is woken when there is something to be read.
    pub(super) fn new(workspace: &Workspace, waker: Waker) -> Self {
        Self { outputs: tails::Tails::new(workspace), waker, sessions: BTreeMap::new() }
    }

    /// Watches these and no others.
    pub(super) fn watch<'a>(&mut self, sessions: impl IntoIterator<Item = &'a SessionId>) {
        let sessions: BTreeSet<&SessionId> = sessions.into_iter().collect();
        self.sessions.retain(|session, _| sessions.contains(session));
        for session in sessions {
            // Before the agent has started there is no folder, and afterwards this is called again.
            if self.sessions.get(session).is_none_or(|tail| tail.following.is_none()) {
                let tail = self.start(session);
                self.sessions.insert(session.clone(), tail);
            }
        }
    }

    fn start(&self, session: &SessionId) -> Tail {
        let stale = Arc::new(AtomicBool::new(true));
        let (printed, waker) = (Arc::clone(&stale), self.waker.clone());
        let tell = move || {
            printed.store(true, Ordering::SeqCst);
            waker.wake();
        };
        let following = self.outputs.on_change(session, Box::new(tell)).ok();
        Tail { output: self.outputs.tail(session), line: None, stale, following }
    }

    /// The last line of a session: text of its agent's, without colours.
    pub(super) fn last(&mut self, session: &SessionId) -> Option<&str> {
        let tail = self.sessions.get_mut(session)?;
        // One that cannot be watched is looked at whenever it is shown.
        if tail.stale.swap(false, Ordering::SeqCst) || tail.following.is_none() {
            tail.following.iter().for_each(Following::again);
            tail.line = tail.output.last_line(words);
        }
        tail.line.as_deref()
    }
}

fn words(line: &str) -> Option<String> {
    let plain = strip_str(line).to_string();
    let words = plain.trim();
    (!words.is_empty()).then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::follow::Follow;
    use super::*;

    #[test]
    fn all_sessions_share_one_instance_and_none_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".convoy/state")).unwrap();
        let workspace = Workspace::find(dir.path()).unwrap();
        let sessions: Vec<SessionId> = (0..5).map(|n| SessionId::new(format!("s-{n}")).unwrap()).collect();
        let output = |session: &SessionId| workspace.sessions_dir().join(session.as_str()).join("output.log");
        for session in &sessions {
            std::fs::create_dir_all(output(session).parent().unwrap()).unwrap();
            std::fs::write(output(session), "one\n").unwrap();
        }
        let instances = || {
            let fds = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let links = fds.filter_map(|fd| std::fs::read_link(fd.path()).ok());
            links.filter(|to| to.to_string_lossy().contains("inotify")).count()
        };
        let follow = Follow::new(workspace.clone(), None);
        let mut tails = Tails::new(&workspace, follow.waker());
        tails.watch(&sessions);
        assert_eq!(instances(), 1);
        assert!(sessions.iter().all(|session| tails.last(session) == Some("one")));
        tails.watch(&sessions[..2]);
        let ended = Arc::downgrade(&tails.sessions[&sessions[0]].stale);
        tails.watch(&sessions[1..2]);
        assert_eq!(ended.strong_count(), 0, "nothing waits for what that one prints");
        let stale = Arc::clone(&tails.sessions[&sessions[1]].stale);
        std::fs::write(output(&sessions[1]), "one\ntwo\n").unwrap();
        while !stale.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        assert_eq!(tails.last(&sessions[1]), Some("two"));
    }

    #[test]
    fn colours_are_no_words() {
        assert_eq!(words("\x1b[32m  ok \x1b[0m").as_deref(), Some("ok"));
        assert_eq!(words("\x1b[2J \x1b]0;title\x07"), None);
    }
}
