//! What every event log must do, as one suite over all of them.
//!
//! A log under test is given as a [`Backend`]: a place that outlives the log. What only a log on a disk can
//! suffer (a kill, a torn file, no room) is in the engine's own tests, which end with [`read_all`] as well.

use convoy_core::id::Seq;
use convoy_engine::log::faulty::{Fault, Faulty};
use convoy_engine::log::{
    AppendError, BODY_BYTES_MAX, EventLog, RECORD_EVENTS_MAX, Record, Snapshot, SnapshotError, Stored, Tail,
};

/// Where logs of one kind live.
pub trait Backend {
    /// The kind.
    type Log: EventLog;
    /// Opens the log that is there, or makes an empty one. The log opened before has been dropped.
    fn open(&mut self) -> Self::Log;
}

impl<L: EventLog, F: FnMut() -> L> Backend for F {
    type Log = L;
    fn open(&mut self) -> L {
        self()
    }
}

/// A case and its name.
type Case<B> = (&'static str, fn(&mut B));

/// Runs every case, each on a place of its own.
///
/// # Panics
/// When the log breaks its contract; the case is named on stderr.
pub fn all<B: Backend>(mut fresh: impl FnMut() -> B) {
    let cases: [Case<B>; 12] = [
        ("an empty log", empty),
        ("order and content", order),
        ("paging", paging),
        ("groups", groups),
        ("expected sequence", conflict),
        ("limits", limits),
        ("reopening", reopen),
        ("refusals", refusals),
        ("unknown outcomes", unknown),
        ("a careful writer under faults", careful_writer),
        ("snapshots", snapshots),
        ("random histories", random_histories),
    ];
    for (name, case) in cases {
        announce(name);
        case(&mut fresh());
    }
}

#[expect(clippy::print_stderr, reason = "names the case that a failing test was in")]
fn announce(name: &str) {
    eprintln!("conformance: {name}");
}

/// A record of `count` events.
pub fn record(count: u32, body: impl AsRef<[u8]>) -> Record {
    Record { count, body: body.as_ref().to_vec() }
}

/// All records of a log, read in pages; checks that they are without a gap and end where the log ends.
///
/// # Panics
/// When they do not, or cannot be read.
pub fn read_all(log: &impl EventLog) -> Vec<Stored> {
    const PAGE: usize = 7;
    let mut all: Vec<Stored> = Vec::new();
    loop {
        let after = all.last().map_or(Seq(0), Stored::last);
        let page = log.read(after, PAGE).expect("a whole log can be read");
        assert!(page.len() <= PAGE, "a page is larger than asked for");
        if page.is_empty() {
            break;
        }
        let mut next = after.0 + 1;
        for stored in &page {
            assert_eq!(stored.first, Seq(next), "a gap or an overlap");
            next = stored.last().0 + 1;
        }
        all.extend(page);
    }
    let end = all.last().map_or(Seq(0), Stored::last);
    assert_eq!(end, log.tail().seq, "the records do not end where the log ends");
    if let Some(last) = all.last() {
        assert_eq!(last.tail(), log.tail());
    }
    all
}

fn records(log: &impl EventLog) -> Vec<Record> {
    read_all(log).into_iter().map(|stored| Record { count: stored.count, body: stored.body }).collect()
}

fn append(log: &mut impl EventLog, records: &[Record]) -> Tail {
    let expected = log.tail().seq;
    let tail = log.append(expected, records).expect("an append without a fault");
    assert_eq!(tail, log.tail());
    assert_eq!(tail.seq.0, expected.0 + records.iter().map(|record| u64::from(record.count)).sum::<u64>());
    tail
}

fn empty<B: Backend>(backend: &mut B) {
    let log = backend.open();
    assert_eq!(log.tail().seq, Seq(0));
    assert_eq!(read_all(&log), []);
    assert_eq!(log.snapshot_get().unwrap_or_default(), None);
    let tail = log.tail();
    drop(log);
    assert_eq!(backend.open().tail(), tail, "an empty log has the same hash when it is opened again");
}

fn order<B: Backend>(backend: &mut B) {
    let mut log = backend.open();
    let bodies: [&[u8]; 6] = [b"first", b"", b"\0\xff\x80", b"{}", &[b'x'; 300_000], b"last"];
    let given: Vec<Record> =
        bodies.iter().enumerate().map(|(index, body)| record(index as u32 + 1, body)).collect();
    let mut hashes = vec![log.tail().hash];
    for one in &given {
        hashes.push(append(&mut log, std::slice::from_ref(one)).hash);
    }
    assert_eq!(records(&log), given);
    let stored = read_all(&log);
    assert_eq!(stored.iter().map(|one| one.first.0).collect::<Vec<_>>(), [1, 2, 4, 7, 11, 16]);
    assert_eq!(stored.iter().map(|one| one.hash).collect::<Vec<_>>(), hashes[1..]);
    hashes.sort_unstable_by_key(|hash| hash.0);
    hashes.dedup();
    assert_eq!(hashes.len(), given.len() + 1, "every step has a hash of its own");
}

fn paging<B: Backend>(backend: &mut B) {
    let mut log = backend.open();
    for count in [3, 1, 4] {
        append(&mut log, &[record(count, count.to_le_bytes())]);
    }
    let firsts = |after, limit| -> Vec<u64> {
        log.read(Seq(after), limit).expect("readable").iter().map(|one| one.first.0).collect()
    };
    assert_eq!(firsts(0, 10), [1, 4, 5]);
    assert_eq!(firsts(0, 2), [1, 4]);
    assert_eq!(firsts(0, 0), [0; 0]);
    assert_eq!(firsts(2, 10), [1, 4, 5], "a record of which a part is wanted comes whole");
    assert_eq!(firsts(3, 10), [4, 5]);
    assert_eq!(firsts(4, 1), [5]);
    assert_eq!(firsts(7, usize::MAX), [5]);
    for past in [8, 9, 1_000, u64::MAX] {
        assert_eq!(firsts(past, 10), [0; 0], "after {past}");
    }
}

fn groups<B: Backend>(backend: &mut B) {
    let mut log = backend.open();
    let group: Vec<Record> = (1..=40).map(|count| record(count, format!("group {count}"))).collect();
    append(&mut log, &group);
    let tail = log.tail();
    assert_eq!(log.append(tail.seq, &[]).expect("nothing to do"), tail);
    log.maintain().expect("housekeeping");
    append(&mut log, &group[..2]);
    assert_eq!(records(&log), [&group[..], &group[..2]].concat());
}

fn conflict<B: Backend>(backend: &mut B) {
    let mut log = backend.open();
    append(&mut log, &[record(2, "a"), record(3, "b")]);
    let tail = log.tail();
    for wrong in [0, 1, 2, 4, 6, u64::MAX] {
        for batch in [&[record(1, "c")][..], &[]] {
            match log.append(Seq(wrong), batch) {
                Err(AppendError::Conflict { expected, actual }) => {
                    assert_eq!((expected, actual), (Seq(wrong), tail.seq));
                }
                other => panic!("expected {wrong}: {other:?}"),
            }
        }
    }
    assert_eq!((log.tail(), read_all(&log).len()), (tail, 2));
    append(&mut log, &[record(1, "c")]);
}

fn limits<B: Backend>(backend: &mut B) {
    let mut log = backend.open();
    let tail = append(&mut log, &[record(1, "a")]);
    for bad in [
        record(0, "nothing"),
        record(RECORD_EVENTS_MAX + 1, "much"),
        record(1, vec![b'x'; BODY_BYTES_MAX + 1]),
    ] {
        let result = log.append(tail.seq, &[record(1, "good"), bad]);
        assert!(matches!(result, Err(AppendError::Invalid { .. })), "{result:?}");
    }
    assert_eq!((log.tail(), read_all(&log).len()), (tail, 1), "the good part of a bad group is not recorded");
    append(&mut log, &[record(RECORD_EVENTS_MAX, vec![b'x'; BODY_BYTES_MAX])]);
    append(&mut log, &[record(1, "after the largest")]);
    assert_eq!(read_all(&log).len(), 3);
}

fn reopen<B: Backend>(backend: &mut B) {
    let mut given = Vec::new();
    let mut tail = None;
    for round in 0..6_u32 {
        let mut log = backend.open();
        assert_eq!(tail.unwrap_or(log.tail()), log.tail());
        assert_eq!(records(&log), given);
        for index in 0..round {
            given.push(record(index + 1, format!("{round}.{index}")));
            tail = Some(append(&mut log, &given[given.len() - 1..]));
        }
        if round % 2 == 0 {
            log.maintain().expect("housekeeping");
        }
    }
    assert_eq!(records(&backend.open()), given);
}

fn refusals<B: Backend>(backend: &mut B) {
    for fault in [Fault::Full, Fault::ReadOnly, Fault::Conflict] {
        let mut log = Faulty::new(backend.open(), [(2, fault)]);
        append(&mut log, &[record(1, "before")]);
        let tail = log.tail();
        assert!(log.append(tail.seq, &[record(1, "refused")]).is_err());
        assert_eq!(log.tail(), tail);
        append(&mut log, &[record(1, "after")]);
    }
    let bodies: Vec<_> = records(&backend.open()).into_iter().map(|one| one.body).collect();
    assert_eq!(bodies, [&b"before"[..], b"after"].repeat(3));
}

fn unknown<B: Backend>(backend: &mut B) {
    let faults = [
        (Fault::AckLost, true, true),
        (Fault::RequestLost, false, true),
        (Fault::FatalRecorded, true, false),
        (Fault::FatalLost, false, false),
    ];
    for (fault, recorded, is_unknown) in faults {
        let mut log = Faulty::new(backend.open(), [(1, fault)]);
        let before = log.tail();
        let group = [record(2, "half"), record(1, "half")];
        match log.append(before.seq, &group) {
            Err(AppendError::Unknown(_)) if is_unknown => {}
            Err(AppendError::Fatal(_)) if !is_unknown => {}
            other => panic!("{fault:?}: {other:?}"),
        }
        let again = log.append(before.seq, &group);
        assert!(matches!(again, Err(AppendError::Unknown(_))), "no appends before it is opened again");
        drop(log);
        let log = backend.open();
        assert_eq!(log.tail().seq.0, before.seq.0 + if recorded { 3 } else { 0 }, "all or nothing");
        read_all(&log);
    }
}

/// A writer that reads the log after an unknown outcome records everything exactly once, whichever append fails.
fn careful_writer<B: Backend>(backend: &mut B) {
    const STEPS: u64 = 5;
    let faults = [Fault::AckLost, Fault::RequestLost, Fault::Full, Fault::FatalRecorded, Fault::FatalLost];
    let mut given = Vec::new();
    for fault in faults {
        for nth in 1..=STEPS {
            let mut log = Faulty::new(backend.open(), [(nth, fault)]);
            for step in 0..STEPS {
                let wanted = record(1, format!("{fault:?} {nth} {step}"));
                let before = log.tail().seq;
                match log.append(before, std::slice::from_ref(&wanted)) {
                    Ok(_) => {}
                    Err(AppendError::Full) => {
                        append(&mut log, std::slice::from_ref(&wanted));
                    }
                    Err(_) => {
                        drop(log);
                        log = Faulty::new(backend.open(), []);
                        let after = log.read(before, 2).expect("readable");
                        if after.is_empty() {
                            append(&mut log, std::slice::from_ref(&wanted));
                        } else {
                            assert_eq!((after.len(), &after[0].body), (1, &wanted.body));
                        }
                    }
                }
                given.push(wanted);
            }
        }
    }
    assert_eq!(records(&backend.open()), given);
}

fn snapshots<B: Backend>(backend: &mut B) {
    let mut log = backend.open();
    let at_start = log.tail();
    let middle = append(&mut log, &[record(3, "a")]);
    let end = append(&mut log, &[record(2, "b")]);
    let snapshot =
        |at: Tail, body: &[u8]| Snapshot { seq: at.seq, hash: at.hash, format: 7, body: body.to_vec() };
    for (at, body) in [(at_start, &b""[..]), (end, &[b'x'; 100_000]), (middle, b"\0")] {
        log.snapshot_put(&snapshot(at, body)).expect("a snapshot of this log");
        let found = log.snapshot_get().expect("readable");
        assert_eq!(found, Some(snapshot(at, body)), "right after it was put");
    }
    let wrong = [
        Tail { hash: middle.hash, ..end },
        Tail { seq: Seq(2), ..middle },
        Tail { seq: Seq(4), ..middle },
        Tail { seq: Seq(6), ..end },
        Tail { seq: Seq(u64::MAX), ..end },
    ];
    for at in wrong {
        let result = log.snapshot_put(&snapshot(at, b"wrong"));
        assert!(matches!(result, Err(SnapshotError::Mismatch { .. })), "{at:?}: {result:?}");
    }
    drop(log);
    let mut log = backend.open();
    let found = log.snapshot_get().expect("readable");
    assert!(found.is_none() || found == Some(snapshot(middle, b"\0")), "it may vanish, never change");
    append(&mut log, &[record(1, "c")]);
    assert_eq!(read_all(&log).len(), 3, "the log does not depend on it");
}

fn random_histories<B: Backend>(backend: &mut B) {
    const STEPS: usize = 300;
    let mut random = fastrand::Rng::with_seed(0x00c0_4f0f);
    let mut model: Vec<Record> = Vec::new();
    let mut log = backend.open();
    for _ in 0..STEPS {
        match random.u32(0..10) {
            0 => {
                drop(log);
                log = backend.open();
            }
            1 => log.maintain().expect("housekeeping"),
            2 => {
                let after = random.u64(0..=log.tail().seq.0 + 2);
                let limit = random.usize(0..20);
                let page = log.read(Seq(after), limit).expect("readable");
                let mut last = 0;
                let expected = model.iter().filter(|one| {
                    last += u64::from(one.count);
                    last > after
                });
                let expected: Vec<_> = expected.take(limit).cloned().collect();
                let page: Vec<_> =
                    page.into_iter().map(|one| Record { count: one.count, body: one.body }).collect();
                assert_eq!(page, expected);
            }
            3 => {
                let wrong = Seq(log.tail().seq.0 + random.u64(1..4));
                assert!(matches!(log.append(wrong, &[]), Err(AppendError::Conflict { .. })));
            }
            _ => {
                let group: Vec<Record> = (0..random.usize(1..6))
                    .map(|_| {
                        let most = if random.u8(0..20) == 0 { 40_000 } else { 400 };
                        let bytes = random.usize(0..most);
                        record(random.u32(1..5), vec![random.u8(..); bytes])
                    })
                    .collect();
                append(&mut log, &group);
                model.extend(group);
            }
        }
    }
    assert_eq!(records(&log), model);
}
