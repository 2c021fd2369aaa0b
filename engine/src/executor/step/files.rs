//! Files that an agent may have made: read so that nothing else is read in their place, and nothing waits.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// The largest report, in bytes: a book.
pub(super) const REPORT_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// How much of the end of an agent's output is looked at for its last words.
const TAIL_BYTES: u64 = 16 * 1024 * 1024;
/// How often a folder is made whose parent goes meanwhile. Each time another session has to end in that moment, and no
/// convoy has as many that do.
const TRIES_MAX: usize = 1000;

/// The text of a file in a folder that an agent wrote in; nothing if there is no such file.
///
/// # Errors
/// Says what is wrong with it, in words for the agent.
pub(in crate::executor) fn text(folder: &Path, name: &str) -> Result<Option<String>, String> {
    match bytes(folder, name)? {
        None => Ok(None),
        Some(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| format!("{name} is no text: it is not UTF-8"))?;
            Ok(Some(text))
        }
    }
}

/// The same, with nothing for an empty file, or one of nothing but blanks.
pub(super) fn filled(folder: &Path, name: &str) -> Result<Option<String>, String> {
    Ok(text(folder, name)?.filter(|text| !text.trim().is_empty()))
}

fn bytes(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, String> {
    let opened = open(folder, name);
    let file = match opened {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
            return Err(format!("{name} is a link, and not a file of its own"));
        }
        Err(error) => return Err(format!("{name} cannot be read: {error}")),
    };
    let facts = file.metadata().map_err(|error| format!("{name} cannot be read: {error}"))?;
    if !facts.is_file() {
        return Err(format!("{name} is not a plain file"));
    }
    // Another name of it may be anywhere, and whatever is written there changes it afterwards.
    if facts.nlink() != 1 {
        return Err(format!("{name} has another name elsewhere, and is not a file of its own"));
    }
    let mut bytes = Vec::new();
    let read = file.take(REPORT_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("{name} cannot be read: {error}"))?;
    if bytes.len() as u64 > REPORT_BYTES_MAX {
        return Err(format!("{name} is longer than {REPORT_BYTES_MAX} bytes"));
    }
    Ok(Some(bytes))
}

/// Opens a file right in a folder. Neither the folder nor the file may be a link; a pipe is not waited for.
fn open(folder: &Path, name: &str) -> Result<File, rustix::io::Errno> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags | OFlags::DIRECTORY | OFlags::PATH, Mode::empty())?;
    let file = rustix::fs::openat(&folder, name, flags | OFlags::NONBLOCK | OFlags::RDONLY, Mode::empty())?;
    Ok(File::from(file))
}

/// The end of what was printed; empty if there is nothing.
pub(super) fn tail(folder: &Path, name: &str) -> String {
    let read = || -> Option<Vec<u8>> {
        let mut file = open(folder, name).ok()?;
        let facts = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        file.seek(SeekFrom::Start(facts.len().saturating_sub(TAIL_BYTES))).ok()?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// Makes a folder that is empty, for this user only, and its parents.
///
/// Sessions of a convoy share the parent, and whoever ends last removes it when it is empty: that may be between the
/// moment when it is made here and the one when this folder is made in it.
pub(super) fn fresh(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let make = || std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    // Somebody else has removed the parent after it was made, or after it was seen to be there.
    let lost = |made: &std::io::Result<()>| {
        made.as_ref()
            .is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists))
    };
    (1..TRIES_MAX).map(|_| make()).find(|made| !lost(made)).unwrap_or_else(make)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn only_a_file_of_its_own_is_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        fs::create_dir(&folder).unwrap();
        let secret = root.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, folder.join("link.md")).unwrap();
        fs::hard_link(&secret, folder.join("hard.md")).unwrap();
        fs::create_dir(folder.join("folder.md")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.join("pipe.md"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .unwrap();
        fs::write(folder.join("bytes.md"), b"\xff\xfe").unwrap();
        fs::write(folder.join("empty.md"), " \n\t").unwrap();
        fs::write(folder.join("good.md"), "# Ü\n").unwrap();
        let large = File::create(folder.join("large.md")).unwrap();
        large.set_len(REPORT_BYTES_MAX + 1).unwrap();
        for (name, why) in [
            ("link.md", "a link"),
            ("hard.md", "another name"),
            ("folder.md", "not a plain file"),
            ("pipe.md", "not a plain file"),
            ("bytes.md", "UTF-8"),
            ("large.md", "longer"),
        ] {
            let error = filled(&folder, name).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(filled(&folder, "none.md"), Ok(None));
        assert_eq!(filled(&folder, "empty.md"), Ok(None));
        assert_eq!(filled(&folder, "good.md"), Ok(Some("# Ü\n".to_owned())));
        symlink(&folder, root.path().join("other")).unwrap();
        assert!(filled(&root.path().join("other"), "good.md").is_err(), "its folder is a link");
    }

    #[test]
    fn a_folder_is_made_while_others_that_end_remove_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("out/.tmp");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = fs::remove_dir(&parent);
                }
            });
            let make = |name: &str| -> std::io::Result<()> {
                for n in 0..2000 {
                    let mine = parent.join(format!("{name}-{n}"));
                    fresh(&mine)?;
                    fs::remove_dir(&mine)?;
                }
                Ok(())
            };
            let other = scope.spawn(move || make("a"));
            let made = [make("b"), other.join().unwrap()];
            done.store(true, Ordering::Relaxed);
            made.into_iter().for_each(|made| made.unwrap());
        });
    }
}
