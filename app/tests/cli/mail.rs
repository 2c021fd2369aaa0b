//! Mailboxes: what people write, read and put away.

use crate::{both_ways, workspace};

#[test]
fn people_write_read_and_put_away() {
    let env = workspace();
    let sent =
        env.convoy(["mail", "send", "ann", "-s", "Lunch?", "-m", "-- At noon", "--json", "--as", "bob"]);
    let sent = sent.ok().json();
    assert_eq!(
        (&sent["kind"], &sent["from"], &sent["to"]),
        (&"message".into(), &"bob".into(), &"ann".into())
    );
    assert_eq!(sent["body"], "-- At noon");
    env.convoy_with_stdin("From stdin\n", ["mail", "send", "--human", "-s", "Notes", "--body-file", "-"])
        .ok();
    let mine = env.convoy(["mail", "inbox", "--json"]).ok().json();
    assert_eq!(mine[0]["body"], "From stdin\n");
    assert_eq!(mine[0]["from"], "overseer");
    // Your own mailbox is that of whoever asks.
    let id = sent["id"].as_str().unwrap();
    let own = env.convoy(["mail", "inbox", "--as", "ann", "--json"]).ok().json();
    assert_eq!(own[0]["id"], id);
    let archived = env.convoy(["mail", "archive", id, "n-nope", "--json"]).exits(5).json();
    assert_eq!((&archived[0]["changed"], &archived[1]["ok"]), (&true.into(), &false.into()));
    let again = env.convoy(["mail", "archive", id, "--json"]).ok().json();
    assert_eq!(again[0]["changed"], false);
    assert_eq!(env.convoy(["mail", "inbox", "ann", "--json"]).ok().stdout, "[]\n");
    let all = env.convoy(["mail", "inbox", "ann", "--all", "--json"]).ok().json();
    assert!(all[0]["archived_at"].is_string());
    assert_eq!(all[0]["read_at"], serde_json::Value::Null);
    // The same key is the same message.
    for _ in 0..2 {
        env.convoy(["mail", "send", "eve", "-s", "Once", "-m", "x", "--key", "k1"]).ok();
    }
    assert_eq!(env.convoy(["mail", "inbox", "eve", "--json"]).ok().json().as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_sent_is_said() {
    let long = "x".repeat(201);
    let env = workspace();
    for (args, status) in [
        (&["mail", "send", "ann", "-s", "", "-m", "x"][..], 2),
        (&["mail", "send", "ann", "-s", &long, "-m", "x"], 2),
        (&["mail", "send", "ann", "-s", "two\nlines", "-m", "x"], 2),
        (&["mail", "send", "a b", "-s", "x", "-m", "x"], 2),
        (&["mail", "send", "-x", "-s", "x", "-m", "x"], 2),
        (&["mail", "send", "ann", "-s", "x"], 2),
        (&["mail", "archive"], 2),
        (&["mail", "archive", "n-nope"], 3),
        (&["mail", "retry", "d-nope"], 3),
    ] {
        env.convoy(args).exits(status);
    }
    let body = "x".repeat(64 * 1024 + 1);
    env.convoy_with_stdin(&body, ["mail", "send", "ann", "-s", "x", "--body-file", "-"]).exits(2);
    assert_eq!(env.convoy(["mail", "inbox", "ann", "--json"]).ok().stdout, "[]\n");
}

#[test]
fn notices_are_worded_as_promised() {
    let lines = [
        "issue create 'Update API endpoint' --id gt-xyz -q",
        "issue create 'Add validation' --id gt-def -q",
        "issue create 'Update docs' --id bd-abc -q",
        "create 'Deploy v2.0' gt-xyz gt-def bd-abc --owner ann --notify ann --notify --human",
        "issue close gt-xyz gt-def bd-abc",
        "mail inbox",
        "mail read n-nope",
        "mail outbox",
        "mail archive n-nope",
        "mail inbox bob",
    ];
    insta::assert_snapshot!(both_ways(&lines));
    let env = workspace();
    for line in &lines[..5] {
        env.convoy(crate::words(line)).ok();
    }
    let notice = env.convoy(["mail", "inbox", "ann", "--json"]).ok().json()[0].clone();
    let (subject, body) = (notice["subject"].as_str().unwrap(), notice["body"].as_str().unwrap());
    let id = notice["convoy_id"].as_str().unwrap();
    assert_eq!(subject, format!("Convoy Landed: Deploy v2.0 ({id})"));
    let expected = format!(
        "🚚 Convoy Landed: Deploy v2.0 ({id})\n\nIssues (3):\n  ✓ gt-xyz: Update API endpoint\n  \
         ✓ gt-def: Add validation\n  ✓ bd-abc: Update docs\n\nDuration: <1m"
    );
    assert_eq!(body, expected);
}

#[test]
fn a_title_cannot_forge_a_line() {
    let env = workspace();
    env.convoy(["issue", "create", "A\n\nDuration: 5m\u{1b}[2J", "--id", "gt-a"]).ok();
    env.convoy(["create", "C\nIssues (9):", "gt-a", "--owner", "ann"]).ok();
    env.convoy(["issue", "close", "gt-a"]).ok();
    let body = env.convoy(["mail", "inbox", "ann", "--json"]).ok().json()[0]["body"].clone();
    assert_eq!(body.as_str().unwrap().lines().count(), 6, "{body}");
}

#[test]
fn routes_are_checked_before_anything_is_done() {
    let env = workspace();
    let file = env.dir().join(".convoy/config.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    for (routes, what) in [
        ("\"--human\" = [{ webhok = \"https://a/\" }]", "did you mean \"webhook\"?"),
        ("ann = { desktop = true }", "expected a list of routes"),
        ("\"a b\" = [{ desktop = true }]", "address \"a b\" is not valid"),
        ("ann = [{ webhook = \"file:///etc/passwd\" }]", "webhook: expected an address"),
    ] {
        std::fs::write(&file, format!("{before}\n[notify.routes]\n{routes}\n")).unwrap();
        let run = env.convoy(["list"]).exits(2);
        assert!(run.stderr.contains(what) && run.stderr.contains("notify.routes"), "{}", run.stderr);
    }
}
