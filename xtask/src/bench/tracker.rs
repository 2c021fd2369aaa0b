//! Somebody else closes the last issue of a convoy with `bd`: when those who watch the engine hear of the landing.
//!
//! The time runs from the moment when a watcher in this process wakes up because `bd` begins to write its data,
//! which is before `bd close` ends, and until the event is here. In between the engine waits until the writer
//! has come to rest, runs `bd list`, and commits what is new and the landing. The anchors are such a wake-up alone,
//! from a process's write on, and one run of `bd list`. `bd` is the test kit's, which is faster than the real one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use convoy_api::{Service, Watch};
use convoy_core::event::Event;
use convoy_engine::os::watch::Watcher;
use convoy_testkit::fake_bd::Bd;
use convoy_testkit::{fake_agent, fake_bd};

use super::floor::run;
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair, Samples};
use super::room::{Room, convoy, order_one};

/// Landings of each round.
const TIMES: usize = 100;
/// What has not happened by then never will.
const LONG: Duration = Duration::from_secs(60);

/// What one round took.
#[derive(Default)]
struct Round {
    /// From the writing of the data to the event.
    landed: Samples,
    /// From the start of `bd close` to the event.
    whole: Samples,
    woken: Samples,
    list: Samples,
}

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let room = Room::with(|env| {
        Bd::init(env, env.repo_named("tools").path(), "MIN");
        "[rigs.tools]\npath = \"../tools\"\nprefix = \"MIN\"\ntracker = \"beads\"\n".to_owned()
    })?;
    let dir = room.env().root().join("tools");
    let bd = Bd::at(room.env(), &dir);
    // All are there from the beginning, so that each `bd list` lists as many.
    let issues: Vec<String> =
        (0..wanted.rounds * (1 + TIMES)).map(|n| bd.create(&format!("Theirs {n}"), &[])).collect();
    room.up()?;
    let rounds: Vec<Round> =
        issues.chunks(1 + TIMES).map(|issues| round(&room, &dir, issues)).collect::<Result<_>>()?;
    let all =
        |of: fn(&Round) -> &Samples| rounds.iter().fold(Samples::default(), |all, r| all.and(of(r).clone()));
    let beside = |anchor: fn(&Round) -> &Samples| -> Vec<Pair> {
        rounds.iter().map(|r| Pair { of: r.landed.clone(), anchor: anchor(r).clone() }).collect()
    };
    let (landed, whole) = (all(|round| &round.landed), all(|round| &round.whole));
    let millis = |samples: &Samples, percent| samples.percentile(percent) / 1e3;
    let soon = Goal::AtMost(250.0);
    Ok(vec![
        Figure::value("data written -> convoy.landed", "ms", millis(&landed, 50), soon),
        Figure::value("data written -> convoy.landed, p99", "ms", millis(&landed, 99), soon),
        Figure::value("bd close started -> convoy.landed, p99", "ms", millis(&whole, 99), Goal::None),
        Figure::ratio(
            "data written -> convoy.landed",
            &beside(|r| &r.woken),
            50,
            "inotify wake-up",
            Goal::None,
        ),
        Figure::ratio("data written -> convoy.landed", &beside(|r| &r.list), 50, "bd list", Goal::None),
    ])
}

fn round(room: &Room, dir: &Path, issues: &[String]) -> Result<Round> {
    let client = room.client();
    let mut convoys = Vec::new();
    for (n, issue) in issues.iter().enumerate() {
        convoys.push(order_one(&client, convoy(&format!("Convoy {n}"), vec![issue.clone()], false))?);
    }
    let mut events = client.watch(convoy_core::id::Seq(0)).map_err(|failure| failure.message)?;
    let data = Watcher::tree(&dir.join(".beads"))?;
    let mut floor = Floor::new(room)?;
    let mut round = Round::default();
    for (n, (issue, convoy)) in issues.iter().zip(&convoys).enumerate() {
        if n == 1 {
            // The first has only brought the watch up to date.
            round = Round::default();
        }
        land(room, dir, &data, issue, || landed(&mut events, convoy), &mut round)?;
        round.woken.add(floor.wake()?);
        let mut list = room.env().command(fake_bd::path(), dir);
        list.args(["list", "--all", "--limit=0", "--json"]);
        round.list.time(|| run(list))?;
    }
    Ok(round)
}

/// Closes an issue as somebody else would.
fn land(
    room: &Room,
    dir: &Path,
    data: &Watcher,
    issue: &str,
    landed: impl FnOnce() -> Result<()>,
    round: &mut Round,
) -> Result<()> {
    let mut close = room.env().command(fake_bd::path(), dir);
    close.args(["close", issue, "--json"]).stdout(Stdio::null()).stderr(Stdio::null());
    data.drain();
    let Round { landed: of, whole, .. } = round;
    let mut closing = whole.time(|| -> Result<_> {
        let closing = close.spawn()?;
        woken(data)?;
        of.time(landed)?;
        Ok(closing)
    })?;
    let status = closing.wait()?;
    if status.success() { Ok(()) } else { Err(format!("bd close: {status}").into()) }
}

fn woken(watcher: &Watcher) -> Result<()> {
    if watcher.wait_for(LONG)? { Ok(()) } else { Err("nothing was written".into()) }
}

/// Waits for the landing of a convoy.
fn landed(events: &mut Watch, id: &str) -> Result<()> {
    for event in events {
        let event = event.map_err(|failure| failure.message)?;
        if matches!(&event.event, Event::ConvoyLanded { convoy, .. } if convoy.as_str() == id) {
            return Ok(());
        }
    }
    Err(format!("the engine left before {id} landed").into())
}

/// A process that writes when it writes, and a watcher of the folder.
struct Floor<'a> {
    room: &'a Room,
    file: PathBuf,
    watcher: Watcher,
}

impl<'a> Floor<'a> {
    fn new(room: &'a Room) -> Result<Self> {
        let dir = room.env().root().join("floor");
        std::fs::create_dir_all(&dir)?;
        let file = dir.join("stamps");
        std::fs::write(&file, "")?;
        Ok(Self { room, file, watcher: Watcher::tree(&dir)? })
    }

    fn wake(&mut self) -> Result<Duration> {
        std::fs::write(&self.file, "")?;
        self.watcher.drain();
        let mut writer = self.room.env().command(fake_agent::path(), self.room.env().root());
        writer.args(["--do", "[]", "--no-stdin", "--stamp"]).arg(&self.file);
        let mut writing = writer.spawn()?;
        woken(&self.watcher)?;
        let woken = fake_agent::monotonic();
        writing.wait()?;
        let text = std::fs::read_to_string(&self.file)?;
        let (_, written) = text.trim().split_once(' ').ok_or("a stamp has two numbers")?;
        Ok(Duration::from_nanos(u64::try_from(woken - written.parse::<i128>()?)?))
    }
}
