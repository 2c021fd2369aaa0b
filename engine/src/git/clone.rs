//! Cloning a person's repository: the one command that may reach another machine.

use std::ffi::OsString;
use std::path::Path;

use super::error::Result;
use super::names::Branch;
use super::repo::Repo;
use super::run::Git;
use crate::os::spawn::Environment;

/// How git may fetch. Others, `ext` above all, would run what the address says.
const PROTOCOLS: [&str; 5] = ["file", "git", "http", "https", "ssh"];
/// What of the environment decides how a host is reached and trusted.
const REACH: [&str; 10] = [
    "SSH_AUTH_SOCK",
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

/// Clones `url` into the new folder `into`, with no hooks and no submodules.
///
/// # Errors
/// What running git gave.
pub fn clone(git: &Git, env: &Environment, url: &str, into: &Path) -> Result<()> {
    let mut call = git.call("clone", into.parent().unwrap_or(Path::new("/")));
    for protocol in PROTOCOLS {
        call.option("-c").option(format!("protocol.{protocol}.allow=always"));
    }
    for name in REACH {
        if let Some(value) = env.get(name) {
            call.env(name, value);
        }
    }
    call.args(["--quiet", "--template=", "--no-recurse-submodules", "--origin=origin", "--end-of-options"]);
    call.args([OsString::from(url), into.into()]).output().map(drop)
}

/// Makes a branch of a fresh clone's origin one of its own: a clone has only the one that its origin has checked out.
///
/// # Errors
/// What running git gave.
pub fn take_branch(repo: &Repo, branch: &Branch) -> Result<()> {
    if repo.resolve(branch)?.is_some() {
        return Ok(());
    }
    let Some(tip) = repo.commit(&format!("refs/remotes/origin/{}", branch.as_str()))? else { return Ok(()) };
    repo.call("update-ref").arg(branch.reference()).arg(tip.as_str()).output().map(drop)
}
