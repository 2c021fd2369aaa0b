//! A request on the forge of a rig that a person wants reviewed: found, fetched, and commented on.
//!
//! The forge is that of the rig's remote and no other: `gh` is asked in the rig's repository for the number alone, and its
//! answer has to be the address that was given. A comment is marked with the commit that it is about, so that it is
//! written once for each; only what the person's own account wrote counts as such a mark.

use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::id::RigName;

use crate::config::{Config, Sources};
use crate::explain;
use crate::forge::{self, Forge, Request};
use crate::git::{self, Branch, Git, Oid, Repo};
use crate::os::spawn::Environment;
use crate::own;
use crate::workspace::Workspace;

/// The longest address that is taken, in bytes.
const ADDRESS_BYTES_MAX: usize = 2048;
/// How long a comment may be: what GitHub takes is a little more.
const COMMENT_BYTES_MAX: usize = 60_000;

/// A request that was fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pull {
    /// The rig whose repository it is in.
    pub rig: RigName,
    /// Its number there.
    pub number: u64,
    /// Its address.
    pub url: String,
    /// The commit that it asks to merge.
    pub head: String,
    /// What it is to be merged into, as the remote has it.
    pub base: String,
    folder: PathBuf,
}

/// What became of a comment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Commented {
    /// It was written.
    Written,
    /// One about the same commit is there.
    Already {
        /// Where.
        url: String,
    },
}

impl Pull {
    /// Finds a request by its address or its number, in the rig that the folder is of, and fetches it.
    ///
    /// # Errors
    /// When it is no address, there is no `gh`, or the rig's forge has no such request.
    pub fn fetch(workspace: &Workspace, env: &Environment, dir: &Path, given: &str) -> Result<Self, Failure> {
        let number = number(given)?;
        let config = Config::load(workspace, env, &Sources::default())?;
        let unavailable = |error: &git::Error| Failure::new(Code::Unavailable, explain(error));
        let (rig, path) = match own::checkout(workspace, env, dir) {
            Ok(here) => (here.rig, PathBuf::from(here.path)),
            Err(_) => {
                let (name, rig) = config.home_rig();
                (name.clone(), rig.path.clone())
            }
        };
        let repo = Git::new(env).and_then(|git| Repo::open_at(&git, &path)).map_err(|e| unavailable(&e))?;
        let folder = repo.work_tree.clone().unwrap_or_else(|| repo.git_dir.clone());
        let request = ask(env, &folder)?.request(number).map_err(|error| refused(&error))?;
        if !same(given, &request) {
            let text = format!(
                "--pr: {given:?} is not on the forge of {rig}, whose request {number} is {}",
                request.url
            );
            return Err(Failure::new(Code::NotFound, text).hint(
                "name a request of the repository that this rig is, or go to a checkout of the right one",
            ));
        }
        let wrong =
            |what: &str| Failure::new(Code::Refused, format!("gh names no {what} that git could know"));
        let head = Oid::new(&request.head_ref_oid).map_err(|_| wrong("commit"))?;
        let branch = Branch::new(request.base_ref_name.clone()).map_err(|_| wrong("branch"))?;
        let remote = config.remote()?;
        let base = format!("refs/remotes/{remote}/{}", branch.as_str());
        let wanted = [format!("refs/pull/{number}/head"), format!("+{}:{base}", branch.reference())];
        git::fetch(&repo, env, remote, &wanted).map_err(|error| {
            Failure::new(Code::Unavailable, format!("{} cannot be fetched: {}", request.url, explain(&error)))
                .hint(format!("look whether git reaches it: git fetch {remote} refs/pull/{number}/head"))
        })?;
        if repo.revision(head.as_str()).map_err(|error| unavailable(&error))?.is_none() {
            let text = format!("{} was changed while it was fetched", request.url);
            return Err(Failure::new(Code::Conflict, text).hint("try again"));
        }
        let Request { number, url, .. } = request;
        Ok(Self { rig, number, url, head: head.to_string(), base, folder })
    }

    /// Writes a report as a comment, unless one about the same commit is there.
    ///
    /// # Errors
    /// When the forge does not take it.
    pub fn comment(&self, env: &Environment, report: &str) -> Result<Commented, Failure> {
        let forge = ask(env, &self.folder)?;
        let mark = format!("<!-- convoy review {} -->", self.head);
        let there = forge.comments(self.number).map_err(|error| refused(&error))?;
        let ours = there.into_iter().find(|comment| {
            comment.viewer_did_author && comment.body.lines().next().is_some_and(|line| line.trim() == mark)
        });
        if let Some(ours) = ours {
            return Ok(Commented::Already { url: ours.url });
        }
        forge.comment(self.number, &body(&mark, report)).map_err(|error| refused(&error))?;
        Ok(Commented::Written)
    }
}

fn ask<'a>(env: &'a Environment, folder: &'a Path) -> Result<Forge<'a>, Failure> {
    Forge::new(env, folder).map_err(|_| {
        Failure::new(Code::Unavailable, "requests are looked up by the GitHub command line gh, and it is not on the PATH")
            .hint("install it (cli.github.com) and run: gh auth login; or check the request out, and run: convoy review --base <branch>")
    })
}

fn refused(error: &forge::Error) -> Failure {
    Failure::new(Code::Refused, explain(error))
}

/// The number of a request, given as that or as an address of it or of a page below it.
fn number(given: &str) -> Result<u64, Failure> {
    let expected = || {
        let shown: String = given.chars().take(ADDRESS_BYTES_MAX).collect();
        Failure::new(Code::Invalid, format!("--pr: {shown:?} is no request"))
            .hint("expected https://<host>/<owner>/<repository>/pull/<number>, or the number alone")
    };
    if given.len() > ADDRESS_BYTES_MAX {
        return Err(expected());
    }
    let digits = match given.strip_prefix("https://") {
        None => given,
        Some(rest) => {
            let mut parts = path(rest).split('/');
            let (host, owner, name) = (parts.next(), parts.next(), parts.next());
            let plain = |part: Option<&str>| {
                part.is_some_and(|part| {
                    !part.is_empty()
                        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
                })
            };
            if !(plain(host) && plain(owner) && plain(name)) || parts.next() != Some("pull") {
                return Err(expected());
            }
            parts.next().unwrap_or_default()
        }
    };
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0).ok_or_else(expected)
}

/// An address without what follows its path.
fn path(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// Whether an address is of this request.
fn same(given: &str, request: &Request) -> bool {
    let Some(given) = given.strip_prefix("https://") else { return true };
    let whole = |text: &str| path(text).split('/').take(5).collect::<Vec<_>>().join("/").to_ascii_lowercase();
    request.url.strip_prefix("https://").is_some_and(|url| whole(url) == whole(given))
}

/// The comment: its mark, and as much of the report as fits. What reviewers wrote calls nobody.
fn body(mark: &str, report: &str) -> String {
    let mut fence: Option<usize> = None;
    let mut text = format!("{mark}\n");
    for line in report.lines() {
        let ticks = line.trim_start().bytes().take_while(|b| *b == b'`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks >= open => fence = None,
            None | Some(_) => {}
        }
        let line = if fence.is_some() { line.to_owned() } else { line.replace('@', "@\u{200b}") };
        if text.len() + line.len() > COMMENT_BYTES_MAX {
            if let Some(open) = fence {
                text.push_str(&"`".repeat(open));
                text.push('\n');
            }
            text.push_str("\n*The rest is left out here.*\n");
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_by_its_address_or_number() {
        for (given, wanted) in [
            ("https://github.com/owner/repo/pull/12", Some(12)),
            ("https://git.example:8443/o/r.x/pull/7/files?w=1#diff", Some(7)),
            ("12", Some(12)),
            ("0", None),
            ("+1", None),
            ("", None),
            ("-1", None),
            ("--repo=x", None),
            ("http://github.com/owner/repo/pull/12", None),
            ("https://github.com/owner/repo/issues/12", None),
            ("https://github.com/owner/repo/pull/12abc", None),
            ("https://user@github.com/owner/repo/pull/1", None),
            ("https://github.com/owner/re po/pull/1", None),
            ("https://github.com//repo/pull/1", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(number(given).ok(), wanted, "{given}");
        }
    }

    #[test]
    fn an_address_is_that_of_the_forge_s_answer() {
        let request = Request {
            number: 3,
            url: "https://github.com/Owner/repo/pull/3".into(),
            head_ref_oid: String::new(),
            base_ref_name: String::new(),
        };
        assert!(same("3", &request) && same("https://github.com/owner/repo/pull/3/commits", &request));
        assert!(!same("https://github.com/other/repo/pull/3", &request));
        assert!(!same("https://evil.example/owner/repo/pull/3", &request));
    }

    #[test]
    fn a_comment_calls_nobody_and_ends_in_time() {
        let text = body("<!-- m -->", "Ask @bob\n```\n@Override\n```\nand @ann");
        assert_eq!(text, "<!-- m -->\nAsk @\u{200b}bob\n```\n@Override\n```\nand @\u{200b}ann\n");
        let long = body("<!-- m -->", &format!("```\n{}", "x\n".repeat(COMMENT_BYTES_MAX)));
        assert!(long.len() < COMMENT_BYTES_MAX + 100 && long.contains("left out here"));
        assert_eq!(long.matches("```").count(), 2, "its fence is closed");
    }
}
