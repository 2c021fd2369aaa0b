//! Sorts what SQLite says by what follows from it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use convoy_core::id::Seq;
use rusqlite::ffi;

use super::super::error::{AppendError, Damage, OpenError, ReadError};

/// How much the probe writes: more than a file system can find in what it had already set aside.
const PROBE_BYTES: usize = 64 * 1024;

fn codes(error: &rusqlite::Error) -> (i32, i32) {
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    (extended & 0xff, extended)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    let (code, extended) = codes(error);
    matches!(code, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)
        || matches!(extended, ffi::SQLITE_IOERR_SHORT_READ)
        || matches!(
            error,
            rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::QueryReturnedNoRows
        )
        // A table or column that is not there: the schema is a page like any other.
        || (code == ffi::SQLITE_ERROR && error.sqlite_error().is_some())
}

/// An append that failed before or while it was committed, after which nothing of it is left in the
/// connection. `settled` is whether the transaction is known to have been rolled back.
pub(super) fn append(error: rusqlite::Error, dir: &Path, settled: bool) -> AppendError {
    let (code, extended) = codes(&error);
    match (code, extended) {
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => AppendError::Fatal(Box::new(error)),
        (ffi::SQLITE_FULL, _) if settled => AppendError::Full,
        (ffi::SQLITE_READONLY, _) if settled => AppendError::ReadOnly,
        // The commit mark is the last thing written, so a failed write has recorded nothing. SQLite does not say
        // why it failed (a quota looks like this); the folder does.
        (_, ffi::SQLITE_IOERR_WRITE) if settled => match probe(dir).map_err(|error| error.kind()) {
            Err(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) => {
                AppendError::Full
            }
            Err(io::ErrorKind::ReadOnlyFilesystem) => AppendError::ReadOnly,
            _ => AppendError::Unknown(Box::new(error)),
        },
        _ => AppendError::Unknown(Box::new(error)),
    }
}

fn probe(dir: &Path) -> io::Result<()> {
    let path = dir.join("log.probe");
    let result = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&[0; PROBE_BYTES]));
    // It is truncated by the next probe if it stays.
    let _ = fs::remove_file(&path);
    result
}

/// A read that failed after event `after`, if that is known.
pub(super) fn read(error: rusqlite::Error, file: &Path, after: Option<Seq>) -> ReadError {
    if is_damage(&error) {
        Damage { file: file.to_owned(), offset: None, after, why: error.to_string() }.into()
    } else {
        ReadError::Io(Box::new(error))
    }
}

/// A step of opening that failed.
pub(super) fn open(error: rusqlite::Error, file: &Path) -> OpenError {
    let file = file.to_owned();
    let (code, extended) = codes(&error);
    match code {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => OpenError::Busy { file },
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM => OpenError::ReadOnly { file },
        ffi::SQLITE_FULL => OpenError::Full { file },
        _ if matches!(extended, ffi::SQLITE_IOERR_FSYNC) => OpenError::Io { file, source: Box::new(error) },
        _ if is_damage(&error) => Damage { file, offset: None, after: None, why: error.to_string() }.into(),
        _ => OpenError::Io { file, source: Box::new(error) },
    }
}

/// A read during opening that failed.
pub(super) fn opened(error: ReadError, file: &Path) -> OpenError {
    match error {
        ReadError::Damaged(damage) => damage.into(),
        ReadError::Io(source) => OpenError::Io { file: file.to_owned(), source },
    }
}

/// A file operation of opening that failed.
pub(super) fn io(error: io::Error, file: &Path) -> OpenError {
    let file = file.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::Full { file },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => OpenError::ReadOnly { file },
        _ => OpenError::Io { file, source: Box::new(error) },
    }
}
