//! Reviews before a merge: what blocks goes back to the worker, and what nobody finds anything in lands.

use std::os::fd::AsFd as _;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Case, Script, Step};
use serde_json::{Value, json};

use crate::room::{Room, SOON, commit, outside, save_prompt, text};

const REVIEW: &str = "[review]\nbefore_merge = true\nroles = [\"security\", \"quality\"]\n";
const HOLE: &str = "password = 1\n";

fn finding(severity: &str, quote: &str) -> Value {
    json!({
        "severity": severity, "category": "secrets", "title": "A password in the code", "file": "app.txt",
        "line": 1, "quote": quote, "problem": "Anybody reads it.", "impact": "They get in.",
        "fix": "Read it from the keyring.", "confidence": "high",
    })
}

fn wrote(findings: &[Value]) -> Step {
    Step::Output(json!({ "findings": findings }).to_string())
}

fn said(findings: &[Value]) -> Step {
    Step::Print(format!("I looked.\n```json findings\n{}\n```", json!({ "findings": findings })))
}

/// A reviewer, on changes that have this piece.
fn reviewer(role: &str, piece: Option<&str>, steps: Vec<Step>) -> Case {
    Case { role: Some(role.into()), prompt: piece.map(str::to_owned), steps, ..Case::default() }
}

/// A worker, when its prompt has this piece.
fn worker(issue: &str, piece: Option<&str>, steps: Vec<Step>) -> Case {
    Case { issue: Some(issue.into()), prompt: piece.map(str::to_owned), steps, ..Case::default() }
}

/// Security finds the hole, quality finds something that does not matter.
fn reviewers() -> Script {
    Script::default()
        .or(reviewer("security", Some("+password = 1"), vec![wrote(&[finding("critical", HOLE)])]))
        .or(reviewer("security", None, vec![wrote(&[])]))
        .or(reviewer("quality", None, vec![said(&[finding("low", "password")])]))
}

fn lands_after_a_round(flags: &str) {
    let env = outside();
    let script = reviewers()
        .or(worker(
            "gt-a",
            Some("Resolve what the review found first"),
            [&[save_prompt(&env, "prompt")], &commit("app.txt", "password = keyring\n")[..]].concat(),
        ))
        .or(worker("gt-a", None, commit("app.txt", HOLE).into()))
        .or(worker("gt-b", None, commit("b.txt", "b\n").into()));
    let room = Room::around(env, REVIEW, &script);
    let convoy = room.launch_new("gt-a gt-b", flags);
    room.lands(&convoy);
    assert_eq!(room.repo().read("app.txt"), "password = keyring\n");
    let prompt = room.saved("prompt");
    for piece in [
        "A password in the code (critical, security)",
        "In `app.txt:1`, secrets",
        "```\npassword = 1\n```",
        "Problem: Anybody reads it.",
        "Advice: Read it from the keyring.",
        "already holds that work",
    ] {
        assert!(prompt.contains(piece), "{piece}: {prompt}");
    }
    let shown = room.worker("gt-a");
    assert_eq!((&shown["reviews"], &shown["failures"]), (&1.into(), &0.into()), "{shown:#}");
    assert_eq!(text(&shown, "/lessons/0/findings/0/role"), "security");
    let reviews = room.events("review.made");
    let of_a = |event: &&Value| event["subject"] == shown["id"];
    let of_a: Vec<&Value> = reviews.iter().filter(of_a).map(|event| &event["data"]["review"]).collect();
    assert_eq!(of_a.len(), 2, "{reviews:#?}");
    assert_eq!(text(of_a[0], "/findings/0/finding/severity"), "critical");
    assert_eq!(of_a[1]["findings"].as_array().unwrap().len(), 1, "{:#}", of_a[1]);
    assert_eq!(of_a[1]["findings"][0]["role"], "quality");
    assert_eq!(reviews.len(), 3, "each tip is reviewed once");
    assert_eq!(left(&room), 0, "workdirs of reviews are removed");
}

/// Workdirs in which gates and reviewers were.
fn left(room: &Room) -> usize {
    let all = room.json("workdir list");
    all.as_array().unwrap().iter().filter(|one| text(one, "/session_id").starts_with("g-")).count()
}

#[test]
fn what_blocks_goes_back_and_lands_when_it_is_mended() {
    lands_after_a_round("");
}

#[test]
fn what_blocks_goes_back_and_lands_when_it_is_mended_by_the_queue() {
    lands_after_a_round("--merge queue");
}

#[test]
fn what_never_gets_clean_needs_a_person_after_three_rounds() {
    let more = Step::Append { path: "more.txt".into(), content: "again\n".into() };
    let script = reviewers()
        .or(worker("gt-a", Some("Resolve"), vec![more, Step::Commit("Not mended".into())]))
        .or(worker("gt-a", None, commit("app.txt", HOLE).into()));
    let room = Room::with(REVIEW, &script);
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(
        said.contains("3 reviews found what blocks it") && said.contains("A password in the code"),
        "{said}"
    );
    let shown = room.worker("gt-a");
    assert_eq!((&shown["reviews"], &shown["failures"], &shown["attempt"]), (&3.into(), &0.into(), &3.into()));
    assert_eq!(room.issue("gt-a")["status"], "needs_human");
    assert_eq!(room.events("review.made").len(), 3);
    assert!(!room.repo().path().join("app.txt").exists(), "nothing of it landed");
    let branch = text(&shown, "/branch").to_owned();
    assert_eq!(room.repo().subjects(&branch)[0], "Not mended");
}

#[test]
fn neither_what_is_not_in_the_file_nor_a_reviewer_that_fails_is_a_verdict() {
    let script = Script::default()
        .or(reviewer("security", None, vec![wrote(&[finding("blocker", "password = 2")])]))
        .or(reviewer("quality", None, vec![Step::Print("All is well!".into())]))
        .or(worker("gt-a", None, commit("app.txt", HOLE).into()));
    let room = Room::with(REVIEW, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let review = room.events("review.made").remove(0)["data"]["review"].clone();
    assert_eq!(review["findings"][0]["grounded"], false, "{review:#}");
    let why = text(&review, "/lanes/1/end/failed/why");
    assert!(why.contains("no block"), "{why}");
}

#[test]
fn what_blocks_in_a_checkpoint_comes_before_the_merge() {
    let env = outside();
    let hold = Room::hold(&env, "reviewed");
    let script = reviewers()
        .or(worker("gt-a", Some("Resolve what the review"), commit("app.txt", "password = keyring\n").into()))
        .or(worker("gt-a", None, [&commit("app.txt", HOLE)[..], &[hold]].concat()));
    let config = "[review]\nevery = 1\nroles = [\"security\"]\n[checkpoint]\ninterval = \"1s\"\n";
    let room = Room::around(env, config, &script);
    let convoy = room.launch_new("gt-a", "");
    room.until("review.made", "A password in the code");
    assert_eq!(room.worker("gt-a")["state"], "running", "its agent works on");
    room.open("reviewed");
    room.lands(&convoy);
    assert_eq!(room.repo().read("app.txt"), "password = keyring\n");
    let shown = room.worker("gt-a");
    assert_eq!((&shown["reviews"], &shown["failures"]), (&1.into(), &0.into()), "{shown:#}");
    let review = room.events("review.made").remove(0);
    assert!(text(&review, "/data/checkpoint").starts_with("ckpt-"), "{review:#}");
    assert_eq!(room.events("worker.submitted").len(), 1, "what is blocked is not submitted");
}

#[test]
fn a_merge_can_wait_for_a_reviewer_that_fails() {
    let script = Script::default()
        .or(reviewer("security", None, vec![wrote(&[])]))
        .or(reviewer("quality", None, vec![Step::Exit(3)]))
        .or(worker("gt-a", None, commit("app.txt", "fine\n").into()));
    let room = Room::with(&format!("{REVIEW}on_failure = \"hold\"\n"), &script);
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("reviewer quality failed: it exited with status 3"), "{said}");
    assert_eq!((room.events("merge.paused").len(), room.events("review.made").len()), (3, 0));
    assert!(!room.repo().path().join("app.txt").exists(), "nothing of it landed");
}

/// A room in which the reviewer `security` waits to be let go.
fn held(env: TestEnv) -> Room {
    let hold = Room::hold(&env, "looked");
    let script = Script::default()
        .or(reviewer("security", None, vec![hold, wrote(&[])]))
        .or(reviewer("quality", None, vec![said(&[])]))
        .or(worker("gt-a", None, commit("app.txt", "fine\n").into()));
    Room::around(env, REVIEW, &script)
}

#[test]
fn a_review_that_nobody_wants_any_more_is_ended() {
    let room = held(outside());
    room.launch_new("gt-a", "");
    let pid = room.env.wait_witness("waiting", 1)[0]["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let reviewer = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    room.convoy("work stop gt-a");
    assert!(convoy_testkit::wait::readable(reviewer.as_fd(), SOON), "it is ended");
    assert_eq!(room.events("review.made").len(), 0);
}

#[test]
fn a_review_is_done_again_when_the_engine_died_in_it() {
    let room = held(outside());
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    let engine = room.json("daemon status")["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(engine).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    room.convoy("up");
    room.env.wait_witness("waiting", 2);
    room.open("looked");
    room.lands(&convoy);
    assert_eq!(room.events("review.made").len(), 1);
    assert_eq!(room.worker("gt-a")["attempt"], 1);
}
