//! Conflicts go back to the worker whose branch it is, a few times.

use convoy_testkit::fake_agent::{Case, Script, Step};

use crate::room::{Room, outside, save_prompt, shell, text};

fn edit(line: &str) -> Vec<Step> {
    vec![shell(&format!("sed -i 's/two/{line}/' src/lib.txt")), Step::Commit(format!("Say {line}"))]
}

fn nth(issue: &str, attempt: usize, steps: Vec<Step>) -> Case {
    Case { issue: Some(issue.to_owned()), attempt: Some(attempt), steps, ..Case::default() }
}

/// The second attempt merges what the prompt names, and insists that it meets the conflict.
fn resolves(flags: &str) {
    let env = outside();
    let merge = "c=$(sed -n 's/^1. Run `git merge \\([0-9a-f]*\\)`.*/\\1/p' \"$HOME/../prompt\"); \
                 test \"$c\" = \"$(git rev-parse origin/main)\" || exit 3; git merge -q $c && exit 4; \
                 grep -q '<<<<<<<' src/lib.txt || exit 5; \
                 printf 'one\\nzwei, deux\\nthree\\n' > src/lib.txt && git add -A && git commit -qm 'Both'";
    let script = Script::default()
        .issue("gt-a", edit("zwei"))
        .or(nth("gt-b", 1, [&edit("deux")[..], &[Room::hold(&env, "merged")]].concat()))
        .or(nth("gt-b", 2, vec![save_prompt(&env, "prompt"), shell(merge)]));
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a gt-b", flags);
    room.env.wait_witness("waiting", 1);
    room.until("issue.closed", "gt-a");
    room.open("merged");
    room.lands(&convoy);
    assert_eq!(room.repo().read("src/lib.txt"), "one\nzwei, deux\nthree\n");
    let prompt = room.saved("prompt");
    for piece in [
        "conflicts in src/lib.txt",
        "- src/lib.txt",
        "Say zwei",
        "already holds that work",
        "Resolve the conflict first",
    ] {
        assert!(prompt.contains(piece), "{piece}: {prompt}");
    }
    let worker = room.worker("gt-b");
    assert_eq!((&worker["conflicts"], &worker["failures"]), (&1.into(), &0.into()), "{worker:#}");
    let evidence = &room.issue("gt-b")["evidence"];
    // Its own edit, and not what the other had done as well.
    assert_eq!(
        (&evidence["diff"]["files"], &evidence["diff"]["insertions"]),
        (&1.into(), &1.into()),
        "{evidence:#}"
    );
}

#[test]
fn a_worker_merges_the_base_and_lands() {
    resolves("");
}

#[test]
fn a_worker_merges_the_base_and_lands_by_the_queue() {
    resolves("--merge queue");
}

/// It ends well each time, and has resolved nothing.
fn never_resolves(flags: &str) {
    let env = outside();
    let script = Script::default()
        .issue("gt-a", edit("zwei"))
        .or(nth("gt-b", 1, [&edit("deux")[..], &[Room::hold(&env, "merged")]].concat()))
        .or(Case::default());
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a gt-b", flags);
    room.env.wait_witness("waiting", 1);
    room.until("issue.closed", "gt-a");
    room.open("merged");
    let said = room.stalls(&convoy);
    assert!(said.contains("3 merge conflicts"), "{said}");
    let worker = room.worker("gt-b");
    assert_eq!(
        (&worker["conflicts"], &worker["failures"], &worker["attempt"]),
        (&3.into(), &0.into(), &3.into())
    );
    assert_eq!(room.events("issue.needs_human").len(), 1);
    assert_eq!(text(&room.issue("gt-b"), "/status"), "needs_human");
    assert_eq!(room.repo().read("src/lib.txt"), "one\nzwei\nthree\n");
}

#[test]
fn a_worker_that_never_resolves_needs_a_human() {
    never_resolves("");
}

#[test]
fn a_worker_that_never_resolves_needs_a_human_by_the_queue() {
    never_resolves("--merge queue");
}

#[test]
fn what_a_person_configured_meanwhile_is_not_taken_for_the_agents_work() {
    let env = outside();
    let script = Script::default()
        .or(nth("gt-b", 1, [&edit("deux")[..], &[Room::hold(&env, "moved")]].concat()))
        .or(nth("gt-b", 2, vec![shell(
            "git merge -q origin/main && exit 4; printf 'one\\nboth\\nthree\\n' > src/lib.txt && git add -A && git commit -qm Both",
        )]));
    let room = Room::around(env, "", &script);
    let repo = room.repo();
    let convoy = room.launch_new("gt-b", "");
    room.env.wait_witness("waiting", 1);
    repo.write("src/lib.txt", "one\nzwei\nthree\n");
    repo.git(["add", "-A"]);
    repo.git(["commit", "-q", "-m", "With the configuration"]);
    assert!(!repo.git(["ls-files", ".convoy"]).is_empty());
    room.open("moved");
    room.lands(&convoy);
    assert_eq!(repo.read("src/lib.txt"), "one\nboth\nthree\n");
}
