//! Each observer alone, with all others switched off, each pair off, and many closes at once.

use std::time::Duration;

use convoy_testkit::fake_agent::Script;

use crate::room::{Room, commit, shell, text};

const PATIENCE: Duration = Duration::from_secs(60);

/// The configuration in which only these observers are switched on. The patrol comes by every second.
fn only(on: &[&str]) -> String {
    let switches = ["close", "merger", "witness", "tracker", "patrol"]
        .map(|name| format!("{name} = {}\n", on.contains(&name)));
    format!("[observers]\npatrol_interval = \"1s\"\n{}", switches.concat())
}

fn worker() -> Script {
    Script::always(commit("work", "done\n"))
}

/// Has an agent do one issue. The convoy's JSON after it landed.
#[track_caller]
fn by_an_agent(on: &[&str]) -> serde_json::Value {
    let room = Room::with(&only(on), &worker());
    let convoy = room.launch_new("gt-a", "--notify ann --notify bob");
    room.until("convoy.landed", &convoy);
    let landed = room.json(&format!("status {convoy}"));
    told_once(&room, &["overseer", "ann", "bob"]);
    landed
}

#[track_caller]
fn told_once(room: &Room, addresses: &[&str]) {
    assert_eq!(room.events("convoy.landed").len(), 1);
    for address in addresses {
        assert_eq!(room.json(&format!("mail inbox {address}")).as_array().unwrap().len(), 1, "{address}");
    }
}

#[test]
fn the_close_alone_lands_it() {
    assert_eq!(text(&by_an_agent(&["close"]), "/landed_by"), "close");
    let room = Room::with(&only(&["close"]), &worker());
    room.issues("gt-a");
    let id = room.convoy("create c gt-a -q").stdout.trim().to_owned();
    room.convoy("issue close gt-a");
    assert_eq!(text(&room.json(&format!("status {id}")), "/landed_by"), "close");
}

#[test]
fn the_merger_alone_lands_it() {
    assert_eq!(text(&by_an_agent(&["merger"]), "/landed_by"), "merger");
}

#[test]
fn the_witness_alone_lands_it() {
    // After a merge, by the worker's end; and after a person closed the issue under its agent.
    assert_eq!(text(&by_an_agent(&["witness"]), "/landed_by"), "witness");
    let env = crate::room::outside();
    let script = Script::always([shell("true"), Room::hold(&env, "never")]);
    let room = Room::around(env, &only(&["witness"]), &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    room.convoy("issue close gt-a");
    room.until("convoy.landed", &convoy);
    assert_eq!(text(&room.json(&format!("status {convoy}")), "/landed_by"), "witness");
    told_once(&room, &["overseer"]);
}

#[test]
fn the_patrol_alone_lands_it() {
    assert_eq!(text(&by_an_agent(&["patrol"]), "/landed_by"), "patrol");
    // What was closed while no engine ran is found when one starts.
    let room = Room::with(&only(&["patrol"]), &worker());
    room.issues("gt-a");
    let id = room.convoy("create c gt-a -q").stdout.trim().to_owned();
    room.convoy("issue close gt-a");
    assert_eq!(text(&room.json(&format!("status {id}")), "/status"), "open");
    room.convoy("up");
    room.until("convoy.landed", &id);
    assert_eq!(text(&room.json(&format!("status {id}")), "/landed_by"), "patrol");
}

#[test]
fn a_person_alone_lands_it() {
    let room = Room::with(&only(&[]), &worker());
    room.issues("gt-a");
    let id = room.convoy("create c gt-a --notify ann -q").stdout.trim().to_owned();
    room.convoy("issue close gt-a");
    assert_eq!(room.json("stranded")[0]["category"], "complete");
    room.convoy("check");
    room.convoy("check");
    assert_eq!(text(&room.json(&format!("status {id}")), "/landed_by"), "person");
    told_once(&room, &["overseer", "ann"]);
}

#[test]
fn with_any_two_switched_off_it_still_lands_once() {
    let all = ["close", "merger", "witness", "patrol"];
    for (n, first) in all.iter().enumerate() {
        for second in &all[n + 1..] {
            let on: Vec<&str> = all.into_iter().filter(|name| name != first && name != second).collect();
            let by = by_an_agent(&on);
            assert!(on.contains(&text(&by, "/landed_by")), "{on:?}: {by:#}");
        }
    }
}

/// A hundred processes close the same two issues, and some close the convoy by a check.
#[track_caller]
fn a_hundred_closes(room: &Room) {
    room.issues("gt-a gt-b");
    let id = room.convoy("create c gt-a gt-b --notify ann --notify bob -q").stdout.trim().to_owned();
    let closes: Vec<_> = (0..100)
        .map(|n| match n % 10 {
            0 => room.env.start(["check", &id]),
            n if n % 2 == 0 => room.env.start(["issue", "close", "gt-a", "gt-b"]),
            _ => room.env.start(["issue", "close", "gt-b", "gt-a"]),
        })
        .collect();
    for close in closes {
        close.wait(PATIENCE).ok();
    }
    assert_eq!(room.events("issue.closed").len(), 2);
    told_once(room, &["overseer", "ann", "bob"]);
    assert_eq!(room.json(&format!("status {id}"))["landing_epoch"], 1);
}

#[test]
fn a_hundred_closes_at_once_are_one_landing() {
    let up = Room::new(&worker());
    up.convoy("up");
    a_hundred_closes(&up);
    up.convoy("down");
    a_hundred_closes(&Room::new(&worker()));
}
