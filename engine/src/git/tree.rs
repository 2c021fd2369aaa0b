//! What a revision names, and the files of a commit and of a change, by their exact names.

use super::error::Result;
use super::names::Oid;
use super::repo::Repo;

/// The longest text that is looked up as a revision, in bytes.
const REVISION_BYTES_MAX: usize = 1000;

impl Repo {
    /// The commit that a person's text names in this checkout: a branch, a tag, `HEAD~2`, the beginning of an id. Nothing
    /// if it names none.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn revision(&self, text: &str) -> Result<Option<Oid>> {
        if text.is_empty() || text.len() > REVISION_BYTES_MAX || text.contains(char::is_control) {
            return Ok(None);
        }
        // By the input, where it can be no option; in this checkout's own directory, where its HEAD is.
        let mut call = self.git().call("cat-file", &self.git_dir);
        call.git_dir(&self.git_dir).arg("--batch-check=%(objectname)").input(format!("{text}^{{commit}}\n"));
        let output = call.output()?.stdout;
        Ok(Oid::new(String::from_utf8_lossy(&output).trim()).ok())
    }

    /// The commit that the default branch of the remote was at when it was last fetched, with its name.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn remote_default(&self) -> Result<Option<String>> {
        let mut call = self.call("symbolic-ref");
        let name = call.args(["-q", "refs/remotes/origin/HEAD"]).accept(&[1]).text()?;
        Ok(name.strip_prefix("refs/remotes/origin/").map(str::to_owned))
    }

    /// The regular files of a commit, in their order.
    ///
    /// # Errors
    /// When it is not here.
    pub fn files_of(&self, commit: &Oid) -> Result<Vec<Vec<u8>>> {
        let mut call = self.call("ls-tree");
        let listing = call.args(["-r", "-z", "--full-tree", commit.as_str()]).output()?.stdout;
        let rows = listing.split(|b| *b == 0).filter(|row| row.starts_with(b"100"));
        let path = |row: &[u8]| Some(row[row.iter().position(|b| *b == b'\t')? + 1..].to_vec());
        Ok(rows.filter_map(path).collect())
    }

    /// The regular files that differ between two commits and are in the second.
    ///
    /// # Errors
    /// When a commit is not here.
    pub fn changed_in(&self, from: &Oid, to: &Oid) -> Result<Vec<Vec<u8>>> {
        let mut call = self.call("diff-tree");
        call.isolated().args(["-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--diff-filter=d"]);
        let listing = call.args([from.as_str(), to.as_str()]).output()?.stdout;
        let words: Vec<&[u8]> = listing.split(|b| *b == 0).filter(|word| !word.is_empty()).collect();
        // `:100644 100755 <id> <id> M`, then the name; links and repositories inside are no files.
        let pairs = words.chunks_exact(2).filter(|pair| pair[0].get(8..11) == Some(b"100"));
        Ok(pairs.map(|pair| pair[1].to_vec()).collect())
    }
}
