//! The signal file, by agents that mean well and by others.

use convoy_core::money::Money;

use super::*;
use crate::supervisor::signal::VARIABLE;

/// An agent that is told of its signal file.
fn writes(text: &str) -> Session {
    let mut session = script(text);
    let file = session.dir.signal_file().to_string_lossy().into_owned();
    session.spec.env.insert(VARIABLE.to_owned(), file);
    session
}

/// Shell words that write a signal with these fields, whole at once.
fn signal(fields: &str) -> String {
    let whole =
        format!(r#"{{"workerId":"w-1","issueId":"gt-1","updatedAt":"2026-11-21T10:00:00Z",{fields}}}"#);
    format!("printf '%s' '{whole}' > ${VARIABLE}.new; mv ${VARIABLE}.new ${VARIABLE}")
}

fn said(done: &Finished) -> Vec<Report> {
    done.reports().into_iter().filter(|report| !matches!(report, Report::Started { .. })).cloned().collect()
}

fn note(text: &str) -> Report {
    Report::Note { text: text.to_owned() }
}

#[test]
fn it_says_what_commands_say() {
    let kept = |note: &str| Report::CheckpointAsked { note: Some(note.to_owned()) };
    let cost = |usd| Report::SelfReported { cost: Money::from_dollars(usd).unwrap() };
    let done = |no_change, note: Option<&str>| Report::Done { no_change, note: note.map(str::to_owned) };
    for (fields, expected) in [
        (r#""status":"running""#, vec![]),
        (r#""status":"completed""#, vec![done(false, None)]),
        (
            r#""status":"completed","outcome":"success","costUsd":0.25"#,
            vec![done(false, Some("success")), cost(0.25)],
        ),
        (r#""status":"completed","outcome":"no-change""#, vec![done(true, None)]),
        (
            r#""status":"completed","outcome":{"success":true,"summary":"Docs updated"},"costUsd":0.001"#,
            vec![done(false, Some("Docs updated")), cost(0.001)],
        ),
        (r#""status":"failed","error":"no key""#, vec![note("it says that it failed: no key")]),
        (r#""status":"failed""#, vec![note("it says that it failed: it does not say why")]),
        (
            r#""status":"failed","outcome":"blocked","error":"no key""#,
            vec![Report::Blocked { reason: "no key".to_owned() }],
        ),
        (r#""status":"running","checkpoint":"half way","somethingElse":[1]"#, vec![kept("half way")]),
        (r#""status":"running","checkpoint":true"#, vec![Report::CheckpointAsked { note: None }]),
        (r#""status":"running","checkpoint":false,"outcome":null,"costUsd":null"#, vec![]),
    ] {
        let ended = writes(&signal(fields)).finish();
        assert_eq!(said(&ended), expected, "{fields}");
        let failed = fields.contains("failed");
        assert_eq!(ended.exit.result.as_ref().map(|result| result.ok), failed.then_some(false), "{fields}");
    }
}

#[test]
fn it_is_heard_while_the_agent_works_and_each_thing_once() {
    let steps = [
        signal(r#""status":"running","costUsd":0.1"#),
        signal(r#""status":"running","costUsd":0.1"#),
        signal(r#""status":"running","costUsd":0.2,"checkpoint":"a""#),
        signal(r#""status":"failed","error":"no","costUsd":0.2,"checkpoint":"a""#),
        "cat go".to_owned(),
        signal(r#""status":"completed","costUsd":0.3,"checkpoint":"a""#),
    ];
    let session = writes(&steps.join("; "));
    let go = session.fifo("go");
    let mut running = session.launch();
    let mut heard = Vec::new();
    while heard.last() != Some(&note("it says that it failed: no")) {
        if let Message::Observation(observation) = running.messages.next().unwrap().unwrap() {
            heard.push(observation.report);
        }
    }
    std::fs::write(go, "").unwrap();
    let dir = running.session.dir.clone();
    let rest: Vec<Message> = running.messages.by_ref().map(Result::unwrap).collect();
    let Some(Message::Exit(exit)) = rest.last() else { panic!("no exit: {rest:?}") };
    assert!(running.child.wait().unwrap().success());
    // It took back that it had failed.
    assert_eq!(exit.result, None);
    let all: Vec<Report> = dir.observations_after(1).unwrap().into_iter().map(|o| o.report).collect();
    let cost = |cents: i64| Report::SelfReported { cost: Money::from_micros(cents * 10_000) };
    // Of two that come at once only the latest need be seen.
    let (done, last) = (Report::Done { no_change: false, note: None }, cost(30));
    assert_eq!(all[all.len() - 2..], [done, last], "{all:?}");
    let asked = all.iter().filter(|report| matches!(report, Report::CheckpointAsked { .. })).count();
    assert_eq!(asked, 1, "{all:?}");
    assert!(all.len() <= 6, "{all:?}");
}

#[test]
fn what_it_should_not_be_is_said_once_and_ends_nothing() {
    let whole = |fields: &str| signal(fields);
    let other = whole(r#""status":"completed""#).replace("w-1", "w-2");
    let elsewhere = whole(r#""status":"completed""#).replace("gt-1", "../gt-1");
    let long = whole(r#""status":"running""#) + &format!("; head -c 70000 /dev/zero >> ${VARIABLE}");
    for (what, words) in [
        (other.as_str(), "it is not about w-1 and gt-1"),
        (&elsewhere, "it is not about w-1 and gt-1"),
        (&long, "longer than"),
        (&whole(r#""status":"completed","costUsd":-1"#), "negative"),
        (&whole(r#""status":"completed","costUsd":1e999"#), "out of range"),
        (&whole(r#""status":"completed","costUsd":1e300"#), "no amount of money"),
        (&whole(r#""status":"completed","costUsd":"1""#), "invalid type"),
        (&whole(r#""status":"COMPLETED""#), "unknown variant"),
        (&whole(r#""status":"completed","error":7"#), "invalid type"),
        (&whole(r#""status":"completed""#).replace("2026-11-21T10:00:00Z", "yesterday"), "failed to parse"),
        ("printf '[]' > $CONVOY_SIGNAL_FILE", "invalid"),
        ("printf '{\\377' > $CONVOY_SIGNAL_FILE", "line 1"),
        ("echo half > $CONVOY_SIGNAL_FILE; echo '{}' > $CONVOY_SIGNAL_FILE", ""),
        ("mkdir $CONVOY_SIGNAL_FILE", "not a plain file"),
        ("mkfifo $CONVOY_SIGNAL_FILE", "not a plain file"),
        ("ln -s /etc/passwd $CONVOY_SIGNAL_FILE", "symbolic link"),
    ] {
        let done = writes(&format!("{what}; echo fine")).finish();
        let said = said(&done);
        let [Report::Note { text }] = said.as_slice() else { panic!("{what}: {said:?}") };
        assert!(text.contains(words), "{what}: {text}");
        assert_eq!((done.exit.code, done.exit.result.as_ref()), (Some(0), None));
        let log = std::fs::read_to_string(done.session.dir.supervisor_log()).unwrap();
        assert_eq!(log.matches("the signal file is not taken").count(), 1, "{log}");
    }
    for harmless in
        ["rm -r ${CONVOY_SIGNAL_FILE%/*}", ": > $CONVOY_SIGNAL_FILE", "echo x > ${CONVOY_SIGNAL_FILE}.part"]
    {
        let done = writes(&format!("{harmless}; echo fine")).finish();
        assert_eq!((said(&done), done.exit.code), (vec![], Some(0)), "{harmless}");
    }
}
