//! `convoy template`: what there is, what is wrong with it, and files to begin with.

#![expect(clippy::unwrap_used, reason = "clippy counts only functions marked as tests; all of this is one")]

use std::fs;
use std::path::PathBuf;

use convoy_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::{both_ways, room, workspace};

fn put(env: &TestEnv, path: &str, text: &str) -> PathBuf {
    let path = env.dir().join(".convoy").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn template(env: &TestEnv, args: &[&str], status: i32) -> Value {
    env.convoy([&["template"], args, &["--json"]].concat()).exits(status).json()
}

#[test]
fn what_is_built_in_is_listed_and_shown_with_the_engine_down_and_up() {
    let said = both_ways(&[
        "template list",
        "template list --json",
        "template list --agents",
        "template show code-review",
        "template show triage",
        "template show triage --json",
        "template show --agent code-review-security",
        "template show code-revew",
        "template validate code-review planning triage-agent",
    ]);
    for words in [
        "1. correctness, security, performance",
        "2. synthesis",
        "for each issue",
        "did you mean",
        "✓ agent file triage-agent (built in)",
        "# Review: security",
        "\"per_issue\": true",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn what_is_shown_says_who_does_it_with_what_and_from_where() {
    let env = workspace();
    let own = put(
        &env,
        "agents/lint.md",
        "---\nname: lint\ndescription: Lints\ncommand: [ruff, \"{{ files }}\"]\n---\n",
    );
    put(
        &env,
        "templates/mine.toml",
        "name='mine'\nextends='code-review'\nremove=['performance']\n[[agents]]\nrole='lint'\nsubagent='lint'\n\
         [[agents]]\nrole='security'\nagent='codex'\ntimeout='90s'\nmax_attempts=2\nparams={focus='auth'}\n",
    );
    let shown = template(&env, &["show", "mine"], 0);
    assert_eq!(shown["phases"], json!([["correctness", "security", "lint"], ["synthesis"]]));
    assert_eq!(shown["extends"][0], json!({"name": "code-review", "source": "built_in", "path": null}));
    assert_eq!((&shown["source"], &shown["config"]["timeout_ms"]), (&json!("workspace"), &json!(1_200_000)));
    let role = |name: &str| {
        let roles = shown["roles"].as_array().unwrap();
        roles.iter().find(|role| role["role"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    let security = role("security");
    assert_eq!((&security["agent"], &security["model"]), (&json!("codex"), &json!("sonnet")));
    assert_eq!((&security["timeout_ms"], &security["max_attempts"]), (&json!(90_000), &json!(2)));
    assert_eq!(security["params"], json!({"focus": "auth"}));
    assert_eq!(security["tools"], json!(["Read", "Grep", "Glob", "Write"]));
    let lint = role("lint");
    assert_eq!((&lint["runner"], &lint["output"]), (&json!("program"), &json!("sarif")));
    assert_eq!(
        lint["path"].as_str().map(PathBuf::from).unwrap().canonicalize().unwrap(),
        own.canonicalize().unwrap()
    );
    assert_eq!(role("synthesis")["depends_on"], json!(["correctness", "security"]));
    let listed = template(&env, &["list"], 0);
    let mine = listed.as_array().unwrap().iter().find(|one| one["name"] == "mine").unwrap();
    assert_eq!((&mine["ok"], &mine["extends"]), (&json!(true), &json!(["code-review"])));
}

#[test]
fn everything_that_is_wrong_is_said_and_exits_1() {
    let env = workspace();
    put(
        &env,
        "templates/bad.toml",
        "name='bad'\ndescription='d'\nxyz=1\n[[agents]]\nrole='a'\nsubagent='nobody'\n",
    );
    put(&env, "agents/broken.md", "---\nname: broken\ndescription: d\n---\n{{ nonsense }}\n");
    let looked = template(&env, &["validate"], 1);
    let wrong: Vec<&Value> = looked.as_array().unwrap().iter().filter(|one| one["ok"] == false).collect();
    assert_eq!(wrong.len(), 2, "{wrong:#?}");
    assert_eq!(wrong[0]["problems"][0]["line"], 3);
    assert_eq!((&wrong[1]["kind"], &wrong[1]["problems"][0]["line"]), (&json!("agent_file"), &json!(5)));
    let said = env.convoy(["template", "validate", "bad"]).exits(1).stdout;
    assert!(said.contains("✗ template bad") && said.contains("bad.toml:3: unknown key \"xyz\""), "{said}");
    assert!(env.convoy(["template", "list"]).ok().stdout.contains("1 problem: convoy template validate"));
    assert_eq!(template(&env, &["validate", "code-review"], 0)[0]["ok"], true);
    env.convoy(["template", "validate", "code-revue"]).exits(3);
    let error = env.convoy(["template", "show", "bad"]).exits(2).stderr;
    assert!(error.contains("bad.toml:3") && error.contains("convoy template validate"), "{error}");
    // A file that lies anywhere.
    let draft = env.root().join("draft.toml");
    fs::write(&draft, "name='draft'\nextends='code-review'\n").unwrap();
    assert_eq!(template(&env, &["validate", draft.to_str().unwrap()], 0)[0]["source"], "file");
    fs::write(&draft, "name='draft'\nextends='draft'\n").unwrap();
    template(&env, &["validate", draft.to_str().unwrap()], 1);
    env.convoy(["template", "validate", "./notes.txt"]).exits(2);
}

#[test]
fn what_a_file_says_is_never_executed_by_a_terminal() {
    let env = workspace();
    put(
        &env,
        "templates/h.toml",
        "name='h'\ndescription='d'\n\"\\u001b[2J\"=1\n[[agents]]\nrole='a'\nsubagent='x'\n",
    );
    put(&env, "agents/x.md", "---\nname: x\ndescription: \"\\e[31mred\"\n---\n\u{1b}[2J{{ files }}\n");
    for line in ["list --agents", "validate", "show h", "show --agent x"] {
        let run = env.convoy(["template"].into_iter().chain(line.split(' ')));
        let said = run.stdout + &run.stderr;
        assert!(
            !said.contains('\u{1b}') && (said.contains("1b[") || said.contains("1b}[")),
            "{line}: {said}"
        );
    }
}

#[test]
fn new_ones_are_whole_and_never_written_over_another() {
    let env = workspace();
    let lines: [&[&str]; 4] = [
        &["one"],
        &["two", "--extends", "code-review"],
        &["three", "--json-format"],
        &["four", "--json-format", "--extends", "triage"],
    ];
    for args in lines {
        let written = template(&env, &[&["new"], args].concat(), 0);
        let before = fs::read_to_string(written["path"].as_str().unwrap()).unwrap();
        template(&env, &["validate", args[0]], 0);
        let again = env.convoy(["template", "new", args[0], "--extends", "planning"]).exits(4).stderr;
        assert!(again.contains("is there already; nothing was written"), "{again}");
        assert_eq!(fs::read_to_string(written["path"].as_str().unwrap()).unwrap(), before);
    }
    assert_eq!(template(&env, &["new", "triage", "--extends", "triage"], 0)["hides"], "built in");
    template(&env, &["validate", "triage"], 0);
    for bad in ["../x", ".x", "a/b", "x.lock", ""] {
        env.convoy(["template", "new", bad]).exits(2);
    }
    env.convoy(["template", "new", "five", "--extends", "nothing"]).exits(3);
    assert!(!env.dir().join(".convoy/templates/five.toml").exists());
}

#[test]
fn outside_of_a_workspace_there_is_what_is_built_in() {
    let env = room();
    let listed = template(&env, &["list"], 0);
    assert_eq!(listed.as_array().unwrap().len(), 4);
    template(&env, &["show", "code-review"], 0);
    env.convoy(["template", "new", "x"]).exits(3);
}

#[test]
fn the_forms_of_files_are_published() {
    let env = room();
    let schema = env.convoy(["schema", "template"]).ok().json();
    assert_eq!(schema["additionalProperties"], false);
    let role = &schema["$defs"]["RoleShape"]["properties"];
    assert!(
        role["depends_on"].is_object() && role["dependsOn"].is_object() && role["maxAttempts"].is_object()
    );
    let file = env.convoy(["schema", "agent-file"]).ok().json();
    assert_eq!(file["required"], json!(["name", "description"]));
}
