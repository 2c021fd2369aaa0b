//! The git program: found once, and run in an environment of our own.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convoy_core::time::Span;

use super::error::{Error, Result, printable, said};
use super::names::Identity;
use super::pipe::{self, End};
use crate::clock::{self, Instant};
use crate::os::spawn::{self, Environment};

/// A version of git.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version(pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The first version with `merge-tree --write-tree`.
pub const VERSION_MIN: Version = Version(2, 38);
/// The first version with `--attr-source`.
const VERSION_ATTR_SOURCE: Version = Version(2, 41);

/// How long one command may take; a clone of a big repository on a slow disk takes minutes.
const LIMIT_DEFAULT_MS: i64 = 10 * 60 * 1000;
/// How much of one command's output is read. A listing of 500,000 files is about 50 MB.
const OUTPUT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Configuration that holds for every command, whatever the person's or the repository's says.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "merge.autoStash=false",
    "rerere.enabled=false",
    "submodule.recurse=false",
    "fetch.writeCommitGraph=false",
    "i18n.commitEncoding=UTF-8",
    "protocol.version=2",
    "protocol.allow=never",
    "protocol.file.allow=always",
];

/// What of the person's own configuration decides how files look in a workdir, and what is ignored.
const PERSONAL: &[&str] = &["core.autocrlf", "core.eol", "core.excludesfile"];

/// The git program of this machine.
#[derive(Clone, Debug)]
pub struct Git(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    version: Version,
    environment: Vec<(OsString, OsString)>,
    personal: Vec<OsString>,
    limit: Span,
}

impl Git {
    /// Finds git on the PATH of `environment`, whose home is where the person's configuration is read.
    ///
    /// # Errors
    /// `NotFound`, `TooOld`, or what running it gave.
    pub fn new(environment: &Environment) -> Result<Self> {
        Self::with_limit(environment, Span::from_millis(LIMIT_DEFAULT_MS))
    }

    /// As `new`, with another limit for each command.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_limit(environment: &Environment, limit: Span) -> Result<Self> {
        let mut git = Self::unasked(environment, limit)?;
        let version = git.find_version()?;
        if version < VERSION_MIN {
            return Err(Error::TooOld { found: version, needed: VERSION_MIN });
        }
        let personal = git.find_personal()?;
        let inner = Arc::get_mut(&mut git.0).expect("nobody else has it yet");
        (inner.version, inner.personal) = (version, personal);
        Ok(git)
    }

    /// Finds git, and asks nothing of it: for what every version can do to a repository without a work tree.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn unasked(environment: &Environment, limit: Span) -> Result<Self> {
        let path = environment.get("PATH").ok_or(Error::NotFound)?;
        let program = std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("git"))
            .find(|file| file.is_file())
            .ok_or(Error::NotFound)?;
        let mut inherited: Vec<(OsString, OsString)> = ["PATH", "HOME", "XDG_CONFIG_HOME"]
            .into_iter()
            .filter_map(|name| Some((name.into(), environment.get(name)?.to_owned())))
            .collect();
        for (name, value) in [
            ("LANG", "C.UTF-8"),
            ("LC_ALL", "C.UTF-8"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_DEFAULT_REF_FORMAT", "files"),
            ("GIT_ADVICE", "0"),
            ("GIT_EDITOR", "false"),
        ] {
            inherited.push((name.into(), value.into()));
        }
        let (version, personal) = (Version(0, 0), Vec::new());
        Ok(Self(Arc::new(Inner { program, version, environment: inherited, personal, limit })))
    }

    /// Which version it is.
    pub fn version(&self) -> Version {
        self.0.version
    }

    fn find_version(&self) -> Result<Version> {
        let text = self.call("version", Path::new("/")).text()?;
        let mut numbers = text.trim_start_matches("git version ").split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Version(major, minor)),
            _ => Err(Error::Output { command: "version".into(), text: printable(text.as_bytes(), 80) }),
        }
    }

    fn find_personal(&self) -> Result<Vec<OsString>> {
        // In the root folder there is no repository, so this is the system's and the person's configuration.
        let mut call = self.call("config", Path::new("/"));
        call.env("GIT_DIR", "/dev/null").args(["-z", "--includes", "--type=path", "--get-regexp"]);
        let pattern = format!("^({})$", PERSONAL.join("|").replace('.', "\\."));
        let output = call.arg(pattern).accept(&[1]).output()?;
        Ok(output
            .stdout
            .split(|b| *b == 0)
            .filter_map(|entry| {
                let cut = entry.iter().position(|b| *b == b'\n')?;
                let mut setting = entry.to_vec();
                setting[cut] = b'=';
                Some(OsStr::from_bytes(&setting).to_owned())
            })
            .collect())
    }

    /// Options that make git read attributes from a commit, where it can.
    pub(super) fn attributes_of(&self, oid: &super::Oid) -> Option<OsString> {
        (self.version() >= VERSION_ATTR_SOURCE).then(|| format!("--attr-source={oid}").into())
    }

    /// A command that runs in `folder`.
    pub(super) fn call(&self, name: &'static str, folder: &Path) -> Call<'_> {
        Call {
            git: self,
            name,
            folder: folder.to_owned(),
            options: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            input: Vec::new(),
            accepted: &[],
        }
    }
}

/// What a command printed.
pub(super) struct Output {
    /// Its exit status; only 0 and those that were accepted get here.
    pub(super) code: i32,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// One git command before it runs.
pub(super) struct Call<'a> {
    git: &'a Git,
    name: &'static str,
    folder: PathBuf,
    options: Vec<OsString>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    accepted: &'static [i32],
}

impl Call<'_> {
    pub(super) fn arg(&mut self, arg: impl Into<OsString>) -> &mut Self {
        self.args.push(arg.into());
        self
    }
    pub(super) fn args<T: Into<OsString>>(&mut self, args: impl IntoIterator<Item = T>) -> &mut Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
    /// An option of git itself, before the command's name.
    pub(super) fn option(&mut self, option: impl Into<OsString>) -> &mut Self {
        self.options.push(option.into());
        self
    }
    pub(super) fn env(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }
    /// What the command reads.
    pub(super) fn input(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.input = bytes.into();
        self
    }
    /// Exit statuses other than 0 that are answers, not failures.
    pub(super) fn accept(&mut self, codes: &'static [i32]) -> &mut Self {
        self.accepted = codes;
        self
    }
    /// Uses this git directory, without looking for one.
    pub(super) fn git_dir(&mut self, path: &Path) -> &mut Self {
        let mut option = OsString::from("--git-dir=");
        option.push(path);
        self.option(option)
    }
    /// Uses this work tree.
    pub(super) fn work_tree(&mut self, path: &Path) -> &mut Self {
        let mut option = OsString::from("--work-tree=");
        option.push(path);
        self.option(option)
    }
    /// Reads no configuration of the system or the person, but for how files look: no filter, driver or
    /// helper that is configured anywhere can run.
    pub(super) fn isolated(&mut self) -> &mut Self {
        for setting in &self.git.0.personal {
            self.options.push("-c".into());
            self.options.push(setting.clone());
        }
        self.env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
    }
    /// Commits under this name, now.
    pub(super) fn identity(&mut self, identity: &Identity) -> &mut Self {
        let seconds = clock::now().as_millis().div_euclid(1000);
        self.identity_at(identity, &format!("@{seconds} +0000"))
    }
    /// Commits under this name, at this time.
    pub(super) fn identity_at(&mut self, identity: &Identity, date: &str) -> &mut Self {
        for role in ["AUTHOR", "COMMITTER"] {
            self.env(&format!("GIT_{role}_NAME"), identity.name());
            self.env(&format!("GIT_{role}_EMAIL"), identity.email());
            self.env(&format!("GIT_{role}_DATE"), date);
        }
        self
    }

    /// Runs it.
    pub(super) fn output(&mut self) -> Result<Output> {
        let spawn_error = |source| Error::Spawn { command: self.name.to_owned(), source };
        let mut command = spawn::command(&self.git.0.program);
        command.envs(self.git.0.environment.iter().map(|(n, v)| (n, v)));
        command.current_dir(&self.folder);
        command.env("GIT_CEILING_DIRECTORIES", self.folder.parent().unwrap_or(&self.folder));
        command.envs(self.env.iter().map(|(n, v)| (n, v)));
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        command.arg("--literal-pathspecs").args(&self.options).arg(self.name).args(&self.args);
        let limit = self.git.0.limit;
        let end = pipe::run(&mut command, &self.input, Instant::now().plus(limit), OUTPUT_BYTES_MAX);
        let (status, stdout, stderr) = match end.map_err(spawn_error)? {
            End::Exited { status, stdout, stderr } => (status, stdout, stderr),
            End::TimedOut => {
                let limit_s = u64::try_from(limit.as_millis() / 1000).unwrap_or_default();
                return Err(Error::TimedOut { command: self.name.to_owned(), limit_s });
            }
            End::TooLarge => {
                let (command, limit_bytes) = (self.name.to_owned(), OUTPUT_BYTES_MAX);
                return Err(Error::OutputTooLarge { command, limit_bytes });
            }
        };
        match status.code() {
            Some(code) if code == 0 || self.accepted.contains(&code) => Ok(Output { code, stdout, stderr }),
            _ => Err(Error::Failed {
                command: self.name.to_owned(),
                status: status.to_string(),
                stderr: said(&stderr),
            }),
        }
    }

    /// Runs it and takes what it printed as text, without the newline at the end.
    pub(super) fn text(&mut self) -> Result<String> {
        let mut bytes = self.output()?.stdout;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        String::from_utf8(bytes).map_err(|e| self.unexpected(e.as_bytes()))
    }

    /// Runs it and takes what it printed as one object name.
    pub(super) fn oid(&mut self) -> Result<super::Oid> {
        let text = self.text()?;
        super::Oid::new(&text).map_err(|_| self.unexpected(text.as_bytes()))
    }

    /// The error for output that makes no sense.
    pub(super) fn unexpected(&self, bytes: &[u8]) -> Error {
        Error::Output { command: self.name.to_owned(), text: printable(bytes, 200) }
    }
}
