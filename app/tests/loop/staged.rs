//! Convoys that are staged and launched, and workers that people name.

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, commit, outside, shell, text};

/// Each copies what the one before has written, so that one that begins too early fails.
fn relay() -> Script {
    let copy = |from: &str, to: &str| Step::Run(vec!["cp".into(), from.into(), to.into()]);
    Script::default()
        .issue("gt-a", commit("a", "a\n"))
        .issue("gt-b", [&[copy("a", "b")][..], &commit("x", "x\n")].concat())
        .issue("gt-c", [&[copy("b", "c")][..], &commit("y", "y\n")].concat())
        .issue("gt-d", commit("d", "d\n"))
}

#[test]
fn an_epic_is_staged_launched_and_lands() {
    let room = Room::new(&relay());
    room.convoy("issue create Epic --id gt-e --type epic");
    room.issues("gt-a gt-b:gt-a gt-c:gt-b");
    for id in ["gt-a", "gt-b", "gt-c"] {
        room.convoy(&format!("issue dep add {id} gt-e --type parent-child"));
    }
    let staged = room.json("stage gt-e --notify mayor/");
    let convoy = text(&staged, "/convoy_id").to_owned();
    assert_eq!((text(&staged, "/status"), staged["waves"].as_array().unwrap().len()), ("staged_ready", 3));
    // Nothing begins before it is launched, also while an engine runs.
    room.convoy("up");
    assert_eq!(room.json("work list --all").as_array().unwrap().len(), 0);
    let launched = room.json(&format!("launch {convoy}"));
    assert_eq!((text(&launched, "/status"), text(&launched, "/convoy_id")), ("open", convoy.as_str()));
    let again = room.convoy(&format!("launch {convoy}"));
    assert!(again.stdout.contains("already launched"), "{}", again.shown());
    let landed = room.lands(&convoy);
    assert_eq!((text(&landed, "/status"), &landed["completed"]), ("landed", &3.into()));
    assert_eq!(room.repo().read("c"), "a\n", "each began after what it needs was merged");
    assert_eq!(room.json("mail inbox mayor/").as_array().unwrap().len(), 1);
    let closed = room.env.convoy(["launch", &convoy]).exits(1);
    assert!(closed.stderr.contains("is landed"), "{}", closed.shown());
}

#[test]
fn what_was_closed_after_staging_is_not_worked_on_and_stage_launches_in_one_step() {
    let room = Room::new(&relay());
    room.issues("gt-a gt-b:gt-a gt-d");
    let staged = room.json("stage gt-a gt-d");
    room.convoy("issue close gt-a");
    let convoy = text(&staged, "/convoy_id").to_owned();
    room.convoy(&format!("launch {convoy}"));
    room.lands(&convoy);
    let starts = room.env.wait_witness("start", 1);
    let begun: Vec<&str> = starts.iter().map(|entry| text(entry, "/issue")).collect();
    assert_eq!(begun, ["gt-d"]);
    room.repo().write("a", "by hand\n");
    room.repo().commit("By hand");
    let launched = room.json("stage gt-b --title Last --launch");
    assert_eq!((text(&launched, "/status"), text(&launched, "/title")), ("open", "Last"));
    room.lands(text(&launched, "/convoy_id"));
    assert_eq!(room.repo().read("b"), "by hand\n");
    let batches = room.events("convoy.launched");
    assert_eq!(batches.len(), 2);
}

#[test]
fn a_worker_is_called_what_a_person_called_it() {
    let env = outside();
    let work = "echo done > $CONVOY_ISSUE; git add -A; git commit -qm Work";
    let script = Script::always([Room::hold(&env, "go"), shell(work)]);
    let room = Room::around(env, "", &script);
    room.issues("gt-a gt-b");
    let slung = room.convoy("sling gt-a home/amber");
    assert!(slung.stdout.contains("assigned to home/amber"), "{}", slung.shown());
    room.env.wait_witness("waiting", 1);
    let status = room.convoy("status").stdout;
    assert!(status.contains("▶ gt-a: Do gt-a [task]  @home/amber"), "{status}");
    assert_eq!(text(&room.issue("gt-a"), "/assignee"), "home/amber");
    for name in ["amber", "home/amber", "@home/amber", "gt-a"] {
        assert_eq!(text(&room.worker(name), "/name"), "home/amber", "{name}");
    }
    let taken = room.env.convoy(["sling", "gt-b", "home/amber"]).exits(4);
    assert!(taken.stderr.contains("home/amber is at work on gt-a"), "{}", taken.shown());
    let again = room.convoy("sling gt-a home/amber");
    assert!(again.stdout.contains("already being worked on by home/amber"), "{}", again.shown());
    room.open("go");
    room.lands(text(&room.json("list")[0], "/id"));
    room.convoy("sling gt-b home/amber");
    room.lands(text(&room.json("list")[0], "/id"));
}

#[test]
fn of_several_those_that_can_be_are_slung_together() {
    let room = Room::new(&relay());
    room.issues("gt-a gt-b:gt-a gt-c gt-d");
    room.convoy("issue close gt-c");
    let before = room.json("sling gt-a gt-b gt-d --dry-run");
    assert_eq!(before.as_array().unwrap().len(), 3);
    assert_eq!(room.json("list --all").as_array().unwrap().len(), 0, "a dry run makes nothing");
    let partial = room.env.convoy(["sling", "gt-a", "gt-c", "gt-b", "gt-d", "--json"]).exits(5).json();
    let refused = partial.as_array().unwrap().iter().filter(|item| item["ok"] == false);
    assert_eq!(refused.map(|item| text(item, "/id")).collect::<Vec<_>>(), ["gt-c"]);
    let convoys = room.json("list --all");
    assert_eq!(convoys.as_array().unwrap().len(), 1, "one convoy for all");
    room.lands(text(&convoys[0], "/id"));
    assert_eq!(room.repo().read("b"), "a\n");
}
