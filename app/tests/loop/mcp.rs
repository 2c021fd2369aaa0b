//! `convoy mcp` with a real client, and with real agents that were given its tools for their session.

use std::fs::File;
use std::path::Path;

use convoy_testkit::fake_agent::{Script as Deeds, Step as Deed};
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::{real_agents, real_mcp};
use serde_json::{Value, json};

use crate::asked::{reviewers, settled};
use crate::codex::codex_room;
use crate::real::{claude_room, work};
use crate::room::{Room, commit, outside, text};

/// What the client prints when it does these steps with a server of these arguments.
#[track_caller]
fn client(room: &Room, args: &[&str], steps: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/client.mjs");
    let (node, first) = real_mcp::run(&script);
    let lines: String = steps.iter().map(|step| format!("{step}\n")).collect();
    let file = room.env.root().join("steps");
    std::fs::write(&file, lines).unwrap();
    let mut command = room.env.command(node, &room.env.dir());
    command.args(first).arg(env!("CARGO_BIN_EXE_convoy")).args(args).stdin(File::open(file).unwrap());
    let run = room.env.run(command).ok();
    let said: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!said.iter().any(|one| one.get("trouble").is_some()), "{}", run.shown());
    said
}

fn call(tool: &str, arguments: Value) -> Value {
    json!({ "call": tool, "with": arguments })
}

/// The results, in order.
fn results(said: &[Value]) -> Vec<&Value> {
    said.iter().filter_map(|one| one.get("result")).collect()
}

#[test]
fn a_real_client_looks_and_may_not_change_anything() {
    if !real_mcp::ready() {
        return;
    }
    let room = Room::new(&Deeds::works());
    room.issues("gt-one");
    let said = client(
        &room,
        &["mcp"],
        &[
            json!({ "list": true }),
            json!({ "ping": true }),
            call("status", json!({})),
            call("issue_show", json!({ "issue": "gt-one" })),
            call("issue_create", json!({ "title": "Not me" })),
            call("sling", json!({ "issues": ["gt-one"] })),
            call("no_such_tool", json!({})),
        ],
    );
    assert_eq!(said[0]["server"]["name"], "convoy", "{said:#?}");
    assert!(text(&said[0], "/instructions").contains("only looks"));
    let tools = said[1]["tools"].as_array().unwrap();
    assert!(
        tools.len() > 10 && tools.iter().all(|tool| tool["annotations"]["readOnlyHint"] == true),
        "{tools:#?}"
    );
    assert!(!tools.iter().any(|tool| ["done", "sling", "convoy_create"].contains(&text(tool, "/name"))));
    assert!(said[2].get("pong").is_some());
    let results = results(&said);
    assert_eq!(results[0]["isError"], false, "{results:#?}");
    assert_eq!(results[1]["structuredContent"], room.issue("gt-one"));
    for refused in &results[2..4] {
        assert_eq!(refused["isError"], true);
        assert!(text(refused, "/content/0/text").contains("--allow-write"), "{refused:#}");
    }
    assert_eq!(said.last().unwrap()["error"]["code"], -32602, "{said:#?}");
    assert_eq!(room.json("issue list --all").as_array().unwrap().len(), 1);
    assert_eq!(room.json("work list --all"), json!([]));
}

#[test]
fn a_real_client_has_work_done_and_reads_what_came_of_it() {
    if !real_mcp::ready() {
        return;
    }
    let print = (0..30).map(|n| Deed::Print(format!("line {n} \u{1b}[31m")));
    let room = Room::new(&Deeds::always(print.chain(commit("made.txt", "done\n"))));
    let said = client(
        &room,
        &["mcp", "--allow-write"],
        &[
            json!({ "list": true }),
            call("issue_create", json!({ "title": "Do it", "id": "gt-one", "acceptance": ["it is done"] })),
            call("convoy_create", json!({ "name": "Work", "issues": ["gt-one"], "key": "k" })),
            call("convoy_create", json!({ "name": "Work", "issues": ["gt-one"], "key": "k" })),
            call("convoy_run", json!({ "convoy": "hq-" })),
            call("wait", json!({ "convoys": ["hq-"], "timeout_s": 60 })),
            call("worker_output", json!({ "worker": "gt-one", "after": 0, "limit": 10 })),
            call("worker_output", json!({ "worker": "gt-one", "after": 10, "limit": 1000 })),
            call("worker_output", json!({ "worker": "gt-one", "limit": 5 })),
            call("cost", json!({ "convoy": "hq-" })),
            call("events", json!({ "type": "convoy.landed" })),
            call("convoy_show", json!({ "convoy": "hq-" })),
            call("mail_list", json!({})),
            call("convoy_close", json!({ "convoy": "hq-" })),
        ],
    );
    let tools = said[1]["tools"].as_array().unwrap();
    let annotated = |name: &str| &tools.iter().find(|tool| tool["name"] == name).unwrap()["annotations"];
    assert_eq!(annotated("convoy_close")["destructiveHint"], true);
    assert_eq!(
        (&annotated("sling")["openWorldHint"], &annotated("sling")["readOnlyHint"]),
        (&json!(true), &json!(false))
    );
    let results = results(&said);
    assert!(results.iter().all(|result| result["isError"] == false), "{results:#?}");
    let of = |n: usize| &results[n]["structuredContent"];
    assert_eq!(of(1)["id"], of(2)["id"], "the same key is the same convoy");
    assert_eq!((&of(3)["id"], &of(3)["changed"]), (&of(1)["id"], &json!(true)), "{:#}", of(3));
    assert_eq!(of(4)["items"][0]["status"], "landed", "{}\n{:#}", room.story(), of(4));
    // How it did was told meanwhile.
    let told: Vec<&Value> = said.iter().filter_map(|one| one.get("progress")).collect();
    assert!(text(told[0], "/message").contains("0 of 1 done"), "{told:#?}");
    let numbers: Vec<i64> = told.iter().map(|one| one["progress"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let lines = |n: usize| of(n)["lines"].as_array().unwrap().len();
    assert_eq!(
        (lines(5), &of(5)["next_after"], &of(5)["total"]),
        (10, &json!(10), &json!(30)),
        "{:#}",
        of(5)
    );
    assert_eq!(
        (lines(6), &of(6)["lines"][0], &of(6)["next_after"]),
        (20, &json!("line 10 \u{1b}[31m"), &Value::Null)
    );
    assert_eq!(
        (lines(7), &of(7)["lines"][4], &of(7)["after"]),
        (5, &json!("line 29 \u{1b}[31m"), &json!(25))
    );
    let convoy = text(of(1), "/id");
    let cost = room.json(&format!("cost report --convoy {convoy}"));
    assert_eq!(
        (&of(8)["total"], &of(8)["by_session"][0]["id"]),
        (&cost["total"], &cost["by_session"][0]["id"])
    );
    assert_eq!(of(9)["items"][0]["subject"], convoy);
    assert_eq!(of(10)["status"], "landed");
    assert!(of(11)["total"].as_u64().unwrap() >= 1, "{:#}", of(11));
    assert_eq!(room.repo().read("made.txt"), "done\n");
}

#[test]
fn a_real_client_waits_no_longer_than_it_wants() {
    if !real_mcp::ready() {
        return;
    }
    let room = Room::new(&Deeds::always([Deed::Hang]));
    let convoy = room.launch_new("gt-one", "");
    let mut wait = call("wait", json!({ "convoys": [convoy], "timeout_s": 3600 }));
    wait["cancel"] = json!(true);
    let short = call("wait", json!({ "convoys": [convoy], "timeout_s": 0 }));
    let said = client(&room, &["mcp"], &[wait, call("convoy_show", json!({ "convoy": convoy })), short]);
    assert!(
        said.iter().any(|one| one["error"]["message"].as_str().is_some_and(|m| m.contains("wanted no more")))
    );
    assert_eq!(results(&said)[0]["structuredContent"]["status"], "open", "{said:#?}");
    assert_eq!(results(&said)[1]["structuredContent"]["error"]["code"], "timeout", "{said:#?}");
    room.convoy(&format!("stop {convoy}"));
}

#[test]
fn a_real_client_has_a_change_reviewed() {
    if !real_mcp::ready() {
        return;
    }
    let env = outside();
    env.repo();
    let room = crate::reviews::room(env, "", &reviewers());
    settled(&room);
    room.repo().write("app.txt", "password = 1\n");
    let said = client(
        &room,
        &["mcp", "--allow-write"],
        &[
            call("review", json!({ "wait": true })),
            call("convoy_output", json!({ "convoy": "hq-" })),
            call("convoy_output", json!({ "convoy": "hq-", "role": "security" })),
            call(
                "template_start",
                json!({ "template": "code-review", "files": ["app.txt"], "dry_run": true }),
            ),
            call("template_start", json!({ "template": "nothing" })),
        ],
    );
    let results = results(&said);
    let of = |n: usize| &results[n]["structuredContent"];
    assert_eq!(text(of(0), "/review_result"), "CHANGES_REQUESTED", "{said:#?}\n{}", room.story());
    assert!(said.iter().filter(|one| one.get("progress").is_some()).count() >= 2, "{said:#?}");
    let convoy = text(of(0), "/convoy_id");
    assert_eq!(*of(1), room.json(&format!("output {convoy}")));
    assert!(text(of(1), "/report/content").contains("A password in the code"));
    assert_eq!(*of(2), room.json(&format!("output {convoy} security")));
    assert_eq!((&of(3)["dry_run"], of(3)["roles"].as_array().unwrap().len()), (&json!(true), 4));
    assert_eq!(results[4]["isError"], true);
    assert_eq!(room.json("list --all").as_array().unwrap().len(), 1, "the dry run has made nothing");
}

/// What the agents of these tests do: read what they were asked, say something by each tool, and do it.
fn speaks() -> Script {
    let done = work("gt-one");
    let mut steps = vec![
        Step::call("brief", json!({})),
        Step::call("note", json!({ "text": "the tests need a database" })),
        Step::call("escalate", json!({ "reason": "the data is from 2019" })),
    ];
    steps.extend(done[..2].iter().cloned());
    steps.push(Step::call("done", json!({ "note": "as it was asked" })));
    steps.push(Step::say("I am done."));
    Script::new(steps)
}

/// What it said by tools has reached the log, as what it says by commands does.
#[track_caller]
fn heard(room: &Room, convoy: &str) {
    room.lands(convoy);
    let said = format!("{:?}", room.events("session.said"));
    for words in ["the tests need a database", "the data is from 2019", "as it was asked"] {
        assert!(said.contains(words), "{said}\n{}", room.convoy("logs gt-one --raw").stdout);
    }
    let worker = room.worker("gt-one");
    assert_eq!(
        (&worker["attempt"], worker["sessions"].as_array().unwrap().len()),
        (&1.into(), 1),
        "{worker:#}"
    );
}

#[test]
fn claude_speaks_to_its_supervisor_by_tools() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = claude_room(&server.add("work", speaks()), "");
    let convoy = room.launch_new("gt-one", "");
    heard(&room, &convoy);
    // What it was asked came back to the model.
    assert!(room.convoy("logs gt-one --raw").stdout.contains("# gt-one: Do gt-one"));
}

#[test]
fn codex_speaks_to_its_supervisor_by_tools() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = codex_room(&server.add("work", speaks()));
    let convoy = room.launch_new("gt-one", "");
    heard(&room, &convoy);
}

#[test]
fn without_the_tools_an_agent_is_called_as_before() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let room = claude_room(&server.add("work", Script::new(work("gt-one"))), "[session]\nmcp = false\n");
    let convoy = room.launch_new("gt-one", "");
    room.lands(&convoy);
    let session = room.worker("gt-one")["sessions"][0]["id"].as_str().unwrap().to_owned();
    let folder = room.env.dir().join(".convoy/state/sessions").join(session);
    let spec = std::fs::read_to_string(folder.join("spec.json")).unwrap();
    assert!(!spec.contains("--mcp-config") && !folder.join("mcp.json").exists(), "{spec}");
}
