//! Files of another tool: opened for reading only, of a bounded size, links not followed.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::Found;
use crate::interchange::{self, Lines};

/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How many entries of a folder are looked at.
const ENTRIES_MAX: usize = 100_000;

/// The path within the folder that was named, for reports.
pub(super) fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// The file's bytes; none if it is not there.
pub(super) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let facts = file.metadata().map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("is not a file".to_owned());
    }
    if facts.len() > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(Some(bytes))
}

/// A file as JSON of a shape; what is wrong with it is said.
pub(super) fn json<T: DeserializeOwned>(root: &Path, path: &Path, found: &mut Found) -> Option<T> {
    let parsed = bytes(path).and_then(|bytes| match bytes {
        None => Ok(None),
        Some(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| error.to_string()),
    });
    parsed.unwrap_or_else(|error| {
        found.lost("file", &name(path), &shown(root, path), format!("cannot be read: {error}"));
        None
    })
}

/// A file of JSON lines of a shape; what is wrong with a line is said.
pub(super) fn json_lines<T: DeserializeOwned>(root: &Path, path: &Path, found: &mut Found) -> Vec<T> {
    let bytes = match bytes(path) {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) => {
            found.lost("file", &name(path), &shown(root, path), format!("cannot be read: {error}"));
            return Vec::new();
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut all = Vec::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(one) => all.push(one),
            Err(error) => {
                let place = format!("{}:{number}", shown(root, path));
                found.lost("line", &name(path), &place, format!("not understood: {error}"));
            }
        }
    }
    all
}

/// A file of beads' JSONL; what is wrong with a line is said.
pub(super) fn beads(root: &Path, path: &Path, found: &mut Found) -> Option<Lines> {
    let lines = match bytes(path) {
        Ok(None) => return None,
        Ok(Some(bytes)) => interchange::read(bytes.as_slice()).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match lines {
        Ok(lines) => {
            for problem in &lines.problems {
                found.lost("line", &name(path), &shown(root, path), problem.clone());
            }
            Some(lines)
        }
        Err(error) => {
            found.lost("file", &name(path), &shown(root, path), format!("cannot be read: {error}"));
            None
        }
    }
}

/// What is in a folder, in order of name; nothing if it is not there.
pub(super) fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.take(ENTRIES_MAX).filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// The files of a folder that end in `extension`.
pub(super) fn with_extension(dir: &Path, extension: &str) -> Vec<PathBuf> {
    entries(dir).into_iter().filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

/// Its last part.
pub(super) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
