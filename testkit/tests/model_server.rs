//! The model server by plain HTTP, without an agent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use convoy_testkit::model_server::{ModelServer, Script, Step};
use serde_json::{Value, json};

fn ask(server: &ModelServer, method: &str, path: &str, body: &Value) -> (u16, String) {
    ask_port(server.port(), method, path, body)
}

/// Sends a request and returns status and body; status 0 when the server hung up.
fn ask_port(port: u16, method: &str, path: &str, body: &Value) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_default();
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn messages(prompt: &str) -> Value {
    let tools = json!([{"name":"Bash","input_schema":{}}]);
    json!({ "model": "m", "messages": [{"role":"user","content":prompt}], "tools": tools })
}

#[test]
fn what_is_no_step_is_answered_and_not_counted() {
    let server = ModelServer::start();
    let none = json!({});
    assert_eq!(ask(&server, "HEAD", "/", &none).0, 200);
    assert_eq!(ask(&server, "GET", "/s/commit/v1/models", &none).0, 200);
    assert!(ask(&server, "POST", "/s/commit/v1/messages/count_tokens", &none).1.contains("1234"));
    let title = json!({ "messages": [{"role":"user","content":"a title, please"}] });
    assert!(ask(&server, "POST", "/s/commit/v1/messages", &title).1.contains("Scripted title"));
    assert_eq!(server.calls("commit"), 0);
    let (status, body) = ask(&server, "POST", "/s/nobody/v1/messages", &messages("x"));
    assert!(status == 404 && body.contains("nobody"), "{body}");
    assert_eq!(ask(&server, "POST", "/s/commit/v1/nonsense", &none).0, 404);
}

#[test]
fn failures_end_after_their_times() {
    let server = ModelServer::start();
    server.add("e", Script::new([Step::fail(429, "rate_limit_error", "slow down").times(2).text("fine")]));
    let statuses: Vec<u16> =
        (0..3).map(|_| ask(&server, "POST", "/s/e/v1/messages?beta=true", &messages("x")).0).collect();
    assert_eq!(statuses, [429, 429, 200]);
    assert_eq!(server.calls("e"), 3);
    assert_eq!(
        server.log().last().map(|seen| (seen.step, seen.prompt.clone())),
        Some((Some(0), "x".to_owned()))
    );
}

#[test]
fn streams_and_both_protocols() {
    let server = ModelServer::start();
    server.add("s", Script::by_prompt([("gt-a", [Step::say("for a")])]).otherwise([Step::say("other")]));
    let mut body = messages("do gt-a");
    body["stream"] = json!(true);
    let stream = ask(&server, "POST", "/s/s/v1/messages", &body).1;
    assert!(stream.starts_with("event: message_start\ndata: {") && stream.contains("for a"), "{stream}");
    let body = json!({ "model":"m", "stream":true, "input":"do gt-b", "tools":[{"type":"function","name":"shell"}] });
    let stream = ask(&server, "POST", "/s/s/v1/responses", &body).1;
    assert!(stream.starts_with("event: response.created\n") && stream.contains("other"), "{stream}");
}

#[test]
fn ids_of_messages_differ() {
    let server = ModelServer::start();
    let id = || {
        ask(&server, "POST", "/s/commit/v1/messages", &messages("x"))
            .1
            .split("msg_")
            .nth(1)
            .map(|s| s[..20].to_owned())
    };
    assert_ne!(id(), id());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a client that waits")]
fn a_held_step_waits_for_its_gate_and_a_hanging_one_for_the_end() {
    let server = ModelServer::start();
    server.add("h", Script::new([Step::say("now").held_by("g")]));
    server.add("never", Script::new([Step::hang()]));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| ask(&server, "POST", "/s/h/v1/messages", &messages("x")));
        assert!(server.wait_calls("h", 1, Duration::from_secs(10)));
        assert!(!server.wait_calls("h", 2, Duration::from_millis(20)));
        assert!(!held.is_finished());
        server.open("g");
        assert!(held.join().unwrap().1.contains("now"));
    });
    let port = server.port();
    let hanging = std::thread::spawn(move || ask_port(port, "POST", "/s/never/v1/messages", &messages("x")));
    assert!(server.wait_calls("never", 1, Duration::from_secs(10)));
    drop(server);
    assert_eq!(hanging.join().unwrap().0, 503);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
}
