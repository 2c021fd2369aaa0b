//! What the engine and the supervisors keep in memory while a hundred agents wait.

use convoy_core::event::Event;
use convoy_testkit::env::agent_toml;
use convoy_testkit::fake_agent;

use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, median};
use super::room::{Room, convoy, create, order, order_one};

const ISSUES: usize = 10_000;
const SESSIONS: usize = 100;

/// Resident and proportional memory of a process, in MB.
struct Memory {
    resident: f64,
    proportional: f64,
}

fn memory_of(pid: u32) -> Result<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let megabytes = |name: &str| -> Result<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    };
    Ok(Memory { resident: megabytes("Rss:")?, proportional: megabytes("Pss:")? })
}

/// The processes that a process has started.
fn children(pid: u32) -> Result<Vec<u32>> {
    let mut all = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children"))?;
        all.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    Ok(all)
}

pub(super) fn measure(_: &Wanted) -> Result<Vec<Figure>> {
    let room = Room::with(|_| {
        let agent = fake_agent::path().to_string_lossy().into_owned();
        let words = [agent, "--do".to_owned(), r#"["hang"]"#.to_owned()];
        let table = agent_toml("wait", &words, "plain", &[]);
        format!("[defaults]\nagent = \"wait\"\nmax_parallel = {SESSIONS}\n{table}")
    })?;
    room.fill(ISSUES)?;
    let pid = room.up()?;
    let begin = memory_of(pid)?;
    let client = room.client();
    let issues: Vec<String> =
        (0..SESSIONS).map(|n| order_one(&client, create(&format!("Wait {n}")))).collect::<Result<_>>()?;
    order(&client, convoy("Wait", issues, true))?;
    room.wait(SESSIONS, |event| matches!(event, Event::SessionStarted { .. }))?;
    let engine = memory_of(pid)?;
    let supervisors: Vec<Memory> = children(pid)?.into_iter().map(memory_of).collect::<Result<_>>()?;
    if supervisors.len() < SESSIONS {
        return Err(format!("{} supervisors where {SESSIONS} are expected", supervisors.len()).into());
    }
    let each = |of: fn(&Memory) -> f64| median(supervisors.iter().map(of));
    let figures = vec![
        Figure::value("engine, 10,000 issues", "MB", begin.resident, Goal::None),
        Figure::value("engine, 10,000 issues, 100 agents", "MB", engine.resident, Goal::AtMost(60.0)),
        Figure::value("the same, proportional", "MB", engine.proportional, Goal::None),
        Figure::value("each supervisor", "MB", each(|memory| memory.resident), Goal::AtMost(6.0)),
        Figure::value("the same, proportional", "MB", each(|memory| memory.proportional), Goal::None),
    ];
    room.down(true);
    Ok(figures)
}
