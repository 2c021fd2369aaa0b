//! Checkpoints as git has them, snapshots of convoys, and bringing both to a remote and back.

use std::fs;
use std::path::{Path, PathBuf};

use convoy_engine::git::state::{Change, Dated, Put, StatePath, StateRef, of_checkout};
use convoy_engine::git::{Git, Message, Repo};
use convoy_engine::os::spawn::Environment;
use convoy_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::{room, words, workspace};

fn convoy(env: &TestEnv, line: &str) -> Value {
    env.convoy(words(&format!("{line} --json"))).ok().json()
}

fn repo(env: &TestEnv) -> Repo {
    let command = env.command("git", &env.dir());
    let vars = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    Repo::open(&Git::new(&Environment::new(vars)).expect("git"), &env.dir()).expect("a repository")
}

/// Makes a checkpoint of the checkout as it is, by the library.
fn checkpoint(env: &TestEnv, epic: &str, id: &str, sequence: u64) {
    let repo = repo(env);
    let message = Message::new("Checkpoint");
    let wip = of_checkout(&repo, &env.root().join("scratch"), &message, Dated::Now).expect("a WIP commit");
    let content = json!({
        "id": id, "epic_id": epic, "session_id": "s-1", "session_number": 1, "sequence": sequence,
        "timestamp": "2026-01-01T00:00:00Z", "git_commit": wip.head.as_ref().map(ToString::to_string),
        "wip_commit": wip.commit.as_ref().map(ToString::to_string), "context": { "notes": ["a note"] },
        "summary": "Half \u{1b}[2J of it", "reason": { "asked": { "note": null } }, "later": true,
    });
    let path = StatePath::checkpoint(epic, id).expect("a path");
    let change = Change { path, put: Put::Once(content.to_string().into_bytes()) };
    let carried: Vec<_> = wip.carried().cloned().into_iter().collect();
    let _ = StateRef::new(&repo).write(&[change], &carried, &message).expect("a commit");
}

fn git(env: &TestEnv, dir: &Path, words: &[&str]) -> String {
    let mut command = env.command("git", dir);
    let output = command.args(words).output().expect("git runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The snapshots that git has, by name.
fn snapshots(env: &TestEnv) -> Vec<(String, Value)> {
    let there = env.command("git", &env.dir()).args(["rev-parse", "-q", "--verify", STATE]).output();
    if !there.expect("git runs").status.success() {
        return Vec::new();
    }
    let names = git(env, &env.dir(), &["ls-tree", "-r", "--name-only", STATE, "convoys"]);
    let read =
        |name: &str| serde_json::from_str(&git(env, &env.dir(), &["show", &format!("{STATE}:{name}")]));
    names.lines().map(|name| (name.to_owned(), read(name).expect("JSON"))).collect()
}

const STATE: &str = "refs/convoy/state";

#[test]
fn they_are_listed_shown_restored_and_deleted() {
    let env = workspace();
    assert_eq!(convoy(&env, "checkpoint list"), json!([]));
    fs::write(env.dir().join("new.txt"), "untracked\n").expect("a file");
    checkpoint(&env, "login", "ckpt-a1", 9);
    checkpoint(&env, "login", "ckpt-a2", 10);
    checkpoint(&env, "other", "ckpt-b", 1);
    let ids = |list: Value| -> Vec<String> {
        list.as_array()
            .expect("a list")
            .iter()
            .map(|one| one["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(convoy(&env, "checkpoint list")), ["ckpt-a2", "ckpt-a1", "ckpt-b"], "the newest first");
    assert_eq!(ids(convoy(&env, "checkpoint list --epic other")), ["ckpt-b"]);
    let text = env.convoy(words("checkpoint list --epic login")).ok().stdout;
    assert!(text.contains("Half \\u{1b}[2J of it") || !text.contains('\u{1b}'), "{text:?}");

    let shown = convoy(&env, "checkpoint show ckpt-b");
    assert_eq!((&shown["sequence"], &shown["later"]), (&json!(1), &json!(true)), "{shown}");
    env.convoy(words("checkpoint show ckpt-a")).exits(2);
    env.convoy(words("checkpoint show ckpt-x")).exits(3);

    let back = env.root().join("back");
    let restored = convoy(&env, &format!("checkpoint restore ckpt-a2 {}", back.display()));
    assert_eq!(restored["branch"], "restore/ckpt-a2");
    assert_eq!(git(&env, &back, &["status", "--porcelain", "-b"]).lines().next(), Some("## restore/ckpt-a2"));
    assert_eq!(fs::read_to_string(back.join("new.txt")).expect("the file"), "untracked\n");
    let again = env.convoy(words(&format!("checkpoint restore ckpt-a2 {}", back.display()))).exits(1);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
    env.convoy(words(&format!("checkpoint restore ckpt-a1 {}", env.dir().display()))).exits(1);

    convoy(&env, "checkpoint delete ckpt-b");
    env.convoy(words("checkpoint delete ckpt-b")).exits(3);
    assert_eq!(ids(convoy(&env, "checkpoint list")), ["ckpt-a2", "ckpt-a1"]);
}

#[test]
fn convoys_are_in_git_as_they_stand_with_the_engine_down_and_up() {
    for up in [false, true] {
        let env = workspace();
        if up {
            env.convoy(["up"]).ok();
        }
        env.convoy(words("issue create One --id gt-1")).ok();
        let id = convoy(&env, "create Both gt-1")["id"].as_str().expect("an id").to_owned();
        let named = convoy(&env, "create Named gt-1 --epic login")["id"].as_str().expect("an id").to_owned();
        env.convoy(words("issue close gt-1")).ok();
        if up {
            // It has written when it has left.
            env.convoy(["down"]).ok();
        }
        let found = snapshots(&env);
        let mut names =
            vec![format!("convoys/{id}/convoy-{id}.json"), format!("convoys/login/convoy-{named}.json")];
        names.sort();
        assert_eq!(found.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), names, "up: {up}");
        for (name, snapshot) in &found {
            assert_eq!(snapshot["status"], "landed", "{name}, up: {up}");
            let shown = convoy(&env, &format!("status {}", snapshot["id"].as_str().expect("an id")));
            assert_eq!(snapshot["tracked"], shown["tracked"]);
            assert!(snapshot["seq"].as_u64().is_some() && snapshot["updated_at"].is_string());
        }
        let before = git(&env, &env.dir(), &["rev-parse", STATE]);
        env.convoy(words("list")).ok();
        env.convoy(words("issue create Two")).ok();
        env.convoy(["up"]).ok();
        env.convoy(["down"]).ok();
        assert_eq!(
            git(&env, &env.dir(), &["rev-parse", STATE]),
            before,
            "nothing changed, so there is no commit"
        );
        // They are derived: lost and made again, but for when.
        git(&env, &env.dir(), &["update-ref", "-d", STATE]);
        fs::remove_file(env.dir().join(".convoy/state/snapshots")).expect("the stamp");
        env.convoy(["up"]).ok();
        env.convoy(["down"]).ok();
        let again = snapshots(&env);
        let lasting = |all: &[(String, Value)]| -> Vec<Value> {
            all.iter()
                .map(|(name, one)| json!([name, one["status"], one["tracked"], one["closed_at"]]))
                .collect()
        };
        assert_eq!(lasting(&again), lasting(&found));
    }
}

#[test]
fn a_command_does_not_fail_because_git_does() {
    let env = workspace();
    env.convoy(words("issue create One --id gt-1")).ok();
    let lock = env.dir().join(".git/refs/convoy/state.lock");
    fs::create_dir_all(lock.parent().expect("a folder")).expect("a folder");
    fs::write(&lock, "").expect("a lock");
    let run = env.convoy(words("create First gt-1")).ok();
    assert!(run.stderr.contains("refs/convoy/state"), "{}", run.stderr);
    assert_eq!(snapshots(&env), []);
    fs::remove_file(&lock).expect("the lock");
    // Taken up by whichever comes next, also one that only asks.
    env.convoy(words("list")).ok();
    assert_eq!(snapshots(&env).len(), 1);
    env.convoy(words("config set checkpoint.snapshots false")).ok();
    env.convoy(words("create Second gt-1")).ok();
    assert_eq!(snapshots(&env).len(), 1, "switched off");
}

#[test]
fn a_command_that_is_killed_on_the_way_is_followed_up_by_the_next() {
    for point in ["snapshots:before", "state:before", "state:after", "snapshots:stamp"] {
        let env = workspace();
        env.convoy(words("issue create One --id gt-1")).ok();
        let mut create = env.command(env!("CARGO_BIN_EXE_convoy"), &env.dir());
        create.args(["create", "First", "gt-1"]).env("CONVOY_CRASH", format!("{point}@1"));
        let status = create.output().expect("it runs").status;
        assert!(!status.success(), "{point} was not reached");
        env.convoy(words("list")).ok();
        let found = snapshots(&env);
        assert_eq!(found.len(), 1, "{point}");
        let commits = git(&env, &env.dir(), &["rev-list", "--count", STATE]);
        assert_eq!(commits, "2", "{point}: it was made once, upon the first");
    }
}

/// A second machine: a clone of the remote, with a workspace of its own.
fn clone_of(remote: &Path) -> TestEnv {
    let env = room();
    git(&env, env.root(), &["clone", "-q", &remote.display().to_string(), &env.dir().display().to_string()]);
    env.convoy(["init", "--prefix", "gt", "--name", "gastown"]).ok();
    env
}

fn remote_of(env: &TestEnv) -> PathBuf {
    let remote = env.root().join("remote.git");
    let name = remote.display().to_string();
    git(env, env.root(), &["clone", "-q", "--bare", &env.dir().display().to_string(), &name]);
    git(env, &env.dir(), &["remote", "add", "origin", &name]);
    remote
}

#[test]
fn another_machine_has_them_with_nothing_but_git() {
    let env = workspace();
    let none = env.convoy(["sync"]).exits(3);
    assert!(none.stderr.contains("git remote add origin"), "{}", none.stderr);
    let remote = remote_of(&env);
    fs::write(env.dir().join("new.txt"), "not committed\n").expect("a file");
    checkpoint(&env, "login", "ckpt-a1", 1);
    let sent = convoy(&env, "sync");
    assert_eq!(
        (&sent[0]["ok"], &sent[0]["sent"], &sent[0]["changed"]),
        (&json!(true), &json!(1), &json!(true))
    );
    assert_eq!(convoy(&env, "sync")[0]["changed"], false);

    let other = clone_of(&remote);
    let received = convoy(&other, "sync");
    assert_eq!((&received[0]["received"], &received[0]["sent"]), (&json!(1), &json!(0)));
    let back = other.root().join("back");
    convoy(&other, &format!("checkpoint restore ckpt-a1 {}", back.display()));
    assert_eq!(fs::read_to_string(back.join("new.txt")).expect("the file"), "not committed\n");
    checkpoint(&other, "login", "ckpt-b1", 2);
    checkpoint(&env, "login", "ckpt-a2", 2);
    convoy(&other, "sync");
    convoy(&env, "sync origin");
    convoy(&other, &format!("sync {}", remote.display()));
    let listed = convoy(&env, "checkpoint list --epic login");
    assert_eq!(listed.as_array().expect("a list").len(), 3);
    assert_eq!(listed, convoy(&other, "checkpoint list --epic login"));

    fs::remove_dir_all(&remote).expect("the remote");
    let gone = env.convoy(["sync"]).exits(1);
    assert!(gone.stderr.contains("nothing is lost"), "{}", gone.stderr);
    assert_eq!(convoy(&env, "checkpoint list").as_array().expect("a list").len(), 3);
}

#[test]
fn a_sync_that_is_killed_on_the_way_loses_nothing() {
    let env = workspace();
    let remote = remote_of(&env);
    checkpoint(&env, "login", "ckpt-a0", 1);
    convoy(&env, "sync");
    for (n, point) in ["sync:fetched", "state:union", "sync:joined"].into_iter().enumerate() {
        let other = clone_of(&remote);
        checkpoint(&other, "login", &format!("ckpt-b{n}"), 5);
        let mut sync = other.command(env!("CARGO_BIN_EXE_convoy"), &other.dir());
        sync.arg("sync").env("CONVOY_CRASH", format!("{point}@1"));
        assert!(!sync.output().expect("it runs").status.success(), "{point} was not reached");
        checkpoint(&env, "login", &format!("ckpt-a{}", n + 1), 6);
        convoy(&env, "sync");
        convoy(&other, "sync");
        convoy(&env, "sync");
        let listed = convoy(&env, "checkpoint list");
        assert_eq!(listed.as_array().expect("a list").len(), 1 + 2 * (n + 1), "{point}");
        assert_eq!(listed, convoy(&other, "checkpoint list"), "{point}");
        assert_eq!(git(&other, &other.dir(), &["fsck", "--no-dangling"]), "", "{point}");
    }
}
