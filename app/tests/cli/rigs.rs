//! `convoy rig`: what is added and refused, from where commands find the workspace, and what a running engine takes up.

use convoy_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::{room, words, workspace};

/// A workspace with two more repositories beside it, none of them added yet.
fn three() -> TestEnv {
    let env = workspace();
    env.repo_named("api");
    env.repo_named("web");
    env
}

fn convoy(env: &TestEnv, line: &str) -> Value {
    env.convoy(words(&format!("{line} --json"))).ok().json()
}

/// Insists on a refusal that changes nothing. What it says.
#[track_caller]
fn refused(env: &TestEnv, line: &str, status: i32) -> String {
    let config = || std::fs::read_to_string(env.dir().join(".convoy/config.toml")).expect("a configuration");
    let before = config();
    let run = env.convoy(words(line)).exits(status);
    assert_eq!(config(), before, "{line}");
    let clones = env.dir().join(".convoy/rigs");
    let left = clones.read_dir().map(|entries| entries.count()).unwrap_or_default();
    assert_eq!(left, 0, "{line}: nothing is left of it");
    run.stderr
}

#[test]
fn what_people_read() {
    let shown = |lines: &[&str]| {
        let run = |up: bool| {
            let env = three();
            if up {
                env.convoy(["up"]).ok();
            }
            lines.iter().map(|line| env.convoy(words(line)).shown()).collect::<Vec<_>>().join("\n")
        };
        let (down, up) = (run(false), run(true));
        assert_eq!(down, up, "the engine down, and up");
        down
    };
    insta::assert_snapshot!(shown(&[
        "rig add api ../api --prefix ap",
        "rig add api ../api",
        "issue create 'In the api' --id ap-1",
        "issue create 'In the api too' --id ap-2 --priority 0",
        "create Both ap-1 ap-2",
        "rig list",
        "rig park api",
        "rig park api",
        "why ap-1",
        "rig status api",
        "rig unpark api",
        "rig unpark api",
        "rig remove api",
        "rig remove api --force",
        "rig remove api",
        "issue show ap-1",
        "why ap-1",
        "rig status api",
        "rig list",
    ]));
}

#[test]
fn everything_is_checked_before_anything_changes() {
    let env = three();
    env.repo_named("worktrees").git(["worktree", "add", "-q", "-b", "x", "../tree"]);
    env.convoy(words("issue create t --id zz-1")).ok();
    let ways: [(&str, i32, &str); 17] = [
        ("rig add gastown ../api", 4, "there is a rig gastown already"),
        ("rig add api ../api --prefix gt", 4, "prefix \"gt\" is that of rig gastown"),
        ("rig add api ../api --prefix hq", 2, "the workspace's own"),
        ("rig add api ../api --prefix A-b", 2, "expected 1 to 12 lower-case letters"),
        ("rig add api ../api --prefix zz", 4, "issues with prefix \"zz\" that belong to rig gastown"),
        ("rig add api ../api --default-branch nope", 1, "there is no branch \"nope\""),
        ("rig add api ../api --default-branch a..b", 2, "default-branch"),
        ("rig add api ../nothing", 3, "\"../nothing\""),
        ("rig add api ../home", 1, "not in a git repository"),
        ("rig add api ../api/src", 1, "it is inside the repository"),
        ("rig add api .", 4, "is the repository of rig gastown"),
        ("rig add api ../api/README.md", 1, "is not a folder"),
        ("rig add api ext::sh", 3, "\"ext::sh\""),
        ("rig add api file:///no/such/repository", 1, "git clone failed"),
        ("rig add ../x ../api", 2, "name"),
        ("rig add a.b ../api", 2, "name"),
        ("rig add mayor ../api", 2, "means something else"),
    ];
    for up in [false, true] {
        if up {
            env.convoy(["up"]).ok();
        }
        for (line, status, why) in ways {
            let said = refused(&env, line, status);
            assert!(said.contains(why), "{line}: {said}");
        }
        refused(&env, "rig remove gastown", 1);
        refused(&env, "rig remove nowhere", 3);
        refused(&env, "rig park nowhere", 3);
        refused(&env, "rig status nowhere", 3);
    }
    // One repository by two of its work trees.
    env.convoy(words("rig add worktrees ../worktrees --prefix wt")).ok();
    let run = env.convoy(words("rig add tree ../tree --prefix tr")).exits(4);
    assert!(run.stderr.contains("is the repository of rig worktrees"), "{}", run.shown());
}

#[test]
fn an_address_is_cloned_into_the_workspace_and_git_ignores_it() {
    let env = three();
    // A hook that the template or the repository would bring must not run, nor be there.
    let web = env.repo_at(&env.root().join("web"));
    web.write(".convoy/config.toml", "[rigs.evil]\npath = \".\"\nprefix = \"ev\"\n");
    web.commit("Bring a configuration");
    let templates = env.root().join("templates/hooks");
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::write(templates.join("post-checkout"), "#!/bin/sh\ntouch \"$HOME/ran\"\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(templates.join("post-checkout"), executable).unwrap();
    web.git(["config", "--global", "init.templateDir", env.root().join("templates").to_str().unwrap()]);
    let line = format!("rig add web file://{} --prefix we", web.path().display());
    let added = convoy(&env, &line);
    assert_eq!((&added["ok"], &added["changed"]), (&json!(true), &json!(true)));
    assert_eq!(convoy(&env, &line)["changed"], false, "again");
    let clone = env.dir().join(".convoy/rigs/web");
    assert_eq!(std::fs::read_to_string(clone.join("README.md")).unwrap(), "# A small repository\n");
    assert!(!env.home().join("ran").exists() && !clone.join(".git/hooks/post-checkout").exists());
    let config = std::fs::read_to_string(env.dir().join(".convoy/config.toml")).expect("a configuration");
    assert!(config.contains("[rigs.web]\npath = \".convoy/rigs/web\"\nprefix = \"we\"\n"), "{config}");
    assert!(config.starts_with("# Convoy's configuration."), "comments stay: {config}");
    let home = env.repo_at(&env.dir());
    assert_eq!(home.git(["status", "--porcelain", "-uall"]).lines().count(), 2, "the configuration itself");
    // From inside the clone it is this workspace, whatever the repository brings.
    let rigs = env.convoy_in(&clone.join("src"), ["rig", "list", "--json"]).ok().json();
    assert_eq!(rigs[1]["name"], "web", "{rigs:#}");
    // Removed, it stays; added again, it is taken as it is.
    std::fs::write(clone.join("mine.txt"), "kept\n").unwrap();
    convoy(&env, "rig remove web");
    assert_eq!(std::fs::read_to_string(clone.join("mine.txt")).unwrap(), "kept\n");
    assert_eq!(convoy(&env, &line)["changed"], true);
    assert_eq!(std::fs::read_to_string(clone.join("mine.txt")).unwrap(), "kept\n");
    // Another repository cannot take its place.
    convoy(&env, "rig remove web");
    let other = format!("rig add web file://{}", env.root().join("api").display());
    assert!(env.convoy(words(&other)).exits(4).stderr.contains("is no clone of that address"));
}

#[test]
fn a_clone_that_was_cut_off_is_made_again() {
    let env = three();
    let rigs = env.dir().join(".convoy/rigs");
    std::fs::create_dir_all(rigs.join(".cloning-x1/web/.git")).unwrap();
    convoy(&env, &format!("rig add web file://{} --prefix we", env.root().join("web").display()));
    assert!(rigs.join("web/README.md").exists());
}

#[test]
fn from_anywhere_it_is_the_same_workspace() {
    let env = three();
    for (name, prefix) in [("api", "ap"), ("web", "we")] {
        convoy(&env, &format!("rig add {name} ../{name} --prefix {prefix}"));
        convoy(&env, &format!("issue create In --id {prefix}-1"));
    }
    convoy(&env, "create All ap-1 we-1");
    let api = env.repo_at(&env.root().join("api"));
    api.git(["worktree", "add", "-q", "-b", "x", "../tree"]);
    assert_eq!(api.git(["status", "--porcelain", "--ignored"]), "", "the repository is not dirty");
    env.repo_at(env.root()).git(["clone", "-q", "--bare", "api", "bare.git"]);
    env.convoy(words("rig add bare ../bare.git --prefix ba")).ok();
    for up in [false, true] {
        if up {
            env.convoy(["up"]).ok();
        }
        let here = env.convoy(["status", "--json"]).ok().json();
        assert_eq!(here[0]["total"], 2, "{here:#}");
        for place in ["repo", "repo/src", "api", "api/src", "web", "tree", "bare.git"] {
            let dir = env.root().join(place);
            assert_eq!(env.convoy_in(&dir, ["status", "--json"]).ok().json(), here, "in {place}");
            let from = env.convoy_in(env.root(), ["-C", place, "status", "--json"]);
            assert_eq!(from.ok().json(), here, "-C {place}");
        }
        // A variable of git's does not lead elsewhere.
        let mut command = env.command(env!("CARGO_BIN_EXE_convoy"), &env.root().join("api"));
        command.args(["status", "--json"]).env("GIT_DIR", env.root().join("nowhere"));
        assert_eq!(env.run(command).ok().json(), here);
    }
    let found = env.convoy_in(&env.root().join("api"), ["rig", "remove", "bare", "--json"]).ok().json();
    assert_eq!(found["changed"], true);
    assert!(!env.root().join("bare.git/convoy-workspace").exists(), "the note goes with the rig");
    env.convoy_in(&env.root().join("bare.git"), ["list"]).exits(3);
}

#[test]
fn a_repository_cannot_lead_into_a_workspace_that_does_not_list_it() {
    let env = three();
    let note = env.root().join("api/.git/convoy-workspace");
    let root = env.dir().canonicalize().unwrap();
    let lead = |to: &str| std::fs::write(&note, format!("{to}\n")).unwrap();
    lead(root.to_str().unwrap());
    env.convoy_in(&env.root().join("api"), ["list"]).exits(3);
    // Listed in return, it counts.
    convoy(&env, "rig add api ../api --prefix ap");
    env.convoy_in(&env.root().join("api"), ["list"]).ok();
    // What it says otherwise means nothing.
    for to in ["", "../repo", "/nonexistent", "/", "\0"] {
        lead(to);
        env.convoy_in(&env.root().join("api"), ["list"]).exits(3);
    }
    std::fs::remove_file(&note).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &note).unwrap();
    env.convoy_in(&env.root().join("api"), ["list"]).exits(3);
    // Adding it again mends it.
    assert_eq!(convoy(&env, "rig add api ../api")["changed"], false);
    env.convoy_in(&env.root().join("api"), ["list"]).ok();
    // A configuration that is a pipe holds nobody up.
    let trap = env.root().join("trap/.convoy");
    std::fs::create_dir_all(&trap).unwrap();
    env.run({
        let mut command = env.command("mkfifo", &trap);
        command.arg("config.toml");
        command
    })
    .ok();
    lead(trap.parent().unwrap().canonicalize().unwrap().to_str().unwrap());
    env.convoy_in(&env.root().join("api"), ["list"]).exits(3);
}

#[test]
fn a_rig_that_is_a_workspace_of_its_own_stays_one() {
    let env = three();
    convoy(&env, "rig add api ../api --prefix ap");
    let api = env.root().join("api");
    assert_eq!(env.convoy_in(&api, ["rig", "list", "--json"]).ok().json().as_array().unwrap().len(), 2);
    env.convoy_in(&api, ["init", "--name", "alone", "--prefix", "al"]).ok();
    let rigs = env.convoy_in(&api, ["rig", "list", "--json"]).ok().json();
    assert_eq!((rigs.as_array().unwrap().len(), &rigs[0]["name"]), (1, &json!("alone")));
}

#[test]
fn two_workspaces_may_share_a_repository_and_it_leads_to_the_first() {
    let env = three();
    convoy(&env, "rig add api ../api --prefix ap");
    let other = env.repo_named("other");
    env.convoy_in(other.path(), ["init", "--name", "other", "--prefix", "ot"]).ok();
    let added = env.convoy_in(other.path(), ["rig", "add", "api", "../api", "--json"]).ok().json();
    assert!(added["note"].as_str().unwrap().contains("go on to find workspace"), "{added:#}");
    let rigs = env.convoy_in(&env.root().join("api"), ["rig", "list", "--json"]).ok().json();
    assert_eq!(rigs[1]["name"], "gastown", "{rigs:#}");
}

#[test]
fn a_running_engine_takes_up_what_is_set_and_what_is_edited() {
    let env = three();
    env.convoy(["up"]).ok();
    convoy(&env, "rig add api ../api --prefix ap");
    convoy(&env, "issue create In --rig api --id ap-1");
    assert_eq!(convoy(&env, "rig status api")["max_parallel"], Value::Null);
    let set = convoy(&env, "config set rigs.api.max_parallel 2");
    assert_eq!((&set["changed"], &convoy(&env, "rig status api")["max_parallel"]), (&json!(true), &json!(2)));
    assert_eq!(convoy(&env, "config set rigs.api.max_parallel 2")["changed"], false);
    // Edited by hand: the engine says so in its log.
    let file = env.dir().join(".convoy/config.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let log = env.dir().join(".convoy/state/engine.log");
    let said = |text: &str| {
        let has = || std::fs::read_to_string(&log).unwrap_or_default().contains(text);
        assert!(convoy_testkit::wait::until(&log, std::time::Duration::from_secs(60), has), "{text}");
    };
    std::fs::write(&file, format!("{good}max_paralel = 3\n")).unwrap();
    said("the configuration is not accepted, the earlier one holds");
    assert_eq!(convoy(&env, "rig status api")["max_parallel"], 2, "the earlier one holds");
    let doctor = env.convoy(["doctor"]).exits(1);
    assert!(
        doctor.stdout.contains("unknown key") && doctor.stdout.contains("the last one that was accepted"),
        "{}",
        doctor.shown()
    );
    env.convoy(words("config set defaults.max_parallel 3")).exits(2);
    std::fs::write(&file, good.replace("max_parallel = 2", "max_parallel = 7")).unwrap();
    said("the configuration is accepted again");
    assert_eq!(convoy(&env, "rig status api")["max_parallel"], 7);
}

#[test]
fn a_folder_that_is_gone_shows_as_that() {
    for up in [false, true] {
        let env = three();
        convoy(&env, "rig add api ../api --prefix ap");
        convoy(&env, "issue create In --id ap-1");
        convoy(&env, "create One ap-1");
        if up {
            env.convoy(["up"]).ok();
        }
        std::fs::rename(env.root().join("api"), env.root().join("away")).unwrap();
        let rig = convoy(&env, "rig status api");
        assert_eq!((&rig["health"], &rig["open_issues"]), (&json!("unreadable"), &json!(1)), "{rig:#}");
        assert!(rig["detail"].as_str().unwrap().contains("No such file"), "{rig:#}");
        let why = convoy(&env, "why ap-1");
        assert_eq!(why["reasons"][0]["code"], "rig_unreadable", "{why:#}");
        assert!(env.convoy(["doctor"]).exits(1).stdout.contains("mend it, or: convoy rig remove api"));
        // Tracking goes on, and a person may close what they know to be done.
        assert_eq!(convoy(&env, "check"), json!([]));
        convoy(&env, "issue close ap-1");
        assert_eq!(convoy(&env, "list --all")[0]["status"], "landed");
        let item = convoy(&env, "rig remove api");
        assert_eq!(item["changed"], true);
    }
}

#[test]
fn gates_may_be_for_some_rigs_and_names_are_checked() {
    let env = three();
    convoy(&env, "rig add api ../api --prefix ap");
    let set = |line: &str| env.convoy(words(&format!("config set {line}")));
    set("gates.test.command '[\"true\"]'").ok();
    set("gates.test.rigs '[\"api\"]'").ok();
    let wrong = set("gates.test.rigs '[\"aip\"]'").exits(2);
    assert!(wrong.stderr.contains("names of rigs"), "{}", wrong.shown());
    let held = env.convoy(words("rig remove api")).exits(2);
    assert!(held.stderr.contains("gates.test.rigs"), "a gate that would never run again: {}", held.shown());
}

#[test]
fn init_in_a_workspace_with_more_rigs_names_them() {
    let env = three();
    convoy(&env, "rig add api ../api --prefix ap");
    let again = convoy(&env, "init");
    assert_eq!((&again["name"], &again["rigs"]), (&json!("gastown"), &json!(["api"])));
    let empty = room();
    empty.repo();
    assert_eq!(convoy(&empty, "init")["rigs"], json!([]));
}

#[test]
fn a_default_agent_that_is_none_is_refused_and_nothing_is_written() {
    for up in [false, true] {
        let env = three();
        if up {
            env.convoy(["up"]).ok();
        }
        let file = env.dir().join(".convoy/config.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        let set = env.convoy(words("config set defaults.agent nosuch")).exits(2);
        assert!(set.stderr.contains("there is no agent \"nosuch\""), "{}", set.shown());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    }
}

#[test]
fn work_may_land_in_any_branch_of_an_address() {
    let env = three();
    let web = env.repo_at(&env.root().join("web"));
    web.git(["branch", "develop"]);
    let line = format!("rig add web file://{} --prefix we --default-branch", web.path().display());
    let wrong = refused(&env, &format!("{line} nope"), 1);
    assert!(wrong.contains("there is no branch \"nope\" in the repository of web"), "{wrong}");
    assert_eq!(convoy(&env, &format!("{line} develop"))["changed"], true);
    let clone = env.repo_at(&env.dir().join(".convoy/rigs/web"));
    assert_eq!(clone.git(["rev-parse", "develop"]), web.git(["rev-parse", "develop"]));
}
