//! The merge queue: what is tested together, what becomes of those who do not fit, and what a person sees and does.

use convoy_testkit::fake_agent::{Case, Script};
use serde_json::Value;

use crate::room::{Room, commit, outside, save_prompt, shell, text};

/// Every test waits until all branches are there; nothing else is waited for.
const TOGETHER: &str = "[merge]\nbatch_wait = \"10m\"\n";

/// A gate that counts its runs, and then runs a shell line.
fn gate(line: &str) -> String {
    let line = serde_json::json!(format!("echo run >> $HOME/gates; {line}"));
    format!("[gates.check]\ncommand = [\"sh\", \"-c\", {line}]\n")
}

fn gate_runs(room: &Room) -> usize {
    std::fs::read_to_string(room.env.home().join("gates")).unwrap_or_default().lines().count()
}

/// Insists that each issue is closed by a commit in `main` of its own, which merges what it says.
#[track_caller]
fn landed_once(room: &Room, ids: &str) {
    let repo = room.repo();
    let merges = repo.git(["log", "--first-parent", "--merges", "--format=%H %s", "main"]);
    for id in ids.split_whitespace() {
        let evidence = &room.issue(id)["evidence"];
        let own: Vec<&str> = merges.lines().filter(|line| line.contains(&format!("Merge {id}:"))).collect();
        assert_eq!(own.len(), 1, "{id}: {merges}");
        assert_eq!(own[0].split(' ').next(), evidence["merge_commit"].as_str(), "{evidence:#}");
        let merged = repo.git(["rev-parse", &format!("{}^2", text(evidence, "/merge_commit"))]);
        assert_eq!(merged, text(evidence, "/commit"));
    }
    let closed = room.events("issue.closed").len();
    assert_eq!(closed, ids.split_whitespace().count());
}

#[test]
fn branches_that_wait_are_tested_and_landed_together() {
    let room = Room::with(
        &gate("touch \"$HOME/../at-gate\"; until test -f \"$HOME/../go\"; do :; done"),
        &Script::works(),
    );
    let convoy = room.launch_new("gt-a", "--merge queue");
    room.env.wait_for("at-gate");
    let others = room.launch_new("gt-b gt-c gt-d", "--merge queue");
    for id in ["gt-b", "gt-c", "gt-d"] {
        room.until("worker.submitted", text(&room.worker(id), "/id"));
    }
    let list = room.json("mq list");
    let shown: Vec<_> = list.as_array().unwrap().iter().map(|item| text(item, "/state")).collect();
    assert_eq!(shown, ["testing", "waiting", "waiting", "waiting"], "{list:#}");
    assert_eq!(list[0]["issue_id"], "gt-a");
    let one = room.json("mq status gt-c");
    assert_eq!((&one["strategy"], text(&one, "/state")), (&"queue".into(), "waiting"), "{one:#}");
    assert!(one["position"].as_u64().unwrap() > 1 && one["age_s"].as_i64().is_some(), "{one:#}");
    let said = room.convoy("mq list").stdout;
    assert!(said.contains("testing") && said.contains("gt-d"), "{said}");
    room.open("go");
    room.lands(&convoy);
    room.lands(&others);
    assert_eq!(gate_runs(&room), 2, "one for the first, one for the three that came meanwhile");
    landed_once(&room, "gt-a gt-b gt-c gt-d");
    assert_eq!(room.convoy("mq list").stdout, "Nothing waits to land.\n");
    assert_eq!(room.json("mq list"), Value::Array(Vec::new()));
    room.env.convoy(["mq", "status", "gt-a"]).exits(1);
    room.env.convoy(["mq", "status", "gt-none"]).exits(3);
    room.env.convoy(["mq", "list", "--rig", "nowhere"]).exits(2);
}

#[test]
fn a_culprit_is_found_by_halves_and_the_innocent_land() {
    let env = outside();
    let bad = Case {
        issue: Some("gt-c".into()),
        attempt: Some(1),
        steps: commit("bad", "bad\n").to_vec(),
        ..Case::default()
    };
    let mends =
        [&[save_prompt(&env, "prompt"), shell("git rm -q bad")][..], &commit("gt-c.txt", "x\n")].concat();
    let script = Script::default().or(bad).issue("gt-c", mends).or(Script::works().cases.remove(0));
    let room = Room::around(
        env,
        &(gate("! test -f bad || { echo bad is there; exit 1; }") + TOGETHER + "batch_max = 4\n"),
        &script,
    );
    let convoy = room.launch_new("gt-a gt-b gt-c gt-d", "--merge queue");
    // The one that comes again would wait for others.
    room.until("worker.learned", "bad is there");
    room.configure("");
    room.until("worker.submitted", "\"commits\":2");
    std::fs::write(
        room.env.dir().join(".convoy/config.toml"),
        std::fs::read_to_string(room.env.dir().join(".convoy/config.toml"))
            .unwrap()
            .replace("\"10m\"", "\"0s\""),
    )
    .unwrap();
    room.convoy("down");
    room.convoy("up");
    room.lands(&convoy);
    landed_once(&room, "gt-a gt-b gt-c gt-d");
    assert!(!room.repo().path().join("bad").exists(), "and it was never in main");
    assert_eq!(room.repo().git(["log", "--first-parent", "--format=%h", "main", "--", "bad"]), "");
    for (id, failures) in [("gt-a", 0), ("gt-b", 0), ("gt-c", 1), ("gt-d", 0)] {
        let worker = room.worker(id);
        assert_eq!((&worker["failures"], &worker["conflicts"]), (&failures.into(), &0.into()), "{worker:#}");
    }
    assert!(
        room.saved("prompt").contains("gate \"check\" failed")
            && room.saved("prompt").contains("bad is there")
    );
    let split =
        room.events("merge.batched").iter().filter(|e| e["data"]["because"]["split"].is_object()).count();
    assert_eq!(split, 4, "four into two and two, the bad two into one and one");
}

#[test]
fn who_conflicts_within_a_batch_is_tried_after_it() {
    let env = outside();
    let edit = |line: &str| {
        vec![
            shell(&format!("sed -i 's/two/{line}/' src/lib.txt")),
            convoy_testkit::fake_agent::Step::Commit(format!("Say {line}")),
        ]
    };
    let first =
        |issue: &str, steps| Case { issue: Some(issue.into()), attempt: Some(1), steps, ..Case::default() };
    let resolve = "git merge origin/main && exit 1; printf 'one\\nzwei, deux\\nthree\\n' > src/lib.txt && git commit -qam Both";
    let script = Script::default()
        .or(first("gt-a", edit("zwei")))
        .or(first("gt-b", edit("deux")))
        .attempt(2, [save_prompt(&env, "prompt"), shell(resolve)]);
    let room = Room::around(env, &(gate("true") + "[merge]\nbatch_wait = \"5s\"\nbatch_max = 2\n"), &script);
    let convoy = room.launch_new("gt-a gt-b", "--merge queue");
    room.lands(&convoy);
    assert_eq!(room.events("merge.set_aside").len(), 1, "{}", room.story());
    assert_eq!(room.repo().read("src/lib.txt"), "one\nzwei, deux\nthree\n");
    landed_once(&room, "gt-a gt-b");
    let conflicts: u64 =
        ["gt-a", "gt-b"].map(|id| room.worker(id)["conflicts"].as_u64().unwrap()).iter().sum();
    assert_eq!(conflicts, 1);
}

#[test]
fn a_person_rejects_and_the_branch_goes_back_or_waits() {
    let env = outside();
    let again = [&[save_prompt(&env, "prompt")][..], &commit("more", "tested\n")].concat();
    let script = Script::default().attempt(1, commit("$CONVOY_ISSUE.txt", "done\n")).attempt(2, again);
    let hold = "until test -f \"$HOME/../go\"; do :; done";
    let room = Room::around(env, &(gate(hold)), &script);
    let convoy = room.launch_new("gt-a gt-b", "--merge queue");
    for id in ["gt-a", "gt-b"] {
        room.until("worker.submitted", text(&room.worker(id), "/id"));
    }
    let given = room.env.convoy(["mq", "reject", "gt-a", "--reason", "it has no test"]).ok();
    assert!(given.stdout.contains("goes on with the reason"), "{}", given.shown());
    let held = room.convoy("mq reject gt-b");
    assert!(held.stdout.contains("waits for a person"), "{}", held.shown());
    assert_eq!(text(&room.issue("gt-b"), "/status"), "needs_human");
    room.env.convoy(["mq", "reject", "gt-b"]).exits(1);
    room.env.convoy(["mq", "retry", "gt-b"]).exits(1);
    room.open("go");
    room.until("issue.closed", "gt-a");
    assert!(room.saved("prompt").contains("rejected its branch: it has no test"), "{}", room.saved("prompt"));
    assert_eq!(room.repo().read("more"), "tested\n");
    assert_eq!(room.worker("gt-a")["failures"], 0);
    room.convoy("work retry gt-b");
    room.lands(&convoy);
}

#[test]
fn a_checkout_in_the_way_of_one_does_not_hold_up_the_others() {
    let script = Script::default()
        .issue(
            "gt-a",
            [
                shell("sed -i 's/two/zwei/' src/lib.txt"),
                convoy_testkit::fake_agent::Step::Commit("Zwei".into()),
            ],
        )
        .or(Script::works().cases.remove(0));
    let room = Room::with(&(gate("true") + TOGETHER + "batch_max = 3\n"), &script);
    let repo = room.repo();
    repo.write("src/lib.txt", "one\n2\nthree\n");
    let convoy = room.launch_new("gt-a gt-b gt-c", "--merge queue");
    room.until("issue.closed", "gt-b");
    room.until("issue.closed", "gt-c");
    room.until("merge.blocked", "src/lib.txt");
    let list = room.json("mq list");
    assert_eq!((text(&list[0], "/state"), &list[0]["issue_id"]), ("blocked", &"gt-a".into()), "{list:#}");
    assert!(text(&list[0], "/detail").contains("src/lib.txt"), "{list:#}");
    assert_eq!(repo.read("src/lib.txt"), "one\n2\nthree\n");
    repo.git(["checkout", "-q", "--", "src/lib.txt"]);
    room.lands(&convoy);
    landed_once(&room, "gt-a gt-b gt-c");
}
