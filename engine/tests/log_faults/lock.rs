//! The workspace's lock against real processes.

use std::time::Duration;

use convoy_engine::lock::{Acquired, WorkspaceLock};
use rustix::process::{Pid, Signal, kill_process};

use super::child::{Running, Verb};

#[test]
fn a_killed_holder_leaves_no_lock_even_if_its_child_lives_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = Running::start(Verb::HoldLock, dir.path(), &[]).unwrap();
    let stays: i32 = holder.next().unwrap().parse().unwrap();
    let stays = Pid::from_raw(stays).unwrap();
    let id = holder.process.id();
    match WorkspaceLock::acquire(dir.path(), Duration::ZERO).unwrap() {
        Acquired::Busy { pid } => assert_eq!(pid, Some(id)),
        Acquired::Held(_) => panic!("two have it"),
    }
    holder.process.kill().unwrap();
    holder.process.wait().unwrap();
    let lock = WorkspaceLock::acquire(dir.path(), Duration::ZERO).unwrap();
    assert!(matches!(lock, Acquired::Held(_)), "the child that stays has it");
    kill_process(stays, Signal::KILL).expect("the child lived on");
}

#[test]
fn a_waiter_gets_the_lock_of_a_holder_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = Running::start(Verb::HoldLock, dir.path(), &[]).unwrap();
    let stays = Pid::from_raw(holder.next().unwrap().parse().unwrap()).unwrap();
    let path = dir.path().to_owned();
    let waiter = convoy_engine::tasks::start(convoy_engine::tasks::Kind::Watch, move || {
        WorkspaceLock::acquire(&path, Duration::from_secs(60)).unwrap()
    })
    .unwrap();
    holder.process.kill().unwrap();
    holder.process.wait().unwrap();
    assert!(matches!(waiter.join().unwrap(), Acquired::Held(_)));
    kill_process(stays, Signal::KILL).unwrap();
}
