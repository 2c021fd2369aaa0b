//! What an agent may do with `convoy` inside its session.

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::Value;

use crate::room::{Room, commit, outside, says, shell, text};

/// Every command that is not an agent's own, each able to do harm or to tell what is none of its business.
const OTHERS: [&[&str]; 31] = [
    &["init"],
    &["issue", "create", "Mine"],
    &["issue", "list"],
    &["issue", "show", "gt-a"],
    &["issue", "close", "gt-a"],
    &["issue", "update", "gt-a", "--priority", "0"],
    &["issue", "reopen", "gt-a"],
    &["create", "Mine", "gt-a"],
    &["add", "hq-cv", "gt-a"],
    &["list"],
    &["status"],
    &["check"],
    &["close", "hq-cv"],
    &["wait", "hq-cv"],
    &["why", "gt-a"],
    &["stranded"],
    &["sling", "gt-a"],
    &["work", "list"],
    &["work", "stop", "gt-a"],
    &["work", "retry", "gt-a"],
    &["run"],
    &["up"],
    &["down", "--stop-agents"],
    &["daemon", "status"],
    &["mail", "read", "n-1"],
    &["events"],
    &["attach", "gt-a"],
    &["nudge", "gt-a", "hello"],
    &["config", "set", "defaults.agent", "evil"],
    &["workdir", "clean", "--all"],
    &["doctor", "--fix"],
];

fn ran(room: &Room) -> Vec<Value> {
    room.env
        .witness()
        .into_iter()
        .filter(|entry| entry["event"] == "ran" && entry["argv"][0] != "git")
        .collect()
}

#[test]
fn every_command_but_its_own_is_refused() {
    let env = outside();
    let workspace = env.dir().to_string_lossy().into_owned();
    // Also where the workspace is named: the folder does not make the difference.
    let elsewhere = OTHERS.iter().map(|words| says(&[&["-C", &workspace], *words].concat()));
    let here = OTHERS.iter().map(|words| says(words));
    let steps: Vec<Step> = here.chain(elsewhere).chain(commit("a", "a\n")).collect();
    let room = Room::around(env, "", &Script::always(steps));
    let before = std::fs::read_to_string(room.env.dir().join(".convoy/config.toml")).unwrap();
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let ran = ran(&room);
    assert_eq!(ran.len(), 2 * OTHERS.len());
    for entry in ran {
        let refused = text(&entry, "/stderr").contains("this command is not for agents");
        assert!(entry["status"] == 1 && refused, "{entry:#}");
    }
    assert_eq!(room.events("issue.created").len(), 1);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
    assert_eq!(std::fs::read_to_string(room.env.dir().join(".convoy/config.toml")).unwrap(), before);
}

#[test]
fn its_own_commands_reach_its_own_session_only() {
    let env = outside();
    // One agent knows the other's variables: its word is for its own session, because the socket is its own.
    let of_a = [Room::hold(&env, "go"), says(&["note", "from a"])];
    let impersonate =
        "CONVOY_ISSUE=gt-a CONVOY_WORKER=w-else CONVOY_EPOCH=999 \"$CONVOY_BIN\" blocked 'not me'";
    let script = Script::default()
        .issue("gt-a", [&of_a[..], &commit("a", "a\n")].concat())
        .issue("gt-b", [shell(impersonate), Room::hold(&env, "go")]);
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a gt-b", "");
    room.env.wait_witness("waiting", 2);
    room.open("go");
    let said = room.stalls(&convoy);
    assert!(said.contains("not me"), "{said}");
    assert_eq!(text(&room.issue("gt-a"), "/status"), "closed");
    assert_eq!(text(&room.issue("gt-b"), "/status"), "needs_human");
    assert_eq!(room.worker("gt-a")["sessions"][0]["notes"][0], "from a");
}

#[test]
fn its_own_commands_work_while_no_engine_runs() {
    let env = outside();
    let steps = [
        Room::hold(&env, "down"),
        says(&["note", "nobody is up"]),
        says(&["done", "--no-change"]),
        Room::hold(&env, "up"),
    ];
    let room = Room::around(env, "", &Script::always(steps));
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    room.convoy("down");
    room.open("down");
    room.env.wait_witness("waiting", 2);
    assert!(ran(&room).iter().all(|entry| entry["status"] == 0), "{:#?}", ran(&room));
    room.convoy("up");
    room.open("up");
    room.lands(&convoy);
    assert_eq!(room.issue("gt-a")["close_reason"], "completed");
    assert_eq!(room.worker("gt-a")["sessions"][0]["notes"][0], "nobody is up");
}

#[test]
fn outside_of_a_session_they_say_so() {
    let room = Room::new(&Script::works());
    for words in ["done", "blocked why", "note text", "checkpoint", "escalate text"] {
        let run = room.env.convoy(words.split(' ')).exits(1);
        assert!(run.stderr.contains("inside a session"), "{}", run.shown());
    }
}
