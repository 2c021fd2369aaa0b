//! The command line as people and scripts meet it: the real binary, in a room of its own.
//!
//! Every scenario of a command runs twice, with the engine down and up; what is printed must be the same.

mod agree;
mod baseline;
mod checkpoints;
mod convoys;
mod cost;
mod facts;
mod help;
mod hostile;
mod import;
mod issues;
mod json;
mod lifecycle;
mod mail;
mod mcp;
mod rigs;
mod seeds;
mod session;
mod skills;
mod stage;
mod streams;
mod templates;
mod work;

use convoy_testkit::env::TestEnv;

/// A room with the binary in it.
fn room() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_convoy"))
}

/// A room with a workspace in it, whose issues begin with `gt`.
fn workspace() -> TestEnv {
    let env = room();
    env.repo();
    env.convoy(["init", "--prefix", "gt", "--name", "gastown"]).ok();
    env
}

/// A command line, cut at blanks; `'` keeps words together.
fn words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(n, part)| match n % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// What the commands print, one after the other, without what differs from run to run.
fn transcript(env: &TestEnv, lines: &[&str]) -> String {
    let shown: Vec<String> = lines.iter().map(|line| env.convoy(words(line)).shown()).collect();
    shown.join("\n")
}

/// The transcript of the commands, which is the same with the engine down and up.
#[track_caller]
fn both_ways(lines: &[&str]) -> String {
    let down = transcript(&workspace(), lines);
    let env = workspace();
    env.convoy(["up"]).ok();
    let up = transcript(&env, lines);
    assert_eq!(down, up, "the engine down, and up");
    down
}
