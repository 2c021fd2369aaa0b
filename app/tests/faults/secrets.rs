//! A secret in the environment reaches the agent that needs it, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use convoy_testkit::env::agent_toml;
use convoy_testkit::fake_agent::{Script, Step};

use crate::oracle;
use crate::room::{Room, files_below, then_work};

const CANARY: &str = "sk-canary-4711-do-not-tell";

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}
fn file_holds(path: impl AsRef<Path>) -> bool {
    fs::read(path).is_ok_and(|bytes| holds(&bytes))
}

#[test]
fn a_key_is_where_the_agent_needs_it_and_nowhere_else() {
    let mut room = Room::bare();
    room.env.set("ANTHROPIC_API_KEY", CANARY);
    let script = Script::always(then_work([Step::Print("at work".into()), Step::WaitFor(room.at("go"))]));
    room.init(&script, "");
    // The program is the fake agent, called as claude is.
    let claude = agent_toml("asclaude", &room.env.fake_agent(&script), "plain", &[])
        .replace("[agents.asclaude]", "[agents.asclaude]\nlike = \"claude\"");
    let config = room.env.dir().join(".convoy/config.toml");
    fs::write(&config, format!("{}\n{claude}", fs::read_to_string(&config).unwrap())).unwrap();
    room.issues(&["gt-1", "gt-2"]);
    room.convoy(["sling", "gt-1", "--agent", "asclaude"]).ok();
    room.convoy(["sling", "gt-2", "--agent", "fake"]).ok();
    let waiting = room.env.wait_witness("waiting", 2);
    assert_eq!(waiting.len(), 2);
    let mut needs = Vec::new();
    for entry in room.env.witness().iter().filter(|entry| entry["event"] == "start") {
        let session = entry["env"]["CONVOY_SESSION"].as_str().unwrap();
        let sees = entry["variables"].as_array().unwrap().iter().any(|name| name == "ANTHROPIC_API_KEY");
        let spec = room.state().join("sessions").join(session).join("spec.json");
        assert_eq!(sees, entry["issue"] == "gt-1", "{entry}");
        assert_eq!(file_holds(&spec), sees, "{}", spec.display());
        if sees {
            assert_eq!(fs::metadata(&spec).unwrap().permissions().mode() & 0o777, 0o600);
            needs.push(spec);
        }
        let supervisor = room.supervisor_pid(session);
        for file in ["cmdline", "environ"] {
            assert!(!file_holds(format!("/proc/{supervisor}/{file}")), "{file} of a supervisor");
        }
        assert!(!file_holds(format!("/proc/{}/cmdline", entry["pid"])));
    }
    assert_eq!(needs.len(), 1);
    assert_eq!(fs::metadata(room.state()).unwrap().permissions().mode() & 0o777, 0o700);
    let search = |when: &str| {
        for file in files_below(room.env.root()) {
            assert!(!file_holds(&file) || needs.contains(&file), "{when}: {}", file.display());
        }
        let mut objects = room.env.command("git", &room.env.dir());
        objects.args(["cat-file", "--batch-all-objects", "--batch"]);
        assert!(!holds(room.env.run(objects).ok().stdout.as_bytes()), "{when}: in git");
        for args in [
            &["events", "--json"][..],
            &["status", "--json"],
            &["daemon", "logs"],
            &["doctor", "--json"],
            &["logs", "gt-1"],
        ] {
            let run = room.convoy(args);
            assert!(!holds((run.stdout + &run.stderr).as_bytes()), "{when}: {args:?}");
        }
    };
    search("at work");
    room.release("go");
    room.wait_events("convoy.landed", 2);
    search("done");
    oracle::check(&room, &["gt-1", "gt-2"]);
}
