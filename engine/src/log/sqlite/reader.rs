//! Reading a log without opening it for appends: for `convoy doctor`, and where the folder is read-only.

use std::path::{Path, PathBuf};

use convoy_core::id::Seq;

use super::super::contract::{READ_RECORDS_MAX, Stored, Tail};
use super::super::error::{Damage, OpenError, ReadError};
use super::rows::{Rows, damage};
use super::{fail, open, witness};

/// How many complaints of SQLite about its own pages are collected.
const PAGE_COMPLAINTS_MAX: i64 = 10;

/// What a whole log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// How many records.
    pub records: u64,
    /// Its end.
    pub tail: Tail,
}

/// A log that is only read. The caller holds the workspace's lock: the reader takes none.
#[derive(Debug)]
pub struct Reader {
    rows: Rows,
    dir: PathBuf,
}

impl Reader {
    /// Opens the log in `dir`; changes nothing there. A log with damaged records opens; see [`Reader::verify`].
    ///
    /// # Errors
    /// When there is no log, or it is foreign, newer, or damaged at its root.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        open::check_library()?;
        if !open::exists(dir)? {
            let file = open::path(dir);
            return Err(OpenError::Io {
                file,
                source: Box::new(std::io::Error::from(std::io::ErrorKind::NotFound)),
            });
        }
        Ok(Self { rows: open::reader(dir)?, dir: dir.to_owned() })
    }

    /// The log's tail, if its last few records are whole.
    ///
    /// # Errors
    /// When they are not, or cannot be read.
    pub fn tail(&self) -> Result<Tail, ReadError> {
        self.rows.tail()
    }

    /// See [`super::super::EventLog::read`].
    ///
    /// # Errors
    /// When a record is damaged or cannot be read.
    pub fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.rows.read(after, limit)
    }

    /// Checks everything: the pages, every record against the chain, the end against what was acknowledged.
    /// `progress` is told the last good event, now and then.
    ///
    /// # Errors
    /// The first damage.
    pub fn verify(&self, progress: &mut dyn FnMut(Seq)) -> Result<Verified, ReadError> {
        verify(&self.rows, &self.dir, progress)
    }
}

/// See [`Reader::verify`].
pub(super) fn verify(rows: &Rows, dir: &Path, progress: &mut dyn FnMut(Seq)) -> Result<Verified, ReadError> {
    let (mut tail, mut records) = (rows.genesis(), 0);
    loop {
        let page = rows.page(tail, READ_RECORDS_MAX).map_err(|error| located(rows, error))?;
        let Some(last) = page.last() else { break };
        tail = last.tail();
        records += page.len() as u64;
        progress(tail.seq);
    }
    check_witness(rows, dir, tail)?;
    if let Some((why, offset)) = page_complaint(rows)? {
        return Err(Damage { offset, ..rows.damage(tail.seq, why) }.into());
    }
    Ok(Verified { records, tail })
}

/// Whether the log holds all that was acknowledged.
pub(super) fn check_witness(rows: &Rows, dir: &Path, tail: Tail) -> Result<Option<Tail>, ReadError> {
    let path = witness::path(dir);
    let acknowledged = witness::read(dir).map_err(|error| ReadError::Io(Box::new(error)))?;
    let Some(named) = acknowledged else { return Ok(None) };
    if named.seq > tail.seq {
        let why = format!("event {} was acknowledged and is gone (says {})", named.seq, path.display());
        return Err(rows.damage(tail.seq, why).into());
    }
    if rows.hash_at(named.seq)? != Some(named.hash) {
        let why =
            format!("event {} is not the one that was acknowledged (says {})", named.seq, path.display());
        return Err(damage(&rows.file, Seq(named.seq.0.saturating_sub(1)), why).into());
    }
    Ok(Some(named))
}

/// The error with the place of the bad page, if SQLite can name it.
fn located(rows: &Rows, error: ReadError) -> ReadError {
    match (error, page_complaint(rows)) {
        (ReadError::Damaged(damage), Ok(Some((why, offset)))) => {
            Damage { why: format!("{}; {why}", damage.why), offset, ..damage }.into()
        }
        (error, _) => error,
    }
}

/// SQLite's first complaint about its pages, with the offset of the page when it names one.
fn page_complaint(rows: &Rows) -> Result<Option<(String, Option<u64>)>, ReadError> {
    let failed = |error| fail::read(error, &rows.file, None);
    let page_bytes: u32 =
        rows.conn.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(failed)?;
    let mut complaint = None;
    rows.conn
        .pragma(None, "integrity_check", PAGE_COMPLAINTS_MAX, |row| {
            let line: String = row.get(0)?;
            if line != "ok" && complaint.is_none() {
                complaint = Some(line);
            }
            Ok(())
        })
        .map_err(failed)?;
    Ok(complaint.map(|line| {
        let line = line.trim_start_matches("*** in database main ***").trim().to_owned();
        let offset = page_number(&line).map(|page| page.saturating_sub(1) * u64::from(page_bytes));
        (line, offset)
    }))
}

/// The number after the first "page " in what SQLite says.
fn page_number(line: &str) -> Option<u64> {
    line.split("page ").skip(1).find_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::page_number;

    #[test]
    fn the_page_is_found_in_what_sqlite_says() {
        assert_eq!(page_number("Tree 3 page 12 cell 1: 2nd reference to page 9"), Some(12));
        assert_eq!(page_number("row 1 missing from index"), None);
    }
}
