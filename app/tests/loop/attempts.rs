//! What an attempt comes to, and what the next one is told.

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, SOON, commit, outside, save_prompt, says, shell, text};

#[test]
fn it_is_tried_again_after_a_pause_and_succeeds() {
    let env = outside();
    let first = [shell("echo half > half"), says(&["note", "the tests need a database"]), Step::Exit(7)];
    let second = [save_prompt(&env, "prompt"), Step::Complain("almost".into()), Step::Exit(1)];
    let third = [&[shell("cp half whole")][..], &commit("more", "more\n")].concat();
    let script = Script::default().attempt(1, first).attempt(2, second).attempt(3, third);
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let worker = room.worker("gt-a");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&3.into(), &2.into()), "{worker:#}");
    let whys: Vec<&str> = (0..2).map(|n| text(&worker, &format!("/sessions/{n}/why"))).collect();
    assert_eq!(whys, ["it exited with status 7", "it exited with status 1"]);
    assert_eq!(room.events("worker.waiting").len(), 2, "a pause after each failure");
    let prompt = room.saved("prompt");
    for said in ["it exited with status 7", "the tests need a database", "already holds that work"] {
        assert!(prompt.contains(said), "{said}\n{prompt}");
    }
    // What the first one left without committing it was there for the third, and landed.
    let repo = room.repo();
    assert_eq!((repo.read("half"), repo.read("whole")), ("half\n".into(), "half\n".into()));
    let author = repo.git([
        "log",
        "-1",
        "--format=%an <%ae> %(trailers:key=Convoy-Leftovers,valueonly)",
        "--",
        "half",
    ]);
    assert!(author.starts_with(&format!("Convoy worker {} <s-", text(&worker, "/id"))), "{author}");
    assert!(author.contains("@convoy.invalid> yes"), "{author}");
}

#[test]
fn when_attempts_are_used_up_a_person_is_asked_once() {
    let room = Room::new(&Script::always([Step::Exit(9)]));
    let convoy = room.launch_new("gt-a", "--owner mayor/");
    let said = room.stalls(&convoy);
    assert!(said.contains("3 attempts failed; the last: it exited with status 9"), "{said}");
    let why = room.json("why gt-a");
    assert_eq!(why["reasons"][0]["code"], "needs_human", "{why:#}");
    assert!(text(&why, "/reasons/0/text").contains("it exited with status 9"), "{why:#}");
    assert_eq!(text(&why, "/reasons/0/command"), "convoy work retry gt-a");
    let mail = room.json("mail inbox mayor/");
    assert_eq!(mail.as_array().unwrap().len(), 1, "{mail:#}");
    assert_eq!(mail[0]["subject"], "Needs a human: Do gt-a (gt-a)");
    assert_eq!(room.env.wait_witness("start", 3).len(), 3);
    // Nobody goes on by itself: not at another look, and not when the engine comes again.
    room.convoy("down");
    room.convoy("up");
    room.convoy("check");
    assert_eq!(text(&room.issue("gt-a"), "/status"), "needs_human");
    // A person has it tried again, and it takes only one.
    room.plays(&Script::works());
    room.convoy("work retry gt-a");
    room.lands(&convoy);
    assert_eq!(room.json("mail inbox mayor/").as_array().unwrap().len(), 2, "one more: it landed");
}

#[test]
fn a_success_that_did_nothing_is_none() {
    let env = outside();
    let script = Script::default().attempt(1, []).attempt(
        2,
        [save_prompt(&env, "prompt"), says(&["done", "--no-change", "--note", "it was right before"])],
    );
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let worker = room.worker("gt-a");
    assert_eq!(text(&worker, "/sessions/0/state"), "failed");
    assert!(text(&worker, "/sessions/0/why").contains("left no commit"), "{worker:#}");
    assert!(room.saved("prompt").contains("left no commit"));
    let issue = room.issue("gt-a");
    assert_eq!(
        (&issue["close_reason"], &issue["evidence"]["no_change"]),
        (&"completed".into(), &true.into())
    );
    assert_eq!(issue["evidence"]["attempt"], 2, "{issue:#}");
    assert_eq!(issue["close_note"], "it was right before");
    assert_eq!(room.repo().subjects("main"), ["Begin"], "nothing was merged");
}

#[test]
fn a_blocked_agent_waits_for_a_person_and_its_work_is_kept() {
    let env = outside();
    let first = [&commit("half", "half\n")[..], &[says(&["blocked", "the", "staging", "password"])]].concat();
    let second = [&[save_prompt(&env, "prompt")][..], &commit("rest", "rest\n")].concat();
    let room = Room::around(env, "", &Script::default().attempt(1, first).attempt(2, second));
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains("the staging password"), "{said}");
    assert_eq!(room.env.wait_witness("start", 1).len(), 1, "it was not tried again");
    let branch = text(&room.worker("gt-a"), "/branch").to_owned();
    assert_eq!(room.repo().subjects(&branch), ["Write half", "Begin"]);
    // Slung again, another worker takes over where it was left.
    room.convoy("sling gt-a");
    room.lands(&convoy);
    let prompt = room.saved("prompt");
    assert!(prompt.contains("the staging password") && prompt.contains(&branch), "{prompt}");
    assert_eq!(room.repo().read("half"), "half\n");
}

#[test]
fn what_a_stopped_agent_noted_is_told_to_the_next() {
    let env = outside();
    let first = [says(&["note", "port 8080 is taken"]), Room::hold(&env, "never")];
    let second = [&[save_prompt(&env, "prompt")][..], &commit("a", "a\n")].concat();
    let room = Room::around(env, "", &Script::default().attempt(1, first).attempt(2, second));
    let convoy = room.launch_new("gt-a", "");
    room.env.wait_witness("waiting", 1);
    room.convoy("work stop gt-a");
    room.until("worker.stopped", "w-");
    room.convoy("work retry gt-a");
    room.lands(&convoy);
    let prompt = room.saved("prompt");
    assert!(prompt.contains("it was stopped") && prompt.contains("port 8080 is taken"), "{prompt}");
}

#[test]
fn garbage_and_floods_are_only_output() {
    let noise = [Step::Garbage(100_000), Step::Flood(300_000), Step::CloseStdout];
    let steps = [&noise[..], &commit("a", "a\n")].concat();
    let room = Room::new(&Script::always(steps));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let logs = room.convoy("logs gt-a").stdout;
    assert!(logs.len() > 300_000 && !logs.contains('\u{1b}') && !logs.contains('\0'), "{}", logs.len());
}

#[test]
fn an_agent_that_is_not_there_is_for_a_person_and_not_tried_again() {
    let room = Room::with("[agents.absent]\ncommand = [\"no-such-agent\"]\n", &Script::works());
    room.issues("gt-a");
    room.convoy("sling gt-a --agent absent");
    let convoy = room.json("list")[0]["id"].as_str().unwrap().to_owned();
    let said = room.stalls(&convoy);
    assert!(said.contains("no-such-agent"), "{said}");
    assert_eq!(room.events("session.wanted").len(), 1);
    assert_eq!(room.worker("gt-a")["failures"], 0, "not the task's fault");
    room.convoy("sling gt-a --agent fake");
    room.lands(&convoy);
}

#[test]
fn an_agent_that_leaves_processes_behind_is_ended_with_them() {
    let orphan =
        Step::Orphan { steps: vec![Step::Ignore(vec!["TERM".into()]), Step::Hang], keep_stdout: true };
    let room = Room::new(&Script::always([&[orphan][..], &commit("a", "a\n")].concat()));
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let pid = room.env.wait_witness("orphan", 1)[0]["pid"].clone();
    assert!(room.env.processes().iter().all(|process| pid != process.pid));
    assert_eq!(room.worker("gt-a")["sessions"][0]["exit"]["leaked"], 1);
}

#[test]
fn the_model_is_by_flag_then_label_then_complexity_then_default() {
    let config = "[defaults]\nagent = \"fake\"\nmodel = \"of-default\"\n[models]\ncomplexity.simple = \"of-complexity\"\n";
    let room = Room::with(config, &Script::works());
    room.env.convoy(["config", "set", "agents.fake.model_arg", r#"["--model", "{model}"]"#]).ok();
    room.convoy("issue create Flag --id gt-flag --label model:of-label");
    room.convoy("issue create Label --id gt-label --label model:of-label --label complexity:simple");
    room.convoy("issue create Complexity --id gt-complexity --label complexity:simple");
    room.convoy("issue create Default --id gt-default");
    room.convoy("sling gt-flag --model of-flag");
    room.convoy("sling gt-label gt-complexity gt-default");
    let convoys = room.json("list");
    convoys.as_array().unwrap().iter().for_each(|convoy| drop(room.lands(text(convoy, "/id"))));
    let starts = room.env.wait_witness("start", 4);
    for (issue, model, rationale) in [
        ("gt-flag", "of-flag", "asked for"),
        ("gt-label", "of-label", "label model:of-label"),
        ("gt-complexity", "of-complexity", "label complexity:simple"),
        ("gt-default", "of-default", "configured default"),
    ] {
        let start = starts.iter().find(|start| start["issue"] == issue).unwrap();
        let args: Vec<&str> = start["args"].as_array().unwrap().iter().filter_map(|a| a.as_str()).collect();
        assert!(args.ends_with(&["--model", model]), "{issue}: {args:?}");
        let worker = room.worker(issue);
        assert_eq!((text(&worker, "/model"), text(&worker, "/model_rationale")), (model, rationale));
    }
}

#[test]
fn an_agent_sees_what_it_needs_and_nothing_of_ours() {
    let mut env = outside();
    env.set("AWS_SECRET_ACCESS_KEY", "secret")
        .set("ANTHROPIC_API_KEY", "secret")
        .set("HTTPS_PROXY", "http://p");
    let room = Room::around(env, "", &Script::works());
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    let start = &room.env.wait_witness("start", 1)[0];
    let names: Vec<&str> = start["variables"].as_array().unwrap().iter().filter_map(|n| n.as_str()).collect();
    assert!(!names.contains(&"AWS_SECRET_ACCESS_KEY") && !names.contains(&"ANTHROPIC_API_KEY"), "{names:?}");
    assert!(names.contains(&"HTTPS_PROXY") && names.contains(&"HOME"), "{names:?}");
    let worker = room.worker("gt-a");
    let seen = &start["env"];
    assert_eq!(seen["CONVOY_ISSUE"], "gt-a");
    assert_eq!(seen["CONVOY_CONVOY"], convoy.as_str());
    assert_eq!(seen["CONVOY_WORKER"], worker["id"]);
    assert_eq!(seen["CONVOY_SESSION"], worker["session_id"]);
    assert_eq!(seen["CONVOY_EPOCH"], worker["sessions"][0]["epoch"].to_string());
    for name in ["CONVOY_SOCKET", "CONVOY_BRIEF_FILE"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert_eq!(start["cwd"], worker["workdir"]);
    assert!(!text(start, "/cwd").starts_with(&*room.env.dir().to_string_lossy()), "a clone of its own");
}

#[test]
fn equal_edits_in_the_same_second_are_different_commits() {
    let same = "GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' git commit -qm Same";
    let steps = [shell(&format!("echo same > same && git add -A && {same}"))];
    let room = Room::new(&Script::always(steps));
    let convoy = room.launch_new("gt-a gt-b", "--merge local");
    room.lands(&convoy);
    let commit = |id: &str| text(&room.issue(id), "/evidence/commit").to_owned();
    let (a, b) = (commit("gt-a"), commit("gt-b"));
    assert_ne!(a, b);
    let repo = room.repo();
    assert_eq!(
        repo.git(["rev-parse", &format!("{a}^{{tree}}")]),
        repo.git(["rev-parse", &format!("{b}^{{tree}}")])
    );
    assert_eq!(repo.git(["log", "-1", "--format=%ct", &a]), repo.git(["log", "-1", "--format=%ct", &b]));
}

#[test]
fn a_silent_agent_is_stopped_and_the_next_one_told() {
    let env = outside();
    let script = Script::default()
        .attempt(1, [Step::Hang])
        .attempt(2, [&[save_prompt(&env, "prompt")][..], &commit("a", "a\n")].concat());
    let room = Room::around(env, "[limits]\nsilence = \"2s\"\n", &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert!(room.saved("prompt").contains("it showed no sign of life"));
    assert!(room.follow("session.ended").printed("silence", SOON));
}
