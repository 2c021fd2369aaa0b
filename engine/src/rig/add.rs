//! Adding a rig: everything is checked first, then a repository elsewhere is cloned, then the configuration is written.
//!
//! Killed anywhere in between, the same command goes on: a clone appears under its name only when it is whole and
//! fits, and one that is there already from the same place is taken.

use std::path::{Component, Path, PathBuf};

use convoy_api::{Code, Failure, ItemView, Service};
use convoy_core::id::RigName;
use convoy_core::time::Span;

use super::{check_name, pointer, reload, rigs_with};
use crate::config::{Config, Edit, Rig, Sources};
use crate::explain;
use crate::git::{self, Branch, Git, Repo};
use crate::os::spawn::Environment;
use crate::workspace::{Workspace, check_prefix, default_prefix};

/// How long a clone may take; a large one over a slow line takes its time.
const CLONE_LIMIT: Span = Span::from_secs(4 * 3600);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The rig's name.
    pub name: &'a str,
    /// A folder, or an address that git can clone.
    pub from: &'a str,
    /// Where a relative folder begins.
    pub dir: &'a Path,
    /// The prefix of its issues; made from the name if none is given.
    pub prefix: Option<&'a str>,
    /// The branch that work lands in; what the repository says if none is given.
    pub default_branch: Option<&'a str>,
}

enum From {
    /// It stays where it is.
    Folder(PathBuf),
    /// It is cloned into this folder.
    Address { url: String, into: PathBuf },
}

/// A rig that may be added.
pub struct Addition {
    name: RigName,
    prefix: String,
    default_branch: Option<String>,
    from: From,
    /// It is as wanted.
    already: bool,
}

fn refused(text: String) -> Failure {
    Failure::new(Code::Refused, text)
}

fn of_git(error: &git::Error) -> Failure {
    refused(explain(error))
}

impl Addition {
    /// Checks what is wanted against the configuration, the issues and the repository. Changes nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(
        workspace: &Workspace,
        env: &Environment,
        service: &dyn Service,
        wanted: Wanted<'_>,
    ) -> Result<Self, Failure> {
        let name = check_name(wanted.name)?;
        let config = Config::load(workspace, env, &Sources::default())?;
        let default_branch = wanted.default_branch.map(str::to_owned);
        if let Some(branch) = &default_branch {
            Branch::new(branch.clone())
                .map_err(|error| Failure::new(Code::Invalid, format!("default-branch: {error}")))?;
        }
        let from = from(workspace, &name, wanted)?;
        if let Some(rig) = config.rigs().get(&name) {
            check_same(env, &name, rig, &from, wanted)?;
            return Ok(Self { prefix: rig.prefix.clone(), name, default_branch, from, already: true });
        }
        let prefix = wanted.prefix.map_or_else(|| default_prefix(name.as_str()), str::to_owned);
        check_prefix(&prefix)?;
        if let Some((other, _)) = config.rigs().iter().find(|(_, rig)| rig.prefix == prefix) {
            let text = format!("prefix {prefix:?} is that of rig {other}");
            return Err(Failure::new(Code::Conflict, text).hint("choose another: --prefix <letters>"));
        }
        if let Some(other) = rigs_with(service, &prefix)?.into_iter().find(|other| *other != name) {
            let text = format!("there are issues with prefix {prefix:?} that belong to rig {other}");
            return Err(Failure::new(Code::Conflict, text)
                .hint(format!("choose another prefix, or add it under the name {other}")));
        }
        let addition = Self { name, prefix, default_branch, from, already: false };
        if let From::Folder(path) = &addition.from {
            addition.check_repository(env, &config, path)?;
        }
        Ok(addition)
    }

    /// Clones what has to be cloned.
    ///
    /// # Errors
    /// When it cannot be cloned or does not fit; nothing of it is left then.
    pub fn fetch(&self, workspace: &Workspace, env: &Environment) -> Result<(), Failure> {
        let From::Address { url, into } = &self.from else { return Ok(()) };
        if self.already {
            return Ok(());
        }
        let config = Config::load(workspace, env, &Sources::default())?;
        let git = Git::with_limit(env, CLONE_LIMIT).map_err(|error| of_git(&error))?;
        if into.symlink_metadata().is_ok() {
            let origin = Repo::open_at(&git, into).and_then(|repo| repo.origin());
            if origin.ok().flatten().as_deref() != Some(url) {
                let text = format!("{} is there already, and is no clone of that address", into.display());
                return Err(Failure::new(Code::Conflict, text).hint(format!(
                    "add it as it is: convoy rig add {} {}; or move it away",
                    self.name,
                    into.display()
                )));
            }
            return self.check_repository(env, &config, into);
        }
        workspace.prepare_rigs()?;
        let cannot = |error: std::io::Error| refused(format!("cannot make {}: {error}", into.display()));
        let half =
            tempfile::Builder::new().prefix(".cloning-").tempdir_in(workspace.rigs_dir()).map_err(cannot)?;
        let clone = half.path().join(self.name.as_str());
        git::clone(&git, env, url, &clone).map_err(|error| of_git(&error))?;
        if let Some(name) = &self.default_branch {
            let taken = Repo::open_at(&git, &clone)
                .and_then(|repo| git::take_branch(&repo, &Branch::new(name.clone())?));
            taken.map_err(|error| of_git(&error))?;
        }
        self.check_repository(env, &config, &clone)?;
        std::fs::rename(&clone, into).map_err(cannot)
    }

    /// Writes the configuration, and has an engine take it up.
    ///
    /// # Errors
    /// When the configuration cannot be written or would not be accepted.
    pub fn finish(
        self,
        workspace: &Workspace,
        env: &Environment,
        service: &dyn Service,
    ) -> Result<ItemView, Failure> {
        let (From::Folder(path) | From::Address { into: path, .. }) = &self.from;
        let mut note = format!("{} with prefix {}", path.display(), self.prefix);
        if !self.already {
            let mut edit = Edit::begin(workspace, env)?;
            // Somebody else may have added one meanwhile.
            let config = Config::load(workspace, env, &Sources::default())?;
            if config.rigs().contains_key(&self.name) {
                return Err(Failure::new(Code::Conflict, format!("there is a rig {} by now", self.name)));
            }
            self.check_repository(env, &config, path)?;
            let key = |leaf: &str| format!("rigs.{}.{leaf}", self.name);
            let text = |text: String| toml::Value::String(text);
            let shown = shown(workspace.root(), path)?;
            edit.put(&key("path"), &text(shown))?;
            edit.put(&key("prefix"), &text(self.prefix.clone()))?;
            if let Some(branch) = &self.default_branch {
                edit.put(&key("default_branch"), &text(branch.clone()))?;
            }
            edit.commit()?;
        } else {
            note.push_str("; already there, nothing changed");
        }
        // Also again: the file may have been lost, or the last try was killed before it.
        if !path.starts_with(workspace.root()) {
            match pointer::write(path, workspace.root()) {
                Ok(None) => {}
                Ok(Some(other)) => note.push_str(&format!(
                    "; inside it, commands go on to find workspace {}, of which it is a rig too",
                    other.display()
                )),
                Err(error) => note.push_str(&format!("; inside it, commands need -C: {error}")),
            }
        }
        if !self.already {
            reload(service)?;
        }
        let changed = !self.already;
        Ok(ItemView { id: self.name.to_string(), ok: true, changed, note: Some(note), error: None })
    }

    /// Whether the repository can be worked in, and is not one that is there already.
    fn check_repository(&self, env: &Environment, config: &Config, path: &Path) -> Result<(), Failure> {
        let git = Git::new(env).map_err(|error| of_git(&error))?;
        let repo = Repo::open_at(&git, path).map_err(|error| of_git(&error))?;
        for (name, rig) in config.rigs() {
            let other = Repo::open_at(&git, &rig.path);
            if other.is_ok_and(|other| other.common_dir == repo.common_dir) {
                let text = format!("{} is the repository of rig {name}", path.display());
                return Err(Failure::new(Code::Conflict, text)
                    .hint("two rigs of one repository would merge into the same branches"));
            }
        }
        match &self.default_branch {
            None => repo.default_branch().map(drop).map_err(|error| {
                of_git(&error).hint("say which branch work lands in: --default-branch <branch>")
            }),
            Some(name) => {
                let branch = Branch::new(name.clone()).map_err(|error| of_git(&error))?;
                let found = repo.resolve(&branch).map_err(|error| of_git(&error))?;
                let unborn = || repo.default_branch().is_ok_and(|head| head == branch);
                if found.is_some() || unborn() {
                    return Ok(());
                }
                let place = match &self.from {
                    From::Folder(_) => path.display().to_string(),
                    From::Address { .. } => format!("the repository of {}", self.name),
                };
                Err(refused(format!("there is no branch {name:?} in {place}")))
            }
        }
    }
}

/// Where the repository is to come from.
fn from(workspace: &Workspace, name: &RigName, wanted: Wanted<'_>) -> Result<From, Failure> {
    let path = wanted.dir.join(wanted.from);
    match path.canonicalize() {
        Ok(path) if path.is_dir() => Ok(From::Folder(path)),
        _ if is_address(wanted.from) => {
            let into = workspace.rigs_dir().join(name.as_str());
            Ok(From::Address { url: wanted.from.to_owned(), into })
        }
        Ok(_) => Err(refused(format!("{:?} is not a folder", wanted.from))),
        Err(error) => Err(Failure::new(Code::NotFound, format!("{:?}: {error}", wanted.from)).hint(
            "give the folder of a git repository, or an address to clone: https://…, ssh://…, file://…",
        )),
    }
}

/// As git tells an address from a folder: by `://`, or by a colon before the first slash.
fn is_address(text: &str) -> bool {
    if text.starts_with('-') || text.chars().any(char::is_control) {
        return false;
    }
    match text.split_once("://") {
        Some((scheme, rest)) => ["file", "git", "http", "https", "ssh"].contains(&scheme) && !rest.is_empty(),
        None => text.split_once(':').is_some_and(|(host, path)| {
            !host.is_empty() && !host.contains('/') && !path.is_empty() && !path.starts_with(':')
        }),
    }
}

/// Added again: whether it is what is there.
fn check_same(
    env: &Environment,
    name: &RigName,
    rig: &Rig,
    from: &From,
    wanted: Wanted<'_>,
) -> Result<(), Failure> {
    let differs = |what: String| {
        Err(Failure::new(Code::Conflict, format!("there is a rig {name} already, {what}"))
            .hint(format!("see it: convoy rig status {name}; or choose another name")))
    };
    let same = match from {
        From::Folder(path) => rig.path.canonicalize().is_ok_and(|there| there == *path),
        From::Address { url, .. } => {
            let git = Git::new(env).map_err(|error| of_git(&error))?;
            Repo::open_at(&git, &rig.path).and_then(|repo| repo.origin()).ok().flatten().as_ref() == Some(url)
        }
    };
    if !same {
        return differs(format!("of another repository: {}", rig.path.display()));
    }
    if let Some(prefix) = wanted.prefix.filter(|prefix| *prefix != rig.prefix) {
        return differs(format!(
            "with the prefix {} and not {prefix}; issues carry it, so it stays",
            rig.prefix
        ));
    }
    match wanted.default_branch.filter(|branch| rig.default_branch.as_deref() != Some(branch)) {
        Some(_) => {
            let there = rig.default_branch.as_deref().unwrap_or("what the repository says");
            differs(format!(
                "whose default branch is {there}; change it: convoy config set rigs.{name}.default_branch"
            ))
        }
        None => Ok(()),
    }
}

/// The path as the configuration keeps it: from the workspace where it is inside or near, so that the file can be
/// shared; else as it is.
fn shown(root: &Path, path: &Path) -> Result<String, Failure> {
    let near = match (path.strip_prefix(root), root.parent()) {
        (Ok(inside), _) => inside.to_owned(),
        (Err(_), Some(parent)) if parent.components().count() > 1 => {
            path.strip_prefix(parent).map_or_else(|_| path.to_owned(), |beside| Path::new("..").join(beside))
        }
        (Err(_), _) => path.to_owned(),
    };
    debug_assert!(near.components().all(|part| part != Component::CurDir));
    near.to_str().map(str::to_owned).ok_or_else(|| refused(format!("{} is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_from_a_folder() {
        for good in ["https://h/x.git", "ssh://git@h/x", "file:///tmp/x", "git@h:x/y.git", "h:x"] {
            assert!(is_address(good), "{good}");
        }
        for bad in
            ["ext::sh -c x", "../x", "x", "/x:y", "--upload-pack=x", "fd://3", "https://", ":x", "a\nb:c"]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn paths_near_the_workspace_are_kept_from_it() {
        let shown = |path: &str| shown(Path::new("/home/me/ws"), Path::new(path)).unwrap();
        assert_eq!(shown("/home/me/ws/.convoy/rigs/x"), ".convoy/rigs/x");
        assert_eq!(shown("/home/me/api"), "../api");
        assert_eq!(shown("/srv/api"), "/srv/api");
    }
}
