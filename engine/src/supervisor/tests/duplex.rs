//! Agents that can be told something while they work.

use super::*;
use crate::supervisor::client::{Client, Error};
use crate::supervisor::protocol::{Code, NUDGE_BYTES_MAX};
use crate::supervisor::{NudgeError, nudge};

const RESULT: &str = r#"echo '{"type":"result","subtype":"success","is_error":false}'"#;
const INIT: &str = r#"echo '{"type":"system","subtype":"init","session_id":"c1","model":"m"}'"#;

/// An agent that talks as Claude Code does.
fn talks(text: &str) -> Session {
    let mut session = script(&text.replace("RESULT", RESULT).replace("INIT", INIT));
    session.spec.prompt = PromptVia::Duplex;
    session.spec.translator = Output::Claude;
    session
}

fn text(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&value["type"], &value["message"]["role"]), (&"user".into(), &"user".into()));
    value["message"]["content"][0]["text"].as_str().unwrap().to_owned()
}

fn nudged(text: &str) -> Report {
    Report::Nudged { text: text.to_owned(), by: Some("overseer".to_owned()) }
}

fn refused(result: Result<u64, Error>) -> Code {
    match result {
        Err(Error::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_message_reaches_an_agent_and_its_input_ends_with_its_turn() {
    let agent = "read -r a; INIT; echo ready > ready; read -r b; printf '%s\\n' \"$a\" \"$b\"; RESULT; \
                 cat > rest; INIT; echo over > over; cat end; RESULT";
    let mut session = talks(agent);
    session.prompt = "do \"it\"\nnow\n".to_owned();
    let [ready, over, end] = ["ready", "over", "end"].map(|name| session.fifo(name));
    let running = session.launch();
    running.hear(&ready);
    let dir = running.session.dir.clone();
    let said = "it is in tests/\u{1b}[2J\n\"there\"";
    let n = nudge(&dir, Epoch(7), said, "overseer").unwrap();
    assert_eq!(dir.observations_after(n - 1).unwrap()[0].report, nudged(said));
    // Its turn is over: it got the end of its input, and works on something else.
    running.hear(&over);
    assert_eq!(std::fs::read_to_string(running.session.spec.workdir.join("rest")).unwrap(), "");
    assert!(matches!(nudge(&dir, Epoch(7), "more", "overseer"), Err(NudgeError::TurnOver)));
    std::fs::write(end, "").unwrap();
    let done = running.finish();
    let lines: Vec<String> = done.output().lines().map(str::to_owned).collect();
    assert_eq!((text(&lines[1]).as_str(), text(&lines[2]).as_str()), ("do \"it\"\nnow\n", said));
    assert_eq!((done.exit.code, done.exit.result.as_ref().map(|result| result.ok)), (Some(0), Some(true)));
    assert!(matches!(nudge(&dir, Epoch(7), "late", "overseer"), Err(NudgeError::Ended)));
}

#[test]
fn the_last_of_several_turns_counts() {
    let failed = r#"echo '{"type":"result","subtype":"error_during_execution","is_error":true,"errors":["it broke"],
        "total_cost_usd":0.002,"modelUsage":{"m":{"inputTokens":30,"outputTokens":3,"costUSD":0.002}}}' | tr -d '\n'; echo"#;
    let first = r#"echo '{"type":"result","subtype":"success","is_error":false,"total_cost_usd":0.001,"modelUsage":
        {"m":{"inputTokens":10,"outputTokens":1,"costUSD":0.001}}}' | tr -d '\n'; echo"#;
    let session = talks(&format!("read -r a; INIT; {first}; INIT; {failed}"));
    let done = session.finish();
    let result = done.exit.result.clone().unwrap();
    assert!(!result.ok);
    assert_eq!(result.cost, convoy_core::money::Money::from_dollars(0.002));
    assert_eq!(result.tokens.map(|tokens| (tokens.input, tokens.output)), Some((30, 3)));
    // What was used is counted once, although each result has the sum of all turns.
    let used = done.reports().into_iter().filter_map(|report| match report {
        Report::Usage { tokens, .. } => Some(tokens.input),
        _ => None,
    });
    assert_eq!(used.collect::<Vec<_>>(), [10, 20]);
    let conversations = done.reports().into_iter().filter(|r| matches!(r, Report::Conversation { .. }));
    assert_eq!(conversations.count(), 1);
}

#[test]
fn an_agent_that_reads_nothing_is_told_nothing_by_halves() {
    let session = talks(
        "read -r a; echo ready > ready; cat go; while read -r b; do printf '%s\\n' \"$b\"; \
                         case \"$b\" in *THE-END*) RESULT;; esac; done",
    );
    let [ready, go] = ["ready", "go"].map(|name| session.fifo(name));
    let running = session.launch();
    running.hear(&ready);
    let mut client = Client::connect(&running.session.dir).unwrap();
    let mut said = Vec::new();
    let refusal = loop {
        let text = format!("{} {}", said.len(), "x".repeat(NUDGE_BYTES_MAX - 10));
        match client.nudge(Epoch(7), &text, "overseer") {
            Ok(_) => said.push(text),
            Err(Error::Refused { code, .. }) => {
                // What was sent in part follows when the agent reads on; what was not sent does not.
                said.extend((code == Code::Partial).then_some(text));
                break code;
            }
            Err(other) => panic!("{other}"),
        }
    };
    assert!(said.len() > 2, "{refusal:?}");
    if refusal == Code::Partial {
        assert_eq!(refused(client.nudge(Epoch(7), "behind half of one", "overseer")), Code::Busy);
    }
    std::fs::write(go, "").unwrap();
    loop {
        match client.nudge(Epoch(7), "THE-END", "overseer") {
            Ok(_) => break,
            Err(Error::Refused { code: Code::Busy, .. }) => std::thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
    said.push("THE-END".to_owned());
    let done = running.finish();
    let came: Vec<String> = done.output().lines().filter(|line| line.contains("user")).map(text).collect();
    assert!(came == said, "{} of {}", came.len(), said.len());
    let kept: Vec<&Report> =
        done.reports().into_iter().filter(|r| matches!(r, Report::Nudged { .. })).collect();
    let expected: Vec<Report> = said.iter().map(|text| nudged(text)).collect();
    assert!(kept.into_iter().eq(expected.iter()));
}

#[test]
fn who_cannot_be_told_something_says_why() {
    let session = script("echo ready > ready; cat end");
    let [ready, end] = ["ready", "end"].map(|name| session.fifo(name));
    let dir = session.dir.clone();
    session.create();
    assert!(matches!(nudge(&dir, Epoch(7), "hello", "overseer"), Err(NudgeError::NotStarted)));
    let running = session.launch_created();
    running.hear(&ready);
    assert!(matches!(nudge(&dir, Epoch(7), "hello", "overseer"), Err(NudgeError::NoInput)));
    assert!(matches!(nudge(&dir, Epoch(7), " \n", "overseer"), Err(NudgeError::Empty)));
    let long = "x".repeat(NUDGE_BYTES_MAX + 1);
    assert!(matches!(nudge(&dir, Epoch(7), &long, "overseer"), Err(NudgeError::TooLong { .. })));
    let mut client = Client::connect(&dir).unwrap();
    assert_eq!(refused(client.nudge(Epoch(7), "hello", "overseer")), Code::NoInput);
    assert_eq!(refused(client.nudge(Epoch(6), "hello", "overseer")), Code::Stale);
    std::fs::write(end, "").unwrap();
    running.finish();
}

#[test]
fn an_agent_that_asks_is_answered_and_that_is_known() {
    let ask = r#"echo '{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"make"}}}'"#;
    let session =
        talks(&format!("read -r a; {ask}; read -r answer; printf '%s\\n' \"$answer\"; RESULT; cat"));
    let done = session.finish();
    let answer = done.output().lines().find(|line| line.contains("control_response")).unwrap().to_owned();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let response = &answer["response"];
    assert_eq!((&response["request_id"], &response["response"]["behavior"]), (&"r1".into(), &"deny".into()));
    let waited = done
        .reports()
        .into_iter()
        .any(|report| matches!(report, Report::Waiting { what } if what.ends_with("Bash: make")));
    assert!(waited, "{:?}", done.reports());
}

#[test]
fn an_agent_that_does_not_end_after_its_turn_is_stopped() {
    let session = talks("read -r a; INIT; RESULT; cat; exec sleep 600");
    let done = session.finish();
    assert_eq!(done.exit.kind, convoy_core::report::ExitKind::Stopped(convoy_core::report::StopWhy::Silence));
    assert_eq!(done.exit.result.map(|result| result.ok), Some(true));
}

#[test]
fn an_agent_that_closes_its_input_is_not_waited_for() {
    let mut session = talks("exec <&-; INIT; RESULT; echo fine");
    session.prompt = "x".repeat(1_000_000);
    let done = session.finish();
    assert_eq!((done.exit.code, done.output().lines().last()), (Some(0), Some("fine")));
}
