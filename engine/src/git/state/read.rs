//! Reading the ref: what is there, and what it says.

use crate::git::error::{Result, printable};
use crate::git::names::Oid;
use crate::git::repo::Repo;

use super::{REFERENCE, StatePath, StateRef};

/// The largest file that is read or written, in bytes. A convoy with 20,000 issues has 8 MB.
pub(super) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How many files of the ref are looked at; whoever has more is told so.
pub(super) const FILES_MAX: usize = 200_000;
/// How much of a file's name is shown, in characters.
const NAME_CHARS_MAX: usize = 300;
/// How many bytes of files one process reads.
const READ_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A file that is on the ref.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub path: StatePath,
    /// Its content's object.
    pub oid: Oid,
    /// Its size in bytes.
    pub size: u64,
}

/// A plain file of a tree.
pub(super) struct Plain {
    pub(super) path: Vec<u8>,
    pub(super) oid: Oid,
    pub(super) size: u64,
}

/// The plain files of a commit that are not too large, in the order of their names.
pub(super) fn files(repo: &Repo, commit: &Oid) -> Result<Vec<Plain>> {
    files_at(repo, commit, None)
}

fn files_at(repo: &Repo, commit: &Oid, path: Option<&StatePath>) -> Result<Vec<Plain>> {
    let mut call = repo.call("ls-tree");
    call.args(["-r", "-l", "-z", "--full-tree", "--end-of-options", commit.as_str()]);
    call.args(path.map(StatePath::as_str));
    let listing = call.output()?.stdout;
    let plain = |row: &[u8]| {
        let tab = row.iter().position(|b| *b == b'\t')?;
        let facts = std::str::from_utf8(&row[..tab]).ok()?;
        let mut facts = facts.split_ascii_whitespace();
        let (mode, kind, oid, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?);
        // Neither a symbolic link nor a submodule.
        let size = size.parse().ok().filter(|size| *size <= FILE_BYTES_MAX)?;
        let plain = kind == "blob" && mode == "100644";
        plain.then(|| Some(Plain { path: row[tab + 1..].to_vec(), oid: Oid::new(oid).ok()?, size }))?
    };
    Ok(listing.split(|b| *b == 0).filter_map(plain).take(FILES_MAX).collect())
}

/// The contents of these objects, in their order.
pub(super) fn contents(repo: &Repo, objects: &[(&Oid, u64)]) -> Result<Vec<Vec<u8>>> {
    let mut read = Vec::with_capacity(objects.len());
    let mut rest = objects;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |(_, size): &&(&Oid, u64)| {
            bytes += size;
            bytes <= READ_BYTES_MAX
        };
        let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        read.extend(batch(repo, now)?);
        rest = later;
    }
    Ok(read)
}

fn batch(repo: &Repo, objects: &[(&Oid, u64)]) -> Result<Vec<Vec<u8>>> {
    let names: String = objects.iter().map(|(oid, _)| format!("{oid}\n")).collect();
    let mut call = repo.call("cat-file");
    let output = call.arg("--batch").input(names).output()?.stdout;
    let mut rest = output.as_slice();
    let mut read = Vec::with_capacity(objects.len());
    for _ in objects {
        let one = one(&mut rest).ok_or_else(|| call.unexpected(rest))?;
        read.push(one);
    }
    Ok(read)
}

/// One object of what `cat-file --batch` printed.
fn one(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let size: usize = std::str::from_utf8(&rest[..end]).ok()?.rsplit(' ').next()?.parse().ok()?;
    let content = rest.get(end + 1..end + 1 + size)?.to_vec();
    *rest = rest.get(end + 2 + size..)?;
    Some(content)
}

impl StateRef<'_> {
    /// The files that are there, by name. What is none of ours is left out.
    ///
    /// # Errors
    /// What running git gave.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let Some(tip) = self.tip()? else { return Ok(Vec::new()) };
        let known = |plain: Plain| {
            Some(Entry { path: StatePath::found(&plain.path)?, oid: plain.oid, size: plain.size })
        };
        Ok(files(self.repo, &tip)?.into_iter().filter_map(known).collect())
    }

    /// The contents of files that were listed, in their order.
    ///
    /// # Errors
    /// What running git gave.
    pub fn read(&self, entries: &[Entry]) -> Result<Vec<Vec<u8>>> {
        let objects: Vec<_> = entries.iter().map(|entry| (&entry.oid, entry.size)).collect();
        contents(self.repo, &objects)
    }

    /// The content of one file; none if it is not there, or is larger than a file of ours can be.
    ///
    /// # Errors
    /// What running git gave.
    pub fn read_one(&self, path: &StatePath) -> Result<Option<Vec<u8>>> {
        let mut there =
            self.repo.objects_named(&[format!("{REFERENCE}^{{commit}}"), format!("{REFERENCE}:{path}")])?;
        let (Some(_), Some(tip)) = (there.pop().flatten(), there.pop().flatten()) else { return Ok(None) };
        let found = files_at(self.repo, &tip, Some(path))?;
        let Some(file) = found.first().filter(|file| file.path == path.as_str().as_bytes()) else {
            return Ok(None);
        };
        Ok(contents(self.repo, &[(&file.oid, file.size)])?.pop())
    }
}

/// Which files differ between two commits, by name as it can be shown; at most `most`, and how many there are.
///
/// # Errors
/// What running git gave, for example when a commit is not there.
pub fn changed(repo: &Repo, from: &Oid, to: &Oid, most: usize) -> Result<(Vec<String>, usize)> {
    let mut call = repo.call("diff-tree");
    call.args(["-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", from.as_str(), to.as_str()]);
    let listing = call.output()?.stdout;
    let names = || listing.split(|b| *b == 0).filter(|name| !name.is_empty());
    Ok((names().take(most).map(|name| printable(name, NAME_CHARS_MAX)).collect(), names().count()))
}
