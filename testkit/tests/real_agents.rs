//! Real agents against the scripted model server, without Convoy between: a real edit and a real commit.

use std::time::Duration;

use convoy_testkit::env::{Repo, Run, TestEnv};
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents::{self, AgentSetup};

fn command(env: &TestEnv, repo: &Repo<'_>, setup: &AgentSetup, prompt: &str) -> std::process::Command {
    let mut command = env.command(&setup.command[0], repo.path());
    let prompt_file = env.root().join("prompt");
    std::fs::write(&prompt_file, prompt).expect("a file in the test's folder");
    let stdin = std::fs::File::open(&prompt_file).expect("the file just written");
    command.args(&setup.command[1..]).envs(setup.env.clone()).stdin(stdin);
    command
}

fn drive(env: &TestEnv, repo: &Repo<'_>, setup: &AgentSetup, prompt: &str) -> Run {
    env.run(command(env, repo, setup, prompt))
}

fn last_of(run: &Run, kind: &str) -> serde_json::Value {
    let lines = run.stdout.lines().rev().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    lines
        .into_iter()
        .find(|line| line["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind}: {}", run.shown()))
}

/// One URL, two pieces of work; which is done depends on the prompt.
fn two_pieces() -> Script {
    let work = |name: &str| {
        let mut steps = Step::write_and_commit(&format!("{name}.txt"), "it's done\n", &format!("Do {name}"));
        steps[0] = steps[0].clone().tokens(1000, 50).cached(500, 0);
        steps
    };
    Script::by_prompt([("gt-one", work("one")), ("gt-two", work("two"))])
}

#[test]
fn claude_edits_and_commits() {
    if !real_agents::ready() {
        return;
    }
    let (env, server) = (TestEnv::new("unused"), ModelServer::start());
    let (repo, url) = (env.repo(), server.add("work", two_pieces()));
    let run = drive(&env, &repo, &real_agents::claude(&url), "Please do gt-two.").ok();
    assert_eq!(repo.subjects("HEAD"), ["Do two", "Begin"], "{}", run.shown());
    assert_eq!(repo.read("two.txt"), "it's done\n");
    let result = last_of(&run, "result");
    assert_eq!((&result["subtype"], &result["is_error"]), (&"success".into(), &false.into()));
    assert_eq!(result["usage"]["input_tokens"], 1200, "{result}");
    assert_eq!(result["usage"]["cache_read_input_tokens"], 500, "{result}");
    assert_eq!(server.calls("work"), 3);
    assert!(run.stdout.contains("\"message_delta\""), "usage is reported while it runs");
}

#[test]
fn codex_edits_and_commits() {
    if !real_agents::ready() {
        return;
    }
    let (env, server) = (TestEnv::new("unused"), ModelServer::start());
    let (repo, url) = (env.repo(), server.add("work", two_pieces()));
    let run = drive(&env, &repo, &real_agents::codex(&url), "Please do gt-one.").ok();
    assert_eq!(repo.subjects("HEAD"), ["Do one", "Begin"], "{}", run.shown());
    assert_eq!(repo.read("one.txt"), "it's done\n");
    let turn = last_of(&run, "turn.completed");
    assert_eq!(turn["usage"]["input_tokens"], 1700, "{turn}");
    assert_eq!(turn["usage"]["cached_input_tokens"], 500, "{turn}");
    assert_eq!(server.calls("work"), 3);
}

#[test]
fn gemini_edits_and_commits() {
    if !real_agents::ready() {
        return;
    }
    let (env, server) = (TestEnv::new("unused"), ModelServer::start());
    real_agents::gemini_home(&env.home());
    let mut steps = Step::write_and_commit("one.txt", "it's done\n", "Do one");
    steps[0] = steps[0].clone().tokens(1000, 50).cached(500, 0).reasoned(10);
    let (repo, url) = (env.repo(), server.add("work", Script::new(steps)));
    // It reads nothing of the person's git configuration.
    let mut setup = real_agents::gemini(&url);
    for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        setup.env.push((name.to_owned(), "someone".to_owned()));
    }
    let run = drive(&env, &repo, &setup, "Please do gt-one.").ok();
    assert_eq!(repo.subjects("HEAD"), ["Do one", "Begin"], "{}", run.shown());
    assert_eq!(repo.read("one.txt"), "it's done\n");
    let stats = &last_of(&run, "result")["stats"];
    let counts = ["input_tokens", "cached", "output_tokens", "total_tokens"].map(|key| stats[key].as_u64());
    assert_eq!(counts, [1700, 500, 80, 1790].map(Some), "what was thought is in the total only");
    assert_eq!((server.calls("work"), server.log()[0].model.as_str()), (3, "gemini-2.5-pro"));

    let refused = server.add("refused", Script::new([Step::fail(401, "UNAUTHENTICATED", "Bad key")]));
    let run = drive(&env, &repo, &real_agents::gemini(&refused), "x").exits(401 % 256);
    assert!(run.stdout.contains("Bad key"), "{}", run.shown());
}

#[test]
fn an_overloaded_service_is_tried_again_and_a_refusal_fails() {
    if !real_agents::ready() {
        return;
    }
    let (env, server) = (TestEnv::new("unused"), ModelServer::start());
    let repo = env.repo();
    let once = server.add("once", Script::new([Step::fail(529, "overloaded_error", "Overloaded").times(1)]));
    let run = drive(&env, &repo, &real_agents::claude(&once), "x").ok();
    assert!(run.stdout.contains("api_retry"), "{}", run.shown());
    assert_eq!(server.calls("once"), 2);

    let refused = server.add("refused", Script::new([Step::fail(400, "invalid_request_error", "No credit")]));
    for setup in [real_agents::claude(&refused), real_agents::codex(&refused)] {
        let run = drive(&env, &repo, &setup, "x").exits(1);
        assert!(run.stdout.contains("No credit"), "{}", run.shown());
    }
}

#[test]
fn an_agent_can_be_held_in_the_middle_and_nothing_is_left_of_it() {
    if !real_agents::ready() {
        return;
    }
    let (env, server) = (TestEnv::new("unused"), ModelServer::start());
    let repo = env.repo();
    let tool = Step::bash("touch ../tool-runs; exec sleep 600").held_by("gate");
    let url = server.add("held", Script::new([tool, Step::hang()]));
    let agent = env.spawn(command(&env, &repo, &real_agents::claude(&url), "x"));
    assert!(server.wait_calls("held", 1, Duration::from_secs(30)));
    assert!(!env.root().join("tool-runs").exists());
    server.open("gate");
    env.wait_for("tool-runs");
    let root = env.root().to_owned();
    drop(agent);
    // A killed claude leaves its tool running (codex takes it along): that is why the room is swept.
    assert!(!env.processes().is_empty());
    drop(env);
    assert_eq!(convoy_testkit::processes::of(&root), []);
}
