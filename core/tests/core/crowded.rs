//! A crowded workspace: what the first page asks for has to be answered quickly, since everything else waits meanwhile.

use convoy_core::address::Address;
use convoy_core::command::Request;
use convoy_core::decide::{Command, Context, Entropy, step};
use convoy_core::event::Event;
use convoy_core::id::IssueId;
use convoy_core::issue::{CloseReason, IssueType};
use convoy_core::time::Span;
use convoy_core::view;

use crate::door::Door;

/// So many convoys, each of ten issues: `landed` of ten of them have landed, and every other one that is open was begun.
fn crowd(convoys: usize, landed: usize) -> Door {
    let mut door = Door::new();
    let mut seed = 0;
    let mut ask = |door: &mut Door, request: Request| {
        seed += 1;
        let mut ctx = Context {
            now: door.now,
            actor: Address::overseer(),
            policy: &door.policy,
            entropy: Entropy::new(seed),
            key: None,
            print: 0,
        };
        step(&mut door.state, &Command::Request(request), &mut ctx).unwrap();
    };
    for convoy in 0..convoys {
        let ids: Vec<String> = (0..10).map(|n| format!("gt-{convoy}x{n}")).collect();
        for (n, id) in ids.iter().enumerate() {
            let request = Request::IssueCreate {
                id: Some(id.clone()),
                rig: None,
                title: format!("Issue {n} of {convoy}"),
                body: String::new(),
                issue_type: IssueType::Task,
                priority: 2,
                labels: Vec::new(),
                parent: None,
                needs: if n % 3 == 1 { vec![ids[n - 1].clone()] } else { Vec::new() },
                acceptance: Vec::new(),
            };
            ask(&mut door, request);
        }
        let create = Request::ConvoyCreate {
            name: format!("Convoy {convoy}"),
            issues: ids.clone(),
            owner: None,
            notify: Vec::new(),
            merge: None,
            base: None,
            max_parallel: None,
            start: convoy % 2 == 0,
            from_epic: None,
            epic: None,
            owned: convoy == 3,
            due: (convoy == 2).then(|| door.now.plus(Span::from_secs(60))),
            budget: None,
        };
        ask(&mut door, create);
        if convoy % 10 < landed {
            let (reason, duplicate_of, note) = (CloseReason::Completed, None, None);
            ask(&mut door, Request::IssueClose { ids, reason, duplicate_of, note });
        }
    }
    door
}

#[test]
fn what_needs_nobody_is_passed_over_without_a_word() {
    let door = crowd(40, 3);
    let (state, policy, now) = (&door.state, &door.policy, door.now);
    let overview = view::overview(state, policy, now);
    assert_eq!((overview.open, overview.landed_today_total, overview.needs_total), (28, 12, 0));
    assert_eq!(view::stranded(state, policy, now).len(), 28);
}

#[test]
fn convoys_that_need_somebody_come_first_then_the_late_ones_then_the_newest() {
    let mut door = crowd(5, 0);
    let issue = IssueId::new("gt-1x0").unwrap();
    door.import(Event::IssueNeedsHuman { issue, why: "which database?".to_owned() });
    // Its owner has to land it.
    let ids = (0..10).map(|n| format!("gt-3x{n}")).collect();
    let close = Request::IssueClose { ids, reason: CloseReason::Completed, duplicate_of: None, note: None };
    door.ask(close, "overseer", None).unwrap();
    let (events, _) = door.plan();
    assert!(!events.is_empty());
    let (state, policy, now) = (&door.state, &door.policy, door.now.plus(Span::from_secs(120)));
    let of = |skip, limit| {
        let lines = view::lines(state, policy, state.convoys.values().collect(), skip, limit, now);
        lines
            .into_iter()
            .map(|line| (line.title, line.needs_human, line.stuck, line.due_at.is_some()))
            .collect::<Vec<_>>()
    };
    let line = |n: usize, needs_human, stuck, due| (format!("Convoy {n}"), needs_human, stuck, due);
    let all = [
        line(3, false, true, false),
        line(1, true, true, false),
        line(2, false, false, true),
        line(4, false, false, false),
        line(0, false, false, false),
    ];
    assert_eq!(of(0, 10), all);
    assert_eq!(of(2, 2), all[2..4]);
    // Whoever has an issue counts, also before its agent runs.
    let counts = view::lines(state, policy, state.convoys.values().collect(), 0, 10, now);
    for line in counts {
        let details = view::details(state, policy, &state.convoys[&line.id], now);
        assert_eq!(details.at_work, line.at_work, "{}", line.title);
    }
    assert!(!state.index.active.is_empty());
}

/// `cargo test -p convoy-core --test core crowded -- --ignored --nocapture`: figures, for people to judge.
#[test]
#[ignore = "it measures, and says nothing else"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn figures() {
    for landed in [0, 9] {
        let door = crowd(10_000, landed);
        let best = |what: &str, ask: &dyn Fn() -> usize| {
            let times = (0..5).map(|_| {
                let before = std::time::Instant::now();
                let found = ask();
                (before.elapsed(), found)
            });
            let (time, found) = times.min().unwrap_or_default();
            println!("{what}, {landed} of 10 landed: {time:?} ({found})");
        };
        let (state, policy, now) = (&door.state, &door.policy, door.now);
        best("overview", &|| view::overview(state, policy, now).open);
        let all = || state.convoys.values().collect();
        best("lines", &|| view::lines(state, policy, all(), 0, 50, now).len());
        best("stuck", &|| view::stuck(state, policy, now).len());
        best("stranded", &|| view::stranded(state, policy, now).len());
    }
}
