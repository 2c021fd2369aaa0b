//! Real linters as roles, from the command line to the report: each planted fault once, with all who found it.

use std::collections::{BTreeMap, BTreeSet};

use convoy_testkit::fake_agent::Script;
use convoy_testkit::real_linters::{self, FAULTS, RUFF_RULES};
use serde_json::{Value, json};

use super::room::{Desk, reviews, role, states};
use crate::room::{outside, text};

/// An agent file of a program.
fn program(name: &str, words: &[&str]) -> String {
    format!(
        "---\nname: {name}\ndescription: Looks at it\ncommand: {}\nsuccess: [0, 1, 101]\noutput: sarif\n---\n",
        json!(words)
    )
}

/// A folder of reports without what differs by time: every file, by its name.
fn files(desk: &Desk, id: &str) -> BTreeMap<String, String> {
    let folder = desk.room.env.dir().join(".convoy/state/outputs").join(id);
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let named = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        Some((name, std::fs::read_to_string(entry.path()).ok()?))
    };
    files.filter_map(named).filter(|(name, _)| name.starts_with("synthesis.")).collect()
}

#[test]
fn every_planted_fault_is_reported_once_and_twice_is_the_same() {
    if !real_linters::ready() {
        return;
    }
    let env = outside();
    real_linters::link_into(&env.bin());
    real_linters::plant(env.repo().path());
    env.repo_at(&env.root().join("repo")).commit("Plant faults");
    let hole = json!({
        "severity": "critical", "category": "injection", "title": "Anybody runs anything", "file": "app/serve.py",
        "line": 6, "quote": "subprocess.call(\"ls \" + name, shell=True)", "problem": "The name is not checked.",
        "impact": "Anybody runs anything here.", "fix": "Give a list of arguments.", "confidence": "high",
    });
    let made_up = json!({ "severity": "blocker", "title": "A password", "file": "app/serve.py", "quote": "password = 1" });
    let desk = Desk::around(env, "", &Script::default().role("security", reviews("Looked", [hole, made_up])));
    let ruff = |format| {
        ["ruff", "check", "--isolated", "--no-cache", "--select", RUFF_RULES, "--output-format", format, "."]
    };
    desk.agent_file("ruff", &program("ruff", &ruff("json")));
    desk.agent_file("ruff-sarif", &program("ruff-sarif", &ruff("sarif")));
    desk.agent_file(
        "shellcheck",
        &program("shellcheck", &["shellcheck", "--format", "json1", "bin/deploy.sh"]),
    );
    let clippy = ["cargo", "clippy", "--offline", "--locked", "--quiet", "--message-format=json"];
    desk.agent_file("clippy", &program("clippy", &clippy));
    let front =
        "---\nname: hole-finder\ndescription: Looks for holes\noutput: findings\n---\nLook at {{ files }}\n";
    desk.agent_file("hole-finder", front);
    let mut template = "name = \"lint\"\ndescription = \"Linters\"\n".to_owned();
    let linters = ["ruff", "ruff-sarif", "shellcheck", "clippy"];
    for (role, subagent) in linters.iter().map(|name| (*name, *name)).chain([("security", "hole-finder")]) {
        template.push_str(&format!(
            "[[agents]]\nrole = \"{role}\"\nsubagent = \"{subagent}\"\nmax_attempts = 1\n"
        ));
    }
    desk.write("templates/lint.toml", &format!("{template}[config]\nsynthesis = true\n"));

    // What is not committed is read as it is, in a commit of that moment.
    desk.room.repo().commit("Have it looked at");

    let first = desk.waits("lint --files **", 0);
    assert!(states(&first).split(", ").all(|state| state.ends_with(" completed")), "{}", states(&first));
    assert_eq!(role(&first, "ruff")["findings"], 5);
    let id = text(&first, "/id");
    let report = files(&desk, id);
    assert_eq!(report.keys().collect::<Vec<_>>(), ["synthesis.json", "synthesis.md", "synthesis.sarif"]);
    let synthesis: Value = serde_json::from_str(&report["synthesis.json"]).unwrap();
    let mut wanted: BTreeMap<(String, u64), BTreeSet<&str>> = BTreeMap::new();
    for (linter, _, file, line) in FAULTS {
        let by = wanted.entry((file.to_owned(), line.into())).or_default();
        by.insert(linter);
        by.extend((linter == "ruff").then_some("ruff-sarif"));
    }
    wanted.get_mut(&("app/serve.py".to_owned(), 6)).unwrap().insert("security");
    let found = synthesis["findings"].as_array().unwrap();
    let found: Vec<((String, u64), BTreeSet<&str>)> = found
        .iter()
        .map(|one| {
            let roles = one["roles"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            ((text(one, "/file").to_owned(), one["line"].as_u64().unwrap()), roles)
        })
        .collect();
    assert_eq!(found.len(), FAULTS.len(), "{found:#?}");
    assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), wanted);
    assert_eq!(
        (text(&synthesis, "/findings/0/severity"), text(&synthesis, "/findings/0/title")),
        ("critical", "Anybody runs anything")
    );
    assert_eq!(synthesis["ungrounded"].as_array().unwrap().len(), 1);
    let told = &first["context"]["report"];
    assert_eq!(
        (&told["verdict"], &told["counts"]["critical"]),
        (&json!("CHANGES_REQUESTED"), &json!(1)),
        "{told:#}"
    );
    assert!(report["synthesis.md"].contains("- 1 critical issue\n"), "{}", report["synthesis.md"]);

    let second = desk.waits("lint --files **", 0);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(files(&desk, text(&second, "/id")), report);
    // Made once more of the same roles.
    desk.room.convoy(&format!("synthesize {id}"));
    let follow = desk.room.follow("convoy.synthesized");
    assert!(
        follow.until(crate::room::SOON, |text| text.matches("convoy.synthesized").count() == 3),
        "{}",
        desk.told()
    );
    assert_eq!(files(&desk, id), report);
}
