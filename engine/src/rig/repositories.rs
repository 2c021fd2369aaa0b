//! The repositories of all rigs at once, for looking after what is left in them.

use std::collections::BTreeMap;

use convoy_core::id::RigName;

use crate::config::Config;
use crate::explain;
use crate::git::workdir::Root;
use crate::git::{self, Git, Kept, Key, Leftover, Oid, Repo};

/// See the module.
pub(crate) struct Repositories {
    repos: Vec<Repo>,
    /// The commit that each workdir began from, and which of the repositories pins it.
    bases: BTreeMap<Key, (usize, Oid)>,
    /// Those that cannot be used, and why.
    closed: Vec<(RigName, String)>,
}

impl Repositories {
    /// Opens those that can be opened, and reads what they pin.
    pub(crate) fn open(git: &Git, config: &Config, root: &Root) -> Self {
        let mut all = Self { repos: Vec::new(), bases: BTreeMap::new(), closed: Vec::new() };
        for (name, rig) in config.rigs() {
            let opened = Repo::open_at(git, &rig.path).and_then(|repo| Ok((git::list(&repo, root)?, repo)));
            match opened {
                Ok((leftovers, repo)) => {
                    let number = all.repos.len();
                    for leftover in leftovers {
                        if let Leftover::Reference { key, kept: Kept::Base, commit } = leftover {
                            all.bases.insert(key, (number, commit));
                        }
                    }
                    all.repos.push(repo);
                }
                Err(error) => all.closed.push((name.clone(), explain(&error))),
            }
        }
        all
    }

    /// The repository that a workdir belongs to, and the commit that it began from.
    ///
    /// # Errors
    /// Says that no repository knows it, and which ones could not be asked.
    pub(crate) fn of(&self, key: &Key) -> Result<(&Repo, &Oid), String> {
        if let Some((number, base)) = self.bases.get(key) {
            return Ok((&self.repos[*number], base));
        }
        let closed: Vec<String> =
            self.closed.iter().map(|(name, why)| format!("; rig {name} cannot be asked: {why}")).collect();
        Err(format!(
            "no repository of this workspace has its beginning, so it stays where it is{}",
            closed.concat()
        ))
    }
}
