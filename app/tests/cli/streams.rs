//! Streams that end, and readers that go away.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use crate::workspace;

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let env = workspace();
    for n in 1..=40 {
        env.convoy(["issue", "create", &"long title ".repeat(40), "--id", &format!("gt-{n}"), "-q"]).ok();
    }
    for line in ["issue list", "issue list --json", "events", "events --json", "--help", "completions bash"] {
        let mut command = env.command(env!("CARGO_BIN_EXE_convoy"), &env.dir());
        command.args(crate::words(line)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{line}");
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let env = workspace();
    for line in ["list", "list --json", "--help"] {
        let mut command = env.command(env!("CARGO_BIN_EXE_convoy"), &env.dir());
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        command.args(crate::words(line)).stdout(full).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{line}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write the output"), "{line}");
    }
}

#[test]
fn a_wait_runs_out_of_time_or_sees_the_landing() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    let id = env.convoy(["create", "c", "gt-1", "-q"]).ok().stdout.trim().to_owned();
    env.convoy(["wait", &id, "--timeout", "100ms"]).exits(124);
    let waiting = env.start(["wait", &id, "--timeout", "1m"]);
    env.convoy(["issue", "close", "gt-1"]).ok();
    let run = waiting.wait(LONG).ok();
    assert!(run.stdout.contains("landed"), "{}", run.stdout);
}

#[test]
fn a_wait_outlives_the_engine_and_any_is_enough() {
    let env = workspace();
    for n in ["gt-1", "gt-2"] {
        env.convoy(["issue", "create", "t", "--id", n]).ok();
    }
    let make = |issue| env.convoy(["create", "c", issue, "-q"]).ok().stdout.trim().to_owned();
    let (one, two) = (make("gt-1"), make("gt-2"));
    let any = env.start(["wait", &one, &two, "--any"]);
    let all = env.start(["wait", &one, &two]);
    env.convoy(["down"]).ok();
    env.convoy(["issue", "close", "gt-2"]).ok();
    any.wait(LONG).ok();
    env.convoy(["down"]).ok();
    env.convoy(["close", &one]).ok();
    all.wait(LONG).exits(1);
}

#[test]
fn events_are_followed_over_a_restart_of_the_engine() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    let following = env.start(["events", "-f", "--json", "--type", "issue."]);
    assert!(following.printed("gt-1", LONG));
    env.convoy(["issue", "create", "t", "--id", "gt-2"]).ok();
    assert!(following.printed("gt-2", LONG));
    env.convoy(["down"]).ok();
    env.convoy(["issue", "create", "t", "--id", "gt-3"]).ok();
    assert!(following.printed("gt-3", LONG));
    let seen = following.stdout();
    assert_eq!(seen.lines().count(), 3, "each once: {seen}");
}

#[test]
fn following_ends_when_its_reader_goes_away_though_nothing_happens() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    let id = env.convoy(["create", "c", "gt-1", "-q"]).ok().stdout.trim().to_owned();
    let events = env.convoy(["events"]).ok().stdout.lines().count();
    for words in [vec!["events", "-f"], vec!["events", "-f", "--json"], vec!["status", &id, "--watch"]] {
        let mut command = env.command(env!("CARGO_BIN_EXE_convoy"), &env.dir());
        command.args(&words).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // When it has printed everything that there is, nothing to be printed can tell it any more.
        let printed = if words[0] == "events" { events } else { 1 };
        let stdout = BufReader::new(child.stdout.take().unwrap());
        assert_eq!(stdout.lines().take(printed).count(), printed);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn events_are_followed_from_a_number_on_and_of_one_type() {
    let env = workspace();
    for n in ["gt-1", "gt-2"] {
        env.convoy(["issue", "create", "t", "--id", n]).ok();
    }
    let all = env.convoy(["events", "--json"]).ok().stdout;
    let of = |line: &str, key: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()[key].clone();
    let second = all.lines().find(|line| of(line, "subject") == "gt-2").unwrap();
    let before = of(second, "seq").as_u64().unwrap() - 1;
    let file = env.root().join("followed");
    let mut command = env.command(env!("CARGO_BIN_EXE_convoy"), &env.dir());
    command.args(["events", "-f", "--json", "--type", "issue.", "--since", &before.to_string()]);
    let mut child = command.stdout(std::fs::File::create(&file).unwrap()).spawn().unwrap();
    let printed = |text: &str| convoy_testkit::wait::for_text(&file, text, LONG);
    assert!(printed("gt-2"), "what was before it was asked for");
    env.convoy(["create", "c", "gt-2"]).ok();
    env.convoy(["issue", "close", "gt-2"]).ok();
    assert!(printed("issue.closed"), "a file has no reader that could go away");
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = std::fs::read_to_string(&file).unwrap();
    let kinds: Vec<String> = seen.lines().map(|line| of(line, "type").as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["issue.created", "issue.closed"], "neither gt-1 nor the convoy");
}

#[test]
fn status_is_watched_until_the_convoy_is_closed() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    let id = env.convoy(["create", "c", "gt-1", "-q"]).ok().stdout.trim().to_owned();
    let watching = env.start(["status", &id, "--watch"]);
    assert!(watching.printed("0/1 completed", LONG));
    env.convoy(["issue", "close", "gt-1"]).ok();
    assert!(watching.wait(LONG).ok().stdout.contains("1/1 completed"));
}
