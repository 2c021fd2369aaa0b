//! Closes that somebody else makes in beads land convoys, and what cannot be read does not.

use crate::room::Room;

/// A convoy of one issue of each rig, of which ours is closed.
fn half_done(room: &Room) -> (String, String) {
    let theirs = room.bd().create("Theirs", &[]);
    room.convoy("issue create Ours --id gt-a");
    let convoy = room.create(&["gt-a", &theirs]);
    room.convoy("issue close gt-a");
    (convoy, theirs)
}

#[test]
fn a_close_in_another_process_lands_it_while_the_engine_is_up() {
    let room = Room::new();
    room.convoy("up");
    let (convoy, theirs) = half_done(&room);
    assert_eq!(room.json(&format!("status {convoy}"))["completed"], 1);
    room.bd().run(["close", &theirs, "--reason", "Merged in 0123abc"]).ok();
    assert_eq!(room.landed_by(&convoy), "tracker");
    let issue = room.issue(&theirs);
    assert_eq!(issue["close_reason"], "merged");
    assert_eq!(issue["close_note"], "Merged in 0123abc");
    assert_eq!(issue["rig"], "tools");
}

#[test]
fn a_check_lands_it_while_no_engine_is_up() {
    let room = Room::new();
    let (convoy, theirs) = half_done(&room);
    assert_eq!(room.json("check").as_array().unwrap().len(), 0);
    room.bd().run(["close", &theirs]).ok();
    let landed = room.json("check");
    assert_eq!((&landed[0]["id"], &landed[0]["changed"]), (&convoy.clone().into(), &true.into()));
    assert_eq!(room.landed_by(&convoy), "tracker");
    assert_eq!(room.json("check").as_array().unwrap().len(), 0, "once");
}

#[test]
fn the_next_engine_lands_it() {
    let room = Room::new();
    room.convoy("up");
    let (convoy, theirs) = half_done(&room);
    room.convoy("down");
    room.bd().run(["close", &theirs]).ok();
    room.convoy("up");
    assert_eq!(room.landed_by(&convoy), "tracker");
}

#[test]
fn what_cannot_be_read_is_unknown_and_holds_the_landing() {
    let room = Room::new();
    let theirs = room.bd().create("Theirs", &[]);
    room.bd().run(["close", &theirs]).ok();
    room.convoy("issue create Ours --id gt-a");
    let convoy = room.create(&["gt-a", &theirs]);
    room.hide(true);
    room.convoy("issue close gt-a");
    assert_eq!(room.json("check").as_array().unwrap().len(), 0);
    let status = room.json(&format!("status {convoy}"));
    assert_eq!((&status["status"], &status["completed"]), (&"open".into(), &1.into()));
    assert_eq!(status["tracked"][1]["status"], "unknown");
    assert!(room.convoy(&format!("status {convoy}")).stdout.contains(&format!("? {theirs}: Theirs")));
    let why = room.json(&format!("why {convoy}"));
    assert_eq!(why["reasons"][0]["code"], "unknown", "{why}");
    let tracker = &room.json("tracker status")[0];
    assert_eq!((&tracker["readable"], &tracker["issues"]), (&false.into(), &1.into()));
    assert!(room.env.convoy(["doctor"]).stdout.contains("there is no folder"));
    room.hide(false);
    assert_eq!(room.json("check")[0]["id"], convoy);
    assert_eq!(room.landed_by(&convoy), "tracker");
}

#[test]
fn an_engine_that_is_up_finds_it_again() {
    let room = Room::new();
    let (convoy, theirs) = half_done(&room);
    room.convoy("up");
    room.hide(true);
    room.convoy("tracker notify");
    assert_eq!(room.issue(&theirs)["status"], "unknown");
    room.hide(false);
    room.bd().run(["close", &theirs]).ok();
    // By itself: it looks again after a pause.
    assert_eq!(room.landed_by(&convoy), "tracker");
}

#[test]
fn an_issue_that_was_deleted_is_not_dropped() {
    let room = Room::new();
    let (convoy, theirs) = half_done(&room);
    room.bd().run(["delete", &theirs]).ok();
    room.convoy("check");
    let status = room.json(&format!("status {convoy}"));
    assert_eq!((&status["status"], &status["total"]), (&"open".into(), &2.into()));
    assert_eq!(status["tracked"][1]["status"], "unknown");
    room.convoy(&format!("remove {convoy} {theirs}"));
    assert_eq!(room.json(&format!("status {convoy}"))["status"], "landed");
}

#[test]
fn one_that_writes_when_it_is_read_is_not_read_for_ever() {
    let room = Room::new();
    let (convoy, theirs) = half_done(&room);
    let manners = convoy_testkit::fake_bd::Manners { noisy: true, ..Default::default() };
    room.bd().behave(&manners);
    room.convoy("up");
    room.bd().run(["close", &theirs]).ok();
    assert_eq!(room.landed_by(&convoy), "tracker");
    // Its last echo comes within seconds; from then on each call is answered by one reading and its echoes.
    let lists = || room.bd().calls().iter().filter(|call| call.starts_with("list")).count();
    for _ in 0..20 {
        room.convoy("tracker notify");
    }
    assert!(lists() < 60, "{}", lists());
}

#[test]
fn another_configuration_is_taken_up_while_the_engine_is_up() {
    let room = Room::new();
    room.convoy("up");
    let (convoy, theirs) = half_done(&room);
    let command = |program: &str| {
        room.env.convoy(["config", "set", "rigs.tools.tracker_command", &format!("[\"{program}\"]")]).ok();
    };
    command("no-such-bd");
    assert_eq!(room.issue(&theirs)["status"], "unknown");
    assert!(room.convoy("tracker status").stdout.contains("no program"));
    command("bd");
    assert_eq!(room.issue(&theirs)["status"], "open");
    room.bd().run(["close", &theirs]).ok();
    assert_eq!(room.landed_by(&convoy), "tracker");
}

/// The configuration in which only these observers are switched on. The patrol comes by every second.
fn only(on: &[&str]) -> String {
    let switches = ["close", "merger", "witness", "tracker", "patrol"]
        .map(|name| format!("{name} = {}\n", on.contains(&name)));
    format!("[observers]\npatrol_interval = \"1s\"\n{}", switches.concat())
}

/// Who lands a convoy whose last issue somebody closes in beads.
fn by_a_close_elsewhere(on: &[&str]) -> String {
    let room = Room::new();
    room.configure(&only(on));
    room.convoy("up");
    let (convoy, theirs) = half_done(&room);
    room.bd().run(["close", &theirs]).ok();
    room.landed_by(&convoy)
}

#[test]
fn each_that_can_see_a_close_elsewhere_lands_it_alone() {
    assert_eq!(by_a_close_elsewhere(&["tracker"]), "tracker");
    assert_eq!(by_a_close_elsewhere(&["patrol"]), "patrol");
}

#[test]
fn with_the_watch_off_the_patrol_reads_and_the_close_lands() {
    let by = by_a_close_elsewhere(&["close", "merger", "witness", "patrol"]);
    assert!(by == "close" || by == "patrol", "{by}");
}
