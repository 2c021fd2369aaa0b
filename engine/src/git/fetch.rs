//! Fetching what a person asks for by name from a remote of their repository.
//!
//! Nothing is written but objects and the references that are named. The remote, and how to get there, are the person's
//! configuration; no agent can have written it.

use std::ffi::OsString;

use super::error::Result;
use super::push::REACHING;
use super::repo::Repo;
use crate::os::spawn::Environment;

/// Fetches these references, each as git's `from` or `from:to`, from the remote with this name.
///
/// # Errors
/// What running git gave, for example when the remote is not there or has no such reference.
pub fn fetch(repo: &Repo, env: &Environment, remote: &str, references: &[String]) -> Result<()> {
    let mut call = repo.call("fetch");
    for name in REACHING {
        if let Some(value) = env.get(name) {
            call.env(name, OsString::from(value));
        }
    }
    for protocol in ["https", "ssh"] {
        call.option("-c").option(format!("protocol.{protocol}.allow=always"));
    }
    call.args([
        "-q",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
    ]);
    call.arg("--end-of-options").arg(remote).args(references);
    call.output().map(drop)
}
