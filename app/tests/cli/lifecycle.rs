//! The life of a convoy beyond its first landing, with the engine down and up.

use crate::{both_ways, workspace};

const THREE: [&str; 3] = [
    "issue create 'Update API endpoint' --id gt-xyz -q",
    "issue create 'Add validation' --id gt-def -q",
    "issue create 'Update docs' --id bd-abc -q",
];

#[test]
fn what_it_tracks_can_change_and_it_can_be_opened_again() {
    let lines = [
        "create 'Deploy v2.0' gt-xyz gt-def --owner ann",
        "remove hq- bd-abc",
        "remove hq- bd-abc gt-nope",
        "issue close gt-xyz",
        "remove hq- gt-def",
        "remove hq- gt-xyz",
        "reopen hq-",
        "reopen hq-",
        "check",
        "why hq-",
        "stranded",
        "status hq-",
        "add hq- bd-abc",
        "list --tree",
        "cancel hq-",
        "cancel hq-",
        "stop hq-",
        "reopen hq-",
        "issue close bd-abc",
        "mail inbox ann",
        "status hq-",
    ];
    insta::assert_snapshot!(both_ways(&[&THREE[..], &lines].concat()));
}

#[test]
fn an_owned_convoy_is_landed_by_its_owner() {
    let lines = [
        "create 'Mine' gt-xyz --owned --owner ann --epic payments",
        "land hq-",
        "issue close gt-xyz",
        "check",
        "check hq-",
        "why hq-",
        "status hq-",
        "land hq- --as ann",
        "land hq- --as ann",
        "create 'Not mine' gt-def",
        "list --epic payments --all",
        "list --epic other",
        "create 'Bad' gt-def --epic ../up",
    ];
    insta::assert_snapshot!(both_ways(&[&THREE[..], &lines].concat()));
}

#[test]
fn whoever_watches_is_told_once() {
    let lines = [
        "create 'Deploy v2.0' gt-xyz --notify bob --notify --human",
        "watch hq-",
        "watch hq- --addr eve",
        "watch hq- --addr eve",
        "watch hq- --addr --human",
        "watch hq- --addr -x",
        "unwatch hq- --addr bob",
        "unwatch hq- --addr bob",
        "status hq-",
        "issue close gt-xyz",
        "mail inbox",
        "mail inbox eve",
        "mail inbox bob",
    ];
    insta::assert_snapshot!(both_ways(&[&THREE[..], &lines].concat()));
}

#[test]
fn an_epic_gives_a_convoy_its_parts() {
    let lines = [
        "issue create Payments --id gt-epic --type epic -q",
        "issue create Lesser --id gt-less --type epic --parent gt-epic -q",
        "issue create One --id gt-one --parent gt-epic -q",
        "issue create Two --id gt-two --parent gt-less -q",
        "create --from-epic gt-epic",
        "create 'Named' --from-epic gt-less",
        "create --from-epic gt-one",
        "create",
    ];
    insta::assert_snapshot!(both_ways(&lines));
}

#[test]
fn what_is_overdue_is_said_everywhere() {
    let env = workspace();
    for line in THREE {
        env.convoy(crate::words(line)).ok();
    }
    let late = env.convoy(["create", "Late", "gt-xyz", "--due", "2025-12-31", "-q"]).ok().stdout;
    env.convoy(["create", "Soon", "gt-def", "--due", "3d", "-q"]).ok();
    env.convoy(["create", "Now", "bd-abc", "--due", "2025-12-31T10:00:00+01:00"]).ok();
    let late = late.trim();
    let ids = |args: &[&str]| -> Vec<String> {
        let found = env.convoy(args).ok().json();
        let id = |convoy: &serde_json::Value| {
            convoy["id"].as_str().or(convoy["convoy_id"].as_str()).unwrap().to_owned()
        };
        found.as_array().unwrap().iter().map(id).collect()
    };
    assert_eq!(ids(&["list", "--overdue", "--json"]).len(), 2);
    assert_eq!(ids(&["stranded", "--overdue", "--json"]).len(), 2);
    assert_eq!(ids(&["stranded", "--json"]).len(), 3, "nobody works on any of them");
    assert_eq!(env.convoy(["status", late, "--json"]).ok().json()["overdue"], true);
    assert!(env.convoy(["list"]).ok().stdout.contains("Late ● overdue"));
    assert!(env.convoy(["status", late]).ok().stdout.contains("(overdue)"));
    env.convoy(["issue", "close", "gt-xyz"]).ok();
    assert_eq!(env.convoy(["status", late, "--json"]).ok().json()["overdue"], false, "it has landed");
    for bad in ["yesterday", "2025-13-01", "-3d", "12"] {
        let run = env.convoy(["create", "Bad", "gt-def", &format!("--due={bad}")]).exits(2);
        assert!(run.stderr.contains("2026-01-15"), "{}", run.shown());
    }
}

#[test]
fn status_is_watched_until_it_lands() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    env.convoy(["issue", "create", "u", "--id", "gt-2"]).ok();
    let id = env.convoy(["create", "c", "gt-1", "gt-2", "-q"]).ok().stdout.trim().to_owned();
    env.convoy(["up"]).ok();
    let watch = env.start(["status", &id, "--watch", "--json"]);
    let patience = std::time::Duration::from_secs(30);
    let lines = |text: &str| text.lines().count();
    assert!(watch.until(patience, |text| lines(text) == 1));
    // What changes nothing of it is not worth a look each.
    #[expect(clippy::disallowed_methods, reason = "how many looks there may be is told by how long it took")]
    let begun = std::time::Instant::now();
    for _ in 0..12 {
        env.convoy(["mail", "send", "ann", "-s", "Lunch?", "-m", "at noon"]).ok();
    }
    env.convoy(["issue", "close", "gt-1"]).ok();
    assert!(watch.until(patience, |text| text.contains("\"completed\":1")));
    env.convoy(["issue", "close", "gt-2"]).ok();
    let run = watch.wait(patience).ok();
    // One look at first, one for each that was closed and for the landing, and at most one a second for all else.
    let most = 4 + begun.elapsed().as_secs();
    assert!(run.stdout.lines().count() as u64 <= most, "{} lines, not {most}", run.stdout.lines().count());
    let seen: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seen.first().unwrap()["completed"], 0);
    assert_eq!(seen.last().unwrap()["status"], "landed");
    env.convoy(["down"]).ok();
}
