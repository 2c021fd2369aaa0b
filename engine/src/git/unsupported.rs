//! What a repository must not use, found before anything is spent on it.

use super::error::{Error, Result, Unsupported, printable};
use super::names::Oid;
use super::repo::Repo;

/// How many places an error names.
const PATHS_MAX: usize = 5;
/// How long a path is shown, in characters.
const PATH_CHARS_MAX: usize = 200;

impl Repo {
    /// Refuses a tree with submodules or LFS files, and a repository that fetches its objects on demand.
    ///
    /// # Errors
    /// `Unsupported` with the places, `NoSuchCommit`, or what running git gave.
    pub fn refuse_unsupported(&self, oid: &Oid) -> Result<()> {
        self.refuse_partial_clone()?;
        if self.commit(oid.as_str())?.is_none() {
            return Err(Error::NoSuchCommit { path: self.common_dir.clone(), oid: oid.clone() });
        }
        let mut call = self.call("ls-tree");
        let listing = call.args(["-r", "-z", "--full-tree", oid.as_str()]).output()?.stdout;
        let mut submodules = Vec::new();
        let mut attributes = Vec::new();
        for entry in listing.split(|b| *b == 0).filter(|entry| !entry.is_empty()) {
            // <mode> SP <type> SP <object> TAB <path>
            let tab = entry.iter().position(|b| *b == b'\t').ok_or_else(|| call.unexpected(entry))?;
            let (facts, path) = (&entry[..tab], &entry[tab + 1..]);
            if facts.starts_with(b"160000 ") || path == b".gitmodules" {
                submodules.push(path);
            } else if facts.starts_with(b"100")
                && (path == b".gitattributes" || path.ends_with(b"/.gitattributes"))
            {
                let object = facts.rsplit(|b| *b == b' ').next().unwrap_or_default();
                attributes.push((path, String::from_utf8_lossy(object).into_owned()));
            }
        }
        refuse(Unsupported::Submodules, &submodules)?;
        let mut lfs = Vec::new();
        for (path, text) in attributes.iter().map(|(path, _)| *path).zip(self.blobs(&attributes)?) {
            if uses_lfs(&text) {
                lfs.push(path);
            }
        }
        refuse(Unsupported::Lfs, &lfs)
    }

    fn refuse_partial_clone(&self) -> Result<()> {
        let mut call = self.call("config");
        call.args(["--local", "-z", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$"]);
        let found = call.accept(&[1]).output()?.stdout;
        let names: Vec<_> = found
            .split(|b| *b == 0)
            .filter_map(|entry| entry.split(|b| *b == b'\n').next())
            .filter(|name| !name.is_empty())
            .collect();
        refuse(Unsupported::PartialClone, &names)
    }

    /// The contents of blobs, in one process.
    fn blobs(&self, wanted: &[(&[u8], String)]) -> Result<Vec<Vec<u8>>> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let names: String = wanted.iter().map(|(_, oid)| format!("{oid}\n")).collect();
        let mut call = self.call("cat-file");
        let output = call.arg("--batch=%(objectsize)").input(names).output()?.stdout;
        let mut rest = output.as_slice();
        let mut blobs = Vec::new();
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let size = std::str::from_utf8(&rest[..end]).ok().and_then(|text| text.parse::<usize>().ok());
            let body = size.and_then(|size| Some((rest.get(end + 1..end + 1 + size)?, end + 2 + size)));
            let (body, next) = body.ok_or_else(|| call.unexpected(rest))?;
            blobs.push(body.to_vec());
            rest = rest.get(next..).unwrap_or_default();
        }
        if blobs.len() == wanted.len() { Ok(blobs) } else { Err(call.unexpected(&output)) }
    }
}

fn refuse(what: Unsupported, places: &[&[u8]]) -> Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let paths = places.iter().take(PATHS_MAX).map(|path| printable(path, PATH_CHARS_MAX)).collect();
    Err(Error::Unsupported { what, paths })
}

fn uses_lfs(attributes: &[u8]) -> bool {
    attributes
        .split(|b| *b == b'\n')
        .filter(|line| !line.trim_ascii_start().starts_with(b"#"))
        .any(|line| line.split(u8::is_ascii_whitespace).any(|word| word == b"filter=lfs"))
}
