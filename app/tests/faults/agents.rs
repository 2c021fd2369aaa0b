//! Agents and their supervisors: killed, deaf, endless, loud, leaving things behind, or without the ground they
//! stand on.

use std::fs;
use std::time::Duration;

use convoy_testkit::fake_agent::{Case, Script, Step};
use serde_json::json;

use crate::room::{Room, files_below, gone, kill, lives, pid_of, tell_commit, then_work, work, write};
use crate::{PATIENCE, count, oracle};

const ONE_ATTEMPT: &str = "[retry]\nmax_attempts = 1\n";
const MB: u64 = 1024 * 1024;
/// What an engine may grow by while it follows two agents: its threads' stacks and what its allocator keeps are a good
/// deal of it, and differ from run to run. A flood that was held would be eight times as much.
const GROWTH_KB_MAX: u64 = 24 * 1024;

/// These steps at the first attempt, work at the others.
fn at_first(steps: impl IntoIterator<Item = Step>) -> Script {
    Script::default().attempt(1, steps).or(Case { steps: work(), ..Case::default() })
}

#[test]
fn an_agent_that_is_killed_is_tried_again() {
    let room = Room::new(
        &at_first([write("half.txt", "half\n"), Step::Commit("Half".into()), tell_commit(), Step::Hang]),
        "",
    );
    room.issues(&["gt-1"]);
    let convoy = room.launch(&["gt-1"]);
    kill(pid_of(&room.env.wait_witness("waiting", 1)[0]));
    room.land(&convoy);
    let worker = room.worker("gt-1");
    assert_eq!(worker["sessions"][0]["exit"]["signal"], 9, "{worker}");
    assert_eq!((&worker["failures"], &worker["lost"]), (&json!(1), &json!(0)));
    assert!(worker["sessions"][0]["why"].as_str().unwrap().contains("signal 9"), "{worker}");
    oracle::check(&room, &["gt-1", &convoy]);
}

#[test]
fn a_supervisor_that_is_killed_is_lost_and_leaves_nothing_running() {
    let orphan = Step::Orphan { steps: vec![Step::Hang], keep_stdout: false };
    let room = Room::new(&at_first([write("half.txt", "uncommitted\n"), orphan, Step::Hang]), "");
    room.issues(&["gt-1"]);
    let convoy = room.launch(&["gt-1"]);
    let waiting = room.env.wait_witness("waiting", 2);
    let session = room.env.witness()[0]["env"]["CONVOY_SESSION"].as_str().unwrap().to_owned();
    let follows = room.env.start(["logs", &session, "-f"]);
    kill(room.supervisor_pid(&session));
    room.land(&convoy);
    // Nobody writes an end of it, and yet that is all.
    assert_eq!(follows.wait(PATIENCE).status, 0);
    room.convoy(["logs", &session, "-f"]).ok();
    for entry in &waiting {
        assert!(!lives(pid_of(entry)), "{entry}");
    }
    let worker = room.worker("gt-1");
    assert_eq!((&worker["failures"], &worker["lost"]), (&json!(0), &json!(1)), "{worker}");
    assert_eq!(worker["sessions"][0]["state"], "lost", "{worker}");
    let kept = room.repo().git(["show", "main:half.txt"]);
    assert_eq!(kept, "uncommitted");
    oracle::check(&room, &["gt-1", &convoy]);
}

/// Both at once, and everything is dead when the next engine looks.
#[test]
fn supervisor_and_engine_are_killed_together() {
    let room = Room::new(&at_first([write("half.txt", "uncommitted\n"), Step::Hang]), "");
    room.issues(&["gt-1"]);
    let convoy = room.launch(&["gt-1"]);
    let agent = pid_of(&room.env.wait_witness("waiting", 1)[0]);
    let session = room.env.witness()[0]["env"]["CONVOY_SESSION"].as_str().unwrap().to_owned();
    let supervisor = room.supervisor_pid(&session);
    room.kill_engine();
    kill(supervisor);
    assert!(gone(agent, PATIENCE), "the agent outlives its supervisor");
    room.land(&convoy);
    assert_eq!(room.worker("gt-1")["lost"], 1);
    assert_eq!(room.repo().git(["show", "main:half.txt"]), "uncommitted");
    oracle::check(&room, &["gt-1", &convoy]);
}

#[test]
fn what_an_agent_leaves_running_is_ended_and_counted_before_the_next_attempt() {
    let orphan = |keep_stdout| Step::Orphan { steps: vec![Step::Hang], keep_stdout };
    let room = Room::bare();
    let next = then_work([Step::WaitFor(room.at("go"))]);
    let first = [orphan(false), orphan(true), Step::Exit(1)];
    room.init(&Script::default().attempt(1, first).or(Case { steps: next, ..Case::default() }), "");
    room.issues(&["gt-1"]);
    let convoy = room.launch(&["gt-1"]);
    let orphans = room.env.wait_witness("orphan", 2);
    // The second attempt has begun, and waits.
    room.env.wait_witness("start", 2);
    for orphan in &orphans {
        assert!(!lives(pid_of(orphan)), "the next attempt began beside {orphan}");
    }
    room.release("go");
    room.land(&convoy);
    let worker = room.worker("gt-1");
    assert_eq!(worker["sessions"][0]["exit"]["leaked"], 2, "{worker}");
    oracle::check(&room, &["gt-1", &convoy]);
}

#[test]
fn an_agent_that_ignores_signals_is_stopped_in_bounded_time() {
    let deaf = [Step::Ignore(["INT", "TERM", "HUP"].map(str::to_owned).into()), Step::Hang];
    let room = Room::new(&Script::always(deaf), "");
    let config = room.env.dir().join(".convoy/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let stop = "[agents.fake]\nstop = [{ signal = \"INT\", wait = \"300ms\" }, { signal = \"TERM\", wait = \"300ms\" }]";
    fs::write(&config, text.replace("[agents.fake]", stop)).unwrap();
    room.issues(&["gt-1"]);
    room.launch(&["gt-1"]);
    let agent = pid_of(&room.env.wait_witness("waiting", 1)[0]);
    let began = convoy_engine::clock::Instant::now();
    room.convoy(["work", "stop", "gt-1"]).ok();
    assert!(gone(agent, PATIENCE));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(600), "it was not asked first: {took:?}");
    // An agent's own steps hold, and not the ten seconds that it gets where nothing is said.
    assert!(took < Duration::from_secs(9), "{took:?}");
    room.wait_events("worker.stopped", 1);
    assert_eq!(room.worker("gt-1")["sessions"][0]["exit"]["signal"], 9);
    oracle::check(&room, &["gt-1"]);
}

#[test]
fn an_agent_that_never_exits_is_ended_by_the_limit_that_it_reaches() {
    for (limit, why) in [("wall_time", "it ran longer than it may"), ("silence", "it showed no sign of life")]
    {
        // It has to be at work before, and its engine dead.
        let config = format!("{ONE_ATTEMPT}[limits]\n{limit} = \"2s\"\n");
        let room = Room::new(&Script::always([Step::Hang]), &config);
        room.issues(&["gt-1"]);
        room.launch(&["gt-1"]);
        let agent = pid_of(&room.env.wait_witness("waiting", 1)[0]);
        // Nobody has to be there to enforce it.
        room.kill_engine();
        assert!(gone(agent, PATIENCE));
        room.wait_events("worker.failed", 1);
        let session = &room.worker("gt-1")["sessions"][0];
        assert_eq!(session["why"], why, "{session}");
        assert_eq!(room.issue("gt-1")["status"], "needs_human");
        oracle::check(&room, &["gt-1"]);
    }
}

/// Kilobytes of memory of a process, by the name of a line in its status.
fn memory(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}

#[test]
fn a_flood_of_output_is_bounded() {
    let bytes = count(200, 1024) as u64 * MB;
    let room = Room::bare();
    let flood = [Step::Flood(bytes), Step::Complain("flooded".into()), Step::WaitFor(room.at("go"))];
    let quiet = then_work([Step::WaitFor(room.at("began"))]);
    let case = |issue: &str, steps| Case { issue: Some(issue.to_owned()), steps, ..Case::default() };
    let flood = then_work([write(&room.at("began"), "")].into_iter().chain(flood));
    room.init(
        &Script::default().or(case("gt-1", flood)).or(case("gt-2", quiet)),
        "[limits]\noutput = 1048576\n",
    );
    room.issues(&["gt-1", "gt-2"]);
    room.convoy(["up"]).ok();
    let engine = room.engine_pid();
    let before = memory(engine, "VmHWM");
    let convoy = room.launch(&["gt-1", "gt-2"]);
    // The quiet one lands, whatever the other does.
    room.wait_events("issue.closed", 1);
    assert_eq!(room.issue("gt-2")["status"], "closed");
    room.env.wait_for("began");
    assert!(room.env.witness().iter().all(|entry| entry["event"] != "end" || entry["issue"] == "gt-2"));
    let waits = |entry: &&serde_json::Value| entry["event"] == "waiting" && entry["issue"] == "gt-1";
    room.env.wait_witness("waiting", 2);
    assert!(room.env.witness().iter().any(|entry| waits(&entry)));
    for session in room.sessions() {
        let size: u64 =
            files_below(&session).iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
        assert!(size < MB + MB / 4, "{} bytes in {}", size, session.display());
    }
    let grown = memory(engine, "VmHWM").saturating_sub(before);
    assert!(grown < GROWTH_KB_MAX, "the engine grew by {grown} kB");
    room.release("go");
    room.land(&convoy);
    assert_eq!(room.engine_pid(), engine);
    oracle::check(&room, &["gt-1", "gt-2", &convoy]);
}

#[test]
fn a_workdir_that_goes_away_fails_the_attempt_and_touches_no_other_repository() {
    for (what, says) in [("rm -rf \"$PWD\"", "workdir is gone"), ("rm -rf .git", "")] {
        let room = Room::bare();
        // A repository above all workdirs, as a person's home may be one.
        let home = room.env.repo_named("home");
        let before = (home.git(["rev-parse", "HEAD"]), home.git(["status", "--porcelain", "--", "src"]));
        let shell = |script: &str| Step::Try(["sh", "-c", script].map(str::to_owned).into());
        let commit = "echo x > x.txt; git add -A; git commit -q -m astray";
        room.init(&Script::always([shell(what), shell(commit), Step::Exit(0)]), ONE_ATTEMPT);
        room.issues(&["gt-1"]);
        room.launch(&["gt-1"]);
        room.wait_events("session.over", 1);
        room.wait_events("issue.needs_human", 1);
        let session = &room.worker("gt-1")["sessions"][0];
        assert_eq!(session["state"], "failed", "{session}");
        assert!(session["why"].as_str().unwrap().contains(says), "{session}");
        let after = (home.git(["rev-parse", "HEAD"]), home.git(["status", "--porcelain", "--", "src"]));
        assert_eq!(before, after);
        assert_eq!(home.git(["diff", "--cached", "--name-only"]), "");
        assert_eq!(room.repo().subjects("main"), ["Begin"]);
        oracle::check(&room, &["gt-1"]);
    }
}
