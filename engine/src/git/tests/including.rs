//! Files that git ignores and that a workdir gets all the same.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::fixture::{World, write};
use crate::git::*;

/// A checkout that ignores `.env`, `cache/` and `*.tmp`, and includes what is given.
fn world(patterns: &str) -> World {
    let world = World::new();
    world.write(".gitignore", ".env\ncache/\n*.tmp\n");
    world.run(&["add", "-A"]);
    world.run(&["commit", "-q", "-m", "ignore"]);
    world.write(".worktreeinclude", patterns);
    world
}

#[test]
fn what_is_named_and_ignored_is_copied_and_is_no_change() {
    let world = world("# comment\n.env\ncache/**\n!cache/big\nplain.txt\na.txt\n");
    world.write(".env", "SECRET=1\n");
    fs::set_permissions(world.at.join(".env"), fs::Permissions::from_mode(0o640)).unwrap();
    world.write("cache/deep/x", "x");
    world.write("cache/big", "big");
    world.write("dir with space/.env", "2\n");
    world.write("other.tmp", "not named");
    world.write("plain.txt", "named, and not ignored");
    let workdir = world.workdir("s-1");
    assert_eq!(include(&world.repo(), &workdir).unwrap(), 3);
    let read = |name: &str| fs::read_to_string(workdir.path.join(name)).ok();
    assert_eq!(read(".env").as_deref(), Some("SECRET=1\n"));
    assert_eq!(read("dir with space/.env").as_deref(), Some("2\n"));
    assert_eq!(read("cache/deep/x").as_deref(), Some("x"));
    assert_eq!((read("cache/big"), read("other.tmp"), read("plain.txt")), (None, None, None));
    let mode = fs::metadata(workdir.path.join(".env")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "a file with secrets is for its owner");
    // Nobody's change: neither seen, nor committed with what an agent leaves.
    assert_eq!(world.git(&workdir.path, &["status", "--porcelain"]), "");
    write(&workdir.path, "new.txt", "the agent's");
    let evidence = world.collect(&workdir);
    let landed = world.run(&["ls-tree", "-r", "--name-only", evidence.tip.as_str()]);
    assert!(landed.contains("new.txt") && !landed.contains(".env") && !landed.contains("cache"), "{landed}");
    // Again, as after a crash: what is there stays.
    assert_eq!(include(&world.repo(), &workdir).unwrap(), 0);
}

#[test]
fn nothing_leaves_the_repository_or_comes_into_the_way() {
    let world = world("*\n");
    let outside = world.home.join("outside");
    fs::create_dir_all(outside.join("in")).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    // In the branch a folder of the checkout is a link out of it, and a file of the checkout is tracked.
    symlink(&outside, world.at.join("cache")).unwrap();
    fs::write(world.at.join("kept.tmp"), "tracked").unwrap();
    world.run(&["add", "-f", "cache", "kept.tmp"]);
    world.run(&["commit", "-q", "-m", "a link"]);
    world.run(&["rm", "-q", "--cached", "cache", "kept.tmp"]);
    fs::remove_file(world.at.join("cache")).unwrap();
    world.write("cache/in/planted", "planted");
    world.write("kept.tmp", "of the checkout");
    for (name, to) in [
        ("inside.tmp", "a.txt"),
        ("climbs.tmp", "../outside/secret"),
        ("absolute.tmp", "/etc/passwd"),
        ("dir with space/up.tmp", "../a.txt"),
        ("dir with space/out.tmp", "../../outside/secret"),
    ] {
        symlink(to, world.at.join(name)).unwrap();
    }
    let pipe = world.at.join("pipe.tmp");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b":(top)-n\n\xff \"'*.tmp");
    world.write(odd, "odd");
    world.write(".convoy/state/own.tmp", "Convoy's own");
    let nested = world.at.join("cache/nested");
    fs::create_dir_all(&nested).unwrap();
    world.git(&nested, &["init", "-q"]);
    let workdir = world.workdir("s-1");
    assert_eq!(include(&world.repo(), &workdir).unwrap(), 3);
    let is_link = |name: &str| workdir.path.join(name).is_symlink();
    assert!(is_link("inside.tmp") && is_link("dir with space/up.tmp"));
    assert!(!is_link("climbs.tmp") && !is_link("absolute.tmp") && !is_link("dir with space/out.tmp"));
    assert_eq!(fs::read_to_string(workdir.path.join(odd)).unwrap(), "odd");
    assert_eq!(fs::read_to_string(workdir.path.join("kept.tmp")).unwrap(), "tracked");
    assert!(!outside.join("in/planted").exists() && !workdir.path.join(".convoy").exists());
    assert!(workdir.path.join("pipe.tmp").symlink_metadata().is_err());
}

#[test]
fn without_a_checkout_or_a_list_nothing_is_included() {
    let world = world(".env\n");
    world.write(".env", "1");
    fs::remove_file(world.at.join(".worktreeinclude")).unwrap();
    let workdir = world.workdir("s-1");
    assert_eq!(include(&world.repo(), &workdir).unwrap(), 0);
    let bare = world.home.join("bare.git");
    world.git(&world.home, &["clone", "-q", "--bare", &world.at.to_string_lossy(), &bare.to_string_lossy()]);
    fs::write(bare.join(".worktreeinclude"), "*\n").unwrap();
    let repo = Repo::open(&world.git, &bare).unwrap();
    assert_eq!(include(&repo, &workdir).unwrap(), 0);
    // What only this checkout ignores would be committed out of a workdir, so it is not brought there.
    world.write(".worktreeinclude", "mine\n");
    world.write("mine", "1");
    fs::write(world.at.join(".git/info/exclude"), "mine\n.worktreeinclude\n").unwrap();
    assert_eq!(include(&world.repo(), &workdir).unwrap(), 0);
}

#[test]
fn too_much_is_refused_with_its_limit() {
    let world = world("*.tmp\n");
    fs::write(world.at.join(".worktreeinclude"), "x".repeat(70_000)).unwrap();
    let workdir = world.workdir("s-1");
    let said = |world: &World| include(&world.repo(), &workdir).unwrap_err().to_string();
    assert_eq!(said(&world), ".worktreeinclude names patterns of 70000 bytes, and at most 65536 are read");
    fs::write(world.at.join(".worktreeinclude"), "*.tmp\n").unwrap();
    // A sparse file: its size counts, not what it takes.
    let big = fs::File::create(world.at.join("big.tmp")).unwrap();
    big.set_len(1024 * 1024 * 1024 + 1).unwrap();
    assert_eq!(said(&world), ".worktreeinclude names more than 1073741824 bytes");
    for n in 0..10_000 {
        fs::write(world.at.join(format!("{n}.tmp")), "").unwrap();
    }
    assert_eq!(said(&world), ".worktreeinclude names 10001 files, and at most 10000 are copied");
    fs::remove_file(world.at.join(".worktreeinclude")).unwrap();
    symlink("/etc/passwd", world.at.join(".worktreeinclude")).unwrap();
    assert_eq!(said(&world), ".worktreeinclude names no patterns: it is not a plain file");
}
