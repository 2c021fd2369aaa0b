//! Properties of the analysis that staging rests on, over any dependencies: imported data may have circles, missing
//! issues and things that nobody works on.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::decide::staging;
use convoy_core::event::Event;
use convoy_core::id::IssueId;
use convoy_core::issue::{CloseReason, Closed, DependencyType, IssueType, NewIssue};
use convoy_core::policy::Policy;
use convoy_core::stage::{Analysis, Category, Subject, analyse, cycles};
use convoy_core::state::State;
use convoy_core::time::Time;
use proptest::prelude::*;

use crate::door::Door;

const ISSUES: usize = 12;

/// An issue as imported data may have it.
#[derive(Clone, Debug)]
struct Given {
    issue_type: IssueType,
    closed: bool,
    priority: u8,
    parent: Option<usize>,
    needs: Vec<(usize, DependencyType)>,
}

fn kind() -> impl Strategy<Value = DependencyType> {
    prop_oneof![
        4 => Just(DependencyType::Blocks),
        1 => Just(DependencyType::Related),
        1 => Just(DependencyType::Tracks),
        1 => Just(DependencyType::ParentChild),
    ]
}

fn given() -> impl Strategy<Value = Given> {
    let issue_type =
        prop_oneof![6 => Just(IssueType::Task), 1 => Just(IssueType::Epic), 1 => Just(IssueType::Step)];
    // One more than there are: an issue that does not exist.
    let needs = prop::collection::vec((0..=ISSUES, kind()), 0..3);
    (issue_type, prop::bool::weighted(0.15), 0..5u8, prop::option::of(0..ISSUES), needs).prop_map(
        |(issue_type, closed, priority, parent, needs)| Given { issue_type, closed, priority, parent, needs },
    )
}

fn id(n: usize) -> IssueId {
    IssueId::new(format!("hq-{n}")).unwrap()
}

fn policy() -> Policy {
    Door::new().policy
}

/// The state after such an import.
fn imported(all: &[Given]) -> State {
    let (mut state, at) = (State::default(), Time::from_millis(0));
    for (n, given) in all.iter().enumerate() {
        let issue = NewIssue {
            id: id(n),
            rig: "home".parse().unwrap(),
            title: "T".into(),
            body: String::new(),
            issue_type: given.issue_type,
            priority: given.priority,
            labels: BTreeSet::new(),
            parent: given.parent.map(id),
            needs: BTreeMap::new(),
            acceptance: Vec::new(),
            step: None,
        };
        state.apply(&Event::IssueCreated { issue }, at, "ann");
    }
    for (n, given) in all.iter().enumerate() {
        for (needs, kind) in &given.needs {
            let event = Event::DependencyAdded { issue: id(n), needs: id(*needs), kind: *kind };
            state.apply(&event, at, "ann");
        }
        if given.closed {
            let reason = CloseReason::Completed;
            let closed = Closed { reason, at, evidence: None, duplicate_of: None, note: None };
            state.apply(&Event::IssueClosed { issue: id(n), closed }, at, "ann");
        }
    }
    state
}

fn analysed(state: &State, ids: Vec<IssueId>) -> Analysis {
    analyse(state, &policy(), &Subject::Issues(ids), None, 4).unwrap()
}

fn is_task(state: &State, id: &IssueId) -> bool {
    let issue = &state.issues[id];
    !issue.is_closed() && issue.is_workable()
}

/// What an issue waits for, near and far.
fn waits_for(state: &State, id: &IssueId) -> BTreeSet<IssueId> {
    let mut seen = BTreeSet::new();
    let mut queue = vec![id.clone()];
    while let Some(id) = queue.pop() {
        let Some(issue) = state.issues.get(&id) else { continue };
        for blocker in state.open_blockers(issue).filter(|_| !issue.is_closed()) {
            if seen.insert(blocker.clone()) {
                queue.push(blocker.clone());
            }
        }
    }
    seen
}

/// Whether an issue waits for itself, or for something that does.
fn is_stuck(state: &State, id: &IssueId) -> bool {
    let waits = waits_for(state, id);
    waits.contains(id) || waits.iter().any(|id| waits_for(state, id).contains(id))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_task_is_in_one_wave_after_its_blockers_or_gated_or_in_a_circle(
        all in prop::collection::vec(given(), ISSUES),
        picked in prop::collection::btree_set(0..ISSUES, 1..ISSUES),
    ) {
        let state = imported(&all);
        let ids: Vec<IssueId> = picked.iter().map(|n| id(*n)).collect();
        let analysis = analysed(&state, ids.clone());
        let mut waves: BTreeMap<&IssueId, usize> = BTreeMap::new();
        for (n, wave) in analysis.waves.iter().enumerate() {
            prop_assert!(!wave.is_empty());
            for id in wave {
                prop_assert!(waves.insert(id, n).is_none(), "{id} is in two waves");
            }
        }
        let gated: BTreeSet<&IssueId> = analysis.gated.iter().map(|gated| &gated.issue).collect();
        for task in ids.iter().filter(|id| is_task(&state, id)) {
            let waits = waits_for(&state, task);
            let outside = waits.iter().any(|id| !ids.contains(id) || !is_task(&state, id));
            prop_assert_eq!(gated.contains(task), outside, "{} is gated by what is not among the tasks", task);
            let stuck = is_stuck(&state, task);
            prop_assert_eq!(waves.contains_key(task), !outside && !stuck, "{}", task);
            if let Some(wave) = waves.get(task) {
                let before = state.open_blockers(&state.issues[task]).map(|id| waves[id]);
                let last = before.max();
                prop_assert_eq!(last.map_or(0, |last| last + 1), *wave, "{} is as early as can be", task);
            }
        }
        let named: usize = waves.len() + gated.len();
        prop_assert!(named <= ids.iter().filter(|id| is_task(&state, id)).count(), "and nothing else is");
    }

    #[test]
    fn circles_are_always_found_and_are_circles(
        all in prop::collection::vec(given(), ISSUES),
        picked in prop::collection::btree_set(0..ISSUES, 1..ISSUES),
    ) {
        let state = imported(&all);
        let ids: Vec<IssueId> = picked.iter().map(|n| id(*n)).collect();
        let stuck = ids.iter().any(|id| !state.issues[id].is_closed() && is_stuck(&state, id));
        let found = cycles(&state, ids.iter());
        prop_assert_eq!(!found.is_empty(), stuck);
        for path in &found {
            prop_assert!(path.len() > 1 && path.first() == path.last() && path.iter().min() == path.first());
            for pair in path.windows(2) {
                let issue = &state.issues[&pair[0]];
                prop_assert!(state.open_blockers(issue).any(|blocker| *blocker == pair[1]), "{:?}", path);
            }
        }
        let tasks_stuck = ids.iter().any(|id| is_task(&state, id) && is_stuck(&state, id));
        let analysis = analysed(&state, ids);
        prop_assert_eq!(analysis.errors().any(|found| found.category == Category::Cycle), tasks_stuck);
    }

    #[test]
    fn neither_the_order_of_the_words_nor_parents_change_the_waves(
        all in prop::collection::vec(given(), ISSUES),
        picked in prop::collection::btree_set(0..ISSUES, 1..ISSUES),
        turn in 0..ISSUES,
    ) {
        let state = imported(&all);
        let mut ids: Vec<IssueId> = picked.iter().map(|n| id(*n)).collect();
        let analysis = analysed(&state, ids.clone());
        prop_assert_eq!(&analysis, &analysed(&state, ids.clone()));
        let count = ids.len();
        ids.rotate_left(turn % count);
        let turned = analysed(&state, ids.clone());
        prop_assert_eq!((&analysis.waves, &analysis.gated), (&turned.waves, &turned.gated));
        let only_blocks: Vec<Given> = all.iter().cloned().map(|mut given| {
            given.parent = None;
            given.needs.retain(|(_, kind)| *kind == DependencyType::Blocks);
            given
        }).collect();
        // Of two kinds of dependency on one issue the last counts, so only where there is one they can be left out.
        let twice = all.iter().any(|given| {
            let on: BTreeSet<usize> = given.needs.iter().map(|(on, _)| *on).collect();
            on.len() < given.needs.len()
        });
        if !twice {
            let bare = analysed(&imported(&only_blocks), ids);
            prop_assert_eq!((turned.waves, turned.gated), (bare.waves, bare.gated));
        }
    }

    #[test]
    fn an_epic_comes_to_everything_below_it_once(all in prop::collection::vec(given(), ISSUES)) {
        let mut all = all;
        all[0].issue_type = IssueType::Epic;
        let state = imported(&all);
        let analysis = analyse(&state, &policy(), &Subject::Epic(id(0)), None, 4).unwrap();
        let mut below = BTreeSet::from([id(0)]);
        for _ in 0..ISSUES {
            for (n, given) in all.iter().enumerate() {
                let by_dependency = state.issues[&id(n)].content.needs.iter();
                let mut parents = by_dependency.filter(|(_, kind)| **kind == DependencyType::ParentChild);
                if given.parent.is_some_and(|n| below.contains(&id(n))) || parents.any(|(id, _)| below.contains(id)) {
                    below.insert(id(n));
                }
            }
        }
        let wanted: BTreeSet<IssueId> = below.into_iter().filter(|id| state.issues[id].is_workable()).collect();
        prop_assert_eq!(analysis.tracked.len(), wanted.len());
        prop_assert_eq!(analysis.tracked.iter().cloned().collect::<BTreeSet<_>>(), wanted);
    }
}

#[test]
fn a_long_chain_and_deep_epics_end() {
    let given = |n: usize| Given {
        issue_type: IssueType::Task,
        closed: false,
        priority: 2,
        parent: None,
        needs: if n == 0 { Vec::new() } else { vec![(n - 1, DependencyType::Blocks)] },
    };
    let all: Vec<Given> = (0..5000).map(given).collect();
    let state = imported(&all);
    let analysis = analysed(&state, (0..5000).map(id).collect());
    assert_eq!((analysis.waves.len(), analysis.waves[0].len()), (5000, 1));
    let mut circle = all;
    circle[0].needs.push((4999, DependencyType::Blocks));
    let found = cycles(&imported(&circle), [&id(7)].into_iter());
    assert_eq!((found.len(), found[0].len()), (1, 5001));
    // Each is part of the one before.
    let nested: Vec<Given> = (0..1000)
        .map(|n: usize| Given {
            issue_type: IssueType::Epic,
            parent: n.checked_sub(1),
            needs: Vec::new(),
            ..given(0)
        })
        .collect();
    let error = staging(&imported(&nested), &policy(), &["hq-0".to_owned()], None).unwrap_err();
    assert!(error.to_string().contains("nested more than 32 deep"), "{error}");
}
