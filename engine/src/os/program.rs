//! Finding a program and saying whether the system can run it at all, before a process is made for it.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where `name` is: itself if it has a slash, else the first executable of that name in `path`, as a shell would
/// look. `None` if it is nowhere.
pub fn find(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|file| executable(file));
    }
    std::env::split_paths(path?)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| executable(file))
}

fn executable(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// How many bytes of a program's beginning say what it is: the ELF identification, type and machine.
const HEADER_BYTES: usize = 20;

/// Whether the system can run this file: a script with an interpreter, or a binary like the one that runs now.
///
/// The C library would hand anything else to a shell, which then reads it as a script and does whatever that
/// means. Files that only a handler registered with the kernel can run are let through.
pub fn runnable(file: &Path) -> bool {
    let header = |file: &Path| -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(file).ok()?.take(HEADER_BYTES as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    // A program may be executable without being readable; the system will tell.
    let Some(theirs) = header(file) else { return true };
    // Bytes 4 and 5 are word size and byte order, 18 and 19 the machine. One of another word size may still run.
    let native = || {
        let Some(ours) = header(Path::new("/proc/self/exe")) else { return true };
        let same = |range: std::ops::Range<usize>| ours.get(range.clone()) == theirs.get(range);
        theirs.starts_with(b"\x7fELF") && same(5..6) && (same(18..20) || !same(4..5))
    };
    theirs.starts_with(b"#!") || native() || foreign_handlers()
}

fn foreign_handlers() -> bool {
    std::fs::read_dir("/proc/sys/fs/binfmt_misc").is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name() != "register" && entry.file_name() != "status")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_programs_from_other_files() {
        let sh = find("sh", Some(OsStr::new("/nowhere:/bin:/usr/bin"))).unwrap();
        assert!(runnable(&sh));
        assert_eq!(find("no-such-program", Some(OsStr::new("/bin"))), None);
        assert_eq!(find("sh", None), None);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("program");
        std::fs::write(&file, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff").unwrap();
        assert!(!runnable(&file) || foreign_handlers());
        std::fs::write(&file, b"garbage").unwrap();
        assert!(!runnable(&file) || foreign_handlers());
    }
}
