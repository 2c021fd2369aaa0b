//! Preparing merges and moving branches that nobody has checked out.

use super::fixture::{World, branch, identity, message, write};
use crate::git::*;
use crate::tasks;

fn bare() -> World {
    let mut world = World::new();
    world.git(&world.home, &["clone", "-q", "--bare", "re po", "bare.git"]);
    world.at = world.home.join("bare.git");
    world
}

#[test]
fn a_merge_has_two_parents_and_trailers_and_happens_once() {
    let world = bare();
    let tip = world.worked("s-1", "x.txt", "x");
    let (from, to) = world.prepared(&tip);
    let base = from.clone().unwrap();
    let facts =
        world.run(&["log", "-1", "--format=%P|%s|%(trailers:key=Convoy-Session,valueonly)", to.as_str()]);
    assert_eq!(facts, format!("{base} {tip}|Do the thing|s-1"));
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::AlreadyMerged);
    assert_eq!(world.prepare(&tip), Merge::AlreadyMerged { commit: to.clone() });
    let second = world.worked("s-2", "y.txt", "y");
    let (now, next) = world.prepared(&second);
    assert_eq!(world.advance(now.as_ref(), &next), Advance::Advanced);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::AlreadyMerged);
    assert_eq!(world.prepare(&tip), Merge::AlreadyMerged { commit: to });
}

#[test]
fn conflicts_name_the_files() {
    let world = bare();
    let first = world.worked("s-1", "odd \n\"name", "1\n");
    let second = world.worked("s-2", "odd \n\"name", "2\n");
    let (from, to) = world.prepared(&first);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
    assert_eq!(world.prepare(&second), Merge::Conflict { base: to, files: vec!["odd \n\"name".into()] });
}

#[test]
fn a_base_that_moved_is_told_and_nothing_is_overwritten() {
    let world = bare();
    let (one, two) = (world.worked("s-1", "x.txt", "x"), world.worked("s-2", "y.txt", "y"));
    let (from, to) = world.prepared(&one);
    let (_, other) = world.prepared(&two);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
    assert_eq!(world.advance(from.as_ref(), &other), Advance::Moved { now: Some(to.clone()) });
    assert_eq!(world.advance(None, &other), Advance::Moved { now: Some(to) });
    let (from, to) = world.prepared(&two);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
}

#[test]
fn parallel_merges_all_land() {
    let world = bare();
    let tips: Vec<_> = (0..4).map(|n| world.worked(&format!("s-{n}"), &format!("f{n}"), "x")).collect();
    let threads: Vec<_> = tips
        .iter()
        .map(|tip| {
            let (repo, tip) = (world.repo(), tip.clone());
            tasks::start(tasks::Kind::Effect, move || {
                for _ in 0..20 {
                    let merge = prepare(&repo, &branch("main"), &tip, &identity(), &message()).unwrap();
                    let Merge::Prepared { base, commit } = merge else { return true };
                    let done = advance(&repo, &branch("main"), base.as_ref(), &commit).unwrap();
                    if matches!(done, Advance::Advanced | Advance::AlreadyMerged) {
                        return true;
                    }
                }
                false
            })
            .unwrap()
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    assert_eq!(world.run(&["rev-list", "--count", "--merges", "main"]), "4");
    let repo = world.repo();
    assert!(tips.iter().all(|tip| repo.is_ancestor(tip, &world.oid("main")).unwrap()));
    assert_eq!(repo.diff_stat(&world.oid("main~4"), &world.oid("main")).unwrap().files, 4);
}

#[test]
fn a_lock_that_somebody_left_blocks_and_is_not_removed() {
    let world = bare();
    let tip = world.worked("s-1", "x.txt", "x");
    let (from, to) = world.prepared(&tip);
    let lock = world.at.join("refs/heads/main.lock");
    write(&world.at, "refs/heads/main.lock", "");
    let blocked = world.advance(from.as_ref(), &to);
    let Advance::Blocked { why: Obstacle::Lock(path), .. } = blocked else { panic!("{blocked:?}") };
    assert!(lock.exists() && path.ends_with("main.lock"));
    std::fs::remove_file(lock).unwrap();
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
}

#[test]
fn a_base_branch_may_be_called_anything_that_git_allows() {
    let world = bare();
    let tip = world.worked("s-1", "x.txt", "x");
    let odd = branch("a/'$(touchpwn)';`id`#{x}&|\"");
    let merge = prepare(&world.repo(), &odd, &tip, &identity(), &message()).unwrap();
    let Merge::Prepared { base: None, commit } = merge else { panic!("{merge:?}") };
    assert_eq!(advance(&world.repo(), &odd, None, &commit).unwrap(), Advance::Advanced);
    assert_eq!(world.repo().resolve(&odd).unwrap(), Some(commit));
}

/// `cargo test -p convoy-engine git::tests::merging::measure -- --ignored --nocapture`
#[test]
#[ignore = "prints how long each operation takes"]
fn measure() {
    let world = World::new();
    for n in 0..50 {
        world.write(format!("src/{n}.txt"), &"line\n".repeat(100));
    }
    world.run(&["add", "-A"]);
    world.run(&["commit", "-q", "-m", "fifty"]);
    let repo = world.repo();
    let mut times: std::collections::BTreeMap<&str, Vec<u128>> = Default::default();
    for n in 0..15 {
        let mut note = |what, start: crate::clock::Instant| {
            times.entry(what).or_default().push(start.elapsed().as_micros());
        };
        let now = crate::clock::Instant::now;
        let start = now();
        let workdir = world.workdir(&format!("s-{n}"));
        note("create", start);
        world.commit(&workdir.path, &format!("new{n}"), "x\n");
        if n % 2 == 0 {
            write(&workdir.path, "left", &n.to_string());
        }
        let start = now();
        let evidence = world.collect(&workdir);
        note(if n % 2 == 0 { "collect with leftovers" } else { "collect" }, start);
        let start = now();
        let (from, to) = world.prepared(&evidence.tip);
        note("prepare", start);
        let start = now();
        assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
        note("advance a checkout", start);
        let start = now();
        assert_eq!(world.salvage(&workdir), Salvage::Nothing);
        note("salvage of nothing", start);
        let start = now();
        workdir::remove(&repo, &world.root, &workdir).unwrap();
        note("remove", start);
    }
    for (what, mut all) in times {
        all.sort_unstable();
        println!("{what}: {:.1} ms", all[all.len() / 2] as f64 / 1000.0);
    }
}
