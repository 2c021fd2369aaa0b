//! What becomes one finding, and what does not.

use convoy_core::review::{Confidence, Severity};

use super::super::merge::{Faults, Found, Touches, merge};
use super::{flagged, found};
use Severity::{Blocker, Critical, High, Info, Low, Medium};

const A: (&str, u32) = ("src/a.py", 10);

fn titles(faults: &Faults) -> Vec<&str> {
    faults.grounded.iter().map(|one| one.title.as_str()).collect()
}

fn other_lines(mut one: Found, from: u32, to: u32) -> Found {
    (one.finding.line, one.finding.end_line) = (Some(from), Some(to));
    one.finding.quote = format!("other quote of {from}");
    one
}

#[test]
fn the_same_fault_of_two_roles_is_one_with_the_highest_severity_and_all_that_was_said() {
    let one = found("security", High, "injection", "SQL injection in the query", A);
    let mut two = other_lines(found("correctness", Critical, "sqli", "Query built of user input", A), 9, 11);
    two.finding.confidence = Some(Confidence::High);
    let faults = merge(vec![one, two]);
    assert_eq!(titles(&faults), ["Query built of user input"]);
    let fault = &faults.grounded[0];
    assert_eq!((fault.severity, fault.confidence), (Critical, Some(Confidence::High)));
    assert_eq!(fault.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(), ["correctness", "security"]);
    assert_eq!(fault.other_titles, ["SQL injection in the query"]);
    assert_eq!((fault.problems.len(), fault.impacts.len(), fault.fixes.len()), (2, 1, 2), "{fault:#?}");
    assert_eq!((faults.duplicates, fault.sources.len()), (1, 2));
    assert!(fault.blocks());
}

#[test]
fn the_same_quote_at_the_same_place_is_one_whatever_it_is_called() {
    let one = found("a", Low, "naming", "A poor name", A);
    let mut two = found("b", Medium, "race", "Nobody waits for it", A);
    two.finding.quote = "  line 10 of src/a.py  \n\n".into();
    assert_eq!(merge(vec![one.clone(), two.clone()]).grounded.len(), 1);
    // The same words somewhere else are about something else.
    two = other_lines(two, 90, 90);
    two.finding.quote = one.finding.quote.clone();
    assert_eq!(merge(vec![one, two]).grounded.len(), 2);
}

#[test]
fn neither_another_place_nor_another_kind_is_the_same() {
    let one = found("a", Low, "naming", "A poor name", A);
    for two in [
        other_lines(found("b", Low, "naming", "A poor name", A), 11, 20),
        found("b", Low, "naming", "A poor name", ("src/b.py", 10)),
        other_lines(found("b", Low, "race", "Nobody waits for it", A), 10, 10),
    ] {
        assert_eq!(merge(vec![one.clone(), two]).grounded.len(), 2);
    }
}

#[test]
fn a_broad_category_says_who_looked_and_counts_between_roles_only() {
    let a = |by: &str, title: &str, line| other_lines(found(by, Low, "Security", title, A), line, 12);
    assert_eq!(merge(vec![a("x", "Something odd here", 10), a("y", "Entirely unlike that", 11)]).grounded.len(), 1);
    assert_eq!(merge(vec![a("x", "Something odd here", 10), a("x", "Entirely unlike that", 11)]).grounded.len(), 2);
}

#[test]
fn titles_that_are_nearly_the_same_at_the_same_lines_are_one() {
    let one = found("a", Low, "x", "The cache is never emptied", A);
    let two = other_lines(found("b", Low, "y", "Cache never emptied again", A), 10, 10);
    assert_eq!(merge(vec![one, two]).grounded.len(), 1);
}

#[test]
fn two_rules_at_one_line_are_two_faults_and_the_same_rule_of_two_lanes_is_one() {
    let os = |by: &str| flagged(by, Low, "F401", "`os` imported but unused", A);
    let sys = |by: &str| flagged(by, Low, "F401", "`sys` imported but unused", A);
    let split = |by: &str| flagged(by, Info, "E401", "Multiple imports on one line", A);
    let faults = merge(vec![os("json"), sys("json"), split("json"), sys("sarif"), os("sarif"), split("sarif")]);
    assert_eq!(faults.grounded.len(), 3, "{:#?}", titles(&faults));
    assert!(faults.grounded.iter().all(|fault| fault.roles.len() == 2));
    // An agent that says the same joins one of them, and does not tie them together.
    let faults = merge(vec![os("json"), sys("json"), split("json"), found("agent", Medium, "unused", "`sys` is never used", A)]);
    assert_eq!(faults.grounded.len(), 3, "{:#?}", titles(&faults));
}

#[test]
fn an_agent_joins_what_a_program_found_if_it_is_about_that() {
    let shell = flagged("lint", High, "S602", "`subprocess` call with `shell=True` identified, security issue", A);
    let long = flagged("lint", Low, "E501", "Line too long (120 > 100)", A);
    let agent = found("security", Critical, "injection", "Anybody runs anything", A);
    let faults = merge(vec![shell.clone(), long.clone(), agent]);
    assert_eq!(faults.grounded.len(), 2, "{:#?}", titles(&faults));
    assert_eq!((faults.grounded[0].severity, faults.grounded[0].roles.len()), (Critical, 2));
    assert_eq!(faults.grounded[0].title, "Anybody runs anything");
    // Nothing in common but the line.
    let other = found("tests", Low, "untested", "No test for that", A);
    assert_eq!(merge(vec![long, other]).grounded.len(), 2);
    // Two tools that call the same thing by their own rules.
    let semgrep = flagged("semgrep", Critical, "subprocess-injection", "Found a shell", A);
    assert_eq!(merge(vec![shell, semgrep]).grounded.len(), 1);
}

#[test]
fn what_is_not_grounded_makes_nothing_graver() {
    let one = found("a", Low, "injection", "SQL injection", A);
    let mut two = found("b", Blocker, "injection", "SQL injection", A);
    two.grounded = false;
    let mut three = other_lines(two.clone(), 70, 80);
    three.finding.quote = two.finding.quote.clone();
    three.role = super::role("c");
    let faults = merge(vec![one, two, three]);
    assert_eq!((faults.grounded.len(), faults.grounded[0].severity), (1, Low));
    assert_eq!((faults.ungrounded.len(), faults.ungrounded[0].roles.len()), (1, 2), "a quote without a place has none");
    assert!(!faults.ungrounded[0].blocks());
    assert_eq!(faults.ungrounded[0].id.to_string(), "F2");
}

#[test]
fn they_are_in_order_of_severity_then_what_they_touch_then_how_sure_and_by_how_many() {
    let at = |line: u32| ("src/a.py", line * 10);
    let sure = |mut one: Found| {
        one.finding.confidence = Some(Confidence::High);
        one
    };
    let all = vec![
        found("quality", Medium, "style", "plain", at(1)),
        found("quality", Medium, "performance", "slow", at(2)),
        found("quality", Medium, "bug", "wrong", at(3)),
        sure(found("quality", Medium, "bug", "surely wrong", at(4))),
        found("quality", Medium, "bug", "wrong by two", at(5)),
        found("other", Medium, "bug", "wrong by two", at(5)),
        found("quality", Medium, "security", "open", at(6)),
        found("quality", Blocker, "style", "grave", at(7)),
    ];
    let faults = merge(all);
    assert_eq!(
        titles(&faults),
        ["grave", "open", "surely wrong", "wrong by two", "wrong", "slow", "plain"]
    );
    let ids: Vec<String> = faults.grounded.iter().map(|fault| fault.id.to_string()).collect();
    assert_eq!(ids, ["F1", "F2", "F3", "F4", "F5", "F6", "F7"]);
    assert_eq!(faults.grounded[1].touches, Touches::Security);
    let related: Vec<String> = faults.grounded[0].related.iter().map(ToString::to_string).collect();
    assert_eq!(related.len(), 6, "{related:?}");
}
