//! WIP commits of workdirs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use super::World;
use crate::git::state::{Wip, of_workdir};
use crate::git::tests::fixture::{key, write};
use crate::git::workdir::{self, Workdir};
use crate::git::{Error, Leftovers, Message};

impl World {
    fn wip(&self, workdir: &Workdir) -> Wip {
        of_workdir(&self.repo(), &self.root, workdir, &Message::new("As it is")).unwrap()
    }

    /// Name and content of every file of a commit of the repository.
    pub(super) fn tree(&self, commit: &str) -> Vec<(String, String)> {
        let rows = self.run(&["ls-tree", "-r", "-z", commit]);
        // A submodule's commit is in the submodule.
        let files = rows
            .split('\0')
            .filter_map(|row| row.split_once('\t'))
            .filter(|(facts, _)| facts.contains("blob"));
        files.map(|(_, name)| (name.to_owned(), self.run(&["show", &format!("{commit}:{name}")]))).collect()
    }
}

fn has(tree: &[(String, String)], name: &str, content: &str) -> bool {
    tree.iter().any(|(n, c)| n == name && c == content)
}

#[test]
fn all_files_as_they_are_are_in_it_and_ignored_ones_are_not() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    assert_eq!(world.wip(&workdir).commit, None, "nothing differs");
    assert_eq!(world.wip(&workdir).head, Some(world.oid("main")));

    write(&workdir.path, ".gitignore", "*.log\n");
    write(&workdir.path, "a.txt", "changed\n");
    write(&workdir.path, "new dir/é \"x\"\n.txt", "new\n");
    write(&workdir.path, "build.log", "no\n");
    fs::remove_file(workdir.path.join("c.txt")).unwrap();
    write(&workdir.path, "staged.txt", "staged\n");
    world.git(&workdir.path, &["add", "staged.txt"]);
    let (index, status) = (
        fs::read(workdir.path.join(".git/index")).unwrap(),
        world.git(&workdir.path, &["--no-optional-locks", "status", "--porcelain"]),
    );

    let wip = world.wip(&workdir);
    let commit = wip.commit.clone().unwrap();
    let tree = world.tree(commit.as_str());
    assert!(has(&tree, "a.txt", "changed") && has(&tree, "staged.txt", "staged"), "{tree:?}");
    assert!(has(&tree, "new dir/é \"x\"\n.txt", "new") && has(&tree, ".gitignore", "*.log"), "{tree:?}");
    assert!(!tree.iter().any(|(name, _)| name == "build.log" || name == "c.txt"), "{tree:?}");
    let facts = world.run(&["log", "-1", "--format=%P %T %an <%ae> %cn", commit.as_str()]);
    let facts_wanted =
        format!("{} {} Convoy <convoy@convoy.invalid> Convoy", world.oid("main"), wip.tree.clone().unwrap());
    assert_eq!(facts, facts_wanted);
    assert_eq!(wip.carried(), Some(&commit));

    assert_eq!(fs::read(workdir.path.join(".git/index")).unwrap(), index);
    assert_eq!(world.git(&workdir.path, &["--no-optional-locks", "status", "--porcelain"]), status);
    assert_eq!(world.wip(&workdir).tree, wip.tree, "the same files, the same tree");
    assert!(world.run(&["fsck", "--strict"]).lines().all(|line| line.starts_with("dangling")));
}

#[test]
fn what_the_agent_committed_comes_with_it_in_one_piece() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    world.commit(&workdir.path, "one.txt", "1\n");
    let first = world.wip(&workdir);
    assert_eq!(first.commit, None);
    let head = first.head.unwrap();
    assert_eq!(head.as_str(), world.git(&workdir.path, &["rev-parse", "HEAD"]));
    assert_eq!(world.run(&["show", &format!("{head}:one.txt")]), "1", "it is in the repository");

    // Staged blobs are in the agent's own objects only, and have to come all the same.
    write(&workdir.path, "two.txt", "2\n");
    world.git(&workdir.path, &["add", "-A"]);
    let wip = world.wip(&workdir);
    assert!(has(&world.tree(wip.commit.clone().unwrap().as_str()), "two.txt", "2"));
    fs::rename(workdir.path.join(".git/objects"), world.home.join("away")).unwrap();
    assert!(has(&world.tree(wip.commit.unwrap().as_str()), "one.txt", "1"), "without the agent's objects");
    fs::rename(world.home.join("away"), workdir.path.join(".git/objects")).unwrap();

    // Nothing leads to what was brought; when it is collected it is brought again.
    world.run(&["gc", "-q", "--prune=now"]);
    assert!(!world.try_git(&world.at, &["cat-file", "-e", head.as_str()]).0);
    let again = world.wip(&workdir);
    assert!(has(&world.tree(again.commit.unwrap().as_str()), "two.txt", "2"));
}

#[test]
fn nothing_of_the_agents_runs() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    let ran = world.home.join("ran");
    let touch = format!("touch '{}'; cat", ran.display());
    for (name, value) in [
        ("filter.evil.clean", touch.as_str()),
        ("filter.evil.process", touch.as_str()),
        ("core.fsmonitor", touch.as_str()),
        ("diff.evil.textconv", touch.as_str()),
        ("core.hooksPath", "hooks"),
    ] {
        world.git(&workdir.path, &["config", name, value]);
    }
    write(&workdir.path, ".gitattributes", "* filter=evil diff=evil\n");
    for name in ["post-commit", "reference-transaction", "post-index-change", "pre-commit"] {
        write(&workdir.path, format!("hooks/{name}"), &format!("#!/bin/sh\n{touch}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(workdir.path.join("hooks").join(name), mode).unwrap();
    }
    write(&workdir.path, "inner/file.txt", "x\n");
    world.git(&workdir.path.join("inner"), &["init", "-q"]);
    world.git(&workdir.path.join("inner"), &["config", "core.fsmonitor", &touch]);
    let wip = world.wip(&workdir);
    assert!(has(&world.tree(wip.commit.unwrap().as_str()), ".gitattributes", "* filter=evil diff=evil"));
    assert_eq!(wip.nested, [std::path::PathBuf::from("inner/")]);
    assert!(!ran.exists());
}

#[test]
fn an_agents_locks_and_unreadable_files_are_not_in_the_way() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    write(&workdir.path, ".git/index.lock", "");
    write(&workdir.path, ".git/HEAD.lock", "");
    write(&workdir.path, "a.txt", "changed\n");
    let secret = workdir.path.join("secret.txt");
    fs::write(&secret, "x").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    let readable = fs::read(&secret).is_ok();
    let wip = world.wip(&workdir);
    assert!(has(&world.tree(wip.commit.unwrap().as_str()), "a.txt", "changed"));
    if !readable {
        assert_eq!(wip.unreadable, [std::path::PathBuf::from("secret.txt")]);
    }
    fs::remove_dir_all(workdir.path.join(".git")).unwrap();
    let gone = of_workdir(&world.repo(), &world.root, &workdir, &Message::new("x"));
    assert!(matches!(gone, Err(Error::WorkdirGone { .. })), "{gone:?}");
}

#[test]
fn the_work_of_an_agent_is_collected_as_if_there_had_been_no_wip_commit() {
    let world = World::new();
    let (plain, seen) = (world.workdir("s-1"), world.workdir("s-2"));
    for workdir in [&plain, &seen] {
        world.commit(&workdir.path, "one.txt", "1\n");
        write(&workdir.path, "left.txt", "2\n");
    }
    let wip = world.wip(&seen);
    let (one, other) = (world.collect(&plain), world.collect(&seen));
    assert_eq!((one.commits, one.stat, one.leftovers), (other.commits, other.stat, other.leftovers));
    assert_eq!(world.run(&["rev-parse", &format!("{}^{{tree}}", other.tip)]), wip.tree.unwrap().to_string());
    workdir::remove(&world.repo(), &world.root, &seen).unwrap();
    assert!(!world.root.path().join(".engine/s-2").exists());
}

#[test]
fn a_workdir_begins_with_a_wip_commits_files_as_uncommitted_changes() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    world.commit(&workdir.path, "one.txt", "1\n");
    write(&workdir.path, "a.txt", "changed\n");
    write(&workdir.path, "new.txt", "new\n");
    fs::remove_file(workdir.path.join("c.txt")).unwrap();
    let wip = world.wip(&workdir);
    let mut request = world.request("s-2");
    (request.continue_from, request.wip) = (wip.head.clone(), wip.commit.clone());
    let next = workdir::create(&world.repo(), &world.root, &request).unwrap();
    assert_eq!(world.git(&next.path, &["rev-parse", "HEAD"]), wip.head.as_ref().unwrap().as_str());
    let status = world.git(&next.path, &["status", "--porcelain"]);
    assert_eq!(status, " M a.txt\n D c.txt\n?? new.txt");
    let again = of_workdir(&world.repo(), &world.root, &next, &Message::new("x")).unwrap();
    assert_eq!((again.head, again.tree), (wip.head, wip.tree));
    assert_eq!(next.key, key("s-2"));
}

#[test]
fn the_index_that_is_kept_does_not_stay_as_old_as_the_files_that_were_checked_out() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    let kept = |name: &str| world.root.path().join(".engine/s-1").join(name);
    let written = || fs::metadata(kept("index")).unwrap().modified().unwrap();
    // No later than the files: git reads each of them, since its times say nothing.
    let then = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in ["index", "start"] {
        fs::File::options().write(true).open(kept(name)).unwrap().set_modified(then).unwrap();
    }
    write(&workdir.path, "a.txt", "one\ntwo\nTHREE\n");
    let first = world.wip(&workdir);
    let once = written();
    assert!(once > then);
    assert_eq!(world.wip(&workdir).tree, first.tree);
    assert_eq!(written(), once, "it is written once");

    // It is still that of the commit, and what changes in the same moment is seen.
    write(&workdir.path, "a.txt", "one\nTWO\nthree\n");
    let tree = world.tree(world.wip(&workdir).commit.unwrap().as_str());
    assert!(has(&tree, "a.txt", "one\nTWO\nthree"), "{tree:?}");
    world.git(&workdir.path, &["checkout", "-q", "--", "."]);
    assert_eq!(world.wip(&workdir).commit, None);
    write(&workdir.path, "a.txt", "one\nTWO\nthree\n");
    assert_eq!(world.collect(&workdir).leftovers, Leftovers::Committed);
}
