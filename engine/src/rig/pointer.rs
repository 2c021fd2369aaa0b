//! From a repository that lies outside of the workspace to the workspace: a small file in its git directory.
//!
//! Whoever may write a repository must not be able to lead a command to somebody else's workspace. So the file alone
//! means nothing: the workspace has to list the repository in return, and has to pass the check of its owner as ever.
//! No git runs here: what is read is a path, and what is compared are folders.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

/// The file's name in the git directory that all work trees share.
const NAME: &str = "convoy-workspace";
/// The longest path that is read; what is longer was not written here.
const BYTES_MAX: u64 = 4096;

/// The workspace of the repository that `start` is in, if that points at one which lists it.
pub(crate) fn workspace_of(start: &Path) -> Option<PathBuf> {
    let git_dir = start.ancestors().find_map(common_dir)?;
    let root = read(&git_dir)?;
    lists(&root, &git_dir).then_some(root)
}

/// Whether a workspace has the repository with this git directory as a rig.
pub(crate) fn lists(root: &Path, git_dir: &Path) -> bool {
    Workspace::rig_paths(root).iter().any(|path| common_dir(path).is_some_and(|dir| dir == git_dir))
}

/// Notes in the repository where its workspace is. The workspace that is there already and lists it, if it is another.
pub(super) fn write(repository: &Path, root: &Path) -> std::io::Result<Option<PathBuf>> {
    let git_dir = common_dir(repository)
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "there is no git directory"))?;
    match read(&git_dir) {
        Some(there) if there == root => return Ok(None),
        Some(there) if lists(&there, &git_dir) => return Ok(Some(there)),
        _ => {}
    }
    let mut file = tempfile::NamedTempFile::new_in(&git_dir)?;
    std::io::Write::write_all(&mut file, format!("{}\n", root.display()).as_bytes())?;
    file.persist(git_dir.join(NAME)).map_err(|error| error.error)?;
    Ok(None)
}

/// Takes the note away again, if it is about this workspace.
pub(super) fn clear(repository: &Path, root: &Path) {
    if let Some(git_dir) = common_dir(repository)
        && read(&git_dir).is_some_and(|there| there == root)
    {
        // What stays is a file that means nothing, because the workspace does not list the repository.
        let _ = std::fs::remove_file(git_dir.join(NAME));
    }
}

fn read(git_dir: &Path) -> Option<PathBuf> {
    let text = small_file(&git_dir.join(NAME))?;
    let root = PathBuf::from(text.trim_end_matches('\n'));
    // A link on the way would make the comparison with what is canonical fail; a workspace is where it says it is.
    (root.is_absolute() && root.canonicalize().is_ok_and(|real| real == root)).then_some(root)
}

/// The text of a regular file of a few bytes; a pipe or device would hold the command.
fn small_file(path: &Path) -> Option<String> {
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The git directory that the work trees of the repository at `path` share, if there is a repository right there.
fn common_dir(path: &Path) -> Option<PathBuf> {
    let dot_git = path.join(".git");
    let git_dir = if dot_git.is_dir() {
        dot_git
    } else if let Some(text) = small_file(&dot_git) {
        path.join(text.strip_prefix("gitdir: ")?.trim_end_matches('\n'))
    } else if path.join("HEAD").is_file() && path.join("objects").is_dir() {
        path.to_owned()
    } else {
        return None;
    };
    let common = match small_file(&git_dir.join("commondir")) {
        Some(text) => git_dir.join(text.trim_end_matches('\n')),
        None => git_dir,
    };
    common.canonicalize().ok()
}
