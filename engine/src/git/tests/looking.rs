//! What a workdir has changed so far, as people see it.

use std::fs;

use super::fixture::{World, write};
use crate::git::*;

fn look(world: &World, workdir: &workdir::Workdir) -> SoFar {
    so_far(&world.repo(), &world.root, workdir).unwrap()
}

#[test]
fn committed_and_uncommitted_work_is_one_change_and_nothing_is_touched() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    assert_eq!(look(&world, &workdir), SoFar { bytes: Some(0), ..SoFar::default() });

    world.commit(&workdir.path, "done.txt", "done\n");
    write(&workdir.path, "a.txt", "one\nTWO\nthree\n");
    write(&workdir.path, "new é.txt", "new\n");
    fs::remove_file(workdir.path.join("c.txt")).unwrap();
    let status = |world: &World| world.git(&workdir.path, &["--no-optional-locks", "status", "--porcelain"]);
    let before = (fs::read(workdir.path.join(".git/index")).unwrap(), status(&world));
    let seen = look(&world, &workdir);
    for line in ["-two", "+TWO", "+done", "+new", "deleted file", "+++ b/new é.txt"] {
        assert!(seen.text.lines().any(|l| l.starts_with(line)), "{line}: {}", seen.text);
    }
    assert_eq!((seen.stat.files, seen.stat.insertions, seen.stat.deletions), (4, 3, 2));
    assert_eq!(seen.bytes, Some(seen.text.len()));
    assert_eq!(before, (fs::read(workdir.path.join(".git/index")).unwrap(), status(&world)));
    assert!(look(&world, &workdir) == seen, "a second look sees the same");
}

#[test]
fn what_is_large_is_named_and_not_read() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    write(&workdir.path, "large.bin", &"x".repeat(300 * 1024));
    write(&workdir.path, "small.txt", "small\n");
    world.commit(&workdir.path, "long.txt", &"a line of it\n".repeat(30_000));
    write(&workdir.path, "large.bin", &"y".repeat(300 * 1024));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        workdir.path.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let seen = look(&world, &workdir);
    assert_eq!((seen.left_out, seen.left_out_total), (vec!["large.bin".to_owned()], 1));
    assert!(seen.text.len() <= DIFF_BYTES_MAX && seen.text.ends_with('\n'), "{}", seen.text.len());
    assert!(seen.bytes.unwrap() > seen.text.len());
    assert_eq!(seen.stat.files, 3, "large.bin as it was committed, long.txt, small.txt");
}

#[test]
fn what_landed_is_the_same_change() {
    let world = World::new();
    let tip = world.worked("s-1", "done.txt", "done\n");
    let repo = world.repo();
    let base = repo.parent(&tip).unwrap().unwrap();
    assert_eq!(base, world.oid("main"));
    let seen = repo.so_far(&base, &tip).unwrap();
    assert!(seen.text.contains("+done") && seen.stat.files == 1, "{seen:?}");
}
