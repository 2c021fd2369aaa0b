//! The pictures of the documents, taken of a workspace in which real processes work. As a test it only takes them;
//! `cargo xtask pictures` keeps them.

use std::path::PathBuf;

use convoy_testkit::browser::Scheme;
use convoy_testkit::env::{TestEnv, agent_toml};
use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::desk::{Desk, hears};
use crate::room::{Room, outside, says, text};
use crate::visit::Visit;

/// Where to; a temporary folder if it is not said.
const VARIABLE: &str = "CONVOY_PICTURES";
/// The largest that one may be: a README shows four.
const BYTES_MAX: u64 = 200 * 1024;

/// A line as Claude Code prints it.
fn said(message: usize, content: &Value, usage: (u64, u64)) -> Step {
    let line = json!({
        "type": "assistant", "session_id": "00000000-0000-4000-8000-000000000000",
        "message": {
            "id": format!("msg_{message}"), "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
            "content": [content],
            "usage": { "input_tokens": usage.0, "output_tokens": usage.1 },
        },
    });
    Step::Print(line.to_string())
}

fn words(message: usize, words: &str) -> Step {
    said(message, &json!({ "type": "text", "text": words }), (1200, 180))
}

fn uses(message: usize, tool: &str, input: &Value) -> Step {
    said(
        message,
        &json!({ "type": "tool_use", "id": format!("t{message}"), "name": tool, "input": input }),
        (9000, 240),
    )
}

/// What an agent prints while it works on something of this name.
fn at_work(file: &str) -> Vec<Step> {
    vec![
        words(1, &format!("I'll look at how {file} is put together before I change it.")),
        uses(2, "Read", &json!({ "file_path": file })),
        uses(3, "Grep", &json!({ "pattern": "retry", "path": "src" })),
        words(4, "Retries are counted in two places. I'll move both behind one function and add a test."),
        uses(
            5,
            "Edit",
            &json!({ "file_path": file, "old_string": "attempts += 1", "new_string": "attempt.count()" }),
        ),
        uses(6, "Bash", &json!({ "command": "cargo test --workspace" })),
    ]
}

fn reviewer(env: &TestEnv, name: &str, found: &[Value]) -> Vec<Step> {
    let mut steps = at_work("src/upload.rs");
    steps.push(hears(env, &format!("go-{name}")));
    steps.push(Step::Output(format!("# {name}\n\nSee the findings.\n")));
    steps.push(Step::Findings(found.to_vec()));
    steps
}

/// What the reviewers look at.
const REVIEWED: [&str; 7] = [
    "pub fn send(client: &Client, request: &Request) -> Result<Reply, Error> {",
    "    let mut attempts = 0;",
    "    loop {",
    "        attempts += 1;",
    "        match client.post(request) {",
    "            Err(error) if attempts < 3 => log::warn!(\"{error}: {request:?}\"),",
    "            other => return other.map(|reply| reply.rows().clone()),",
];

fn finding(severity: &str, title: &str, line: usize, [problem, impact, fix]: [&str; 3]) -> Value {
    json!({
        "severity": severity, "category": "logic", "title": title, "file": "src/upload.rs", "line": line,
        "end_line": null, "quote": REVIEWED[line - 1].trim(), "problem": problem, "impact": impact, "fix": fix,
        "confidence": "high",
    })
}

/// What they found.
fn found() -> [(&'static str, Value); 3] {
    let pause = [
        "There is no pause between attempts.",
        "A service that is down gets three times the load.",
        "Wait longer after each failure.",
    ];
    let token = [
        "The whole request is printed, with its headers.",
        "Whoever reads the log can act as the user.",
        "Print the request's id.",
    ];
    let rows = [
        "The reply is owned here already.",
        "Twice the memory for large replies.",
        "Move the rows out of it.",
    ];
    [
        ("correctness", finding("high", "A failure is tried again at once", 4, pause)),
        ("security", finding("critical", "The token is written to the log", 6, token)),
        ("performance", finding("medium", "All rows are copied", 7, rows)),
    ]
}

/// What it comes to.
fn sums_up() -> Step {
    let summary = "Do not merge yet: a failed upload prints the user's token. The rest is small.";
    let ranking = json!({ "order": ["F1", "F2", "F3"], "summary": summary, "top": ["F1"] });
    Step::Output(format!("# In short\n\n```json synthesis\n{ranking}\n```\n"))
}

fn script(env: &TestEnv) -> Script {
    let work = |issue: &str, hold: Option<&str>| {
        let mut steps = at_work(&format!("src/{issue}.rs"));
        steps.extend(hold.map(|gate| Room::hold(env, gate)));
        steps.push(Step::Write { path: format!("src/{issue}.rs"), content: "// done\n".to_owned() });
        steps.push(Step::Commit(format!("Do {issue}")));
        steps
    };
    let reviewers = found()
        .into_iter()
        .fold(Script::default(), |script, (name, found)| script.role(name, reviewer(env, name, &[found])));
    reviewers
        .role("synthesis", [sums_up()])
        .issue("gt-auth", work("gt-auth", None))
        .issue("gt-retry", work("gt-retry", None))
        .issue("gt-docs", vec![says(&["blocked", "Which of the two tokens is meant to stay?"])])
        .issue("gt-queue", work("gt-queue", Some("never")))
        .issue("gt-search", work("gt-search", Some("never")))
}

#[test]
fn are_taken_of_what_there_is() {
    let env = outside();
    let script = script(&env);
    // It prints as Claude Code does, so that there is a conversation to be read, and something to be paid.
    let said = format!("writable = [{}, ", json!(format!("{}/", env.root().join("said").display())));
    let scribe =
        agent_toml("scribe", &env.fake_agent(&script), "claude", &[]).replacen("writable = [", &said, 1);
    let desk = Desk::around(env, "", &script);
    desk.room.configure(&scribe);
    desk.room.convoy("config set defaults.agent scribe");
    let room = &desk.room;
    room.repo().write("src/upload.rs", &format!("{}\n        }}\n    }}\n}}\n", REVIEWED.join("\n")));
    room.repo().commit("Send uploads");
    room.convoy("up");
    let issues = [
        ("gt-auth", "Log in with a passkey"),
        ("gt-retry", "Retry what the network lost"),
        ("gt-docs", "Describe the tokens in the handbook"),
        ("gt-queue", "One queue for all uploads"),
        ("gt-search", "Search in titles first"),
    ];
    for (id, title) in issues {
        let needs: &[&str] = if id == "gt-search" { &["--needs", "gt-retry"] } else { &[] };
        room.env.convoy(["issue", "create", title, "--id", id, "-q"].iter().chain(needs)).ok();
    }
    let make = |name: &str, issues: &[&str]| {
        let words = ["create", name].into_iter().chain(issues.iter().copied()).chain(["--run", "-q"]);
        room.env.convoy(words).ok().stdout.trim().to_owned()
    };
    let landed = make("Passkeys", &["gt-auth"]);
    room.lands(&landed);
    make("Release 2.4", &["gt-retry", "gt-docs", "gt-queue", "gt-search"]);
    room.until("issue.needs_human", "Which of the two tokens");
    let review = desk.starts("code-review --files src/*.rs");
    for name in ["correctness", "security", "performance"] {
        std::fs::write(room.env.root().join(format!("said/go-{name}")), "").unwrap();
    }
    desk.over(&review);
    room.convoy("cost budget 20 --day");
    let Some(mut visit) = Visit::new(&room.env) else { return };
    #[expect(clippy::disallowed_methods, reason = "whoever wants to keep them says where")]
    let kept = std::env::var_os(VARIABLE).map(PathBuf::from);
    let place = kept.unwrap_or_else(|| room.env.root().join("pictures"));
    std::fs::create_dir_all(&place).unwrap();
    let worker = text(&room.worker("gt-queue"), "/id").to_owned();
    visit.browser.size(1200, 760);
    for (name, path, scheme, waits) in [
        ("overview", "/".to_owned(), Scheme::Light, "Describe the tokens"),
        ("convoy", format!("/convoys/{review}"), Scheme::Light, "The token is written to the log"),
        ("worker", format!("/work/{worker}"), Scheme::Dark, "cargo test --workspace"),
        ("costs", "/costs".to_owned(), Scheme::Light, "claude-sonnet-4-5"),
    ] {
        visit.browser.scheme(scheme);
        visit.page(&path);
        visit.browser.see("main", waits);
        let file = place.join(format!("{name}.png"));
        visit.browser.picture(&file, false);
        let bytes = std::fs::metadata(&file).unwrap().len();
        assert!((5_000..BYTES_MAX).contains(&bytes), "{name}: {bytes} bytes");
        assert_eq!(visit.browser.errors(), Vec::<String>::new(), "{name}");
    }
    room.convoy("down --stop-agents");
}
