//! Writing the ref: one commit for several files, upon what is there.
//!
//! `git fast-import` makes blobs, trees and commit and moves the ref, all in one process, and moves it only forward: a
//! commit that was made upon a tip which is not the ref's any more is refused, and made again upon the new one.

use std::time::Duration;

use crate::clock;
use crate::crash;
use crate::git::error::{Error, Result, said};
use crate::git::names::{Message, Oid};
use crate::git::pipe;
use crate::git::repo::Repo;

use super::read::{FILE_BYTES_MAX, contents};
use super::{REFERENCE, StatePath, StateRef, identity};

/// How often a commit is made again because another was first. Each time somebody else went on.
const ROUNDS_MAX: u32 = 30;
/// How often in a row the ref may be locked without having moved: a lock may have been left by one that was killed.
const LOCKED_MAX: u32 = 8;
/// The longest pause between two such rounds.
const PAUSE_MS_MAX: u64 = 50;
/// The first commit of every such ref. It is the same everywhere, so that two histories always have one in common.
const ROOT: &str = "Convoy <convoy@convoy.invalid> 946684800 +0000";

/// What a file is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Put {
    /// This, unless there is one of its name: that one stays.
    Once(Vec<u8>),
    /// This.
    Whole(Vec<u8>),
    /// Nothing.
    Gone,
}

/// A change of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which.
    pub path: StatePath,
    /// What it is to be.
    pub put: Put,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Written {
    /// All was so already.
    Already,
    /// It is in this commit, which the ref has.
    Commit(Oid),
}

/// Something to write into a stream of `fast-import`.
pub(super) enum Step<'a> {
    /// A file with this content.
    Content(&'a str, &'a [u8]),
    /// A file whose content is an object that is there.
    Object(&'a str, &'a Oid),
    /// No file.
    Remove(&'a str),
}

impl StateRef<'_> {
    /// Makes these changes in one commit, with `carries` as its further parents: pushing the ref carries them. If all
    /// is so already there is no commit. Whoever else writes meanwhile loses nothing.
    ///
    /// # Errors
    /// `StateBusy` when others were first again and again, `StateFile` for one that is too large, `NoSuchCommit` for
    /// one to be carried that is not there, or what running git gave.
    pub fn write(&self, changes: &[Change], carries: &[Oid], message: &Message) -> Result<Written> {
        for change in changes {
            if let Put::Once(content) | Put::Whole(content) = &change.put
                && content.len() as u64 > FILE_BYTES_MAX
            {
                let (path, bytes) = (change.path.to_string(), content.len() as u64);
                return Err(Error::StateFile { path, bytes, limit: FILE_BYTES_MAX });
            }
        }
        let mut locked = 0;
        for round in 0..ROUNDS_MAX {
            pause(round)?;
            let (tip, there) = self.look(changes, carries)?;
            let wanted = self.wanted(changes, &there)?;
            if wanted.is_empty() {
                return Ok(Written::Already);
            }
            crash::point("state:before");
            match commit(self.repo, tip.as_ref(), carries, &wanted, message)? {
                Tried::Made(commit) => {
                    crash::point("state:after");
                    return Ok(Written::Commit(commit));
                }
                Tried::Moved => locked = 0,
                Tried::Locked => locked += 1,
            }
            if locked == LOCKED_MAX {
                return Err(Error::StateLocked { path: self.repo.common_dir.clone() });
            }
        }
        Err(Error::StateBusy { path: self.repo.common_dir.clone(), rounds: ROUNDS_MAX })
    }

    /// The tip, and the object of each file, all of the same moment or of different ones: a commit that is made upon
    /// an older tip is refused.
    fn look(&self, changes: &[Change], carries: &[Oid]) -> Result<(Option<Oid>, Vec<Option<Oid>>)> {
        let tip = std::iter::once(format!("{REFERENCE}^{{commit}}"));
        let commits = carries.iter().map(|oid| format!("{oid}^{{commit}}"));
        let files = changes.iter().map(|change| format!("{REFERENCE}:{}", change.path));
        let names: Vec<String> = tip.chain(commits).chain(files).collect();
        let mut found = self.repo.objects_named(&names)?;
        let there = found.split_off(1 + carries.len());
        if let Some((_, oid)) = found[1..].iter().zip(carries).find(|(found, _)| found.is_none()) {
            return Err(Error::NoSuchCommit { path: self.repo.common_dir.clone(), oid: oid.clone() });
        }
        Ok((found.swap_remove(0), there))
    }

    /// What of the changes is not so yet.
    fn wanted<'c>(&self, changes: &'c [Change], there: &[Option<Oid>]) -> Result<Vec<Step<'c>>> {
        let mut same = self.same(changes, there)?.into_iter();
        let mut steps = Vec::new();
        for (change, there) in changes.iter().zip(there) {
            let path = change.path.as_str();
            match (&change.put, there) {
                (Put::Once(content) | Put::Whole(content), None) => steps.push(Step::Content(path, content)),
                (Put::Once(_), Some(_)) | (Put::Gone, None) => {}
                (Put::Whole(content), Some(_)) => {
                    if same.next() != Some(true) {
                        steps.push(Step::Content(path, content));
                    }
                }
                (Put::Gone, Some(_)) => steps.push(Step::Remove(path)),
            }
        }
        Ok(steps)
    }

    /// Of each file that is there and is to be this as a whole, whether it is.
    fn same(&self, changes: &[Change], there: &[Option<Oid>]) -> Result<Vec<bool>> {
        let compared = |(change, there): (&'_ Change, &'_ Option<Oid>)| match (&change.put, there) {
            (Put::Whole(content), Some(oid)) => Some((oid.clone(), content.clone())),
            (Put::Once(_) | Put::Gone, _) | (Put::Whole(_), None) => None,
        };
        let compared: Vec<(Oid, Vec<u8>)> = changes.iter().zip(there).filter_map(compared).collect();
        if compared.is_empty() {
            return Ok(Vec::new());
        }
        let names: String = compared.iter().map(|(oid, _)| format!("{oid}\n")).collect();
        let sizes = self.repo.call("cat-file").arg("--batch-check=%(objectsize)").input(names).text()?;
        let fits = sizes.lines().zip(&compared).map(|(size, (_, content))| size == content.len().to_string());
        let fits: Vec<bool> = fits.collect();
        let alike: Vec<(&Oid, u64)> = compared
            .iter()
            .zip(&fits)
            .filter(|(_, fits)| **fits)
            .map(|((oid, content), _)| (oid, content.len() as u64))
            .collect();
        let mut read = contents(self.repo, &alike)?.into_iter();
        let same =
            |((_, content), fits): (&(Oid, Vec<u8>), &bool)| *fits && read.next().as_ref() == Some(content);
        Ok(compared.iter().zip(&fits).map(same).collect())
    }
}

/// What came of making a commit upon a tip.
#[must_use]
pub(super) enum Tried {
    /// The ref has it.
    Made(Oid),
    /// The ref is not at that tip any more.
    Moved,
    /// Another has the ref locked, or left it so.
    Locked,
}

/// Makes a commit of these steps upon `tip`, and moves the ref to it, if it is still there.
pub(super) fn commit(
    repo: &Repo,
    tip: Option<&Oid>,
    parents: &[Oid],
    steps: &[Step<'_>],
    message: &Message,
) -> Result<Tried> {
    let seconds = clock::now().as_millis().div_euclid(1000);
    let who = identity();
    let mut stream = Vec::new();
    if tip.is_none() {
        stream.extend(format!("commit {REFERENCE}\ncommitter {ROOT}\ndata 6\nStart\n\n").bytes());
    }
    let message = message.bytes();
    stream.extend(format!("commit {REFERENCE}\nmark :1\n").bytes());
    stream.extend(format!("committer {} <{}> {seconds} +0000\n", who.name(), who.email()).bytes());
    stream.extend(format!("data {}\n", message.len()).bytes());
    stream.extend(message);
    stream.push(b'\n');
    if let Some(tip) = tip {
        stream.extend(format!("from {tip}\n").bytes());
    }
    for parent in parents.iter().filter(|parent| Some(*parent) != tip) {
        stream.extend(format!("merge {parent}\n").bytes());
    }
    for step in steps {
        match step {
            Step::Content(path, content) => {
                stream.extend(format!("M 100644 inline {path}\ndata {}\n", content.len()).bytes());
                stream.extend(*content);
                stream.push(b'\n');
            }
            Step::Object(path, oid) => stream.extend(format!("M 100644 {oid} {path}\n").bytes()),
            Step::Remove(path) => stream.extend(format!("D {path}\n").bytes()),
        }
    }
    stream.extend(b"\nget-mark :1\ndone\n");
    let mut call = repo.call("fast-import");
    // For the reflog, if the person keeps one of everything.
    call.identity(&who);
    let output = call.args(["--quiet", "--done"]).input(stream).accept(&[1]).output()?;
    if output.code == 0 {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        return Oid::new(text.trim()).map(Tried::Made).map_err(|_| call.unexpected(text.as_bytes()));
    }
    // It made the commit and could not move the ref to it: another was first, or holds it.
    if repo.commit(REFERENCE)?.as_ref() != tip {
        return Ok(Tried::Moved);
    }
    if output.stderr.windows(5).any(|word| word == b".lock") {
        return Ok(Tried::Locked);
    }
    Err(Error::Failed {
        command: "fast-import".to_owned(),
        status: "exit status: 1".to_owned(),
        stderr: said(&output.stderr),
    })
}

/// Lets others go first, the longer the more often they were.
pub(super) fn pause(round: u32) -> Result<()> {
    if round == 0 {
        return Ok(());
    }
    let millis = (1 << round.min(10)).min(PAUSE_MS_MAX);
    pipe::poll(&mut [], Duration::from_millis(millis))
        .map(drop)
        .map_err(|source| Error::Spawn { command: "fast-import".to_owned(), source })
}
