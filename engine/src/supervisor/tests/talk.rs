//! What goes over the socket.

use std::io::{BufRead, BufReader, Write};

use super::*;
use crate::os::socket;
use crate::supervisor::client::{Client, Error};
use crate::supervisor::protocol::{Code, OwnReport, REQUEST_BYTES_MAX};

/// An agent that says when it is there and ends when it is told.
fn waiting() -> (Running, PathBuf) {
    let session = script("echo ready > ready; cat end");
    let (ready, end) = (session.fifo("ready"), session.fifo("end"));
    let running = session.launch();
    running.hear(&ready);
    (running, end)
}

fn note(text: impl Into<String>) -> OwnReport {
    OwnReport::Note { text: text.into() }
}

#[test]
fn reports_of_the_agent_are_kept_before_they_are_acknowledged() {
    let (running, end) = waiting();
    let dir = running.session.dir.clone();
    let mut client = Client::connect_socket(&dir.socket()).unwrap();
    assert_eq!(client.report(note("half way")).unwrap(), Some(2));
    let blocked = OwnReport::Blocked { reason: "no key".to_owned() };
    assert_eq!(client.report(blocked).unwrap(), Some(3));
    let done = OwnReport::Done { no_change: true, note: None };
    assert_eq!(Client::connect(&dir).unwrap().report(done).unwrap(), Some(4));
    let kept: Vec<Report> = dir.observations_after(1).unwrap().into_iter().map(|o| o.report).collect();
    assert_eq!(
        kept,
        [
            Report::Note { text: "half way".to_owned() },
            Report::Blocked { reason: "no key".to_owned() },
            Report::Done { no_change: true, note: None },
        ]
    );
    std::fs::write(end, "").unwrap();
    assert_eq!(running.finish().exit.last_n, 4);
    assert!(Client::connect(&dir).is_err());
}

#[test]
fn a_subscriber_gets_what_it_has_not_seen() {
    let (running, end) = waiting();
    let dir = running.session.dir.clone();
    let mut client = Client::connect(&dir).unwrap();
    for n in 2..=500 {
        assert_eq!(client.report(note(n.to_string())).unwrap(), Some(n));
    }
    // A note that is longer than what is usually read at once.
    let long = "x".repeat(REQUEST_BYTES_MAX - 100);
    assert_eq!(client.report(note(long)).unwrap(), Some(501));
    let late = Client::connect(&dir).unwrap().subscribe(498).unwrap();
    let ahead = Client::connect(&dir).unwrap().subscribe(10_000).unwrap();
    std::fs::write(end, "").unwrap();
    let done = running.finish();
    let seen: Vec<Message> = late.map(Result::unwrap).collect();
    let numbers: Vec<u64> =
        seen.iter().filter_map(|m| if let Message::Observation(o) = m { Some(o.n) } else { None }).collect();
    assert_eq!(numbers, [499, 500, 501]);
    assert_eq!(seen.last(), Some(&Message::Exit(done.exit.clone())));
    assert_eq!(ahead.map(Result::unwrap).collect::<Vec<_>>(), [Message::Exit(done.exit)]);
}

#[test]
fn orders_for_another_attempt_are_refused() {
    let (running, end) = waiting();
    let mut client = Client::connect(&running.session.dir).unwrap();
    assert!(matches!(client.stop(Epoch(6)), Err(Error::Refused { code: Code::Stale, .. })));
    std::fs::write(end, "").unwrap();
    assert_eq!(running.finish().exit.code, Some(0));
}

#[test]
fn garbage_is_answered_and_ends_nothing() {
    let (running, end) = waiting();
    let dir = running.session.dir.clone();
    let mut stream = socket::connect(&dir.socket()).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut ask = |bytes: &[u8]| {
        stream.write_all(bytes).unwrap();
        answers.next().unwrap().unwrap()
    };
    for garbage in [
        &b"\n"[..],
        b"hello\n",
        b"{\"frob\":{}}\n",
        b"\xff\x00\n",
        b"{\"stop\":{}}\n",
        b"{\"report\":{\"started\":{}}}\n",
    ] {
        assert!(ask(garbage).starts_with("{\"error\":{\"code\":\"bad_request\""));
    }
    let long = [vec![b'x'; REQUEST_BYTES_MAX * 2], b"\n".to_vec()].concat();
    assert!(ask(&long).starts_with("{\"error\":{\"code\":\"too_long\""));
    assert_eq!(ask(b"{\"report\":{\"note\":{\"text\":\"still here\"}}}\n"), "{\"ok\":{\"n\":2}}");
    // Half a request, and nothing after it.
    stream.write_all(b"{\"rep").unwrap();
    drop((stream, answers));
    std::fs::write(end, "").unwrap();
    assert_eq!(running.finish().exit.last_n, 2);
}

#[test]
fn one_who_does_not_listen_holds_nobody_up() {
    let (running, end) = waiting();
    let dir = running.session.dir.clone();
    let deaf = Client::connect(&dir).unwrap().subscribe(0).unwrap();
    let mut client = Client::connect(&dir).unwrap();
    let text = "x".repeat(REQUEST_BYTES_MAX / 2);
    for n in 2..=60 {
        assert_eq!(client.report(note(&*text)).unwrap(), Some(n));
    }
    std::fs::write(end, "").unwrap();
    let done = running.finish();
    assert_eq!(done.exit.last_n, 60);
    // It was left with what had been sent to it; the files have the rest.
    assert!(deaf.filter_map(Result::ok).count() < 60);
    assert_eq!(dir.observations_after(0).unwrap().len(), 60);
}

#[test]
fn an_agent_finds_its_supervisor_in_a_deep_directory() {
    let mut session = script("echo ready > ready; cat end");
    let deep =
        (0..10).fold(session.root.path().to_owned(), |path, _| path.join("a-directory-name-that-is-long"));
    session.dir = SessionDir::new(deep.join("s"));
    assert!(session.dir.socket().as_os_str().len() > 200);
    let (ready, end) = (session.fifo("ready"), session.fifo("end"));
    let running = session.launch();
    running.hear(&ready);
    let mut client = Client::connect(&running.session.dir).unwrap();
    assert_eq!(client.report(note("hello")).unwrap(), Some(2));
    std::fs::write(end, "").unwrap();
    assert_eq!(running.finish().exit.code, Some(0));
}
