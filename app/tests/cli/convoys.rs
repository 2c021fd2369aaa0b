//! Convoys, with the engine down and up.

use crate::{both_ways, workspace};

const THREE: [&str; 3] = [
    "issue create 'Update API endpoint' --id gt-xyz -q",
    "issue create 'Add validation' --id gt-def -q",
    "issue create 'Update docs' --id bd-abc --needs gt-def -q",
];

#[test]
fn a_convoy_lands_with_its_last_issue() {
    let lines = [
        "list",
        "status",
        "create 'Deploy v2.0' gt-xyz gt-def --notify --human --notify mayor/ --as gastown/nux",
        "create 'Nothing' gt-nope gt-neither",
        "create 'Nothing'",
        "list",
        "status hq-",
        "add hq- bd-abc gt-xyz",
        "stranded",
        "why hq-",
        "check",
        "check hq-",
        "issue close gt-xyz gt-def",
        "status",
        "issue close bd-abc",
        "issue close bd-abc",
        "list",
        "list --all",
        "list --status closed",
        "list --status abandoned",
        "status hq-",
        "wait hq-",
        "close hq-",
        "check hq-",
        "mail inbox",
        "mail inbox mayor/",
        "mail inbox gastown/nux",
        "create 'Of closed ones' gt-xyz",
    ];
    insta::assert_snapshot!(both_ways(&[&THREE[..], &lines].concat()));
}

#[test]
fn closing_early_abandons_and_adding_opens_again() {
    let lines = [
        "create 'Too much' gt-xyz gt-def",
        "close hq- --reason 'superseded' --notify mayor/ --force",
        "close hq- --reason 'again'",
        "wait hq-",
        "status hq-",
        "issue dep add hq- bd-abc --type tracks",
        "add hq- bd-abc",
        "issue dep add bd-abc gt-xyz --type tracks",
        "list",
    ];
    insta::assert_snapshot!(both_ways(&[&THREE[..], &lines].concat()));
}

#[test]
fn mail_is_read_once() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    env.convoy(["create", "c", "gt-1"]).ok();
    env.convoy(["issue", "close", "gt-1"]).ok();
    let inbox = env.convoy(["mail", "inbox", "--unread", "--json"]).ok().json();
    let id = inbox[0]["id"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(env.convoy(["mail", "read", &id]).ok().shown());
    assert!(!env.convoy(["mail", "read", &id, "--json"]).ok().json()["read_at"].is_null());
    assert_eq!(env.convoy(["mail", "inbox", "--unread", "--json"]).ok().stdout, "[]\n");
}

#[test]
fn the_first_lines_of_status_have_their_fixed_form() {
    let env = workspace();
    for (id, title) in [("gt-xyz", "Update API endpoint"), ("gt-jkl", "Deploy to prod")] {
        env.convoy(["issue", "create", title, "--id", id]).ok();
    }
    let id = env.convoy(["create", "Deploy v2.0", "gt-xyz", "gt-jkl", "-q"]).ok().stdout.trim().to_owned();
    env.convoy(["issue", "close", "gt-xyz"]).ok();
    let created =
        env.convoy(["status", &id, "--json"]).ok().json()["created_at"].as_str().unwrap().to_owned();
    let expected = format!(
        "🚚 {id}: Deploy v2.0\n\n  Status:    ●\n  Progress:  1/2 completed\n  Created:   {}+00:00\n\n  \
         Tracked Issues:\n    ✓ gt-xyz: Update API endpoint [task]\n    ○ gt-jkl: Deploy to prod [task]\n\n",
        &created[..19]
    );
    let status = env.convoy(["status", &id]).ok().stdout;
    assert!(status.starts_with(&expected), "{status}\n{expected}");
    let list = env.convoy(["list"]).ok().stdout;
    assert_eq!(
        list,
        format!("Convoys\n\n  🚚 {id}: Deploy v2.0 ●\n\nUse 'convoy status <id>' for detailed view.\n")
    );
}
