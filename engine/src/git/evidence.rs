//! What an agent did: collected once it is dead, and brought into the repository before anything else.

use std::path::PathBuf;

use super::error::{Error, Result};
use super::heads::Heads;
use super::names::{Branch, Identity, Message, Oid};
use super::repo::{DiffStat, Repo};
use super::shadow::Shadow;
use super::workdir::{Root, Workdir};

/// What became of files that the agent had not committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leftovers {
    /// There were none.
    None,
    /// They are in the last commit of the branch.
    Committed,
    /// They belong to another commit than the tip, and wait for `salvage`.
    Elsewhere,
}

/// What an agent did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The last commit of its work. Equal to `base` when it did nothing.
    pub tip: Oid,
    /// The commit that it started from.
    pub base: Oid,
    /// How many commits `tip` has that `base` lacks.
    pub commits: u64,
    /// Whether `tip` descends from `base`; if not, the agent rewrote history that was not its own.
    pub descends: bool,
    /// The size of the change from `base` to `tip`.
    pub stat: DiffStat,
    /// What became of uncommitted files.
    pub leftovers: Leftovers,
    /// The full reference in the repository that now holds `tip`: the branch, or, if that is checked out or
    /// holds other work, the salvage reference. Nothing when there is no work.
    pub kept_at: Option<String>,
    /// Git repositories that the agent made inside the workdir. Their files are in no commit.
    pub nested: Vec<PathBuf>,
}

/// Takes an agent's work into the repository: commits what it left uncommitted, in its name, and fetches its
/// branch. The agent must be dead. Running it again gives the same result, whatever was interrupted.
///
/// Nothing is written to the workdir's own git directory.
///
/// # Errors
/// `WorkdirGone`, `LeftoversTooLarge`, `BadName` for a detached workdir, or what running git gave.
pub fn collect(
    repo: &Repo,
    root: &Root,
    workdir: &Workdir,
    who: &Identity,
    message: &Message,
) -> Result<Evidence> {
    let Some(branch) = &workdir.branch else {
        return Err(Error::BadName {
            kind: "workdir",
            text: workdir.key.as_str().into(),
            why: "it is detached",
        });
    };
    if workdir.path != root.workdir(&workdir.key) {
        let why = "it is not the folder of its key";
        return Err(Error::OutsideRoot { path: workdir.path.clone(), root: root.path().to_owned(), why });
    }
    let heads = Heads::open(&workdir.path)?;
    let shadow = Shadow::new(repo, root, workdir)?;
    let base = &workdir.base;
    let choice = choose(&shadow, &heads, branch, base)?;
    let checked_out = heads.head().unwrap_or_else(|| choice.tip.clone());
    let found = shadow.uncommitted(&checked_out)?;
    let (mut tip, mut commits) = (choice.tip, choice.commits.unwrap_or_default());
    let leftovers = match &found.tree {
        None => Leftovers::None,
        Some(_) if tip != checked_out => Leftovers::Elsewhere,
        Some(tree) => {
            tip = match made_before(repo, workdir, branch, tree, &tip)? {
                Some(commit) => commit,
                None => shadow.commit(tree, &[&tip], who, message)?,
            };
            commits += 1;
            Leftovers::Committed
        }
    };
    let mut compared = base;
    // What others did is not its work, once it has merged that.
    if let Some(onto) = &workdir.onto
        && let Some(since) = shadow.commits_since(onto, &tip)?
    {
        (compared, commits) = (onto, since);
    }
    let (mut stat, mut kept_at) = (DiffStat::default(), None);
    if tip != *base {
        stat = shadow.diff_stat(compared, &tip)?;
        kept_at = Some(keep(repo, &shadow, workdir, branch, &tip)?);
    }
    let (base, descends) = (compared.clone(), choice.commits.is_some());
    Ok(Evidence { tip, base, commits, descends, stat, leftovers, kept_at, nested: found.nested })
}

struct Choice {
    tip: Oid,
    /// How many commits it has that the base lacks; nothing if it does not descend from the base.
    commits: Option<u64>,
}

/// The commit that is the agent's work: where it stood at the end, if that comes from the base and its branch
/// is not further; else its branch.
fn choose(shadow: &Shadow<'_>, heads: &Heads, branch: &Branch, base: &Oid) -> Result<Choice> {
    let on_branch = heads.get(&branch.reference());
    if let Some(head) = heads.head()
        && let Some(commits) = shadow.commits_since(base, &head)?
    {
        let further = match &on_branch {
            Some(tip) if *tip != head => shadow.commits_since(&head, tip)?,
            _ => None,
        };
        if further.is_none() {
            return Ok(Choice { tip: head, commits: Some(commits) });
        }
    }
    let tip = on_branch.unwrap_or_else(|| base.clone());
    Ok(Choice { commits: shadow.commits_since(base, &tip)?, tip })
}

/// The commit of leftovers that an interrupted run already brought to the repository.
fn made_before(
    repo: &Repo,
    workdir: &Workdir,
    branch: &Branch,
    tree: &Oid,
    parent: &Oid,
) -> Result<Option<Oid>> {
    let places = [branch.reference(), workdir.key.salvage_ref()];
    let names: Vec<_> = places
        .iter()
        .flat_map(|r| [format!("{r}^{{commit}}"), format!("{r}^{{tree}}"), format!("{r}^1")])
        .collect();
    let found = repo.objects_named(&names)?;
    Ok(found
        .chunks(3)
        .find(|facts| facts[1].as_ref() == Some(tree) && facts[2].as_ref() == Some(parent))
        .and_then(|facts| facts[0].clone()))
}

/// Brings the tip into the repository: under the branch, or if that is checked out or has other work, under
/// the salvage reference. Where one of them leads to the tip already, nothing is to be done.
fn keep(repo: &Repo, shadow: &Shadow<'_>, workdir: &Workdir, branch: &Branch, tip: &Oid) -> Result<String> {
    let (reference, salvage) = (branch.reference(), workdir.key.salvage_ref());
    if shadow.deliver(tip, &workdir.base, &reference, false).is_ok() {
        return Ok(reference);
    }
    for there in [reference, salvage.clone()] {
        if let Some(commit) = repo.commit(&there)?
            && repo.is_ancestor(tip, &commit).unwrap_or(false)
        {
            return Ok(there);
        }
    }
    shadow.deliver(tip, &workdir.base, &salvage, false)?;
    Ok(salvage)
}
