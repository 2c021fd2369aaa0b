//! `.worktreeinclude`: files that git ignores and that a workdir needs all the same, such as `.env`.
//!
//! The file stands at the top of the person's checkout, in the syntax of `.gitignore`. What matches it there, is not
//! tracked, and is ignored there and in the workdir, is copied. So it is nobody's change, and is never committed for
//! anybody. Nothing in the workdir is overwritten, and no symbolic link is followed on either side.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::error::{Error, Result, io};
use super::repo::Repo;
use super::workdir::Workdir;

/// The file's name.
const FILE: &str = ".worktreeinclude";
/// The largest such file that is read: thousands of patterns.
const PATTERNS_BYTES_MAX: u64 = 64 * 1024;
/// How many files are copied: settings and caches, not every build that ever was.
const FILES_MAX: usize = 10_000;
/// How much is copied into each workdir.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// What is of Convoy itself.
const OWN: &[u8] = b".convoy/";

/// Copies what the person's checkout includes; how many files that were. A repository without a checkout includes
/// nothing.
///
/// # Errors
/// `Included` when it is more than may be copied, `Io`, or what running git gave.
pub fn include(repo: &Repo, workdir: &Workdir) -> Result<usize> {
    let Some(tree) = &repo.work_tree else { return Ok(0) };
    let Some(patterns) = patterns(tree)? else { return Ok(0) };
    let there = |name: &'static str| {
        let mut call = repo.git().call(name, tree);
        call.git_dir(&repo.git_dir).work_tree(tree);
        call
    };
    let mut exclude = std::ffi::OsString::from("--exclude-from=");
    exclude.push(patterns);
    let mut list = there("ls-files");
    let matching = list.args(["-o", "-i", "-z"]).arg(exclude).output()?.stdout;
    let matching: Vec<u8> = matching
        .split_inclusive(|b| *b == 0)
        // A folder is a repository of its own, and nothing of ours.
        .filter(|path| !path.starts_with(OWN) && !path.ends_with(b"/\0"))
        .flatten()
        .copied()
        .collect();
    let mut paths = ignored(&mut there("check-ignore"), &matching)?;
    let count = paths.iter().filter(|b| **b == 0).count();
    if count > FILES_MAX {
        return Err(Error::Included { what: format!("{count} files, and at most {FILES_MAX} are copied") });
    }
    // What is below a symbolic link of the workdir is elsewhere, and git does not answer for it.
    paths = paths
        .split_inclusive(|b| *b == 0)
        .filter(|path| !below_a_link(&workdir.path, path))
        .flatten()
        .copied()
        .collect();
    let mut here = repo.git().call("check-ignore", &workdir.path);
    here.isolated().git_dir(&workdir.path.join(".git")).work_tree(&workdir.path);
    let paths = ignored(&mut here, &paths)?;
    let (mut count, mut left) = (0, BYTES_MAX);
    for path in paths.split(|b| *b == 0).filter(|path| !path.is_empty()) {
        count += usize::from(copy(tree, &workdir.path, Path::new(OsStr::from_bytes(path)), &mut left)?);
    }
    Ok(count)
}

/// Where the patterns are, if there are any.
fn patterns(tree: &Path) -> Result<Option<PathBuf>> {
    let path = tree.join(FILE);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("cannot read", &path)(error)),
        Ok(facts) if facts.is_file() && facts.len() <= PATTERNS_BYTES_MAX => Ok(Some(path)),
        Ok(facts) if facts.is_file() => {
            let what =
                format!("patterns of {} bytes, and at most {PATTERNS_BYTES_MAX} are read", facts.len());
            Err(Error::Included { what })
        }
        Ok(_) => Err(Error::Included { what: "no patterns: it is not a plain file".to_owned() }),
    }
}

/// Those of the paths that git ignores and does not track.
fn ignored(call: &mut super::run::Call<'_>, paths: &[u8]) -> Result<Vec<u8>> {
    let each = |paths: &[u8], form: &dyn Fn(&[u8]) -> Vec<u8>| -> Vec<u8> {
        paths.split_inclusive(|b| *b == 0).flat_map(form).collect()
    };
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    // This command takes paths for patterns and knows no other way; none that begins with a dot and a slash is one.
    let input = each(paths, &|path| [b"./", path].concat());
    let call = call.option("--no-literal-pathspecs").args(["-z", "--stdin"]).input(input);
    let output = call.accept(&[1]).output()?.stdout;
    Ok(each(&output, &|path| path.strip_prefix(b"./").unwrap_or(path).to_vec()))
}

/// Whether one of the folders above a path, which ends in a zero, is a symbolic link.
fn below_a_link(root: &Path, path: &[u8]) -> bool {
    let path = Path::new(OsStr::from_bytes(path.strip_suffix(&[0]).unwrap_or(path)));
    path.ancestors()
        .skip(1)
        .take_while(|above| !above.as_os_str().is_empty())
        .any(|above| root.join(above).is_symlink())
}

/// Copies one file, unless something is in its place; whether it did.
fn copy(from: &Path, to: &Path, path: &Path, left: &mut u64) -> Result<bool> {
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(false);
    }
    let (source, target) = (from.join(path), to.join(path));
    let facts = match fs::symlink_metadata(&source) {
        Ok(facts) => facts,
        // Gone since it was listed.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io("cannot read", &source)(error)),
    };
    if !make_parents(to, path)? || target.symlink_metadata().is_ok() {
        return Ok(false);
    }
    if facts.is_symlink() {
        return link(&source, &target, path);
    }
    if !facts.is_file() {
        return Ok(false);
    }
    let Some(rest) = left.checked_sub(facts.len()) else {
        return Err(Error::Included { what: format!("more than {BYTES_MAX} bytes") });
    };
    *left = rest;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut open = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&source)
    {
        Ok(file) => file,
        // A file that the person may not read is none that an agent needs.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(false),
        Err(error) => return Err(io("cannot read", &source)(error)),
    };
    let mode = facts.permissions().mode() & 0o700;
    let mut new: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode | 0o600)
        .open(&target)
        .map_err(io("cannot make", &target))?;
    // Between two files the system copies by itself, and shares their blocks where the file system can.
    std::io::copy(&mut open, &mut new).map_err(io("cannot copy", &source))?;
    Ok(true)
}

/// Makes the folders above a file; whether nothing but folders is there.
fn make_parents(root: &Path, path: &Path) -> Result<bool> {
    let mut at = root.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(facts) if facts.is_dir() => {}
            Ok(_) => return Ok(false),
            Err(_) => fs::DirBuilder::new().mode(0o755).create(&at).map_err(io("cannot make", &at))?,
        }
    }
    Ok(true)
}

/// Makes the same link, if it leads to a place within the repository.
fn link(source: &Path, target: &Path, path: &Path) -> Result<bool> {
    let to = fs::read_link(source).map_err(io("cannot read", source))?;
    let mut depth = path.components().count().saturating_sub(1);
    for part in to.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Ok(false),
        }
    }
    std::os::unix::fs::symlink(to, target).map_err(io("cannot make", target))?;
    Ok(true)
}
