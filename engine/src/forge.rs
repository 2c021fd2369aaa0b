//! The forge that hosts a repository, through its own command `gh`.
//!
//! Argv only, answers as JSON, in the person's repository and with what of the person's environment `gh` needs to
//! know who they are. It never asks: there is nobody to answer.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use convoy_core::time::Span;
use serde::Deserialize;

use crate::clock::Instant;
use crate::git::pipe::{self, End};
use crate::os::program;
use crate::os::spawn::{self, Environment};

/// The program.
const PROGRAM: &str = "gh";
/// The longest that one call may take.
const LIMIT: Span = Span::from_secs(120);
/// How much of an answer is read; a few hundred bytes are expected.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// How much of what it complains is shown, in characters.
const SAID_CHARS_MAX: usize = 500;

/// What of the environment it may see.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_HOST",
    "GH_CONFIG_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Why the forge did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such program.
    #[error(
        "merge = \"pr\" needs the GitHub command line `gh` on the PATH of the engine, and it is not there; install it \
         (cli.github.com), run `gh auth login`, then `convoy down` and `convoy up`"
    )]
    Missing,
    /// It could not be started.
    #[error("gh could not be started")]
    Spawn(#[source] std::io::Error),
    /// It took too long, or printed too much.
    #[error("gh {call} did not come to an end")]
    Endless {
        /// What was asked.
        call: &'static str,
    },
    /// It refused.
    #[error("gh {call} failed ({status}): {said}")]
    Failed {
        /// What was asked.
        call: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// It answered what nobody understands.
    #[error("gh {call} answered something else than expected: {detail}")]
    Answer {
        /// What was asked.
        call: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

/// Where the program is.
///
/// # Errors
/// `Missing`.
pub fn find(env: &Environment) -> Result<PathBuf, Error> {
    program::find(PROGRAM, env.get("PATH")).ok_or(Error::Missing)
}

/// What has become of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Standing {
    Open,
    Closed,
    Merged,
}

/// A request as `gh` tells of it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) url: String,
    pub(crate) state: Standing,
    /// Only when one is looked at.
    #[serde(default)]
    pub(crate) merge_commit: Option<Commit>,
}

/// A commit on the forge.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Commit {
    pub(crate) oid: String,
}

/// What a request asks for: this commit, into this branch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) number: u64,
    pub(crate) url: String,
    pub(crate) head_ref_oid: String,
    pub(crate) base_ref_name: String,
}

#[derive(Deserialize)]
struct Comments {
    comments: Vec<Comment>,
}

/// What somebody said about a request.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comment {
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) url: String,
    /// Whoever asks said it.
    #[serde(default)]
    pub(crate) viewer_did_author: bool,
}

/// The forge of one repository.
pub(crate) struct Forge<'a> {
    program: PathBuf,
    env: &'a Environment,
    folder: &'a Path,
}

impl<'a> Forge<'a> {
    /// That of the repository in `folder`.
    pub(crate) fn new(env: &'a Environment, folder: &'a Path) -> Result<Self, Error> {
        Ok(Self { program: find(env)?, env, folder })
    }

    /// The request for this branch that is open or was merged.
    pub(crate) fn of_branch(&self, head: &str) -> Result<Option<Pull>, Error> {
        let words = ["pr", "list", "--head", head, "--state", "all", "--json", "number,url,state"];
        let pulls: Vec<Pull> = self.json("pr list", &words)?;
        Ok(pulls.into_iter().find(|pull| pull.state != Standing::Closed))
    }

    /// Asks for a merge.
    pub(crate) fn create(&self, head: &str, base: &str, title: &str, body: &str) -> Result<(), Error> {
        let words = ["pr", "create", "--head", head, "--base", base, "--title", title, "--body-file", "-"];
        self.call("pr create", &words, body.as_bytes()).map(drop)
    }

    /// What has become of a request.
    pub(crate) fn view(&self, number: u64) -> Result<Pull, Error> {
        let number = number.to_string();
        self.json("pr view", &["pr", "view", &number, "--json", "number,url,state,mergeCommit"])
    }

    /// What a request asks for.
    pub(crate) fn request(&self, number: u64) -> Result<Request, Error> {
        let number = number.to_string();
        self.json("pr view", &["pr", "view", &number, "--json", "number,url,headRefOid,baseRefName"])
    }

    /// What people and programs said about a request.
    pub(crate) fn comments(&self, number: u64) -> Result<Vec<Comment>, Error> {
        let number = number.to_string();
        let all: Comments = self.json("pr view", &["pr", "view", &number, "--json", "comments"])?;
        Ok(all.comments)
    }

    /// Says something about a request.
    pub(crate) fn comment(&self, number: u64, body: &str) -> Result<(), Error> {
        let number = number.to_string();
        self.call("pr comment", &["pr", "comment", &number, "--body-file", "-"], body.as_bytes()).map(drop)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, call: &'static str, words: &[&str]) -> Result<T, Error> {
        let answer = self.call(call, words, b"")?;
        serde_json::from_slice(&answer).map_err(|error| Error::Answer { call, detail: error.to_string() })
    }

    fn call(&self, call: &'static str, words: &[&str], input: &[u8]) -> Result<Vec<u8>, Error> {
        let mut command = spawn::command(&self.program);
        command.envs(INHERITED.iter().filter_map(|name| Some((name, self.env.get(name)?))));
        command.envs([("GH_PROMPT_DISABLED", "1"), ("GH_NO_UPDATE_NOTIFIER", "1"), ("NO_COLOR", "1")]);
        command.envs([("LANG", "C.UTF-8"), ("GIT_TERMINAL_PROMPT", "0")]);
        command.current_dir(self.folder).args(words);
        let end = pipe::run(&mut command, input, Instant::now().plus(LIMIT), OUTPUT_BYTES_MAX);
        match end.map_err(Error::Spawn)? {
            End::Exited { status, stdout, .. } if status.success() => Ok(stdout),
            End::Exited { status, stderr, .. } => {
                let said = String::from_utf8_lossy(&stderr);
                let said = said.trim().chars().take(SAID_CHARS_MAX).collect();
                Err(Error::Failed { call, status, said })
            }
            End::TimedOut | End::TooLarge => Err(Error::Endless { call }),
        }
    }
}
