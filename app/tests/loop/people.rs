//! What people do while agents work: stop, release, retry, close.

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, commit, outside, save_prompt, shell, text};

/// An agent that leaves an edit uncommitted and then holds; the second one works.
fn held(env: &convoy_testkit::env::TestEnv) -> Script {
    Script::default()
        .attempt(1, [shell("echo half > half"), Room::hold(env, "never")])
        .attempt(2, [&[save_prompt(env, "prompt")][..], &commit("rest", "rest\n")].concat())
}

fn held_room() -> (Room, String) {
    let env = outside();
    let script = held(&env);
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    (room, convoy)
}

/// The agents that are alive.
fn agents(room: &Room) -> Vec<String> {
    let all = room.env.processes().into_iter().map(|process| process.command);
    all.filter(|command| command.contains("fake-agent --script")).collect()
}

#[test]
fn a_stop_is_a_stop_until_a_person_says_otherwise() {
    let (room, convoy) = held_room();
    room.convoy("work stop gt-a --as mayor/");
    room.until("worker.stopped", "mayor/");
    assert_eq!(agents(&room), Vec::<String>::new());
    let worker = room.worker("gt-a");
    assert_eq!((text(&worker, "/state"), text(&worker, "/sessions/0/outcome")), ("stopped", "partial"));
    assert_eq!(worker["failures"], 0, "no attempt is charged");
    // Another look, another engine, another command: nothing resurrects it.
    room.convoy("down");
    room.convoy("up");
    let said = room.stalls(&convoy);
    assert!(said.contains("mayor/ stopped it"), "{said}");
    let again = room.convoy("work stop gt-a");
    assert!(again.stdout.contains("already stopped"), "{}", again.shown());
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
    assert_eq!(room.json("why gt-a")["reasons"][0]["code"], "stopped");
    // Its edits are on its branch, and the next one goes on from them.
    let branch = text(&worker, "/branch").to_owned();
    assert_eq!(room.repo().git(["show", &format!("{branch}:half")]), "half");
    room.convoy("work retry gt-a");
    room.lands(&convoy);
    assert!(room.saved("prompt").contains("it was stopped"));
    assert_eq!(room.repo().read("half"), "half\n");
}

#[test]
fn a_released_issue_is_taken_up_by_another() {
    let (room, convoy) = held_room();
    let first = text(&room.worker("gt-a"), "/id").to_owned();
    room.convoy("work release gt-a");
    room.lands(&convoy);
    assert_ne!(text(&room.worker("gt-a"), "/id"), first);
    assert_eq!(room.events("worker.released").len(), 1);
    assert_eq!(text(&room.events("worker.assigned")[1], "/data/worker/takes_over"), first);
    assert_eq!(room.repo().read("half"), "half\n", "its work was gone on with");
}

#[test]
fn an_issue_that_a_person_closes_takes_its_agent_along() {
    let (room, convoy) = held_room();
    room.convoy("issue close gt-a --reason dropped");
    room.lands(&convoy);
    room.until("worker.released", "w-");
    assert_eq!(agents(&room), Vec::<String>::new());
    let issue = room.issue("gt-a");
    assert_eq!((text(&issue, "/status"), text(&issue, "/close_reason")), ("closed", "dropped"));
    let branch = text(&room.worker("gt-a"), "/branch").to_owned();
    assert_eq!(room.repo().git(["show", &format!("{branch}:half")]), "half", "its work is kept");
    assert_eq!(room.repo().subjects("main"), ["Begin"], "and not merged");
}

#[test]
fn a_convoy_that_is_closed_stops_its_agents_and_keeps_their_work() {
    let env = outside();
    let script = Script::always([shell("echo half > $CONVOY_ISSUE"), Room::hold(&env, "never")]);
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a gt-b gt-c:gt-a", "--owner mayor/");
    room.env.wait_witness("waiting", 2);
    room.env.convoy(["close", &convoy, "--reason", "the plan changed"]).ok();
    let closed = room.json(&format!("status {convoy}"));
    assert_eq!((text(&closed, "/status"), text(&closed, "/close_reason")), ("abandoned", "the plan changed"));
    let follow = room.follow("worker.released");
    for issue in ["gt-a", "gt-b"] {
        assert!(follow.printed(text(&room.worker(issue), "/id"), crate::room::SOON), "{}", room.story());
    }
    assert_eq!(agents(&room), Vec::<String>::new());
    for issue in ["gt-a", "gt-b"] {
        let branch = text(&room.worker(issue), "/branch").to_owned();
        assert_eq!(room.repo().git(["show", &format!("{branch}:{issue}")]), "half");
        assert_eq!(text(&room.issue(issue), "/status"), "open");
    }
    let mail = room.json("mail inbox mayor/");
    assert_eq!(mail.as_array().unwrap().len(), 1);
    assert!(text(&mail[0], "/body").contains("the plan changed"), "{mail:#}");
    assert_eq!(room.env.wait_witness("start", 2).len(), 2, "what waited never began");
    let waited = room.env.convoy(["wait", &convoy]).exits(1);
    assert!(waited.stdout.contains("abandoned"), "{}", waited.shown());
}

#[test]
fn whoever_takes_over_a_failed_issue_is_told_what_was_tried() {
    let env = outside();
    let idea = "echo idea > idea; git add -A; git commit -qm Idea --allow-empty";
    let fails = [shell(idea), Step::Complain("wrong idea".into()), Step::Exit(4)];
    let works = [&[save_prompt(&env, "prompt")][..], &commit("fix", "fix\n")].concat();
    let script = Script::default().attempt(1, fails.clone()).attempt(2, fails).attempt(3, works);
    let room = Room::around(env, "", &script);
    room.convoy("config set retry.max_attempts 2");
    let convoy = room.launch_new("gt-a", "");
    room.stalls(&convoy);
    let failed = room.worker("gt-a");
    assert_eq!(text(&failed, "/state"), "failed");
    room.convoy("sling gt-a");
    room.lands(&convoy);
    let worker = room.worker("gt-a");
    assert_ne!(worker["id"], failed["id"]);
    let prompt = room.saved("prompt");
    assert_eq!(prompt.matches("it exited with status 4").count(), 2, "{prompt}");
    assert!(prompt.contains(text(&failed, "/branch")), "{prompt}");
    assert_eq!(room.repo().read("idea"), "idea\n");
}

#[test]
fn what_is_slung_twice_is_worked_on_once() {
    let (room, convoy) = held_room();
    let again = room.convoy("sling gt-a");
    assert!(again.stdout.contains("already being worked on"), "{}", again.shown());
    room.convoy("work stop gt-a");
    // Until its agent is dead nobody can have it; then anybody.
    room.until("worker.stopped", "w-");
    room.convoy("sling gt-a");
    room.lands(&convoy);
    assert_eq!(room.env.wait_witness("start", 2).len(), 2);
    let closed = room.env.convoy(["sling", "gt-a"]).exits(1);
    assert!(closed.stderr.contains("gt-a is closed"), "{}", closed.shown());
}
