//! The anchors: what the machine itself takes for the least that each deed needs.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::{Connection, params};

use super::measure::Result;

/// The size of one small event.
pub(super) const BODY_BYTES: usize = 256;

/// A SQLite that loses nothing: write-ahead file, synced with every commit, one table and an index.
pub(super) struct Commits {
    conn: Connection,
    count: i64,
}

impl Commits {
    pub(super) fn new(dir: &Path) -> Result<Self> {
        let conn = Connection::open(dir.join("floor.db"))?;
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.execute_batch(
            "CREATE TABLE row (id INTEGER PRIMARY KEY, key TEXT, body BLOB); CREATE INDEX k ON row (key);",
        )?;
        Ok(Self { conn, count: 0 })
    }

    /// One durable commit of one row.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.count += 1;
        let (key, body) = (format!("key-{}", self.count), [b'x'; BODY_BYTES]);
        let mut insert = self.conn.prepare_cached("INSERT INTO row (key, body) VALUES (?1, ?2)")?;
        insert.execute(params![key, &body[..]])?;
        Ok(())
    }
}

/// A file that is appended to and synced.
pub(super) struct Appends(File);

impl Appends {
    pub(super) fn new(dir: &Path) -> Result<Self> {
        Ok(Self(File::create(dir.join("floor.log"))?))
    }
    pub(super) fn append(&mut self, body: &[u8]) -> Result<()> {
        self.0.write_all(body)?;
        Ok(self.0.sync_data()?)
    }
}

/// Runs a program to its end with nothing on its standard streams; it must succeed.
pub(super) fn run(mut command: Command) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
