//! Reviews of submitted branches in the simulation: how they begin, what they say, and what must be so of them.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::command::{Observed, Request};
use convoy_core::effect::Effect;
use convoy_core::event::Event;
use convoy_core::id::{ConvoyId, Epoch, WorkerId};
use convoy_core::policy::{Inconclusive, Reviews};
use convoy_core::review::{Finding, Raised, Severity};
use convoy_core::template::{ReportKind, ReportMade, Run, Verdict};
use convoy_core::worker::{Member, WorkerState};

use super::queue::Crash;
use super::{Fault, Sim};

/// In a part of the scenarios branches are reviewed before they land.
pub(super) fn wanted(rng: &mut fastrand::Rng) -> Reviews {
    Reviews {
        before_merge: rng.u32(0..4) == 0,
        on_inconclusive: if rng.bool() { Inconclusive::Merge } else { Inconclusive::NeedsHuman },
        ..Reviews::default()
    }
}

impl Sim {
    /// The template of a review is looked up: mostly there is one.
    pub(super) fn start_review(&mut self, worker: WorkerId, epoch: Epoch, round: u32) {
        if self.may_crash() && self.fault(Fault::Crash, 30) {
            return self.crash(Crash::Kill);
        }
        let found = self.engine.as_ref().and_then(|engine| engine.state.workers.get(&worker));
        let Some(WorkerState::Submitted(submission)) = found.map(|worker| &worker.state) else { return };
        let tip = submission.tip.clone();
        let start = match self.rng.u32(0..20) {
            0 => Err("there is no such template".to_owned()),
            1 => Ok(None),
            _ => Ok(Some(Box::new(self.review_of(tip)))),
        };
        let member = Member { worker: worker.clone(), epoch, round };
        let effect = Effect::StartReview { worker, epoch, round };
        self.answer(Some(effect), Observed::ReviewResolved { member, start });
    }

    fn review_of(&mut self, tip: String) -> Request {
        let mut request = self.start_template();
        if let Request::TemplateStart { run, .. } = &mut request {
            let report = if self.rng.u32(0..20) == 0 { ReportKind::None } else { ReportKind::Review };
            **run = Run { commit: Some(tip), report, ..Run::clone(run) };
        }
        request
    }

    /// What the report of a convoy says, if it is a review of a branch.
    pub(super) fn worded(&mut self, convoy: &ConvoyId, report: ReportMade) -> ReportMade {
        let state = self.engine.as_ref().map(|engine| &engine.state);
        let found = state.and_then(|state| state.convoys.get(convoy));
        if !found.is_some_and(convoy_core::convoy::Convoy::is_gate) {
            return report;
        }
        let verdict = match self.rng.u32(0..10) {
            0..=5 => Verdict::Approved,
            6..=8 => Verdict::ChangesRequested,
            _ => Verdict::Commented,
        };
        let finding = Finding { severity: Severity::Critical, title: "a hole".into(), ..Finding::default() };
        let hole = Raised { role: "security".parse().expect("a valid name"), grounded: true, finding };
        let blocking = if verdict == Verdict::ChangesRequested { vec![hole] } else { Vec::new() };
        ReportMade { verdict: Some(verdict), blocking, ..report }
    }
}

/// What must be so of reviews, whatever happens.
#[derive(Default)]
pub(super) struct Gate {
    /// The tip of each submitted branch, and the convoy that it waits for.
    submitted: BTreeMap<WorkerId, (String, Option<ConvoyId>)>,
    passed: BTreeSet<(WorkerId, String)>,
}

impl Gate {
    pub(super) fn event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::WorkerSubmitted { worker, submission } => {
                self.submitted.insert(worker.clone(), (submission.tip.clone(), None));
            }
            Event::ReviewStarted { worker, convoy, checkpoint: None } => {
                let Some((_, waits)) = self.submitted.get_mut(worker) else {
                    return Err(format!("{worker} has submitted nothing, and is reviewed by {convoy}"));
                };
                if let Some(other) = waits.replace(convoy.clone()) {
                    return Err(format!("a branch of {worker} is reviewed by {other} and by {convoy}"));
                }
            }
            Event::ReviewMade { worker, checkpoint: None, review, .. }
                if review.blocking().next().is_none() =>
            {
                self.passed.insert((worker.clone(), review.tip.clone()));
            }
            Event::WorkerDone { worker } => {
                let Some((tip, Some(convoy))) = self.submitted.get(worker) else { return Ok(()) };
                if !self.passed.contains(&(worker.clone(), tip.clone())) {
                    return Err(format!("{worker} landed {tip} without a word of {convoy}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
