//! Properties over generated requests: whatever is asked, in whatever order.

use std::collections::BTreeSet;

use convoy_core::command::Request;
use convoy_core::id::{IssueId, Seq};
use convoy_core::import::{Existing, ForeignStatus, Hold};
use convoy_core::issue::{CloseReason, DependencyType};
use convoy_core::state::State;
use convoy_core::view;
use proptest::prelude::*;

use crate::door::Door;
use crate::import::foreign;

const ISSUES: u8 = 6;

#[derive(Clone, Debug)]
enum Step {
    Close(u8),
    Reopen(u8),
    Need(u8, u8, bool),
    Unneed(u8, u8),
    Convoy(Vec<u8>, bool),
    Add(u8, Vec<u8>),
    CloseConvoy(u8),
    Stage(Vec<u8>, bool),
    Launch(u8, bool),
    Sling(Vec<u8>),
    Stop(u8),
    Retry(u8),
    Release(u8),
    Import(u8, Vec<u8>, bool),
    Plan,
}

fn step() -> impl Strategy<Value = Step> {
    let issue = || 0..ISSUES;
    let some = || prop::collection::vec(0..ISSUES, 1..4);
    prop_oneof![
        issue().prop_map(Step::Close),
        issue().prop_map(Step::Reopen),
        (issue(), issue(), any::<bool>()).prop_map(|(a, b, blocks)| Step::Need(a, b, blocks)),
        (issue(), issue()).prop_map(|(a, b)| Step::Unneed(a, b)),
        (some(), any::<bool>()).prop_map(|(issues, start)| Step::Convoy(issues, start)),
        (any::<u8>(), some()).prop_map(|(convoy, issues)| Step::Add(convoy, issues)),
        any::<u8>().prop_map(Step::CloseConvoy),
        (some(), any::<bool>()).prop_map(|(issues, launch)| Step::Stage(issues, launch)),
        (any::<u8>(), any::<bool>()).prop_map(|(convoy, force)| Step::Launch(convoy, force)),
        some().prop_map(Step::Sling),
        issue().prop_map(Step::Stop),
        issue().prop_map(Step::Retry),
        issue().prop_map(Step::Release),
        (issue(), prop::collection::vec(0..ISSUES + 2, 0..3), any::<bool>())
            .prop_map(|(n, needs, open)| Step::Import(n, needs, open)),
        Just(Step::Plan),
    ]
}

fn id(n: u8) -> String {
    format!("hq-{n}")
}

fn ids(all: &[u8]) -> Vec<String> {
    all.iter().map(|n| id(*n)).collect()
}

fn request(state: &State, step: &Step) -> Option<Request> {
    let convoy = |n: u8| {
        let count = state.convoys.len();
        (count > 0).then(|| state.convoys.keys().nth(n as usize % count).unwrap().to_string())
    };
    Some(match step {
        Step::Close(n) => Request::IssueClose {
            ids: vec![id(*n)],
            reason: CloseReason::Completed,
            duplicate_of: None,
            note: None,
        },
        Step::Reopen(n) => Request::IssueReopen { ids: vec![id(*n)] },
        Step::Need(a, b, blocks) => {
            let kind = if *blocks { DependencyType::Blocks } else { DependencyType::Related };
            Request::DependencyAdd { id: id(*a), needs: id(*b), kind }
        }
        Step::Unneed(a, b) => Request::DependencyRemove { id: id(*a), needs: id(*b) },
        Step::Convoy(issues, start) => Request::ConvoyCreate {
            name: "C".into(),
            issues: ids(issues),
            owner: None,
            notify: Vec::new(),
            merge: None,
            base: None,
            max_parallel: None,
            start: *start,
            from_epic: None,
            epic: None,
            owned: false,
            due: None,
            budget: None,
        },
        Step::Add(n, issues) => Request::ConvoyAdd { convoy: convoy(*n)?, issues: ids(issues) },
        Step::CloseConvoy(n) => {
            Request::ConvoyClose { convoy: convoy(*n)?, reason: None, notify: Vec::new() }
        }
        Step::Stage(issues, launch) => Request::Stage {
            what: ids(issues),
            title: None,
            owner: None,
            notify: Vec::new(),
            merge: None,
            base: None,
            max_parallel: None,
            launch: *launch,
            force: true,
        },
        Step::Launch(n, force) => Request::Launch { what: vec![convoy(*n)?], force: *force },
        Step::Sling(issues) => Request::Sling {
            issues: ids(issues),
            target: None,
            agent: None,
            model: None,
            base: None,
            no_convoy: false,
            force: false,
            budget: None,
        },
        Step::Stop(n) => Request::WorkStop { issue: id(*n) },
        Step::Retry(n) => Request::WorkRetry { issue: id(*n) },
        Step::Release(n) => Request::WorkRelease { issue: id(*n) },
        Step::Import(n, needs, open) => {
            // Two more than there are: what is awaited may come, or not.
            let needs: Vec<String> = needs.iter().filter(|need| *need != n).map(|need| id(*need)).collect();
            let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
            let mut issue = foreign(1, &id(*n), &needs);
            issue.updated_at = None;
            if !open {
                issue.state = ForeignStatus::Held(Hold::new("deferred").unwrap());
            }
            Request::IssueImport { issues: vec![issue], rig: None, existing: Existing::Update }
        }
        Step::Plan => return None,
    })
}

/// Whether following what blocks what ever comes back.
fn has_cycle(state: &State) -> bool {
    fn visit<'a>(
        state: &'a State,
        id: &'a IssueId,
        path: &mut BTreeSet<&'a IssueId>,
        done: &mut BTreeSet<&'a IssueId>,
    ) -> bool {
        if done.contains(id) {
            return false;
        }
        if !path.insert(id) {
            return true;
        }
        let cycle = state
            .issues
            .get(id)
            .is_some_and(|issue| issue.blockers().any(|blocker| visit(state, blocker, path, done)));
        path.remove(id);
        done.insert(id);
        cycle
    }
    let mut done = BTreeSet::new();
    state.issues.keys().any(|id| visit(state, id, &mut BTreeSet::new(), &mut done))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The door itself compares replay and index after every step.
    #[test]
    fn whatever_is_asked_keeps_the_promises(steps in prop::collection::vec(step(), 1..40)) {
        let mut door = Door::new();
        for n in 0..ISSUES {
            let request = Request::IssueCreate {
                id: Some(id(n)), rig: None, title: "T".into(), body: String::new(),
                issue_type: convoy_core::issue::IssueType::Task, priority: 2, labels: Vec::new(),
                parent: None, needs: Vec::new(), acceptance: Vec::new(),
            };
            door.ask(request, "ann", None).unwrap();
        }
        for step in &steps {
            match request(&door.state, step) {
                Some(request) => {
                    let first = door.ask(request.clone(), "ann", None);
                    // Close, reopen and their like are idempotent: again is no change.
                    if first.is_ok() && matches!(step, Step::Close(_) | Step::Reopen(_) | Step::Stop(_) | Step::Unneed(..)) {
                        let (events, _) = door.ask(request, "ann", None).unwrap();
                        prop_assert!(events.is_empty(), "{step:?} again: {events:?}");
                    }
                }
                None => drop(door.plan()),
            }
            prop_assert!(!has_cycle(&door.state));
            for convoy in door.state.convoys.values() {
                prop_assert!(!(convoy.is_open() && convoy.is_complete()), "{convoy:?} has not landed");
            }
            // The quick way to see what needs a person finds what the long one does.
            let (state, policy, now) = (&door.state, &door.policy, door.now);
            let mut stranded = view::stranded(state, policy, now);
            stranded.retain(|one| one.category.is_stuck());
            let quick = view::stuck(state, policy, now);
            prop_assert_eq!(&stranded, &quick);
            // So does whoever waits for the end of one, or of all.
            let open = || state.convoys.values().filter(|convoy| convoy.is_open());
            for convoy in open() {
                let stuck = stranded.iter().find(|one| one.convoy_id == convoy.content.id);
                prop_assert_eq!(&view::standing(state, policy, convoy, now).stuck, &stuck.cloned());
            }
            let moves = |convoy: &convoy_core::convoy::Convoy| {
                convoy.started_at.is_some() && !stranded.iter().any(|one| one.convoy_id == convoy.content.id)
            };
            let agents = state.sessions.values().any(convoy_core::session::Session::is_live);
            prop_assert_eq!(view::at_rest(state, policy, now).is_none(), agents || open().any(moves));
            let (total, _, _) = door.state.live_sessions(&door.policy.home, None);
            prop_assert!(total <= door.policy.max_parallel);
        }
    }

    /// Whoever watches a convoy from some moment on knows, from the events alone, all that somebody finds who looks later.
    #[test]
    fn whoever_watches_a_convoy_learns_what_concerns_it(steps in prop::collection::vec(step(), 1..40)) {
        let mut door = Door::new();
        for n in 0..ISSUES {
            let request = Request::IssueCreate {
                id: Some(id(n)), rig: None, title: "T".into(), body: String::new(),
                issue_type: convoy_core::issue::IssueType::Task, priority: 2, labels: Vec::new(),
                parent: None, needs: Vec::new(), acceptance: Vec::new(),
            };
            door.ask(request, "ann", None).unwrap();
        }
        let (mut watched, mut seen, mut seq) = (std::collections::BTreeMap::new(), door.log.len(), Seq(1000));
        for step in &steps {
            match request(&door.state, step) {
                Some(request) => drop(door.ask(request, "ann", None)),
                None => drop(door.plan()),
            }
            for batch in door.log[seen..].iter().cloned() {
                for envelope in batch.envelopes(seq) {
                    seq = Seq(envelope.seq.0 + 1);
                    for (id, concern) in &mut watched {
                        let covered = view::Concern::covers(concern, &envelope);
                        prop_assert!(covered || envelope.subject != concern.id);
                        if covered && view::Concern::is_widened(&envelope.event) {
                            concern.merge(view::Concern::convoy(&door.state, &door.state.convoys[id]));
                        }
                    }
                }
            }
            seen = door.log.len();
            for (id, convoy) in &door.state.convoys {
                let found = view::Concern::convoy(&door.state, convoy);
                let known = watched.entry(id.clone()).or_insert_with(|| found.clone());
                let missing: Vec<&String> = found.ids.difference(&known.ids).collect();
                prop_assert!(missing.is_empty(), "{missing:?} of {id}");
                prop_assert!(found.sessions.keys().all(|session| known.sessions.contains_key(session)));
            }
        }
    }

    #[test]
    fn ids_that_are_accepted_are_safe(text in "\\PC{0,20}") {
        if let Ok(id) = IssueId::new(&text) {
            let text = id.as_str();
            prop_assert!(!text.contains(['/', '\\', ' ', '~', '^', ':', '?', '*', '[']) && !text.starts_with('-'));
            prop_assert_eq!(serde_json::from_str::<IssueId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        }
    }
}
