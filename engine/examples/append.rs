//! How long an acknowledged append takes, beside a plain write and sync of the same bytes in the same run.
//!
//! `cargo run --release -p convoy-engine --example append [FOLDER]`. The three are interleaved, so that
//! whatever else the disk does hits all of them alike. Ratios count, not microseconds.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use convoy_engine::clock::Instant;
use convoy_engine::log::sqlite::SqliteLog;
use convoy_engine::log::{EventLog, Record};

/// How many of each.
const ROUNDS: usize = 5_000;
/// Housekeeping happens as often as an engine is idle: now and then.
const MAINTAIN_EVERY: usize = 100;
/// The size of one small event.
const BODY_BYTES: usize = 256;
/// How many events share one sync in the grouped run.
const GROUP: usize = 16;

type Failure = Box<dyn std::error::Error>;

fn timed(times: &mut Vec<Duration>, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    work()?;
    times.push(start.elapsed());
    Ok(())
}

/// All bytes that this process has written, from `/proc/self/io`; 0 where there is no such thing.
fn written() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    Ok(line.map_or(Ok(0), str::parse)?)
}

#[expect(clippy::print_stdout, reason = "a program that measures")]
fn say(line: &str) {
    println!("{line}");
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn report(name: &str, times: &mut [Duration], floor: &mut [Duration]) {
    let (p50, p99) = (percentile(times, 50), percentile(times, 99));
    let (floor50, floor99) = (percentile(floor, 50), percentile(floor, 99));
    let (ratio50, ratio99) = (p50 / floor50, p99 / floor99);
    say(&format!("{name:<28} p50 {p50:>8.1} us ({ratio50:.2}x)   p99 {p99:>8.1} us ({ratio99:.2}x)"));
}

fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dir = tempfile::tempdir_in(folder)?;
    let body = vec![b'x'; BODY_BYTES];
    let record = Record { count: 1, body: body.clone() };
    let group = vec![record.clone(); GROUP];
    let group_bytes = body.repeat(GROUP);

    let mut plain = File::create(dir.path().join("plain"))?;
    let mut plain_group = File::create(dir.path().join("plain-group"))?;
    let (one, many) = (dir.path().join("one"), dir.path().join("many"));
    std::fs::create_dir(&one)?;
    std::fs::create_dir(&many)?;
    let mut log = SqliteLog::open(&one)?;
    let mut grouped = SqliteLog::open(&many)?;

    let [mut floor, mut append, mut group_floor, mut group_append] = [const { Vec::new() }; 4];
    for round in 0..ROUNDS {
        timed(&mut floor, || {
            plain.write_all(&body)?;
            Ok(plain.sync_data()?)
        })?;
        timed(&mut append, || {
            log.append(log.tail().seq, std::slice::from_ref(&record))?;
            Ok(())
        })?;
        timed(&mut group_floor, || {
            plain_group.write_all(&group_bytes)?;
            Ok(plain_group.sync_data()?)
        })?;
        timed(&mut group_append, || {
            grouped.append(grouped.tail().seq, &group)?;
            Ok(())
        })?;
        if round % MAINTAIN_EVERY == 0 {
            log.maintain()?;
            grouped.maintain()?;
        }
    }
    let before = written()?;
    for _ in 0..ROUNDS {
        log.append(log.tail().seq, std::slice::from_ref(&record))?;
        log.maintain()?;
    }
    let bytes = (written()? - before) / (ROUNDS * BODY_BYTES) as u64;
    say(&format!("bytes written per byte appended, one event at a time: {bytes}"));
    report("write + fdatasync 256 B", &mut floor.clone(), &mut floor);
    report("append 256 B", &mut append, &mut floor);
    report("write + fdatasync 16x256 B", &mut group_floor.clone(), &mut group_floor);
    report("append 16 x 256 B", &mut group_append, &mut group_floor);
    report(
        "16 in a group, each, vs one",
        &mut group_append.iter().map(|time| *time / 16).collect::<Vec<_>>(),
        &mut append,
    );
    Ok(())
}
