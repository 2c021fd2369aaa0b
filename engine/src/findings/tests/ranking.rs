//! What an agent can say about merged findings, and what it cannot.

use convoy_core::review::Severity;
use convoy_core::template::Verdict;

use super::super::merge::{FindingId, Found};
use super::super::ranking::{Ranking, find};
use super::super::synthesis::{Lane, Missing, Subject, Synthesis};
use super::{found, role};

fn all_of(file: Option<&str>, report: Option<&str>, output: Option<&str>) -> Option<Ranking> {
    find(file, report, output).unwrap()
}

fn make(found: Vec<Found>, missing: &[&str], ranking: Option<&Ranking>) -> Synthesis {
    let missing = missing.iter().map(|name| Missing { role: role(name), why: "it hung".into() }).collect();
    Synthesis::make(Subject::default(), vec![Lane { role: role("a"), found }], missing, ranking)
}

fn three() -> Vec<Found> {
    vec![
        found("a", Severity::High, "race", "One", ("a.rs", 1)),
        found("a", Severity::High, "leak", "Two", ("a.rs", 20)),
        found("a", Severity::Low, "naming", "Three", ("a.rs", 40)),
        found("a", Severity::Low, "docs", "Four", ("a.rs", 60)),
    ]
}

fn ids(all: &[FindingId]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn order(synthesis: &Synthesis) -> String {
    ids(&synthesis.findings.iter().map(|finding| finding.id).collect::<Vec<_>>())
}

#[test]
fn it_orders_within_a_severity_and_neither_adds_nor_drops() {
    let plain = make(three(), &[], None);
    assert_eq!((order(&plain).as_str(), ids(&plain.top).as_str()), ("F1 F2 F3 F4", "F1 F2 F3"));
    let text = r#"Words.
```json synthesis
{"order": ["F4", "F2", "F99", "F4", "nonsense", 5], "summary": "It **is** so.", "top": ["F4", "F77", "F2"]}
```
"#;
    let ranking = all_of(None, Some(text), None).unwrap();
    let ranked = make(three(), &[], Some(&ranking));
    assert_eq!((order(&ranked).as_str(), ids(&ranked.top).as_str()), ("F2 F1 F4 F3", "F4 F2"));
    assert_eq!(ranked.summary.as_deref(), Some("It **is** so."));
    let again = |synthesis: &Synthesis| {
        let mut all = synthesis.findings.clone();
        all.sort_by_key(|finding| finding.id);
        all
    };
    assert_eq!(again(&ranked), again(&plain));
    assert_eq!((ranked.verdict, ranked.counts), (plain.verdict, plain.counts));
}

#[test]
fn it_says_what_belongs_together_and_what_to_do() {
    let text = r#"{"order": ["F1"], "summary": "s",
        "related": [{"ids": ["F1", "F2"], "why": "one change"}, {"ids": ["F1", "F88"], "why": "gone"}],
        "actions": [{"ids": ["F9", "F2"], "what": "Mend <b>it</b>"}, {"ids": [], "what": "nothing"}]}"#;
    let ranking = all_of(Some(text), None, None).unwrap();
    // It is published as it was understood, and read again.
    let published = serde_json::to_string(&ranking).unwrap();
    assert_eq!(all_of(Some(&published), None, None).unwrap(), ranking);
    let ranked = make(three(), &[], Some(&ranking));
    assert_eq!((ranked.groups.len(), ranked.actions.len()), (1, 1));
    let markdown = super::super::report::review(&ranked).remove(0).1;
    assert!(markdown.contains("- F1, F2: one change\n"), "{markdown}");
    assert!(markdown.contains("## Action Items\n\n1. Mend \\<b>it\\</b> (F2)\n"), "{markdown}");
}

#[test]
fn it_is_found_wherever_it_was_left_and_what_is_wrong_is_said() {
    let good = r#"{"order": ["F2"], "summary": "s", "top": []}"#;
    assert_eq!(all_of(Some(good), None, None).unwrap().order, [FindingId(2)]);
    let printed =
        serde_json::json!({ "type": "result", "result": format!("```json synthesis\n{good}\n```") })
            .to_string();
    assert_eq!(all_of(None, Some("no block"), Some(&printed)).unwrap().summary, "s");
    for bad in ["{}", "[]", "{\"order\": \"F1\"}", "{\"order\": [], \"summary\": 5}", "{"] {
        assert!(find(Some(bad), None, None).is_err(), "{bad}");
    }
    assert_eq!(find(None, Some("# Only words"), Some("and more")), Ok(None));
}

#[test]
fn a_missing_lane_is_no_verdict_and_what_blocks_blocks_all_the_same() {
    let blocking = || vec![found("a", Severity::Critical, "race", "One", ("a.rs", 1))];
    let verdict = |found: Vec<Found>, missing: &[&str]| {
        let result = make(found, missing, None).result(None);
        (result.review_result, result.success, result.missing_lanes.len())
    };
    assert_eq!(verdict(three(), &[]), (Verdict::Approved, true, 0));
    assert_eq!(verdict(Vec::new(), &[]), (Verdict::Approved, true, 0));
    assert_eq!(verdict(three(), &["security"]), (Verdict::Commented, false, 1));
    assert_eq!(verdict(blocking(), &["security"]), (Verdict::ChangesRequested, true, 1));
    assert_eq!(verdict(blocking(), &[]), (Verdict::ChangesRequested, true, 0));
    let mut unfounded = blocking();
    unfounded[0].grounded = false;
    assert_eq!(verdict(unfounded, &[]), (Verdict::Approved, true, 0));
    let nobody = Synthesis::make(Subject::default(), Vec::new(), Vec::new(), None);
    assert_eq!((nobody.verdict, nobody.result(None).success), (Verdict::Commented, false));
}

#[test]
fn the_result_names_what_touches_security_and_performance() {
    let all = vec![
        found("a", Severity::High, "injection", "A hole", ("a.rs", 1)),
        found("a", Severity::High, "performance", "Slow", ("a.rs", 20)),
    ];
    let result = make(all, &[], None).result(Some("synthesis.md".into()));
    assert_eq!(result.security_issues, ["F1 high: A hole (a.rs:1)"]);
    assert_eq!(result.performance_issues, ["F2 high: Slow (a.rs:20)"]);
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!(json["review_result"], "APPROVED");
}

#[test]
fn the_role_that_ranks_is_given_every_finding_and_not_too_much_of_it() {
    let mut all = three();
    all[0].finding.problem = "long ".repeat(1000);
    let given = make(all, &[], None).for_prompt();
    assert_eq!(
        given.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["F1", "F2", "F3", "F4"]
    );
    assert_eq!(
        (given[0]["roles"].to_string().as_str(), given[0]["file"].as_str()),
        ("[\"a\"]", Some("a.rs"))
    );
    assert!(given[0].to_string().len() < 2000);
    let many =
        (1..2000).map(|n| found("a", Severity::Low, "x", &format!("title{n}"), ("a.rs", n * 100))).collect();
    assert_eq!(make(many, &[], None).for_prompt().len(), 300);
}

#[test]
fn ids_of_another_numbering_are_followed_to_what_they_named() {
    let before = make(vec![three().remove(1)], &[], None);
    let after = make(three(), &[], None);
    let ranking = Ranking {
        order: vec![FindingId(1), FindingId(7)],
        summary: "s".into(),
        top: vec![FindingId(1)],
        ..Ranking::default()
    };
    let moved = ranking.clone().moved(&before.findings, &after.findings);
    assert_eq!((ids(&moved.order), ids(&moved.top)), ("F2".into(), "F2".into()));
    assert_eq!(ranking.moved(&after.findings, &after.findings).order, [FindingId(1)]);
}
