//! What other tools had, taken in.

use convoy_core::command::Request;
use convoy_core::decide::Item;
use convoy_core::event::Event;
use convoy_core::import::{
    Existing, ForeignClosed, ForeignConvoy, ForeignIssue, ForeignStatus, Hold, ImportedConvoyStatus,
    ImportedRecord, RecordOf, Tool,
};
use convoy_core::issue::{CloseReason, DependencyType, IssueType, Status};
use convoy_core::refusal::Refusal;
use convoy_core::time::Time;

use crate::door::Door;

/// An open task from a file; `needs` are its blockers.
pub(crate) fn foreign(line: u32, id: &str, needs: &[&str]) -> ForeignIssue {
    ForeignIssue {
        line,
        id: id.parse().unwrap(),
        title: format!("Title of {id}"),
        body: String::new(),
        issue_type: IssueType::Task,
        priority: 2,
        labels: Vec::new(),
        parent: None,
        needs: needs.iter().map(|id| (id.parse().unwrap(), DependencyType::Blocks)).collect(),
        acceptance: Vec::new(),
        state: ForeignStatus::Open,
        created_by: None,
        created_at: Some(Time::from_millis(1_000)),
        updated_at: Some(Time::from_millis(2_000)),
        kept: None,
    }
}

fn import(
    door: &mut Door,
    issues: Vec<ForeignIssue>,
    existing: Existing,
) -> Result<(Vec<Event>, Vec<Item>), Refusal> {
    door.ask(Request::IssueImport { issues, rig: None, existing }, "overseer", None)
}

fn closed(at: i64) -> ForeignStatus {
    ForeignStatus::Closed(ForeignClosed {
        reason: CloseReason::Completed,
        at: Some(Time::from_millis(at)),
        evidence: None,
        duplicate_of: None,
        note: None,
    })
}

#[test]
fn what_is_in_a_later_line_or_nowhere_still_blocks() {
    let mut door = Door::new();
    let issues = vec![foreign(1, "gt-a", &["gt-b", "gt-gone"]), foreign(2, "gt-b", &[])];
    let (events, _) = import(&mut door, issues, Existing::Update).unwrap();
    assert_eq!(events.len(), 2);
    let blockers = |door: &Door| -> Vec<String> {
        door.state.open_blockers(&door.state.issues["gt-a"]).map(|id| id.to_string()).collect()
    };
    assert_eq!(blockers(&door), ["gt-b", "gt-gone"]);
    // It comes, and is closed: the door checks after each command that what is derived is right.
    import(&mut door, vec![foreign(1, "gt-gone", &[])], Existing::Update).unwrap();
    for id in ["gt-gone", "gt-b"] {
        assert!(!door.state.is_ready(&door.state.issues["gt-a"]));
        let close = Request::IssueClose {
            ids: vec![id.into()],
            reason: CloseReason::Completed,
            duplicate_of: None,
            note: None,
        };
        door.ask(close, "overseer", None).unwrap();
    }
    assert!(door.state.is_ready(&door.state.issues["gt-a"]));
}

#[test]
fn one_bad_line_and_nothing_is_imported() {
    let mut door = Door::new();
    let mut long = foreign(3, "gt-c", &[]);
    long.title = "x".repeat(600);
    let bad: Vec<(Vec<ForeignIssue>, &str)> = vec![
        (vec![foreign(1, "gt-a", &[]), long], "line 3: gt-c: title: expected 1 to 512 characters"),
        (vec![foreign(1, "gt-a", &[]), foreign(4, "gt-a", &[])], "line 4: gt-a is on line 1 already"),
        (
            vec![foreign(1, "gt-a", &["gt-b"]), foreign(2, "gt-b", &["gt-a"])],
            "in a circle: gt-a -> gt-b -> gt-a",
        ),
        (vec![foreign(7, "zz-a", &[])], "convoy rig add NAME PATH --prefix zz"),
        (vec![foreign(7, "hq-cv-abcde", &[])], "convoy import gastown"),
        (vec![foreign(7, "gt-a", &["gt-a"])], "it depends on itself"),
    ];
    for (issues, expected) in bad {
        let refusal = import(&mut door, issues, Existing::Update).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}");
        assert!(door.state.issues.is_empty());
    }
}

#[test]
fn a_circle_through_what_is_here_already_is_found() {
    let mut door = Door::new();
    import(&mut door, vec![foreign(1, "gt-old", &["gt-new"])], Existing::Update).unwrap();
    let refusal = import(&mut door, vec![foreign(1, "gt-new", &["gt-old"])], Existing::Update).unwrap_err();
    assert!(refusal.to_string().contains("gt-new -> gt-old -> gt-new"), "{refusal}");
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let mut door = Door::new();
    let ids: Vec<String> = (0..5_000).map(|n| format!("gt-{n}")).collect();
    let issues = ids.windows(2).zip(1..).map(|(pair, line)| foreign(line, &pair[0], &[&pair[1]])).collect();
    assert_eq!(import(&mut door, issues, Existing::Update).unwrap().0.len(), 4_999);
}

#[test]
fn held_issues_are_not_worked_on_until_somebody_opens_them() {
    let mut door = Door::new();
    let mut deferred = foreign(1, "gt-a", &[]);
    deferred.state = ForeignStatus::Held(Hold::new("deferred").unwrap());
    import(&mut door, vec![deferred.clone()], Existing::Update).unwrap();
    let sling = || Request::Sling {
        issues: vec!["gt-a".into()],
        target: None,
        agent: None,
        model: None,
        base: None,
        no_convoy: false,
        force: true,
        budget: None,
    };
    let refusal = door.ask(sling(), "overseer", None).unwrap_err();
    assert_eq!(refusal.hint().unwrap(), "if it is to be worked on here: convoy issue reopen gt-a");
    assert!(!door.state.is_ready(&door.state.issues["gt-a"]));
    door.ask(Request::IssueReopen { ids: vec!["gt-a".into()] }, "overseer", None).unwrap();
    assert!(door.state.is_ready(&door.state.issues["gt-a"]));
    // The file says nothing new: what a person said here stays.
    let (events, items) = import(&mut door, vec![deferred], Existing::Update).unwrap();
    assert!(events.is_empty() && items[0].error.is_none(), "{items:?}");
    door.ask(sling(), "overseer", None).unwrap();
}

#[test]
fn the_newer_side_wins_and_a_conflict_is_said() {
    let mut door = Door::new();
    let at = |ms: i64, title: &str| {
        let mut issue = foreign(1, "gt-a", &[]);
        issue.title = title.into();
        issue.updated_at = Some(Time::from_millis(ms));
        vec![issue]
    };
    let title = |door: &Door| door.state.issues["gt-a"].content.title.clone();
    import(&mut door, at(2_000, "first"), Existing::Update).unwrap();
    assert!(import(&mut door, at(2_000, "first"), Existing::Update).unwrap().0.is_empty(), "again: nothing");
    import(&mut door, at(3_000, "second"), Existing::Update).unwrap();
    assert_eq!(title(&door), "second");
    // Ours changes now, which is much later.
    let change = convoy_core::event::IssueChange { title: Some("ours".into()), ..Default::default() };
    door.ask(Request::IssueUpdate { ids: vec!["gt-a".into()], change }, "overseer", None).unwrap();
    let (events, items) = import(&mut door, at(4_000, "theirs"), Existing::Update).unwrap();
    assert!(events.is_empty());
    assert!(matches!(items[0].error, Some(Refusal::Conflict { .. })), "{items:?}");
    let (events, _) = import(&mut door, at(4_000, "theirs"), Existing::Keep).unwrap();
    assert!(events.is_empty());
    import(&mut door, at(4_000, "theirs"), Existing::Force).unwrap();
    assert_eq!(title(&door), "theirs");
    let later = door.now.as_millis() + 1;
    import(&mut door, at(later, "newer"), Existing::Update).unwrap();
    assert_eq!(title(&door), "newer");
}

#[test]
fn a_close_in_the_file_lands_the_convoy_and_lets_the_worker_go() {
    let mut door = Door::new();
    import(&mut door, vec![foreign(1, "gt-a", &[])], Existing::Update).unwrap();
    let sling = Request::Sling {
        issues: vec!["gt-a".into()],
        target: None,
        agent: None,
        model: None,
        base: None,
        no_convoy: false,
        force: false,
        budget: None,
    };
    door.ask(sling, "overseer", None).unwrap();
    drop(door.plan());
    let at_work = |door: &Door| matches!(door.state.issues["gt-a"].status, Status::InProgress { .. });
    assert!(at_work(&door));
    let mut other = foreign(1, "gt-a", &[]);
    (other.priority, other.updated_at) = (0, Some(door.now));
    import(&mut door, vec![other.clone()], Existing::Force).unwrap();
    assert!(at_work(&door), "what a worker has goes on");
    other.state = closed(5_000);
    let (events, _) = import(&mut door, vec![other], Existing::Force).unwrap();
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    assert!(names.contains(&"convoy.landed") && names.contains(&"session.stop_requested"), "{names:?}");
    let issue = &door.state.issues["gt-a"];
    assert!(matches!(&issue.status, Status::Closed(closed) if closed.at == Time::from_millis(5_000)));
}

fn convoy(id: &str, tracked: &[&str], state: ImportedConvoyStatus) -> ForeignConvoy {
    ForeignConvoy {
        from: Tool::Gastown,
        id: id.parse().unwrap(),
        title: "Deploy".into(),
        tracked: tracked.iter().map(|id| id.parse().unwrap()).collect(),
        owner: None,
        notify: Vec::new(),
        watchers: Vec::new(),
        merge: None,
        base: None,
        epic: None,
        owned: false,
        created_by: None,
        created_at: Some(Time::from_millis(1_000)),
        state,
    }
}

#[test]
fn convoys_and_records_are_taken_in_once_and_landed_ones_tell_nobody() {
    let mut door = Door::new();
    import(&mut door, vec![foreign(1, "gt-a", &[])], Existing::Keep).unwrap();
    let at = Time::from_millis(9_000);
    let convoys = vec![
        convoy("hq-cv-open1", &["gt-a"], ImportedConvoyStatus::Open),
        convoy("hq-cv-done1", &["gt-a"], ImportedConvoyStatus::Landed { at }),
        convoy("hq-cv-gone1", &["gt-a"], ImportedConvoyStatus::Abandoned { reason: None, at }),
        convoy("hq-cv-lost1", &["gt-nowhere"], ImportedConvoyStatus::Open),
        convoy("hq-cv-plan1", &["gt-a"], ImportedConvoyStatus::Staged),
    ];
    let (events, items) =
        door.ask(Request::ConvoyImport { convoys: convoys.clone() }, "overseer", None).unwrap();
    assert_eq!(events.len(), 4, "no notices: {events:?}");
    assert!(door.state.convoys["hq-cv-plan1"].staged().is_some());
    assert!(door.state.index.staged.iter().any(|(_, id)| id.as_str() == "hq-cv-plan1"));
    assert!(matches!(items[3].error, Some(Refusal::NoSuch { .. })));
    let record = ImportedRecord {
        from: Tool::Orch,
        of: RecordOf::Cost,
        key: "k".into(),
        about: "gt-a".into(),
        at: None,
        text: "$1".into(),
    };
    let records = || Request::RecordImport { records: vec![record.clone()] };
    assert_eq!(door.ask(records(), "overseer", None).unwrap().0.len(), 1);
    let again = Request::ConvoyImport { convoys: convoys[..3].to_vec() };
    assert!(door.ask(again, "overseer", None).unwrap().0.is_empty());
    assert!(door.ask(records(), "overseer", None).unwrap().0.is_empty());
}

#[test]
fn a_person_holds_an_open_issue_and_no_other() {
    let mut door = Door::new();
    import(&mut door, vec![foreign(1, "gt-a", &[]), foreign(2, "gt-b", &[])], Existing::Update).unwrap();
    let hold = |id: &str| {
        let hold = Some(Hold::new("in_progress").unwrap());
        let change = convoy_core::event::IssueChange { hold, ..Default::default() };
        Request::IssueUpdate { ids: vec![id.into()], change }
    };
    assert_eq!(door.ask(hold("gt-a"), "ann", None).unwrap().0.len(), 1);
    assert!(door.ask(hold("gt-a"), "ann", None).unwrap().0.is_empty(), "again: no change");
    assert!(!door.state.is_ready(&door.state.issues["gt-a"]));
    let close = Request::IssueClose {
        ids: vec!["gt-a".into(), "gt-b".into()],
        reason: CloseReason::Completed,
        duplicate_of: None,
        note: None,
    };
    door.ask(close, "ann", None).unwrap();
    let (events, items) = door.ask(hold("gt-b"), "ann", None).unwrap();
    assert!(events.is_empty() && items[0].error.is_some());
    door.ask(Request::IssueReopen { ids: vec!["gt-a".into()] }, "ann", None).unwrap();
    assert!(
        door.state.is_ready(&door.state.issues["gt-a"]),
        "what is closed and opened again is held no more"
    );
}
