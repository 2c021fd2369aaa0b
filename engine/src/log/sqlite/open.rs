//! Finds, recognises and makes the file of the log.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::super::error::OpenError;
use super::rows::{Rows, damage};
use super::{APPLICATION_ID, FORMAT, LIBRARY_MIN, WRITER, fail, witness};

/// Page cache of the connection. Appends touch the last pages only, and a scan gains nothing from more.
const CACHE_KIB: i64 = 1024;
/// Half of what SQLite takes by itself: an append writes at least one page, and most records are small.
const PAGE_BYTES: i64 = 2048;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE record (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
INSERT INTO meta (key, value) VALUES ('id', randomblob(16));
";

/// The log's path in a state folder.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("log.db")
}

/// The path of the log's write-ahead file.
pub(super) fn wal(dir: &Path) -> PathBuf {
    dir.join("log.db-wal")
}

/// Refuses a SQLite that is known to corrupt.
pub(super) fn check_library() -> Result<(), OpenError> {
    if rusqlite::version_number() < LIBRARY_MIN {
        return Err(OpenError::Library { found: rusqlite::version() });
    }
    Ok(())
}

fn size(path: &Path) -> Result<Option<u64>, OpenError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fail::io(error, path)),
    }
}

/// Whether there is a log in `dir`. What is left of one is damage, and never reason to start a new one.
pub(super) fn exists(dir: &Path) -> Result<bool, OpenError> {
    let file = path(dir);
    let acknowledged = size(&witness::path(dir))?.is_some();
    match size(&file)? {
        None if acknowledged || size(&wal(dir))?.is_some_and(|bytes| bytes > 0) => {
            Err(damage(&file, None, "it is missing, and what belongs to it is still there").into())
        }
        None => Ok(false),
        Some(0) if acknowledged => Err(damage(&file, None, "it is empty").into()),
        Some(0) => Err(OpenError::Foreign { file, why: "it is empty".to_owned() }),
        Some(_) => Ok(true),
    }
}

/// Makes an empty log: under another name first, so that what has the name of a log is always a whole one.
pub(super) fn create(dir: &Path) -> Result<(), OpenError> {
    let (file, fresh) = (path(dir), dir.join("log.db.new"));
    let failed = |error: io::Error| fail::io(error, &file);
    for left in [fresh.clone(), dir.join("log.db.new-wal")] {
        match fs::remove_file(left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    let empty = File::options().write(true).create_new(true).mode(0o600).open(&fresh).map_err(failed)?;
    let sql = |error| fail::open(error, &file);
    let conn = Connection::open_with_flags(&fresh, flags()).map_err(sql)?;
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(sql)?;
    // A file that is not whole is never used: nothing to roll back, and one sync at the end.
    conn.pragma_update(None, "journal_mode", "MEMORY").map_err(sql)?;
    conn.pragma_update(None, "synchronous", "OFF").map_err(sql)?;
    conn.pragma_update(None, "page_size", PAGE_BYTES).map_err(sql)?;
    conn.execute_batch(&format!(
        "BEGIN;
        PRAGMA application_id = {APPLICATION_ID};
        PRAGMA user_version = {FORMAT};
        {SCHEMA}
        INSERT INTO meta (key, value) VALUES ('writer', '{WRITER}');
        COMMIT;"
    ))
    .map_err(sql)?;
    write_ahead(&conn, &file)?;
    conn.close().map_err(|(_, error)| sql(error))?;
    empty.sync_all().map_err(failed)?;
    rename_new(&fresh, &file).map_err(failed)?;
    sync_folder(dir)
}

/// Makes the names of the files in `dir` durable.
pub(super) fn sync_folder(dir: &Path) -> Result<(), OpenError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| fail::io(error, &path(dir)))
}

/// Whether there is a write-ahead file, even an empty one.
pub(super) fn has_wal(dir: &Path) -> Result<bool, OpenError> {
    Ok(size(&wal(dir))?.is_some())
}

/// Renames, but never over an existing file where the system can promise that.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
            other => return other.map_err(Into::into),
        }
    }
    fs::rename(from, to)
}

/// Turns the write-ahead file on, which SQLite does not do without being checked upon.
fn write_ahead(conn: &Connection, file: &Path) -> Result<(), OpenError> {
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| fail::open(error, file))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    let why = format!("the journal mode stays {mode}");
    Err(OpenError::Io { file: file.to_owned(), source: why.into() })
}

fn flags() -> OpenFlags {
    // Threads do not share a connection, and file names are never URIs.
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Opens the log in `dir` for its one writer and recognises it.
pub(super) fn writer(dir: &Path) -> Result<Rows, OpenError> {
    let file = path(dir);
    let sql = |error| fail::open(error, &file);
    let conn = Connection::open_with_flags(&file, flags()).map_err(sql)?;
    if conn.is_readonly("main").map_err(sql)? {
        return Err(OpenError::ReadOnly { file });
    }
    set_up(&conn).map_err(|error| unrecognised(error, dir))?;
    let rows = recognise(conn, dir)?;
    write_ahead(&rows.conn, &file)?;
    Ok(rows)
}

/// Opens the log in `dir` without writing to the folder, nor to the file. The caller holds the lock.
pub(super) fn reader(dir: &Path) -> Result<Rows, OpenError> {
    let file = path(dir);
    let sql = |error| fail::open(error, &file);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = if size(&wal(dir))?.is_some_and(|bytes| bytes > 0) {
        // Without SQLite's locks, which need a file that can be written; the workspace's lock is held.
        Connection::open_with_flags_and_vfs(&file, flags, "unix-none").map_err(sql)?
    } else {
        // Or SQLite would make an empty write-ahead file.
        Connection::open_with_flags(immutable(&file), flags | OpenFlags::SQLITE_OPEN_URI).map_err(sql)?
    };
    set_up(&conn).map_err(|error| unrecognised(error, dir))?;
    recognise(conn, dir)
}

/// The URI under which SQLite takes the file as one that nobody changes.
fn immutable(file: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri + "?immutable=1"
}

fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    // First of all, before the first read: the index of the write-ahead file then lies in this process's
    // memory, and no other process can take part.
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // Closing is quick: the write-ahead file stays and is read again by the next open.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "fullfsync", true)?;
    // By hand, when idle; see `SqliteLog::maintain`.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // A bad disk must be an error, not a signal.
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "cell_size_check", true)
}

fn recognise(conn: Connection, dir: &Path) -> Result<Rows, OpenError> {
    let file = path(dir);
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(|error| unrecognised(error, dir))?;
    let format = pragma("user_version").map_err(|error| fail::open(error, &file))?;
    if application != APPLICATION_ID || format < 1 {
        if size(&witness::path(dir))?.is_some() {
            return Err(damage(&file, None, "its first page is not a log's").into());
        }
        return Err(OpenError::Foreign {
            why: format!("it has application id {application:#x} and format {format}"),
            file,
        });
    }
    if format > FORMAT {
        let writer = meta_text(&conn, "writer").unwrap_or_else(|| "a newer convoy".to_owned());
        return Err(OpenError::Newer { file, found: format, known: FORMAT, writer });
    }
    let id: Vec<u8> = conn
        .query_row("SELECT value FROM meta WHERE key = 'id'", [], |row| row.get(0))
        .map_err(|error| fail::open(error, &file))?;
    Ok(Rows::new(conn, file, &id))
}

/// A file whose first page cannot be used looks like any other file; the witness knows better.
fn unrecognised(error: rusqlite::Error, dir: &Path) -> OpenError {
    let file = path(dir);
    match fail::open(error, &file) {
        OpenError::Damaged(damage) if matches!(size(&witness::path(dir)), Ok(None)) => {
            OpenError::Foreign { file, why: damage.why }
        }
        other => other,
    }
}

/// The form of `meta` is the same in all formats.
fn meta_text(conn: &Connection, key: &str) -> Option<String> {
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional().ok().flatten()
}
