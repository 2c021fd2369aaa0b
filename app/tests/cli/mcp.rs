//! `convoy mcp`, line by line: what is no protocol, what is refused, and that nothing else is printed.

use std::io::Write as _;
use std::time::Duration;

use convoy_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::workspace;

const SOON: Duration = Duration::from_secs(30);
const HELLO: &str =
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;

/// What the server answers to these lines, by the order in which it says it.
#[track_caller]
fn says(env: &TestEnv, args: &[&str], lines: &[String]) -> Vec<Value> {
    let run = env.convoy_with_stdin(&(lines.join("\n") + "\n"), args).ok();
    assert_eq!(run.stderr, "", "{}", run.shown());
    let parsed = run.stdout.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().unwrap_or_else(|why| panic!("{why}: {}", run.stdout))
}

fn request(id: u32, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

fn call(id: u32, tool: &str, arguments: &Value) -> String {
    request(id, "tools/call", &json!({ "name": tool, "arguments": arguments }))
}

/// The one answer to this request.
#[track_caller]
fn to(answers: &[Value], id: u32) -> &Value {
    let mut those = answers.iter().filter(|answer| answer["id"] == id);
    let first = those.next().unwrap_or_else(|| panic!("no answer to {id}: {answers:#?}"));
    assert!(those.next().is_none(), "two answers to {id}");
    first
}

#[test]
fn what_is_no_request_is_refused_and_the_next_one_is_served() {
    let env = workspace();
    let long = format!(r#"{{"jsonrpc":"2.0","id":90,"method":"{}"}}"#, "x".repeat(9 * 1024 * 1024));
    let lines: Vec<String> = [
        "{",
        "\u{1b}[2J",
        "[]",
        r#"[{"jsonrpc":"2.0","id":91,"method":"ping"}]"#,
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        &"[".repeat(200_000),
        &long,
        r#"{"jsonrpc":"2.0","method":"notifications/nothing"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}"#,
        r#"{"jsonrpc":"2.0","id":5,"result":{}}"#,
        "",
        r#"{"jsonrpc":"2.0","id":2,"method":"server/discover"}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"resources/list"}"#,
        r#"{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"cursor":"more"}}"#,
        HELLO,
    ]
    .map(str::to_owned)
    .into();
    let answers = says(&env, &["mcp"], &lines);
    let codes: Vec<i64> = answers
        .iter()
        .filter(|answer| answer["id"].is_null())
        .map(|a| a["error"]["code"].as_i64().unwrap())
        .collect();
    assert_eq!(codes, [-32700, -32700, -32600, -32600, -32600, -32700, -32700]);
    assert!(answers.iter().any(|a| a["error"]["message"].as_str().is_some_and(|m| m.contains("batches"))));
    assert_eq!(to(&answers, 1)["error"]["code"], -32600);
    for id in [2, 3] {
        assert_eq!(to(&answers, id)["error"]["code"], -32601);
    }
    assert_eq!(to(&answers, 4)["error"]["code"], -32602);
    assert_eq!(to(&answers, 0)["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(answers.len(), 12, "{answers:#?}");
}

#[test]
fn each_version_is_spoken_and_of_others_the_newest() {
    let env = workspace();
    // Of 2025-03-26 it does not take batches, which that version demands.
    let versions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "1999-01-01"];
    let hello =
        |(id, version): (u32, &&str)| request(id, "initialize", &json!({ "protocolVersion": version }));
    let lines: Vec<String> = (0..).zip(&versions).map(hello).collect();
    let answers = says(&env, &["mcp"], &lines);
    let got: Vec<&Value> = (0..5).map(|id| &to(&answers, id)["result"]["protocolVersion"]).collect();
    assert_eq!(got, ["2024-11-05", "2025-11-25", "2025-06-18", "2025-11-25", "2025-11-25"]);
    assert_eq!(to(&answers, 0)["result"]["capabilities"], json!({ "tools": {} }));
}

#[test]
fn a_mistake_in_the_arguments_is_named() {
    let env = workspace();
    for (tool, arguments, said) in [
        ("issue_create", json!({ "title": 7 }), "title: "),
        ("issue_create", json!({}), "missing field `title`"),
        ("issue_create", json!({ "title": "x", "priority": 9 }), "priority: expected 0 (most urgent) to 4"),
        ("issue_create", json!({ "title": "x", "labels": ["a", 1] }), "labels[1]: "),
        ("issue_create", json!({ "tilte": "x" }), "unknown field `tilte`"),
        ("issue_create", json!({ "title": "x", "key": "" }), "key: "),
        ("issue_create", json!([]), "arguments: expected an object"),
        ("convoy_create", json!({ "name": "x" }), "issues"),
        ("convoy_create", json!({ "name": "x", "issues": ["gt-1"], "due": "soon" }), "due: expected a date"),
        (
            "convoy_create",
            json!({ "name": "x", "issues": ["gt-1"], "budget_usd": -1.0 }),
            "budget_usd: expected an amount",
        ),
        ("convoy_create", json!({ "name": "x", "issues": ["gt-1"], "notify": ["a b"] }), "notify: "),
        ("wait", json!({ "convoys": [] }), "convoys: expected at least one"),
        ("cost", json!({ "convoy": "a", "issue": "b" }), "only one of these"),
        ("issue_list", json!({ "status": "opn" }), "status: "),
        ("issue_show", json!({ "issue": "gt-9" }), "gt-9"),
    ] {
        let answers = says(&env, &["mcp", "--allow-write"], &[call(1, tool, &arguments)]);
        let result = &to(&answers, 1)["result"];
        let message = result["structuredContent"]["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(said) && result["isError"] == true, "{tool} {arguments}: {result:#}");
        assert!(result["content"][0]["text"].as_str().unwrap().contains(message));
    }
    assert_eq!(env.convoy(["issue", "list", "--json"]).ok().json(), json!([]), "nothing was made");
}

#[test]
fn what_a_tool_says_is_what_the_command_prints() {
    for up in [false, true] {
        let env = workspace();
        if up {
            env.convoy(["up"]).ok();
        }
        env.convoy(["issue", "create", "One \u{1b}[31mred", "--id", "gt-1"]).ok();
        env.convoy(["issue", "create", "Two", "--id", "gt-2", "--needs", "gt-1"]).ok();
        env.convoy(["create", "Both", "gt-1", "gt-2"]).ok();
        for (tool, arguments, line) in [
            ("convoy_show", json!({ "convoy": "hq-" }), "status hq-"),
            ("convoy_list", json!({}), "list"),
            ("issue_show", json!({ "issue": "gt-2" }), "issue show gt-2"),
            ("issue_list", json!({ "ready": true }), "issue list --ready"),
            ("why", json!({ "id": "gt-2" }), "why gt-2"),
            ("stranded", json!({}), "stranded"),
            ("convoy_list", json!({ "all": true, "limit": 7 }), "list --all"),
            ("worker_list", json!({ "all": true }), "work list --all"),
            ("cost", json!({}), "cost report"),
            ("template_list", json!({}), "template list"),
            ("template_show", json!({ "template": "code-review" }), "template show code-review"),
            ("mail_list", json!({}), "mail inbox"),
        ] {
            let printed = env.convoy(crate::words(&format!("{line} --json"))).ok().json();
            let answers = says(&env, &["mcp"], &[call(1, tool, &arguments)]);
            let result = &to(&answers, 1)["result"];
            let said = &result["structuredContent"];
            let said = if printed.is_array() { &said["items"] } else { said };
            assert_eq!((said, &result["isError"]), (&printed, &json!(false)), "{tool}: {result:#}");
            let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
            assert_eq!(text, result["structuredContent"], "{tool}");
        }
    }
}

#[test]
fn lists_come_in_pages_and_large_results_say_what_is_missing() {
    let env = workspace();
    let body = "long ".repeat(20_000);
    let make = |n: u32| {
        let body = if n == 1 { body.as_str() } else { "" };
        call(
            n,
            "issue_create",
            &json!({ "title": format!("Number {n}"), "id": format!("gt-{n}"), "body": body }),
        )
    };
    let lines: Vec<String> = (1..=8).map(make).collect();
    says(&env, &["mcp", "--allow-write"], &lines);
    let answers = says(
        &env,
        &["mcp"],
        &[
            call(1, "issue_list", &json!({ "limit": 3 })),
            call(2, "issue_list", &json!({ "limit": 3, "offset": 6 })),
            call(3, "issue_show", &json!({ "issue": "gt-1" })),
            call(4, "events", &json!({ "limit": 2, "since": 3 })),
        ],
    );
    let page = |id| &to(&answers, id)["result"]["structuredContent"];
    assert_eq!((&page(1)["total"], &page(1)["next_offset"]), (&json!(8), &json!(3)));
    assert_eq!(page(1)["items"].as_array().unwrap().len(), 3);
    assert_eq!((&page(2)["next_offset"], page(2)["items"].as_array().unwrap().len()), (&Value::Null, 2));
    let shown = &to(&answers, 3)["result"];
    assert!(shown["content"][0]["text"].as_str().unwrap().len() <= 64 * 1024);
    let note = shown["content"][1]["text"].as_str().unwrap();
    let listed = &to(&answers, 1)["result"];
    assert!(listed["content"][1]["text"].as_str().unwrap().contains("items.0.description: "), "{listed:#}");
    assert!(note.contains("description: ") && note.contains("of 100000 bytes"), "{note}");
    let events = page(4);
    assert_eq!(
        (&events["items"][0]["seq"], &events["next_since"], &events["more"]),
        (&json!(4), &json!(5), &json!(true))
    );
}

#[test]
fn a_key_makes_a_repeated_call_the_same_call() {
    let env = workspace();
    let make = |id| call(id, "issue_create", &json!({ "title": "Once", "key": "k-1" }));
    let again = call(3, "issue_create", &json!({ "title": "Another" }));
    let answers = says(&env, &["mcp", "--allow-write"], &[make(1), make(2), again]);
    let id = |n| to(&answers, n)["result"]["structuredContent"]["id"].clone();
    assert_eq!(id(1), id(2));
    assert_ne!(id(1), id(3), "a key holds for one call");
    assert_eq!(env.convoy(["issue", "list", "--json"]).ok().json().as_array().unwrap().len(), 2);
}

#[test]
fn outside_of_a_workspace_it_serves_and_says_what_to_do() {
    let env = crate::room();
    let answers = says(&env, &["mcp"], &[HELLO.to_owned(), call(1, "status", &json!({}))]);
    assert!(to(&answers, 0)["result"].is_object());
    let error = &to(&answers, 1)["result"]["structuredContent"]["error"];
    assert_eq!(error["code"], "not_found", "{error:#}");
    assert!(error["hint"].as_str().unwrap().contains("convoy init"), "{error:#}");
}

#[test]
fn whoever_waits_is_let_go_by_a_cancellation_and_by_the_end() {
    let env = workspace();
    env.convoy(["up"]).ok();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    env.convoy(["create", "c", "gt-1"]).ok();
    env.convoy(["issue", "create", "u", "--id", "gt-2"]).ok();
    env.convoy(["create", "d", "gt-2"]).ok();
    let convoys = json!({ "convoys": env.convoy(["list", "--json"]).ok().json().as_array().unwrap()
        .iter().map(|convoy| convoy["id"].clone()).collect::<Vec<_>>(), "timeout_s": 3600 });
    let cancel =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let lines = [
        call(1, "wait", &convoys),
        cancel.to_string(),
        call(2, "status", &json!({})),
        call(3, "wait", &convoys),
    ];
    let answers = says(&env, &["mcp"], &lines);
    assert!(answers.iter().all(|answer| answer["id"] != 1), "it was wanted no more: {answers:#?}");
    assert_eq!(to(&answers, 2)["result"]["isError"], false);
    let error = &to(&answers, 3)["result"]["structuredContent"]["error"];
    assert!(error["message"].as_str().unwrap().contains("nobody waits"), "{error:#}");
    let short = json!({ "convoys": convoys["convoys"], "timeout_s": 0 });
    env.convoy(["down"]).ok();
    let answers = says(&env, &["mcp"], &[call(1, "wait", &short)]);
    let error = &to(&answers, 1)["result"]["structuredContent"]["error"];
    assert!(error["message"].as_str().unwrap().contains("no engine runs"), "{error:#}");
}

#[test]
fn others_are_served_while_some_wait_and_each_of_those_is_let_go_for_itself() {
    let env = workspace();
    env.convoy(["up"]).ok();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    let convoy = env.convoy(["create", "c", "gt-1", "--json"]).ok().json()["id"].clone();
    let (stdin, mut requests) = std::io::pipe().unwrap();
    let mut command = env.command(env!("CARGO_BIN_EXE_convoy"), &env.dir());
    command.arg("mcp").stdin(stdin);
    let server = env.spawn(command);
    let mut send = |line: String| writeln!(requests, "{line}").unwrap();
    let wait = |id| call(id, "wait", &json!({ "convoys": [convoy], "timeout_s": 3600 }));
    let cancel = |id: u32| {
        let params = json!({ "requestId": id });
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }).to_string()
    };
    (1..=16).for_each(|id| send(wait(id)));
    send(wait(17));
    send(call(18, "status", &json!({})));
    // While stdin is open, and sixteen wait for an hour.
    assert!(server.until(SOON, |said| said.lines().count() == 2), "{}", server.stdout());
    let said = server.stdout();
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(to(&answers, 17)["error"]["code"], -32_000, "{answers:#?}");
    assert_eq!(to(&answers, 18)["result"]["isError"], false, "{answers:#?}");
    [3, 16].map(cancel).into_iter().for_each(&mut send);
    drop(requests);
    let said = server.wait(SOON).stdout;
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for id in 1..=16 {
        let answered = answers.iter().filter(|answer| answer["id"] == id).count();
        assert_eq!(answered, usize::from(![3, 16].contains(&id)), "{id}: {answers:#?}");
    }
    let error = &to(&answers, 15)["result"]["structuredContent"]["error"];
    assert!(error["message"].as_str().unwrap().contains("nobody waits"), "{error:#}");
}

#[test]
fn inside_a_session_only_a_workers_tools_are_there() {
    let mut env = workspace();
    std::fs::write(env.root().join("brief"), "# gt-1: Do it\né".repeat(4000)).unwrap();
    env.set("CONVOY_SESSION", "s-1").set("CONVOY_WORKER", "w-1").set("CONVOY_ISSUE", "gt-1");
    let brief = env.root().join("brief");
    env.set("CONVOY_BRIEF_FILE", brief).set("CONVOY_SOCKET", "/nowhere/socket");
    let lines = [
        request(1, "tools/list", &json!({})),
        call(2, "convoy_list", &json!({})),
        call(3, "note", &json!({ "text": "x" })),
        call(4, "brief", &json!({})),
        call(5, "note", &json!({ "text": " " })),
    ];
    let names = |answers: &[Value]| -> Vec<String> {
        let tools = to(answers, 1)["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    for args in [&["mcp"][..], &["mcp", "--worker"], &["mcp", "--allow-write"]] {
        let answers = says(&env, args, &lines);
        assert_eq!(names(&answers), ["brief", "done", "blocked", "note", "escalate", "checkpoint"]);
        assert_eq!(to(&answers, 2)["result"]["isError"], true);
        let error = to(&answers, 3)["result"]["structuredContent"]["error"]["message"].clone();
        assert!(error.as_str().unwrap().contains("cannot be reached"), "{error}");
        let brief = &to(&answers, 4)["result"]["structuredContent"];
        assert!(brief["brief"].as_str().unwrap().starts_with("# gt-1"), "{brief}");
        assert!(brief["next_offset"].as_u64().is_some() && brief["issue_id"] == "gt-1");
        assert!(to(&answers, 5)["result"]["content"][0]["text"].as_str().unwrap().starts_with("text: "));
    }
    env.convoy(["config", "set", "session.allow_commands", "true"]).exits(1);
    let config = env.dir().join(".convoy/config.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{before}\n[session]\nallow_commands = true\n")).unwrap();
    let answers = says(&env, &["mcp"], &lines);
    assert!(names(&answers).contains(&"convoy_list".to_owned()));
    assert_eq!(to(&answers, 2)["result"]["isError"], false);
}
