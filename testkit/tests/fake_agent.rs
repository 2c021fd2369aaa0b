//! The fake agent does what its script says, each misdeed once.

use std::time::Duration;

use convoy_testkit::env::{Background, TestEnv};
use convoy_testkit::fake_agent::{Case, Script, Step};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(20);

fn start(env: &TestEnv, issue: &str, script: &Script) -> Background {
    let words = env.fake_agent(script);
    let mut command = env.command(&words[0], &env.dir());
    command.args(&words[1..]).env("CONVOY_ISSUE", issue).env("CONVOY_EPOCH", "7");
    env.spawn(command)
}

#[test]
fn it_works_and_is_witnessed() {
    let env = TestEnv::new("unused");
    let repo = env.repo();
    start(&env, "gt-a", &Script::works()).wait(SOON).ok();
    assert_eq!(repo.subjects("HEAD"), ["Do the work", "Begin"]);
    assert_eq!(repo.read("gt-a.txt"), "done\n");
    let begun = &env.wait_witness("start", 1)[0];
    assert_eq!((&begun["issue"], &begun["epoch"]), (&"gt-a".into(), &"7".into()));
    assert_eq!(begun["env"]["CONVOY_ISSUE"], "gt-a");
    assert_eq!(env.wait_witness("end", 1)[0]["status"], 0);
}

#[test]
fn the_case_depends_on_issue_and_attempt() {
    let env = TestEnv::new("unused");
    env.repo();
    let script = Script::default().issue("gt-b", [Step::Exit(5)]).attempt(1, [Step::Exit(1)]).or(Case {
        attempt: Some(2),
        prompt: Some("absent".to_owned()),
        ..Case::default()
    });
    assert_eq!(start(&env, "gt-a", &script).wait(SOON).status, 1);
    assert_eq!(start(&env, "gt-b", &script).wait(SOON).status, 5);
    assert_eq!(start(&env, "gt-a", &script).wait(SOON).status, 91, "no case fits");
}

#[test]
fn it_is_held_by_a_file_and_ignores_signals() {
    let env = TestEnv::new("unused");
    env.repo();
    let go = env.root().join("go").to_string_lossy().into_owned();
    let steps = [Step::Ignore(vec!["INT".to_owned(), "TERM".to_owned()]), Step::WaitFor(go), Step::Exit(3)];
    let agent = start(&env, "gt-a", &Script::always(steps));
    env.wait_witness("waiting", 1);
    agent.signal(Signal::TERM);
    agent.signal(Signal::INT);
    std::fs::write(env.root().join("go"), "").unwrap();
    assert_eq!(agent.wait(SOON).status, 3);
    assert_eq!(start(&env, "gt-a", &Script::always([Step::Die("KILL".to_owned())])).wait(SOON).status, 137);
}

#[test]
fn it_leaves_an_orphan_that_the_room_ends() {
    let env = TestEnv::new("unused");
    env.repo();
    let orphan = Step::Orphan { steps: vec![Step::Hang], keep_stdout: true };
    start(&env, "gt-a", &Script::always([orphan])).wait(SOON).ok();
    let pid = env.wait_witness("orphan", 1)[0]["pid"].clone();
    assert_eq!(env.processes().iter().map(|p| p.pid).collect::<Vec<_>>(), [pid.as_i64().unwrap() as i32]);
    let root = env.root().to_owned();
    drop(env);
    assert_eq!(convoy_testkit::processes::of(&root), []);
}

#[test]
fn it_floods_prints_garbage_and_closes_stdout() {
    let env = TestEnv::new("unused");
    env.repo();
    let steps = [
        Step::Flood(100_000),
        Step::Garbage(50),
        Step::CloseStdout,
        Step::Print("unseen".to_owned()),
        Step::Exit(0),
    ];
    let agent = start(&env, "gt-a", &Script::always(steps));
    env.wait_witness("end", 1);
    let bytes = std::fs::read(env.root().join("witness.ndjson")).unwrap().len();
    assert!(bytes > 0);
    let run = agent.wait(SOON).ok();
    assert!(run.stdout.len() >= 100_050 && !run.stdout.contains("unseen"), "{}", run.stdout.len());
}

#[test]
fn commands_and_stamps_are_written_down() {
    let env = TestEnv::new("unused");
    env.repo();
    let stamp = env.root().join("stamp");
    let program = env!("CARGO_BIN_EXE_fake-agent");
    let mut command = env.command(program, &env.dir());
    command.args(["--do", r#"[{"print":"hi"},{"convoy":["done","--no-change"]},{"save_prompt":"p"}]"#]);
    command.arg("--stamp").arg(&stamp).arg("--witness").arg(env.root().join("witness.ndjson"));
    command.env("CONVOY_BIN", "/bin/echo");
    assert_eq!(env.run(command).ok().stdout, "hi\n");
    assert_eq!(env.wait_witness("ran", 1)[0]["stdout"], "done --no-change\n");
    let stamps = std::fs::read_to_string(stamp).unwrap();
    let (first, last) = stamps.trim().split_once(' ').unwrap();
    assert!(0 < first.parse::<u64>().unwrap() && first.parse::<u64>().unwrap() < last.parse().unwrap());
    assert_eq!(std::fs::read_to_string(env.dir().join("p")).unwrap(), "");
}
