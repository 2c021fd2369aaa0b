//! What a desk says that is not asked any more, and what is made of an answer that is too long.

use std::time::Duration;

use convoy_api::{Answer, Query};
use convoy_core::id::{RigName, Seq};
use convoy_core::time::Span;
use serde_json::json;

use super::beads::Beads;
use super::desk::{Desk, Reading};
use super::wire;
use crate::engine::{Engine, Mode};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

#[test]
fn a_desk_that_has_ended_reports_nothing() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".convoy")).unwrap();
    std::fs::write(dir.path().join(".convoy/config.toml"), "[rigs.repo]\npath = \".\"\nprefix = \"re\"\n")
        .unwrap();
    let env = Environment::new([("HOME".into(), dir.path().into())]);
    let workspace = Workspace::find(dir.path()).unwrap();
    let engine = Engine::open(&workspace, &env, Mode::Command, Duration::from_secs(20)).unwrap();
    let handle = engine.handle();
    let rig = RigName::new("repo").unwrap();
    let events = || match handle.look(Query::Events { after: Seq(0), limit: 10, kind: None }).unwrap() {
        Answer::Events { events, .. } => events.len(),
        _ => panic!("an answer to another question"),
    };
    let desk = |rig: &RigName| {
        let beads = Beads::new(rig.clone(), dir.path(), &["no-such-bd".to_owned()], &env, Span::from_secs(5));
        Desk::new(rig.clone(), beads)
    };
    let ended = desk(&rig);
    ended.end();
    assert_eq!(ended.read(&handle), Reading::Lost);
    assert_eq!(events(), 0);
    assert_eq!(desk(&rig).read(&handle), Reading::Lost);
    assert_eq!(events(), 1);
}

#[test]
fn no_field_is_longer_than_what_is_recorded_of_it() {
    let long = "x".repeat(1024 * 1024);
    let needs: Vec<_> = (0..5000).map(|n| json!({"depends_on_id": format!("re-{n}x")})).collect();
    let answer = json!([{
        "id": "re-1", "title": long, "assignee": long, "labels": [long, "short"], "dependencies": needs,
    }]);
    let (seen, skipped) = wire::issues(answer, &RigName::new("repo").unwrap()).unwrap();
    assert_eq!((seen.len(), skipped), (1, 0));
    let issue = &seen[0].issue;
    assert_eq!(issue.labels.iter().collect::<Vec<_>>(), ["short"]);
    assert_eq!(issue.needs.len(), convoy_core::issue::NEEDS_MAX);
    assert!(issue.title.len() < 1000 && seen[0].assignee.as_ref().unwrap().len() < 1000);
}
