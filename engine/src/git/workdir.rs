//! Workdirs: a clone of its own for every attempt, which shares objects with the repository.
//!
//! A workdir is `<root>/<key>`. What the engine keeps beside it, and no agent should write, is in
//! `<root>/.engine/<key>`. A workdir is made in `<root>/.making` and renamed, so that one which is there is
//! whole. It has no remote, no hooks, and no background maintenance.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::{Error, Result, io};
use super::names::{Branch, Identity, Key, Oid};
use super::repo::Repo;
use super::salvage;

/// In the engine's folder of a workdir: its index when it was made.
pub(super) const INDEX: &str = "index";
/// And the commit that this is of, written after it.
pub(super) const START: &str = "start";

/// The folder that all workdirs of a repository are in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// Makes the folder if it is missing, for this user only, and finds its real path.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(path: &Path) -> Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io("cannot make", path))?;
        Ok(Self { path: fs::canonicalize(path).map_err(io("cannot find", path))? })
    }
    /// Its real path.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Where the workdir with this key is, or would be.
    pub fn workdir(&self, key: &Key) -> PathBuf {
        self.path.join(key.as_str())
    }
    /// What the engine keeps for this workdir.
    pub(super) fn engine(&self, key: &Key) -> PathBuf {
        self.path.join(".engine").join(key.as_str())
    }
    /// The keys of the workdirs that are there, in order.
    ///
    /// # Errors
    /// `Io`.
    pub fn keys(&self) -> Result<Vec<Key>> {
        let entries = fs::read_dir(&self.path).map_err(io("cannot read", &self.path))?;
        let mut keys: Vec<_> =
            entries.flatten().filter_map(|e| Key::new(e.file_name().into_string().ok()?).ok()).collect();
        keys.sort();
        Ok(keys)
    }

    /// Refuses anything but a real folder, or nothing, at a path directly under one of our own folders.
    fn check(&self, path: &Path) -> Result<bool> {
        let outside = |why| Error::OutsideRoot { path: path.to_owned(), root: self.path.clone(), why };
        let parent = path.parent().ok_or_else(|| outside("it has no parent"))?;
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(io("cannot read", path)(e)),
            Ok(found) if found.is_symlink() => return Err(outside("it is a symbolic link")),
            Ok(_) => {}
        }
        let real = fs::canonicalize(parent).map_err(io("cannot find", parent))?;
        if real != parent || !real.starts_with(&self.path) {
            return Err(outside("its folder is a symbolic link"));
        }
        Ok(true)
    }

    /// Removes a folder under the root, first moving it aside so that nobody takes a half for a whole.
    fn clear(&self, path: &Path, key: &Key) -> Result<()> {
        if !self.check(path)? {
            return Ok(());
        }
        let trash = self.path.join(".trash");
        make(&trash)?;
        let aside = trash.join(key.as_str());
        if path != aside && self.check(&aside)? {
            remove_tree(&aside)?;
        }
        fs::rename(path, &aside).map_err(io("cannot move", path))?;
        remove_tree(&aside)
    }
}

/// Where an attempt starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Base {
    /// At a commit of the repository.
    Commit(Oid),
    /// At nothing: the repository has no commit on its base branch yet.
    Unborn,
}

/// What a workdir is to be.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is known by.
    pub key: Key,
    /// The commit to start from, and to compare with at the end.
    pub base: Base,
    /// The base branch, which the agent finds as `origin/<name>`.
    pub base_branch: Option<Branch>,
    /// Where the base branch is now, if that is not the base.
    pub onto: Option<Oid>,
    /// Its own branch; nothing for a detached one that is only for looking at or running gates in.
    pub branch: Option<Branch>,
    /// The tip of an earlier attempt to go on from; it must descend from the base to count as work.
    pub continue_from: Option<Oid>,
    /// A commit whose files it begins with, as changes that are not committed.
    pub wip: Option<Oid>,
    /// Who commits in it.
    pub identity: Identity,
}

/// A workdir that was made. It can be put together again from the same facts, without asking git.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workdir {
    /// What it is known by.
    pub key: Key,
    /// Its folder.
    pub path: PathBuf,
    /// Its own branch; nothing when it is detached.
    pub branch: Option<Branch>,
    /// The commit that its work is compared with.
    pub base: Oid,
    /// Where the base branch was when it was made, if that is not what it began from. Work that has it is compared
    /// with it.
    pub onto: Option<Oid>,
}

impl Workdir {
    /// The workdir that `create` made from these.
    pub fn at(root: &Root, key: Key, branch: Option<Branch>, base: Oid) -> Self {
        Self { path: root.workdir(&key), key, branch, base, onto: None }
    }
}

/// Makes a workdir and pins what it starts from. One that is there under the same key is made again: the
/// caller knows that no agent ever ran in it.
///
/// # Errors
/// `InsideRepository`, `OutsideRoot`, `Io`, or what running git gave. It can simply be tried again.
pub fn create(repo: &Repo, root: &Root, request: &Request) -> Result<Workdir> {
    if let Some(tree) = &repo.work_tree
        && root.path.starts_with(tree)
    {
        return Err(Error::InsideRepository { root: root.path.clone(), repository: tree.clone() });
    }
    let key = &request.key;
    let base = match &request.base {
        Base::Commit(oid) => oid.clone(),
        Base::Unborn => repo.empty_root()?,
    };
    let start = request.continue_from.as_ref().unwrap_or(&base);
    let mut pins = vec![(key.base_ref(), &base)];
    pins.extend(request.continue_from.as_ref().map(|from| (key.from_ref(), from)));
    repo.pin(&pins)?;

    let making = root.path.join(".making");
    make(&making)?;
    let half = making.join(key.as_str());
    root.clear(&half, key)?;
    root.clear(&root.workdir(key), key)?;
    let engine = root.engine(key);
    make(&root.path.join(".engine"))?;
    root.clear(&engine, key)?;
    make(&engine)?;

    let mut init = repo.git().call("init", &making);
    init.isolated().args([
        "-q",
        "--template=",
        if repo.sha256 { "--object-format=sha256" } else { "--object-format=sha1" },
    ]);
    init.arg("--end-of-options").arg(&half).output()?;
    let dir = half.join(".git");
    let probed = fs::read(dir.join("config")).map_err(io("cannot read", dir.join("config")))?;
    write(&engine.join("config"), &probed)?;
    write(&dir.join("config"), &[probed, configuration(&request.identity)].concat())?;
    write_alternates(&dir, &[&repo.objects()])?;
    copy_shallow(repo, &dir)?;
    write(&dir.join("packed-refs"), &packed_refs(repo, request, &base, start)?)?;
    let head = request.branch.as_ref().map_or(start.to_string(), |b| format!("ref: {}", b.reference()));
    write(&dir.join("HEAD"), format!("{head}\n").as_bytes())?;

    let read_tree = || {
        let mut call = repo.git().call("read-tree", &half);
        call.isolated().git_dir(&dir).work_tree(&half);
        call
    };
    let files = request.wip.as_ref().unwrap_or(start);
    read_tree().args(["--reset", "-u", files.as_str()]).output()?;
    if files != start {
        read_tree().args(["-m", start.as_str()]).output()?;
    }
    copy_file(&dir.join("index"), &engine.join(INDEX))?;
    write(&engine.join(START), format!("{start}\n").as_bytes())?;
    let mut workdir = Workdir::at(root, key.clone(), request.branch.clone(), base);
    workdir.onto.clone_from(&request.onto);
    fs::rename(&half, &workdir.path).map_err(io("cannot move", half))?;
    Ok(workdir)
}

/// Removes a workdir and its pins, if everything in it is kept elsewhere. One that is gone is no error. The
/// files of a detached workdir are not kept.
///
/// # Errors
/// `Unsaved` when `collect` and `salvage` have not kept everything, `OutsideRoot`, `Io`, or what git gave.
pub fn remove(repo: &Repo, root: &Root, workdir: &Workdir) -> Result<()> {
    let path = root.workdir(&workdir.key);
    if workdir.path != path {
        let why = "it is not the folder of its key";
        return Err(Error::OutsideRoot { path: workdir.path.clone(), root: root.path.clone(), why });
    }
    if root.check(&path)? && workdir.branch.is_some() && salvage::holds_work(repo, root, workdir)? {
        return Err(Error::Unsaved { path, what: "call salvage first" });
    }
    root.clear(&path, &workdir.key)?;
    root.clear(&root.path.join(".making").join(workdir.key.as_str()), &workdir.key)?;
    root.clear(&root.engine(&workdir.key), &workdir.key)?;
    repo.unpin(&workdir.key)
}

/// Takes the right to write in a workdir from everybody; symbolic links are left as they are.
///
/// # Errors
/// `Io`, for the first file that it cannot be taken from.
pub fn close(workdir: &Workdir) -> Result<()> {
    set_modes(&workdir.path)
}

fn set_modes(path: &Path) -> Result<()> {
    let facts = fs::symlink_metadata(path).map_err(io("cannot read", path))?;
    if facts.is_symlink() {
        return Ok(());
    }
    let mode = facts.permissions().mode() & !0o222;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io("cannot protect", path))?;
    if facts.is_dir() {
        for entry in fs::read_dir(path).map_err(io("cannot read", path))? {
            set_modes(&entry.map_err(io("cannot read", path))?.path())?;
        }
    }
    Ok(())
}

/// Removes a workdir that was closed, whose files are those of a commit, and its pins. One that is gone is no error.
///
/// # Errors
/// Those of [`remove`].
pub fn remove_closed(repo: &Repo, root: &Root, key: Key, base: Oid) -> Result<()> {
    let workdir = Workdir::at(root, key, None, base);
    if root.check(&workdir.path)? {
        // To be moved a folder has to be writable.
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&workdir.path, mode).map_err(io("cannot open", &workdir.path))?;
    }
    remove(repo, root, &workdir)
}

/// The settings of an agent's clone. No background maintenance, because an attempt ends when its processes
/// have; no signing, because nobody is there to type a passphrase.
fn configuration(identity: &Identity) -> Vec<u8> {
    format!(
        "[user]\n\tname = {}\n\temail = {}\n[commit]\n\tgpgSign = false\n[tag]\n\tgpgSign = false\n[gc]\n\tauto = 0\n\
         [maintenance]\n\tauto = false\n[push]\n\tdefault = nothing\n",
        quoted(identity.name()),
        quoted(identity.email())
    )
    .into_bytes()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The references that a workdir starts with: its branch, the base branch as a remote's, and the tags.
fn packed_refs(repo: &Repo, request: &Request, base: &Oid, start: &Oid) -> Result<Vec<u8>> {
    let mut text = b"# pack-refs with: peeled fully-peeled sorted \n".to_vec();
    if let Some(branch) = &request.branch {
        text.extend(format!("{start} {}\n", branch.reference()).bytes());
    }
    if let Some(branch) = &request.base_branch {
        let now = request.onto.as_ref().unwrap_or(base);
        text.extend(format!("{now} refs/remotes/origin/{branch}\n").bytes());
    }
    let mut call = repo.call("for-each-ref");
    call.arg("--format=%(objectname) %(refname)%(if)%(*objectname)%(then)%0a^%(*objectname)%(end)");
    text.extend(call.args(["--end-of-options", "refs/tags"]).output()?.stdout);
    Ok(text)
}

/// Makes a git directory find objects elsewhere too.
pub(super) fn write_alternates(dir: &Path, objects: &[&Path]) -> Result<()> {
    let mut text = Vec::new();
    for path in objects {
        // Quoted as in C, which is how a path may begin with a quote or a hash or hold a line end.
        text.push(b'"');
        for byte in path.as_os_str().as_bytes() {
            match byte {
                b'"' | b'\\' => text.extend([b'\\', *byte]),
                0x20..=0x7e => text.push(*byte),
                _ => text.extend(format!("\\{byte:03o}").bytes()),
            }
        }
        text.extend(b"\"\n");
    }
    let info = dir.join("objects/info");
    make(&info)?;
    write(&info.join("alternates"), &text)
}

/// Says where history stops, if the repository is shallow.
pub(super) fn copy_shallow(repo: &Repo, dir: &Path) -> Result<()> {
    match fs::read(repo.common_dir.join("shallow")) {
        Ok(bytes) => write(&dir.join("shallow"), &bytes),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(io("cannot read", repo.common_dir.join("shallow"))(e)),
    }
}

/// Copies an index with its time, by which git knows what may have changed since in the same moment.
pub(super) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let modified = fs::symlink_metadata(from).and_then(|m| m.modified()).map_err(io("cannot read", from))?;
    fs::copy(from, to).map_err(io("cannot copy", from))?;
    let file = fs::File::options().write(true).open(to).map_err(io("cannot open", to))?;
    file.set_modified(modified).map_err(io("cannot write", to))
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(io("cannot write", path))
}

pub(super) fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(io("cannot make", path))
}

/// Removes a tree, also one with folders that may not be written, such as a module cache.
fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            make_writable(path);
            fs::remove_dir_all(path).map_err(io("cannot remove", path))
        }
        Err(e) if e.kind() == ErrorKind::NotADirectory => {
            fs::remove_file(path).map_err(io("cannot remove", path))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map_err(io("cannot remove", path)),
    }
}

fn make_writable(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}
