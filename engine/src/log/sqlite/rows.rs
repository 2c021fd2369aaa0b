//! The rows of the log as records: every read is checked against the chain.

use std::path::{Path, PathBuf};

use convoy_core::id::Seq;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::chain::{self, Hash};
use super::super::contract::{READ_BYTES_MAX, READ_RECORDS_MAX, Record, Stored, Tail};
use super::super::error::{Damage, ReadError};
use super::fail;

/// How many of the last records are checked when a log is opened.
const OPEN_CHECK_RECORDS: i64 = 16;

const INSERT: &str = "INSERT INTO record (first, count, hash, body) VALUES (?1, ?2, ?3, ?4)";
const PAGE: &str = "SELECT first, count, hash, body FROM record WHERE first >= ?1 ORDER BY first LIMIT ?2";
const AT: &str = "SELECT first, count, hash FROM record WHERE first <= ?1 ORDER BY first DESC LIMIT 1";
const NEAR_END: &str = "SELECT first FROM record ORDER BY first DESC LIMIT 1 OFFSET ?1";

/// A connection to a log whose schema has been recognised.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) conn: Connection,
    pub(super) file: PathBuf,
    genesis: Tail,
}

impl Rows {
    pub(super) fn new(conn: Connection, file: PathBuf, id: &[u8]) -> Self {
        Self { conn, file, genesis: chain::genesis(id) }
    }

    /// The tail of the log while it had no records.
    pub(super) fn genesis(&self) -> Tail {
        self.genesis
    }

    /// The end of the last record that starts at or before `seq`, as it is stored.
    fn stored_tail_at(&self, seq: Seq) -> Result<Tail, ReadError> {
        let found = self
            .conn
            .prepare_cached(AT)
            .and_then(|mut statement| {
                statement.query_row(params![number(seq.0)], |row| stored(row, Vec::new())).optional()
            })
            .map_err(|error| fail::read(error, &self.file, None))?;
        Ok(found.map_or(self.genesis, |record| record.tail()))
    }

    /// The hash of the record that ends with event `seq`, if one does.
    pub(super) fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError> {
        let tail = self.stored_tail_at(seq)?;
        Ok((tail.seq == seq).then_some(tail.hash))
    }

    /// The log's tail, after the last few records have been checked.
    pub(super) fn tail(&self) -> Result<Tail, ReadError> {
        let near: Option<i64> = self
            .conn
            .prepare_cached(NEAR_END)
            .and_then(|mut statement| {
                statement.query_row(params![OPEN_CHECK_RECORDS - 1], |row| row.get(0)).optional()
            })
            .map_err(|error| fail::read(error, &self.file, None))?;
        let mut tail = match near {
            Some(first) => self.stored_tail_at(Seq(unsigned(first).saturating_sub(1)))?,
            None => self.genesis,
        };
        loop {
            let page = self.page(tail, READ_RECORDS_MAX)?;
            match page.last() {
                None => return Ok(tail),
                Some(last) => tail = last.tail(),
            }
        }
    }

    /// See [`super::super::EventLog::read`].
    pub(super) fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        // The record that holds the event after `after` is the one at it, or starts right there.
        let at = self
            .conn
            .prepare_cached(AT)
            .and_then(|mut statement| {
                statement
                    .query_row(params![number(after.0.saturating_add(1))], |row| stored(row, Vec::new()))
                    .optional()
            })
            .map_err(|error| fail::read(error, &self.file, None))?;
        let tail = match at {
            None => self.genesis,
            // The end of the log; or a gap, which shows when the next record is checked.
            Some(record) if record.last() <= after => record.tail(),
            Some(record) => self.stored_tail_at(Seq(record.first.0.saturating_sub(1)))?,
        };
        self.page(tail, limit)
    }

    /// The records that follow `tail`, checked.
    pub(super) fn page(&self, tail: Tail, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let mut tail = tail;
        let mut found = Vec::new();
        let limit = i64::try_from(limit.min(READ_RECORDS_MAX)).unwrap_or(i64::MAX);
        let failed = |error, after| fail::read(error, &self.file, Some(after));
        let mut statement = self.conn.prepare_cached(PAGE).map_err(|error| failed(error, tail.seq))?;
        let mut rows = statement
            .query(params![number(tail.seq.0.saturating_add(1)), limit])
            .map_err(|error| failed(error, tail.seq))?;
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(|error| failed(error, tail.seq))? {
            let record = row
                .get_ref(3)
                .and_then(|body| Ok(body.as_blob()?.to_vec()))
                .and_then(|body| stored(row, body))
                .map_err(|error| failed(error, tail.seq))?;
            tail = chain::check(tail, &record).map_err(|why| self.damage(tail.seq, why))?;
            bytes += record.body.len();
            found.push(record);
            if bytes >= READ_BYTES_MAX {
                break;
            }
        }
        Ok(found)
    }

    /// Writes the records in one transaction; `tails` are those after each.
    pub(super) fn insert(&mut self, tail: Tail, records: &[Record], tails: &[Tail]) -> rusqlite::Result<()> {
        let transaction = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            let mut first = tail.seq.0 + 1;
            for (record, tail) in records.iter().zip(tails) {
                insert.execute(params![number(first), record.count, &tail.hash.0[..], &record.body[..]])?;
                first = tail.seq.0 + 1;
            }
        }
        transaction.commit()
    }

    /// Damage in this file.
    pub(super) fn damage(&self, after: impl Into<Option<Seq>>, why: impl Into<String>) -> Damage {
        damage(&self.file, after, why)
    }
}

/// Damage in `file`.
pub(super) fn damage(file: &Path, after: impl Into<Option<Seq>>, why: impl Into<String>) -> Damage {
    Damage { file: file.to_owned(), offset: None, after: after.into(), why: why.into() }
}

fn stored(row: &Row<'_>, body: Vec<u8>) -> rusqlite::Result<Stored> {
    let hash = row.get_ref(2)?.as_blob()?;
    Ok(Stored {
        first: Seq(unsigned(row.get(0)?)),
        count: row.get(1)?,
        body,
        hash: Hash::from_slice(hash).ok_or(rusqlite::Error::QueryReturnedNoRows)?,
    })
}

/// SQLite's numbers are signed; no log reaches the end of them.
fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A negative number is damage, and shows as a break in the chain.
fn unsigned(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}
