//! Making the report of a template convoy out of what its roles left.

use convoy_core::command::Observed;
use convoy_core::id::RoleName;
use convoy_core::template::{Counts, ReportMade};

use super::role::Synthesize;
use crate::clock;
use crate::world::World;

pub(super) fn run(_world: &World, job: &Synthesize) -> Observed {
    let missing: Vec<RoleName> =
        job.lanes.iter().filter(|lane| lane.failed.is_some()).map(|lane| lane.role.clone()).collect();
    let report = ReportMade {
        round: job.round,
        at: clock::now(),
        files: Vec::new(),
        counts: Counts::default(),
        verdict: None,
        missing,
        error: None,
        applied: None,
        blocking: Vec::new(),
    };
    Observed::Synthesized { convoy: job.convoy.clone(), report: Box::new(report), judged: Vec::new() }
}
