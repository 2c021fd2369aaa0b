//! A property over generated histories of two sides: whatever is done here and in a tracker, and whatever of it is
//! seen late, told twice or forgotten, in the end both say the same.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::command::{Observed, Request};
use convoy_core::event::{Event, IssueChange};
use convoy_core::id::{IssueId, RigName};
use convoy_core::issue::{CloseReason, IssueType, NewIssue};
use convoy_core::tracker::{self, Mirror, Pushed, Seen, Standing};
use proptest::prelude::*;

use crate::door::Door;

const ISSUES: u8 = 4;

#[derive(Clone, Debug)]
enum Step {
    TheyClose(u8),
    TheyReopen(u8),
    TheyRename(u8, u8),
    TheyLabel(u8, u8, bool),
    TheyTake(u8),
    WeClose(u8),
    WeReopen(u8),
    WeRename(u8, u8),
    WeLabel(u8, u8, bool),
    Track(Vec<u8>),
    Untrack(u8),
    Sling(u8),
    Release(u8),
    Read,
    Lost,
    /// Tells everything that is to be told; whether anybody here hears of it.
    Tell(bool),
    Refuse,
}

fn step() -> impl Strategy<Value = Step> {
    let issue = || 0..ISSUES;
    prop_oneof![
        issue().prop_map(Step::TheyClose),
        issue().prop_map(Step::TheyReopen),
        (issue(), 0..3_u8).prop_map(|(n, title)| Step::TheyRename(n, title)),
        (issue(), 0..3_u8, any::<bool>()).prop_map(|(n, label, on)| Step::TheyLabel(n, label, on)),
        issue().prop_map(Step::TheyTake),
        issue().prop_map(Step::WeClose),
        issue().prop_map(Step::WeReopen),
        (issue(), 0..3_u8).prop_map(|(n, title)| Step::WeRename(n, title)),
        (issue(), 0..3_u8, any::<bool>()).prop_map(|(n, label, on)| Step::WeLabel(n, label, on)),
        prop::collection::vec(issue(), 1..3).prop_map(Step::Track),
        issue().prop_map(Step::Untrack),
        issue().prop_map(Step::Sling),
        issue().prop_map(Step::Release),
        Just(Step::Read),
        Just(Step::Lost),
        any::<bool>().prop_map(Step::Tell),
        Just(Step::Refuse),
    ]
}

fn id(n: u8) -> IssueId {
    IssueId::new(format!("MIN-{n}")).unwrap()
}

/// Both sides.
struct World {
    door: Door,
    there: BTreeMap<IssueId, Mirror>,
    rig: RigName,
}

impl World {
    fn new() -> Self {
        let rig: RigName = "tools".parse().unwrap();
        let issue = |n| NewIssue {
            id: id(n),
            rig: rig.clone(),
            title: "T0".into(),
            body: String::new(),
            issue_type: IssueType::Task,
            priority: 2,
            labels: BTreeSet::new(),
            parent: None,
            needs: BTreeMap::new(),
            acceptance: Vec::new(),
            step: None,
        };
        let there = (0..ISSUES).map(|n| {
            (
                id(n),
                Mirror {
                    content: issue(n),
                    standing: Standing::Open,
                    assignee: None,
                    missing: false,
                    lost: false,
                    trouble: None,
                },
            )
        });
        Self { there: there.collect(), door: Door::new(), rig }
    }

    fn read(&mut self) -> Vec<Event> {
        let seen = |mirror: &Mirror| Seen {
            issue: mirror.content.clone(),
            standing: mirror.standing,
            assignee: mirror.assignee.clone(),
            created_at: None,
            reason: None,
            closed_at: None,
        };
        let issues = self.there.values().map(seen).collect();
        let all = Some(self.there.keys().cloned().collect());
        self.door.see(Observed::Tracker { rig: self.rig.clone(), issues, all })
    }

    /// As the adapter does: nothing is told of an issue that somebody has moved.
    fn tell(&mut self, heard: bool, refuse: bool) -> usize {
        let state = &self.door.state;
        let Some(round) = state.trackers.get(&self.rig).filter(|t| t.lost.is_none()).map(|t| t.round) else {
            return 0;
        };
        let pushes = tracker::pushes(state, &self.door.policy, &self.rig, self.door.now);
        let count = pushes.len();
        let pushed: Vec<Pushed> = pushes
            .into_iter()
            .map(|push| {
                let there = self.there.get_mut(&push.issue).unwrap();
                let moved = push.steps.iter().any(|step| step.moves()) && there.standing != push.standing;
                let steps = if moved || refuse { Vec::new() } else { push.steps };
                steps.iter().for_each(|step| there.take_in(step));
                Pushed { issue: push.issue, steps, error: refuse.then(|| "no".to_owned()) }
            })
            .collect();
        if heard {
            self.door.see(Observed::Pushed { rig: self.rig.clone(), round, pushed });
        }
        count
    }

    fn ask(&mut self, request: Request) {
        drop(self.door.ask(request, "ann", None));
    }

    fn change(&mut self, n: u8, change: IssueChange) {
        self.ask(Request::IssueUpdate { ids: vec![id(n).to_string()], change });
    }

    fn play(&mut self, step: &Step) {
        let text = |n: &u8| id(*n).to_string();
        let there = |world: &mut Self, n: &u8, change: &dyn Fn(&mut Mirror)| {
            change(world.there.get_mut(&id(*n)).unwrap());
        };
        match step {
            Step::TheyClose(n) => there(self, n, &|mirror| mirror.standing = Standing::Closed),
            Step::TheyReopen(n) => there(self, n, &|mirror| mirror.standing = Standing::Open),
            Step::TheyRename(n, title) => {
                there(self, n, &|mirror| {
                    mirror.content.title = format!("T{title}");
                });
            }
            Step::TheyLabel(n, label, on) => there(self, n, &|mirror| {
                let label = format!("l{label}");
                if *on {
                    mirror.content.labels.insert(label);
                } else {
                    mirror.content.labels.remove(&label);
                }
            }),
            Step::TheyTake(n) => there(self, n, &|mirror| {
                mirror.standing = Standing::InProgress;
                mirror.assignee = Some("ben".into());
            }),
            Step::WeClose(n) => self.ask(Request::IssueClose {
                ids: vec![text(n)],
                reason: CloseReason::Completed,
                duplicate_of: None,
                note: None,
            }),
            Step::WeReopen(n) => self.ask(Request::IssueReopen { ids: vec![text(n)] }),
            Step::WeRename(n, title) => {
                self.change(*n, IssueChange { title: Some(format!("T{title}")), ..IssueChange::default() });
            }
            Step::WeLabel(n, label, on) => {
                let labels = vec![format!("l{label}")];
                let (add_labels, remove_labels) =
                    if *on { (labels, Vec::new()) } else { (Vec::new(), labels) };
                self.change(*n, IssueChange { add_labels, remove_labels, ..IssueChange::default() });
            }
            Step::Track(issues) => self.ask(Request::ConvoyCreate {
                name: "C".into(),
                issues: issues.iter().map(text).collect(),
                owner: None,
                notify: Vec::new(),
                merge: None,
                base: None,
                max_parallel: None,
                start: false,
                from_epic: None,
                epic: None,
                owned: false,
                due: None,
                budget: None,
            }),
            Step::Untrack(n) => {
                if let Some(convoy) = self.door.state.convoys.keys().next().map(ToString::to_string) {
                    self.ask(Request::ConvoyRemove { convoy, issues: vec![text(n)] });
                }
            }
            Step::Sling(n) => self.ask(Request::Sling {
                issues: vec![text(n)],
                target: None,
                agent: None,
                model: None,
                base: None,
                no_convoy: false,
                force: false,
                budget: None,
            }),
            Step::Release(n) => self.ask(Request::WorkRelease { issue: text(n) }),
            Step::Read => drop(self.read()),
            Step::Lost => {
                self.door.see(Observed::TrackerLost { rig: self.rig.clone(), why: "gone".into() });
            }
            Step::Tell(heard) => drop(self.tell(*heard, false)),
            Step::Refuse => drop(self.tell(true, true)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_say_the_same_in_the_end(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        world.read();
        for step in &steps {
            world.play(step);
            // What was refused may be told again at once.
            world.door.now = world.door.now.plus(convoy_core::time::Span::from_secs(60));
        }
        for _ in 0..5 {
            world.read();
            world.tell(true, false);
        }
        prop_assert_eq!(world.read(), Vec::new(), "it goes on for ever");
        prop_assert!(world.door.state.index.pushes.is_empty());
        for (id, there) in &world.there {
            let here = &world.door.state.issues[id];
            prop_assert_eq!(here.was_closed(), there.standing == Standing::Closed, "{}", id);
            prop_assert_eq!(&here.content.title, &there.content.title);
            let mut labels = here.content.labels.clone();
            labels.extend(here.convoys.iter().map(tracker::convoy_label));
            prop_assert_eq!(&labels, &there.content.labels, "{}", id);
            prop_assert!(!here.is_unknown());
        }
        for convoy in world.door.state.convoys.values() {
            prop_assert!(!(convoy.is_open() && convoy.is_complete()), "{:?} has not landed", convoy);
        }
    }
}
