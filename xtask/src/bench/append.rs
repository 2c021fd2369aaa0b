//! Acknowledged events: the log itself beside a plain write and sync, and many callers beside one.

use convoy_api::Service;
use convoy_engine::engine::Engine;
use convoy_engine::log::sqlite::SqliteLog;
use convoy_engine::log::{EventLog, Record};

use super::floor::{Appends, BODY_BYTES};
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair};
use super::room::{Room, create, order_one};
use crate::chore;

const TIMES: usize = 3_000;
/// Housekeeping happens as often as an engine is idle: now and then.
const MAINTAIN_EVERY: usize = 100;
const WRITERS: usize = 16;
/// Orders of each writer.
const ORDERS: usize = 500;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let rounds: Vec<Pair> = (0..wanted.rounds).map(|_| log()).collect::<Result<_>>()?;
    let room = Room::new()?;
    let engine: Engine = room.engine()?;
    let inside = writers(wanted, &engine)?;
    drop(engine);
    room.up()?;
    let outside = writers(wanted, &room.client())?;
    Ok(vec![
        Figure::ratio("append 256 B, acknowledged", &rounds, 50, "write+fdatasync", Goal::AtMost(1.3)),
        Figure::ratio("append 256 B, acknowledged, p99", &rounds, 99, "write+fdatasync", Goal::AtMost(2.5)),
        Figure::rate("16 writers at the dispatcher", "1/s", &inside, "one writer", Goal::AtLeast(6.0)),
        Figure::rate("16 writers over the socket", "1/s", &outside, "one writer", Goal::AtLeast(6.0)),
    ])
}

fn log() -> Result<Pair> {
    let dir = tempfile::tempdir()?;
    let mut log = SqliteLog::open(dir.path())?;
    let mut plain = Appends::new(dir.path())?;
    let record = Record { count: 1, body: vec![b'x'; BODY_BYTES] };
    let mut pair = Pair::default();
    for n in 0..TIMES {
        pair.anchor.time(|| plain.append(&record.body))?;
        pair.of.time(|| log.append(log.tail().seq, std::slice::from_ref(&record)))?;
        if n % MAINTAIN_EVERY == 0 {
            log.maintain()?;
        }
    }
    Ok(pair)
}

/// Orders a second, of many writers and of one.
fn writers<S: Service + Sync>(wanted: &Wanted, service: &S) -> Result<Vec<(f64, f64)>> {
    (0..wanted.rounds).map(|_| Ok((rate(service, WRITERS)?, rate(service, 1)?))).collect()
}

fn rate<S: Service + Sync>(service: &S, writers: usize) -> Result<f64> {
    let write = || (0..ORDERS).all(|_| order_one(service, create("One of many")).is_ok());
    let (took, fine) = chore::timed(|| {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..writers).map(|_| scope.spawn(write)).collect();
            all.into_iter().all(|writer| writer.join().unwrap_or(false))
        })
    });
    if fine { Ok((writers * ORDERS) as f64 / took.as_secs_f64()) } else { Err("an order failed".into()) }
}
