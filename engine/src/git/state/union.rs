//! Two histories of the ref made one, without losing a file of either.
//!
//! A checkpoint is never changed, so what either side has, the union has. Of a convoy's snapshot that both have, the
//! one that says more recent things stays. What one side removed since they were last the same stays removed, unless
//! the other changed it. Both sides come to the same files, whichever of them does it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::crash;
use crate::git::error::{Error, Result};
use crate::git::names::{Message, Oid};
use crate::git::repo::Repo;

use super::REFERENCE;
use super::read::{contents, files};
use super::write::{Step, Tried, commit, pause};

/// How often the union is made again because the ref moved meanwhile.
const ROUNDS_MAX: u32 = 30;
/// The longest name of a file that is taken from others, in bytes.
const NAME_BYTES_MAX: usize = 400;

/// A file of a side.
#[derive(Clone, PartialEq, Eq)]
struct File {
    oid: Oid,
    size: u64,
}

type Files = BTreeMap<String, File>;

/// Has the ref lead to `theirs` too. The tip that it then has.
pub(super) fn take(repo: &Repo, theirs: &Oid, remote: &str) -> Result<Oid> {
    for round in 0..ROUNDS_MAX {
        pause(round)?;
        let ours = repo.commit(REFERENCE)?;
        crash::point("state:union");
        let Some(ours) = ours else {
            if swap(repo, None, theirs)? {
                return Ok(theirs.clone());
            }
            continue;
        };
        if repo.is_ancestor(theirs, &ours)? {
            return Ok(ours);
        }
        if repo.is_ancestor(&ours, theirs)? {
            if swap(repo, Some(&ours), theirs)? {
                return Ok(theirs.clone());
            }
            continue;
        }
        match join(repo, &ours, theirs, remote)? {
            Tried::Made(tip) => return Ok(tip),
            Tried::Moved | Tried::Locked => {}
        }
    }
    Err(Error::StateBusy { path: repo.common_dir.clone(), rounds: ROUNDS_MAX })
}

/// Moves the ref forward; whether it was still where it was.
fn swap(repo: &Repo, from: Option<&Oid>, to: &Oid) -> Result<bool> {
    let old = from.map_or_else(|| to.zero(), ToString::to_string);
    let mut call = repo.call("update-ref");
    call.identity(&super::identity());
    match call.args([REFERENCE, to.as_str(), &old]).output() {
        Ok(_) => Ok(true),
        // Another was first, or has it locked; if not, it is tried again and says so in the end.
        Err(Error::Failed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A commit of both, upon ours.
fn join(repo: &Repo, ours: &Oid, theirs: &Oid, remote: &str) -> Result<Tried> {
    let base = match repo.merge_base(ours, theirs)? {
        Some(base) => of(repo, &base)?,
        None => Files::new(),
    };
    let (here, there) = (of(repo, ours)?, of(repo, theirs)?);
    let both = here.iter().filter_map(|(name, file)| Some((name, file, there.get(name)?)));
    let differ: Vec<(&String, &File, &File)> = both.filter(|(_, here, there)| here != there).collect();
    let wins = theirs_win(repo, &base, &differ)?;
    let mut steps = Vec::new();
    for (name, file) in &there {
        match here.get(name) {
            Some(_) if wins.contains(name) => steps.push(Step::Object(name, &file.oid)),
            Some(_) => {}
            // We removed it, and they have not changed it since.
            None if base.get(name) == Some(file) => {}
            None => steps.push(Step::Object(name, &file.oid)),
        }
    }
    let removed =
        |(name, file): &(&String, &File)| !there.contains_key(*name) && base.get(*name) == Some(*file);
    steps.extend(here.iter().filter(removed).map(|(name, _)| Step::Remove(name)));
    let message = Message::new(&format!("Union with what {remote} has"));
    commit(repo, Some(ours), std::slice::from_ref(theirs), &steps, &message)
}

/// The files of a commit whose names can be written as they are.
fn of(repo: &Repo, commit: &Oid) -> Result<Files> {
    let plain = |name: &str| {
        let parts_are = |part: &str| !part.is_empty() && !part.starts_with('.');
        name.len() <= NAME_BYTES_MAX
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/".contains(&b))
            && name.split('/').all(parts_are)
    };
    let file = |file: super::read::Plain| {
        let name = String::from_utf8(file.path).ok().filter(|name| plain(name))?;
        Some((name, File { oid: file.oid, size: file.size }))
    };
    Ok(files(repo, commit)?.into_iter().filter_map(file).collect())
}

/// What says which of two is more recent.
#[derive(Deserialize, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    sequence: Option<u64>,
    #[serde(default)]
    updated_at: Option<String>,
}

/// Of files that both have and that differ, those of which theirs stays. One that only one side has changed is that
/// side's.
fn theirs_win(repo: &Repo, base: &Files, differ: &[(&String, &File, &File)]) -> Result<BTreeSet<String>> {
    let mut wins = BTreeSet::new();
    let mut both = Vec::new();
    for (name, here, there) in differ {
        match base.get(*name) {
            Some(base) if base == *here => drop(wins.insert((*name).clone())),
            Some(base) if base == *there => {}
            _ => both.push((name, here, there)),
        }
    }
    let objects: Vec<(&Oid, u64)> =
        both.iter().flat_map(|(_, here, there)| [(&here.oid, here.size), (&there.oid, there.size)]).collect();
    let read = contents(repo, &objects)?;
    for ((name, here, there), content) in both.iter().zip(read.chunks(2)) {
        let age = |content: &[u8]| serde_json::from_slice::<Age>(content).ok();
        let order = match content {
            [here, there] => age(there).cmp(&age(here)),
            _ => Ordering::Equal,
        };
        if order.then_with(|| there.oid.cmp(&here.oid)) == Ordering::Greater {
            wins.insert((**name).clone());
        }
    }
    Ok(wins)
}
