//! What one observation that the log does not take does to others.

use std::time::Duration;

use convoy_api::{Answer, Order, Query, Service as _};
use convoy_core::command::{Observed, Request};
use convoy_core::id::{IssueId, RigName, Seq};
use convoy_core::issue::{IssueType, NewIssue};
use convoy_core::tracker::{Seen, Standing};

use crate::engine::{Engine, Mode};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

fn seen(id: &str, title: String) -> Observed {
    let rig = RigName::new("repo").unwrap();
    let issue = NewIssue {
        id: IssueId::new(id).unwrap(),
        rig: rig.clone(),
        title,
        body: String::new(),
        issue_type: IssueType::Task,
        priority: 2,
        labels: std::collections::BTreeSet::new(),
        parent: None,
        needs: std::collections::BTreeMap::new(),
        acceptance: Vec::new(),
        step: None,
    };
    let seen = Seen {
        issue,
        standing: Standing::Open,
        assignee: None,
        created_at: None,
        reason: None,
        closed_at: None,
    };
    Observed::Tracker { rig, issues: vec![seen], all: None }
}

/// An engine of one rig, and the folder that it lasts as long as.
fn opened() -> (tempfile::TempDir, Engine) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".convoy")).unwrap();
    std::fs::write(dir.path().join(".convoy/config.toml"), "[rigs.repo]\npath = \".\"\nprefix = \"re\"\n")
        .unwrap();
    let workspace = Workspace::find(dir.path()).unwrap();
    let env = Environment::new([("HOME".into(), dir.path().into())]);
    let engine = Engine::open(&workspace, &env, Mode::Command, Duration::from_secs(20)).unwrap();
    (dir, engine)
}

fn close(id: &str) -> Order {
    let request = Request::IssueClose {
        ids: vec![id.to_owned()],
        reason: convoy_core::issue::CloseReason::Completed,
        duplicate_of: None,
        note: None,
    };
    Order { request, actor: "overseer".to_owned(), key: None, dry_run: false }
}

#[test]
fn what_is_too_large_to_be_recorded_is_left_out_and_holds_nothing_up() {
    let (_dir, engine) = opened();
    let handle = engine.handle();
    handle.observed(seen("re-1", "before".to_owned()));
    handle.observed(seen("re-2", "x".repeat(17 * 1024 * 1024)));
    handle.observed(seen("re-3", "after".to_owned()));
    // What is ordered in the same turn is refused with it; whoever asks again is heard.
    let _ = engine.order(close("re-1"));
    for id in ["re-1", "re-3"] {
        assert!(engine.order(close(id)).is_ok(), "{id}");
    }
    assert!(engine.order(close("re-2")).is_err());
}

#[test]
fn a_question_about_few_events_of_a_long_log_is_answered_in_parts() {
    let (_dir, engine) = opened();
    let handle = engine.handle();
    for n in 0..1_100 {
        handle.observed(seen(&format!("re-{n}"), format!("Issue {n}")));
    }
    engine.order(close("re-1099")).unwrap();
    let ask = |after| match engine.ask(Query::Events { after, limit: 10, kind: Some("issue.closed".into()) })
    {
        Ok(Answer::Events { events, seq }) => (events, seq),
        other => panic!("{other:?}"),
    };
    let (first, half) = ask(Seq(0));
    assert!(first.is_empty() && half >= Seq(1_000), "{half:?}");
    let (found, end) = ask(half);
    assert_eq!(found.len(), 1);
    assert_eq!(ask(end), (Vec::new(), end), "that is all");
}
