//! The engine is killed: at every append, between commit and effects, around a launch, around a merge, while it
//! recovers, and with agents at work.

use std::fs;
use std::time::Duration;

use convoy_testkit::fake_agent::{Case, Script, Step};
use serde_json::{Value, json};

use crate::room::{Room, gone, kill, lives, pid_of, tell_commit, then_work, work, write};
use crate::{PATIENCE, count, oracle};

/// An engine that has nothing left to do leaves at once.
const LEAVES: &str = "[daemon]\nidle_exit = \"20ms\"\n";
/// More of any point than one run of the scenario reaches.
const POINTS_MAX: usize = 400;

/// Four issues: two that conflict, one that fails once and leaves a commit, one that needs two of them.
struct Scenario {
    room: Room,
}

impl Scenario {
    fn new() -> Self {
        Self::with(LEAVES)
    }

    /// With a merge queue, whose batches are of two.
    fn queue() -> Self {
        Self::with(&format!("{LEAVES}[merge]\nbatch_wait = \"50ms\"\nbatch_max = 2\n"))
    }

    fn with(config: &str) -> Self {
        let room = Room::bare();
        let case = |issue: &str, attempt: Option<usize>, steps: Vec<Step>| Case {
            issue: Some(issue.to_owned()),
            attempt,
            steps,
            ..Case::default()
        };
        // Both begin before either ends, so that they conflict.
        let clash = |mine: &str, other: &str| {
            then_work([
                Step::Append { path: room.at(mine), content: String::new() },
                Step::WaitFor(room.at(other)),
                write("shared.txt", mine),
            ])
        };
        let fails =
            vec![write("first.txt", "kept\n"), Step::Commit("Half".to_owned()), tell_commit(), Step::Exit(3)];
        let untidy = then_work([]).into_iter().chain([write("left.txt", "uncommitted\n")]).collect();
        let merge = ["git", "merge", "-q", "-X", "ours", "-m", "Resolve", "origin/main"];
        let resolve = vec![Step::Run(merge.map(str::to_owned).into()), tell_commit()];
        let conflict = Some("Resolve the conflict first".to_owned());
        let script = Script::default()
            .or(Case { prompt: conflict, steps: resolve, ..Case::default() })
            .or(case("gt-1", Some(1), clash("met-1", "met-2")))
            .or(case("gt-2", Some(1), clash("met-2", "met-1")))
            .or(case("gt-3", Some(1), fails))
            .or(case("gt-4", None, untidy))
            .or(Case { steps: work(), ..Case::default() });
        room.init(&script, config);
        room.issues(&["gt-1", "gt-2", "gt-3"]);
        room.convoy(["issue", "create", "Issue gt-4", "--id", "gt-4", "--needs", "gt-1", "--needs", "gt-3"])
            .ok();
        // The command dies when all of it is recorded, so nobody has begun yet.
        let queue = config.contains("[merge]");
        let mut create =
            room.command(["create", "Storm", "gt-1", "gt-2", "gt-3", "gt-4", "--run", "--notify", "mayor/"]);
        create.args(["--merge", if queue { "queue" } else { "direct" }]);
        create.env("CONVOY_CRASH", "append:after@1");
        room.env.run(create).exits(137);
        let scenario = Self { room };
        scenario.copy("repo", "kept");
        scenario
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
            let _ = fs::remove_dir_all(self.room.env.root().join(folder));
        }
        for file in ["witness.ndjson", "met-1", "met-2"] {
            let _ = fs::remove_file(self.room.env.root().join(file));
        }
        self.copy("kept", "repo");
    }

    /// What must be the same whatever happened on the way.
    fn outcome(&self) -> Value {
        let room = &self.room;
        let issues = room.convoy(["issue", "list", "--all", "--json"]).ok().json();
        let issues: Vec<Value> = issues
            .as_array()
            .unwrap()
            .iter()
            .map(|issue| json!([issue["id"], issue["status"], issue["close_reason"]]))
            .collect();
        let convoys = room.convoy(["list", "--all", "--json"]).ok().json();
        let convoys: Vec<Value> = convoys
            .as_array()
            .unwrap()
            .iter()
            .map(|c| json!([c["status"], c["completed"], c["landing_epoch"]]))
            .collect();
        let mail = room.convoy(["mail", "inbox", "mayor/", "--json"]).ok().json();
        let mail: Vec<Value> = mail.as_array().unwrap().iter().map(|notice| notice["kind"].clone()).collect();
        let repo = room.env.command("git", &room.env.dir());
        let mut repo = repo;
        repo.args(["ls-tree", "-r", "--name-only", "main"]);
        let files = room.env.run(repo).ok().stdout;
        json!({ "issues": issues, "convoys": convoys, "mail": mail, "files": files.lines().collect::<Vec<_>>() })
    }

    #[track_caller]
    fn check(&self, what: &str, expected: &Value) {
        let outcome = self.outcome();
        assert_eq!(outcome, *expected, "{what}\n{:#?}", self.room.brief());
        oracle::check(&self.room, &["gt-1", "gt-2", "gt-3", "gt-4"]);
        assert_eq!(self.room.env.processes(), [], "{what}");
    }

    /// Runs with one kill at `crash`, and maybe one while it recovers. Whether it was killed at all.
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

    /// What comes of it when nobody is killed.
    fn calm(&self) -> Value {
        self.reset();
        assert!(!self.room.life(None));
        let conflicts = self.room.events_of("worker.learned");
        let counts = |kind: &str| conflicts.iter().filter(|event| event["data"]["count"] == kind).count();
        assert_eq!((counts("conflict"), counts("failure")), (1, 1), "{:#?}", self.room.brief());
        let expected = self.outcome();
        let closed = json!(["gt-1", "gt-2", "gt-3", "gt-4"].map(|id| json!([id, "closed", "merged"])));
        assert_eq!(expected["issues"], closed);
        assert_eq!(expected["convoys"], json!([["landed", 4, 1]]));
        assert_eq!(expected["mail"], json!(["convoy_landed"]));
        self.check("calm", &expected);
        expected
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
}

#[test]
fn killed_at_each_append_again_and_again() {
    let scenario = Scenario::new();
    let expected = scenario.calm();
    let appends = scenario.storm("append:after@1", &expected);
    assert!(appends > 10, "{appends} appends");
    assert!(scenario.storm("append:before@2", &expected) > 5);
}

#[test]
fn killed_between_commit_and_effects() {
    let scenario = Scenario::new();
    let expected = scenario.calm();
    assert!(scenario.storm("effects:before@1", &expected) > 10);
    scenario.once("effects:before@1", Some("effects:before@3"), &expected);
}

#[test]
fn killed_around_a_launch_and_a_merge() {
    let scenario = Scenario::new();
    let expected = scenario.calm();
    assert!(scenario.storm("launch:after@1", &expected) >= 4);
    assert!(scenario.storm("merge:after@1", &expected) >= 4);
    for point in ["launch:before", "merge:before"] {
        for n in 1..=count(2, 20) {
            if !scenario.once(&format!("{point}@{n}"), Some(&format!("{point}@1")), &expected) {
                assert!(n > 4, "{point} was reached {n} times only");
                break;
            }
        }
    }
}

#[test]
fn killed_around_a_batch() {
    let scenario = Scenario::queue();
    let expected = scenario.calm();
    assert!(scenario.storm("batch:after@1", &expected) >= 2);
    for point in ["batch:before", "batch:after"] {
        for n in 1..=count(2, 20) {
            if !scenario.once(&format!("{point}@{n}"), Some(&format!("{point}@1")), &expected) {
                break;
            }
        }
    }
    scenario.storm("append:before@3", &expected);
}

/// Engines that die around a launch may leave several supervisors for one session: one of them starts the agent.
#[test]
fn of_several_supervisors_one_starts_the_agent() {
    let scenario = Scenario::new();
    let expected = scenario.calm();
    let room = &scenario.room;
    for _ in 0..count(2, 20) {
        scenario.reset();
        assert!(room.life(Some("launch:before@1")));
        let sessions: Vec<_> =
            room.sessions().into_iter().filter(|dir| dir.join("spec.json").exists()).collect();
        assert!(!sessions.is_empty());
        let supervisors: Vec<_> = sessions
            .iter()
            .flat_map(|dir| [dir; 4])
            .map(|dir| room.start(["supervise".as_ref(), dir.as_os_str()]))
            .collect();
        room.life(None);
        let all = supervisors.len();
        let ends: Vec<i32> =
            supervisors.into_iter().map(|supervisor| supervisor.wait(PATIENCE).status).collect();
        let ran = ends.iter().filter(|status| **status == 0).count();
        assert!(ran <= sessions.len(), "{ran} of {all} ran: {ends:?}");
        scenario.check("several supervisors", &expected);
    }
}

/// One kill in each run, at each point.
fn each(point: &str) {
    let scenario = Scenario::new();
    let expected = scenario.calm();
    let stride = count(9, 1);
    for n in (1..POINTS_MAX).step_by(stride) {
        // While it recovers, too, for a sample.
        let again = (n % 4 == 2).then(|| format!("append:before@{}", 1 + n % 3));
        if !scenario.once(&format!("{point}@{n}"), again.as_deref(), &expected) {
            assert!(n > 10, "{point} was reached {n} times only");
            return;
        }
    }
    panic!("{point} is reached without end");
}

#[test]
fn killed_before_an_append() {
    each("append:before");
}

#[test]
fn killed_after_an_append() {
    each("append:after");
}

#[test]
fn killed_before_effects() {
    each("effects:before");
}

/// Prints a line, waits, prints another, works.
fn slow(room: &Room) -> Script {
    let held = |n: usize| [Step::Print(format!("line {n}")), Step::WaitFor(room.at(&format!("go-{n}")))];
    Script::always(then_work(held(1).into_iter().chain(held(2))))
}

fn output(room: &Room) -> String {
    let sessions = room.sessions();
    assert_eq!(sessions.len(), 1);
    fs::read_to_string(sessions[0].join("output.log")).unwrap()
}

#[test]
fn an_engine_that_is_restarted_leaves_agents_alone() {
    for killed in [false, true] {
        let room = Room::bare();
        room.init(&slow(&room), "");
        room.issues(&["gt-1"]);
        let convoy = room.launch(&["gt-1"]);
        let agent = pid_of(&room.env.wait_witness("waiting", 1)[0]);
        let began = if killed {
            let engine = room.engine_pid();
            kill(engine);
            // The lock went with the process: no agent has it.
            let began = convoy_engine::clock::Instant::now();
            room.convoy(["up"]).ok();
            Some(began)
        } else {
            room.convoy(["down"]).ok();
            None
        };
        if let Some(began) = began {
            assert!(began.elapsed() < Duration::from_secs(4), "up took {:?}", began.elapsed());
        }
        assert!(lives(agent), "the agent went with the engine");
        room.release("go-1");
        room.env.wait_witness("waiting", 2);
        room.convoy(["up"]).ok();
        room.release("go-2");
        room.land(&convoy);
        assert!(gone(agent, PATIENCE));
        assert_eq!(room.env.wait_witness("start", 1).len(), 1);
        assert_eq!(output(&room), "line 1\nline 2\n");
        let worker = room.worker("gt-1");
        assert_eq!(worker["sessions"].as_array().unwrap().len(), 1, "{worker}");
        oracle::check(&room, &["gt-1", &convoy]);
    }
}

#[test]
fn down_says_that_agents_are_stopped_only_when_they_are() {
    let room = Room::new(&Script::always([Step::Ignore(vec!["INT".into(), "TERM".into()]), Step::Hang]), "");
    room.issues(&["gt-1"]);
    room.launch(&["gt-1"]);
    let agent = pid_of(&room.env.wait_witness("waiting", 1)[0]);
    let down = room.start(["down", "--stop-agents"]);
    room.wait_events("session.stop_requested", 1);
    room.kill_engine();
    let run = down.wait(PATIENCE).exits(5);
    assert!(run.stderr.contains("ended before its agents had"), "{}", run.shown());
    assert!(lives(agent));
    room.convoy(["up"]).ok();
    room.convoy(["down", "--stop-agents"]).ok();
    assert!(!lives(agent));
    // Work goes on with the next engine, unless it is stopped.
    room.convoy(["work", "stop", "gt-1"]).ok();
    room.wait_events("worker.stopped", 1);
    oracle::check(&room, &["gt-1"]);
}

/// What is committed is lost, as when a disk is restored: the session that it knew of runs on.
#[test]
fn a_session_that_the_log_has_lost_is_ended_and_its_work_is_kept() {
    let room = Room::bare();
    let first = vec![write("half.txt", "half\n"), Step::Commit("Half".to_owned()), tell_commit(), Step::Hang];
    let script = Script::default().attempt(1, first).or(Case { steps: work(), ..Case::default() });
    room.init(&script, "");
    room.issues(&["gt-1"]);
    let files = ["log.db", "log.db-wal", "log.ack"];
    let old: Vec<_> = files.map(|file| (file, fs::read(room.state().join(file)).ok())).into();
    let lost = room.launch(&["gt-1"]);
    let agent = pid_of(&room.env.wait_witness("waiting", 1)[0]);
    room.kill_engine();
    let _ = fs::remove_file(room.state().join("snapshot"));
    for (file, bytes) in old {
        match bytes {
            Some(bytes) => fs::write(room.state().join(file), bytes).unwrap(),
            None => drop(fs::remove_file(room.state().join(file))),
        }
    }
    room.convoy(["status", &lost]).exits(3);
    assert!(lives(agent));
    room.convoy(["up"]).ok();
    assert!(gone(agent, PATIENCE), "an agent that nobody knows of goes on");
    let convoy = room.launch(&["gt-1"]);
    room.land(&convoy);
    oracle::check(&room, &["gt-1", &convoy]);
}
