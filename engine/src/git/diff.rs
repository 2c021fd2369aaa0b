//! What differs between two commits, and files as a commit has them.

use super::error::{Error, Result, printable};
use super::names::Oid;
use super::repo::Repo;

/// How long the name of a file is shown.
const NAME_CHARS_MAX: usize = 500;
/// The largest file that is read out of a commit, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

impl Repo {
    /// The change from one commit to another, as people read it; nothing if git prints more than is read of it. Without
    /// `from`: from nothing.
    ///
    /// # Errors
    /// When a commit is not here.
    pub fn diff(&self, from: Option<&Oid>, to: &Oid) -> Result<Option<String>> {
        let mut call = self.call("diff-tree");
        call.isolated().args(["-p", "-M", "--no-commit-id", "--no-ext-diff", "--no-textconv", "--no-color"]);
        self.two(&mut call, from, to)?;
        match call.output() {
            Ok(output) => Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned())),
            Err(Error::OutputTooLarge { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files that differ, as they can be shown.
    ///
    /// # Errors
    /// When a commit is not here.
    pub fn changed_files(&self, from: Option<&Oid>, to: &Oid) -> Result<Vec<String>> {
        let mut call = self.call("diff-tree");
        call.isolated().args(["-r", "-z", "--name-only", "--no-commit-id", "--no-renames", "--no-ext-diff"]);
        self.two(&mut call, from, to)?;
        let listing = call.output()?.stdout;
        let names = listing.split(|b| *b == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| printable(name, NAME_CHARS_MAX)).collect())
    }

    fn two(&self, call: &mut super::run::Call<'_>, from: Option<&Oid>, to: &Oid) -> Result<()> {
        let from = match from {
            Some(from) => from.clone(),
            None => self.empty_root()?,
        };
        call.args([from.as_str(), to.as_str()]);
        Ok(())
    }

    /// The text of a file in a commit; nothing if there is no such file, or it is no text that anybody reads. The path
    /// must have no line ends.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn text_at(&self, commit: &Oid, path: &str) -> Result<Option<String>> {
        let name = format!("{commit}:{path}");
        let mut call = self.call("cat-file");
        let found =
            call.arg("--batch-check=%(objectname) %(objecttype) %(objectsize)").input(name + "\n").text()?;
        let words: Vec<&str> = found.split(' ').collect();
        let [oid, "blob", size] = words.as_slice() else { return Ok(None) };
        let (Ok(oid), Ok(size)) = (Oid::new(oid), size.parse::<u64>()) else { return Ok(None) };
        if size > FILE_BYTES_MAX {
            return Ok(None);
        }
        let bytes = self.call("cat-file").args(["blob", oid.as_str()]).output()?.stdout;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}
