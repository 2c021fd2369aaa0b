//! The merge queue in the simulated world: branches merged one upon the other, tested once, landed at once.

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::issue::GateResult;
use convoy_core::time::Span;
use convoy_core::worker::{Member, MergeBlock, MergeOutcome, WorkerState};

use super::queue::{Crash, Happening, Task};
use super::repo::{oid, parse};
use super::{Fault, Sim};

impl Sim {
    pub(super) fn batch_gates(&mut self, members: Vec<Member>) {
        let Some(state) = self.engine.as_ref().map(|engine| &engine.state) else { return };
        let tip = |member: &Member| match &state.workers.get(&member.worker)?.state {
            WorkerState::Submitted(submission) => Some(submission.tip.clone()),
            _ => None,
        };
        let Some(tips) = members.iter().map(tip).collect::<Option<Vec<String>>>() else { return };
        let base = self.repo.base;
        let mut unfit = Vec::new();
        for (n, (member, tip)) in members.iter().zip(&tips).enumerate() {
            if parse(tip).is_some_and(|tip| self.repo.contains(base, tip)) {
                let landed = MergeOutcome::Landed { merge_commit: Some(oid(base)), gates: Vec::new() };
                unfit.push((member.clone(), landed));
            } else if n > 0 && self.rng.u32(0..5) == 0 {
                // No fault: they only do not go together.
                unfit.push((member.clone(), MergeOutcome::SetAside { files: vec!["a".into()] }));
            } else if self.fault(Fault::Conflict, 120) {
                let conflict = MergeOutcome::Conflict { files: vec!["a".into()], theirs: Vec::new() };
                unfit.push((member.clone(), conflict));
            }
        }
        if !unfit.is_empty() {
            return self.batch_tried(&members, unfit);
        }
        if self.fault(Fault::PrepareFails, 100) {
            let error = "no space left on device".to_owned();
            return self.batch_all(&members, &MergeOutcome::Broken { error });
        }
        if self.fault(Fault::GateFails, 200) {
            let gate = GateResult {
                name: "test".into(),
                passed: false,
                code: Some(1),
                duration: Span::from_secs(1),
            };
            let failed = MergeOutcome::GateFailed { gates: vec![gate], output: "boom".into() };
            return self.batch_all(&members, &failed);
        }
        if self.fault(Fault::BaseMoves, 200) {
            self.repo.move_base();
        }
        let instance = self.instance;
        let swap = Task::BatchSwap { members, tips, expected: base };
        self.soon(1, 400, Happening::Part(instance, swap));
    }

    pub(super) fn batch_swap(&mut self, members: Vec<Member>, tips: &[String], expected: u32) {
        if self.repo.checkout_in_way {
            let files = if self.rng.bool() { vec!["a".into()] } else { Vec::new() };
            let block = MergeBlock { why: "local changes".into(), files };
            return self.batch_all(&members, &MergeOutcome::Blocked(block));
        }
        if self.repo.base != expected {
            let now = oid(self.repo.base);
            return self.batch_all(&members, &MergeOutcome::Moved { now });
        }
        let mut at = expected;
        let mut tried = Vec::new();
        for (member, tip) in members.iter().zip(tips) {
            let Some(Ok(commit)) = parse(tip).map(|tip| self.repo.merge(at, tip)) else {
                return self.violate("a batch has a tip that is no commit");
            };
            at = commit;
            let merge_commit = Some(oid(commit));
            tried.push((member.clone(), MergeOutcome::Landed { merge_commit, gates: Vec::new() }));
        }
        self.batch_tried(&members, tried);
    }

    fn batch_all(&mut self, members: &[Member], outcome: &MergeOutcome) {
        let tried = members.iter().map(|member| (member.clone(), outcome.clone())).collect();
        self.batch_tried(members, tried);
    }

    fn batch_tried(&mut self, members: &[Member], tried: Vec<(Member, MergeOutcome)>) {
        if self.may_crash() && self.fault(Fault::Crash, 60) {
            return self.crash(Crash::Kill);
        }
        let effect = Effect::MergeBatch { members: members.to_vec() };
        self.answer(Some(effect), Observed::Batch { tried });
    }
}
