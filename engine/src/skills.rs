//! Skills: files in a person's folder that teach an assistant to use Convoy.
//!
//! A *skill* is a folder with one file `SKILL.md` in it. The file ends with a *seal*, the checksum of everything above it:
//! what bears a whole seal is ours and was not changed by anybody, so it may be replaced or taken away. Everything else
//! is the person's, and is left unless they force it. What the skills say is not known here.
//!
//! Nothing is followed out of the folder that the person named: below it a link is refused, wherever it leads.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

/// The file of a skill within its folder.
pub const FILE: &str = "SKILL.md";
/// What it is written as before it is renamed. Whoever writes has the folder locked.
const NEW_FILE: &str = ".SKILL.md.new";
/// A file that is larger is nobody's skill, and is not read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The seal, around the checksum.
const SEAL: [&str; 2] =
    ["<!-- Written by convoy skill install; left alone once you change it. sha256 ", " -->"];

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A link, below the folder that the person named.
    #[error("{} is a link, which may lead anywhere", path.display())]
    Link {
        /// It.
        path: PathBuf,
    },
    /// Something else than a folder or a file stands there.
    #[error("{} is not a {expected}", path.display())]
    NotOne {
        /// It.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// It is the person's.
    #[error("{} {}", path.display(), if *sealed { "was changed after it was installed" } else { "was not written by 'convoy skill install'" })]
    Theirs {
        /// It.
        path: PathBuf,
        /// It was ours once.
        sealed: bool,
    },
    /// The system does not let it.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// What stands where a skill belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing.
    Absent,
    /// What would be written.
    Current,
    /// Ours and unchanged, but not what would be written now.
    Older,
    /// Ours, and then changed by somebody.
    Changed,
    /// Not ours.
    Foreign,
}

/// A folder of skills.
#[derive(Clone, Debug)]
pub struct Folder {
    /// What the person named, or what is theirs without doubt. Links in it are followed.
    base: PathBuf,
    /// Folders below it, in which no link is followed.
    below: Vec<&'static str>,
}

impl Folder {
    /// This one.
    pub fn at(path: PathBuf) -> Self {
        Self { base: path, below: Vec::new() }
    }

    /// The one in which assistants look for skills, below a home or the top of a repository.
    pub fn usual(base: PathBuf) -> Self {
        Self { base, below: vec![".claude", "skills"] }
    }

    /// Its path.
    pub fn path(&self) -> PathBuf {
        self.below.iter().fold(self.base.clone(), |path, name| path.join(name))
    }

    /// The file of a skill.
    pub fn file(&self, skill: &str) -> PathBuf {
        self.path().join(skill).join(FILE)
    }

    /// What stands where the skill belongs.
    ///
    /// # Errors
    /// A link, or what the system says.
    pub fn look(&self, skill: &str, text: &str) -> Result<Found, Error> {
        let Some(folder) = self.open(Some(skill), false)? else { return Ok(Found::Absent) };
        self.judge(&folder, skill, text)
    }

    /// Writes the skill, unless what stands there is the person's and `force` is not given. What it found before.
    ///
    /// # Errors
    /// [`Error::Theirs`], a link, or what the system says; then nothing has changed.
    pub fn install(&self, skill: &str, text: &str, force: bool) -> Result<Found, Error> {
        let file = &self.file(skill);
        let io = |doing| move |why: Errno| Error::Io { doing, path: file.clone(), source: why.into() };
        let folder = self.open(Some(skill), true)?.ok_or_else(|| io("make")(Errno::NOENT))?;
        let _locked = self.lock(&folder, skill)?;
        let found = self.judge(&folder, skill, text)?;
        match found {
            Found::Current => return Ok(found),
            Found::Absent | Found::Older => {}
            Found::Changed | Found::Foreign => self.may_touch(skill, found, force)?,
        }
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // What a process that died left behind.
        match rustix::fs::unlinkat(&folder, NEW_FILE, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(why) => return Err(io("write")(why)),
        }
        let new =
            rustix::fs::openat(&folder, NEW_FILE, flags, Mode::from_raw_mode(0o666)).map_err(io("write"))?;
        let mut new = File::from(new);
        let written = new.write_all(sealed(text).as_bytes()).and_then(|()| new.sync_all());
        let written = written.map_err(|source| Error::Io { doing: "write", path: file.clone(), source });
        let renamed = written.and_then(|()| {
            rustix::fs::renameat(&folder, NEW_FILE, &folder, FILE).map_err(io("write"))?;
            rustix::fs::fsync(&folder).map_err(io("write"))
        });
        if renamed.is_err() {
            // Half a file is of use to nobody; that it cannot be taken away is not what went wrong.
            let _ = rustix::fs::unlinkat(&folder, NEW_FILE, AtFlags::empty());
        }
        renamed.map(|()| found)
    }

    /// Takes the skill away, unless it is the person's and `force` is not given. What it found before.
    ///
    /// # Errors
    /// [`Error::Theirs`], a link, or what the system says; then nothing has changed.
    pub fn remove(&self, skill: &str, force: bool) -> Result<Found, Error> {
        let Some(folder) = self.open(Some(skill), false)? else { return Ok(Found::Absent) };
        let _locked = self.lock(&folder, skill)?;
        let found = self.judge(&folder, skill, "")?;
        match found {
            Found::Absent => return Ok(found),
            Found::Current | Found::Older => {}
            Found::Changed | Found::Foreign => self.may_touch(skill, found, force)?,
        }
        let path = self.file(skill);
        let io = |why: Errno| Error::Io { doing: "remove", path: path.clone(), source: why.into() };
        rustix::fs::unlinkat(&folder, FILE, AtFlags::empty()).map_err(io)?;
        if let Some(all) = self.open(None, false)? {
            // It stays when the person has put something else into it.
            let _ = rustix::fs::unlinkat(&all, skill, AtFlags::REMOVEDIR);
        }
        Ok(found)
    }

    fn may_touch(&self, skill: &str, found: Found, force: bool) -> Result<(), Error> {
        if force {
            return Ok(());
        }
        Err(Error::Theirs { path: self.file(skill), sealed: found == Found::Changed })
    }

    /// Nobody else writes in the folder of a skill while this is held.
    fn lock(&self, folder: &OwnedFd, skill: &str) -> Result<OwnedFd, Error> {
        let failed =
            |why: Errno| Error::Io { doing: "lock", path: self.path().join(skill), source: why.into() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = rustix::fs::openat(folder, ".", flags, Mode::empty()).map_err(failed)?;
        rustix::fs::flock(&own, FlockOperation::LockExclusive).map_err(failed)?;
        Ok(own)
    }

    /// The folder, or that of a skill in it; nothing if it is not there and not to be made.
    fn open(&self, skill: Option<&str>, make: bool) -> Result<Option<OwnedFd>, Error> {
        let io = |doing, path: &Path, source| Error::Io { doing, path: path.to_owned(), source };
        if make {
            std::fs::create_dir_all(&self.base).map_err(|why| io("make", &self.base, why))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at = match rustix::fs::open(&self.base, flags, Mode::empty()) {
            Ok(base) => base,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR) => return Err(Error::NotOne { path: self.base.clone(), expected: "folder" }),
            Err(why) => return Err(io("open", &self.base, why.into())),
        };
        let mut path = self.base.clone();
        for name in self.below.iter().copied().chain(skill) {
            path.push(name);
            if make {
                match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(why) => return Err(io("make", &path, why.into())),
                }
            }
            at = match rustix::fs::openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(not_one(at.as_fd(), name, path, "folder")),
                Err(why) => return Err(io("open", &path, why.into())),
            };
        }
        Ok(Some(at))
    }

    fn judge(&self, folder: &OwnedFd, skill: &str, text: &str) -> Result<Found, Error> {
        let path = self.file(skill);
        let io = |source| Error::Io { doing: "read", path: path.clone(), source };
        // A pipe that stands there must not hold us up.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(folder, FILE, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(Found::Absent),
            Err(Errno::LOOP) => return Err(Error::Link { path }),
            Err(why) => return Err(io(why.into())),
        };
        if !file.metadata().map_err(io)?.is_file() {
            return Err(Error::NotOne { path, expected: "file" });
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
        let Ok(theirs) = String::from_utf8(bytes) else { return Ok(Found::Foreign) };
        // A checkout may have turned the ends of lines; that is no change of anybody's.
        Ok(compare(&theirs.replace("\r\n", "\n"), text))
    }
}

fn not_one(at: std::os::fd::BorrowedFd<'_>, name: &str, path: PathBuf, expected: &'static str) -> Error {
    let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
    match stat.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Symlink) => Error::Link { path },
        _ => Error::NotOne { path, expected },
    }
}

/// The text as it is written: with its seal.
fn sealed(text: &str) -> String {
    let body = format!("{}\n\n", text.trim_end());
    let sum = sum(&body);
    format!("{body}{}{sum}{}\n", SEAL[0], SEAL[1])
}

fn sum(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn compare(theirs: &str, text: &str) -> Found {
    if theirs == sealed(text) {
        return Found::Current;
    }
    let end = theirs.trim_end();
    let seal = end.rfind(SEAL[0]).filter(|_| end.ends_with(SEAL[1]));
    let Some(at) = seal else {
        return if theirs.contains(SEAL[0]) { Found::Changed } else { Found::Foreign };
    };
    let said = &end[at + SEAL[0].len()..end.len() - SEAL[1].len()];
    if said == sum(&theirs[..at]) { Found::Older } else { Found::Changed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::usual(dir.path().join("repo"));
        (dir, folder)
    }

    #[test]
    fn what_is_ours_is_replaced_and_what_is_theirs_is_left() {
        let (_dir, folder) = place();
        assert_eq!(folder.look("one", "a").unwrap(), Found::Absent);
        assert_eq!(folder.install("one", "a", false).unwrap(), Found::Absent);
        assert_eq!(folder.install("one", "a", false).unwrap(), Found::Current);
        assert_eq!(folder.install("one", "b\nc\n", false).unwrap(), Found::Older);
        let file = folder.file("one");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("b\nc\n\n<!-- Written by convoy"), "{text}");

        std::fs::write(&file, text.replace('\n', "\r\n")).unwrap();
        assert_eq!(folder.look("one", "b\nc").unwrap(), Found::Current, "a checkout turns line ends");
        for changed in [text.replace("\nc\n", "\nd\n"), format!("{text}more\n"), format!("x{text}")] {
            std::fs::write(&file, &changed).unwrap();
            assert_eq!(folder.look("one", "b\nc").unwrap(), Found::Changed, "{changed}");
            assert!(matches!(folder.install("one", "z", false), Err(Error::Theirs { sealed: true, .. })));
            assert!(matches!(folder.remove("one", false), Err(Error::Theirs { sealed: true, .. })));
            assert_eq!(std::fs::read_to_string(&file).unwrap(), changed);
        }
        assert_eq!(folder.install("one", "z", true).unwrap(), Found::Changed);
        assert_eq!(folder.look("one", "z").unwrap(), Found::Current);

        std::fs::write(&file, b"their own \xff").unwrap();
        assert!(matches!(folder.install("one", "z", false), Err(Error::Theirs { sealed: false, .. })));
        assert_eq!(folder.remove("one", true).unwrap(), Found::Foreign);
        assert!(!file.parent().unwrap().exists(), "its empty folder goes too");
        assert_eq!(folder.remove("one", false).unwrap(), Found::Absent);
    }

    #[test]
    fn a_folder_with_something_else_in_it_stays() {
        let (_dir, folder) = place();
        folder.install("one", "a", false).unwrap();
        let other = folder.file("one").with_file_name("notes.txt");
        std::fs::write(&other, "mine").unwrap();
        assert_eq!(folder.remove("one", false).unwrap(), Found::Older);
        assert!(other.exists() && !folder.file("one").exists());
    }

    #[test]
    fn no_link_leads_out() {
        for (n, at) in [".claude", ".claude/skills", ".claude/skills/one", ".claude/skills/one/SKILL.md"]
            .iter()
            .enumerate()
        {
            let (dir, folder) = place();
            let outside = dir.path().join("outside");
            std::fs::create_dir_all(&outside).unwrap();
            std::fs::write(outside.join("file"), "theirs").unwrap();
            let link = dir.path().join("repo").join(at);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            let target = if n == 3 { outside.join("file") } else { outside.clone() };
            symlink(target, &link).unwrap();
            for force in [false, true] {
                assert!(
                    matches!(folder.install("one", "a", force), Err(Error::Link { path }) if path == link),
                    "{at}"
                );
                assert!(matches!(folder.remove("one", force), Err(Error::Link { .. })), "{at}");
            }
            assert!(matches!(folder.look("one", "a"), Err(Error::Link { .. })), "{at}");
            let left: Vec<_> = std::fs::read_dir(&outside).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(left, ["file"], "{at}");
            assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), "theirs");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let (_dir, folder) = place();
        let file = folder.file("one");
        std::fs::create_dir_all(&file).unwrap();
        assert!(matches!(folder.install("one", "a", true), Err(Error::NotOne { expected: "file", .. })));
        std::fs::remove_dir(&file).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(matches!(folder.install("one", "a", true), Err(Error::NotOne { expected: "file", .. })));
    }

    #[test]
    fn what_a_dead_process_left_does_not_matter() {
        let (dir, folder) = place();
        folder.install("one", "a", false).unwrap();
        // Even a link that somebody has put there under the name.
        symlink(dir.path().join("outside"), folder.file("one").with_file_name(NEW_FILE)).unwrap();
        assert_eq!(folder.install("one", "b", false).unwrap(), Found::Older);
        assert_eq!(folder.look("one", "b").unwrap(), Found::Current);
        assert!(!dir.path().join("outside").exists());
    }
}
