//! Properties of merging: the order of what comes in does not matter, nothing is lost, and once is enough.

use convoy_core::review::{Confidence, Finding, Severity};
use proptest::prelude::*;

use super::super::merge::{Faults, Found, merge};
use super::super::report;
use super::super::synthesis::{Lane, Missing, Subject, Synthesis};
use super::role;

const CATEGORIES: [&str; 8] = ["injection", "sqli", "security", "bug", "race", "F401", "S608", ""];
const TITLES: [&str; 7] = [
    "SQL injection",
    "Possible SQL injection here",
    "`os` imported but unused",
    "`sys` imported but unused",
    "Race of two writers",
    "Two writers race",
    "Entirely different",
];

fn one() -> impl Strategy<Value = Found> {
    let place = (0..3_usize, 1..12_u32, 0..4_u32, 0..4_usize);
    let what = (0..CATEGORIES.len(), 0..TITLES.len(), 0..6_usize, 0..3_usize);
    (place, what, 0..4_usize, any::<(bool, bool)>()).prop_map(|(place, what, by, (by_program, grounded))| {
        let (file, line, more, quote) = place;
        let (category, title, severity, text) = what;
        let finding = Finding {
            severity: Severity::ALL[severity],
            category: CATEGORIES[category].into(),
            title: TITLES[title].into(),
            file: ["a.py", "b.py", ""].get(file).filter(|file| !file.is_empty()).map(|file| (*file).to_owned()),
            line: Some(line),
            end_line: Some(line + more),
            quote: ["", "let a = 1;", "let b = 2;\nlet c = 3;", "}"][quote].into(),
            problem: ["p", "q", ""][text].into(),
            impact: String::new(),
            fix: ["", "mend", "mend  it"][text].into(),
            confidence: [None, Some(Confidence::Low), Some(Confidence::High)][text],
        };
        Found { role: role(["a", "b", "lint", "lint2"][by]), finding, grounded, by_program }
    })
}

fn flat(faults: &Faults) -> Vec<Found> {
    let all = faults.grounded.iter().chain(&faults.ungrounded);
    let sources = all.flat_map(|fault| {
        fault.sources.iter().map(|source| Found {
            role: source.role.clone(),
            finding: source.finding.clone(),
            grounded: fault.grounded,
            by_program: source.by_program,
        })
    });
    sources.collect()
}

fn sorted(found: &[Found]) -> Vec<String> {
    let mut all: Vec<String> = found.iter().map(|one| format!("{one:?}")).collect();
    all.sort();
    all
}

fn reports(found: &[Found]) -> Vec<(String, String)> {
    let mut lanes: Vec<Lane> = Vec::new();
    for one in found {
        match lanes.iter_mut().find(|lane| lane.role == one.role) {
            Some(lane) => lane.found.push(one.clone()),
            None => lanes.push(Lane { role: one.role.clone(), found: vec![one.clone()] }),
        }
    }
    let missing = vec![Missing { role: role("gone"), why: "it was killed".into() }];
    report::review(&Synthesis::make(Subject::default(), lanes, missing, None))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_gives_the_same_bytes(
        (found, shuffled) in prop::collection::vec(one(), 0..40)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        prop_assert_eq!(reports(&found), reports(&shuffled));
    }

    #[test]
    fn each_finding_is_in_exactly_one(found in prop::collection::vec(one(), 0..60)) {
        let faults = merge(found.clone());
        prop_assert_eq!(sorted(&flat(&faults)), sorted(&found));
        prop_assert_eq!(faults.duplicates, found.len() - faults.grounded.len() - faults.ungrounded.len());
        for fault in faults.grounded.iter().chain(&faults.ungrounded) {
            let highest = fault.sources.iter().map(|source| source.finding.severity).max();
            prop_assert_eq!(Some(fault.severity), highest);
            for source in &fault.sources {
                prop_assert!(fault.roles.contains(&source.role));
                let said = source.finding.problem.trim();
                prop_assert!(said.is_empty() || fault.problems.iter().any(|problem| problem == said));
            }
        }
    }

    #[test]
    fn once_is_enough(found in prop::collection::vec(one(), 0..60)) {
        let faults = merge(found);
        prop_assert_eq!(merge(flat(&faults)), faults);
    }
}
