//! Running the gates on a commit that may land, in a workdir of its own.
//!
//! No two runs share a folder, not even of the same commit: one that is not wanted any more may still go on while
//! the next begins.

use convoy_core::effect::Effect;
use convoy_core::id::{Epoch, IssueId, RigName, WorkerId};
use convoy_core::issue::GateResult;

use super::merge::Error;
use crate::baseline;
use crate::config::GateTime;
use crate::explain;
use crate::gates::{self, Ground, Ran};
use crate::git::workdir::{self, Base, Request};
use crate::git::{Identity, Key, Oid, Repo};
use crate::world::World;

/// What the keys of workdirs begin with in which gates run.
pub(crate) const GATE_PREFIX: &str = "g-";

/// For what the gates run.
pub(super) struct For<'a> {
    /// The merge that needs them; once it is not wanted, no other gate is begun.
    pub(super) effect: &'a Effect,
    pub(super) epoch: Epoch,
    pub(super) rig: &'a RigName,
    pub(super) worker: &'a WorkerId,
    pub(super) issue: &'a IssueId,
}

/// What came of the gates.
pub(super) enum Proof {
    Passed(Vec<GateResult>),
    /// The last one failed; the text is the end of its output.
    Failed(Vec<GateResult>, String),
    /// Nobody wants to know any more.
    Unwanted,
}

pub(super) fn run(world: &World, of: &For<'_>, repo: &Repo, commit: &Oid) -> Result<Proof, Error> {
    let settings = world.settings();
    let wrong = |failure: convoy_api::Failure| Error::Config(failure.message);
    let mut gates = settings.config.gates().map_err(wrong)?;
    gates.retain(|gate| gate.is_for(of.rig) && gate.is_at(GateTime::BeforeMerge));
    let detects = gates.is_empty() && settings.config.detects_before_merge().map_err(wrong)?;
    if gates.is_empty() && !detects {
        return Ok(Proof::Passed(Vec::new()));
    }
    let key = format!("{GATE_PREFIX}{}-{:08x}", of.epoch.0, crate::entropy::seed() as u32);
    let request = Request {
        key: Key::new(key.clone())?,
        base: Base::Commit(commit.clone()),
        base_branch: None,
        branch: None,
        onto: None,
        continue_from: None,
        wip: None,
        identity: Identity::new("Convoy", "convoy@convoy.invalid")?,
    };
    let workdir = world.git_permits.with(|| workdir::create(repo, &world.workdirs, &request))?;
    let mut proof: Result<Proof, Error> = Ok(Proof::Passed(Vec::new()));
    let mut results = Vec::new();
    let mut ground = Ground::of(world);
    if detects {
        gates = baseline::gates_of_merge(world, &mut ground, &workdir.path).map_err(wrong)?;
    }
    for gate in gates {
        if !world.wanted.has(of.effect) {
            proof = Ok(Proof::Unwanted);
            break;
        }
        match gates::run(&ground, &gate, &key, of.epoch, (of.worker, of.issue), &workdir.path) {
            Ok(Ran { result, output, .. }) => {
                let passed = result.passed;
                results.push(result);
                if !passed {
                    proof = Ok(Proof::Failed(std::mem::take(&mut results), output));
                    break;
                }
            }
            Err(error) => {
                proof = Err(error.into());
                break;
            }
        }
    }
    if let Err(error) = workdir::remove(repo, &world.workdirs, &workdir) {
        crate::world::note(&format!("gates {key}: {}", explain(&error)));
    }
    Ok(match proof? {
        Proof::Passed(_) => Proof::Passed(results),
        other => other,
    })
}
