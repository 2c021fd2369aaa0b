//! Whose turn it is: what is full holds back its own, and nobody else's.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::address::Address;
use convoy_core::command::Observed;
use convoy_core::convoy::{MergeStrategy, NewConvoy};
use convoy_core::event::Event;
use convoy_core::issue::{IssueType, NewIssue};
use convoy_core::plan::plan;

use crate::door::Door;

fn issue(door: &mut Door, id: &str, rig: &str, priority: u8) {
    let issue = NewIssue {
        id: id.parse().unwrap(),
        rig: rig.parse().unwrap(),
        title: "T".into(),
        body: String::new(),
        issue_type: IssueType::Task,
        priority,
        labels: BTreeSet::new(),
        parent: None,
        needs: BTreeMap::new(),
        acceptance: Vec::new(),
        step: None,
    };
    door.import(Event::IssueCreated { issue });
}

fn start(door: &mut Door, issues: &[String], max_parallel: Option<u32>) {
    let convoy = NewConvoy {
        id: format!("hq-cv-{}", door.state.convoys.len()).parse().unwrap(),
        title: "C".into(),
        tracked: issues.iter().map(|id| id.parse().unwrap()).collect(),
        owner: Address::overseer(),
        notify: Vec::new(),
        merge: MergeStrategy::Direct,
        base: None,
        max_parallel,
        agent: None,
        model: None,
        epic: None,
        owned: false,
        due: None,
        run: None,
    };
    let id = convoy.id.clone();
    door.import(Event::ConvoyCreated { convoy });
    door.import(Event::ConvoyStarted { convoy: id });
}

/// A convoy of so many urgent issues.
fn many(door: &mut Door, rig: &str, prefix: &str, count: usize, max_parallel: Option<u32>) {
    let ids: Vec<String> = (0..count).map(|n| format!("{prefix}-{n}")).collect();
    ids.iter().for_each(|id| issue(door, id, rig, 0));
    start(door, &ids, max_parallel);
}

fn proposed(door: &Door) -> Vec<String> {
    let plan = plan(&door.state, &door.policy, door.now);
    let issue = |observed| match observed {
        Observed::Dispatch { issue } => issue.to_string(),
        other => panic!("{other:?}"),
    };
    plan.proposals.into_iter().map(issue).collect()
}

#[test]
fn a_full_convoy_starves_nobody() {
    let mut door = Door::new();
    many(&mut door, "home", "hq", 1500, Some(1));
    issue(&mut door, "hq-late", "home", 4);
    start(&mut door, &["hq-late".into()], None);
    assert_eq!(proposed(&door), ["hq-0", "hq-late"]);
    drop(door.plan());
    assert_eq!(door.state.live_sessions(&door.policy.home, None).0, 2, "and both have a session");
    issue(&mut door, "hq-later", "home", 4);
    start(&mut door, &["hq-later".into()], None);
    assert_eq!(proposed(&door), ["hq-later"], "also when it was full before");
}

#[test]
fn a_full_rig_starves_nobody() {
    let mut door = Door::new();
    // The rig takes one agent; each of its issues has a convoy of its own.
    for n in 0..1200 {
        let id = format!("gt-{n}");
        issue(&mut door, &id, "tools", 0);
        start(&mut door, &[id], None);
    }
    many(&mut door, "home", "hq", 2, None);
    assert_eq!(proposed(&door), ["gt-0", "hq-0", "hq-1"]);
}

#[test]
fn a_parked_rig_starves_nobody_and_waits() {
    let mut door = Door::new();
    many(&mut door, "tools", "gt", 1200, None);
    many(&mut door, "home", "hq", 1, None);
    door.policy.rigs.values_mut().for_each(|rig| rig.parked = rig.prefix == "gt");
    assert_eq!(proposed(&door), ["hq-0"]);
    door.policy.rigs.values_mut().for_each(|rig| rig.parked = false);
    assert_eq!(proposed(&door), ["gt-0", "hq-0"]);
}

#[test]
fn turns_are_by_priority_then_age_over_all_queues() {
    let mut door = Door::new();
    for (id, rig, priority) in
        [("hq-1", "home", 2), ("gt-1", "tools", 1), ("hq-2", "home", 0), ("hq-3", "home", 2)]
    {
        issue(&mut door, id, rig, priority);
    }
    start(&mut door, &["hq-1".into(), "hq-2".into(), "gt-1".into()], None);
    start(&mut door, &["hq-3".into()], None);
    assert_eq!(proposed(&door), ["hq-2", "gt-1", "hq-1", "hq-3"]);
    door.policy.max_parallel = 3;
    assert_eq!(proposed(&door), ["hq-2", "gt-1", "hq-1"]);
}
