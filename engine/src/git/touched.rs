//! When anything in a workdir changed last: its files, or where its branches are.
//!
//! File times are enough, and nobody else's program runs for them. What an agent's build writes counts too: a test that
//! ran is progress. The agent could forge the times, and would only keep quiet about itself.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use convoy_core::time::Time;

/// The most entries that are looked at; whoever has more changes them in the first ones too.
const ENTRIES_MAX: usize = 200_000;
/// What of a clone's own folder changes with its commits.
const REFERENCES: [&str; 3] = ["HEAD", "refs", "packed-refs"];

/// When anything in the workdir changed last; none if there is nothing to see. It ends as soon as it has seen something
/// that is later than `enough`.
pub fn touched(workdir: &Path, enough: Time) -> Option<Time> {
    let own = workdir.join(".git");
    let mut open: Vec<PathBuf> = REFERENCES.iter().map(|name| own.join(name)).collect();
    open.push(workdir.to_owned());
    let (mut last, mut left) = (None, ENTRIES_MAX);
    while let Some(path) = open.pop() {
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        last = last.max(changed(&metadata));
        left = left.saturating_sub(1);
        if left == 0 || last.is_some_and(|last| last > enough) {
            return last;
        }
        if metadata.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()).filter(|path| *path != own));
        }
    }
    last
}

fn changed(metadata: &Metadata) -> Option<Time> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Time::from_millis(i64::try_from(since.as_millis()).ok()?))
}
