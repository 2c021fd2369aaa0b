//! Too much, too large, too slow: nobody but whoever does that is held up.

use std::io::{Read, Write};

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::api::working;
use crate::client::{Site, head};
use crate::room::Room;

#[test]
fn what_is_too_large_is_refused() {
    let (room, site) = working();
    let large = json!({"title": "a", "body": "x".repeat(5 * 1024 * 1024)});
    let answer = site.post("/api/issues", &large);
    assert_eq!((answer.status, answer.error()), (413, "too_large".to_owned()));
    // One that does not say how large it is, and never ends.
    let endless = site
        .ask("POST", "/api/issues")
        .header("Transfer-Encoding", "chunked")
        .header("Content-Type", "application/json");
    let mut stream = site.connect();
    stream.write_all(&endless.bytes()).unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let sent = (0..1000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(sent < 1000, "it is not read to its end");
    let long = site.ask("GET", "/api/convoys").header("X-Long", &"x".repeat(1024 * 1024)).send();
    assert!(matches!(long.status, 0 | 431), "{}", long.status);
    let many =
        (0..500).fold(site.ask("GET", "/api/convoys"), |ask, n| ask.header(&format!("X-{n}"), "x")).send();
    assert_eq!(many.status, 431);
    let far = site.get(&format!("/api/convoys?status={}", "x".repeat(200_000)));
    assert!(matches!(far.status, 0 | 400 | 414 | 431), "{}", far.status);
    assert_eq!(room.events("issue.").len(), 0);
    site.stranger("GET", "/health").send().is(200);
}

#[test]
fn who_takes_too_long_to_ask_is_let_go() {
    let (_room, site) = working();
    let mut slow = site.connect();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: ").unwrap();
    // It is waited for until this side is told, or the connection is closed; the limit is ten seconds.
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    let text = String::from_utf8_lossy(&rest);
    assert!(rest.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
}

#[test]
fn many_who_say_nothing_keep_nobody_from_being_served() {
    let (_room, site) = working();
    let idle: Vec<_> = (0..400).map(|_| site.connect()).collect();
    site.get("/api/overview").is(200);
    let by_socket = site.stranger("GET", "/api/overview").header("Host", "convoy");
    site.by_socket(by_socket).is(200);
    drop(idle);
}

/// Makes events, each of which is larger than what goes to watchers at once.
fn happen(site: &Site, count: usize) {
    let body = "x".repeat(60_000);
    for n in 0..count {
        site.post("/api/issues", &json!({"title": format!("Issue {n}"), "body": body})).is(201);
    }
}

#[test]
fn who_reads_a_stream_slowly_holds_nobody_up_and_misses_nothing() {
    let (room, site) = working();
    // Two who read nothing, and one who does.
    let mut slow = site.events("/api/events", None);
    let mut quick = site.events("/api/events", None);
    let begun = slow.next().unwrap().data["seq"].as_u64().unwrap();
    quick.next().unwrap();
    let deaf = site.socket_of_nobody(&room);
    happen(&site, 150);
    let last = room.events("issue.created").pop().unwrap()["seq"].as_u64().unwrap();
    let read = |stream: &mut crate::client::EventStream| {
        let mut at = begun;
        while at < last {
            let sent = stream.next().unwrap();
            assert_ne!(sent.name, "missed");
            assert_eq!(sent.data["seq"], at + 1, "no gap");
            at += 1;
        }
    };
    read(&mut quick);
    read(&mut slow);
    drop(deaf);
    site.get("/api/overview").is(200);
}

#[test]
fn an_agent_that_floods_is_followed_to_its_end() {
    let steps =
        [Step::Print("first".into()), Step::Flood(3_000_000), Step::Print("\nlast".into()), Step::Exit(0)];
    let room = Room::new(&Script::always(steps));
    room.convoy("config set retry.max_attempts 1");
    let site = Site::up(&room);
    let convoy = room.launch_new("gt-a", "");
    room.until("session.started", "s-");
    let mut browser = site.events("/api/work/gt-a/output/stream?offset=0", None);
    let mut live = site.socket(&format!("/api/convoys/{convoy}/stream?since=0"));
    let (mut at, mut last) = (0, String::new());
    loop {
        let sent = browser.next().unwrap();
        if sent.name == "end" {
            break;
        }
        assert_eq!(sent.data["offset"], at, "no gap");
        at = sent.data["next"].as_u64().unwrap();
        last = last_line(&sent.data);
    }
    assert!(at > 3_000_000, "{at}");
    assert_eq!(last, "last");
    let mut at = 0;
    loop {
        let message = live.next().unwrap();
        if message["type"] == "output" {
            assert_eq!(message["offset"], at, "no gap");
            at = message["next"].as_u64().unwrap();
        }
        if message["type"] == "output_end" {
            break;
        }
    }
    assert!(at > 3_000_000, "{at}");
}

fn last_line(data: &Value) -> String {
    let lines = data["lines"].as_array().unwrap();
    lines.last().unwrap()["text"].as_str().unwrap().to_owned()
}

impl Site {
    /// A WebSocket whose other side reads nothing.
    fn socket_of_nobody(&self, room: &Room) -> std::net::TcpStream {
        room.issues("gt-watched");
        let made = room.json("create Watched gt-watched");
        let path = format!("/api/convoys/{}/stream?since=0", made["id"].as_str().unwrap());
        let mut stream = self.connect();
        stream.write_all(&self.ask("GET", &path).upgrade().bytes()).unwrap();
        let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
        assert_eq!(head(&mut reader).0, 101);
        stream
    }
}
