//! WIP commits of a person's own checkout.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::World;
use crate::git::state::{Dated, Wip, of_checkout};
use crate::git::tests::fixture::write;
use crate::git::{Error, Message, Repo};

impl World {
    fn checkout_wip(&self, at: &Path) -> Wip {
        let repo = Repo::open(&self.git, at).unwrap();
        of_checkout(&repo, &self.home.join("scratch"), &Message::new("As it is"), Dated::AsHead).unwrap()
    }

    /// What `make` leaves as it was, but for objects.
    fn untouched<T>(&self, make: impl FnOnce() -> T) -> T {
        let look = || {
            let read = |name: &str| fs::read(self.at.join(".git").join(name)).ok();
            let (_, refs) = self.try_git(&self.at, &["for-each-ref"]);
            let (_, status) = self.try_git(&self.at, &["--no-optional-locks", "status", "--porcelain", "-b"]);
            let names = |folder: &Path| {
                let entries = fs::read_dir(folder).unwrap().flatten();
                let mut names: Vec<_> = entries.map(|e| e.file_name()).collect();
                names.sort();
                names
            };
            let dirs = (names(&self.at), names(&self.at.join(".git")));
            (read("index"), read("HEAD"), read("ORIG_HEAD"), read("logs/HEAD"), refs, status, dirs)
        };
        let before = look();
        let made = make();
        assert_eq!(look(), before);
        made
    }
}

fn content(world: &World, wip: &Wip, name: &str) -> Option<String> {
    let commit = wip.commit.as_ref().expect("something differs");
    world.tree(commit.as_str()).into_iter().find(|(n, _)| n == name).map(|(_, content)| content)
}

#[test]
fn it_is_the_files_and_not_the_index_and_the_index_stays() {
    let world = World::new();
    let nothing = world.untouched(|| world.checkout_wip(&world.at));
    assert_eq!((nothing.commit, nothing.head), (None, Some(world.oid("main"))));

    world.write(".gitignore", "*.log\n");
    world.write("x.log", "ignored\n");
    world.write("a.txt", "staged\n");
    world.write("only-staged.txt", "s\n");
    world.write("meant.txt", "m\n");
    world.run(&["add", "a.txt", "only-staged.txt"]);
    world.run(&["add", "-N", "meant.txt"]);
    world.write("a.txt", "in the file\n");
    world.write("untracked/u.txt", "u\n");
    world.run(&["rm", "-q", "--cached", "c.txt"]);
    fs::remove_file(world.at.join("dir with space/b.txt")).unwrap();
    // Another git command that is at work, or was killed.
    world.write(".git/index.lock", "");
    let wip = world.untouched(|| world.checkout_wip(&world.at));
    assert_eq!(content(&world, &wip, "a.txt").unwrap(), "in the file");
    assert_eq!(content(&world, &wip, "only-staged.txt").unwrap(), "s");
    assert_eq!(content(&world, &wip, "meant.txt").unwrap(), "m");
    assert_eq!(content(&world, &wip, "untracked/u.txt").unwrap(), "u");
    assert_eq!(content(&world, &wip, "c.txt").unwrap(), "c", "it is there still, if only as a file");
    assert_eq!(content(&world, &wip, "x.log"), None);
    assert_eq!(content(&world, &wip, "dir with space/b.txt"), None);
    assert_eq!(wip.head, Some(world.oid("main")));
    let made = |commit: &str| world.run(&["log", "-1", "--format=%ct", commit]);
    assert_eq!(made(wip.commit.as_ref().unwrap().as_str()), made("main"));
    assert!(fs::read_dir(world.home.join("scratch")).unwrap().flatten().all(|e| e.file_name() == "wip-turn"));
}

#[test]
fn no_commit_yet_detached_and_bare() {
    let world = World::empty(&["--initial-branch=main"]);
    let nothing = world.checkout_wip(&world.at);
    assert_eq!((nothing.head, nothing.commit), (None, None));
    world.write("first.txt", "1\n");
    let wip = world.checkout_wip(&world.at);
    assert_eq!(wip.head, None);
    assert_eq!(content(&world, &wip, "first.txt").unwrap(), "1");
    // What is looked at again a second later is the same commit.
    let commit = wip.commit.unwrap();
    assert_eq!(world.run(&["log", "-1", "--format=%P|%ct|%at", commit.as_str()]), "|0|0");

    let world = World::new();
    world.run(&["checkout", "-q", "--detach", "HEAD^"]);
    world.write("a.txt", "detached\n");
    let wip = world.untouched(|| world.checkout_wip(&world.at));
    assert_eq!(wip.head, Some(world.oid("HEAD")));
    assert_eq!(content(&world, &wip, "a.txt").unwrap(), "detached");

    let bare = world.home.join("bare");
    world.git(&world.home, &["clone", "-q", "--bare", world.at.to_str().unwrap(), bare.to_str().unwrap()]);
    world.git(&bare, &["symbolic-ref", "HEAD", "refs/heads/main"]);
    let wip = world.checkout_wip(&bare);
    assert_eq!((wip.head, wip.commit, wip.tree), (Some(world.oid("main")), None, None));
}

#[test]
fn their_filters_apply_and_their_hooks_do_not_run() {
    let world = World::new();
    world.run(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    world.write(".gitattributes", "*.up filter=upper\n*.bad filter=bad\n");
    world.write("x.up", "loud\n");
    for name in ["pre-commit", "post-commit", "reference-transaction", "post-index-change"] {
        let hook = world.at.join(".git/hooks").join(name);
        write(&world.at, format!(".git/hooks/{name}"), "#!/bin/sh\ntouch ../ran ran\nexit 1\n");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let wip = world.checkout_wip(&world.at);
    assert_eq!(content(&world, &wip, "x.up").unwrap(), "LOUD");
    assert!(!world.at.join("ran").exists() && !world.home.join("ran").exists());

    world.run(&["config", "filter.bad.clean", "false"]);
    world.run(&["config", "filter.bad.required", "true"]);
    world.write("x.bad", "x\n");
    let repo = world.repo();
    let failed = of_checkout(&repo, &world.home.join("scratch"), &Message::new("x"), Dated::Now);
    assert!(matches!(failed, Err(Error::Failed { .. })), "{failed:?}");
}

#[test]
fn a_merge_under_way_a_split_index_and_linked_worktrees() {
    let world = World::new();
    world.run(&["checkout", "-q", "-b", "other"]);
    world.write("a.txt", "theirs\n");
    world.run(&["commit", "-q", "-am", "theirs"]);
    world.run(&["checkout", "-q", "main"]);
    world.write("a.txt", "ours\n");
    world.run(&["commit", "-q", "-am", "ours"]);
    assert!(!world.try_git(&world.at, &["merge", "-q", "other"]).0);
    let wip = world.untouched(|| world.checkout_wip(&world.at));
    assert!(content(&world, &wip, "a.txt").unwrap().starts_with("<<<<<<< "));
    world.run(&["merge", "--abort"]);

    world.run(&["update-index", "--split-index"]);
    world.run(&["config", "core.splitIndex", "true"]);
    world.write("a.txt", "split\n");
    let wip = world.untouched(|| world.checkout_wip(&world.at));
    assert_eq!(content(&world, &wip, "a.txt").unwrap(), "split");

    let linked = world.home.join("linked");
    world.run(&["worktree", "add", "-q", linked.to_str().unwrap(), "other"]);
    write(&linked, "a.txt", "linked\n");
    let wip = world.untouched(|| world.checkout_wip(&linked));
    assert_eq!(content(&world, &wip, "a.txt").unwrap(), "linked");
    assert_eq!(wip.head, Some(world.oid("other")));
}

#[test]
fn submodules_and_nested_repositories_are_not_entered() {
    let world = World::new();
    let inner = World::new();
    let allowed = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    world.run(&[&allowed[..], &[inner.at.to_str().unwrap(), "sub"]].concat());
    world.run(&["commit", "-q", "-m", "submodule"]);
    let ran = world.home.join("ran");
    let touch = format!("touch '{}'; cat", ran.display());
    world.git(&world.at.join("sub"), &["config", "core.fsmonitor", &touch]);
    world.write("sub/a.txt", "changed inside\n");
    let wip = world.untouched(|| world.checkout_wip(&world.at));
    assert_eq!(wip.commit, None, "what is inside a submodule is not the repository's");
    world.write("nested/x.txt", "x\n");
    world.git(&world.at.join("nested"), &["init", "-q"]);
    world.write("new.txt", "new\n");
    let wip = world.checkout_wip(&world.at);
    assert_eq!(wip.nested, [std::path::PathBuf::from("nested/")]);
    assert_eq!(content(&world, &wip, "new.txt").unwrap(), "new");
    assert!(!ran.exists());
    let kept = world.run(&["ls-tree", wip.commit.unwrap().as_str(), "sub"]);
    assert!(kept.starts_with("160000 commit "), "{kept}");
}
