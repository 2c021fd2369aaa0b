//! Finding transcripts and reading them by lines: regular files only, of bounded number, size and length of line.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use convoy_core::time::Time;
use rustix::fs::OFlags;

/// The longest id of a conversation that is looked for.
const ID_BYTES_MAX: usize = 128;
/// How many entries of a folder are looked at; agents keep one for each project, day or conversation.
const ENTRIES_MAX: usize = 100_000;
/// How many transcripts one session may have: one for each of its sub-agents.
pub(super) const FILES_MAX: usize = 1_000;
/// How much of one is read.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The longest line that is understood. Those with figures have at most one reply of a model in them.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How much earlier than the agent a file may have been written last: file systems keep coarser times than clocks.
const SLACK_MS: i64 = 2_000;

/// Whether a text can be an id: it becomes part of paths.
pub(in crate::agent) fn is_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.starts_with('-') && id.chars().all(plain)
}

/// A folder that a variable names, else one below the home directory.
pub(in crate::agent) fn root(
    env: &BTreeMap<String, String>,
    variable: &str,
    below_home: &str,
) -> Option<PathBuf> {
    let own = env.get(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    own.or_else(|| Some(Path::new(env.get("HOME")?).join(below_home)))
}

/// The entries of a folder, none if there is no such folder.
pub(in crate::agent) fn entries(dir: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(dir).into_iter().flatten().take(ENTRIES_MAX).flatten();
    found.map(|entry| entry.path()).collect()
}

/// The file's own name.
pub(in crate::agent) fn name(file: &Path) -> &str {
    file.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
}

/// Whether it is a file that was written to since.
pub(super) fn was_written(file: &Path, since: Time) -> bool {
    let Ok(facts) = file.symlink_metadata() else { return false };
    let written = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let written = written.and_then(|at| i64::try_from(at.as_millis()).ok());
    facts.is_file() && written.is_none_or(|at| at + SLACK_MS >= since.as_millis())
}

/// Gives each line of a file that is not too long to `take`, until that wants no more. What cannot be read has ended.
pub(in crate::agent) fn lines(file: &Path, mut take: impl FnMut(&[u8]) -> bool) {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let Ok(file) = File::options().read(true).custom_flags(flags).open(file) else { return };
    if !file.metadata().is_ok_and(|facts| facts.is_file()) {
        return;
    }
    let mut reader = BufReader::new(file.take(FILE_BYTES_MAX));
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.last() == Some(&b'\n') => {
                if !take(&line) {
                    return;
                }
            }
            // The end of the file, or of what is read of a line: half of a JSON value says nothing.
            Ok(read) if (read as u64) < LINE_BYTES_MAX => {
                take(&line);
                return;
            }
            Ok(_) => {
                if skip_line(&mut reader).is_none() {
                    return;
                }
            }
        }
    }
}

/// Reads on behind the next line feed.
fn skip_line(reader: &mut impl std::io::BufRead) -> Option<()> {
    loop {
        let read = reader.fill_buf().ok().filter(|read| !read.is_empty())?;
        let (used, found) = match read.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (read.len(), false),
        };
        reader.consume(used);
        if found {
            return Some(());
        }
    }
}

/// Whether a line has this in it: most lines have no figures, and are not taken apart.
pub(in crate::agent) fn has(line: &[u8], needle: &str) -> bool {
    line.windows(needle.len()).any(|part| part == needle.as_bytes())
}
