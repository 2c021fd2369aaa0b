//! The engine is killed at every step of a review: it finishes after that, and no role runs twice for one attempt.
//!
//! These are acceptance case A7.

use std::collections::BTreeMap;
use std::fs;

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::room::Room;
use crate::{count, oracle};

/// An engine that has nothing left to do leaves at once.
const LEAVES: &str = "[daemon]\nidle_exit = \"20ms\"\n";
/// More of any point than one review reaches.
const POINTS_MAX: usize = 400;

/// A review that was begun, and nothing of it done yet. One of its reviewers fails once.
struct Review {
    room: Room,
    id: String,
}

/// What a reviewer found in this line of a file of three.
fn finding(title: &str, line: usize) -> Value {
    json!({
        "severity": "high", "category": "logic", "title": title, "file": "src/lib.txt", "line": line, "end_line": null,
        "quote": (["the first line", "the second line", "the third line"][line - 1]), "problem": format!("{title} is wrong"), "impact": "All", "fix": "Mend it",
        "confidence": "high",
    })
}

fn reviews(name: &str, line: usize) -> Vec<Step> {
    let found = finding(&format!("Found by {name}"), line);
    vec![Step::Output(format!("# Of {name}\n")), Step::Findings(vec![found])]
}

impl Review {
    fn new() -> Self {
        let room = Room::bare();
        let fails = [Step::Output("# Half\n".to_owned()), Step::Exit(3)];
        let mut script = Script::default();
        script.cases.push(convoy_testkit::fake_agent::Case {
            role: Some("security".to_owned()),
            attempt: Some(1),
            steps: fails.to_vec(),
            ..Default::default()
        });
        for (n, name) in ["correctness", "security", "performance"].into_iter().enumerate() {
            script = script.role(name, reviews(name, n + 1));
        }
        let ranking = json!({ "order": ["F1", "F2", "F3"], "summary": "In short", "top": ["F1"] });
        let last = Step::Output(format!("# In short\n\n```json synthesis\n{ranking}\n```\n"));
        script = script.role("synthesis", [last]);
        room.init(&script, LEAVES);
        room.repo().write("src/lib.txt", "the first line\nthe second line\nthe third line\n");
        room.repo().commit("Lines that can be quoted");
        // The command dies when all of it is recorded, so nobody has begun yet.
        let mut start = room.command(["start", "code-review", "--files", "src/**", "--notify", "mayor/"]);
        start.env("CONVOY_CRASH", "append:after@1");
        room.env.run(start).exits(137);
        let id = room.convoy(["list", "-q"]);
        let review = Self { id: id.ok().stdout.trim().to_owned(), room };
        review.room.convoy(["down"]).ok();
        review.copy("repo", "kept");
        review
    }

    fn copy(&self, from: &str, to: &str) {
        let mut copy = self.room.env.command("cp", self.room.env.root());
        copy.args(["-a", from, to]);
        self.room.env.run(copy).ok();
    }

    /// As if nothing had been done yet.
    fn reset(&self) {
        assert_eq!(self.room.env.processes(), [], "left by the run before");
        for folder in ["repo", "home/.local"] {
            let path = self.room.env.root().join(folder);
            let mut free = self.room.env.command("chmod", self.room.env.root());
            free.args(["-R", "u+w"]).arg(&path);
            self.room.env.run(free);
            let _ = fs::remove_dir_all(path);
        }
        fs::write(self.room.at("witness.ndjson"), "").unwrap();
        self.copy("kept", "repo");
    }

    /// What must be the same whatever happened on the way.
    fn outcome(&self) -> Value {
        let view = self.room.convoy(["status", &self.id, "--json"]).ok().json();
        let roles: Vec<Value> = view["roles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| json!([role["role"], role["status"], role["findings"], role["files"]]))
            .collect();
        let folder = self.room.env.dir().join(view["output_dir"].as_str().unwrap());
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_file() && !name.ends_with(".json") && !name.ends_with(".sarif") {
                files.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
        let mail = self.room.convoy(["mail", "inbox", "mayor/", "--json"]).ok().json();
        let mail: Vec<Value> = mail.as_array().unwrap().iter().map(|notice| notice["kind"].clone()).collect();
        let report = &view["context"]["report"];
        json!({
            "outcome": view["outcome"], "status": view["status"], "landings": view["landing_epoch"], "roles": roles,
            "files": files, "mail": mail, "round": report["round"], "counts": report["counts"],
        })
    }

    #[track_caller]
    fn check(&self, what: &str, expected: &Value) {
        let outcome = self.outcome();
        assert_eq!(outcome, *expected, "{what}\n{:#?}", self.room.brief());
        // Each start was of a session of its own, and no role was started more often than it was tried.
        let view = self.room.convoy(["status", &self.id, "--json"]).ok().json();
        let witness = self.room.env.witness();
        for role in view["roles"].as_array().unwrap() {
            let starts =
                witness.iter().filter(|e| e["event"] == "start" && e["role"] == role["role"]).count();
            let attempts = usize::try_from(role["attempts"].as_u64().unwrap()).unwrap();
            assert!(starts >= 1 && starts <= attempts, "{what}: {starts} starts: {role:#}");
        }
        oracle::check(&self.room, &[&self.id]);
        assert_eq!(self.room.env.processes(), [], "{what}");
    }

    /// What comes of it when nobody is killed.
    fn calm(&self) -> Value {
        self.reset();
        assert!(!self.room.life(None));
        let expected = self.outcome();
        let facts = (&expected["outcome"], &expected["round"], &expected["landings"], &expected["mail"]);
        let wanted = (&json!("completed"), &json!(1), &json!(1), &json!(["convoy_landed"]));
        assert_eq!(facts, wanted, "{expected:#}\n{:#?}", self.room.brief());
        let attempts = self.room.events_of("session.wanted").len();
        assert_eq!(attempts, 5, "four roles, one of them twice: {:#?}", self.room.brief());
        self.check("calm", &expected);
        expected
    }

    /// One kill at `crash`, and maybe one while it recovers. Whether it was killed at all.
    fn once(&self, crash: &str, again: Option<&str>, expected: &Value) -> bool {
        self.reset();
        let killed = self.room.life(Some(crash));
        if killed {
            if let Some(again) = again {
                self.room.life(Some(again));
            }
            self.room.life(None);
        }
        self.check(&format!("{crash} {again:?}"), expected);
        killed
    }

    /// The engine is killed at the point again and again, until it gets through.
    fn storm(&self, crash: &str, expected: &Value) -> usize {
        self.reset();
        let mut kills = 0;
        while self.room.life(Some(crash)) {
            kills += 1;
            assert!(kills < POINTS_MAX, "{crash}: no progress\n{:#?}", self.room.brief());
        }
        self.check(crash, expected);
        kills
    }

    /// One kill in each run, at each time that the point is reached.
    fn each(&self, point: &str, least: usize, expected: &Value) {
        for n in (1..POINTS_MAX).step_by(count(7, 1)) {
            // While it recovers, too, for a sample.
            let again = (n % 4 == 0).then(|| format!("append:before@{}", 1 + n % 3));
            if !self.once(&format!("{point}@{n}"), again.as_deref(), expected) {
                assert!(n > least, "{point} was reached {n} times only");
                return;
            }
        }
        panic!("{point} is reached without end");
    }
}

#[test]
fn a7_a_review_whose_engine_is_killed_at_each_append_again_and_again() {
    let review = Review::new();
    let expected = review.calm();
    let appends = review.storm("append:after@1", &expected);
    assert!(appends > 10, "{appends} appends");
    assert!(review.storm("append:before@2", &expected) > 5);
}

#[test]
fn a7_a_review_whose_engine_is_killed_once_after_each_event() {
    let review = Review::new();
    let expected = review.calm();
    review.each("append:after", 10, &expected);
}

#[test]
fn a7_a_review_whose_engine_is_killed_once_before_each_effect() {
    let review = Review::new();
    let expected = review.calm();
    review.each("effects:before", 10, &expected);
}

#[test]
fn a7_a_review_whose_engine_is_killed_around_launches_and_reports() {
    let review = Review::new();
    let expected = review.calm();
    assert!(review.storm("launch:after@1", &expected) >= 2);
    // Whoever goes on reaches these again, so that nobody gets through who is always killed there.
    for point in ["publish:before", "publish:half", "publish:after"] {
        for n in 1..=count(2, 4) {
            assert!(
                review.once(&format!("{point}@{n}"), Some(&format!("{point}@1")), &expected),
                "{point}@{n}"
            );
        }
    }
    for point in ["report:before", "report:half", "report:after"] {
        let again = format!("{point}@1");
        assert!(review.once(&again, Some(&again), &expected), "{point}");
    }
}
