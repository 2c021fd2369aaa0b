//! The hash chain: each record's hash covers the hash before it, so that no record can be changed, moved,
//! dropped or put in without every later hash being wrong.

use std::fmt;

use convoy_core::id::Seq;
use sha2::{Digest, Sha256};

use super::contract::{BODY_BYTES_MAX, RECORD_EVENTS_MAX, Record, Stored, Tail};
use super::error::AppendError;

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// From exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The tail of a log that has no records: differs from log to log by `id`, so that nothing of one passes for
/// another's.
pub(super) fn genesis(id: &[u8]) -> Tail {
    let mut hash = Sha256::new();
    hash.update(b"convoy log 1\n");
    hash.update(id);
    Tail { seq: Seq(0), hash: Hash(hash.finalize().into()) }
}

/// The hash of a record that comes after `previous`.
fn link(previous: Hash, first: Seq, count: u32, body: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(previous.0);
    hash.update(first.0.to_le_bytes());
    hash.update(count.to_le_bytes());
    hash.update(body);
    Hash(hash.finalize().into())
}

/// The tails after each of `records`, when appended at `tail`; refuses what breaks a rule of the contract.
pub(super) fn extend(tail: Tail, expected: Seq, records: &[Record]) -> Result<Vec<Tail>, AppendError> {
    if expected != tail.seq {
        return Err(AppendError::Conflict { expected, actual: tail.seq });
    }
    let mut at = tail;
    let mut tails = Vec::with_capacity(records.len());
    for record in records {
        if record.count == 0 || record.count > RECORD_EVENTS_MAX {
            return Err(AppendError::Invalid { what: "number of events", is: u64::from(record.count) });
        }
        if record.body.len() > BODY_BYTES_MAX {
            return Err(AppendError::Invalid { what: "number of bytes", is: record.body.len() as u64 });
        }
        let first = Seq(at.seq.0 + 1);
        let hash = link(at.hash, first, record.count, &record.body);
        at = Tail { seq: Seq(at.seq.0 + u64::from(record.count)), hash };
        tails.push(at);
    }
    Ok(tails)
}

/// Whether `record` is the one that was committed after `tail`; if not, why.
pub(super) fn check(tail: Tail, record: &Stored) -> Result<Tail, String> {
    if record.first.0 != tail.seq.0 + 1 {
        return Err(format!("the next record starts at event {}", record.first));
    }
    if record.count == 0 || record.count > RECORD_EVENTS_MAX {
        return Err(format!("it claims to hold {} events", record.count));
    }
    let found = link(tail.hash, record.first, record.count, &record.body);
    if found != record.hash {
        return Err(format!("its hash is {:?} and should be {found:?}", record.hash));
    }
    Ok(record.tail())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(count: u32, body: &[u8]) -> Record {
        Record { count, body: body.to_vec() }
    }

    #[test]
    fn a_hash_covers_everything_before_it() {
        let start = genesis(b"a");
        let one = extend(start, Seq(0), &[record(1, b"x"), record(2, b"y")]).unwrap();
        assert_eq!(one[1].seq, Seq(3));
        for other in [
            extend(genesis(b"b"), Seq(0), &[record(1, b"x"), record(2, b"y")]).unwrap(),
            extend(start, Seq(0), &[record(1, b"z"), record(2, b"y")]).unwrap(),
            extend(start, Seq(0), &[record(2, b"x"), record(1, b"y")]).unwrap(),
        ] {
            assert_ne!(one[1].hash, other[1].hash);
        }
    }

    #[test]
    fn rules_are_checked_before_anything_is_written() {
        let start = genesis(b"a");
        for (expected, bad) in [
            (Seq(1), record(1, b"")),
            (Seq(0), record(0, b"")),
            (Seq(0), record(u32::MAX, b"")),
            (Seq(0), record(1, &vec![0; BODY_BYTES_MAX + 1])),
        ] {
            assert!(extend(start, expected, &[bad]).is_err());
        }
    }
}
