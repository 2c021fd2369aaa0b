//! From an agent's last instruction to the next agent's first, one agent at a time: of issues in a row, and of roles of
//! which each waits for the one before.
//!
//! Between the two lie the proof that the first one's processes are dead, its end and the next one's beginning
//! on the disk, and a new supervisor. Making the workdir is not counted: it is git's work, and grows with the
//! repository.

use std::path::PathBuf;
use std::time::Duration;

use convoy_core::event::{Envelope, Event};
use convoy_core::time::Time;
use convoy_testkit::env::{TestEnv, agent_toml};
use convoy_testkit::fake_agent;

use super::floor::{Commits, run};
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair, Samples};
use super::room::{Room, convoy, create, order, order_one};

/// Agents in a row.
const TASKS: usize = 60;
const STEPS: &str = r#"[{"convoy":["done","--no-change"]}]"#;
/// Of a role.
const REPORTS: &str = r#"[{"output":"Looked.\n"}]"#;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let mut figures = of_issues(wanted)?;
    figures.extend(of_roles(wanted)?);
    Ok(figures)
}

fn of_issues(wanted: &Wanted) -> Result<Vec<Figure>> {
    let [gaps, whole] = rounds(wanted, STEPS, 2, |room| chain(room, TASKS))?;
    Ok(vec![
        Figure::ratio("start gap", &gaps, 50, "exit, 2 commits, spawn", Goal::AtMost(2.5)),
        Figure::ratio("start gap, its workdir included", &whole, 50, "exit, 2 commits, spawn", Goal::None),
    ])
}

fn of_roles(wanted: &Wanted) -> Result<Vec<Figure>> {
    let [gaps, whole] = rounds(wanted, REPORTS, 1, |room| {
        roles(room)?;
        room.env().convoy(["start", "chain", "--files", "**"]).ok();
        let events = done(room, TASKS)?;
        Ok(Chain::new(by_log(&events), &events))
    })?;
    Ok(vec![
        Figure::ratio("role gap", &gaps, 50, "exit, commit, spawn", Goal::AtMost(2.0)),
        Figure::ratio("role gap, its workdir included", &whole, 50, "exit, commit, spawn", Goal::None),
    ])
}

/// A template of roles of which each waits for the one before.
fn roles(room: &Room) -> Result<()> {
    let folder = room.env().dir().join(".convoy");
    let role = |n: usize| {
        let needs = if n == 0 { String::new() } else { format!("depends_on = [\"r{}\"]\n", n - 1) };
        format!("[[agents]]\nrole = \"r{n}\"\nsubagent = \"link\"\n{needs}")
    };
    let template = format!(
        "name = \"chain\"\ndescription = \"Roles in a row\"\n{}",
        (0..TASKS).map(role).collect::<String>()
    );
    let agent = "---\nname: link\ndescription: One of many\n---\nLook.\n";
    for (name, text) in [("templates/chain.toml", template.as_str()), ("agents/link.md", agent)] {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().ok_or("a file has a folder")?)?;
        std::fs::write(file, text)?;
    }
    Ok(())
}

/// Rounds of a chain between two halves of its floor: without making the workdirs, and with.
fn rounds(
    wanted: &Wanted,
    steps: &str,
    commits: usize,
    chain: impl Fn(&Room) -> Result<Chain>,
) -> Result<[Vec<Pair>; 2]> {
    let (mut gaps, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..wanted.rounds {
        let room = Room::with(|env| doing(env, 1, steps))?;
        room.up()?;
        let half = floor(&room, commits)?;
        let chain = chain(&room)?;
        let anchor = half.and(floor(&room, commits)?);
        gaps.push(Pair { of: chain.gaps, anchor: anchor.clone() });
        whole.push(Pair { of: chain.whole, anchor });
    }
    Ok([gaps, whole])
}

/// The configuration of a room whose agents only write down when they ran.
pub(super) fn config(env: &TestEnv, parallel: u32) -> String {
    doing(env, parallel, STEPS)
}

fn doing(env: &TestEnv, parallel: u32, steps: &str) -> String {
    let words = [agent(env), vec!["--do".to_owned(), steps.to_owned()]].concat();
    let table = agent_toml("stamp", &words, "plain", &[]);
    format!("[defaults]\nagent = \"stamp\"\nmax_parallel = {parallel}\n{table}")
}

fn stamps(env: &TestEnv) -> PathBuf {
    env.root().join("stamps")
}

fn agent(env: &TestEnv) -> Vec<String> {
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    vec![path(fake_agent::path()), "--stamp".to_owned(), path(&stamps(env))]
}

/// What a chain took between its agents.
pub(super) struct Chain {
    /// Without making the workdirs.
    pub(super) gaps: Samples,
    /// With.
    whole: Samples,
}

/// Has one convoy of so many small tasks worked on, to its end.
pub(super) fn chain(room: &Room, tasks: usize) -> Result<Chain> {
    let client = room.client();
    let issues: Vec<String> =
        (0..tasks).map(|n| order_one(&client, create(&format!("Task {n}")))).collect::<Result<_>>()?;
    order(&client, convoy("Chain", issues, true))?;
    let events = done(room, tasks)?;
    Ok(Chain::new(between(room.env())?, &events))
}

/// Waits until so many agents are done, one after the other.
fn done(room: &Room, tasks: usize) -> Result<Vec<Envelope>> {
    room.wait(tasks, |event| matches!(event, Event::WorkerDone { .. }))
}

impl Chain {
    fn new(gaps: Vec<Duration>, events: &[Envelope]) -> Self {
        let mut chain = Self { gaps: Samples::default(), whole: Samples::default() };
        // The first session has none before it.
        for (gap, prepared) in gaps.into_iter().zip(preparations(events).into_iter().skip(1)) {
            chain.whole.add(gap);
            chain.gaps.add(gap.saturating_sub(prepared));
        }
        chain
    }
}

/// The time between each two agents, as their supervisors saw it: a role may write nowhere but in its folder.
fn by_log(events: &[Envelope]) -> Vec<Duration> {
    let ends = events.iter().filter_map(|e| match &e.event {
        Event::SessionEnded { exit, .. } => Some(exit.ended_at),
        _ => None,
    });
    let starts = events.iter().filter_map(|e| match &e.event {
        Event::SessionStarted { at, .. } => Some(*at),
        _ => None,
    });
    ends.zip(starts.skip(1)).map(|(end, start)| millis(end, start)).collect()
}

fn millis(from: Time, to: Time) -> Duration {
    Duration::from_millis(to.since(from).as_millis().unsigned_abs())
}

/// How long each workdir took, by the log, in the order in which the sessions were wanted.
fn preparations(events: &[Envelope]) -> Vec<Duration> {
    let prepared = |id| -> Option<Time> {
        events.iter().find_map(|e| match &e.event {
            Event::SessionPrepared { session, .. } if session == id => Some(e.at),
            _ => None,
        })
    };
    let wanted = events.iter().filter_map(|e| match &e.event {
        Event::SessionWanted { session } => Some((e.at, prepared(&session.id)?)),
        _ => None,
    });
    wanted.map(|(from, to)| millis(from, to)).collect()
}

/// The time between each two agents that have run one after the other.
fn between(env: &TestEnv) -> Result<Vec<Duration>> {
    let text = std::fs::read_to_string(stamps(env))?;
    std::fs::remove_file(stamps(env))?;
    let mut runs = Vec::new();
    for line in text.lines() {
        let (first, last) = line.split_once(' ').ok_or("a stamp has two numbers")?;
        runs.push((first.parse::<u64>()?, last.parse::<u64>()?));
    }
    runs.sort_unstable();
    Ok(runs.windows(2).map(|two| Duration::from_nanos(two[1].0.saturating_sub(two[0].1))).collect())
}

/// The same agent, started again and again by a loop that commits its end, and the next one's beginning if that counts.
fn floor(room: &Room, commits_each: usize) -> Result<Samples> {
    let env = room.env();
    let dir = tempfile::tempdir_in(env.root())?;
    let mut commits = Commits::new(dir.path())?;
    for _ in 0..TASKS / 2 {
        let words = agent(env);
        let mut command = env.command(&words[0], env.root());
        command.args(&words[1..]).args(["--do", "[]", "--no-stdin"]);
        run(command)?;
        for _ in 0..commits_each {
            commits.commit()?;
        }
    }
    let mut samples = Samples::default();
    between(env)?.into_iter().for_each(|gap| samples.add(gap));
    Ok(samples)
}
