//! Who works when: dependencies, priority and age, limits, and many at once.

use std::collections::BTreeSet;

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, SOON, commit, outside, text};

/// The issues in the order in which agents have begun on them.
fn begun(room: &Room) -> Vec<String> {
    let starts = room.env.wait_witness("start", 0);
    starts.iter().map(|entry| text(entry, "/issue").to_owned()).collect()
}

#[test]
fn what_is_needed_is_merged_before_what_needs_it_begins() {
    let env = outside();
    // Each copies what came before, so that a late or missing predecessor fails the agent.
    let script = Script::default()
        .issue("gt-a", commit("a", "a\n"))
        .issue(
            "gt-b",
            [&[Step::Run(vec!["cp".into(), "a".into(), "b".into()])][..], &commit("x", "x\n")].concat(),
        )
        .issue(
            "gt-c",
            [&[Step::Run(vec!["cp".into(), "b".into(), "c".into()])][..], &commit("y", "y\n")].concat(),
        );
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a gt-b:gt-a gt-c:gt-b", "");
    room.lands(&convoy);
    assert_eq!(begun(&room), ["gt-a", "gt-b", "gt-c"]);
    let repo = room.repo();
    assert_eq!(repo.read("c"), "a\n");
    let merges: Vec<String> =
        repo.subjects("main").into_iter().filter(|line| line.starts_with("Merge ")).collect();
    assert_eq!(merges, ["Merge gt-c: Do gt-c", "Merge gt-b: Do gt-b", "Merge gt-a: Do gt-a"]);
    let closed = room.issue("gt-b");
    assert_eq!(closed["close_reason"], "merged");
    assert_eq!(closed["evidence"]["diff"]["files"], 2, "{closed:#}");
    let worker = room.worker("gt-b");
    assert_eq!((text(&worker, "/state"), &worker["attempt"]), ("done", &1.into()), "{worker:#}");
}

#[test]
fn priority_comes_before_age_and_one_at_a_time_is_one() {
    let room = Room::new(&Script::works());
    room.convoy("issue create Old --id gt-old --priority 3");
    room.convoy("issue create Young --id gt-young --priority 3");
    room.convoy("issue create Urgent --id gt-urgent --priority 0");
    room.convoy("issue create Middle --id gt-middle --priority 1");
    let convoy = room.launch("gt-old gt-young gt-urgent gt-middle --max-parallel 1");
    let view = room.lands(&convoy);
    assert_eq!(view["completed"], 4);
    assert_eq!(begun(&room), ["gt-urgent", "gt-middle", "gt-old", "gt-young"]);
    let order: Vec<String> = room
        .env
        .witness()
        .iter()
        .map(|entry| text(entry, "/event").to_owned())
        .filter(|e| e != "ran")
        .collect();
    assert_eq!(order, ["start", "end"].repeat(4), "never two at once");
}

#[test]
fn three_work_at_once_and_the_fourth_waits_for_room() {
    let env = outside();
    let gates = ["gt-a", "gt-b", "gt-c", "gt-d"];
    let script = gates.iter().fold(Script::default(), |script, id| {
        script.issue(id, [&[Room::hold(&env, id)][..], &commit(id, "x\n")].concat())
    });
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a gt-b gt-c gt-d", "--max-parallel 3");
    let waiting = room.env.wait_witness("waiting", 3);
    let pids: BTreeSet<i64> = waiting.iter().filter_map(|entry| entry["pid"].as_i64()).collect();
    let alive: BTreeSet<i64> = room.env.processes().iter().map(|p| i64::from(p.pid)).collect();
    assert!(pids.len() == 3 && pids.is_subset(&alive), "{pids:?} {alive:?}");
    let idle: Vec<&str> = gates.into_iter().filter(|id| !waiting.iter().any(|w| w["issue"] == *id)).collect();
    assert_eq!(idle, ["gt-d"]);
    let why = room.json("why gt-d");
    assert_eq!(why["reasons"][0]["code"], "at_capacity", "{why:#}");
    room.open("gt-b");
    room.env.wait_witness("waiting", 4);
    gates.iter().for_each(|id| room.open(id));
    room.lands(&convoy);
}

#[test]
fn twenty_at_once() {
    let env = outside();
    let script = Script::always([&[Room::hold(&env, "go")][..], &commit("$CONVOY_ISSUE", "x\n")].concat());
    let room = Room::around(env, "[defaults]\nagent = \"fake\"\nmax_parallel = 20\n", &script);
    let ids: Vec<String> = (0..20).map(|n| format!("gt-n{n}")).collect();
    // Twenty people at once, with nobody yet who could serve them.
    let made: Vec<_> =
        ids.iter().map(|id| room.env.start(["issue", "create", "One of many", "--id", id])).collect();
    made.into_iter().for_each(|run| drop(run.wait(SOON).ok()));
    let convoy = room.launch(&ids.join(" "));
    let waiting = room.env.wait_witness("waiting", 20);
    let issues: BTreeSet<&str> = waiting.iter().map(|entry| text(entry, "/issue")).collect();
    assert_eq!(issues.len(), 20);
    room.open("go");
    let view = room.lands(&convoy);
    assert_eq!((&view["completed"], &view["total"]), (&20.into(), &20.into()));
    assert_eq!(room.env.wait_witness("start", 20).len(), 20, "nobody began twice");
    let repo = room.repo();
    ids.iter().for_each(|id| assert_eq!(repo.read(id), "x\n"));
    assert_eq!(repo.git(["status", "--porcelain", "--untracked-files=no"]), "");
}
