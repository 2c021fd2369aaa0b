//! Gates and strategies: what has to pass before it lands, and where it lands.

use convoy_testkit::fake_agent::{Case, Script, Step};

use crate::room::{Room, commit, outside, save_prompt, shell, text};

/// A gate that runs a shell line.
fn gate(name: &str, line: &str, more: &str) -> String {
    format!("[gates.{name}]\ncommand = [\"sh\", \"-c\", {}]\n{more}\n", serde_json::json!(line))
}

#[test]
fn a_gate_that_fails_is_told_to_the_next_attempt() {
    let env = outside();
    let script = Script::default()
        .attempt(1, commit("answer", "41\n"))
        .attempt(2, [&[save_prompt(&env, "prompt")][..], &commit("answer", "42\n")].concat());
    let gates = gate("answer", "grep 42 answer || { echo expected 42; cat answer; exit 3; }", "")
        + &gate("other", "test -f README.md", "");
    let room = Room::around(env, &gates, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let prompt = room.saved("prompt");
    assert!(prompt.contains("gate \"answer\" failed") && prompt.contains("expected 42\n41\n"), "{prompt}");
    let evidence = room.issue("gt-a")["evidence"].clone();
    let gates: Vec<(&str, bool)> = evidence["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| (text(gate, "/name"), gate["passed"].as_bool().unwrap()))
        .collect();
    assert_eq!(gates, [("answer", true), ("other", true)]);
    assert_eq!((&evidence["attempt"], &evidence["diff"]["commits"]), (&2.into(), &2.into()), "{evidence:#}");
    let repo = room.repo();
    assert_eq!(repo.read("answer"), "42\n", "and 41 was never in main");
    let firsts = repo.git(["log", "--first-parent", "--format=%s", "main"]);
    assert_eq!(firsts, "Merge gt-a: Do gt-a\nBegin");
}

/// What the first attempt on an issue does.
fn first(issue: &str, steps: Vec<Step>) -> Case {
    Case { issue: Some(issue.to_owned()), attempt: Some(1), steps, ..Case::default() }
}

#[test]
fn gates_see_what_would_land_and_the_limit_is_kept() {
    // Each branch passes alone; together they do not.
    let env = outside();
    let a = [&commit("a", "a\n")[..], &[Room::hold(&env, "both")]].concat();
    let b = [&commit("b", "b\n")[..], &[Room::hold(&env, "both")]].concat();
    // The later attempts find their work there, and have nothing to add.
    let script = Script::default().or(first("gt-a", a)).or(first("gt-b", b)).or(Case::default());
    let room = Room::around(env, &gate("alone", "! { test -f a && test -f b; }", ""), &script);
    let convoy = room.launch_new("gt-a gt-b", "");
    room.env.wait_witness("waiting", 2);
    room.open("both");
    let said = room.stalls(&convoy);
    assert!(said.contains("3 attempts failed; the last: gate \"alone\" failed"), "{said}");
    let view = room.json(&format!("status {convoy}"));
    assert_eq!((&view["completed"], &view["failed"]), (&1.into(), &1.into()), "{view:#}");
    let repo = room.repo();
    assert!(!(repo.path().join("a").exists() && repo.path().join("b").exists()));
}

#[test]
fn a_gate_that_takes_too_long_is_killed_with_all_that_it_started() {
    let line = "(trap '' TERM INT HUP; echo $$ > \"$HOME/gate\"; setsid sleep 600 & exec sleep 600)";
    let room = Room::with(&gate("slow", line, "timeout = \"2s\""), &Script::works());
    room.convoy("config set retry.max_attempts 1");
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("gate \"slow\" failed"), "{said}");
    assert!(room.env.home().join("gate").exists(), "it ran");
    let sleeping: Vec<_> =
        room.env.processes().into_iter().filter(|process| process.command.contains("sleep 600")).collect();
    assert_eq!(sleeping, []);
    let learned = &room.events("worker.learned")[0];
    assert!(text(learned, "/data/lesson/detail").contains("ran out of time"), "{learned:#}");
    assert_eq!(room.repo().subjects("main"), ["Begin"]);
}

#[test]
fn a_gate_that_cannot_be_run_is_nobodys_failure() {
    let room = Room::with("[gates.absent]\ncommand = [\"no-such-gate\"]\n", &Script::works());
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("no-such-gate"), "{said}");
    assert_eq!(room.worker("gt-a")["failures"], 0);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
}

#[test]
fn local_work_stays_on_its_branch_and_dependents_start_from_it() {
    let needs = |files: &str| shell(&format!("for f in {files}; do test -f $f || exit 1; done"));
    let script = Script::default()
        .issue("gt-a", commit("a", "a\n"))
        .issue("gt-b", commit("b", "b\n"))
        .issue("gt-c", [&[needs("a")][..], &commit("c", "c\n")].concat())
        .issue("gt-d", [&[needs("a b c")][..], &commit("d", "d\n")].concat());
    let room = Room::with(&gate("real", "test -f README.md", ""), &script);
    let convoy = room.launch_new("gt-a gt-b gt-c:gt-a gt-d:gt-b,gt-c", "--merge local");
    room.lands(&convoy);
    let repo = room.repo();
    assert_eq!(repo.subjects("main"), ["Begin"], "nothing was merged");
    let d = room.issue("gt-d");
    assert_eq!(
        (text(&d, "/close_reason"), &d["evidence"]["merge_commit"]),
        ("completed", &serde_json::Value::Null)
    );
    assert_eq!(d["evidence"]["gates"][0]["passed"], true);
    let branch = text(&d, "/evidence/branch");
    assert_eq!(repo.git(["rev-parse", branch]), text(&d, "/evidence/commit"));
    let files = repo.git(["ls-tree", "--name-only", branch]);
    assert_eq!(files, "README.md\na\nb\nc\nd\nsrc", "it has both predecessors");
    assert_eq!(d["evidence"]["diff"]["commits"], 1, "only its own work is its work: {d:#}");
}

#[test]
fn a_base_that_moves_is_merged_into_as_it_is_then() {
    // The gate is where the base moves: it holds until a person has committed.
    let room = Room::with(
        &gate("hold", "touch \"$HOME/../at-gate\"; until test -f \"$HOME/../moved\"; do :; done", ""),
        &Script::works(),
    );
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_for("at-gate");
    let repo = room.repo();
    repo.write("src/lib.txt", "one\ntwo\nthree\nfour\n");
    repo.commit("A person's commit");
    room.open("moved");
    room.lands(&convoy);
    let moved = room.events("merge.moved");
    assert_eq!(moved.len(), 1, "{moved:#?}");
    assert_eq!(repo.read("gt-a.txt"), "done\n");
    assert_eq!(repo.read("src/lib.txt"), "one\ntwo\nthree\nfour\n");
    assert_eq!(
        repo.git(["log", "--first-parent", "--format=%s"]),
        "Merge gt-a: Do gt-a\nA person's commit\nBegin"
    );
    assert_eq!(room.worker("gt-a")["attempt"], 1, "no attempt was charged");
}
