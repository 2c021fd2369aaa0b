//! What a workdir has changed so far, while its agent may be at work in it: for people who look.
//!
//! As in a WIP commit nothing of the agent's runs, waits, or is written to: the files are taken into an index and objects
//! of our own, which the next look throws away. Unlike there it is bounded: what is large is named, and not read.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::changes::Changes;
use super::error::{Error, Result, printable};
use super::names::Oid;
use super::repo::{DiffStat, Repo};
use super::shadow::Shadow;
use super::state::{Turn, head_of};
use super::workdir::{Root, Workdir};

/// How much of a change is given, in bytes: more than anybody reads on a page.
pub const DIFF_BYTES_MAX: usize = 200 * 1024;
/// The largest file that is not committed and is looked into, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// How many files that are not committed are looked into, and how much of them together.
const FILES_MAX: usize = 500;
const FILES_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How many of the others are named, and how long each name is shown.
const NAMED_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 300;
/// From which size on git compares no lines of a file.
const BIG_FILE: &str = "core.bigFileThreshold=2m";

/// A change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SoFar {
    /// Its size; without what is left out.
    pub stat: DiffStat,
    /// It as git writes it, its lines whole.
    pub text: String,
    /// How much of it there is, in bytes; nothing if git prints more than is read of it.
    pub bytes: Option<usize>,
    /// Files that are not committed, and too large or too many to be looked into.
    pub left_out: Vec<String>,
    /// How many those are.
    pub left_out_total: usize,
}

/// What a workdir has changed since it was made, committed or not.
///
/// # Errors
/// `WorkdirGone`, or what running git gave.
pub fn so_far(repo: &Repo, root: &Root, workdir: &Workdir) -> Result<SoFar> {
    let head = head_of(workdir)?;
    let _turn = Turn::wait(&root.engine(&workdir.key).join("look-turn"))?;
    let shadow = Shadow::named("look", repo, root, workdir)?;
    shadow.read(&head)?;
    let over = shadow.over();
    let Changes { files, nested } = over.changes()?;
    let (small, large) = divide(workdir, files);
    // The agent goes on: what was a file may be a folder by now. Then what it committed is better than nothing.
    let (tree, large) = match over.take(&small) {
        Ok(()) => (over.tree()?, large),
        Err(Error::Failed { .. }) => (shadow.tree_of(&head)?, [small, large].concat()),
        Err(error) => return Err(error),
    };
    let from = since(&shadow, workdir, &head)?;
    let stat = shadow.diff_stat(&from, &tree)?;
    let mut call = shadow.call("diff-tree");
    call.option("-c").option(BIG_FILE);
    let whole = as_text(call, &from, &tree)?;
    // Only this look needs it.
    let _ = fs::remove_dir_all(shadow.path());
    let mut names: Vec<Vec<u8>> = nested.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
    names.extend(large);
    let left_out_total = names.len();
    let left_out = names.iter().take(NAMED_MAX).map(|name| printable(name, NAME_CHARS_MAX)).collect();
    Ok(SoFar { stat, left_out, left_out_total, ..bounded(whole) })
}

impl Repo {
    /// The change from one commit to another, in the same form.
    ///
    /// # Errors
    /// When a commit is not here.
    pub fn so_far(&self, from: &Oid, to: &Oid) -> Result<SoFar> {
        let mut call = self.call("diff-tree");
        call.isolated().option("-c").option(BIG_FILE);
        let whole = as_text(call, from, to)?;
        Ok(SoFar { stat: self.diff_stat(from, to)?, ..bounded(whole) })
    }

    /// The commit that another came from, if it has one.
    ///
    /// # Errors
    /// What running git gave.
    pub fn parent(&self, commit: &Oid) -> Result<Option<Oid>> {
        self.commit(&format!("{commit}^1"))
    }
}

/// Where its work begins: once it has merged what others did, that is not its work.
fn since(shadow: &Shadow<'_>, workdir: &Workdir, head: &Oid) -> Result<Oid> {
    let merged = match &workdir.onto {
        Some(onto) => shadow.commits_since(onto, head)?.map(|_| onto.clone()),
        None => None,
    };
    Ok(merged.unwrap_or_else(|| workdir.base.clone()))
}

/// Files that are looked into, and those that are only named.
fn divide(workdir: &Workdir, files: Vec<Vec<u8>>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut count, mut bytes) = (0, 0);
    files.into_iter().partition(|path| {
        let found = fs::symlink_metadata(workdir.path.join(OsStr::from_bytes(path)));
        let size = match found {
            Ok(found) if found.is_file() => found.len(),
            // A link is as long as the path in it; what is not there any more is no content.
            Ok(found) if found.is_symlink() => 0,
            Err(_) => 0,
            // Git reads no pipes and devices, and nor do we.
            Ok(_) => return false,
        };
        let fits = size <= FILE_BYTES_MAX && count < FILES_MAX && bytes + size <= FILES_BYTES_MAX;
        (count, bytes) = if fits { (count + 1, bytes + size) } else { (count, bytes) };
        fits
    })
}

fn as_text(mut call: super::run::Call<'_>, from: &Oid, to: &Oid) -> Result<Option<Vec<u8>>> {
    call.args(["-p", "-M", "--no-commit-id", "--no-ext-diff", "--no-textconv", "--no-color"]);
    match call.args([from.as_str(), to.as_str()]).output() {
        Ok(output) => Ok(Some(output.stdout)),
        Err(Error::OutputTooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As much of it as is given, whole lines.
fn bounded(whole: Option<Vec<u8>>) -> SoFar {
    let Some(whole) = whole else { return SoFar::default() };
    let mut shown = whole.get(..DIFF_BYTES_MAX).unwrap_or(&whole);
    if shown.len() < whole.len() {
        let end = shown.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        shown = &shown[..end];
    }
    SoFar { text: String::from_utf8_lossy(shown).into_owned(), bytes: Some(whole.len()), ..SoFar::default() }
}
