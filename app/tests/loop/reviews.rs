//! Reviews before a merge, by template convoys: what blocks goes back to the worker, what nobody finds anything in lands,
//! and who said nothing has said nothing. And reviews of checkpoints.

use std::os::fd::AsFd as _;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Case, Script, Step};
use serde_json::{Value, json};

use crate::room::{Room, SOON, commit, outside, save_prompt, text};

/// Two reviewers side by side, and code alone makes their report.
const REVIEW: &str = "[review]\nbefore_merge = true\nroles = [\"security\", \"quality\"]\n";
const HOLE: &str = "password = 1\n";

pub(crate) fn finding(severity: &str, quote: &str) -> Value {
    json!({
        "severity": severity, "category": "secrets", "title": "A password in the code", "file": "app.txt",
        "line": 1, "quote": quote, "problem": "Anybody reads it.", "impact": "They get in.",
        "fix": "Read it from the keyring.", "confidence": "high",
    })
}

/// A report, and its findings in a file beside it.
pub(crate) fn found(findings: &[Value]) -> Vec<Step> {
    vec![Step::Output("# Looked\n".to_owned()), Step::Findings(findings.to_vec())]
}

/// A report, and its findings in a block of it.
fn told(findings: &[Value]) -> Vec<Step> {
    let block = json!({ "findings": findings });
    vec![Step::Output(format!("I looked.\n\n```json findings\n{block}\n```\n"))]
}

/// What whoever sums up writes: it leaves the order as it is.
pub(crate) fn sums_up() -> Step {
    let ranking = json!({ "order": [], "summary": "In short.", "top": [] });
    Step::Output(format!("# In short\n\n```json synthesis\n{ranking}\n```\n"))
}

/// A reviewer, on changes that have this piece.
pub(crate) fn reviewer(role: &str, piece: Option<&str>, steps: Vec<Step>) -> Case {
    Case { role: Some(role.into()), prompt: piece.map(str::to_owned), steps, ..Case::default() }
}

/// A worker, when its prompt has this piece.
fn worker(issue: &str, piece: Option<&str>, steps: Vec<Step>) -> Case {
    Case { issue: Some(issue.into()), prompt: piece.map(str::to_owned), steps, ..Case::default() }
}

/// A room in which reviewers, who may write nowhere but in their folder, can be witnessed.
pub(crate) fn room(env: TestEnv, config: &str, script: &Script) -> Room {
    std::fs::write(env.root().join("witness.ndjson"), "").unwrap();
    Room::around(env, config, script)
}

/// Security finds the hole, quality finds something that does not matter.
fn reviewers() -> Script {
    Script::default()
        .or(reviewer("security", Some("+password = 1"), found(&[finding("critical", HOLE)])))
        .or(reviewer("security", None, found(&[])))
        .or(reviewer("quality", None, told(&[slip()])))
}

/// Something else about the same line, that does not matter.
fn slip() -> Value {
    let mut slip = finding("low", "password");
    for (key, text) in
        [("category", "naming"), ("title", "The name says little"), ("problem", "One has to guess.")]
    {
        slip[key] = text.into();
    }
    slip
}

fn of<'a>(events: &'a [Value], subject: &Value) -> Vec<&'a Value> {
    events.iter().filter(|event| event["subject"] == *subject).collect()
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
    let room = room(env, REVIEW, &script);
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
    let made = room.events("review.made");
    let of_a = of(&made, &shown["id"]);
    assert_eq!((of_a.len(), made.len()), (2, 3), "each tip is reviewed once: {made:#?}");
    let (first, second) = (&of_a[0]["data"]["review"], &of_a[1]["data"]["review"]);
    assert_eq!(text(first, "/findings/0/finding/severity"), "critical");
    assert_eq!((&second["findings"], &second["others"]), (&json!([]), &json!(1)), "{second:#}");
    assert_eq!(first["lanes"].as_array().unwrap().len(), 2);
    // Each review is a convoy like any other: it has a report, and nobody is bothered by its end.
    let begun = room.events("review.started");
    assert_eq!(begun.len(), 3);
    let review = text(first, "/convoy");
    assert_eq!(text(of(&begun, &shown["id"])[0], "/data/convoy"), review);
    let view = room.json(&format!("status {review}"));
    assert_eq!(
        (text(&view, "/status"), text(&view, "/context/report/verdict")),
        ("landed", "CHANGES_REQUESTED")
    );
    assert!(room.convoy(&format!("output {review}")).stdout.contains("A password in the code"));
    let landed: Vec<Value> = room
        .events("notice.sent")
        .into_iter()
        .filter(|sent| sent.to_string().contains("Convoy Landed"))
        .collect();
    assert_eq!(landed.len(), 1, "of the convoy itself alone: {landed:#?}");
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
    let room = room(outside(), REVIEW, &script);
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
fn what_is_not_in_the_file_is_no_verdict() {
    let script = Script::default()
        .or(reviewer("security", None, found(&[finding("blocker", "password = 2")])))
        .or(reviewer("quality", None, found(&[])))
        .or(worker("gt-a", None, commit("app.txt", HOLE).into()));
    let room = room(outside(), REVIEW, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let made = room.events("review.made").remove(0)["data"]["review"].clone();
    assert_eq!(made["findings"], json!([]), "{made:#}");
    let report = room.json(&format!("status {}", text(&made, "/convoy")))["context"]["report"].clone();
    assert_eq!(report["counts"]["ungrounded"], 1, "{report:#}");
}

/// Security finds nothing, and quality ends badly however often it is tried.
fn one_fails() -> Script {
    Script::default()
        .or(reviewer("security", None, found(&[])))
        .or(reviewer("quality", None, vec![Step::Exit(3)]))
        .or(worker("gt-a", None, commit("app.txt", "fine\n").into()))
}

#[test]
fn a_reviewer_that_fails_is_no_verdict_and_a_person_has_to_look() {
    let room = room(outside(), REVIEW, &one_fails());
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("came to no verdict: failed: quality"), "{said}");
    assert_eq!(room.events("review.made").len(), 0);
    let shown = room.worker("gt-a");
    assert_eq!((&shown["reviews"], &shown["failures"]), (&0.into(), &0.into()), "{shown:#}");
    assert!(!room.repo().path().join("app.txt").exists(), "nothing of it landed");
    // It was tried like every attempt, by the same engine.
    let review = text(&room.events("review.started")[0], "/data/convoy").to_owned();
    let view = room.json(&format!("status {review}"));
    assert_eq!((text(&view, "/outcome"), &view["roles"][1]["attempts"]), ("partial", &json!(3)), "{view:#}");
    // Mended, and tried again by the person.
    let mended = Script::default()
        .or(reviewer("security", None, found(&[])))
        .or(reviewer("quality", None, found(&[])))
        .or(worker(
            "gt-a",
            None,
            vec![Step::Append { path: "b".into(), content: "b".into() }, Step::Commit("b".into())],
        ));
    room.plays(&mended);
    room.convoy("work retry gt-a");
    room.lands(&convoy);
    assert_eq!(room.repo().read("app.txt"), "fine\n");
}

#[test]
fn or_it_lands_without_the_word_of_who_failed() {
    let room = room(outside(), &format!("{REVIEW}on_inconclusive = \"merge\"\n"), &one_fails());
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let review = room.events("review.made").remove(0)["data"]["review"].clone();
    let why = text(&review, "/lanes/1/end/failed/why");
    assert!(why.contains("exited with status 3"), "{why}");
}

#[test]
fn the_built_in_template_reviews_when_no_roles_are_named() {
    let script = Script::default()
        .or(reviewer("synthesis", None, vec![sums_up()]))
        .or(reviewer("security", Some("+password = 1"), found(&[finding("high", HOLE)])))
        .or(Case { role: Some("correctness".into()), steps: found(&[]), ..Case::default() })
        .or(Case { role: Some("performance".into()), steps: found(&[]), ..Case::default() })
        .or(worker("gt-a", None, commit("app.txt", HOLE).into()));
    let room = room(outside(), "[review]\nbefore_merge = true\n", &script);
    let convoy = room.launch_new("gt-a", "--merge local");
    room.lands(&convoy);
    let review = room.events("review.made").remove(0)["data"]["review"].clone();
    assert_eq!((review["lanes"].as_array().unwrap().len(), &review["others"]), (3, &json!(1)), "{review:#}");
    let view = room.json(&format!("status {}", text(&review, "/convoy")));
    assert_eq!((text(&view, "/template"), view["roles"].as_array().unwrap().len()), ("code-review", 4));
    assert_eq!(view["context"]["files"], json!(["app.txt"]));
}

/// A room in which the reviewer `security` waits to be let go.
fn held(env: TestEnv, more: &str) -> Room {
    let hold = Room::hold(&env, "looked");
    let script = Script::default()
        .or(reviewer("security", None, [vec![hold], found(&[])].concat()))
        .or(reviewer("quality", None, found(&[])))
        .or(worker("gt-a", None, commit("app.txt", "fine\n").into()));
    room(env, &format!("{REVIEW}{more}"), &script)
}

#[test]
fn a_review_that_nobody_wants_any_more_is_ended() {
    let room = held(outside(), "");
    room.launch_new("gt-a", "");
    let pid = room.env.wait_witness("waiting", 1)[0]["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let reviewer = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    let why = room.json("why gt-a");
    assert_eq!(text(&why, "/reasons/0/code"), "in_review", "{why:#}");
    assert_eq!(text(&room.json("mq status gt-a"), "/state"), "in_review");
    room.convoy("work stop gt-a");
    assert!(convoy_testkit::wait::readable(reviewer.as_fd(), SOON), "it is ended");
    room.until("convoy.abandoned", "nobody waits for this review any more");
    assert_eq!(room.events("review.made").len(), 0);
}

fn kill_the_engine(room: &Room) {
    let engine = room.json("daemon status")["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(engine).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn reviewers_go_on_when_the_engine_dies() {
    let room = held(outside(), "");
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    kill_the_engine(&room);
    room.convoy("up");
    room.open("looked");
    room.lands(&convoy);
    assert_eq!((room.events("review.started").len(), room.events("review.made").len()), (1, 1));
    let security = room.env.witness().into_iter().filter(|one| one["event"] == "waiting").count();
    assert_eq!(security, 1, "nobody was started again");
    assert_eq!(room.worker("gt-a")["attempt"], 1);
}

#[test]
fn what_passed_is_not_reviewed_again_when_the_engine_dies_before_the_merge() {
    let env = outside();
    let wait = "until test -e \"$HOME/../go\"; do sleep 0.05; done";
    let gates = format!("[gates.hold]\ncommand = [\"sh\", \"-c\", {wait:?}]\n");
    let script = reviewers().or(worker("gt-a", None, commit("app.txt", "fine\n").into()));
    let room = room(env, &format!("{REVIEW}{gates}"), &script);
    let convoy = room.launch_new("gt-a", "");
    room.until("review.made", "\"lanes\"");
    kill_the_engine(&room);
    room.convoy("up");
    std::fs::write(room.env.home().join("../go"), "").unwrap();
    room.lands(&convoy);
    assert_eq!((room.events("review.started").len(), room.events("review.made").len()), (1, 1));
}

#[test]
fn a_review_is_over_once_although_the_engine_dies_when_it_lands() {
    let room = held(outside(), "");
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    let landed = room.follow("convoy.landed");
    room.open("looked");
    assert!(landed.printed("convoy.landed", SOON));
    kill_the_engine(&room);
    room.convoy("up");
    room.lands(&convoy);
    assert_eq!((room.events("review.started").len(), room.events("review.made").len()), (1, 1));
    assert_eq!(room.worker("gt-a")["reviews"], 0);
}

#[test]
fn what_reviewers_cost_is_part_of_what_their_branch_costs() {
    let cost = |usd: f64| Step::SignalFile(json!({ "status": "running", "costUsd": usd }));
    let script = Script::default()
        .or(reviewer("security", None, [vec![cost(0.25)], found(&[])].concat()))
        .or(reviewer("quality", None, [vec![cost(0.5)], found(&[])].concat()))
        .or(worker("gt-a", None, [vec![cost(1.0)], commit("app.txt", "fine\n").into()].concat()));
    let room = room(outside(), REVIEW, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let spent = |id: &str| room.json(&format!("status {id}"))["spent"]["micros"].as_i64().unwrap();
    let review = text(&room.events("review.started")[0], "/data/convoy").to_owned();
    assert_eq!((spent(&convoy), spent(&review)), (1_750_000, 750_000), "{}", room.story());
    let report = room.json(&format!("cost report --convoy {convoy}"));
    assert_eq!(report["total"]["micros"], 1_750_000, "{report:#}");
}

/// One role looks at each checkpoint in which something has changed.
const CHECKPOINTS: &str = "[review]\nevery = 1\nroles = [\"security\"]\n[checkpoint]\ninterval = \"1s\"\n";

#[test]
fn what_blocks_in_a_checkpoint_comes_before_the_merge() {
    let env = outside();
    let hold = Room::hold(&env, "reviewed");
    let cost = Step::SignalFile(json!({ "status": "running", "costUsd": 0.25 }));
    let holed = [vec![cost], found(&[finding("critical", HOLE)])].concat();
    let script = Script::default()
        .or(reviewer("security", Some("+password = 1"), holed))
        .or(reviewer("security", None, found(&[])))
        .or(worker("gt-a", Some("Resolve what the review"), commit("app.txt", "password = keyring\n").into()))
        .or(worker("gt-a", None, [&commit("app.txt", HOLE)[..], &[hold]].concat()));
    let room = room(env, CHECKPOINTS, &script);
    let convoy = room.launch_new("gt-a", "");
    room.until("review.made", "A password in the code");
    assert_eq!(room.worker("gt-a")["state"], "running", "its agent works on");
    room.open("reviewed");
    room.lands(&convoy);
    assert_eq!(room.repo().read("app.txt"), "password = keyring\n");
    let shown = room.worker("gt-a");
    assert_eq!((&shown["reviews"], &shown["failures"]), (&1.into(), &0.into()), "{shown:#}");
    let (begun, made) = (room.events("review.started").remove(0), room.events("review.made").remove(0));
    assert!(text(&made, "/data/checkpoint").starts_with("ckpt-"), "{made:#}");
    assert_eq!(begun["data"]["checkpoint"], made["data"]["checkpoint"]);
    assert_eq!(room.events("worker.submitted").len(), 1, "what is blocked is not submitted");
    // It is a convoy like any other, whose cost is in the budget of the work that it looks at.
    let review = text(&made, "/data/review/convoy");
    assert_eq!(review, text(&begun, "/data/convoy"));
    let view = room.json(&format!("status {review}"));
    assert_eq!(text(&view, "/context/report/verdict"), "CHANGES_REQUESTED", "{view:#}");
    assert!(text(&view, "/title").starts_with("Review of gt-a at checkpoint "), "{view:#}");
    assert_eq!(room.json(&format!("status {convoy}"))["spent"]["micros"], 250_000, "{}", room.story());
}

/// A session that works on while the reviewer of its checkpoint waits to be let go; that one's process.
fn held_at_a_checkpoint() -> (Room, String, std::os::fd::OwnedFd) {
    let env = outside();
    let (looked, reviewed) = (Room::hold(&env, "looked"), Room::hold(&env, "reviewed"));
    let script = Script::default()
        .or(reviewer("security", None, [vec![looked], found(&[])].concat()))
        .or(worker("gt-a", None, [&commit("app.txt", "fine\n")[..], &[reviewed]].concat()));
    let room = room(env, CHECKPOINTS, &script);
    let convoy = room.launch_new("gt-a", "");
    let waiting = room.env.wait_witness("waiting", 2);
    let reviewer = waiting.iter().find(|one| one["role"] == "security").expect("a reviewer that waits");
    let pid = rustix::process::Pid::from_raw(i32::try_from(reviewer["pid"].as_i64().unwrap()).unwrap());
    let reviewer = rustix::process::pidfd_open(pid.unwrap(), rustix::process::PidfdFlags::empty()).unwrap();
    (room, convoy, reviewer)
}

#[test]
fn the_review_of_a_checkpoint_goes_on_when_the_engine_dies() {
    let (room, convoy, _) = held_at_a_checkpoint();
    kill_the_engine(&room);
    room.convoy("up");
    room.open("looked");
    room.until("review.made", "\"lanes\"");
    room.open("reviewed");
    room.lands(&convoy);
    let security = room.env.witness().into_iter().filter(|one| one["role"] == "security");
    assert_eq!(security.filter(|one| one["event"] == "waiting").count(), 1, "nobody was started again");
    assert_eq!((room.events("review.started").len(), room.events("review.made").len()), (1, 1));
}

#[test]
fn a_session_that_ends_takes_the_reviewers_of_its_checkpoint_along() {
    let (room, convoy, reviewer) = held_at_a_checkpoint();
    room.open("reviewed");
    assert!(convoy_testkit::wait::readable(reviewer.as_fd(), SOON), "it is ended");
    room.until("convoy.abandoned", "nobody waits for this review any more");
    room.lands(&convoy);
    assert_eq!(room.events("review.made").len(), 0);
}
