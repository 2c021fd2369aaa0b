//! Judgements of issues, read and put together.

use super::super::report;
use super::super::synthesis::Missing;
use super::super::triage::{Complexity, Judged, Triage, extract};
use super::role;

const GOOD: &str = r#"# A
```json triage
{"category": "bug/high", "priority": "P1", "complexity": "moderate", "labels": ["b", "a", "b", ""],
 "duplicate_of": null, "rationale": "It | breaks <b>all</b>.", "confidence": 0.9}
```
"#;

#[test]
fn a_judgement_is_read_and_what_is_wrong_is_said() {
    let one = extract(&role("t"), None, Some(GOOD), None).unwrap();
    assert_eq!((one.category.as_str(), one.priority, one.complexity), ("bug/high", 1, Complexity::Medium));
    assert_eq!((one.labels, one.duplicate_of), (vec!["a".to_owned(), "b".to_owned()], None));
    let why = |text: &str| extract(&role("t"), Some(text), None, None).unwrap_err().to_string();
    let all = why(r#"{"priority": 7, "complexity": "huge"}"#);
    for piece in ["category is missing", "from 0 (now) to 4", "trivial, simple, medium, complex, expert"] {
        assert!(all.contains(piece), "{piece}: {all}");
    }
    assert!(why("{").contains("not JSON"));
    assert!(extract(&role("t"), None, Some("words"), None).unwrap_err().to_string().contains("json triage"));
}

#[test]
fn the_table_is_in_order_of_priority_and_no_text_ends_a_cell() {
    let judge = |name: &str, priority: &str, title: &str| Judged {
        role: role(name),
        issue: None,
        title: title.into(),
        judgement: extract(&role(name), None, Some(&GOOD.replace("P1", priority)), None).unwrap(),
    };
    let all = vec![judge("one", "3", "Later | much"), judge("two", "0", "Now"), judge("three", "P3", "`a|b` too")];
    let missing = vec![Missing { role: role("four"), why: "it was <killed>".into() }];
    let made = Triage::make(all, missing);
    let order: Vec<&str> = made.issues.iter().map(|one| one.role.as_str()).collect();
    assert_eq!(order, ["two", "one", "three"]);
    let files = report::triage(&made);
    assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["triage.md", "triage.json"]);
    let text = &files[0].1;
    assert!(text.contains("| P3 | one | Later \\| much | bug/high |"), "{text}");
    assert!(text.contains("| P3 | three | `a\\|b` too |"), "{text}");
    assert!(text.contains("- **four**: it was \\<killed>") && text.contains("breaks \\<b>all\\</b>"), "{text}");
    assert_eq!(serde_json::from_str::<Triage>(&files[1].1).unwrap(), made);
}
