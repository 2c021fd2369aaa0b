//! Repositories of every kind, those that are refused, and those in which an agent has laid traps.

use convoy_testkit::env::{Repo, TestEnv};
use convoy_testkit::fake_agent::Script;

use crate::room::{Room, commit, outside, save_prompt, shell, text};

fn git(env: &TestEnv, words: &[&str]) -> String {
    env.repo_at(env.root()).git(words)
}

/// Does one issue after another, and insists that both landed in `main`.
fn works(room: &Room) {
    let convoy = room.launch_new("gt-a gt-b:gt-a", "");
    room.lands(&convoy);
    let repo = room.repo();
    assert_eq!(repo.git(["show", "main:gt-a.txt"]), "done");
    assert_eq!(repo.git(["show", "main:gt-b.txt"]), "done");
}

#[test]
fn a_bare_one() {
    let env = outside();
    env.repo_named("origin");
    git(&env, &["clone", "-q", "--bare", "origin", "repo"]);
    works(&Room::around(env, "", &Script::works()));
}

#[test]
fn one_with_a_detached_head() {
    let env = outside();
    let repo = env.repo();
    repo.git(["switch", "-q", "--detach"]);
    let head = repo.git(["rev-parse", "HEAD"]);
    let room = Room::around(env, "", &Script::works());
    works(&room);
    let repo = room.repo();
    assert_eq!(repo.git(["rev-parse", "HEAD"]), head, "where the person is stays as it is");
    assert!(!repo.path().join("gt-a.txt").exists());
}

#[test]
fn a_shallow_one() {
    let env = outside();
    let origin = env.repo_named("origin");
    for n in 0..3 {
        origin.write("n", &format!("{n}\n"));
        origin.commit(&format!("Commit {n}"));
    }
    let from = format!("file://{}", origin.path().display());
    git(&env, &["clone", "-q", "--depth", "1", &from, "repo"]);
    let room = Room::around(env, "", &Script::works());
    works(&room);
    assert_eq!(room.repo().git(["rev-parse", "--is-shallow-repository"]), "true");
    assert_eq!(room.repo().git(["log", "--first-parent", "--format=%s"]).lines().last(), Some("Commit 2"));
}

#[test]
fn one_without_a_commit() {
    let env = outside();
    git(&env, &["init", "-q", "-b", "main", "repo"]);
    let room = Room::around(env, "", &Script::works());
    works(&room);
    assert_eq!(room.repo().read("gt-a.txt"), "done\n", "the checkout follows");
    assert_eq!(room.repo().git(["status", "--porcelain", "--untracked-files=no"]), "");
}

#[test]
fn one_of_its_linked_work_trees() {
    let env = outside();
    env.repo_named("origin").git(["worktree", "add", "-q", "-b", "feature", "../repo"]);
    let room = Room::around(env, "", &Script::works());
    room.issues("gt-a");
    let convoy = room.launch("gt-a --base main");
    room.lands(&convoy);
    let origin = room.env.repo_at(&room.env.root().join("origin"));
    assert_eq!(origin.read("gt-a.txt"), "done\n", "main is checked out there");
    assert!(!room.env.dir().join("gt-a.txt").exists());
}

/// Insists that an issue is refused before an agent is started.
fn refused(prepare: impl FnOnce(&Repo<'_>), why: &str) {
    let env = outside();
    prepare(&env.repo());
    let room = Room::around(env, "", &Script::works());
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains(why), "{said}");
    assert_eq!(room.env.witness(), Vec::<serde_json::Value>::new(), "no agent was started");
    assert_eq!(room.events("session.wanted").len(), 1, "and it was not tried again");
}

#[test]
fn submodules_are_refused() {
    let prepare = |repo: &Repo<'_>| {
        repo.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "./", "sub"]);
        repo.commit("Add a submodule");
    };
    refused(prepare, "submodule");
}

#[test]
fn large_files_kept_elsewhere_are_refused() {
    let prepare = |repo: &Repo<'_>| {
        repo.write("assets/.gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
        repo.commit("Keep large files elsewhere");
    };
    refused(prepare, "LFS");
}

#[test]
fn a_branch_that_does_not_exist_is_said() {
    let room = Room::new(&Script::works());
    room.issues("gt-a");
    let convoy = room.launch("gt-a --base release/9");
    let said = room.stalls(&convoy);
    assert!(said.contains("there is no branch \"release/9\""), "{said}");
    room.repo().git(["branch", "release/9"]);
    room.convoy("work retry gt-a");
    room.lands(&convoy);
    assert_eq!(room.repo().git(["show", "release/9:gt-a.txt"]), "done");
    assert_eq!(room.repo().subjects("main"), ["Begin"]);
}

#[test]
fn traps_that_an_agent_lays_in_its_clone_catch_nobody() {
    let env = outside();
    let lay = r#"
        caught="$HOME/../caught"
        for hook in pre-commit commit-msg prepare-commit-msg post-commit post-checkout pre-merge-commit post-merge \
            reference-transaction pre-push post-rewrite update pre-receive post-receive fsmonitor-watchman; do
            printf '#!/bin/sh\necho %s >> "%s"\n' $hook "$caught" > .git/hooks/$hook; chmod +x .git/hooks/$hook
        done
        git config core.hooksPath "$PWD/.git/hooks"
        git config core.fsmonitor "echo fsmonitor >> $caught; false"
        git config core.sshCommand "echo ssh >> $caught; false"
        git config core.pager "echo pager >> $caught"
        git config core.editor "echo editor >> $caught"
        git config gpg.program "$PWD/.git/hooks/pre-commit"
        git config commit.gpgsign true
        git config uploadpack.packObjectsHook "$PWD/.git/hooks/pre-commit"
        git config diff.external "echo diff >> $caught; cat"
        git config diff.evil.textconv "echo textconv >> $caught; cat"
        git config merge.evil.driver "echo driver >> $caught; cat %A"
        git config filter.evil.clean "echo clean >> $caught; cat"
        git config filter.evil.smudge "echo smudge >> $caught; cat"
        git config filter.evil.process "echo process >> $caught; false"
        git config credential.helper "!echo credential >> $caught"
        git config alias.status "!echo alias >> $caught"
        git config includeIf.gitdir:/.path "$PWD/.git/more"
        mkdir -p .git/info && echo '* filter=evil diff=evil merge=evil' > .git/info/attributes
        echo '* filter=evil diff=evil merge=evil' > .gitattributes
        echo late > late.txt
    "#;
    let steps = [&commit("a", "a\n")[..], &[shell(lay)]].concat();
    let gates = "[gates.look]\ncommand = [\"test\", \"-f\", \"late.txt\"]\n";
    let room =
        Room::around(env, gates, &Script::default().issue("gt-a", steps).issue("gt-b", commit("b", "b\n")));
    let convoy = room.launch_new("gt-a gt-b:gt-a", "");
    room.lands(&convoy);
    let caught = std::fs::read_to_string(room.env.root().join("caught")).unwrap_or_default();
    assert_eq!(caught, "");
    assert_eq!(room.repo().git(["show", "main:late.txt"]), "late", "what it left was committed and merged");
    room.convoy("workdir clean --all");
    assert_eq!(std::fs::read_to_string(room.env.root().join("caught")).unwrap_or_default(), "");
}

#[test]
fn an_agent_that_leaves_its_branch_loses_nothing() {
    let leave = "git checkout -q --detach && echo x > x && git add x && git commit -qm Detached";
    let room = Room::new(&Script::always([shell(leave)]));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert_eq!(room.repo().read("x"), "x\n");
}

#[test]
fn an_agent_that_rewrites_history_is_told_so_and_its_work_is_kept() {
    let env = outside();
    let amend =
        "git commit -q --amend -m 'Begin again' && echo y > y && git add y && git commit -qm Rewritten";
    let second = [&[save_prompt(&env, "prompt")][..], &commit("z", "z\n")].concat();
    let room = Room::around(env, "", &Script::default().attempt(1, [shell(amend)]).attempt(2, second));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let prompt = room.saved("prompt");
    assert!(prompt.contains("it rewrote commits that were there before it"), "{prompt}");
    let worker = room.worker("gt-a");
    let branch = text(&worker, "/sessions/0/branch");
    assert!(prompt.contains(&format!("`{branch}`")), "{prompt}");
    assert!(!prompt.contains("already holds that work"), "{prompt}");
    let repo = room.repo();
    assert_eq!(repo.subjects(branch), ["Rewritten", "Begin again"]);
    assert_eq!(repo.subjects("main"), ["Merge gt-a: Do gt-a", "Write z", "Begin"]);
}

#[test]
fn a_clone_that_the_agent_destroyed_is_a_failed_attempt() {
    let script = Script::default().attempt(1, [shell("rm -rf .git")]).attempt(2, commit("a", "a\n"));
    let room = Room::new(&script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let worker = room.worker("gt-a");
    assert_eq!(worker["failures"], 1, "{worker:#}");
    assert!(text(&worker, "/sessions/0/why").contains("workdir is gone"), "{worker:#}");
}
