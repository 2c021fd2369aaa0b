//! Writing and reading the reference itself.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::{World, checkpoint, convoy, message, once};
use crate::git::Error;
use crate::git::state::{Change, Put, REFERENCE, StatePath, StateRef, Written};
use crate::tasks::{self, Kind};

/// What of a repository nobody but its person changes.
fn personal(world: &World) -> (String, String, String, Vec<u8>) {
    let index = fs::read(world.at.join(".git/index")).unwrap_or_default();
    let (_, status) = world.try_git(&world.at, &["status", "--porcelain", "--branch"]);
    let (_, heads) = world.try_git(&world.at, &["for-each-ref", "refs/heads"]);
    (status, heads, fs::read_to_string(world.at.join(".git/HEAD")).unwrap(), index)
}

#[test]
fn files_are_put_once_replaced_and_removed_and_nothing_of_the_persons_changes() {
    let world = World::new();
    world.write("a.txt", "staged\n");
    world.run(&["add", "a.txt"]);
    world.write("new.txt", "untracked\n");
    let before = personal(&world);

    assert!(matches!(world.put(&[once("ckpt-1", "{}"), convoy("hq-cv-a", "1")]), Written::Commit(_)));
    assert_eq!(world.put(&[once("ckpt-1", "another"), convoy("hq-cv-a", "1")]), Written::Already);
    let Written::Commit(tip) = world.put(&[once("ckpt-1", "another"), convoy("hq-cv-a", "22")]) else {
        panic!("the convoy differs");
    };
    assert_eq!(world.oid(REFERENCE), tip);
    assert_eq!(world.files(), ["checkpoints/epic-1/ckpt-1.json", "convoys/epic-1/convoy-hq-cv-a.json"]);
    assert_eq!(world.content(&checkpoint("ckpt-1")).unwrap(), "{}", "the first one stays");
    assert_eq!(world.content(&StatePath::convoy("epic-1", "hq-cv-a").unwrap()).unwrap(), "22");

    let gone = Change { path: checkpoint("ckpt-1"), put: Put::Gone };
    assert!(matches!(world.put(std::slice::from_ref(&gone)), Written::Commit(_)));
    assert_eq!(world.put(&[gone]), Written::Already);
    assert_eq!(world.content(&checkpoint("ckpt-1")), None);
    assert_eq!(personal(&world), before);
    assert_eq!(world.run(&["fsck", "--strict", "--no-dangling"]), "");
    let who = world.run(&["log", "--format=%an <%ae>|%cn", REFERENCE]);
    assert!(who.lines().all(|line| line == "Convoy <convoy@convoy.invalid>|Convoy"), "{who}");
}

#[test]
fn every_kind_of_repository_takes_it() {
    for init in [&["--bare"][..], &["--object-format=sha256"], &["--initial-branch=main"]] {
        let world = World::empty(init);
        assert!(matches!(world.put(&[once("ckpt-1", "{}")]), Written::Commit(_)), "{init:?}");
        assert_eq!(world.files(), ["checkpoints/epic-1/ckpt-1.json"], "{init:?}");
    }
    let world = World::new();
    world.run(&["checkout", "-q", "--detach"]);
    let shallow = world.home.join("shallow");
    let from = format!("file://{}", world.at.display());
    world.git(&world.home, &["clone", "-q", "--depth=1", &from, shallow.to_str().unwrap()]);
    for at in [world.at.clone(), shallow] {
        let repo = crate::git::Repo::open(&world.git, &at).unwrap();
        let head = world.git(&at, &["rev-parse", "HEAD"]);
        let carried = crate::git::Oid::new(&head).unwrap();
        let written = StateRef::new(&repo).write(&[once("ckpt-1", "{}")], &[carried], &message()).unwrap();
        assert!(matches!(written, Written::Commit(_)), "{}", at.display());
        let parents = world.git(&at, &["log", "-1", "--format=%P", REFERENCE]);
        assert_eq!(parents.split(' ').nth(1), Some(head.as_str()));
        assert_eq!(world.git(&at, &["ls-tree", "--name-only", REFERENCE]), "checkpoints");
    }
}

#[test]
fn what_a_commit_is_to_carry_must_be_there() {
    let world = World::new();
    let (repo, absent) = (world.repo(), crate::git::Oid::new(&"1".repeat(40)).unwrap());
    let refused = StateRef::new(&repo).write(&[once("ckpt-1", "{}")], &[absent], &message());
    assert!(matches!(refused, Err(Error::NoSuchCommit { .. })), "{refused:?}");
    assert_eq!(StateRef::new(&repo).tip().unwrap(), None);
    let crashed = fs::read_dir(world.at.join(".git")).unwrap().flatten();
    assert!(!crashed.into_iter().any(|e| e.file_name().to_string_lossy().contains("crash")));
}

#[test]
fn no_hook_runs() {
    let world = World::new();
    let hooks = world.at.join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for name in ["reference-transaction", "post-commit", "pre-commit", "post-update", "update"] {
        let hook = hooks.join(name);
        fs::write(&hook, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", world.home.join("ran").display()))
            .unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert!(matches!(world.put(&[once("ckpt-1", "{}")]), Written::Commit(_)));
    assert!(!world.home.join("ran").exists());
}

#[test]
fn writers_at_once_lose_nothing() {
    let world = World::new();
    let (threads, each) = (4, 6);
    let write = |thread: usize| {
        let repo = world.repo();
        let work = move || {
            for n in 0..each {
                let put = [once(&format!("ckpt-{thread}x{n}"), "{}")];
                let written = StateRef::new(&repo).write(&put, &[], &message()).unwrap();
                assert!(matches!(written, Written::Commit(_)));
            }
        };
        tasks::start(Kind::Effect, work).unwrap()
    };
    let threads_at_work: Vec<_> = (0..threads).map(write).collect();
    threads_at_work.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(world.files().len(), threads * each);
    let commits = world.run(&["rev-list", "--count", "--first-parent", REFERENCE]);
    assert_eq!(commits, (threads * each + 1).to_string(), "one for each, after the first");
}

#[test]
fn a_lock_that_stays_is_waited_for_and_then_told_of() {
    let world = World::new();
    assert!(matches!(world.put(&[once("ckpt-1", "{}")]), Written::Commit(_)));
    let lock = world.at.join(".git/refs/convoy/state.lock");
    fs::write(&lock, "").unwrap();
    let repo = world.repo();
    let state = StateRef::new(&repo);
    let busy = state.write(&[once("ckpt-2", "{}")], &[], &message());
    assert!(matches!(busy, Err(Error::StateLocked { .. })), "{busy:?}");
    fs::remove_file(&lock).unwrap();
    assert!(matches!(world.put(&[once("ckpt-2", "{}")]), Written::Commit(_)));
}

#[test]
fn hostile_content_of_the_reference_is_not_seen() {
    let world = World::new();
    let other = World::empty(&["--initial-branch=main"]);
    let put = |name: &str, content: &[u8]| {
        let path = other.at.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    put("checkpoints/epic-1/ckpt-good.json", b"{}");
    put("checkpoints/epic-1/ckpt-huge.json", &vec![b' '; 17_000_000]);
    put("checkpoints/epic-1/\u{1b}[2J.json", b"{}");
    put("checkpoints/epic-1/more/ckpt-deep.json", b"{}");
    put("checkpoints/-x/ckpt-dash.json", b"{}");
    put("elsewhere/epic-1/ckpt-a.json", b"{}");
    symlink("/etc/passwd", other.at.join("checkpoints/epic-1/ckpt-link.json")).unwrap();
    put("convoys/epic-1/hq-cv-a.json", b"{}");
    other.run(&["add", "-A"]);
    other.run(&["commit", "-q", "-m", "hostile"]);
    world.run(&["fetch", "-q", other.at.to_str().unwrap(), &format!("main:{REFERENCE}")]);
    assert_eq!(world.files(), ["checkpoints/epic-1/ckpt-good.json"]);
    for id in ["ckpt-huge", "ckpt-link"] {
        assert_eq!(world.content(&checkpoint(id)), None, "{id}");
    }
    for bad in ["", "..", "a/b", ".git", "-x", "a\nb", "é"] {
        assert!(StatePath::checkpoint(bad, "ckpt-1").is_err(), "{bad:?}");
        assert!(StatePath::checkpoint("epic-1", bad).is_err(), "{bad:?}");
    }
    let large = Change { path: checkpoint("ckpt-2"), put: Put::Once(vec![b'x'; 17_000_000]) };
    let repo = world.repo();
    let refused = StateRef::new(&repo).write(&[large], &[], &message());
    assert!(matches!(refused, Err(Error::StateFile { .. })), "{refused:?}");
}
