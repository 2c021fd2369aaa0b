//! What an agent did, in every state that it can leave a workdir in.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::fixture::{World, branch, identity, message, write};
use crate::git::*;

#[test]
fn leftovers_are_committed_once_whatever_their_names() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    world.commit(&workdir.path, "done.txt", "done\n");
    let odd: [&[u8]; 6] = [b"new\nline", b"qu\"o'te", b"-rf", b"caf\xe9", b":(top)x", b"dir with space/ y "];
    for name in odd {
        write(&workdir.path, OsStr::from_bytes(name), "x\n");
    }
    fs::remove_file(workdir.path.join("c.txt")).unwrap();
    fs::remove_file(workdir.path.join("a.txt")).unwrap();
    write(&workdir.path, "a.txt/now a folder", "x\n");
    fs::remove_dir_all(workdir.path.join("dir with space")).unwrap();
    symlink("/etc/passwd", workdir.path.join("dir with space")).unwrap();
    write(&workdir.path, ".gitignore", "ignored\n");
    write(&workdir.path, "ignored", "x");
    write(&workdir.path, "run.sh", "#!/bin/sh\n");
    fs::set_permissions(workdir.path.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let evidence = world.collect(&workdir);
    assert_eq!((evidence.commits, evidence.leftovers, evidence.descends), (2, Leftovers::Committed, true));
    assert_eq!(evidence.kept_at.as_deref(), Some("refs/heads/convoy/c/s-1"));
    assert_eq!(world.oid("convoy/c/s-1"), evidence.tip);
    let names = world.run(&["ls-tree", "-r", "-z", "--name-only", "convoy/c/s-1"]);
    let mut names: Vec<_> = names.split('\0').filter(|n| !n.is_empty()).collect();
    names.sort_unstable();
    let expected = [
        "-rf",
        ".gitignore",
        ":(top)x",
        "a.txt/now a folder",
        "caf\u{fffd}",
        "dir with space",
        "done.txt",
        "new\nline",
        "qu\"o'te",
        "run.sh",
    ];
    assert_eq!(names, expected);
    let log = world.run(&[
        "log",
        "-1",
        "--format=%an|%ae|%s|%(trailers:key=Convoy-Session,valueonly)",
        "convoy/c/s-1",
    ]);
    assert_eq!(log, "Agent O'Brian \"x\" \\ y|agent@convoy|Do the thing|s-1");
    // The process died before the result was logged, and everything is done again. Another message stands for
    // another second: a second commit would have another name.
    let again = collect(&world.repo(), &world.root, &workdir, &identity(), &Message::new("again")).unwrap();
    assert_eq!(again, evidence);
    assert_eq!(world.run(&["rev-list", "--count", "main..convoy/c/s-1"]), "2");
    assert_eq!(world.salvage(&workdir), Salvage::Nothing);
    workdir::remove(&world.repo(), &world.root, &workdir).unwrap();
}

#[test]
fn an_agent_that_did_nothing_has_no_branch() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    let evidence = world.collect(&workdir);
    assert_eq!((evidence.commits, &evidence.tip, &evidence.kept_at), (0, &workdir.base, &None));
    assert_eq!(world.repo().resolve(&branch("convoy/c/s-1")).unwrap(), None);
}

#[test]
fn work_on_another_branch_counts_and_looking_around_does_not_lose_any() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    world.git(&workdir.path, &["checkout", "-q", "-b", "mine"]);
    world.commit(&workdir.path, "x.txt", "x");
    assert_eq!(world.collect(&workdir).commits, 1);

    let workdir = world.workdir("s-2");
    world.commit(&workdir.path, "x.txt", "x");
    world.git(&workdir.path, &["checkout", "-q", "HEAD^"]);
    let evidence = world.collect(&workdir);
    assert_eq!((evidence.commits, evidence.leftovers), (1, Leftovers::None));
    world.git(&workdir.path, &["checkout", "-q", "origin/main^"]);
    write(&workdir.path, "experiment", "x");
    assert_eq!(world.collect(&workdir).leftovers, Leftovers::Elsewhere);
    let refused = workdir::remove(&world.repo(), &world.root, &workdir);
    assert!(matches!(refused, Err(Error::Unsaved { .. })), "{refused:?}");
    let Salvage::Saved { commit, .. } = world.salvage(&workdir) else { panic!("nothing saved") };
    assert_eq!(world.run(&["show", &format!("{commit}:experiment")]), "x");
    workdir::remove(&world.repo(), &world.root, &workdir).unwrap();
}

#[test]
fn stashes_and_side_branches_are_salvaged() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    let mut there = Vec::new();
    for text in ["1", "2"] {
        write(&workdir.path, "a.txt", text);
        world.git(&workdir.path, &["stash", "-q"]);
        there.push(world.git(&workdir.path, &["rev-parse", "stash"]));
    }
    world.git(&workdir.path, &["checkout", "-q", "-b", "side"]);
    world.commit(&workdir.path, "side.txt", "x");
    there.push(world.git(&workdir.path, &["rev-parse", "side"]));
    world.git(&workdir.path, &["checkout", "-q", "convoy/c/s-1"]);
    world.commit(&workdir.path, "x.txt", "x");
    world.git(&workdir.path, &["pack-refs", "--all"]);
    let evidence = world.collect(&workdir);
    assert_eq!(evidence.commits, 1);
    assert!(matches!(world.salvage(&workdir), Salvage::Saved { .. }));
    assert_eq!(world.salvage(&workdir), Salvage::Nothing);
    workdir::remove(&world.repo(), &world.root, &workdir).unwrap();
    for oid in there {
        world.run(&["merge-base", "--is-ancestor", &oid, "refs/convoy/salvage/s-1"]);
    }
    let salvage = world.oid("refs/convoy/salvage/s-1");
    assert_eq!(list(&world.repo(), &world.root).unwrap().len(), 1);
    world.repo().forget_salvage(&super::fixture::key("s-1"), &salvage).unwrap();
    assert!(list(&world.repo(), &world.root).unwrap().is_empty());
}

#[test]
fn a_workdir_that_is_gone_is_an_error_and_never_a_commit_elsewhere() {
    let world = World::new();
    // The workdirs' root is itself inside somebody's repository.
    world.git(&world.home, &["init", "-q"]);
    let collect = |workdir: &workdir::Workdir| {
        collect(&world.repo(), &world.root, workdir, &identity(), &message()).unwrap_err().is_workdir_gone()
    };
    let workdir = world.workdir("s-1");
    write(&workdir.path, "left.txt", "left");
    fs::rename(workdir.path.join(".git"), world.home.join("moved")).unwrap();
    assert!(collect(&workdir));
    // The person's git directory in its place is not taken for it.
    symlink(world.at.join(".git"), workdir.path.join(".git")).unwrap();
    assert!(collect(&workdir));
    fs::remove_file(workdir.path.join(".git")).unwrap();
    assert!(matches!(workdir::remove(&world.repo(), &world.root, &workdir), Err(Error::Unsaved { .. })));
    let Salvage::Saved { commit, .. } = world.salvage(&workdir) else { panic!("nothing saved") };
    assert_eq!(world.run(&["show", &format!("{commit}:left.txt")]), "left");
    workdir::remove(&world.repo(), &world.root, &workdir).unwrap();
    assert!(collect(&workdir));
    assert_eq!(world.salvage(&workdir), Salvage::Nothing);
    assert!(!world.try_git(&world.home, &["rev-parse", "--verify", "-q", "HEAD"]).0);
}

#[test]
fn a_branch_that_cannot_take_the_work_is_left_alone() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    world.commit(&workdir.path, "x.txt", "x");
    world.run(&["checkout", "-q", "-b", "convoy/c/s-1"]);
    let evidence = world.collect(&workdir);
    assert_eq!(evidence.kept_at.as_deref(), Some("refs/convoy/salvage/s-1"));
    assert_eq!(world.oid("refs/convoy/salvage/s-1"), evidence.tip);
    assert_eq!(world.oid("HEAD"), world.oid("main"));
    assert_eq!(world.collect(&workdir), evidence);
    assert_eq!(world.salvage(&workdir), Salvage::Nothing);
    world.git(&workdir.path, &["branch", "side", "HEAD^"]);
    world.git(&workdir.path, &["checkout", "-q", "side"]);
    world.commit(&workdir.path, "side.txt", "x");
    world.git(&workdir.path, &["checkout", "-q", "convoy/c/s-1"]);
    assert!(matches!(world.salvage(&workdir), Salvage::Saved { .. }));
    assert_eq!(world.collect(&workdir), evidence);
    workdir::remove(&world.repo(), &world.root, &workdir).unwrap();
}

#[test]
fn the_persons_line_ends_and_ignored_files_hold_for_us_too() {
    let mut world = World::new();
    write(
        &world.home,
        ".gitconfig",
        "[core]\n\tautocrlf = true\n\texcludesFile = ~/ignore\n[filter \"f\"]\n\tclean = false\n",
    );
    write(&world.home, "ignore", "*.swp\n");
    let path = std::env::vars_os().find(|(name, _)| name == "PATH").unwrap();
    let environment = crate::os::spawn::Environment::new([path, ("HOME".into(), world.home.clone().into())]);
    world.git = Git::new(&environment).unwrap();
    let workdir = world.workdir("s-1");
    assert!(fs::read_to_string(workdir.path.join("a.txt")).unwrap().contains('\r'));
    write(&workdir.path, "x.swp", "x");
    assert_eq!(world.collect(&workdir).leftovers, Leftovers::None);
    assert_eq!(world.git(&workdir.path, &["status", "--porcelain"]), "");
}

#[test]
fn nested_repositories_are_named_and_not_run() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    let nested = workdir.path.join("vendor/x");
    fs::create_dir_all(&nested).unwrap();
    world.git(&nested, &["init", "-q"]);
    world.commit(&nested, "y", "y");
    write(&workdir.path, "z", "z");
    let evidence = world.collect(&workdir);
    assert_eq!((evidence.stat.files, evidence.nested), (1, vec!["vendor/x/".into()]));
}
