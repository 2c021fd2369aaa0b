//! What an engine and its supervisor do while there is nothing to do: nothing.

use std::time::Duration;

use convoy_core::event::Event;
use convoy_testkit::env::agent_toml;
use convoy_testkit::{fake_agent, wait};

use super::measure::{Result, Wanted};
use super::report::{Figure, Goal};
use super::room::{Room, convoy, create, order, order_one};

/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(5);
/// How long it may take to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

/// How often a process has woken up, and the processor time that it has used, in clock ticks.
fn activity(pid: u32) -> Result<(u64, u64)> {
    let mut wakes = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        wakes += line.ok_or("no count of switches")?.trim().parse::<u64>()?;
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Ok((wakes, ticks(11) + ticks(12)))
}

/// Nothing ever comes: the time just goes by.
fn pass(time: Duration) {
    wait::for_file(std::path::Path::new("/proc/self/never"), time);
}

fn watch(pid: u32) -> Result<(f64, f64)> {
    pass(SETTLE);
    let (wakes, ticks) = activity(pid)?;
    pass(WATCHED);
    let (wakes_after, ticks_after) = activity(pid)?;
    Ok(((wakes_after - wakes) as f64, (ticks_after - ticks) as f64))
}

pub(super) fn measure(_: &Wanted) -> Result<Vec<Figure>> {
    let room = Room::with(|_| {
        let agent = fake_agent::path().to_string_lossy().into_owned();
        let words = [agent, "--do".to_owned(), r#"["hang"]"#.to_owned()];
        format!("[defaults]\nagent = \"wait\"\n{}", agent_toml("wait", &words, "plain", &[]))
    })?;
    let pid = room.up()?;
    let idle = watch(pid)?;
    let client = room.client();
    // With a convoy open the patrol comes by at its interval, which is five minutes, and is all that ever wakes it.
    let tracked = order_one(&client, create("Track"))?;
    order(&client, convoy("Track", vec![tracked], false))?;
    let patrolled = watch(pid)?;
    let issue = order_one(&client, create("Wait"))?;
    order(&client, convoy("Wait", vec![issue], true))?;
    let events = room.wait(1, |event| matches!(event, Event::SessionStarted { .. }))?;
    let agent = events.iter().find_map(|e| match e.event {
        Event::SessionStarted { pid, .. } => Some(pid),
        _ => None,
    });
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.ok_or("no agent")?))?;
    let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
    let supervisor = watch(parent.ok_or("no supervisor")?)?;
    let busy = watch(pid)?;
    room.down(true);
    let none = Goal::AtMost(0.0);
    Ok(vec![
        Figure::value("wake-ups of an idle engine, 5 s", "", idle.0, none),
        Figure::value("its processor time, 5 s", "ticks", idle.1, none),
        Figure::value("wake-ups of an idle engine with an open convoy", "", patrolled.0, none),
        Figure::value("wake-ups of an engine with a quiet agent", "", busy.0, none),
        Figure::value("wake-ups of a quiet agent's supervisor", "", supervisor.0, none),
        Figure::value("its processor time, 5 s", "ticks", supervisor.1, none),
    ])
}
