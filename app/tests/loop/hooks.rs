//! A person's own commands around the life of a workdir.

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Script, Step};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::room::{Room, commit, outside, save_prompt, text};

/// A hook that is a line of shell, for the test's convenience; Convoy itself starts no shell.
fn hook(when: &str, line: &str) -> String {
    format!("[hooks.{when}]\ncommand = {}\n", json!(["sh", "-c", line]))
}

/// Writes down that it ran, where, and what it was told.
fn tell(env: &TestEnv, when: &str) -> String {
    let file = env.root().join("hooks");
    let line = format!(
        "echo \"$CONVOY_HOOK $CONVOY_ISSUE $(basename \"$PWD\") $CONVOY_HOOK_SESSION ${{SECRET:-none}}\" >> '{}'",
        file.display()
    );
    hook(when, &line)
}

fn told(room: &Room) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(room.env.root().join("hooks")).unwrap_or_default();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

fn lives(file: &std::path::Path) -> bool {
    let pid = std::fs::read_to_string(file).unwrap();
    let cmdline = std::fs::read(format!("/proc/{}/cmdline", pid.trim()));
    cmdline.is_ok_and(|words| !words.is_empty())
}

#[test]
fn hooks_run_in_the_workdir_at_their_time_and_see_what_they_need() {
    let mut env = outside();
    env.set("SECRET", "not for hooks");
    let config: String =
        ["after_create", "before_run", "after_run", "before_remove"].map(|when| tell(&env, when)).concat();
    let room = Room::around(env, &config, &Script::works());
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let session = text(&room.worker("gt-a"), "/sessions/0/id").to_owned();
    let line = |when: &str| [when, "gt-a", &session, &session, "none"].map(str::to_owned).to_vec();
    let life = ["after_create", "before_run", "after_run"].map(line);
    assert_eq!(told(&room), life);
    room.convoy("workdir clean --all");
    assert_eq!(told(&room)[3..], [line("before_remove")]);
    assert!(!room.repo().git(["ls-tree", "-r", "--name-only", "main"]).contains("hooks"));
}

#[test]
fn what_a_hook_makes_ready_is_there_for_the_agent() {
    let env = outside();
    let script = Script::always([
        Step::Run(vec!["sh".into(), "-c".into(), "cp ready.tmp made && cat more >> made".into()]),
        Step::Commit("Use it".into()),
    ]);
    let config = hook("after_create", "echo ready > ready.tmp") + &hook("before_run", "echo more > more");
    let room = Room::around(env, &config, &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert_eq!(room.repo().read("made"), "ready\nmore\n");
}

/// Each of the two that count: it is no failure of the task, it is tried again, and its output is told.
#[test]
fn a_hook_that_fails_is_not_the_fault_of_the_task() {
    for when in ["after_create", "before_run"] {
        let env = outside();
        let flag = env.root().join("flag");
        let script = Script::always([&[save_prompt(&env, "prompt")][..], &commit("a", "a\n")].concat());
        let line = format!(
            "if [ ! -e '{0}' ]; then touch '{0}'; echo no room at the inn; exit 3; fi",
            flag.display()
        );
        let room = Room::around(env, &hook(when, &line), &script);
        let convoy = room.launch_new("gt-a", "");
        room.lands(&convoy);
        let worker = room.worker("gt-a");
        assert_eq!((&worker["failures"], &worker["lost"]), (&json!(0), &json!(1)), "{when}: {worker:#}");
        let why = text(&worker, "/sessions/0/why");
        assert!(why.contains(&format!("hook {when} failed with status 3")), "{why}");
        assert_eq!(room.env.wait_witness("start", 1).len(), 1, "no agent was started for the first attempt");
        let prompt = room.saved("prompt");
        assert!(prompt.contains("no room at the inn"), "{when}: {prompt}");
    }
}

#[test]
fn a_hook_that_never_succeeds_ends_with_a_person_and_no_agent() {
    let room = Room::with(&hook("after_create", "exit 3"), &Script::works());
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("hook after_create failed with status 3"), "{said}");
    assert_eq!(room.env.witness(), Vec::<Value>::new());
    let worker = room.worker("gt-a");
    assert_eq!((&worker["failures"], &worker["lost"]), (&json!(0), &json!(5)), "{worker:#}");
}

#[test]
fn hooks_that_only_tidy_up_change_nothing_by_failing() {
    let config = hook("after_run", "echo x > a; exit 1") + &hook("before_remove", "exit 1");
    let room = Room::with(&config, &Script::always(commit("a", "a\n")));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert_eq!(room.repo().read("a"), "a\n", "what the hook changes is not the agent's work");
    let log = room.convoy("daemon logs").stdout;
    assert!(log.contains("hook after_run failed with status 1"), "{log}");
    room.convoy("workdir clean --all");
    assert_eq!(room.json("workdir list"), json!([]));
}

#[test]
fn a_hook_that_hangs_is_ended_with_all_that_it_started() {
    let env = outside();
    let pids = env.root().join("pids");
    // Of the first run: the attempt is made again at once, and its hook hangs again.
    let line = format!("sleep 1000 & [ -e '{0}' ] || echo $! > '{0}'; wait", pids.display());
    let config = hook("before_run", &line) + "timeout = \"2s\"\n";
    let room = Room::around(env, &config, &Script::works());
    room.launch_new("gt-a", "");
    room.until("session.over", "hook before_run ran longer than it may");
    assert!(!lives(&pids));
    // And one that leaves something behind has not left it running.
    room.convoy("work stop gt-a");
}

#[test]
fn stopping_ends_a_hook() {
    let env = outside();
    let pids = env.root().join("pids");
    let line = format!("sleep 1000 & echo $! > '{0}.new'; mv '{0}.new' '{0}'; wait", pids.display());
    let room = Room::around(env, &hook("before_run", &line), &Script::works());
    room.launch_new("gt-a", "");
    room.env.wait_for("pids");
    room.convoy("work stop gt-a");
    room.until("worker.stopped", "overseer");
    assert!(!lives(&pids));
    assert_eq!(room.env.witness(), Vec::<Value>::new());
}

/// Killed in the middle of a hook, the engine that comes next ends it and does the step again.
#[test]
fn an_engine_that_dies_in_a_hook_does_it_again() {
    for when in ["after_create", "before_run", "after_run"] {
        let env = outside();
        let (pids, go) = (env.root().join("pids"), env.root().join("go"));
        let line = format!(
            "echo $CONVOY_HOOK >> '{0}/ran'; [ -e '{1}' ] && exit 0; sleep 1000 & \
             echo $! > '{2}.new'; mv '{2}.new' '{2}'; wait",
            env.root().display(),
            go.display(),
            pids.display()
        );
        let room = Room::around(env, &hook(when, &line), &Script::always(commit("a", "a\n")));
        let convoy = room.launch_new("gt-a", "");
        room.env.wait_for("pids");
        let engine = room.json("daemon status")["pid"].as_i64().unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(engine).unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        std::fs::write(&go, "").unwrap();
        room.convoy("up");
        room.lands(&convoy);
        assert!(!lives(&pids), "{when}");
        assert_eq!(room.saved("ran").lines().count(), 2, "{when}");
        assert_eq!(room.env.wait_witness("start", 1).len(), 1, "{when}");
        assert_eq!(room.worker("gt-a")["lost"], 0, "{when}");
    }
}

#[test]
fn a_mistake_in_a_hook_is_found_before_anything_is_done() {
    let room = Room::new(&Script::works());
    room.configure("[hooks.after_creat]\ncommand = [\"x\"]\n");
    let run = room.env.convoy(["list"]).exits(2);
    assert!(run.stderr.contains("after_create"), "{}", run.shown());
}
