//! The reference between repositories.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::{checkpoint, convoy, message, once};
use crate::git::state::{
    Change, Dated, Put, REFERENCE, StatePath, StateRef, Synced, Written, of_checkout, sync,
};
use crate::git::tests::fixture::World;
use crate::git::{Error, Message, Repo, Result};
use crate::os::spawn::Environment;
use crate::tasks::{self, Kind};

/// A bare remote and clones of it.
struct Clones {
    world: World,
    remote: PathBuf,
}

impl Clones {
    fn new() -> Self {
        let world = World::new();
        let remote = world.home.join("remote.git");
        world.git(
            &world.home,
            &["clone", "-q", "--bare", world.at.to_str().unwrap(), remote.to_str().unwrap()],
        );
        Self { world, remote }
    }

    fn repo(&self, name: &str) -> Repo {
        let at = self.world.home.join(name);
        if !at.exists() {
            let from = self.remote.to_str().unwrap();
            self.world.git(&self.world.home, &["clone", "-q", from, at.to_str().unwrap()]);
        }
        Repo::open(&self.world.git, &at).unwrap()
    }
}

fn env() -> Environment {
    Environment::new([])
}

fn put(repo: &Repo, changes: &[Change]) {
    assert!(matches!(StateRef::new(repo).write(changes, &[], &message()).unwrap(), Written::Commit(_)));
}

fn synced(repo: &Repo) -> Synced {
    sync(repo, &env(), "origin").unwrap()
}

fn files(repo: &Repo) -> Vec<(String, String)> {
    let state = StateRef::new(repo);
    let entries = state.list().unwrap();
    let contents = state.read(&entries).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    entries.iter().map(|entry| entry.path.to_string()).zip(contents.into_iter().map(text)).collect()
}

#[test]
fn both_ways_through_a_remote_with_nothing_lost() {
    let clones = Clones::new();
    let (a, b) = (clones.repo("a"), clones.repo("b"));
    assert_eq!(synced(&a), Synced::default(), "neither has anything");

    put(&a, &[once("ckpt-a1", r#"{"n":1}"#), convoy("hq-cv-x", r#"{"seq":1,"s":"old"}"#)]);
    let first = synced(&a);
    assert_eq!((first.sent, first.received, first.pushed), (2, 0, true));
    assert_eq!(synced(&a), Synced { tip: first.tip, ..Synced::default() }, "again is nothing");
    let second = synced(&b);
    assert_eq!((second.sent, second.received, second.pushed), (0, 2, false));

    // Both go on before either syncs again.
    put(&a, &[once("ckpt-a2", "{}"), convoy("hq-cv-x", r#"{"seq":10,"s":"newest"}"#)]);
    put(&b, &[once("ckpt-b1", "{}"), convoy("hq-cv-x", r#"{"seq":9,"s":"newer"}"#), convoy("hq-cv-y", "{}")]);
    assert!(synced(&a).pushed && synced(&b).pushed);
    assert!(!synced(&a).pushed);
    assert_eq!(files(&a), files(&b));
    let names: Vec<_> = files(&a).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "checkpoints/epic-1/ckpt-a1.json",
            "checkpoints/epic-1/ckpt-a2.json",
            "checkpoints/epic-1/ckpt-b1.json",
            "convoys/epic-1/convoy-hq-cv-x.json",
            "convoys/epic-1/convoy-hq-cv-y.json",
        ]
    );
    assert!(files(&b)[3].1.contains("newest"));
    let tip = StateRef::new(&a).tip().unwrap();
    assert_eq!(tip, StateRef::new(&b).tip().unwrap());
    let remote = clones.world.git(&clones.remote, &["rev-parse", REFERENCE]);
    assert_eq!(tip.unwrap().as_str(), remote);
    let refs = clones.world.git(&clones.remote, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/convoy/state\nrefs/heads/main", "nothing else was pushed");
}

#[test]
fn histories_that_began_apart_become_one_and_the_same_whoever_joins_them() {
    let clones = Clones::new();
    let (a, b) = (clones.repo("a"), clones.repo("b"));
    let fork = |repo: &Repo, id: &str, snapshot: &str| {
        put(repo, &[once(id, "{}"), once("ckpt-same", snapshot), convoy("hq-cv-x", snapshot)]);
    };
    fork(&a, "ckpt-a", r#"{"seq":2}"#);
    fork(&b, "ckpt-b", r#"{"seq":1,"updated_at":"2099-01-01T00:00:00Z"}"#);
    // Both join, neither knowing of the other's joining.
    let (path_a, path_b) = (a.common_dir.to_str().unwrap(), b.common_dir.to_str().unwrap());
    let other = clones.world.home.join("other");
    clones.world.git(&clones.world.home, &["clone", "-q", "--bare", path_b, other.to_str().unwrap()]);
    clones.world.git(&other, &["fetch", "-q", path_b, &format!("{REFERENCE}:{REFERENCE}")]);
    let other = Repo::open(&clones.world.git, &other).unwrap();
    sync(&other, &env(), path_a).unwrap();
    let joined_there = files(&a);
    assert_eq!(joined_there.len(), 4);
    assert!(joined_there.iter().all(|(name, text)| !name.contains("same") || text == r#"{"seq":2}"#));
    let apart = Repo::open(&clones.world.git, &clones.world.home.join("b")).unwrap();
    sync(&apart, &env(), path_a).unwrap();
    assert_eq!(files(&apart), joined_there);
}

#[test]
fn what_was_removed_stays_removed_and_what_was_changed_since_does_not_go() {
    let clones = Clones::new();
    let (a, b) = (clones.repo("a"), clones.repo("b"));
    put(&a, &[once("ckpt-1", "{}"), once("ckpt-2", "{}"), convoy("hq-cv-x", r#"{"seq":1}"#)]);
    synced(&a);
    synced(&b);
    let gone = |path| Change { path, put: Put::Gone };
    put(&a, &[gone(checkpoint("ckpt-1")), gone(StatePath::convoy("epic-1", "hq-cv-x").unwrap())]);
    put(&b, &[once("ckpt-3", "{}"), gone(checkpoint("ckpt-2")), convoy("hq-cv-x", r#"{"seq":2}"#)]);
    synced(&b);
    synced(&a);
    synced(&b);
    let names: Vec<_> = files(&a).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["checkpoints/epic-1/ckpt-3.json", "convoys/epic-1/convoy-hq-cv-x.json"]);
    assert_eq!(files(&a), files(&b));
}

#[test]
fn a_wip_commit_comes_along_and_nothing_else_is_needed() {
    let clones = Clones::new();
    let (a, b) = (clones.repo("a"), clones.repo("b"));
    let at = a.work_tree.clone().unwrap();
    fs::write(at.join("a.txt"), "committed, not pushed\n").unwrap();
    clones.world.git(&at, &["commit", "-q", "-am", "local"]);
    fs::write(at.join("new.txt"), "untracked\n").unwrap();
    let wip = of_checkout(&a, &clones.world.home.join("scratch"), &Message::new("x"), Dated::Now).unwrap();
    let carried = wip.carried().cloned().unwrap();
    let written = StateRef::new(&a).write(&[once("ckpt-1", "{}")], &[carried], &message()).unwrap();
    assert!(matches!(written, Written::Commit(_)));
    synced(&a);
    fs::remove_dir_all(&at).unwrap();
    synced(&b);
    let at = b.work_tree.clone().unwrap();
    let show =
        |name: &str| clones.world.git(&at, &["show", &format!("{}:{name}", wip.commit.clone().unwrap())]);
    assert_eq!((show("a.txt"), show("new.txt")), ("committed, not pushed".into(), "untracked".into()));
    assert!(b.has(&wip.head.unwrap()).unwrap());
    assert_eq!(clones.world.git(&at, &["status", "--porcelain", "-b"]), "## main...origin/main");
}

#[test]
fn many_at_once_lose_nothing() {
    let clones = Clones::new();
    let names = ["a", "b", "c"];
    let each = 4;
    let start = |name: &'static str| {
        let repo = clones.repo(name);
        let work = move || -> Result<()> {
            for n in 0..each {
                put(&repo, &[once(&format!("ckpt-{name}{n}"), "{}")]);
                sync(&repo, &env(), "origin")?;
            }
            Ok(())
        };
        tasks::start(Kind::Effect, work).unwrap()
    };
    let threads: Vec<_> = names.into_iter().map(start).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    for name in names {
        synced(&clones.repo(name));
        assert_eq!(files(&clones.repo(name)).len(), names.len() * each, "{name}");
    }
}

#[test]
fn a_remote_may_be_a_path_from_the_checkout() {
    let clones = Clones::new();
    let a = clones.repo("a");
    clones.world.git(a.work_tree.as_ref().unwrap(), &["remote", "set-url", "origin", "../remote.git"]);
    put(&a, &[once("ckpt-1", "{}")]);
    assert!(synced(&a).pushed);
    assert_eq!(synced(&clones.repo("b")).received, 1);
}

#[test]
fn a_remote_that_is_not_there_or_refuses_is_told_of() {
    let clones = Clones::new();
    let a = clones.repo("a");
    put(&a, &[once("ckpt-1", "{}")]);
    for remote in ["nowhere", "/does/not/exist", "--upload-pack=touch ran", "ext::touch ran"] {
        let failed = sync(&a, &env(), remote);
        assert!(matches!(failed, Err(Error::Failed { .. })), "{remote}: {failed:?}");
    }
    assert!(!a.work_tree.as_ref().unwrap().join("ran").exists() && !a.common_dir.join("ran").exists());
    let hook = clones.remote.join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = sync(&a, &env(), "origin");
    assert!(
        matches!(&refused, Err(Error::Rejected { why, .. }) if why.contains("hook declined")),
        "{refused:?}"
    );
    fs::remove_file(&hook).unwrap();
    assert!(synced(&a).pushed);
}
