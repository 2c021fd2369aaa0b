//! Template convoys in the simulation: people begin and end them, roles leave reports or do not, reports are made.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::command::{Observed, Request};
use convoy_core::convoy::Convoy;
use convoy_core::effect::Effect;
use convoy_core::event::{Batch, Event};
use convoy_core::id::{ConvoyId, RoleName, SessionId};
use convoy_core::session::Findings;
use convoy_core::state::State;
use convoy_core::template::{
    Counts, NewStep, OnFailure, OutputKind, Product, ReportKind, ReportMade, Run, Runner, Step,
};
use convoy_core::time::{Span, Time};

use super::queue::Crash;
use super::reviews::Gate;
use super::{Fault, Sim};

impl Sim {
    /// A template convoy of a few roles, of which some need others.
    pub(super) fn start_template(&mut self) -> Request {
        let roles: Vec<RoleName> =
            (0..self.rng.usize(1..=4)).map(|n| format!("role{n}").parse().expect("a valid name")).collect();
        let mut steps = Vec::new();
        for (n, role) in roles.iter().enumerate() {
            let needs = roles[..n].iter().filter(|_| self.rng.u32(0..3) == 0).cloned().collect();
            // Programs cost nothing, and every agent of the simulation does.
            let runner = Runner::Agent { agent: None, model: None, tools: None, permission_mode: None };
            let step = Step {
                role: role.clone(),
                subagent: "reviewer".parse().expect("a valid name"),
                runner,
                output: OutputKind::Findings,
                timeout: None,
                max_attempts: (self.rng.u32(0..2) == 0).then_some(1),
                params: BTreeMap::new(),
                about: None,
            };
            steps.push(NewStep { step, title: role.to_string(), prompt: "look".into(), needs });
        }
        let run = Run {
            template: "code-review".parse().expect("a valid name"),
            rig: "home".parse().expect("a valid name"),
            commit: None,
            diff_base: None,
            files: Vec::new(),
            vars: BTreeMap::new(),
            pr_url: None,
            issues: Vec::new(),
            // Where the clock is set back it comes later, and the end is not waited for that long.
            timeout: (self.rng.u32(0..2) == 0 && !self.options.faults.contains(&Fault::ClockJump))
                .then(|| Span::from_secs(self.rng.i64(5..=60))),
            on_failure: if self.rng.u32(0..4) == 0 { OnFailure::Stop } else { OnFailure::Continue },
            report: if self.rng.u32(0..4) == 0 { ReportKind::None } else { ReportKind::Review },
            output_dir: None,
            apply: false,
            reviews: None,
        };
        Request::TemplateStart {
            name: "review".into(),
            run: Box::new(run),
            steps,
            owner: None,
            notify: Vec::new(),
            max_parallel: (self.rng.u32(0..3) == 0).then(|| self.rng.u32(1..=2)),
            epic: None,
            budget: None,
        }
    }

    /// What a dead role has left; none if the session is not a role's.
    pub(super) fn left_by_role(&mut self, session: &SessionId) -> Option<Findings> {
        let state = &self.engine.as_ref()?.state;
        let worker = state.workers.get(&state.sessions.get(session)?.content.worker)?;
        state.step_of(worker)?;
        Some(match self.rng.u32(0..6) {
            0 => Findings::NoOutput { why: "it wrote no report".into(), repairable: false },
            1 => Findings::NoOutput { why: "its findings are not JSON".into(), repairable: true },
            _ => Findings::Output { product: Product { files: vec!["role.md".into()], findings: Some(1) } },
        })
    }

    pub(super) fn synthesize(&mut self, convoy: ConvoyId, round: u32) {
        if self.may_crash() && self.fault(Fault::Crash, 30) {
            return self.crash(Crash::Kill);
        }
        let state = self.engine.as_ref().map(|engine| &engine.state);
        let interim =
            state.and_then(|state| state.convoys.get(&convoy)).is_some_and(|convoy| convoy.open_count > 0);
        let report = ReportMade {
            interim,
            round,
            at: Time::from_millis(0),
            files: vec!["synthesis.md".into()],
            counts: Counts::default(),
            verdict: None,
            missing: Vec::new(),
            applied: None,
            blocking: Vec::new(),
            error: None,
        };
        let report = Box::new(self.worded(&convoy, report));
        let effect = Effect::Synthesize { convoy: convoy.clone(), round };
        self.answer(Some(effect), Observed::Synthesized { convoy, report, judged: Vec::new() });
    }
}

/// What must be so of the template convoys of a log, whatever happens.
#[derive(Default)]
pub(super) struct Runs {
    /// Those whose report was made, with its round; those that make none have round 0.
    reported: BTreeMap<ConvoyId, u32>,
    /// Those that were ended by somebody, or whose time was up.
    ended: BTreeSet<ConvoyId>,
    /// The workers of each.
    workers: BTreeMap<String, ConvoyId>,
    /// Reviews of branches.
    gate: Gate,
    /// Their steps.
    steps: BTreeSet<String>,
}

impl Runs {
    pub(super) fn scan(&mut self, batch: &Batch) -> Result<(), String> {
        for event in &batch.events {
            self.gate.event(event)?;
            match event {
                Event::IssueCreated { issue } if issue.step.is_some() => {
                    self.steps.insert(issue.id.to_string());
                }
                Event::ConvoyCreated { convoy } | Event::ConvoyStaged { convoy, .. } => {
                    if convoy.run.as_ref().is_some_and(|run| run.report == ReportKind::None) {
                        self.reported.insert(convoy.id.clone(), 0);
                    } else if convoy.run.is_none() {
                        self.reported.insert(convoy.id.clone(), u32::MAX);
                    }
                }
                Event::WorkerAssigned { worker } => {
                    if let Some(convoy) = &worker.convoy {
                        self.workers.insert(worker.id.to_string(), convoy.clone());
                    }
                }
                Event::SessionWanted { session } => {
                    let convoy = self.workers.get(session.worker.as_str());
                    if let Some(convoy) = convoy.filter(|convoy| self.ended.contains(*convoy)) {
                        return Err(format!("{convoy} was ended, and a role of it begins"));
                    }
                }
                Event::ConvoyTimedOut { convoy } if !self.ended.insert(convoy.clone()) => {
                    return Err(format!("the time of {convoy} is up twice"));
                }
                Event::ConvoyStopped { convoy, .. } if !self.reported.contains_key(convoy) => {
                    self.ended.insert(convoy.clone());
                }
                Event::ConvoySynthesized { convoy, report } => {
                    let before = match report.interim {
                        true => None,
                        false => self.reported.insert(convoy.clone(), report.round),
                    };
                    if before.is_some_and(|before| before >= report.round) {
                        return Err(format!("report {} of {convoy} was made twice", report.round));
                    }
                }
                Event::ConvoyLanded { convoy, .. } if !self.reported.contains_key(convoy) => {
                    return Err(format!("{convoy} landed without its report"));
                }
                Event::IssueNeedsHuman { issue, .. } if self.steps.contains(issue.as_str()) => {
                    return Err(format!("role {issue} waits for a person"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A template convoy of which nothing is left to do has ended.
pub(super) fn check(state: &State, convoy: &Convoy) -> Result<(), String> {
    let open = |id: &&convoy_core::id::IssueId| !state.issues[*id].was_closed();
    match convoy.content.tracked.iter().find(open) {
        Some(step) if convoy.content.run.is_some() && convoy.is_closed() => {
            Err(format!("{} has ended, and its role {step} has not", convoy.content.id))
        }
        Some(_) | None => Ok(()),
    }
}
