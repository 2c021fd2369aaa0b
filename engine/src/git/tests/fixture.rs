//! A temporary home with a repository, and an agent that does as it is told.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::git::workdir::{self, Base, Request, Root, Workdir};
use crate::git::*;
use crate::os::spawn::{self, Environment};

pub(super) struct World {
    _temp: tempfile::TempDir,
    pub(super) home: PathBuf,
    pub(super) git: Git,
    pub(super) at: PathBuf,
    pub(super) root: Root,
}

pub(super) fn identity() -> Identity {
    Identity::new("Agent O'Brian \"x\" \\ y", "agent@convoy").unwrap()
}

pub(super) fn message() -> Message {
    Message::new("Do the\nthing").trailer("Convoy-Session", "s-1").unwrap()
}

pub(super) fn branch(name: &str) -> Branch {
    Branch::new(name).unwrap()
}

pub(super) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

impl World {
    /// A repository on `main` with two commits, in folders whose names need care.
    pub(super) fn new() -> Self {
        let world = Self::empty(&["--initial-branch=main"]);
        world.write("a.txt", "one\ntwo\nthree\n");
        world.write("dir with space/b.txt", "b\n");
        world.run(&["add", "-A"]);
        world.run(&["commit", "-q", "-m", "first"]);
        world.write("c.txt", "c\n");
        world.run(&["add", "-A"]);
        world.run(&["commit", "-q", "-m", "second"]);
        world
    }

    pub(super) fn empty(init: &[&str]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let home = fs::canonicalize(temp.path()).unwrap().join("home's \"q\"\n #x é");
        fs::create_dir(&home).unwrap();
        let path = std::env::vars_os().find(|(name, _)| name == "PATH").unwrap();
        let git = Git::new(&Environment::new([path, ("HOME".into(), home.clone().into())])).unwrap();
        let at = home.join("re po");
        fs::create_dir(&at).unwrap();
        let root = Root::open(&home.join("work dirs")).unwrap();
        let world = Self { _temp: temp, home, git, at, root };
        world.run(&[&["init", "-q"], init].concat());
        world
    }

    pub(super) fn repo(&self) -> Repo {
        Repo::open(&self.git, &self.at).unwrap()
    }

    /// Git as a person or an agent runs it.
    pub(super) fn try_git(&self, folder: &Path, args: &[&str]) -> (bool, String) {
        let path = std::env::vars_os().find(|(name, _)| name == "PATH").unwrap().1;
        let mut command = spawn::command("git");
        command.env("PATH", path).env("HOME", &self.home).current_dir(folder);
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "P").env(format!("GIT_{role}_EMAIL"), "p@x");
        }
        let output = command.args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim_end().to_owned())
    }

    pub(super) fn git(&self, folder: &Path, args: &[&str]) -> String {
        let (good, text) = self.try_git(folder, args);
        assert!(good, "git {args:?}: {text}");
        text
    }

    pub(super) fn run(&self, args: &[&str]) -> String {
        self.git(&self.at, args)
    }

    pub(super) fn oid(&self, name: &str) -> Oid {
        Oid::new(&self.run(&["rev-parse", "--verify", name])).unwrap()
    }

    pub(super) fn write(&self, name: impl AsRef<OsStr>, text: &str) {
        write(&self.at, name, text);
    }

    pub(super) fn request(&self, name: &str) -> Request {
        Request {
            key: key(name),
            base: Base::Commit(self.oid("main")),
            base_branch: Some(branch("main")),
            branch: Some(branch(&format!("convoy/c/{name}"))),
            onto: None,
            continue_from: None,
            wip: None,
            identity: identity(),
        }
    }

    pub(super) fn workdir(&self, name: &str) -> Workdir {
        workdir::create(&self.repo(), &self.root, &self.request(name)).unwrap()
    }

    pub(super) fn collect(&self, workdir: &Workdir) -> Evidence {
        collect(&self.repo(), &self.root, workdir, &identity(), &message()).unwrap()
    }

    pub(super) fn salvage(&self, workdir: &Workdir) -> Salvage {
        salvage(&self.repo(), &self.root, workdir, &identity(), &message()).unwrap()
    }

    /// A workdir in which an agent wrote one file and committed it; gives its tip.
    pub(super) fn worked(&self, name: &str, file: &str, text: &str) -> Oid {
        let workdir = self.workdir(name);
        self.commit(&workdir.path, file, text);
        self.collect(&workdir).tip
    }

    pub(super) fn commit(&self, folder: &Path, file: &str, text: &str) {
        write(folder, file, text);
        self.git(folder, &["add", "-A"]);
        self.git(folder, &["commit", "-q", "-m", "work"]);
    }

    pub(super) fn prepare(&self, tip: &Oid) -> Merge {
        prepare(&self.repo(), &branch("main"), tip, &identity(), &message()).unwrap()
    }

    pub(super) fn prepared(&self, tip: &Oid) -> (Option<Oid>, Oid) {
        match self.prepare(tip) {
            Merge::Prepared { base, commit } => (base, commit),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn advance(&self, from: Option<&Oid>, to: &Oid) -> Advance {
        advance(&self.repo(), &branch("main"), from, to).unwrap()
    }
}

pub(super) fn write(folder: &Path, name: impl AsRef<OsStr>, text: &str) {
    let path = folder.join(name.as_ref());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
