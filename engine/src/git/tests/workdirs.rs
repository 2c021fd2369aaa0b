//! Making and removing workdirs, in every kind of repository.

use std::fs;
use std::os::unix::fs::symlink;

use super::fixture::{World, branch, identity, key, write};
use crate::git::workdir::{self, Base, Root};
use crate::git::*;

#[test]
fn a_workdir_is_a_clone_of_its_own() {
    let world = World::new();
    world.run(&["tag", "-a", "v1", "-m", "v1"]);
    let workdir = world.workdir("s-1");
    assert_eq!(world.git(&workdir.path, &["status", "--porcelain"]), "");
    assert_eq!(world.git(&workdir.path, &["symbolic-ref", "HEAD"]), "refs/heads/convoy/c/s-1");
    assert_eq!(world.git(&workdir.path, &["rev-parse", "origin/main"]), workdir.base.as_str());
    assert_eq!(world.git(&workdir.path, &["describe"]), "v1");
    assert_eq!(world.git(&workdir.path, &["remote"]), "");
    assert_eq!(world.git(&workdir.path, &["config", "user.name"]), identity().name());
    assert_eq!(world.git(&workdir.path, &["fsck"]), "");
    assert!(!workdir.path.join(".git/hooks").exists());
    assert_eq!(world.oid("refs/convoy/base/s-1"), workdir.base);
    // A second time, as after a crash.
    write(&workdir.path, "half", "");
    let again = world.workdir("s-1");
    assert_eq!(again, workdir);
    assert!(!again.path.join("half").exists());
    let repo = world.repo();
    assert_eq!(list(&repo, &world.root).unwrap().len(), 2);
    workdir::remove(&repo, &world.root, &workdir).unwrap();
    workdir::remove(&repo, &world.root, &workdir).unwrap();
    assert!(list(&repo, &world.root).unwrap().is_empty());
    assert!(!workdir.path.exists());
}

#[test]
fn bare_detached_linked_and_shallow_repositories_work() {
    let world = World::new();
    world.run(&["branch", "other"]);
    world.run(&["worktree", "add", "-q", "../lin ked", "other"]);
    let linked = Repo::open(&world.git, &world.home.join("lin ked")).unwrap();
    assert_eq!(linked.default_branch().unwrap(), branch("other"));
    assert_eq!(linked.common_dir, world.at.join(".git"));
    world.run(&["checkout", "-q", "--detach"]);
    assert_eq!(world.repo().default_branch().unwrap(), branch("main"));
    world.git(&world.home, &["clone", "-q", "--bare", "re po", "ba re.git"]);
    let path = world.at.to_str().unwrap().to_owned();
    world.git(&world.home, &["clone", "-q", "--depth=1", "--no-local", &path, "shal low"]);
    for (number, name) in ["ba re.git", "shal low", "lin ked"].into_iter().enumerate() {
        let repo = Repo::open(&world.git, &world.home.join(name)).unwrap();
        assert_eq!(repo.work_tree.is_none(), name == "ba re.git");
        let base =
            repo.resolve(&branch("main")).unwrap().or(repo.resolve(&branch("other")).unwrap()).unwrap();
        repo.refuse_unsupported(&base).unwrap();
        let mut request = world.request(&format!("s-{number}"));
        request.base = Base::Commit(base.clone());
        let workdir = workdir::create(&repo, &world.root, &request).unwrap();
        world.commit(&workdir.path, "new.txt", "new");
        write(&workdir.path, "left.txt", "left");
        let evidence = collect(&repo, &world.root, &workdir, &identity(), &Message::new("x")).unwrap();
        assert_eq!((evidence.commits, evidence.stat.files), (2, 2), "{name}");
        let Merge::Prepared { base: from, commit } =
            prepare(&repo, &branch("main"), &evidence.tip, &identity(), &Message::new("x")).unwrap()
        else {
            panic!("{name}")
        };
        assert_eq!(
            advance(&repo, &branch("main"), from.as_ref(), &commit).unwrap(),
            Advance::Advanced,
            "{name}"
        );
        workdir::remove(&repo, &world.root, &workdir).unwrap();
    }
}

#[test]
fn a_repository_without_commits_gets_its_first_branch() {
    for format in ["--object-format=sha1", "--object-format=sha256"] {
        let world = World::empty(&["--initial-branch=main", format]);
        let repo = world.repo();
        let main = repo.default_branch().unwrap();
        assert_eq!((main.as_str(), repo.resolve(&main).unwrap()), ("main", None));
        let mut request = workdir::Request {
            key: key("s-1"),
            base: Base::Unborn,
            base_branch: None,
            branch: Some(branch("convoy/c/1")),
            onto: None,
            continue_from: None,
            wip: None,
            identity: identity(),
        };
        let mut tips = Vec::new();
        for name in ["s-1", "s-2"] {
            request.key = key(name);
            request.branch = Some(branch(&format!("convoy/c/{name}")));
            let workdir = workdir::create(&repo, &world.root, &request).unwrap();
            write(&workdir.path, name, "x");
            tips.push(world.collect(&workdir).tip);
        }
        let (from, to) = world.prepared(&tips[0]);
        assert_eq!(from, None);
        assert_eq!(world.advance(None, &to), Advance::Advanced);
        assert_eq!(world.advance(None, &to), Advance::AlreadyMerged);
        let (from, to) = world.prepared(&tips[1]);
        assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
        assert!(world.at.join("s-1").exists() && world.at.join("s-2").exists());
        assert_eq!(world.run(&["status", "--porcelain"]), "");
    }
}

#[test]
fn submodules_lfs_and_partial_clones_are_refused_before_anything_is_spent() {
    let world = World::new();
    let repo = world.repo();
    repo.refuse_unsupported(&world.oid("main")).unwrap();
    world.write("sub\n dir/.gitattributes", "# filter=lfs\n*.bin diff=x  filter=lfs -text\n");
    world.run(&["add", "-A"]);
    world.run(&["commit", "-q", "-m", "lfs"]);
    let refused = repo.refuse_unsupported(&world.oid("main")).unwrap_err();
    assert_eq!(refused.to_string(), "git LFS are not supported: sub\\n dir/.gitattributes");
    world.run(&["reset", "-q", "--hard", "HEAD^"]);
    let link = format!("160000,{},lib", world.oid("main"));
    world.run(&["update-index", "--add", "--cacheinfo", &link]);
    world.run(&["commit", "-q", "-m", "sub"]);
    let refused = repo.refuse_unsupported(&world.oid("main")).unwrap_err();
    assert!(matches!(refused, Error::Unsupported { what: Unsupported::Submodules, .. }), "{refused}");
    world.run(&["config", "remote.origin.promisor", "true"]);
    let refused = repo.refuse_unsupported(&world.oid("main^")).unwrap_err();
    assert!(matches!(refused, Error::Unsupported { what: Unsupported::PartialClone, .. }), "{refused}");
}

#[test]
fn nothing_outside_the_root_is_ever_removed() {
    let world = World::new();
    let repo = world.repo();
    let precious = world.home.join("precious");
    write(&precious, "file", "x");
    symlink(&precious, world.root.path().join("s-1")).unwrap();
    let made = workdir::create(&repo, &world.root, &world.request("s-1"));
    assert!(matches!(made, Err(Error::OutsideRoot { .. })), "{made:?}");
    fs::remove_file(world.root.path().join("s-1")).unwrap();
    let mut workdir = world.workdir("s-1");
    workdir.path = precious.clone();
    assert!(matches!(workdir::remove(&repo, &world.root, &workdir), Err(Error::OutsideRoot { .. })));
    fs::remove_dir_all(world.root.path().join(".making")).unwrap();
    symlink(&precious, world.root.path().join(".making")).unwrap();
    write(&precious, "s-2/file", "x");
    assert!(workdir::create(&repo, &world.root, &world.request("s-2")).is_err());
    assert!(precious.join("file").exists() && precious.join("s-2/file").exists());
    let inside = Root::open(&world.at.join("inside")).unwrap();
    assert!(matches!(
        workdir::create(&repo, &inside, &world.request("s-3")),
        Err(Error::InsideRepository { .. })
    ));
}

#[test]
fn a_detached_workdir_stands_at_a_commit_and_one_can_go_on_from_another() {
    let world = World::new();
    let tip = world.worked("s-1", "x.txt", "x");
    let mut request = world.request("s-2");
    (request.branch, request.base) = (None, Base::Commit(tip.clone()));
    let workdir = workdir::create(&world.repo(), &world.root, &request).unwrap();
    assert_eq!(world.git(&workdir.path, &["rev-parse", "HEAD"]), tip.as_str());
    write(&workdir.path, "target/x", "build");
    workdir::remove(&world.repo(), &world.root, &workdir).unwrap();
    let mut request = world.request("s-3");
    request.continue_from = Some(tip.clone());
    let workdir = workdir::create(&world.repo(), &world.root, &request).unwrap();
    assert!(workdir.path.join("x.txt").exists());
    assert_eq!(world.oid("refs/convoy/from/s-3"), tip);
    assert_eq!(world.collect(&workdir).commits, 1);
}

#[test]
fn a_closed_workdir_shows_what_was_changed_in_it_all_the_same() {
    let world = World::new();
    world.write("script.sh", "#!/bin/sh\n");
    world.write("folder/file.txt", "one\n");
    world.write(".gitignore", "ignored\n");
    world.run(&["add", "-A"]);
    world.run(&["commit", "-q", "-m", "files"]);
    // A commit that no branch has, as of a person's work in progress.
    let dangling = world.oid("HEAD");
    world.run(&["reset", "-q", "--hard", "HEAD~1"]);
    let repo = world.repo();
    let mut request = world.request("s-1");
    (request.base, request.branch, request.base_branch) = (Base::Commit(dangling.clone()), None, None);
    let workdir = workdir::create(&repo, &world.root, &request).unwrap();
    assert_eq!(world.oid("refs/convoy/base/s-1"), dangling, "it is pinned");
    workdir::close(&workdir).unwrap();
    let changed = || -> Vec<String> {
        let files = changed(&repo, &world.root, &workdir).unwrap();
        files.iter().map(|file| file.to_string_lossy().into_owned()).collect()
    };
    assert!(changed().is_empty(), "{:?}", changed());
    use std::os::unix::fs::PermissionsExt;
    for path in ["", "script.sh", "folder", "folder/file.txt", ".git", ".git/HEAD"] {
        let mode = fs::metadata(workdir.path.join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o222, 0, "{path}");
    }
    // Who is root, or gives itself the right, can write all the same.
    for folder in ["", "folder"] {
        fs::set_permissions(workdir.path.join(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
    fs::remove_file(workdir.path.join("script.sh")).unwrap();
    fs::remove_file(workdir.path.join("folder/file.txt")).unwrap();
    write(&workdir.path, "folder/file.txt", "two\n");
    write(&workdir.path, "new.txt", "new\n");
    write(&workdir.path, "ignored", "of no concern\n");
    assert_eq!(changed(), ["folder/file.txt", "new.txt", "script.sh"]);
    for _ in 0..2 {
        workdir::remove_closed(&repo, &world.root, key("s-1"), dangling.clone()).unwrap();
        assert!(!workdir.path.exists() && list(&repo, &world.root).unwrap().is_empty());
    }
}
