//! Real linters on a repository with planted faults, and reviewers beside them: each fault is in the report once, with all
//! who found it, as grave as the gravest says.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use convoy_core::id::RoleName;
use convoy_core::review::{Confidence, Finding, Severity};
use convoy_engine::findings::program::{self, Root};
use convoy_engine::findings::{Found, Lane, Subject, Synthesis, ground_all, report};
use convoy_engine::git::{Git, Oid, Repo};
use convoy_engine::os::spawn::Environment;
use convoy_testkit::env::TestEnv;
use convoy_testkit::real_linters::{self, FAULTS, RUFF_RULES, plant};

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

/// What a linter prints. That it exits with 1 when it found something is no failure.
fn printed(env: &TestEnv, dir: &Path, words: &[&str]) -> String {
    let mut command = env.command(words[0], dir);
    command.args(&words[1..]);
    command.env("CARGO_TARGET_DIR", env.root().join("target")).env("CARGO_HOME", env.root().join("home"));
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().is_some_and(|code| code < 2), "{words:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn linters(env: &TestEnv, dir: &Path) -> Vec<(RoleName, Vec<Finding>)> {
    let ruff = |format| {
        ["ruff", "check", "--isolated", "--no-cache", "--select", RUFF_RULES, "--output-format", format, "."]
    };
    let shell = |format| ["shellcheck", "--format", format, "bin/deploy.sh"];
    let clippy = ["cargo", "clippy", "--offline", "--quiet", "--message-format=json"];
    let lanes: [(&str, &[&str]); 5] = [
        ("ruff", &ruff("json")),
        ("ruff-sarif", &ruff("sarif")),
        ("shellcheck", &shell("json1")),
        ("shellcheck-plain", &shell("json")),
        ("clippy", &clippy),
    ];
    let root = Root::new(dir);
    let read = |(name, words): (&str, &[&str])| {
        (role(name), program::read(&printed(env, dir, words), &root).unwrap())
    };
    lanes.into_iter().map(read).collect()
}

/// As semgrep prints it, with the severity that its rule has.
fn semgrep(root: &Root) -> Vec<Finding> {
    let place = serde_json::json!({ "physicalLocation": {
        "artifactLocation": { "uri": "app/serve.py", "uriBaseId": "%SRCROOT%" },
        "region": { "startLine": 6, "endLine": 6, "snippet": { "text": "    subprocess.call(\"ls \" + name, shell=True)" } } } });
    let id = "python.lang.security.audit.subprocess-shell-true.subprocess-shell-true";
    let sarif = serde_json::json!({ "version": "2.1.0", "runs": [{
        "tool": { "driver": { "name": "Semgrep OSS", "rules": [
            { "id": id, "defaultConfiguration": { "level": "error" }, "properties": { "tags": ["security", "CWE-78"] } }] } },
        "results": [{ "ruleId": id, "locations": [place],
            "message": { "text": "Found 'subprocess' function 'call' with 'shell=True'. Use 'shell=False' instead." } }] }] });
    program::read(&sarif.to_string(), root).unwrap()
}

fn said(severity: Severity, category: &str, title: &str, line: u32, quote: &str) -> Finding {
    Finding {
        severity,
        category: category.into(),
        title: title.into(),
        file: Some("app/serve.py".into()),
        line: Some(line),
        quote: quote.into(),
        problem: format!("{title}."),
        impact: "It goes wrong.".into(),
        fix: "Mend it.".into(),
        confidence: Some(Confidence::Medium),
        ..Finding::default()
    }
}

/// Two agents, one of which also says what is not so.
fn agents() -> Vec<(RoleName, Vec<Finding>)> {
    let security = vec![
        // Its line is wrong; the quote says where it is.
        said(
            Severity::Critical,
            "injection",
            "Anybody runs anything",
            40,
            "subprocess.call(\"ls \" + name, shell=True)",
        ),
        said(Severity::Blocker, "auth", "The password is in the code", 3, "password = \"hunter2\""),
    ];
    let correctness = vec![
        said(
            Severity::High,
            "error-handling",
            "Every exception is swallowed",
            9,
            "    except:\n        return None",
        ),
        said(Severity::Medium, "undefined name", "missing_name is not there", 15, "return missing_name"),
    ];
    vec![(role("security"), security), (role("correctness"), correctness)]
}

fn lanes(repo: &Repo, commit: &Oid, env: &TestEnv, dir: &Path) -> Vec<Lane> {
    let mut all = linters(env, dir);
    all.push((role("semgrep"), semgrep(&Root::new(dir))));
    let programs = all.len();
    all.extend(agents());
    let ground = |(n, (role, findings)): (usize, (RoleName, Vec<Finding>))| {
        let mut found = Found::of(&role, findings, n < programs);
        ground_all(&mut found, &mut |path| repo.text_at(commit, path)).unwrap();
        Lane { role, found }
    };
    all.into_iter().enumerate().map(ground).collect()
}

#[test]
fn every_planted_fault_is_there_once_with_all_who_found_it_and_twice_is_the_same() {
    if !real_linters::ready() {
        return;
    }
    let env = TestEnv::new("/nowhere/convoy");
    real_linters::link_into(&env.bin());
    let planted = env.repo();
    plant(planted.path());
    let commit = Oid::new(&planted.commit("Plant faults")).unwrap();
    let command = env.command("git", planted.path());
    let vars = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let repo = Repo::open(&Git::new(&Environment::new(vars)).unwrap(), planted.path()).unwrap();
    let subject =
        Subject { template: "code-review".into(), commit: Some(commit.to_string()), ..Subject::default() };

    let first = lanes(&repo, &commit, &env, planted.path());
    let given: usize = first.iter().map(|lane| lane.found.len()).sum();
    let made = Synthesis::make(subject.clone(), first, Vec::new(), None);

    let mut wanted: BTreeMap<(&str, u32), BTreeSet<&str>> = BTreeMap::new();
    for (linter, _, file, line) in FAULTS {
        let by: &[&str] = match linter {
            "ruff" => &["ruff", "ruff-sarif"],
            "shellcheck" => &["shellcheck", "shellcheck-plain"],
            _ => &["clippy"],
        };
        wanted.entry((file, line)).or_default().extend(by);
    }
    wanted.get_mut(&("app/serve.py", 6)).unwrap().extend(["security", "semgrep"]);
    wanted.get_mut(&("app/serve.py", 9)).unwrap().insert("correctness");
    wanted.get_mut(&("app/serve.py", 15)).unwrap().insert("correctness");
    let found: Vec<((&str, u32), BTreeSet<&str>)> = made
        .findings
        .iter()
        .map(|one| {
            let place = (one.file.as_deref().unwrap(), one.line.unwrap());
            (place, one.roles.iter().map(|role| role.as_str()).collect())
        })
        .collect();
    assert_eq!(found.len(), FAULTS.len(), "{found:#?}");
    assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), wanted);

    let severity = |file: &str, line| {
        made.findings
            .iter()
            .find(|one| one.file.as_deref() == Some(file) && one.line == Some(line))
            .unwrap()
            .severity
    };
    assert_eq!(severity("app/serve.py", 6), Severity::Critical, "the agent's, which is graver than ruff's");
    assert_eq!(severity("app/serve.py", 9), Severity::High);
    assert_eq!(severity("app/serve.py", 15), Severity::High, "ruff's, which is graver than the agent's");
    assert_eq!(severity("bin/deploy.sh", 4), Severity::High);
    assert_eq!(severity("bin/deploy.sh", 3), Severity::Low);
    assert_eq!(severity("src/lib.rs", 5), Severity::Medium);
    assert_eq!(made.findings[0].line, Some(6), "the gravest comes first");
    assert_eq!(made.findings[0].title, "Anybody runs anything");

    let apart: Vec<&str> = made.ungrounded.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(apart, ["The password is in the code"]);
    assert_eq!(made.counts.duplicates as usize, given - FAULTS.len() - 1);
    assert_eq!(made.counts.blocker, 0);

    let mut second = lanes(&repo, &commit, &env, planted.path());
    second.reverse();
    let again = Synthesis::make(subject, second, Vec::new(), None);
    assert_eq!(report::review(&again), report::review(&made));
}
