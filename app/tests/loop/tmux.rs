//! Agents in tmux: people look on and leave, and whatever happens to tmux happens to one attempt at most.

use std::os::fd::AsFd as _;
use std::path::Path;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Case, Script, Step};
use convoy_testkit::processes::Process;
use convoy_testkit::wait;
use rustix::process::{Pid, Signal};
use serde_json::json;

use crate::room::{Room, SOON, commit, outside, text};

const IN_TMUX: &str = "[defaults]\nagent = \"fake\"\nruntime = \"tmux\"\n";

/// An agent that says something hostile, holds until `go`, and works.
fn held(env: &TestEnv) -> Vec<Step> {
    let said = Step::Print("hello \u{1b}[2J\u{1b}]0;mine\u{7} from the agent".into());
    [&[said, Room::hold(env, "go")][..], &commit("a", "a\n")].concat()
}

fn servers(env: &TestEnv) -> Vec<Process> {
    env.processes().into_iter().filter(|it| it.command.contains("tmux.sock")).collect()
}

/// tmux and supervisors end a moment after the work has: each is waited for.
#[track_caller]
fn nothing_is_left(env: &TestEnv) {
    for process in env.processes() {
        let pid = Pid::from_raw(process.pid).unwrap();
        if let Ok(fd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            assert!(wait::readable(fd.as_fd(), SOON), "{process:?}");
        }
    }
    assert_eq!(env.processes(), []);
}

#[track_caller]
fn server(env: &TestEnv) -> Pid {
    let found = servers(env);
    assert_eq!(found.len(), 1, "{found:?}");
    Pid::from_raw(found[0].pid).unwrap()
}

fn lives(entry: &serde_json::Value) -> bool {
    Path::new(&format!("/proc/{}/environ", entry["pid"])).exists()
        && !std::fs::read(format!("/proc/{}/cmdline", entry["pid"])).unwrap_or_default().is_empty()
}

#[test]
fn a_person_looks_on_leaves_and_the_agent_goes_on() {
    let env = outside();
    let script = Script::always(held(&env));
    let room = Room::around(env, IN_TMUX, &script);
    let convoy = room.launch_new("gt-a", "");
    let waiting = room.env.wait_witness("waiting", 1);
    for leave in ["\u{3}", "\u{2}d"] {
        let mut terminal = room.env.on_terminal(["attach", "gt-a"]);
        let shown = terminal.shows("from the agent", SOON);
        // What the agent prints is shown and not executed: neither the screen's clearing nor its title.
        assert!(shown.contains("hello \\x1b[2J\\x1b]0;mine\\x07 from the agent"), "{shown:?}");
        terminal.shows("Ctrl-c leaves", SOON);
        terminal.types(leave);
        assert_eq!(terminal.ends(SOON), 0);
    }
    assert!(lives(&waiting[0]), "leaving ended the agent");
    // Its environment is what its preset lets pass, and nothing of tmux.
    let start = &room.env.wait_witness("start", 1)[0];
    let names = start["variables"].as_array().unwrap();
    assert!(!names.contains(&json!("TMUX")) && !names.contains(&json!("TMUX_PANE")), "{names:?}");
    let how = room.json("attach gt-a");
    let session = text(&start["env"], "/CONVOY_SESSION").to_owned();
    assert_eq!((text(&how, "/runtime"), text(&how, "/session_id")), ("tmux", session.as_str()));
    // A beginning of the name is not the name.
    let words: Vec<String> = serde_json::from_value(how["command"].clone()).unwrap();
    let mut command = room.env.command(&words[0], Path::new(text(&how, "/directory")));
    let exact = words.last().unwrap();
    command.args(["-S", "tmux.sock", "has-session", "-t", &exact[..exact.len() - 1]]);
    room.env.run(command).exits(1);
    room.open("go");
    room.lands(&convoy);
    let over = room.env.convoy(["attach", "gt-a"]).exits(1);
    assert!(over.stderr.contains("has ended"), "{}", over.shown());
    room.convoy("down");
    nothing_is_left(&room.env);
}

#[test]
fn an_engine_that_comes_back_finds_agents_in_tmux() {
    let env = outside();
    let script = Script::always(held(&env));
    let room = Room::around(env, IN_TMUX, &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    room.convoy("down");
    assert_eq!(servers(&room.env).len(), 1);
    room.open("go");
    room.convoy("up");
    room.lands(&convoy);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
}

/// Killed or told to end, the server takes its terminals with it: the attempt is lost, and nothing worse.
#[test]
fn whatever_ends_the_tmux_server_an_attempt_is_lost_and_its_agent_is_dead() {
    for signal in [Signal::KILL, Signal::TERM] {
        let env = outside();
        let orphan = Step::Orphan { steps: vec![Step::Hang], keep_stdout: false };
        let script = Script::default()
            .attempt(1, [Step::Write { path: "half".into(), content: "half\n".into() }, orphan, Step::Hang])
            .or(Case { steps: held(&env), ..Case::default() });
        let room = Room::around(env, IN_TMUX, &script);
        let convoy = room.launch_new("gt-a", "");
        let waiting = room.env.wait_witness("waiting", 2);
        rustix::process::kill_process(server(&room.env), signal).unwrap();
        room.env.wait_witness("start", 2);
        for entry in &waiting {
            assert!(!lives(entry), "the next attempt began beside {entry}");
        }
        room.open("go");
        room.lands(&convoy);
        let worker = room.worker("gt-a");
        assert_eq!((&worker["failures"], &worker["lost"]), (&json!(0), &json!(1)), "{worker:#}");
        assert_eq!(room.repo().git(["show", "main:half"]), "half", "its edits are kept");
        assert_eq!(room.env.wait_witness("start", 2).len(), 2);
    }
}

#[test]
fn a_supervisor_that_is_killed_in_tmux_is_lost_too() {
    let env = outside();
    let script = Script::default().attempt(1, [Step::Hang]).or(Case { steps: held(&env), ..Case::default() });
    let room = Room::around(env, IN_TMUX, &script);
    let convoy = room.launch_new("gt-a", "");
    let waiting = room.env.wait_witness("waiting", 1);
    let session = text(&room.env.wait_witness("start", 1)[0], "/env/CONVOY_SESSION").to_owned();
    let supervisor = room.env.processes().into_iter().find(|it| {
        it.command.contains("supervise")
            && it.command.ends_with(&session)
            && !it.command.contains("tmux.sock")
    });
    let pid = Pid::from_raw(supervisor.unwrap().pid).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    room.env.wait_witness("start", 2);
    assert!(!lives(&waiting[0]));
    room.open("go");
    room.lands(&convoy);
    assert_eq!(room.worker("gt-a")["lost"], 1);
}

#[test]
fn stopping_works_as_without_a_terminal() {
    let room = Room::with(IN_TMUX, &Script::always([Step::Hang]));
    room.launch_new("gt-a gt-b", "");
    let waiting = room.env.wait_witness("waiting", 2);
    room.convoy("work stop gt-a");
    room.until("worker.stopped", "overseer");
    assert_eq!(servers(&room.env).len(), 1, "the other session is still there");
    room.convoy("down --stop-agents");
    assert!(!waiting.iter().any(lives));
    nothing_is_left(&room.env);
}

#[test]
fn without_tmux_nothing_starts_and_what_to_install_is_said() {
    let mut env = outside();
    // Everything of the machine but tmux.
    let tools = env.root().join("tools");
    std::fs::create_dir(&tools).unwrap();
    for name in ["git", "sh"] {
        std::os::unix::fs::symlink(Path::new("/usr/bin").join(name), tools.join(name)).unwrap();
    }
    env.set("PATH", &tools);
    let room = Room::around(env, IN_TMUX, &Script::works());
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("tmux is not installed"), "{said}");
    assert_eq!(room.env.witness(), Vec::<serde_json::Value>::new());
    let worker = room.worker("gt-a");
    assert_eq!((&worker["failures"], &worker["lost"]), (&json!(0), &json!(0)), "{worker:#}");
    let doctor = room.env.convoy(["doctor"]);
    assert!(doctor.stdout.contains("install tmux 3.0 or later"), "{}", doctor.shown());
    // Installed, it goes on where a person says so.
    std::os::unix::fs::symlink("/usr/bin/tmux", tools.join("tmux")).unwrap();
    room.convoy("down");
    room.convoy("work retry gt-a");
    room.lands(&convoy);
}

#[test]
fn without_a_terminal_what_is_printed_is_followed() {
    let env = outside();
    let script = Script::always(held(&env));
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    let following = room.env.start(["attach", "gt-a"]);
    assert!(following.printed("from the agent", SOON));
    room.open("go");
    let run = following.wait(SOON).exits(0);
    assert!(run.stderr.contains("has no terminal"), "{}", run.shown());
    room.lands(&convoy);
}

/// The address of a socket has room for 107 bytes; folders are deeper than that.
#[test]
fn the_depth_of_the_folder_does_not_matter() {
    let env = outside();
    let deep = format!("{}/repo", "deep/".repeat(40));
    let repo = env.repo_named(&deep);
    let dir = repo.path().to_owned();
    env.convoy_in(&dir, ["init", "--prefix", "gt"]).ok();
    let agent = convoy_testkit::env::agent_toml("fake", &env.fake_agent(&Script::works()), "plain", &[]);
    let file = dir.join(".convoy/config.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}{IN_TMUX}{agent}")).unwrap();
    env.convoy_in(&dir, ["issue", "create", "Do it", "--id", "gt-a"]).ok();
    let made = env.convoy_in(&dir, ["create", "Work", "gt-a", "--run", "--json"]).ok().json();
    env.convoy_in(&dir, ["wait", text(&made, "/id"), "--timeout", "60s"]).ok();
    env.convoy_in(&dir, ["down"]).ok();
    nothing_is_left(&env);
}
