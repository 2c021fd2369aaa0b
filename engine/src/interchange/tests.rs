//! There and back: what beads wrote comes out as it was, and what we have comes in again as it is.

use std::collections::BTreeMap;

use convoy_core::address::Address;
use convoy_core::command::Request;
use convoy_core::convoy::MergeStrategy;
use convoy_core::decide::{Command, Context, Entropy, step};
use convoy_core::event::IssueChange;
use convoy_core::import::Existing;
use convoy_core::issue::{CloseReason, DependencyType};
use convoy_core::policy::{Budget, Observers, Policy, Retry, Rig};
use convoy_core::state::State;
use convoy_core::time::Time;
use serde_json::{Value, json};

use super::{Lines, line, read};

/// 2026-02-01.
const NOW: i64 = 1_769_904_000_000;

fn policy() -> Policy {
    let rig = Rig { prefix: "bd".into(), ..Rig::default() };
    Policy {
        rigs: BTreeMap::from([("home".parse().unwrap(), rig)]),
        home: "home".parse().unwrap(),
        agents: Vec::new(),
        sandboxed: Vec::new(),
        roles_sandboxed: false,
        agent: "claude".parse().unwrap(),
        model: None,
        complexity: BTreeMap::new(),
        merge: MergeStrategy::Direct,
        max_parallel: 4,
        notify: Vec::new(),
        retry: Retry::default(),
        observers: Observers::default(),
        witness: convoy_core::health::Thresholds::default(),
        tiers: convoy_core::policy::Tiers::default(),
        budget: Budget::default(),
        checkpoints: convoy_core::policy::Checkpoints::default(),
        reviews: convoy_core::policy::Reviews::default(),
        batches: convoy_core::policy::Batches::default(),
        routes: convoy_core::policy::Routes::default(),
    }
}

fn ask(state: &mut State, request: Request, now: i64) -> usize {
    let policy = policy();
    let mut ctx = Context {
        now: Time::from_millis(now),
        actor: Address::overseer(),
        policy: &policy,
        entropy: Entropy::new(now.cast_unsigned()),
        key: None,
        print: 0,
    };
    let (batch, items) = step(state, &Command::Request(request), &mut ctx).unwrap();
    assert!(items.iter().all(|item| item.error.is_none()), "{items:?}");
    batch.map_or(0, |batch| batch.events.len())
}

fn lines(text: &str) -> Lines {
    let lines = read(text.as_bytes()).unwrap();
    assert!(lines.problems.is_empty(), "{:?}", lines.problems);
    lines
}

/// How many events it takes.
fn import(state: &mut State, text: &str) -> usize {
    let issues = lines(text).issues;
    ask(state, Request::IssueImport { issues, rig: None, existing: Existing::Update }, NOW)
}

fn export(state: &State) -> String {
    state.issues.values().map(|issue| line(issue, None) + "\n").collect()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One issue of each sort that beads may write, in order of id.
fn of_beads() -> String {
    let full = json!({
        "id": "bd-1", "title": "Update \u{1f69a} docs", "description": "a\nb", "design": "d", "notes": "n\u{1b}[1m",
        "acceptance_criteria": "* it builds\n\n- [ ] it works", "status": "open", "priority": 0, "issue_type": "bug",
        "assignee": "ann", "owner": "ann@example.com", "labels": ["z", "a", "a b"],
        "dependencies": [
            {"issue_id": "bd-1", "depends_on_id": "bd-2", "type": "blocks", "created_at": "2025-01-01T00:00:00.123456789Z",
             "created_by": "ann", "metadata": "{}", "thread_id": ""},
            {"issue_id": "bd-1", "depends_on_id": "bd-2", "type": "related", "created_at": "2025-01-01T00:00:00Z"},
            {"issue_id": "bd-1", "depends_on_id": "bd-3", "type": "discovered-from"},
            {"issue_id": "bd-1", "depends_on_id": "bd-9", "type": "parent-child"},
            {"issue_id": "bd-1", "depends_on_id": "external:gt:gt-abc", "type": "tracks"},
            {"issue_id": "bd-1", "depends_on_id": "bd-gone", "type": "waits-for"},
        ],
        "created_at": "2025-12-30T10:15:00-08:00", "created_by": "ann", "updated_at": "2025-12-31T00:00:00.987654321Z",
        "started_at": "2025-12-30T11:00:00Z", "external_ref": "gh-7", "estimated_minutes": 30, "ephemeral": false,
        "metadata": {"n": 1.5, "deep": {"a": [null, true]}}, "comments": [{"id": 1, "text": "hm"}],
    });
    let others = [
        json!({"id": "bd-2", "title": "t", "description": "", "status": "deferred", "priority": 4, "issue_type": "decision",
               "defer_until": "2027-01-01T00:00:00Z", "labels": null}),
        json!({"id": "bd-3", "title": "t", "status": "closed", "close_reason": "done by hand", "priority": 2,
               "issue_type": "task", "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-02T00:00:00Z",
               "closed_at": "2025-01-02T00:00:00.5Z"}),
        json!({"id": "bd-4", "title": "t", "status": "closed"}),
        json!({"id": "bd-5", "title": "t", "status": "tombstone", "deleted_at": "2025-01-02T00:00:00Z", "deleted_by": "x"}),
        json!({"id": "bd-6", "title": "t", "status": "in_progress", "assignee": "bob", "issue_type": "molecule"}),
        json!({"id": "bd-7", "title": "t", "status": "pinned", "parent": "bd-9", "close_reason": ""}),
        json!({"id": "bd-8", "title": "t"}),
        json!({"id": "bd-9", "title": "t", "issue_type": "epic", "created_at": "2025-01-01T00:00:00Z"}),
    ];
    std::iter::once(full).chain(others).map(|issue| issue.to_string() + "\n").collect()
}

#[test]
fn what_beads_wrote_comes_out_as_it_was() {
    let mut state = State::default();
    assert_eq!(import(&mut state, &of_beads()), 9);
    assert_eq!(objects(&export(&state)), objects(&of_beads()));
    assert_eq!(import(&mut state, &of_beads()), 0, "again: no change");
    let ready: Vec<&str> =
        state.issues.values().filter(|issue| state.is_ready(issue)).map(|i| i.content.id.as_str()).collect();
    assert_eq!(ready, ["bd-8"], "deferred, pinned and the like are left alone");
    let blockers: Vec<&str> = state.open_blockers(&state.issues["bd-1"]).map(|id| id.as_str()).collect();
    assert_eq!(blockers, ["bd-2", "bd-gone"]);
    let told = super::for_agents(&state.issues["bd-1"]);
    assert_eq!(told, [("Design", "d".to_owned()), ("Notes", "n\u{1b}[1m".to_owned())]);
    assert_eq!(state.issues["bd-1"].content.parent, Some("bd-9".parse().unwrap()));
}

#[test]
fn numbers_stay_as_they_were_written() {
    let text = r#"{"id":"bd-1","title":"t","metadata":{"big":123456789012345678901234567890,"exact":1.10,"wide":1e400}}"#;
    let mut state = State::default();
    import(&mut state, text);
    assert!(
        export(&state)
            .contains(r#""metadata":{"big":123456789012345678901234567890,"exact":1.10,"wide":1e400}"#)
    );
}

#[test]
fn what_changed_here_is_said_and_the_rest_stays() {
    let mut state = State::default();
    import(&mut state, &of_beads());
    let id = || vec!["bd-1".to_owned()];
    let change =
        IssueChange { title: Some("New".into()), add_labels: vec!["new".into()], ..IssueChange::default() };
    ask(&mut state, Request::IssueUpdate { ids: id(), change }, NOW + 1);
    let (kind, needs) = (DependencyType::Blocks, "bd-8".to_owned());
    ask(&mut state, Request::DependencyAdd { id: "bd-1".into(), needs, kind }, NOW + 2);
    ask(&mut state, Request::DependencyRemove { id: "bd-1".into(), needs: "bd-2".into() }, NOW + 3);
    let close = |ids| Request::IssueClose {
        ids,
        reason: CloseReason::Duplicate,
        duplicate_of: Some("bd-3".into()),
        note: Some("the same".into()),
    };
    ask(&mut state, close(id()), NOW + 4);
    ask(&mut state, Request::IssueReopen { ids: vec!["bd-3".into()] }, NOW + 5);
    let out = objects(&export(&state));
    let (was, is) = (&objects(&of_beads())[0], &out[0]);
    for key in [
        "design",
        "notes",
        "owner",
        "metadata",
        "comments",
        "acceptance_criteria",
        "created_at",
        "description",
    ] {
        assert_eq!(was[key], is[key], "{key}");
    }
    assert_eq!(is["title"], "New");
    assert_eq!(is["labels"], json!(["a", "a b", "new", "z"]));
    assert_eq!((&is["status"], &is["close_reason"]), (&json!("closed"), &json!("the same")));
    assert_eq!(is["updated_at"], "2026-02-01T00:00:00.004Z");
    let on: Vec<(&str, &str)> = is["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["depends_on_id"].as_str().unwrap(), d["type"].as_str().unwrap()))
        .collect();
    let expected = [
        ("bd-3", "discovered-from"),
        ("bd-9", "parent-child"),
        ("external:gt:gt-abc", "tracks"),
        ("bd-gone", "waits-for"),
        ("bd-8", "blocks"),
    ];
    assert_eq!(on, expected);
    let reopened = &out[2];
    assert_eq!(reopened["status"], "open");
    assert!(reopened.get("closed_at").is_none() && reopened.get("close_reason").is_none(), "{reopened}");
    // Into an empty workspace: the same issues, and nothing to do when it comes again.
    let mut other = State::default();
    import(&mut other, &export(&state));
    for (id, issue) in &state.issues {
        let there = &other.issues[id];
        assert_eq!(
            (&issue.content, &issue.status, &issue.held),
            (&there.content, &there.status, &there.held)
        );
        assert_eq!((issue.created_at, issue.updated_at), (there.created_at, there.updated_at));
        assert_eq!((&issue.created_by, issue.number), (&there.created_by, there.number), "{id}");
    }
    assert_eq!(objects(&export(&other)), out);
    // Two ways to say the same are no change.
    let mut same = lines(&export(&other));
    let ours: Vec<String> = export(&state).lines().map(str::to_owned).collect();
    assert_eq!((same.drop_same(&ours), same.issues.len()), (9, 0));
}

#[test]
fn hostile_lines_are_named_and_nothing_is_taken() {
    let bad = [
        ("[]", "line 1: not a JSON object"),
        ("{\"id\":\"bd-1\"", "line 1: not a JSON object: EOF"),
        ("\n\n{\"title\":\"t\"}", "line 3: id: is missing"),
        ("{\"id\":\"../x-1\",\"title\":\"t\"}", "line 1: issue id \"../x-1\" is not valid"),
        ("{\"id\":\"bd-1\",\"title\":7}", "line 1: title: invalid type: integer `7`, expected a string"),
        ("{\"id\":\"bd-1\",\"title\":\"t\",\"priority\":-1}", "line 1: priority: expected 0 to 4"),
        (
            "{\"id\":\"bd-1\",\"title\":\"t\",\"created_at\":\"yesterday\"}",
            "line 1: created_at: expected a time",
        ),
        ("{\"id\":\"bd-1\",\"title\":\"t\",\"status\":\"a\\nb\"}", "line 1: status: expected 1 to 64 bytes"),
        ("{\"id\":\"bd-1\",\"title\":\"t\",\"dependencies\":{}}", "line 1: dependencies: expected a list"),
        ("{\"id\":\"bd-1\",\"title\":\"t\",\"dependencies\":[7]}", "line 1: dependencies: expected objects"),
        ("{\"id\":\"bd-1\",\"title\":\"t\",\"convoy\":{\"needs\":7}}", "line 1: convoy: "),
    ];
    for (text, expected) in bad {
        let lines = read(text.as_bytes()).unwrap();
        assert!(lines.problems.len() == 1 && lines.problems[0].starts_with(expected), "{:?}", lines.problems);
    }
    let lines = read(&b"\xff\xfe\n"[..]).unwrap();
    assert_eq!(lines.problems, ["line 1: is not UTF-8 text"]);
    let deep = format!(
        "{{\"id\":\"bd-1\",\"title\":\"t\",\"metadata\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let lines = read(deep.as_bytes()).unwrap();
    assert!(lines.issues.len() + lines.problems.len() == 1);
    let long = read(format!("{{\"id\":\"{}", "x".repeat(9 << 20)).as_bytes()).unwrap();
    assert_eq!(long.problems, ["line 1: longer than 8388608 bytes"]);
    let bom =
        read("\u{feff}{\"id\":\"bd-1\",\"title\":\"t\"}\r\n{\"_type\":\"memory\",\"key\":\"k\"}".as_bytes())
            .unwrap();
    assert_eq!((bom.issues.len(), bom.skipped), (1, vec![(2, "memory".to_owned())]));
}
