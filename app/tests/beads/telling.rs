//! What is done here to issues that beads keeps is told to it.

use crate::room::Room;

#[test]
fn an_issue_is_made_there_first_and_has_its_id() {
    let room = Room::new();
    let parent = room.bd().create("Parent", &["-t", "epic"]);
    let first = room.bd().create("First", &[]);
    let words: Vec<&str> = [
        "issue",
        "create",
        "--rig",
        "tools",
        "--type",
        "bug",
        "--priority",
        "1",
        "--label",
        "urgent",
        "--body",
        "line 1\n\"line\" 2 $HOME",
        "--parent",
        &parent,
        "--needs",
        &first,
        "--json",
        "--",
        "-n 'title'",
    ]
    .into();
    let made = room.env.convoy(&words).ok().json();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with(&format!("{parent}.")), "{made}");
    let there = room.bd().show(id);
    assert_eq!(there["title"], "-n 'title'");
    assert_eq!(there["description"], "line 1\n\"line\" 2 $HOME");
    assert_eq!((&there["issue_type"], &there["priority"]), (&"bug".into(), &1.into()));
    assert_eq!(there["labels"][0], "urgent");
    assert_eq!(made["blocked_by"][0], first);
    assert_eq!(made["parent"], parent);

    let once = |_| {
        room.env.convoy(["issue", "create", "Once", "--rig", "tools", "--key", "k", "--json"]).ok().json()
    };
    assert_eq!(once(0)["id"], once(1)["id"], "a repeated command is the same command");
    room.env.convoy(["issue", "create", " ", "--rig", "tools"]).exits(2);
    room.env.convoy(["issue", "create", "T", "--rig", "tools", "--needs", "gt-none"]).exits(3);
    let calls = room.bd().calls();
    assert_eq!(calls.iter().filter(|call| call.starts_with("create")).count(), 4, "{calls:?}");
}

/// What people do to an issue, and what beads says after each, with the engine up or down.
fn is_told(up: bool) {
    let room = Room::new();
    if up {
        room.convoy("up");
    }
    let (a, b) = (room.bd().create("A", &[]), room.bd().create("B", &["--labels", "old"]));
    room.convoy("tracker notify");
    let convoy = room.create(&[&a, &b]);
    let label = format!("convoy:{convoy}");
    let has = |id: &str, label: &str| {
        let issue = room.bd().show(id);
        issue["labels"].as_array().is_some_and(|all| all.iter().any(|one| one == label))
    };
    room.until(|_| has(&a, &label) && has(&b, &label));
    room.convoy(&format!("remove {convoy} {b}"));
    room.until(|_| !has(&b, &label) && has(&b, "old"));

    room.env
        .convoy(["issue", "update", &b, "--title", "New", "--priority", "0", "--remove-label", "old"])
        .ok();
    room.until(|bd| bd.show(&b)["title"] == "New" && bd.show(&b)["priority"] == 0 && !has(&b, "old"));
    room.convoy(&format!("issue dep add {a} {b}"));
    room.until(|bd| bd.show(&a)["dependencies"][0]["dependency_type"] == "blocks");
    room.convoy(&format!("issue dep remove {a} {b}"));
    room.until(|bd| bd.show(&a)["dependencies"].as_array().is_none_or(Vec::is_empty));

    room.env.convoy(["issue", "close", &a, "--reason", "dropped", "--note=-not- \"needed\""]).ok();
    room.until(|bd| bd.show(&a)["status"] == "closed");
    assert_eq!(room.bd().show(&a)["close_reason"], "Dropped: -not- \"needed\"");
    assert_eq!(room.json(&format!("status {convoy}"))["status"], "landed");
    room.convoy(&format!("issue reopen {a}"));
    room.until(|bd| bd.show(&a)["status"] == "open");
    let tracker = &room.json("tracker status")[0];
    assert_eq!((&tracker["pending"], &tracker["readable"]), (&0.into(), &true.into()), "{tracker}");
    assert_eq!(room.issue(&a)["status"], "open", "nothing that beads said late undid it");
}

#[test]
fn by_the_engine() {
    is_told(true);
}

#[test]
fn by_each_command_when_there_is_no_engine() {
    is_told(false);
}

#[test]
fn an_issue_that_an_agent_works_on_is_taken_and_closed_there() {
    let room = Room::new();
    let id = room.bd().create("Work", &[]);
    room.convoy("up");
    let convoy = room.json(&format!("create Work {id} --run"))["id"].as_str().unwrap().to_owned();
    assert_eq!(room.landed_by(&convoy), "merger");
    room.until(|bd| bd.show(&id)["status"] == "closed");
    let there = room.bd().show(&id);
    let commit = room.env.repo_at(&room.tools()).git(["rev-parse", "main"]);
    assert_eq!(there["close_reason"], format!("Merged in {commit}"));
    let worker = room.json("work list --all")[0]["name"].as_str().unwrap().to_owned();
    assert!(there["assignee"].is_null() || there["assignee"] == worker, "{there}");
}

#[test]
fn what_it_refuses_is_seen_and_tried_again() {
    let room = Room::new();
    let id = room.bd().create("A", &[]);
    room.convoy("up");
    let refuse = |refuse: Option<&str>| {
        let refuse_only = Some("close".to_owned());
        let refuse = refuse.map(str::to_owned);
        room.bd().behave(&convoy_testkit::fake_bd::Manners { refuse, refuse_only, ..Default::default() });
    };
    refuse(Some("not \u{1b}[31mtoday"));
    let follow = room.env.start(["events", "--follow", "--json", "--type", "tracker.refused"]);
    room.convoy(&format!("issue close {id}"));
    assert!(follow.printed("tracker.refused", crate::room::SOON));
    let status = room.convoy("tracker status").stdout;
    assert!(status.contains("today") && !status.contains('\u{1b}'), "{status}");
    let why = room.json(&format!("why {id}"));
    assert!(why["reasons"].as_array().unwrap().iter().any(|r| r["code"] == "tracker_refused"), "{why}");
    assert!(room.env.convoy(["doctor"]).stdout.contains("was not told of"));
    refuse(None);
    room.until(|bd| bd.show(&id)["status"] == "closed");
}
