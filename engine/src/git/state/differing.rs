//! How files differ between two trees, as a checkpoint says it.

use crate::git::error::{Result, printable};
use crate::git::names::Oid;
use crate::git::repo::Repo;

/// How much of a file's name is shown, in characters.
const NAME_CHARS_MAX: usize = 300;

/// A file that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Differing {
    /// Its name, as it can be shown.
    pub path: String,
    /// `created`, `deleted` or `modified`.
    pub change: &'static str,
    /// Lines added and removed; none of what is no text, or was not counted.
    pub lines: Option<(u32, u32)>,
}

/// Which files differ between two commits or trees; at most `most` of them, and how many there are.
///
/// # Errors
/// What running git gave, for example when one of them is not there.
pub fn differing(repo: &Repo, from: &Oid, to: &Oid, most: usize) -> Result<(Vec<Differing>, usize)> {
    if from == to {
        return Ok((Vec::new(), 0));
    }
    let mut call = repo.call("diff-tree");
    call.args(["-r", "-z", "--raw", "--no-renames", "--no-ext-diff", from.as_str(), to.as_str()]);
    let listing = call.output()?.stdout;
    let words: Vec<&[u8]> = listing.split(|b| *b == 0).filter(|word| !word.is_empty()).collect();
    let pairs = words.chunks_exact(2);
    let total = pairs.len();
    let named: Vec<(&[u8], &'static str)> =
        pairs.take(most).map(|pair| (pair[1], change(pair[0].last().copied()))).collect();
    let counted = lines(repo, from, to, &named)?;
    let one = |(path, change): &(&[u8], &'static str)| Differing {
        path: printable(path, NAME_CHARS_MAX),
        change,
        lines: counted.iter().find(|(counted, _)| counted == path).and_then(|(_, lines)| *lines),
    };
    Ok((named.iter().map(one).collect(), total))
}

fn change(letter: Option<u8>) -> &'static str {
    match letter {
        Some(b'A') => "created",
        Some(b'D') => "deleted",
        _ => "modified",
    }
}

type Lines = Vec<(Vec<u8>, Option<(u32, u32)>)>;

/// Lines added and removed of these files: of all others no content is read.
fn lines(repo: &Repo, from: &Oid, to: &Oid, named: &[(&[u8], &str)]) -> Result<Lines> {
    use std::os::unix::ffi::OsStrExt as _;
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let mut call = repo.call("diff-tree");
    call.env("GIT_LITERAL_PATHSPECS", "1");
    call.args(["-r", "-z", "--numstat", "--no-renames", "--no-ext-diff", from.as_str(), to.as_str(), "--"]);
    call.args(named.iter().map(|(path, _)| std::ffi::OsStr::from_bytes(path)));
    let listing = call.output()?.stdout;
    let row = |row: &[u8]| {
        let mut parts = row.splitn(3, |b| *b == b'\t');
        let number = |part: &[u8]| std::str::from_utf8(part).ok()?.parse::<u32>().ok();
        let (added, removed, path) = (parts.next()?, parts.next()?, parts.next()?);
        Some((path.to_vec(), number(added).zip(number(removed))))
    };
    Ok(listing.split(|b| *b == 0).filter_map(row).collect())
}

/// The tree of a commit; that of nothing is empty.
///
/// # Errors
/// What running git gave, for example when it is not there.
pub fn tree_of(repo: &Repo, commit: Option<&Oid>) -> Result<Oid> {
    match commit {
        Some(commit) => repo.call("rev-parse").args(["--verify", &format!("{commit}^{{tree}}")]).oid(),
        None => repo.call("mktree").oid(),
    }
}
