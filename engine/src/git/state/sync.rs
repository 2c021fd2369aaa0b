//! Bringing the ref to where another repository's is, and back: fetch, union, push.
//!
//! Nothing is forced. A push that another one was faster than is refused by the remote; then what it has is fetched and
//! joined again. Nobody is asked for anything: where a password would be, it fails.

use std::collections::BTreeSet;
use std::ffi::OsString;

use crate::crash;
use crate::git::error::{Error, Result, printable};
use crate::git::names::{Key, Oid};
use crate::git::repo::Repo;
use crate::git::run::Call;
use crate::log::Hash;
use crate::os::spawn::Environment;

use super::read::files;
use super::union::take;
use super::write::pause;
use super::{REFERENCE, StateRef};

/// How often it is begun again because somebody else pushed meanwhile.
const ROUNDS_MAX: u32 = 20;
/// How often a remote may refuse although nobody else pushed: it may have been busy with another.
const REFUSALS_MAX: u32 = 3;
/// How git may go there. Others, `ext` above all, would run what the address says.
const PROTOCOLS: [&str; 5] = ["file", "git", "http", "https", "ssh"];
/// What of the environment decides how a host is reached and trusted.
const REACH: [&str; 12] = [
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
];
/// How much is kept of what a remote says, in characters.
const WHY_CHARS_MAX: usize = 300;

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Synced {
    /// Where the ref is now, here and there; none if neither had it.
    pub tip: Option<Oid>,
    /// Files that are new or other here.
    pub received: usize,
    /// Files that are new or other there.
    pub sent: usize,
    /// Whether the remote was changed.
    pub pushed: bool,
}

/// Whether a remote of this name is configured.
///
/// # Errors
/// What running git gave.
pub fn has_remote(repo: &Repo, name: &str) -> Result<bool> {
    let names = repo.call("remote").output()?.stdout;
    Ok(names.split(|b| *b == b'\n').any(|line| line == name.as_bytes()))
}

/// Has the ref here and the one at `remote`, a name or an address, hold what both held.
///
/// # Errors
/// `Rejected`, `StateBusy`, or what git said when the remote cannot be reached.
pub fn sync(repo: &Repo, env: &Environment, remote: &str) -> Result<Synced> {
    let state = StateRef::new(repo);
    let before = state.tip()?;
    let mut refusals = 0;
    let mut last: Option<Option<Oid>> = None;
    for round in 0..ROUNDS_MAX {
        pause(round)?;
        let theirs = look(repo, env, remote)?;
        let tip = match &theirs {
            Some(theirs) => {
                let theirs = fetch(repo, env, remote, theirs)?;
                crash::point("sync:fetched");
                Some(take(repo, &theirs, remote)?)
            }
            None => state.tip()?,
        };
        let Some(tip) = tip else { return Ok(Synced::default()) };
        let mut synced = Synced { tip: Some(tip.clone()), ..Synced::default() };
        synced.received = differing(repo, before.as_ref(), &tip)?;
        if theirs.as_ref() == Some(&tip) {
            return Ok(synced);
        }
        crash::point("sync:joined");
        let Some(why) = push(repo, env, remote, &tip)? else {
            synced.pushed = true;
            // What they had before is here, unless they moved on; then the push was refused.
            synced.sent = differing(repo, theirs.as_ref(), &tip)?;
            return Ok(synced);
        };
        if last.as_ref() == Some(&theirs) {
            refusals += 1;
        }
        if refusals == REFUSALS_MAX {
            return Err(Error::Rejected { remote: remote.to_owned(), why });
        }
        last = Some(theirs);
    }
    Err(Error::StateBusy { path: repo.common_dir.clone(), rounds: ROUNDS_MAX })
}

/// A command that may reach another machine, and asks nobody for anything.
fn far<'a>(repo: &'a Repo, env: &Environment, name: &'static str) -> Call<'a> {
    // An address may be a path from the top of the checkout, where a person's own git would start from.
    let mut call = repo.git().call(name, repo.work_tree.as_ref().unwrap_or(&repo.common_dir));
    call.git_dir(&repo.common_dir);
    for protocol in PROTOCOLS {
        call.option("-c").option(format!("protocol.{protocol}.allow=always"));
    }
    for name in REACH {
        if let Some(value) = env.get(name) {
            call.env(name, OsString::from(value));
        }
    }
    // Both for git's own questions and for those that ssh would put to a terminal.
    call.env("GIT_ASKPASS", "false").env("SSH_ASKPASS", "false").env("SSH_ASKPASS_REQUIRE", "force");
    call
}

/// Where the remote's ref is.
fn look(repo: &Repo, env: &Environment, remote: &str) -> Result<Option<Oid>> {
    let mut call = far(repo, env, "ls-remote");
    let listing = call.args(["-q", "--end-of-options", remote, REFERENCE]).output()?.stdout;
    let text = String::from_utf8_lossy(&listing).into_owned();
    let rows = text.lines().filter_map(|line| line.split_once('\t'));
    rows.filter(|(_, name)| *name == REFERENCE).map(|(oid, _)| Oid::new(oid)).next().transpose()
}

/// Brings what the remote has here, under a reference of its own; where that is by now.
fn fetch(repo: &Repo, env: &Environment, remote: &str, theirs: &Oid) -> Result<Oid> {
    let place = place(remote);
    let mut call = far(repo, env, "fetch");
    call.args(["-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-prune"]);
    call.args(["--no-recurse-submodules", "--no-show-forced-updates", "--refmap=", "--no-filter"]);
    call.identity(&super::identity());
    call.arg("--end-of-options").arg(remote).arg(format!("+{REFERENCE}:{place}")).output()?;
    let missing = || Error::NoSuchCommit { path: repo.common_dir.clone(), oid: theirs.clone() };
    repo.commit(&place)?.ok_or_else(missing)
}

/// Where what a remote has is kept.
fn place(remote: &str) -> String {
    let name = Key::new(remote).map(|key| key.as_str().to_owned()).unwrap_or_else(|_| {
        let hash = Hash::of(remote.as_bytes()).0;
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    });
    format!("refs/convoy/remote/{name}")
}

/// Pushes; why it was refused, if it was.
fn push(repo: &Repo, env: &Environment, remote: &str, tip: &Oid) -> Result<Option<String>> {
    let mut call = far(repo, env, "push");
    call.option("-c").option("push.gpgSign=false");
    call.args(["--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no", "--no-signed"]);
    call.arg("--end-of-options").arg(remote).arg(format!("{tip}:{REFERENCE}"));
    let output = call.accept(&[1]).output()?;
    if output.code == 0 {
        return Ok(None);
    }
    // `!`, the two names, and why, with tabs between them.
    let refused = output.stdout.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"!\t"));
    let why = match refused {
        Some(row) => row.rsplit(|b| *b == b'\t').next().unwrap_or(row),
        None => output.stderr.as_slice(),
    };
    Ok(Some(printable(why, WHY_CHARS_MAX)))
}

/// How many files of `to` are not as `from` has them.
fn differing(repo: &Repo, from: Option<&Oid>, to: &Oid) -> Result<usize> {
    if from == Some(to) {
        return Ok(0);
    }
    let had: BTreeSet<(Vec<u8>, Oid)> = match from {
        Some(from) => files(repo, from)?.into_iter().map(|file| (file.path, file.oid)).collect(),
        None => BTreeSet::new(),
    };
    let has = files(repo, to)?.into_iter().map(|file| (file.path, file.oid));
    Ok(has.filter(|file| !had.contains(file)).count())
}
