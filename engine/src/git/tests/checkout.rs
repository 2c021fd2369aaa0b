//! Moving a branch that a person has checked out.

use std::fs;

use super::fixture::{World, write};
use crate::git::*;

fn blocked(answer: Advance) -> Obstacle {
    match answer {
        Advance::Blocked { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn edits_in_the_way_block_and_others_stay() {
    let world = World::new();
    let tip = world.worked("s-1", "a.txt", "agent\n");
    let (from, to) = world.prepared(&tip);
    for staged in [false, true] {
        world.write("a.txt", "mine\n");
        if staged {
            world.run(&["add", "a.txt"]);
        }
        assert_eq!(
            blocked(world.advance(from.as_ref(), &to)),
            Obstacle::Files(vec!["a.txt".into()]),
            "{staged}"
        );
        assert_eq!(fs::read_to_string(world.at.join("a.txt")).unwrap(), "mine\n");
        assert_eq!(world.oid("main"), from.clone().unwrap());
    }
    world.run(&["checkout", "-q", "HEAD", "a.txt"]);
    world.write("c.txt", "staged\n");
    world.run(&["add", "c.txt"]);
    world.write("c.txt", "edited after\n");
    world.write("dir with space/b.txt", "edited\n");
    world.write("new file", "untracked");
    let before = world.run(&["status", "--porcelain"]);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
    assert_eq!(world.run(&["status", "--porcelain"]), before);
    assert_eq!(world.run(&["show", ":c.txt"]), "staged");
    assert_eq!(fs::read_to_string(world.at.join("a.txt")).unwrap(), "agent\n");
    assert_eq!(world.advance(from.as_ref(), &to), Advance::AlreadyMerged);
}

#[test]
fn untracked_and_ignored_files_in_the_way_block_too() {
    let world = World::new();
    let tip = world.worked("s-1", "new\"file", "agent\n");
    let (from, to) = world.prepared(&tip);
    world.write("new\"file", "mine");
    assert!(matches!(blocked(world.advance(from.as_ref(), &to)), Obstacle::Files(files) if files.len() == 1));
    fs::write(world.at.join(".git/info/exclude"), "new*\n").unwrap();
    let answer = world.advance(from.as_ref(), &to);
    assert!(matches!(&answer, Advance::Blocked { .. }), "{answer:?}");
    assert_eq!(fs::read_to_string(world.at.join("new\"file")).unwrap(), "mine");
    fs::remove_file(world.at.join("new\"file")).unwrap();
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
}

#[test]
fn a_branch_checked_out_in_a_linked_worktree_moves_there() {
    let world = World::new();
    world.run(&["checkout", "-q", "--detach"]);
    world.run(&["worktree", "add", "-q", "../lin\nked", "main"]);
    let linked = world.home.join("lin\nked");
    let tip = world.worked("s-1", "a.txt", "agent\n");
    let (from, to) = world.prepared(&tip);
    write(&linked, "a.txt", "mine\n");
    assert_eq!(blocked(world.advance(from.as_ref(), &to)), Obstacle::Files(vec!["a.txt".into()]));
    world.git(&linked, &["checkout", "-q", "a.txt"]);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
    assert_eq!(world.git(&linked, &["status", "--porcelain"]), "");
    assert_eq!(fs::read_to_string(linked.join("a.txt")).unwrap(), "agent\n");
    assert_eq!(fs::read_to_string(world.at.join("a.txt")).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn operations_under_way_and_locks_block() {
    let world = World::new();
    let tip = world.worked("s-1", "x.txt", "agent\n");
    let (from, to) = world.prepared(&tip);
    let lock = world.at.join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    assert_eq!(blocked(world.advance(from.as_ref(), &to)), Obstacle::Lock(lock.clone()));
    fs::remove_file(&lock).unwrap();
    world.run(&["checkout", "-q", "-b", "side", "main^"]);
    world.commit(&world.at, "c.txt", "side\n");
    world.run(&["checkout", "-q", "main"]);
    assert!(!world.try_git(&world.at, &["merge", "side"]).0);
    assert_eq!(blocked(world.advance(from.as_ref(), &to)), Obstacle::InProgress("a merge"));
    world.run(&["merge", "--abort"]);
    assert!(!world.try_git(&world.at, &["rebase", "side"]).0);
    assert_eq!(blocked(world.advance(from.as_ref(), &to)), Obstacle::InProgress("a rebase"));
    world.run(&["rebase", "--abort"]);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
    assert_eq!(world.run(&["status", "--porcelain"]), "");
}
