//! Confinement: a process that may write only below given folders, it and all that it starts.
//!
//! It is Landlock, a part of the Linux kernel that any process may use on itself. Reading stays free, and so does the
//! network. What is refused is to write, make, remove, cut, rename or link anything outside of the folders, to send a
//! signal to a process outside of the confinement, and to look into one. Who runs it does not matter: it holds for root
//! too. What it does not cover are a file's mode, owner and times.
//!
//! It is best effort: a kernel without it confines nothing, an older one less, and [`support`] says which. What a kernel
//! cannot do is no reason to refuse to work; that it goes wrong in another way is.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};

use super::spawn;

/// What the rules were written for, that of Linux 6.12. A newer kernel refuses no more than this.
const WANTED: ABI = ABI::V6;
/// The least that is worth having: that of Linux 5.13, which lets files be cut and devices be asked.
const LEAST: ABI = ABI::V1;
/// What programs need of the system beside their folders: devices that keep nothing, terminals, and memory that
/// processes share.
const SYSTEM: [&str; 9] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];
/// The status with which a shell says that a program cannot be run.
const STATUS_CANNOT: u8 = 126;

/// How much of the confinement a system can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confinement {
    /// All of it.
    Full,
    /// Writing is refused, and not all of the rest.
    Partial,
    /// Nothing: the kernel has no Landlock, or whoever runs this one withholds it.
    None,
}

/// The rules could not be made for a reason other than an old kernel.
#[derive(Debug, thiserror::Error)]
#[error("the confinement cannot be set up")]
pub struct Error(#[from] RulesetError);

/// What is refused outside of the folders.
fn refused(abi: ABI) -> BitFlags<AccessFs> {
    AccessFs::from_write(abi)
}

/// What is let through below a folder. Not making devices: whoever is root would make that of the disk.
fn granted() -> BitFlags<AccessFs> {
    refused(WANTED) & !make_bitflags!(AccessFs::{MakeChar | MakeBlock})
}

/// What the system that this process runs on can do.
pub fn support() -> Confinement {
    let can = |abi: ABI| {
        let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let rules = rules.handle_access(refused(abi)).and_then(|rules| match abi {
            ABI::V6 => rules.scope(Scope::from_all(abi)),
            _ => Ok(rules),
        });
        rules.and_then(Ruleset::create).is_ok()
    };
    if can(WANTED) {
        Confinement::Full
    } else if can(LEAST) {
        Confinement::Partial
    } else {
        Confinement::None
    }
}

/// Confines this thread, and whatever it starts from now on, for good. Folders that are not there are left out.
///
/// # Errors
/// When something fails that has nothing to do with the age of the kernel.
pub fn confine(write: &[PathBuf]) -> Result<Confinement, Error> {
    let mut rules =
        Ruleset::default().handle_access(refused(WANTED))?.scope(Scope::from_all(WANTED))?.create()?;
    for path in write.iter().map(PathBuf::as_path).chain(SYSTEM.map(Path::new)) {
        let (Ok(facts), Ok(place)) = (path.metadata(), PathFd::new(path)) else { continue };
        let access = if facts.is_dir() { granted() } else { granted() & AccessFs::from_file(WANTED) };
        rules = rules.add_rule(PathBeneath::new(place, access))?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Confinement::Full,
        RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    })
}

/// Becomes another program that may write only below these folders. Returns only when that cannot be: the exit status
/// then, and why.
pub fn become_confined(
    write: &[PathBuf],
    program: &Path,
    name: &OsStr,
    arguments: &[OsString],
) -> (u8, String) {
    match confine(write) {
        // Its output is kept, so that whoever looks into it knows what held and what did not.
        Ok(Confinement::None) => note("this system cannot confine programs; it runs with all rights"),
        Ok(Confinement::Full | Confinement::Partial) => {}
        Err(error) => return (STATUS_CANNOT, crate::explain(&error)),
    }
    let error = spawn::become_program(program, name, arguments);
    (STATUS_CANNOT, format!("{}: {error}", program.display()))
}

#[expect(
    clippy::print_stderr,
    reason = "this process is about to be another's; it has no other place to speak"
)]
fn note(text: &str) {
    eprintln!("convoy: {text}");
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// In a thread of its own, which stays confined.
    fn confined<T: Send>(write: &[PathBuf], deed: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                assert_eq!(confine(write).unwrap(), support());
                deed()
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn only_the_given_folders_can_be_written() {
        if support() == Confinement::None {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["mine", "theirs"] {
            fs::create_dir(at(folder)).unwrap();
            fs::write(at(folder).join("file"), "before").unwrap();
        }
        fs::write(at("one"), "before").unwrap();
        symlink(at("theirs/file"), at("mine/link")).unwrap();
        let refused = confined(&[at("mine"), at("one"), at("missing")], || {
            fs::write(at("mine/file"), "after").unwrap();
            fs::write(at("one"), "after").unwrap();
            fs::create_dir(at("mine/folder")).unwrap();
            fs::rename(at("mine/file"), at("mine/folder/moved")).unwrap();
            fs::remove_file(at("mine/folder/moved")).unwrap();
            fs::write("/dev/null", "gone").unwrap();
            assert_eq!(fs::read_to_string(at("theirs/file")).unwrap(), "before");
            [
                ("write", fs::write(at("theirs/file"), "after").err()),
                ("make", fs::write(at("theirs/new"), "after").err()),
                ("above", fs::write(at("new"), "after").err()),
                ("folder", fs::create_dir(at("theirs/folder")).err()),
                ("remove", fs::remove_file(at("theirs/file")).err()),
                ("take", fs::rename(at("theirs/file"), at("mine/taken")).err()),
                ("give", fs::rename(at("mine/link"), at("theirs/given")).err()),
                ("link", fs::hard_link(at("theirs/file"), at("mine/linked")).err()),
                ("by a link", fs::write(at("mine/link"), "after").err()),
                ("symlink", symlink("/", at("theirs/link")).err()),
            ]
        });
        for (what, error) in refused {
            assert!(error.is_some(), "{what} was let through");
        }
        assert_eq!(fs::read_to_string(at("theirs/file")).unwrap(), "before");
        assert_eq!(fs::read_dir(at("theirs")).unwrap().count(), 1);
        // The confinement ended with its thread.
        fs::write(at("theirs/file"), "after").unwrap();
    }

    #[test]
    fn nobody_outside_can_be_signalled() {
        if support() != Confinement::Full {
            return;
        }
        let mut outside = spawn::command("/bin/cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&outside);
        let signal = || rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        assert_eq!(confined(&[], signal), Err(rustix::io::Errno::PERM));
        signal().unwrap();
        outside.wait().unwrap();
    }
}
