//! Strategy `pr`: a request on the forge, and what becomes of the issue when somebody there has decided.

use convoy_testkit::fake_agent::Script;
use convoy_testkit::fake_gh::Forge;

use crate::room::{Room, commit, outside, save_prompt, shell, text};

/// Requests are looked at often: a test has no minute to spare.
const OFTEN: &str = "[merge]\nrequest_interval = \"50ms\"\n";
/// Never, but for when a person asks.
const ONLY_WHEN_ASKED: &str = "[merge]\nrequest_interval = \"1h\"\n";

#[test]
fn a_branch_lands_when_its_request_is_merged() {
    let env = outside();
    env.repo();
    let _ = Forge::new(&env);
    let gates = "[gates.check]\ncommand = [\"sh\", \"-c\", \"echo run >> $HOME/gates\"]\n";
    let room = Room::around(env, &format!("{OFTEN}{gates}"), &Script::works());
    let forge = Forge::beside(&room.env);
    let hook = room.repo().path().join(".git/hooks/pre-push");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\ntouch \"$HOME/hooked\"\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let convoy = room.launch_new("gt-a", "--merge pr");
    room.until("merge.requested", "/pull/1");
    let pull = forge.pulls().remove(0);
    assert_eq!((text(&pull, "/title"), text(&pull, "/baseRefName")), ("Do gt-a (gt-a)", "main"));
    assert!(text(&pull, "/body").contains("Convoy-Issue: gt-a\n"), "{pull:#}");
    let submitted = room.issue("gt-a");
    assert_eq!(text(&submitted, "/status"), "submitted");
    assert_eq!(room.json("why gt-a")["reasons"][0]["code"], "requested");
    let item = room.json("mq status gt-a");
    assert_eq!(
        (text(&item, "/state"), text(&item, "/request")),
        ("requested", text(&pull, "/url")),
        "{item:#}"
    );
    // What is on the forge is the branch, and nothing else is.
    let remote = room.repo().git(["ls-remote", "origin"]);
    let head = format!("refs/heads/{}", text(&pull, "/headRefName"));
    let refs: Vec<&str> = remote.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(refs, ["HEAD", head.as_str(), "refs/heads/main"], "{remote}");
    assert!(!room.env.home().join("hooked").exists(), "no hook ran");
    assert_eq!(room.repo().subjects("main"), ["Begin"], "nothing is merged here");
    forge.decide("merge", 1);
    room.lands(&convoy);
    let closed = room.issue("gt-a");
    let evidence = &closed["evidence"];
    assert_eq!((text(&closed, "/close_reason"), text(evidence, "/request")), ("merged", text(&pull, "/url")));
    assert_eq!(
        text(evidence, "/merge_commit"),
        room.repo().git(["ls-remote", "origin", "refs/heads/main"]).split('\t').next().unwrap()
    );
    assert_eq!(evidence["gates"][0]["passed"], true, "those that ran before it was asked for");
    assert_eq!(std::fs::read_to_string(room.env.home().join("gates")).unwrap(), "run\n");
    let creates = forge.calls().into_iter().filter(|call| call[1] == "create").count();
    assert_eq!(creates, 1);
}

#[test]
fn a_request_that_is_closed_needs_a_human() {
    let env = outside();
    env.repo();
    let _ = Forge::new(&env);
    let script = Script::default().attempt(1, commit("a", "a\n")).attempt(2, [save_prompt(&env, "prompt")]);
    let room = Room::around(env, ONLY_WHEN_ASKED, &script);
    let forge = Forge::beside(&room.env);
    let convoy = room.launch_new("gt-a", "--merge pr");
    room.until("merge.requested", "/pull/1");
    forge.decide("close", 1);
    // Unless the look that follows its making has seen it already.
    let asked = room.env.convoy(["mq", "retry", "gt-a"]);
    assert!(
        asked.stdout.contains("its request is looked at") || asked.stderr.contains("is failed"),
        "{asked:?}"
    );
    let said = room.stalls(&convoy);
    assert!(said.contains("closed without a merge") && said.contains("/pull/1"), "{said}");
    assert_eq!(room.worker("gt-a")["failures"], 0);
    // A person wants it after all: another request.
    room.convoy("work retry gt-a");
    room.until("merge.requested", "/pull/2");
    assert!(room.saved("prompt").contains("closed without a merge"), "{}", room.saved("prompt"));
    forge.decide("merge", 2);
    room.convoy("mq retry gt-a");
    room.lands(&convoy);
}

#[test]
fn a_restart_finds_the_request_again() {
    let env = outside();
    env.repo();
    let _ = Forge::new(&env);
    let room = Room::around(env, ONLY_WHEN_ASKED, &Script::works());
    let forge = Forge::beside(&room.env);
    let convoy = room.launch_new("gt-a", "--merge pr");
    room.until("merge.requested", "/pull/1");
    room.convoy("down");
    forge.decide("merge", 1);
    room.convoy("up");
    room.lands(&convoy);
    assert_eq!(forge.pulls().len(), 1);
}

#[test]
fn dependents_build_on_what_was_merged_on_the_forge_and_not_pulled() {
    let env = outside();
    env.repo();
    let _ = Forge::new(&env);
    let script = Script::default()
        .issue("gt-a", commit("a", "a\n"))
        .issue("gt-b", [&[shell("test -f a")][..], &commit("b", "b\n")].concat());
    let room = Room::around(env, OFTEN, &script);
    let forge = Forge::beside(&room.env);
    let convoy = room.launch_new("gt-a gt-b:gt-a", "--merge pr");
    room.until("merge.requested", "/pull/1");
    forge.decide("merge", 1);
    room.until("merge.requested", "/pull/2");
    forge.decide("merge", 2);
    room.lands(&convoy);
    assert_eq!(room.issue("gt-b")["evidence"]["diff"]["files"], 1);
}

#[test]
fn without_gh_it_is_said_at_once_and_a_person_is_needed() {
    let room = Room::new(&Script::works());
    let made = room.env.convoy(["issue", "create", "Do it", "--id", "gt-a"]).ok();
    assert_eq!(made.status, 0);
    let made = room.env.convoy(["create", "Work", "gt-a", "--merge", "pr", "--run", "-q"]).ok();
    assert!(made.stderr.contains("gh") && made.stderr.contains("install it"), "{}", made.shown());
    let said = room.stalls(made.stdout.trim());
    assert!(said.contains("needs the GitHub command line"), "{said}");
    let why = text(&room.issue("gt-a"), "/needs_human").to_owned();
    assert!(why.contains("install it (cli.github.com)"), "{why}");
    room.convoy("config set defaults.merge pr");
    let doctor = room.env.convoy(["doctor", "--json"]).json();
    let found =
        doctor["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "forge").unwrap();
    assert_eq!(found["health"], "error", "{found:#}");
}

#[test]
fn a_forge_that_refuses_is_asked_again_and_then_a_person_is_needed() {
    let env = outside();
    env.repo();
    Forge::beside(&env).install();
    let room = Room::around(env, "", &Script::works());
    // There is no remote: the push fails each time.
    let convoy = room.launch_new("gt-a", "--merge pr");
    let said = room.stalls(&convoy);
    assert!(said.contains("origin"), "{said}");
    assert_eq!(room.events("merge.paused").len(), 3);
    assert_eq!(room.worker("gt-a")["failures"], 0);
}
