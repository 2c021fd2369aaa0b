//! One sample of each type of event.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::address::Address;
use convoy_core::checkpoint::{Made, NewCheckpoint, Reason};
use convoy_core::convoy::{MergeStrategy, NewConvoy, Observer, Staged};
use convoy_core::event::{Batched, Counted, Event, IssueChange};
use convoy_core::health::{self, Health, Look, Repeated, Step as WitnessStep, Vitals};
use convoy_core::id::{
    CheckpointId, DeliveryId, EpicName, Epoch, IssueId, RigName, RouteName, Seq, SessionId, WorkerId,
};
use convoy_core::import::{
    Hold, ImportedConvoy, ImportedConvoyStatus, ImportedIssue, ImportedRecord, ImportedStatus, RecordOf, Tool,
};
use convoy_core::issue::{
    CloseReason, Closed, DependencyType, DiffStat, Evidence, GateResult, IssueType, NewIssue,
};
use convoy_core::ledger::Level;
use convoy_core::money::Money;
use convoy_core::notice::{NewNotice, NoticeKind};
use convoy_core::outbox::NewDelivery;
use convoy_core::own_session::{Ended, NewOwnSession};
use convoy_core::report::{AgentResult, Exit, ExitKind, StopWhy, Tokens};
use convoy_core::session::{NewSession, Outcome, Said, Workdir};
use convoy_core::stage::{Category, Finding};
use convoy_core::time::{Span, Time};
use convoy_core::tracker::{Standing, Step};
use convoy_core::worker::{Lesson, MergeBlock, MergePause, MergeRequest, NewWorker, Submission};

use super::templates::{report, run, step};
use crate::reviewing::review;

pub(super) fn issue() -> IssueId {
    IssueId::new("hq-abc").unwrap()
}
pub(super) fn worker() -> WorkerId {
    WorkerId::new("w-12345").unwrap()
}
pub(super) fn session() -> SessionId {
    SessionId::new("s-12345678").unwrap()
}
pub(super) fn at() -> Time {
    Time::from_millis(1_767_118_500_123)
}
pub(super) fn to() -> Address {
    Address::new("mayor/").unwrap()
}
pub(super) fn oid() -> String {
    "0123456789abcdef0123456789abcdef01234567".into()
}

fn of_issues() -> Vec<Event> {
    let diff = DiffStat { commits: 2, files: 3, insertions: 40, deletions: 5 };
    let gate = GateResult { name: "test".into(), passed: true, code: Some(0), duration: Span::from_secs(61) };
    let evidence = Evidence {
        branch: Some("convoy/x".into()),
        commit: Some(oid()),
        merge_commit: Some(oid()),
        request: Some("https://forge/7".into()),
        diff: Some(diff),
        gates: vec![gate],
        cost: Some(Money::from_micros(12_500).into()),
        attempt: 2,
        no_change: false,
    };
    let closed = Closed {
        reason: CloseReason::Merged,
        at: at(),
        evidence: Some(Box::new(evidence)),
        duplicate_of: Some(issue()),
        note: Some("a note".into()),
    };
    let new = NewIssue {
        id: issue(),
        rig: "home".parse().unwrap(),
        title: "Deploy \u{1f69a}".into(),
        body: "line\nline".into(),
        issue_type: IssueType::Bug,
        priority: 1,
        labels: BTreeSet::from(["model:opus".to_owned()]),
        parent: Some(issue()),
        needs: BTreeMap::from([(issue(), DependencyType::ParentChild)]),
        acceptance: vec!["it works".into()],
        step: Some(Box::new(step())),
    };
    let change = IssueChange {
        title: Some("t".into()),
        body: Some("b".into()),
        priority: Some(0),
        issue_type: Some(IssueType::Epic),
        add_labels: vec!["a".into()],
        remove_labels: vec!["r".into()],
        hold: None,
        acceptance: Some(vec!["x".into()]),
    };
    let kind = DependencyType::Blocks;
    let imported = ImportedIssue {
        issue: new.clone(),
        state: ImportedStatus::Held(Hold::new("deferred").unwrap()),
        created_by: "ann".into(),
        created_at: at(),
        updated_at: at(),
        kept: Some("{\"design\":\"d\"}".into()),
    };
    vec![
        Event::IssueCreated { issue: new },
        Event::IssueImported { issue: Box::new(imported) },
        Event::IssueUpdated { issue: issue(), change },
        Event::DependencyAdded { issue: issue(), needs: issue(), kind },
        Event::DependencyRemoved { issue: issue(), needs: issue() },
        Event::IssueClosed { issue: issue(), closed },
        Event::IssueReopened { issue: issue() },
        Event::IssueNeedsHuman { issue: issue(), why: "it failed".into() },
    ]
}

fn of_trackers() -> Vec<Event> {
    let rig = || "tools".parse().unwrap();
    let new = NewIssue {
        id: issue(),
        rig: rig(),
        title: "Theirs".into(),
        body: "b".into(),
        issue_type: IssueType::Task,
        priority: 2,
        labels: BTreeSet::from(["a".to_owned()]),
        parent: None,
        needs: BTreeMap::from([(issue(), DependencyType::Blocks)]),
        acceptance: vec!["it works".into()],
        step: None,
    };
    let ours = NewIssue { title: "Ours".into(), ..new.clone() };
    let change = IssueChange { title: Some("t".into()), ..IssueChange::default() };
    let kind = DependencyType::Related;
    let steps = vec![
        Step::Edit { change },
        Step::Label { label: "a".into() },
        Step::Unlabel { label: "b".into() },
        Step::Need { on: issue(), kind },
        Step::Unneed { on: issue() },
        Step::Take { assignee: "tools/w-12345".into() },
        Step::Release,
        Step::Close { reason: "Completed".into() },
        Step::Reopen,
    ];
    vec![
        Event::IssueMirrored {
            issue: Box::new(new),
            standing: Standing::InProgress,
            assignee: Some("ann".into()),
            created_at: Some(at()),
            ours: Some(Box::new(ours)),
        },
        Event::IssueMissing { issue: issue() },
        Event::TrackerLost { rig: rig(), why: "gone".into() },
        Event::TrackerFound { rig: rig() },
        Event::TrackerTold { rig: rig(), issue: issue(), steps },
        Event::TrackerRefused {
            rig: rig(),
            issue: issue(),
            error: "locked".into(),
            failures: 2,
            until: at(),
        },
    ]
}

fn of_convoys() -> Vec<Event> {
    let convoy = || convoy_core::id::ConvoyId::new("hq-cv-abc12").unwrap();
    let new = NewConvoy {
        id: convoy(),
        title: "Deploy".into(),
        tracked: vec![issue()],
        owner: to(),
        notify: vec![Address::overseer()],
        merge: MergeStrategy::Direct,
        base: Some("main".into()),
        max_parallel: Some(2),
        agent: Some("claude".parse().unwrap()),
        model: Some("opus".into()),
        epic: Some(EpicName::new("payments").unwrap()),
        owned: true,
        due: Some(at()),
        run: Some(Box::new(run())),
    };
    let notice = NewNotice {
        id: "n-12345678".parse().unwrap(),
        to: to(),
        from: Some(to()),
        kind: NoticeKind::ConvoyLanded,
        subject: "s".into(),
        body: "b".into(),
        convoy: Some(convoy()),
        landing_epoch: Some(1),
    };
    let imported = ImportedConvoy {
        from: Tool::Gastown,
        convoy: new.clone(),
        state: ImportedConvoyStatus::Abandoned { reason: Some("superseded".into()), at: at() },
        watchers: BTreeSet::from([to()]),
        open: vec![issue()],
        created_by: "mayor/".into(),
        created_at: at(),
    };
    let record = ImportedRecord {
        from: Tool::Orch,
        of: RecordOf::Worker,
        key: "worker:worker-1".into(),
        about: "hq-abc".into(),
        at: Some(at()),
        text: "worker-1 completed it, $0.50".into(),
    };
    let delivery = || DeliveryId::new("d-12345678").unwrap();
    let deliveries = vec![NewDelivery { id: delivery(), route: RouteName::new("pager").unwrap() }];
    let staged = NewConvoy { id: "hq-cv-abc13".parse().unwrap(), ..new.clone() };
    let finding = Finding {
        category: Category::ParkedRig,
        issue_ids: vec![issue()],
        message: "rig home is parked".into(),
        suggested_fix: "convoy rig unpark home".into(),
    };
    let (reason, open) = (Some("enough".to_owned()), vec![issue()]);
    vec![
        Event::ConvoyCreated { convoy: new },
        Event::ConvoyImported { convoy: Box::new(imported) },
        Event::RecordImported { record },
        Event::ConvoyIssuesAdded { convoy: convoy(), issues: vec![issue()] },
        Event::ConvoyIssuesRemoved { convoy: convoy(), issues: vec![issue()] },
        Event::ConvoyWatched { convoy: convoy(), address: to() },
        Event::ConvoyUnwatched { convoy: convoy(), address: to() },
        Event::ConvoyStaged {
            convoy: staged,
            staged: Staged { epic: Some(issue()), findings: vec![finding] },
        },
        Event::ConvoyLaunched { convoy: "hq-cv-abc12".parse().unwrap() },
        Event::ConvoyStarted { convoy: "hq-cv-abc12".parse().unwrap() },
        Event::ConvoyTimedOut { convoy: "hq-cv-abc12".parse().unwrap() },
        Event::ConvoyStopped { convoy: convoy(), by: "ann".into() },
        Event::ConvoyReportWanted { convoy: convoy(), apply: true },
        Event::ConvoySynthesized { convoy: convoy(), report: Box::new(report()) },
        Event::ConvoyLanded { convoy: convoy(), landing_epoch: 1, observer: Observer::Merger },
        Event::ConvoyAbandoned { convoy: convoy(), landing_epoch: 2, reason, open },
        Event::ConvoyReopened { convoy: convoy(), held: true },
        Event::NoticeRead { notice: notice.id.clone() },
        Event::NoticeArchived { notice: notice.id.clone() },
        Event::NoticeDelivered { notice: notice.id.clone(), delivery: delivery(), attempt: 2 },
        Event::NoticeDeliveryFailed {
            notice: notice.id.clone(),
            delivery: delivery(),
            attempt: 1,
            why: "it answered 503".into(),
            retry_at: Some(at()),
        },
        Event::NoticeDeliveryRetried { notice: notice.id.clone(), delivery: delivery() },
        Event::NoticeSent { notice, deliveries },
    ]
}

fn of_workers() -> Vec<Event> {
    let why = || "because".to_owned();
    let block = MergeBlock { why: why(), files: vec!["a.rs".into()] };
    let new = NewWorker {
        id: worker(),
        rig: "home".parse().unwrap(),
        issue: issue(),
        convoy: Some("hq-cv-abc12".parse().unwrap()),
        agent: "claude".parse().unwrap(),
        model: Some("opus".into()),
        model_rationale: "asked for".into(),
        model_fixed: false,
        base: Some("main".into()),
        takes_over: Some(worker()),
        name: Some("amber".parse().unwrap()),
        although_parked: true,
        epic: Some(EpicName::new("payments").unwrap()),
    };
    let pause = MergePause { until: at(), error: why() };
    let request = MergeRequest { number: 7, url: "https://forge/7".into(), gates: Vec::new() };
    let submission = Submission {
        session: session(),
        branch: "convoy/x".into(),
        tip: oid(),
        diff: DiffStat { commits: 1, files: 1, insertions: 1, deletions: 0 },
        at: at(),
        round: 1,
        moved: 1,
        blocked: Some(block.clone()),
        batch: Some(Seq(3)),
        broken: 1,
        pause: Some(pause.clone()),
        request: Some(request.clone()),
        review: None,
    };
    let lesson = Lesson {
        session: session(),
        what: why(),
        detail: "output".into(),
        branch: Some("convoy/x".into()),
        conflicts: vec!["a.rs".into()],
        findings: Vec::new(),
    };
    vec![
        Event::WorkerAssigned { worker: new },
        Event::WorkerWaiting { worker: worker(), until: at(), why: why() },
        Event::WorkerReady { worker: worker() },
        Event::WorkerSubmitted { worker: worker(), submission },
        Event::WorkerStopRequested { worker: worker(), by: "ann".into() },
        Event::WorkerReleaseRequested { worker: worker(), why: why() },
        Event::WorkerStopped { worker: worker(), by: "ann".into() },
        Event::WorkerReleased { worker: worker(), why: why() },
        Event::WorkerFailed { worker: worker(), why: why() },
        Event::WorkerDone { worker: worker() },
        Event::WorkerLearned { worker: worker(), lesson, count: Counted::Conflict, resume_from: Some(oid()) },
        Event::MergeMoved { worker: worker(), round: 2, now: oid() },
        Event::MergeBlocked { worker: worker(), block },
        Event::MergeUnblocked { worker: worker(), round: 2 },
        Event::MergeBatched {
            rig: "home".parse().unwrap(),
            base: Some("main".into()),
            workers: vec![worker()],
            because: Batched::Split { why: why() },
        },
        Event::MergeSetAside { worker: worker(), files: vec!["a.rs".into()] },
        Event::MergePaused { worker: worker(), round: 2, pause },
        Event::MergeRequested { worker: worker(), request },
        Event::ReviewStarted { worker: worker(), convoy: "hq-cv-abc12".parse().unwrap(), checkpoint: None },
        Event::ReviewMade {
            worker: worker(),
            session: session(),
            checkpoint: None,
            review: Box::new(review("blocker", &oid())),
        },
    ]
}

fn of_sessions() -> Vec<Event> {
    let (session, epoch, n) = (session(), Epoch(7), 3);
    let id = || session.clone();
    let tokens = Tokens { input: 1, output: 2, cache_read: 3, cache_write: 4 };
    let exit = Exit {
        epoch,
        code: Some(1),
        signal: Some(9),
        kind: ExitKind::Stopped(StopWhy::Silence),
        detail: Some("d".into()),
        leaked: 1,
        result: Some(AgentResult {
            ok: false,
            error: Some("e".into()),
            cost: Some(Money::from_micros(5)),
            tokens: Some(tokens),
            denied: 2,
            retry_at: Some(at()),
        }),
        last_n: 9,
        dropped_bytes: 1,
        elapsed_ms: 1500,
        started_at: Some(at()),
        ended_at: at(),
    };
    let workdir = Workdir { path: "/w".into(), branch: "convoy/x".into(), base: oid(), onto: Some(oid()) };
    let said = Said::Done { no_change: true, note: Some("nothing to do".into()) };
    vec![
        Event::SessionWanted {
            session: NewSession {
                id: id(),
                worker: worker(),
                epoch,
                number: 2,
                model: Some("opus".into()),
                model_rationale: Some("two attempts with sonnet failed".into()),
                resume: Some(id()),
                ceiling: Some(Money::from_micros(500_000)),
            },
        },
        Event::SessionPrepared { session: id(), epoch, workdir },
        Event::SessionStarted { session: id(), epoch, n, pid: 42, at: at() },
        Event::SessionUsage {
            session: id(),
            epoch,
            n,
            message_id: "m".into(),
            model: Some("opus".into()),
            tokens,
            cost: Some(Money::from_micros(5)),
            price: Some("genai-prices 0.2.1".into()),
        },
        Event::SessionNudged {
            session: id(),
            epoch,
            n,
            by: Some("overseer".to_owned()),
            text: "commit what you have".to_owned(),
        },
        Event::SessionSelfReported { session: id(), epoch, n, cost: Money::from_micros(5) },
        Event::SessionConversation {
            session: id(),
            epoch,
            n,
            conversation: "c".into(),
            model: Some("opus".into()),
        },
        Event::SessionExtended { session: id(), epoch, ceiling: Money::from_micros(700_000) },
        Event::SessionCost {
            session: id(),
            epoch,
            n,
            cost: Some(Money::from_micros(5)),
            tokens: Some(tokens),
        },
        Event::SessionSaid { session: id(), epoch, n, said },
        Event::SessionStopRequested { session: id(), epoch },
        Event::SessionEnded { session: id(), epoch, exit },
        Event::SessionLost { session: id(), epoch, why: "gone".into() },
        Event::SessionOver { session: id(), epoch, outcome: Outcome::Failed { why: "it failed".into() } },
    ]
}

fn of_own_sessions() -> Vec<Event> {
    let id = || CheckpointId::new("ckpt-1234567").unwrap();
    let opened = NewOwnSession {
        id: session(),
        epic: EpicName::new("payments").unwrap(),
        number: 2,
        parent: Some(session()),
        from: Some(id()),
        rig: RigName::new("home").unwrap(),
        path: "/repo".into(),
        sequence: 2,
        carried: Money::from_micros(5),
    };
    let checkpoint = NewCheckpoint {
        id: id(),
        session: session(),
        folder: "payments".into(),
        sequence: 3,
        rig: RigName::new("home").unwrap(),
        reason: Reason::Asked { note: Some("before lunch".into()) },
        asked: Some(7),
    };
    let made = Made {
        commit: oid(),
        git_commit: Some(oid()),
        wip_commit: Some(oid()),
        files_changed: 4,
        tree: Some(oid()),
    };
    let (level, spent) = (Level::Epic(EpicName::new("payments").unwrap()), Money::from_micros(4));
    let limit = Money::from_micros(5);
    vec![
        Event::WitnessStepped {
            session: session(),
            epoch: Epoch(7),
            n: Some(9),
            round: 3,
            health: Health::Stalled { since: at(), tool: Some("Bash".into()) },
            step: Some(WitnessStep::Escalate),
            unable: None,
            look: Some(Box::new(look())),
        },
        Event::SessionOpened { session: Box::new(opened) },
        Event::SessionPaused { session: session(), reason: Some("end of day".into()) },
        Event::SessionCompleted { session: session(), outcome: Ended::Partial },
        Event::CheckpointWanted { checkpoint },
        Event::CheckpointMade { checkpoint: id(), made },
        Event::CheckpointFailed { checkpoint: id(), why: "no repository".into() },
        Event::BudgetSet { level: level.clone(), limit: Some(limit) },
        Event::BudgetWarned { level: level.clone(), limit, spent },
        Event::BudgetExceeded { level, limit, spent },
    ]
}

fn look() -> Look {
    let vitals = Vitals {
        at: at(),
        silent_ms: 2_400_000,
        tool: Some(health::Tool { name: "Bash".into(), for_ms: 7_300_000 }),
        processes: 3,
        cpu_ms: 45_000,
        retry_at: Some(at()),
        waiting: Some("a permission".into()),
        looping: Some(Repeated { what: "Bash, with the same input".into(), count: 10 }),
        takes_input: true,
    };
    Look { vitals, window_ms: 10_000, cpu_ms: 20, changed_at: Some(at()) }
}

pub(super) fn samples() -> Vec<Event> {
    [of_issues(), of_trackers(), of_convoys(), of_workers(), of_sessions(), of_own_sessions()].concat()
}
