//! An agent that prints as fast as it can: what is taken in, and what others notice of it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use convoy_core::event::Event;
use convoy_testkit::env::{TestEnv, agent_toml};

use super::gap;
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair};
use super::room::{Room, convoy, create, order, order_one};
use crate::chore;

/// What a flooding agent prints, as often as `REPEATS` says.
const TEXT_BYTES: usize = 32 << 20;
const REPEATS: usize = 16;
/// What is read at once in the raw loop: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;
/// Agents in a row beside a flooding one.
const TASKS: usize = 40;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let mut rates = Vec::new();
    for _ in 0..wanted.rounds {
        rates.push(flooded()?);
    }
    let mut gaps = Vec::new();
    for _ in 0..wanted.rounds {
        let quiet = Room::with(|env| gap::config(env, 1))?;
        quiet.up()?;
        let anchor = gap::chain(&quiet, TASKS)?.gaps;
        gaps.push(Pair { of: beside_a_flood()?, anchor });
    }
    Ok(vec![
        Figure::rate("intake of a flooding agent", "MB/s", &rates, "pipe to file", Goal::AtLeast(0.7)),
        Figure::ratio("start gap beside a flooding agent", &gaps, 50, "start gap", Goal::AtMost(1.5)),
    ])
}

fn text(env: &TestEnv) -> PathBuf {
    env.root().join("flood.txt")
}

fn write_text(env: &TestEnv) -> Result<()> {
    let line = [&[b'x'; 99][..], b"\n"].concat();
    Ok(std::fs::write(text(env), line.repeat(TEXT_BYTES / line.len()))?)
}

fn words(env: &TestEnv) -> Vec<String> {
    let file = text(env).to_string_lossy().into_owned();
    std::iter::once("/bin/cat".to_owned()).chain(std::iter::repeat_n(file, REPEATS)).collect()
}

fn megabytes_a_second(took: Duration) -> f64 {
    (TEXT_BYTES * REPEATS) as f64 / 1e6 / took.as_secs_f64()
}

/// The rate of a supervised agent, and that of a loop that only moves bytes from the pipe to a file.
fn flooded() -> Result<(f64, f64)> {
    let room = Room::with(|env| {
        let table = agent_toml("flood", &words(env), "plain", &[]);
        format!("[defaults]\nagent = \"flood\"\n[retry]\nmax_attempts = 1\n{table}")
    })?;
    let env = room.env();
    write_text(env)?;
    let (raw, done) = chore::timed(|| raw_loop(env));
    done?;
    room.up()?;
    let client = room.client();
    let issue = order_one(&client, create("Flood"))?;
    order(&client, convoy("Flood", vec![issue], true))?;
    let events = room.wait(1, |event| matches!(event, Event::SessionEnded { .. }))?;
    let elapsed = events.iter().find_map(|e| match &e.event {
        Event::SessionEnded { exit, .. } => Some(Duration::from_millis(exit.elapsed_ms)),
        _ => None,
    });
    Ok((megabytes_a_second(elapsed.ok_or("no end")?), megabytes_a_second(raw)))
}

fn raw_loop(env: &TestEnv) -> Result<()> {
    let words = words(env);
    let mut command = env.command(&words[0], env.root());
    let mut child = command.args(&words[1..]).stdout(Stdio::piped()).spawn()?;
    let mut pipe = child.stdout.take().ok_or("no pipe")?;
    let mut file = File::create(env.root().join("raw"))?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match pipe.read(&mut buffer)? {
            0 => break,
            count => file.write_all(&buffer[..count])?,
        }
    }
    child.wait()?;
    Ok(std::fs::remove_file(env.root().join("raw"))?)
}

/// The start gap of a chain while another agent prints without end.
fn beside_a_flood() -> Result<super::report::Samples> {
    let room = Room::with(|env| {
        let forever = ["/usr/bin/yes".to_owned(), "x".repeat(99)];
        let flood = agent_toml("flood", &forever, "plain", &[]);
        format!("{}{flood}", gap::config(env, 2))
    })?;
    room.up()?;
    let client = room.client();
    let issue = order_one(&client, create("Flood"))?;
    let sling = convoy_core::command::Request::Sling {
        issues: vec![issue],
        target: None,
        agent: Some("flood".to_owned()),
        model: None,
        base: None,
        no_convoy: false,
        force: false,
        budget: None,
    };
    order(&client, sling)?;
    room.wait(1, |event| matches!(event, Event::SessionStarted { .. }))?;
    let gaps = gap::chain(&room, TASKS)?.gaps;
    room.down(true);
    Ok(gaps)
}
