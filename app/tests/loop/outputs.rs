//! What agents print, as people read it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, SOON, commit, outside};

#[test]
fn logs_end_with_their_reader_and_say_when_they_cannot_be_written() {
    let env = outside();
    let steps = [Step::Print("first words".into()), Room::hold(&env, "go")];
    let script = Script::always([&steps[..], &commit("a", "a\n")].concat());
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    let followed = room.env.start(["logs", "gt-a", "-f"]);
    assert!(followed.printed("first words", SOON));
    let command = |line: &str| {
        let mut command = room.env.command(env!("CARGO_BIN_EXE_convoy"), &room.env.dir());
        command.args(line.split_whitespace()).stderr(Stdio::piped());
        command
    };
    for line in ["logs gt-a -f", "logs gt-a -f --json", "logs gt-a -f --raw"] {
        let mut child = command(line).stdout(Stdio::piped()).spawn().unwrap();
        // The agent prints no more that could tell it.
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{line}");
    }
    for line in ["logs gt-a", "logs gt-a -f", "logs gt-a --json", "logs gt-a -f --json"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command(line).stdout(full).spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{line}: {stderr}");
        assert!(stderr.contains("cannot write the output"), "{line}: {stderr}");
    }
    room.open("go");
    room.lands(&convoy);
    assert!(followed.wait(SOON).ok().stdout.contains("first words"));
}
