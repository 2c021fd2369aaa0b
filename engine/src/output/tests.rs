//! Lines of outputs, from files as supervisors leave them.

use std::os::fd::AsFd as _;

use super::*;
use crate::tails::tests::place;

fn texts(lines: Lines<'_>) -> Vec<String> {
    lines.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_last_line_without_an_end_is_followed_to_the_end() {
    let (place, (_reader, writer)) = (place(), rustix::pipe::pipe().unwrap());
    let follow = || followed(&place.workspace, &place.session, false, writer.as_fd());
    assert_eq!(follow().err().unwrap().code, Code::NotFound);
    place.print(b"one\nResult: 42");
    let mut lines = follow().unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    // It was seen, but may go on until the agent ends.
    place.end();
    assert_eq!(texts(lines), ["Result: 42"]);
    assert_eq!(texts(follow().unwrap()), ["one", "Result: 42"]);
}

#[test]
fn following_ends_with_its_reader_though_nothing_is_printed() {
    let (place, (reader, writer)) = (place(), rustix::pipe::pipe().unwrap());
    place.print(b"one\n");
    let mut lines = followed(&place.workspace, &place.session, false, writer.as_fd()).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    drop(reader);
    assert!(lines.next().is_none());
}

#[test]
fn who_does_not_follow_sees_what_there_is_and_no_more() {
    let place = place();
    place.print(b"one\nGo on? ");
    let mut before = lines(&place.workspace, &place.session, false).unwrap();
    assert_eq!(before.next().unwrap().unwrap(), "one");
    assert_eq!(texts(before), ["Go on? "]);
    let mut before = lines(&place.workspace, &place.session, true).unwrap();
    let many = "more\n".repeat(100_000);
    place.print(many.as_bytes());
    assert_eq!(before.next().unwrap().unwrap(), "one");
    assert!(before.count() < 100_000, "what is printed later is not waited for");
}

#[test]
fn the_last_line_is_one_that_says_something() {
    let last = |printed: &str| {
        let place = place();
        place.print(printed.as_bytes());
        let says = |line: &str| (!line.trim().is_empty()).then(|| line.trim().to_owned());
        Tail::new(&place.workspace, &place.session).last_line(says)
    };
    assert_eq!(last("").as_deref(), None);
    assert_eq!(last("one\ntwo\n \n\n").as_deref(), Some("two"));
    assert_eq!(last("one\nGo on? ").as_deref(), Some("Go on?"));
    assert_eq!(last("10%\r20%\r").as_deref(), Some("20%"));
    assert_eq!(last(&format!("one\n{}\n", " ".repeat(200_000))).as_deref(), None);
}

#[test]
fn the_last_line_of_a_program_is_a_whole_one() {
    let place = place();
    place.translated("claude");
    let said = |text: &str| {
        format!(
            "{{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"type\":\"text\",\"text\":{text:?}}}]}}}}\n"
        )
    };
    place.print(b"{\"type\":\"system\"}\n");
    let last = || Tail::new(&place.workspace, &place.session).last_line(|line| Some(line.to_owned()));
    assert_eq!(last(), None);
    place.print(format!("{}{{\"type\":\"user\"}}\n{{\"type\":\"assi", said("first\nsecond")).as_bytes());
    assert_eq!(last().as_deref(), Some("second"));
    assert_eq!(texts(lines(&place.workspace, &place.session, false).unwrap()), ["first\nsecond"]);
    assert_eq!(lines(&place.workspace, &place.session, true).unwrap().count(), 4);
}
