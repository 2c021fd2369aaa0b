//! Real agents in roles, against a scripted model: confined, they work, report, and cannot write elsewhere.

use convoy_engine::os::confine::{Confinement, support};
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents;

use super::*;
use crate::codex::codex_room;
use crate::gemini::gemini_room;
use crate::real::claude_room;

/// Tries to write in its checkout and in the person's repository, then writes its report.
const LINE: &str = "touch planted; touch \"$HOME/planted\"; git commit -q --allow-empty -m planted; \
                    printf '# Report of %s\\n' \"$CONVOY_ROLE\" > \"$CONVOY_OUTPUT_FILE\"; echo x > \"$TMPDIR/x\"";

fn check(room: &Room) {
    let convoy = begin(room, vec![role("writes"), role("says")]);
    let ended = ended(room, &convoy);
    for name in ["writes", "says"] {
        let logs = room.convoy(&format!("logs {}", ended[name]["issue_id"].as_str().unwrap())).stdout;
        assert_eq!(ended[name]["status"], "completed", "{:#}\n{logs}", ended[name]);
    }
    assert_eq!(published(room, &convoy, "writes.md"), "# Report of writes\n");
    assert_eq!(published(room, &convoy, "says.md").trim(), "# I cannot write, and say it");
    if support() != Confinement::None {
        assert!(!room.env.home().join("planted").exists());
    }
    assert_eq!(room.repo().git(["status", "--short", "--", ":!.convoy"]), "");
}

fn script() -> Script {
    Script::by_prompt([
        ("You are writes.", vec![Step::bash(LINE), Step::say("I have written it.")]),
        ("You are says.", vec![Step::bash("true"), Step::say("# I cannot write, and say it")]),
    ])
}

#[test]
fn claude_reports_from_its_confinement() {
    if real_agents::ready() {
        let server = ModelServer::start();
        check(&claude_room(&server.add("work", script()), ""));
    }
}

#[test]
fn codex_reports_from_its_confinement() {
    if real_agents::ready() {
        let server = ModelServer::start();
        check(&codex_room(&server.add("work", script())));
    }
}

#[test]
fn gemini_reports_from_its_confinement() {
    if real_agents::ready() {
        let server = ModelServer::start();
        check(&gemini_room(&server.add("work", script())));
    }
}

/// Asked once more in the same conversation, it mends its findings.
#[test]
fn claude_mends_what_cannot_be_read_in_the_same_conversation() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let write = |list: &str| {
        Step::bash(format!(
            "echo '# Report' > \"$CONVOY_OUTPUT_FILE\"; echo '{list}' > \"$CONVOY_OUTPUT_DIR/r.findings.json\""
        ))
    };
    // Whoever begins afresh is told something else.
    let script = Script::by_prompt([
        ("Your report cannot be used", vec![write("{\"findings\": []}"), Step::say("Mended.")]),
        ("You are r.", vec![write("{\"findings\": [oops"), Step::say("There.")]),
    ]);
    let room = claude_room(&server.add("work", script), "");
    let convoy = begin(&room, vec![role("r").gives(OutputKind::Findings)]);
    let ended = ended(&room, &convoy);
    assert_eq!(ended["r"]["status"], "completed", "{:#}\n{}", ended["r"], room.story());
    assert_eq!((&ended["r"]["attempts"], &ended["r"]["findings"]), (&2.into(), &0.into()));
    let log = server.log();
    let last = log.iter().rev().find(|seen| seen.step.is_some()).unwrap();
    assert!(last.said.contains("There.") && last.prompts > 1, "it is the same conversation: {last:?}");
    assert!(last.prompt.contains("Your report cannot be used"), "{last:?}");
}

/// It has the tools that its role lists, and no others.
#[test]
fn claude_has_only_the_tools_of_its_role() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let script = Script::new([Step::say("# A report without a tool")]);
    let room = claude_room(&server.add("work", script), "");
    let limited = role("limited").but(|role| {
        role.step.runner = Runner::Agent {
            agent: None,
            model: None,
            tools: Some(vec!["Read".into(), "Bash(git log *)".into()]),
            permission_mode: Some("dontAsk".into()),
        };
    });
    let convoy = begin(&room, vec![limited]);
    let ended = ended(&room, &convoy);
    assert_eq!(ended["limited"]["status"], "completed", "{:#}", ended["limited"]);
    let session = ended["limited"]["session_id"].as_str().unwrap();
    let spec = room.env.dir().join(".convoy/state/sessions").join(session).join("spec.json");
    let spec: Value = serde_json::from_str(&std::fs::read_to_string(spec).unwrap()).unwrap();
    let argv: Vec<&str> = spec["argv"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for word in ["--tools=Read,Bash", "--allowedTools=Read,Bash(git log *),mcp__convoy__*", "dontAsk"] {
        assert!(argv.contains(&word), "{argv:?}");
    }
}

/// Confined, with few tools and nobody to ask, it still speaks to its supervisor by the worker's tools.
#[test]
fn claude_speaks_by_tools_from_its_confinement() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let note = serde_json::json!({ "text": "the files are large" });
    let script = Script::new([Step::call("note", note), Step::say("# A report")]);
    let room = claude_room(&server.add("work", script), "");
    let limited = role("limited").but(|role| {
        role.step.runner = Runner::Agent {
            agent: None,
            model: None,
            tools: Some(vec!["Read".into()]),
            permission_mode: Some("dontAsk".into()),
        };
    });
    let convoy = begin(&room, vec![limited]);
    let ended = ended(&room, &convoy);
    assert_eq!(ended["limited"]["status"], "completed", "{:#}", ended["limited"]);
    let said = format!("{:?}", room.events("session.said"));
    assert!(said.contains("the files are large"), "{said}\n{}", room.story());
}
