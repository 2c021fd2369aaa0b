//! `convoy review`: a person has a change reviewed, and reads what came of it.

use convoy_testkit::env::{Run, TestEnv};
use convoy_testkit::fake_agent::{Script, Step};
use convoy_testkit::fake_gh::Forge;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::reviews::{finding, found, reviewer, room, sums_up};
use crate::room::{Room, SOON, outside, text};

const HOLE: &str = "password = 1\n";

/// The roles of the built-in template; security finds the hole.
pub(crate) fn reviewers() -> Script {
    Script::default()
        .or(reviewer("security", Some("+password = 1"), found(&[finding("critical", HOLE)])))
        .role("security", found(&[]))
        .role("correctness", found(&[]))
        .role("performance", found(&[]))
        .role("synthesis", [sums_up()])
}

fn asks(room: &Room, words: &str) -> Run {
    room.env.convoy(["review"].into_iter().chain(words.split_whitespace()))
}

/// Everything is committed, the workspace's own files too.
pub(crate) fn settled(room: &Room) {
    room.repo().git(["add", "-A"]);
    room.repo().git(["commit", "-q", "-m", "All"]);
}

/// A branch `topic` with these files committed, checked out.
fn topic(env: &TestEnv, files: &[(&str, &str)]) {
    let repo = env.repo_at(&env.dir());
    repo.git(["checkout", "-q", "-b", "topic"]);
    for (path, content) in files {
        std::fs::write(repo.path().join(path), content).unwrap();
        repo.git(["add", path]);
    }
    repo.git(["commit", "-q", "-m", "Topic"]);
}

#[test]
fn what_is_not_committed_yet_is_reviewed_and_wants_changes() {
    let room = room(outside(), "", &reviewers());
    settled(&room);
    std::fs::write(room.env.dir().join("app.txt"), HOLE).unwrap();
    let run = asks(&room, "").exits(1);
    assert!(run.stdout.contains("A password in the code"), "{}", run.shown());
    assert!(run.stderr.contains("agent started") && !run.stdout.contains("agent started"), "{}", run.shown());
    assert_eq!(room.repo().read("app.txt"), HOLE, "the checkout is left alone");
    let run = asks(&room, "--json").exits(1);
    let view = run.json();
    assert_eq!(
        (&view["success"], text(&view, "/review_result"), &view["files_reviewed"]),
        (&json!(true), "CHANGES_REQUESTED", &json!(["app.txt"])),
        "{view:#}"
    );
    assert!(text(&view, "/security_issues/0").contains("A password in the code"), "{view:#}");
    assert!(std::fs::read_to_string(text(&view, "/report")).unwrap().contains("A password"), "{view:#}");
    let convoy = room.json(&format!("status {}", text(&view, "/convoy_id")));
    assert_eq!(text(&convoy, "/outcome"), "completed");
}

#[test]
fn a_branch_is_reviewed_since_it_left_and_approved() {
    let env = outside();
    env.repo();
    topic(&env, &[("fine.txt", "fine\n"), ("other.md", "other\n")]);
    let room = room(env, "", &reviewers());
    let view = asks(&room, "--json").exits(0).json();
    assert_eq!(text(&view, "/review_result"), "APPROVED");
    let files = |view: &Value| view["files_reviewed"].to_string();
    assert!(files(&view).contains("fine.txt") && files(&view).contains("other.md"), "{view:#}");
    let view = asks(&room, "--files *.md --json").exits(0).json();
    assert_eq!(files(&view), "[\"other.md\"]");
    let run = asks(&room, "--base main --files nothing/**").exits(3);
    assert!(run.stderr.contains("no file that changed"), "{}", run.shown());
    let run = asks(&room, "--base nowhere").exits(3);
    assert!(run.stderr.contains("names no commit"), "{}", run.shown());
    let run = asks(&room, "--template planning").exits(1);
    assert!(run.stderr.contains("no report of findings"), "{}", run.shown());
}

#[test]
fn nothing_to_review_is_said_and_is_no_failure() {
    let room = room(outside(), "", &reviewers());
    settled(&room);
    let run = asks(&room, "").exits(0);
    assert!(run.stdout.contains("Nothing to review"), "{}", run.shown());
    let view = asks(&room, "--json").exits(0).json();
    assert_eq!((&view["convoy_id"], &view["files_reviewed"]), (&Value::Null, &json!([])));
    assert_eq!(room.json("list --all"), json!([]), "nothing was started");
}

#[test]
fn a_reviewer_that_fails_makes_it_inconclusive() {
    let script = Script::default()
        .role("security", [Step::Exit(3)])
        .role("correctness", found(&[]))
        .role("performance", found(&[]))
        .role("synthesis", [sums_up()]);
    let room = room(outside(), "", &script);
    std::fs::write(room.env.dir().join("app.txt"), "fine\n").unwrap();
    let view = asks(&room, "--json").exits(5).json();
    assert_eq!(
        (&view["success"], text(&view, "/review_result"), &view["missing_lanes"]),
        (&json!(false), "COMMENTED", &json!(["security"])),
        "{view:#}"
    );
    assert!(text(&view, "/notes").contains("security"), "{view:#}");
}

#[test]
fn who_has_had_enough_is_told_how_to_see_it_and_how_to_stop_it() {
    let env = outside();
    let hold = Room::hold(&env, "looked");
    let script = Script::always([hold]);
    let room = room(env, "", &script);
    std::fs::write(room.env.dir().join("app.txt"), "fine\n").unwrap();
    let review = room.env.start(["review"]);
    room.env.wait_witness("waiting", 1);
    review.signal(Signal::INT);
    let run = review.wait(SOON).exits(130);
    let id = text(&room.json("list --status running"), "/0/id").to_owned();
    for piece in [format!("convoy status {id}"), format!("convoy output {id}"), format!("convoy stop {id}")] {
        assert!(run.stderr.contains(&piece), "{piece}: {}", run.shown());
    }
    // One that is stopped under who waits has no verdict.
    let waits = room.env.start(["review", "--json"]);
    room.env.wait_witness("waiting", 4);
    let running = room.json("list --status running");
    let ids: Vec<&str> = running.as_array().unwrap().iter().map(|one| text(one, "/id")).collect();
    let other = ids.into_iter().find(|one| *one != id).unwrap();
    room.convoy(&format!("stop {other}"));
    let view = waits.wait(SOON).exits(5).json();
    assert!(text(&view, "/notes").contains("stopped it"), "{view:#}");
    room.convoy(&format!("stop {id}"));
}

const REQUEST: &str = "https://forge.invalid/owner/repo/pull/1";

/// A forge with a request for `topic`, which is not checked out here any more.
fn requested(env: &TestEnv, files: &[(&str, &str)]) {
    env.repo();
    let _ = Forge::new(env);
    topic(env, files);
    let repo = env.repo_at(&env.dir());
    repo.git(["push", "-q", "origin", "topic", "topic:refs/pull/1/head"]);
    let pulls = json!([{
        "number": 1, "url": REQUEST, "state": "OPEN", "mergeCommit": null, "headRefName": "topic",
        "baseRefName": "main", "title": "Topic", "body": "", "comments": [],
    }]);
    std::fs::write(env.home().join("fake-gh.json"), pulls.to_string()).unwrap();
    repo.git(["checkout", "-q", "main"]);
    repo.git(["branch", "-q", "-D", "topic"]);
    repo.git(["update-ref", "-d", "refs/remotes/origin/topic"]);
}

#[test]
fn a_request_is_fetched_reviewed_and_commented_on_once() {
    let env = outside();
    requested(&env, &[("app.txt", HOLE)]);
    let room = room(env, "", &reviewers());
    let view = asks(&room, &format!("--pr {REQUEST} --json")).exits(1).json();
    assert_eq!(view["files_reviewed"], json!(["app.txt"]), "{view:#}");
    let forge = Forge::beside(&room.env);
    let comments = || forge.pulls()[0]["comments"].as_array().unwrap().clone();
    assert_eq!(comments().len(), 0, "nothing is written unless it is asked for");
    let convoy = room.json(&format!("status {}", text(&view, "/convoy_id")));
    let head = room.repo().git(["ls-remote", "origin", "refs/pull/1/head"]);
    assert_eq!(text(&convoy, "/context/commit"), head.split('\t').next().unwrap());
    assert_eq!(text(&convoy, "/context/pr_url"), REQUEST);
    let run = asks(&room, "--pr 1 --comment").exits(1);
    assert!(run.stderr.contains("commented"), "{}", run.shown());
    let said = comments();
    assert!(text(&said[0], "/body").contains("A password in the code"), "{said:#?}");
    let run = asks(&room, &format!("--pr {REQUEST}/files --comment")).exits(1);
    assert!(run.stderr.contains("has its comment already"), "{}", run.shown());
    assert_eq!(comments().len(), 1, "once for each commit");
    assert_eq!(room.repo().git(["branch", "--list"]).trim(), "* main", "no branch is made here");
}

#[test]
fn a_request_elsewhere_or_without_gh_is_refused() {
    let env = outside();
    requested(&env, &[("app.txt", HOLE)]);
    let room = room(env, "", &reviewers());
    let run = asks(&room, "--pr https://forge.invalid/other/repo/pull/1").exits(3);
    assert!(run.stderr.contains("is not on the forge of home"), "{}", run.shown());
    let run = asks(&room, "--pr https://forge.invalid/owner/repo/issues/1").exits(2);
    assert!(run.stderr.contains("is no request"), "{}", run.shown());
    asks(&room, "--comment").exits(2);
    std::fs::remove_file(room.env.bin().join("gh")).unwrap();
    let run = asks(&room, &format!("--pr {REQUEST}")).exits(1);
    assert!(run.stderr.contains("gh") && run.stderr.contains("gh auth login"), "{}", run.shown());
    assert_eq!(room.json("list --all"), json!([]), "nothing was started");
}
