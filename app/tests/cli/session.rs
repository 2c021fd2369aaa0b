//! Who asks, and what an agent may ask.

use crate::workspace;

#[test]
fn the_actor_is_the_flag_then_the_variable_then_the_person() {
    let mut env = workspace();
    let by = |env: &convoy_testkit::env::TestEnv, args: &[&str]| {
        let made = env.convoy([&["issue", "create", "t", "--json"], args].concat()).ok().json();
        made["created_by"].as_str().unwrap().to_owned()
    };
    assert_eq!(by(&env, &[]), "overseer");
    env.set("CONVOY_ACTOR", "mayor/");
    assert_eq!(by(&env, &[]), "mayor/");
    assert_eq!(by(&env, &["--as", "gastown/nux"]), "gastown/nux");
}

#[test]
fn inside_a_session_only_an_agents_own_commands_are_taken() {
    let mut env = workspace();
    env.set("CONVOY_SESSION", "s-1").set("CONVOY_WORKER", "w-1");
    for line in ["list", "issue create t", "issue close gt-1", "sling gt-1", "down", "init", "daemon status"]
    {
        let run = env.convoy(crate::words(line)).exits(1);
        assert!(run.stderr.contains("not for agents"), "{line}: {}", run.stderr);
        assert!(run.stderr.contains("convoy done"), "{line}: {}", run.stderr);
    }
    env.convoy(["--version"]).ok();
    env.convoy(["list", "--help"]).ok();
    env.convoy(["completions", "bash"]).ok();
}

#[test]
fn a_workspace_may_let_agents_use_every_command() {
    let mut env = workspace();
    env.set("CONVOY_SESSION", "s-1").set("CONVOY_WORKER", "w-1");
    let config = env.dir().join(".convoy/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text + "\n[session]\nallow_commands = true\n").unwrap();
    let made = env.convoy(["issue", "create", "t", "--json"]).ok().json();
    assert_eq!(made["created_by"], "w-1");
}

#[test]
fn outside_of_a_session_an_agents_commands_are_refused() {
    let mut env = workspace();
    for line in [
        "done",
        "done --no-change --note x",
        "blocked 'no password'",
        "note 'remember this'",
        "escalate why",
        "checkpoint -m x",
    ] {
        let run = env.convoy(crate::words(line)).exits(1);
        assert!(run.stderr.contains("CONVOY_SOCKET is not set"), "{line}: {}", run.stderr);
    }
    env.set("CONVOY_SOCKET", "/nowhere/socket");
    assert!(env.convoy(["done"]).exits(1).stderr.contains("cannot be reached"));
    env.convoy(["blocked"]).exits(2);
}
