//! Restoring WIP commits.

use std::fs;

use super::World;
use crate::git::state::{Dated, Restore, of_checkout, restore};
use crate::git::tests::fixture::branch;
use crate::git::{Error, Message, Oid};

fn wip(world: &World) -> crate::git::state::Wip {
    of_checkout(&world.repo(), &world.home.join("scratch"), &Message::new("As it is"), Dated::Now).unwrap()
}

#[test]
fn it_is_a_checkout_of_its_own_with_the_changes_uncommitted() {
    let world = World::new();
    world.write("a.txt", "changed\n");
    world.write("new.txt", "new\n");
    fs::remove_file(world.at.join("c.txt")).unwrap();
    let wip = wip(&world);
    let into = world.home.join("some where/back");
    let name = branch("back/1");
    let wanted = Restore { head: wip.head.as_ref(), wip: wip.commit.as_ref(), into: &into, branch: &name };
    restore(&world.repo(), &wanted).unwrap();
    assert_eq!(world.git(&into, &["symbolic-ref", "HEAD"]), "refs/heads/back/1");
    assert_eq!(world.git(&into, &["rev-parse", "HEAD"]), wip.head.as_ref().unwrap().as_str());
    assert_eq!(world.git(&into, &["status", "--porcelain"]), " M a.txt\n D c.txt\n?? new.txt");
    assert_eq!(fs::read_to_string(into.join("a.txt")).unwrap(), "changed\n");
    world.git(&into, &["commit", "-q", "-am", "goes on"]);

    let again = restore(&world.repo(), &wanted);
    assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
    let elsewhere = world.home.join("elsewhere");
    let again = restore(&world.repo(), &Restore { into: &elsewhere, ..wanted });
    assert!(matches!(again, Err(Error::BranchExists { .. })), "{again:?}");
    assert!(!elsewhere.exists());
    assert_eq!(fs::read_to_string(into.join("a.txt")).unwrap(), "changed\n");
}

#[test]
fn never_over_what_is_there() {
    let world = World::new();
    let head = world.oid("main");
    let name = branch("back");
    let file = world.home.join("file");
    fs::write(&file, "x").unwrap();
    let link = world.home.join("link");
    std::os::unix::fs::symlink(world.home.join("nowhere"), &link).unwrap();
    for into in [&world.at, &file, &link] {
        let wanted = Restore { head: Some(&head), wip: None, into, branch: &name };
        let refused = restore(&world.repo(), &wanted);
        assert!(matches!(refused, Err(Error::Exists { .. })), "{}: {refused:?}", into.display());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "x");
    let absent = Oid::new(&"1".repeat(40)).unwrap();
    let into = world.home.join("back");
    let refused =
        restore(&world.repo(), &Restore { head: Some(&absent), wip: None, into: &into, branch: &name });
    assert!(matches!(refused, Err(Error::NoSuchCommit { .. })), "{refused:?}");
    // What cannot be filled is taken back: no folder, no branch, no worktree that git still lists.
    let text = world.run(&["cat-file", "commit", "main"]);
    let tree = world.run(&["rev-parse", "main^{tree}"]);
    world.write("damaged", &text.replace(&tree, &"1".repeat(40)));
    let damaged = ["hash-object", "-t", "commit", "-w", "--literally", "damaged"];
    let damaged = Oid::new(&world.run(&damaged)).unwrap();
    let wanted = Restore { head: Some(&head), wip: Some(&damaged), into: &into, branch: &name };
    let refused = restore(&world.repo(), &wanted);
    assert!(matches!(refused, Err(Error::Failed { .. })) && !into.exists(), "{refused:?}");
    let listed = world.run(&["worktree", "list", "--porcelain"]);
    assert_eq!(listed.matches("worktree ").count(), 1, "{listed}");
    assert_eq!(world.repo().resolve(&name).unwrap(), None);
    fs::create_dir(&into).unwrap();
    restore(&world.repo(), &Restore { head: Some(&head), wip: None, into: &into, branch: &name }).unwrap();
    assert_eq!(world.git(&into, &["status", "--porcelain"]), "");
}

#[test]
fn what_was_before_the_first_commit_has_none() {
    let world = World::empty(&["--initial-branch=main"]);
    world.write("first.txt", "1\n");
    let wip = wip(&world);
    let into = world.home.join("back");
    let name = branch("back");
    let wanted = Restore { head: None, wip: wip.commit.as_ref(), into: &into, branch: &name };
    restore(&world.repo(), &wanted).unwrap();
    assert_eq!(world.git(&into, &["status", "--porcelain", "-b"]), "## No commits yet on back\n?? first.txt");
}
