//! The state's reference: written, read, carried to other repositories and back.

mod checkout;
mod reference;
mod restore;
mod sync;
mod wip;

use super::fixture::World;
use crate::git::Message;
use crate::git::state::{Change, Put, StatePath, StateRef, Written};

fn checkpoint(id: &str) -> StatePath {
    StatePath::checkpoint("epic-1", id).unwrap()
}

fn once(id: &str, content: &str) -> Change {
    Change { path: checkpoint(id), put: Put::Once(content.into()) }
}

fn convoy(id: &str, content: &str) -> Change {
    Change { path: StatePath::convoy("epic-1", id).unwrap(), put: Put::Whole(content.into()) }
}

fn message() -> Message {
    Message::new("Checkpoint")
}

impl World {
    fn put(&self, changes: &[Change]) -> Written {
        let repo = self.repo();
        StateRef::new(&repo).write(changes, &[], &message()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let repo = self.repo();
        StateRef::new(&repo).list().unwrap().into_iter().map(|entry| entry.path.to_string()).collect()
    }

    fn content(&self, path: &StatePath) -> Option<String> {
        let repo = self.repo();
        StateRef::new(&repo).read_one(path).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
    }
}
