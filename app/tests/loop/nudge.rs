//! What is said to agents while they work, and what they say otherwise than by their output.

use convoy_testkit::env::{TestEnv, duplex_toml};
use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::room::{Room, commit, outside, says, shell, text};

/// A workspace whose agent can be told something.
fn talking(env: TestEnv, script: &Script) -> Room {
    let agent = duplex_toml("talk", &env.fake_agent(script));
    Room::around(env, &format!("[defaults]\nagent = \"talk\"\n{agent}"), script)
}

/// A step that waits for a message and saves it in the room.
fn hear(env: &TestEnv, name: &str) -> Step {
    Step::Hear(env.root().join(name).to_string_lossy().into_owned())
}

/// What an agent has heard: its prompt first.
fn heard(room: &Room, count: usize) -> Vec<String> {
    room.env.wait_witness("heard", count).iter().map(|entry| text(entry, "/text").to_owned()).collect()
}

fn session(room: &Room, issue: &str) -> Value {
    room.worker(issue)["sessions"][0].clone()
}

/// What the supervisor of a session has observed, as it wrote it down.
fn observed(room: &Room, issue: &str, kind: &str) -> Vec<Value> {
    let id = text(&session(room, issue), "/id").to_owned();
    let file = room.env.dir().join(".convoy/state/sessions").join(id).join("observations.ndjson");
    let lines = std::fs::read_to_string(file).unwrap();
    let reports = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["report"].clone());
    reports.filter(|report| report["kind"] == kind).collect()
}

#[test]
fn an_agent_is_told_something_whether_an_engine_runs_or_not() {
    let env = outside();
    let steps = [hear(&env, "one"), hear(&env, "two"), hear(&env, "three")];
    let script = Script::always(steps.into_iter().chain(commit("a", "a\n")));
    let room = talking(env, &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    let said = room.env.convoy(["nudge", "gt-a", "look", "into \u{1b}[2Jtests/"]).ok().stdout;
    let id = text(&session(&room, "gt-a"), "/id").to_owned();
    assert!(said.starts_with(&format!("Told {id}.")), "{said}");
    room.env.wait_witness("waiting", 2);
    room.convoy("down");
    let told = room.env.convoy(["nudge", &id, "from nobody", "--as", "mayor/", "--json"]).ok().json();
    assert_eq!((&told["ok"], &told["session_id"]), (&true.into(), &id.into()), "{told:#}");
    room.env.wait_witness("waiting", 3);
    room.env.convoy_with_stdin("piped\ntext\n", ["nudge", "gt-a", "-"]).ok();
    room.convoy("up");
    room.lands(&convoy);
    let heard = heard(&room, 4);
    assert!(heard[0].contains("# gt-a:"), "{}", heard[0]);
    assert_eq!(heard[1..], ["look into \u{1b}[2Jtests/", "from nobody", "piped\ntext\n"]);
    let nudges = room.events("session.nudged");
    let by: Vec<&str> = nudges.iter().map(|event| text(event, "/data/by")).collect();
    assert_eq!(by, ["overseer", "mayor/", "overseer"]);
    assert_eq!(text(&nudges[1], "/data/text"), "from nobody");
    assert_eq!(told["n"], nudges[1]["data"]["n"]);
    let late = room.env.convoy(["nudge", "gt-a", "late"]).exits(1);
    assert!(late.stderr.contains("its agent has ended"), "{}", late.shown());
    // Nothing of it was done twice, and the terminal of whoever follows is safe.
    assert_eq!(observed(&room, "gt-a", "nudged").len(), 3);
}

#[test]
fn what_is_said_in_the_last_moment_is_still_answered() {
    let env = outside();
    let script = Script::always([vec![Room::hold(&env, "go")], commit("a", "a\n").to_vec()].concat());
    let room = talking(env, &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    // It does not listen before its turn is over.
    room.convoy("nudge gt-a one");
    room.convoy("nudge gt-a two");
    room.open("go");
    room.lands(&convoy);
    assert_eq!(heard(&room, 3)[1..], ["one", "two"]);
    let session = session(&room, "gt-a");
    assert_eq!((&session["exit"]["code"], text(&session, "/outcome")), (&0.into(), "success"), "{session:#}");
}

#[test]
fn who_takes_in_nothing_says_so() {
    let env = outside();
    let room = Room::around(env, "", &Script::always([Step::Hang]));
    room.issues("gt-a gt-b");
    assert_eq!(room.env.convoy(["nudge", "gt-none", "hello"]).status, 3);
    room.env.convoy(["nudge", "gt-a", "hello"]).exits(3);
    room.env.convoy(["nudge", "gt-a"]).exits(2);
    room.launch("gt-a");
    room.env.wait_witness("waiting", 1);
    let refused = room.env.convoy(["nudge", "gt-a", "hello"]).exits(1);
    assert!(refused.stderr.contains("takes in nothing while it works"), "{}", refused.shown());
    let refused = room.env.convoy(["nudge", "gt-a", "hello", "--json"]).exits(1);
    let error: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["error"]["code"], "refused");
    assert!(room.env.convoy(["nudge", "gt-a", " "]).exits(1).stderr.contains("no text"));
    assert!(
        room.env
            .convoy_with_stdin(&"x".repeat(20_000), ["nudge", "gt-a", "-"])
            .exits(1)
            .stderr
            .contains("at most")
    );
    assert_eq!(room.events("session.nudged"), Vec::<Value>::new());
    room.convoy("work stop gt-a");
}

#[test]
fn what_an_agent_escalates_is_told_once_and_it_goes_on() {
    let words = ["escalate", "the data", "is old"];
    let steps = [
        says(&words),
        says(&words),
        says(&["escalate", "and it is big"]),
        says(&["checkpoint", "-m", "so far"]),
    ];
    let room = Room::new(&Script::always(steps.into_iter().chain(commit("a", "a\n"))));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let ran: Vec<Value> = room.env.wait_witness("ran", 4);
    assert!(ran.iter().all(|entry| entry["status"] == 0), "{ran:#?}");
    let told: Vec<Value> = room
        .events("notice.sent")
        .into_iter()
        .filter(|event| event["data"]["notice"]["kind"] == "escalated")
        .collect();
    let bodies: Vec<&str> = told.iter().map(|event| text(event, "/data/notice/body")).collect();
    assert_eq!(bodies.len(), 2, "{bodies:#?}");
    assert!(
        bodies[0].starts_with("the data is old\n") && bodies[1].starts_with("and it is big\n"),
        "{bodies:#?}"
    );
    assert_eq!(room.events("session.said").len(), 3);
    assert_eq!(
        observed(&room, "gt-a", "checkpoint_asked"),
        [json!({ "kind": "checkpoint_asked", "note": "so far" })]
    );
}

#[test]
fn a_signal_file_says_what_commands_say() {
    let done = json!({ "status": "completed", "outcome": "no_change", "costUsd": 0.5 });
    let room = Room::new(&Script::always([Step::SignalFile(done)]));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert_eq!(room.issue("gt-a")["close_reason"], "completed");
    assert_eq!(room.events("session.self_reported")[0]["data"]["cost"], 500_000);
    // One that says that it failed has not succeeded, whatever it left behind.
    let failed = json!({ "status": "failed", "error": "no licence for the compiler" });
    let steps = [commit("b", "b\n").to_vec(), vec![Step::SignalFile(failed)]].concat();
    room.plays(&Script::default().attempt(1, steps).attempt(2, commit("c", "c\n")));
    let convoy = room.launch_new("gt-b", "");
    room.lands(&convoy);
    let first = session(&room, "gt-b");
    assert_eq!((text(&first, "/outcome"), &first["exit"]["code"]), ("failure", &0.into()), "{first:#}");
    assert!(text(&first, "/why").contains("no licence"), "{first:#}");
    // Somebody else's word is not taken.
    let other = json!({ "workerId": "w-other", "issueId": "gt-c", "status": "failed" });
    room.plays(&Script::always([vec![Step::SignalFile(other)], commit("d", "d\n").to_vec()].concat()));
    let convoy = room.launch_new("gt-c", "");
    room.lands(&convoy);
    assert!(
        text(&session(&room, "gt-c"), "/notes/0").contains("was not taken"),
        "{:#}",
        session(&room, "gt-c")
    );
}

#[test]
fn hooks_report_inside_a_session_and_do_nothing_outside() {
    let hook =
        |moment: &str, input: &Value| shell(&format!("echo '{input}' | \"$CONVOY_BIN\" hook {moment}"));
    let steps = [
        hook("session-start", &json!({ "session_id": "c-1", "model": "m-1" })),
        hook("notification", &json!({ "message": "Claude needs your permission to use Bash" })),
        hook("pre-compact", &json!({ "trigger": "auto" })),
        hook("stop", &json!({ "stop_hook_active": false })),
        hook("of-a-later-version --with=words", &json!({})),
        shell("head -c 9000000 /dev/zero | \"$CONVOY_BIN\" hook stop; test $? = 0"),
    ];
    let room = Room::new(&Script::always(steps.into_iter().chain(commit("a", "a\n"))));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    for entry in room.env.wait_witness("ran", 6) {
        assert_eq!((text(&entry, "/stdout"), text(&entry, "/stderr")), ("", ""), "{entry:#}");
    }
    assert_eq!(room.events("session.conversation")[0]["data"]["conversation"], "c-1");
    let waiting = observed(&room, "gt-a", "waiting");
    assert_eq!(waiting, [json!({ "kind": "waiting", "what": "Claude needs your permission to use Bash" })]);
    assert_eq!(observed(&room, "gt-a", "checkpoint_asked").len(), 1);
    for words in [&["hook", "stop"][..], &["hook"], &["hook", "what", "--ever"]] {
        let run = room.env.convoy_with_stdin("{}", words).ok();
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    }
    let mut env = outside();
    env.set("CONVOY_SOCKET", "/nowhere/socket").set("CONVOY_SESSION", "s-1");
    let run = env.convoy_with_stdin("{}", ["hook", "stop"]).ok();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn no_session_speaks_for_another() {
    let env = outside();
    let sockets = env.dir().join(".convoy/state/sessions");
    // However it hides where it comes from: it stays below its own supervisor.
    let all = format!(
        "for s in '{}'/*/sock; do case \"$s\" in */\"$CONVOY_SESSION\"/sock) continue;; esac; ",
        sockets.display()
    );
    let plain = format!("{all} CONVOY_SOCKET=$s \"$CONVOY_BIN\" blocked 'not me'; done");
    let hidden = format!(
        "{all} env -i CONVOY_SOCKET=$s PATH=$PATH setsid --fork \"$CONVOY_BIN\" note 'not me' > refused 2>&1; done; \
         while ! test -s refused; do :; done; cat refused; rm refused"
    );
    let line = |line: &str| Step::Try(["sh", "-c", line].map(str::to_owned).into());
    let script = Script::default()
        .issue("gt-a", [vec![Room::hold(&env, "go")], commit("a", "a\n").to_vec()].concat())
        .issue("gt-b", [vec![line(&plain), line(&hidden)], commit("b", "b\n").to_vec()].concat());
    let room = Room::around(env, "", &script);
    room.issues("gt-a gt-b");
    let first = room.launch("gt-a");
    room.env.wait_witness("waiting", 1);
    let second = room.launch("gt-b");
    room.lands(&second);
    for (entry, stream) in room.env.wait_witness("ran", 2).iter().zip(["/stderr", "/stdout"]) {
        assert!(text(entry, stream).contains("this comes out of another session"), "{entry:#}");
    }
    room.open("go");
    room.lands(&first);
    assert_eq!(room.events("session.said"), Vec::<Value>::new());
}
