//! What can go wrong with a log, sorted by what the caller must do about it.

use std::path::PathBuf;

use convoy_core::id::Seq;

/// What another library or the system said.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an append gave no acknowledgement.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The log does not end where the caller thought. Nothing was recorded.
    #[error("the log ends at event {actual}, not at {expected}")]
    Conflict {
        /// Where the caller thought that it ends.
        expected: Seq,
        /// Where it ends.
        actual: Seq,
    },
    /// A record breaks one of the named limits. Nothing was recorded.
    #[error("a record's {what} is {is}, which is outside of the limits")]
    Invalid {
        /// Which limit.
        what: &'static str,
        /// The value given.
        is: u64,
    },
    /// The disk or a quota is full. Nothing was recorded; the same append may be tried again later.
    #[error("disk full, nothing recorded")]
    Full,
    /// The file system does not take writes. Nothing was recorded.
    #[error("the log is read-only, nothing recorded")]
    ReadOnly,
    /// Whether it was recorded is unknown: open the log again and read before deciding anything else.
    #[error("whether the events were recorded is unknown; the log must be opened again")]
    Unknown(#[source] Source),
    /// The disk did not confirm a write. Whatever is in memory can no longer be trusted to be on the disk, and
    /// a second attempt proves nothing: end the process and start over from what is really there.
    #[error("the disk failed to confirm a write")]
    Fatal(#[source] Source),
}

/// Where a log is not what was once written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}{} is damaged{}: {why}",
    .file.display(),
    .offset.map(|offset| format!(" (offset {offset})")).unwrap_or_default(),
    .after.map(|after| format!(" after event {after}")).unwrap_or_default()
)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// The byte at which the bad page of the file starts, when that is known.
    pub offset: Option<u64>,
    /// The last event before the damage, 0 if not even the first can be had; none if that is not known.
    pub after: Option<Seq>,
    /// What is wrong.
    pub why: String,
}

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The file could not be read; this says nothing about what is in it.
    #[error("the log cannot be read")]
    Io(#[source] Source),
}

/// Why a log was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else has it open.
    #[error("{} is in use by another process", .file.display())]
    Busy {
        /// The log.
        file: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error("{} cannot be written", .file.display())]
    ReadOnly {
        /// The log or its folder.
        file: PathBuf,
    },
    /// The disk is full and the log needs room before it can be used.
    #[error("no room on the disk to open {}", .file.display())]
    Full {
        /// The log.
        file: PathBuf,
    },
    /// A newer version of Convoy wrote it.
    #[error("{} was written by {writer} (log format {found}; this is {this} with format {known}): use that version or a later one", .file.display(), this = super::sqlite::WRITER)]
    Newer {
        /// The log.
        file: PathBuf,
        /// Its format.
        found: i64,
        /// The latest format that this version knows.
        known: i64,
        /// The version that brought it to that format.
        writer: String,
    },
    /// It is no event log of Convoy.
    #[error("{} is not an event log of Convoy: {why}", .file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// How that was seen.
        why: String,
    },
    /// It is an event log, but not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The SQLite that this program was linked with can corrupt a log.
    #[error("SQLite {found} can corrupt a log; at least 3.51.3 is needed")]
    Library {
        /// Its version.
        found: &'static str,
    },
    /// The system refused.
    #[error("{} cannot be opened", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What it said.
        #[source]
        source: Source,
    },
}

/// Why a snapshot was neither read nor written. Never a reason to stop: the log has everything.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The snapshot's place or hash is not this log's.
    #[error("the snapshot at event {seq} does not belong to this log")]
    Mismatch {
        /// Where it claims to be.
        seq: Seq,
    },
    /// The file cannot be read, written or removed.
    #[error("{} cannot be used", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The log could not be asked for its hash.
    #[error("the snapshot cannot be compared with the log")]
    Log(#[from] ReadError),
}
