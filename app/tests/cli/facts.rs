//! `convoy witness report`: what is known of everybody at work, with its evidence and a command that would help.

use std::fs;

use convoy_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::{both_ways, workspace};

/// A workspace whose agents do this.
fn with_agents(agents: &str) -> TestEnv {
    let env = workspace();
    let file = env.dir().join(".convoy/config.toml");
    let config = fs::read_to_string(&file).expect("the configuration");
    fs::write(&file, format!("{config}\n{agents}\n")).expect("the configuration");
    env
}

fn report(env: &TestEnv) -> Value {
    env.convoy(["witness", "report", "--json"]).ok().json()
}

#[test]
fn with_nothing_at_work_it_says_so() {
    let said = both_ways(&["witness report"]);
    for words in [
        "0 workers",
        "No agent is at work",
        "## Budgets\n\nNo limits are set.",
        "## Waiting to land\n\nNothing.",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn each_worker_is_told_of_with_its_evidence_and_what_would_help() {
    let env = with_agents(
        "[defaults]\nagent = \"idle\"\n[budget]\non_unmetered = \"allow\"\n[retry]\nmax_attempts = 1\n[agents.idle]\ncommand = [\"sleep\", \"300\"]\n\
         [agents.broken]\ncommand = [\"false\"]\n",
    );
    for (id, title) in [("gt-1", "Sleeps"), ("gt-2", "Fails `at` once")] {
        env.convoy(["issue", "create", title, "--id", id]).ok();
    }
    env.convoy(["sling", "gt-2", "--agent", "broken"]).ok();
    env.convoy(["sling", "gt-1", "--budget", "3"]).ok();
    let mut tries = 0;
    let facts = loop {
        let facts = report(&env);
        let workers = facts["workers"].as_array().unwrap();
        let live = workers.iter().any(|worker| worker["health"]["evidence"].is_object());
        if live && workers.iter().any(|worker| worker["state"] == "failed") {
            break facts;
        }
        tries += 1;
        assert!(tries < 600, "{facts}");
    };
    let workers = facts["workers"].as_array().unwrap();
    assert_eq!(
        (&workers[0]["issue_id"], &workers[0]["command"]),
        (&json!("gt-2"), &json!("convoy work retry gt-2"))
    );
    assert_eq!((&workers[1]["issue_id"], &workers[1]["command"]), (&json!("gt-1"), &Value::Null));
    assert_eq!(workers[1]["health"]["health"], "healthy");
    assert!(workers[1]["health"]["evidence"]["processes"].as_u64() >= Some(1), "{facts}");
    assert!(facts["budgets"].as_array().unwrap().iter().any(|budget| budget["level"] == "worker"), "{facts}");
    let said = env.convoy(["witness", "report"]).ok().stdout;
    assert!(said.contains("- **failed** ") && said.contains("`Fails 'at' once`"), "{said}");
    assert!(said.contains("Would help: `convoy work retry gt-2`"), "{said}");
    assert!(said.contains("- **healthy** ") && said.contains("Evidence: silent for "), "{said}");
    assert!(said.contains("## Convoys in which nothing moves\n\n- `hq-cv-"), "{said}");
}
