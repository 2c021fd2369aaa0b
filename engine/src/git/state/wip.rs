//! A WIP commit of a session's workdir: its files as they are, while its agent may be at work on them.
//!
//! Nothing of the agent's is run, and nothing waits for it or makes it wait. What it committed is brought into the
//! repository first, checked; the files then go straight into the repository's own objects.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::crash;
use crate::git::changes::Changes;
use crate::git::error::{Error, Result, io};
use crate::git::heads::{self, Heads};
use crate::git::names::{Message, Oid};
use crate::git::repo::Repo;
use crate::git::shadow::Shadow;
use crate::git::workdir::{Root, Workdir, make, write};

use super::identity;

/// How often the files are listed again because they changed while they were read.
const ROUNDS_MAX: usize = 5;
/// The largest file with one object name that is read, in bytes.
const OID_FILE_BYTES_MAX: u64 = 100;
/// The engine's folder of a workdir: which of its commits was brought last.
const BROUGHT: &str = "brought";

/// What a work tree is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wip {
    /// The commit that is checked out; none if there is none yet.
    pub head: Option<Oid>,
    /// A commit with the files as they are, whose parent is `head`; none when they are those of `head`.
    pub commit: Option<Oid>,
    /// The tree of the files, by which it is seen whether anything changed since; none in a bare repository.
    pub tree: Option<Oid>,
    /// Git repositories inside, whose files are not in it.
    pub nested: Vec<PathBuf>,
    /// Files that may not be read, and are not in it.
    pub unreadable: Vec<PathBuf>,
}

impl Wip {
    /// The commit that a commit of the ref has to carry so that all of it is pushed.
    pub fn carried(&self) -> Option<&Oid> {
        self.commit.as_ref().or(self.head.as_ref())
    }
}

/// Makes one of a workdir, in the repository's objects: nothing leads to it until the ref does.
///
/// # Errors
/// `WorkdirGone`, `LeftoversTooLarge`, or what running git gave.
pub fn of_workdir(repo: &Repo, root: &Root, workdir: &Workdir, message: &Message) -> Result<Wip> {
    let head = head_of(workdir)?;
    let engine = root.engine(&workdir.key);
    let _turn = Turn::wait(&engine)?;
    let shadow = Shadow::named("wip", repo, root, workdir)?;
    shadow.settle()?;
    let brought = engine.join(BROUGHT);
    let known = known(&brought)?.is_some_and(|known| known == head) || shadow.begins_at(&head);
    if !known {
        shadow.bring(&head, &workdir.base)?;
        crash::point("wip:brought");
    }
    let shadow = shadow.into_repository();
    let wip = match of(&shadow, &head, message) {
        // What was brought and that nothing led to may have been collected since.
        Err(Error::Failed { .. }) if known => {
            let shadow = Shadow::named("wip", repo, root, workdir)?;
            shadow.bring(&head, &workdir.base)?;
            of(&shadow.into_repository(), &head, message)?
        }
        other => other?,
    };
    if !known {
        write(&brought, format!("{head}\n").as_bytes())?;
    }
    Ok(wip)
}

fn of(shadow: &Shadow<'_>, head: &Oid, message: &Message) -> Result<Wip> {
    shadow.read(head)?;
    let over = shadow.over();
    let (nested, unreadable) = (Vec::new(), Vec::new());
    let mut wip = Wip { head: Some(head.clone()), commit: None, tree: None, nested, unreadable };
    let before = shadow.tree_of(head)?;
    for round in 1.. {
        let Changes { mut files, nested } = over.changes()?;
        wip.nested = nested;
        files.retain(|path| !wip.unreadable.iter().any(|left| left.as_os_str().as_encoded_bytes() == path));
        if files.is_empty() {
            wip.tree = Some(before);
            return Ok(wip);
        }
        match over.take(&files) {
            Ok(()) => break,
            // The agent goes on: what was a file may be a folder by now.
            Err(Error::Failed { .. }) if round < ROUNDS_MAX => wip.unreadable.extend(over.unreadable(&files)),
            Err(error) => return Err(error),
        }
    }
    let tree = over.tree()?;
    if tree != before {
        wip.commit = Some(shadow.commit(&tree, &[head], &identity(), message)?);
    }
    wip.tree = Some(tree);
    Ok(wip)
}

/// Where the agent stands.
pub(in crate::git) fn head_of(workdir: &Workdir) -> Result<Oid> {
    let find = || -> Result<Option<Oid>> {
        let heads = Heads::open(&workdir.path)?;
        let on_branch = || heads.get(&workdir.branch.as_ref()?.reference());
        Ok(heads.head().or_else(on_branch))
    };
    // A reference that is being packed is in neither place for whoever reads them in the wrong order.
    Ok(match find()? {
        Some(head) => head,
        None => find()?.unwrap_or_else(|| workdir.base.clone()),
    })
}

fn known(brought: &Path) -> Result<Option<Oid>> {
    let text = heads::read(brought, OID_FILE_BYTES_MAX)?.unwrap_or_default();
    Ok(Oid::new(String::from_utf8_lossy(&text).trim()).ok())
}

/// One at a time makes a WIP commit in a folder.
pub(in crate::git) struct Turn {
    _file: File,
}

impl Turn {
    /// Waits for it. It is given back when the value is dropped, or the process ends.
    pub(in crate::git) fn wait(folder: &Path) -> Result<Self> {
        make(folder)?;
        let path = folder.join("wip-turn");
        let file = File::options().create(true).append(true).open(&path).map_err(io("cannot open", &path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|e| io("cannot lock", &path)(e.into()))?;
        Ok(Self { _file: file })
    }
}
