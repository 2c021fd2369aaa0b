//! The engine's face: how soon a line is seen, what watchers cost, how many requests go beside work, the first page.

use std::time::Duration;

use convoy_core::event::Event;
use convoy_engine::clock::{self, Instant};
use convoy_testkit::env::agent_toml;
use convoy_testkit::fake_agent;

use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Samples, median};
use super::room::{Room, convoy, create, order, order_one};
use super::wire::{Caller, Site};

/// Watchers of one agent.
const WATCHERS: usize = 20;
/// Lines that it prints.
const LINES: usize = 300;
/// Watchers of one convoy.
const MANY: usize = 1_000;
/// Orders that are timed beside them.
const ORDERS: usize = 200;
/// Agents at work beside requests.
const SESSIONS: usize = 50;
/// Who asks at once, and for how long.
const CALLERS: usize = 8;
const ASKED: Duration = Duration::from_secs(5);
/// What the first page is made of.
const ISSUES: usize = 100_000;
const CONVOYS: usize = 10_000;
/// How often it is asked for.
const PAGES: usize = 50;

pub(super) fn measure(_: &Wanted) -> Result<Vec<Figure>> {
    let mut figures = lines()?;
    figures.extend(watchers()?);
    figures.extend(requests()?);
    figures.extend(pages()?);
    Ok(figures)
}

/// In milliseconds.
fn ms(samples: &Samples, percent: usize) -> f64 {
    samples.percentile(percent) / 1e3
}

/// From an agent that prints what time it is, to those who watch it.
fn lines() -> Result<Vec<Figure>> {
    let room = Room::with(|env| {
        let gate = env.root().join("go").display().to_string();
        let script = format!(
            "until [ -e {gate} ]; do sleep 0.05; done; i=0; while [ $i -lt {LINES} ]; do date +%s%3N; sleep 0.01; i=$((i+1)); done"
        );
        let words = ["sh".to_owned(), "-c".to_owned(), script];
        format!("[defaults]\nagent = \"clock\"\n{}", agent_toml("clock", &words, "plain", &[]))
    })?;
    room.up()?;
    let client = room.client();
    let issue = order_one(&client, create("Tell the time"))?;
    order(&client, convoy("Time", vec![issue.clone()], true))?;
    room.wait(1, |event| matches!(event, Event::SessionStarted { .. }))?;
    let site = Site::of(&room)?;
    let watch = || -> std::result::Result<Samples, String> {
        let mut samples = Samples::default();
        let mut watcher =
            site.watch(&format!("/api/work/{issue}/stream")).map_err(|error| error.to_string())?;
        let mut seen = 0;
        while seen < LINES {
            let message = watcher.next().map_err(|error| error.to_string())?;
            let came = clock::now().as_millis();
            let message: serde_json::Value =
                serde_json::from_str(&message).map_err(|error| error.to_string())?;
            for line in message["lines"].as_array().into_iter().flatten() {
                let printed: i64 =
                    line["text"].as_str().and_then(|text| text.parse().ok()).ok_or("no time")?;
                samples.add(Duration::from_millis(u64::try_from(came - printed).unwrap_or(0)));
                seen += 1;
            }
        }
        Ok(samples)
    };
    let all = std::thread::scope(|scope| -> Result<Samples> {
        let watchers: Vec<_> = (0..WATCHERS).map(|_| scope.spawn(watch)).collect();
        // All of them are there when it begins.
        let mut caller = site.caller()?;
        loop {
            let view = metric(&mut caller, "convoy_http_streams")?;
            if view >= WATCHERS as f64 {
                break;
            }
        }
        std::fs::write(room.env().root().join("go"), "")?;
        let mut all = Samples::default();
        for watcher in watchers {
            all = all.and(watcher.join().map_err(|_| "a watcher failed")??);
        }
        Ok(all)
    })?;
    room.down(true);
    Ok(vec![
        Figure::value("agent's line to 20 watchers, p50", "ms", ms(&all, 50), Goal::None),
        Figure::value("agent's line to 20 watchers, p99", "ms", ms(&all, 99), Goal::AtMost(50.0)),
    ])
}

/// One figure of `/metrics`.
fn metric(caller: &mut Caller, name: &str) -> Result<f64> {
    let text = caller.text("/metrics")?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.ok_or_else(|| format!("there is no {name}").into())
}

fn resident(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: f64 = text.split(' ').nth(1).ok_or("no figure")?.parse()?;
    Ok(pages * 4096.0 / 1e6)
}

/// What a thousand watchers of one convoy cost, and whether orders take longer beside them.
fn watchers() -> Result<Vec<Figure>> {
    let room = Room::new()?;
    let pid = room.up()?;
    let client = room.client();
    let issues: Vec<String> =
        (0..20).map(|n| order_one(&client, create(&format!("Do {n}")))).collect::<Result<_>>()?;
    let watched = order_one(&client, convoy("Watched", issues.clone(), false))?;
    let site = Site::of(&room)?;
    let times = || -> Result<Samples> {
        let mut samples = Samples::default();
        for n in 0..ORDERS {
            // Another one in each round, and at first: what changes nothing is no event.
            let priority = ((3 + n / issues.len()) % 5) as u8;
            let change = convoy_core::event::IssueChange { priority: Some(priority), ..Default::default() };
            let ids = vec![issues[n % issues.len()].clone()];
            let request = convoy_core::command::Request::IssueUpdate { ids, change };
            samples.time(|| order(&client, request))?;
        }
        Ok(samples)
    };
    let alone = times()?;
    let before = resident(pid)?;
    let mut all = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        all.push(site.watch(&format!("/api/convoys/{watched}/stream"))?);
    }
    // They read what comes, each what all the others do.
    let beside = std::thread::scope(|scope| -> Result<Samples> {
        let shares: Vec<Vec<_>> = {
            let mut shares: Vec<Vec<_>> = (0..CALLERS).map(|_| Vec::new()).collect();
            for (n, watcher) in all.drain(..).enumerate() {
                shares[n % CALLERS].push(watcher);
            }
            shares
        };
        let readers: Vec<_> = shares
            .into_iter()
            .map(|mut share| {
                scope.spawn(move || -> std::result::Result<f64, String> {
                    // The beginning, then every change.
                    for _ in 0..=ORDERS {
                        for watcher in &mut share {
                            watcher.next().map_err(|error| error.to_string())?;
                        }
                    }
                    Ok(resident(pid).unwrap_or(f64::NAN))
                })
            })
            .collect();
        let samples = times()?;
        for reader in readers {
            reader.join().map_err(|_| "a reader failed")??;
        }
        Ok(samples)
    })?;
    let after = resident(pid)?;
    let cost = median([after - before]);
    room.down(true);
    Ok(vec![
        Figure::value("1,000 watchers of a convoy", "MB", cost, Goal::AtMost(100.0)),
        Figure::value("an order alone, p50", "ms", ms(&alone, 50), Goal::None),
        Figure::value("an order beside 1,000 watchers, p50", "ms", ms(&beside, 50), Goal::None),
        Figure::value("an order beside 1,000 watchers, p99", "ms", ms(&beside, 99), Goal::None),
    ])
}

/// How many requests are answered beside agents at work.
fn requests() -> Result<Vec<Figure>> {
    let room = Room::with(|_| {
        let agent = fake_agent::path().to_string_lossy().into_owned();
        let words = [agent, "--do".to_owned(), r#"["hang"]"#.to_owned()];
        let table = agent_toml("wait", &words, "plain", &[]);
        format!("[defaults]\nagent = \"wait\"\nmax_parallel = {SESSIONS}\n{table}")
    })?;
    let pid = room.up()?;
    let client = room.client();
    let issues: Vec<String> =
        (0..SESSIONS).map(|n| order_one(&client, create(&format!("Wait {n}")))).collect::<Result<_>>()?;
    let id = order_one(&client, convoy("Wait", issues.clone(), true))?;
    room.wait(SESSIONS, |event| matches!(event, Event::SessionStarted { .. }))?;
    let site = Site::of(&room)?;
    let before = resident(pid)?;
    let paths = [
        "/api/overview".to_owned(),
        format!("/api/convoys/{id}"),
        "/api/issues?limit=20".to_owned(),
        format!("/api/issues/{}", issues[0]),
        format!("/api/work/{}", issues[1]),
        "/api/events/page?limit=20".to_owned(),
        "/health".to_owned(),
        "/".to_owned(),
    ];
    let ask = |number: usize| -> std::result::Result<(usize, Samples), String> {
        let mut caller = site.caller().map_err(|error| error.to_string())?;
        let (begun, mut count, mut samples) = (Instant::now(), number, Samples::default());
        while begun.elapsed() < ASKED {
            let path = &paths[count % paths.len()];
            let answer = samples.time(|| match count % 50 {
                // One in fifty changes something.
                0 => caller.ask("POST", "/api/issues", r#"{"title":"Made beside work"}"#),
                _ => caller.ask("GET", path, ""),
            });
            let (status, _) = answer.map_err(|error| error.to_string())?;
            if !matches!(status, 200 | 201) {
                return Err(format!("{path}: {status}"));
            }
            count += 1;
        }
        Ok((count - number, samples))
    };
    let (count, samples) = std::thread::scope(|scope| -> Result<(usize, Samples)> {
        let ask = &ask;
        let callers: Vec<_> = (0..CALLERS).map(|number| scope.spawn(move || ask(number))).collect();
        let (mut sum, mut all) = (0, Samples::default());
        for caller in callers {
            let (count, samples) = caller.join().map_err(|_| "a caller failed")??;
            sum += count;
            all = all.and(samples);
        }
        Ok((sum, all))
    })?;
    let grown = resident(pid)? - before;
    room.down(true);
    Ok(vec![
        Figure::value(
            "mixed requests beside 50 agents",
            "per s",
            count as f64 / ASKED.as_secs_f64(),
            Goal::AtLeast(2_000.0),
        ),
        Figure::value("the same, p99", "ms", ms(&samples, 99), Goal::None),
        Figure::value("what the engine grew by", "MB", grown, Goal::None),
    ])
}

/// The first page of a large workspace.
fn pages() -> Result<Vec<Figure>> {
    let room = Room::new()?;
    let issues = room.fill(ISSUES)?;
    {
        let engine = room.engine()?;
        for (n, ids) in issues.chunks(ISSUES / CONVOYS).enumerate() {
            order(&engine, convoy(&format!("Convoy {n}"), ids.to_vec(), false))?;
        }
    }
    room.up()?;
    let mut caller = Site::of(&room)?.caller()?;
    let (mut samples, mut weight) = (Samples::default(), 0);
    for _ in 0..PAGES {
        let (status, length) = samples.time(|| caller.ask("GET", "/", ""))?;
        if status != 200 {
            return Err(format!("the first page: {status}").into());
        }
        weight = length;
    }
    room.down(true);
    Ok(vec![
        Figure::value(
            "first page, 10,000 convoys, 100,000 issues, p50",
            "ms",
            ms(&samples, 50),
            Goal::AtMost(50.0),
        ),
        Figure::value("the same, p99", "ms", ms(&samples, 99), Goal::None),
        Figure::value("the same, without style and script", "KB", weight as f64 / 1e3, Goal::AtMost(60.0)),
    ])
}
