//! Publishing one branch at a remote of the person's repository.
//!
//! Only a new branch, or a fast-forward of one: nothing is forced, no hook runs, and nothing but the one reference
//! goes. The remote, and how to get there, are the person's configuration; no agent can have written it.

use std::ffi::OsString;

use super::error::Result;
use super::names::{Branch, Oid};
use super::repo::Repo;
use crate::os::spawn::Environment;

/// What of the environment decides how git reaches a remote.
pub(super) const REACHING: &[&str] =
    &["SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND", "HTTPS_PROXY", "https_proxy"];

/// Pushes `tip` as `branch` to the remote with this name.
///
/// # Errors
/// What running git gave, for example when the remote is not there or refuses.
pub fn push(repo: &Repo, env: &Environment, remote: &str, tip: &Oid, branch: &Branch) -> Result<()> {
    let mut call = repo.call("push");
    for name in REACHING {
        if let Some(value) = env.get(name) {
            call.env(name, OsString::from(value));
        }
    }
    for protocol in ["https", "ssh"] {
        call.option("-c").option(format!("protocol.{protocol}.allow=always"));
    }
    call.option("-c").option("push.gpgSign=false");
    call.args(["-q", "--no-verify", "--no-follow-tags", "--recurse-submodules=no", "--no-signed"]);
    call.arg("--end-of-options").arg(remote).arg(format!("{tip}:{}", branch.reference()));
    call.output().map(drop)
}
