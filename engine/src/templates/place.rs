//! What a run reads: which repository, at which commit, which files, which change.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use convoy_api::{Code, Failure};
use convoy_core::id::RigName;
use convoy_core::template::FILES_MAX;
use globset::{GlobBuilder, GlobMatcher};

use super::start::Start;
use crate::config::Config;
use crate::explain;
use crate::git::{self, Git, Message, Oid, Repo, state};
use crate::os::spawn::Environment;
use crate::own;
use crate::workspace::Workspace;

/// What is said when there is no change to look at.
const NOTHING_CHANGED: &str = "nothing has changed";

/// Whether a start came to nothing because there is no change to look at.
pub fn is_unchanged(failure: &Failure) -> bool {
    failure.message.contains(NOTHING_CHANGED)
}

/// The folder in the git directory of a checkout where a copy of its index is worked on.
const SCRATCH: &str = "convoy";
/// Branches that are taken for the default one where nothing says which it is.
const USUAL: [&str; 2] = ["main", "master"];
/// The most globs.
const GLOBS_MAX: usize = 1000;

/// What the template needs of it.
pub(super) struct Wanted<'a> {
    /// Without files and without a change there is nothing to do.
    pub(super) needs_files: bool,
    pub(super) template: &'a str,
}

/// What was found.
pub(super) struct Place {
    pub(super) rig: RigName,
    pub(super) commit: Option<Oid>,
    pub(super) base: Option<Oid>,
    pub(super) files: Vec<String>,
    /// Where the change begins, for people.
    pub(super) since: Option<String>,
    pub(super) notes: Vec<String>,
}

fn invalid(text: impl Into<String>) -> Failure {
    Failure::new(Code::Invalid, text)
}

fn unavailable(error: &git::Error) -> Failure {
    Failure::new(Code::Unavailable, explain(error))
}

impl Place {
    pub(super) fn find(
        workspace: &Workspace,
        env: &Environment,
        config: &Config,
        start: &Start,
        wanted: &Wanted<'_>,
    ) -> Result<Self, Failure> {
        let git = Git::new(env).map_err(|error| unavailable(&error))?;
        let (rig, repo) = repository(workspace, env, config, start, &git)?;
        let mut notes = Vec::new();
        let (head, commit) = fixed(&repo, start, &mut notes)?;
        let mut place =
            Self { rig, commit: commit.clone(), base: None, files: Vec::new(), since: None, notes };
        let Some(commit) = commit else {
            if start.base.is_some() || !start.files.is_empty() || wanted.needs_files {
                return Err(Failure::new(
                    Code::Refused,
                    format!("the repository of {} has no commit yet", place.rig),
                )
                .hint("commit something first"));
            }
            return Ok(place);
        };
        match &start.base {
            Some(text) => {
                let base = repo.revision(text).map_err(|error| unavailable(&error))?;
                let base = base.ok_or_else(|| {
                    Failure::new(Code::NotFound, format!("--base: {text:?} names no commit in {}", place.rig))
                        .hint("name a branch, a tag or a commit of the repository; fetch it first if it is elsewhere")
                })?;
                let found = repo.merge_base(&base, &commit).map_err(|error| unavailable(&error))?;
                place.base = Some(found.ok_or_else(|| {
                    invalid(format!("--base: {text:?} and what is looked at have no commit in common"))
                })?);
                place.since = Some(text.clone());
            }
            None if start.files.is_empty() && wanted.needs_files => {
                let default = config.rigs().get(&place.rig).and_then(|rig| rig.default_branch.clone());
                let found = change(&repo, default.as_deref(), head.as_ref(), &commit);
                let Some((base, since)) = found.map_err(|error| unavailable(&error))? else {
                    let text =
                        format!("there is nothing for {} to look at: {NOTHING_CHANGED}", wanted.template);
                    return Err(invalid(text)
                        .hint("name files, --files 'src/**', or where a change begins, --base REF"));
                };
                (place.base, place.since) = (Some(base), Some(since));
            }
            None => {}
        }
        place.take_files(&repo, &commit, start)?;
        if place.base.is_some() && place.files.is_empty() && place.unchanged(&repo, &commit)? {
            let since = place.since.as_deref().unwrap_or_default();
            return Err(invalid(format!("{NOTHING_CHANGED} since {since}"))
                .hint("name an earlier --base, or --files to look at as they are"));
        }
        Ok(place)
    }

    fn unchanged(&self, repo: &Repo, commit: &Oid) -> Result<bool, Failure> {
        let Some(base) = &self.base else { return Ok(false) };
        let tree = |oid: &Oid| repo.tree_of(oid).map_err(|error| unavailable(&error));
        Ok(tree(base)? == tree(commit)?)
    }

    /// The files: those that the globs match, of the change if there is one.
    fn take_files(&mut self, repo: &Repo, commit: &Oid, start: &Start) -> Result<(), Failure> {
        let listing = match &self.base {
            Some(base) => repo.changed_in(base, commit),
            None if start.files.is_empty() => return Ok(()),
            None => repo.files_of(commit),
        };
        let names = listing.map_err(|error| unavailable(&error))?;
        let chosen: Vec<Vec<u8>> = if start.files.is_empty() {
            names
        } else {
            let globs = globs(&start.files)?;
            for glob in &globs {
                if !names.iter().any(|name| glob.matches(name)) {
                    let what = if self.base.is_some() { "no file that changed" } else { "no file" };
                    let text = format!(
                        "--files: {:?} matches {what} in {} at {}",
                        glob.text,
                        self.rig,
                        commit.short()
                    );
                    return Err(Failure::new(Code::NotFound, text).hint(
                        "globs begin at the top of the repository: 'src/**/*.rs'; files that git ignores are not there",
                    ));
                }
            }
            names.into_iter().filter(|name| globs.iter().any(|glob| glob.matches(name))).collect()
        };
        if chosen.len() > FILES_MAX {
            let text = format!("{} files are too many: at most {FILES_MAX} are looked at", chosen.len());
            return Err(invalid(text).hint("name fewer: --files GLOB"));
        }
        let all = chosen.len();
        self.files = chosen.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect();
        if self.files.len() < all {
            self.notes
                .push(format!("left out, because their names are no text: {} files", all - self.files.len()));
        }
        Ok(())
    }
}

/// The rig, and the checkout of it that is looked at.
fn repository(
    workspace: &Workspace,
    env: &Environment,
    config: &Config,
    start: &Start,
    git: &Git,
) -> Result<(RigName, Repo), Failure> {
    let open = |path: &Path| Repo::open_at(git, path).map_err(|error| unavailable(&error));
    if let Some(path) = &start.project_path {
        let at = own::checkout(workspace, env, path)?;
        if let Some(rig) = start.rig.as_ref().filter(|rig| **rig != at.rig) {
            return Err(invalid(format!("{} is a checkout of {}, and not of {rig}", path.display(), at.rig)));
        }
        return Ok((at.rig, open(Path::new(&at.path))?));
    }
    let here = start.dir.as_deref().and_then(|dir| own::checkout(workspace, env, dir).ok());
    let rig = start.rig.clone().or_else(|| of_issues(config, start));
    match (rig, here) {
        (None, Some(here)) => Ok((here.rig, open(Path::new(&here.path))?)),
        (Some(rig), Some(here)) if rig == here.rig => Ok((rig, open(Path::new(&here.path))?)),
        (rig, _) => {
            let name = rig.unwrap_or_else(|| config.home_rig().0.clone());
            let found = config.rigs().get(&name);
            let found =
                found.ok_or_else(|| Failure::new(Code::NotFound, format!("there is no rig {name}")))?;
            let repo = open(&found.path)?;
            Ok((name, repo))
        }
    }
}

/// The rig of the issues, if it is one and the same.
fn of_issues(config: &Config, start: &Start) -> Option<RigName> {
    let rig = |prefix: &str| config.rigs().iter().find(|(_, rig)| rig.prefix == prefix).map(|(name, _)| name);
    let mut rigs = start.issues.iter().map(|issue| rig(issue.prefix()));
    let first = rigs.next()??;
    rigs.all(|rig| rig == Some(first)).then(|| first.clone())
}

/// The commit that is checked out, and the one that is read: with what is not committed, if there is something.
fn fixed(repo: &Repo, start: &Start, notes: &mut Vec<String>) -> Result<(Option<Oid>, Option<Oid>), Failure> {
    if let Some(text) = &start.commit {
        let found = repo.revision(text).map_err(|error| unavailable(&error))?;
        let found = found.ok_or_else(|| Failure::new(Code::NotFound, format!("{text:?} names no commit")))?;
        return Ok((Some(found.clone()), Some(found)));
    }
    let message = Message::new(&format!("What is not committed, for {}", start.template));
    let wip = state::of_checkout(repo, &repo.git_dir.join(SCRATCH), &message, state::Dated::AsHead).map_err(
        |error| {
            Failure::new(
                Code::Unavailable,
                format!("what is not committed cannot be read: {}", explain(&error)),
            )
            .hint("commit it, or name the commit that is to be read")
        },
    )?;
    let left = |what: &str, paths: &[std::path::PathBuf]| {
        let names: Vec<String> = paths.iter().take(5).map(|path| path.display().to_string()).collect();
        (!paths.is_empty()).then(|| format!("left out, {what}: {}", names.join(", ")))
    };
    notes.extend(left("because they are repositories of their own", &wip.nested));
    notes.extend(left("because they cannot be read", &wip.unreadable));
    let commit = wip.commit.clone().or_else(|| wip.head.clone());
    Ok((wip.head, commit))
}

/// Where the change begins that is most likely meant: where it left the default branch, the nearest of all that may be it;
/// else what is checked out, if something is not committed.
fn change(
    repo: &Repo,
    default: Option<&str>,
    head: Option<&Oid>,
    commit: &Oid,
) -> git::Result<Option<(Oid, String)>> {
    let remote = repo.remote_default()?;
    let names: Vec<&str> = match (default, remote.as_deref()) {
        (Some(name), _) | (None, Some(name)) => vec![name],
        (None, None) => USUAL.to_vec(),
    };
    let references =
        names.iter().flat_map(|name| [format!("refs/heads/{name}"), format!("refs/remotes/origin/{name}")]);
    let tree = repo.tree_of(commit)?;
    let mut nearest: Option<(Oid, String)> = None;
    for reference in references {
        let Some(tip) = repo.revision(&reference)? else { continue };
        let Some(base) = repo.merge_base(&tip, commit)? else { continue };
        if repo.tree_of(&base)? == tree {
            continue;
        }
        let nearer = match &nearest {
            Some((known, _)) => base != *known && repo.is_ancestor(known, &base)?,
            None => true,
        };
        if nearer {
            let name = reference.trim_start_matches("refs/heads/").trim_start_matches("refs/remotes/");
            nearest = Some((base, name.to_owned()));
        }
    }
    // On a branch that nobody knows as the default one there is still what is not committed.
    let uncommitted = head.filter(|head| *head != commit).map(|head| (head.clone(), "HEAD".to_owned()));
    Ok(nearest.or(uncommitted))
}

struct Glob {
    text: String,
    matcher: GlobMatcher,
    /// Without any sign of a glob: a file, or a folder with all that is in it.
    plain: bool,
}

impl Glob {
    fn matches(&self, name: &[u8]) -> bool {
        if self.plain {
            let text = self.text.trim_end_matches('/').as_bytes();
            let rest = name.strip_prefix(text);
            return rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
        }
        self.matcher.is_match(Path::new(OsStr::from_bytes(name)))
    }
}

fn globs(texts: &[String]) -> Result<Vec<Glob>, Failure> {
    if texts.len() > GLOBS_MAX {
        return Err(invalid(format!("--files: at most {GLOBS_MAX} globs are taken")));
    }
    texts.iter().map(|text| glob(text)).collect()
}

fn glob(given: &str) -> Result<Glob, Failure> {
    let text = given.strip_prefix("./").unwrap_or(given);
    if text.is_empty() || text.starts_with('/') || text.split('/').any(|part| part == "..") {
        let failure = invalid(format!("--files: {given:?} is no path within the repository"));
        return Err(failure.hint("globs begin at the top of the repository: 'src/**/*.rs'"));
    }
    let built = GlobBuilder::new(text).literal_separator(true).build();
    let built = built.map_err(|error| invalid(format!("--files: {given:?} is no glob: {}", error.kind())))?;
    let plain = !text.contains(['*', '?', '[', '{', '\\']);
    Ok(Glob { text: text.to_owned(), matcher: built.compile_matcher(), plain })
}
