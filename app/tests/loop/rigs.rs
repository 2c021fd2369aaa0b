//! Several repositories: convoys that land over all of them, from anywhere, engine up, down, or killed in between;
//! rigs that are parked, that go away, and that come back.

use std::path::PathBuf;

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::room::{Room, SOON, commit, outside, shell, text};

/// A workspace with a rig outside of it, `api`, and a clone inside of it, `web`.
fn three(config: &str, script: impl FnOnce(&Room) -> Script) -> Room {
    let env = outside();
    env.repo();
    env.repo_named("api");
    env.repo_named("origin-of-web");
    let room = Room::around(env, config, &Script::works());
    room.plays(&script(&room));
    room.convoy("rig add api ../api --prefix ap");
    let web = room.env.root().join("origin-of-web").display().to_string();
    room.convoy(&format!("rig add web file://{web} --prefix we"));
    room
}

fn place(room: &Room, rig: &str) -> PathBuf {
    match rig {
        "web" => room.env.dir().join(".convoy/rigs/web"),
        "home" => room.env.dir(),
        other => room.env.root().join(other),
    }
}

/// Insists that the work on an issue is in the main branch of its repository, once, and in no other.
#[track_caller]
fn landed_in(room: &Room, rig: &str, issue: &str) {
    for other in ["home", "api", "web"] {
        let subjects = room.env.repo_at(&place(room, other)).subjects("main");
        let merges =
            subjects.iter().filter(|subject| subject.starts_with(&format!("Merge {issue}:"))).count();
        assert_eq!(merges, usize::from(other == rig), "{issue} in {other}: {subjects:#?}");
    }
    let shown = room.env.repo_at(&place(room, rig)).git(["show", &format!("main:{issue}.txt")]);
    assert_eq!(shown, "done");
}

fn engine(room: &Room) -> u64 {
    room.json("daemon status")["pid"].as_u64().unwrap()
}

fn kill(room: &Room, pid: u64) {
    let process = room.env.processes().into_iter().find(|p| u64::try_from(p.pid) == Ok(pid)).unwrap();
    let pid = rustix::process::Pid::from_raw(process.pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_convoy_over_three_repositories_lands() {
    let room = three("", |_| Script::works());
    room.issues("gt-1 ap-1:gt-1 we-1:ap-1");
    // From inside one of them, and about all of them.
    let api = place(&room, "api");
    let made = room.env.convoy_in(&api, ["create", "Full", "gt-1", "ap-1", "we-1", "--run", "--json"]);
    let convoy = made.ok().json()["id"].as_str().unwrap().to_owned();
    let web = place(&room, "web");
    let view = room.env.convoy_in(&web, ["wait", &convoy, "--timeout", "60s", "--json"]).ok().json();
    assert_eq!(
        (&view["completed"], &view["total"], text(&view, "/status")),
        (&json!(3), &json!(3), "landed")
    );
    for (rig, issue) in [("home", "gt-1"), ("api", "ap-1"), ("web", "we-1")] {
        landed_in(&room, rig, issue);
        assert_eq!(room.issue(issue)["rig"], rig);
    }
    assert_eq!(room.env.repo_at(&web).git(["status", "--porcelain"]), "", "the checkout followed");
}

#[test]
fn with_no_engine_a_convoy_is_tracked_and_closed_by_hand_from_anywhere() {
    let room = three("", |_| Script::works());
    room.issues("gt-1 ap-1 we-1");
    let convoy = room.json("create Full gt-1 ap-1 we-1")["id"].as_str().unwrap().to_owned();
    for (rig, issue) in [("web", "ap-1"), ("api", "gt-1"), ("home", "we-1")] {
        let before = room.json(&format!("status {convoy}"));
        assert_eq!(before["status"], "open");
        room.env.convoy_in(&place(&room, rig), ["issue", "close", issue]).ok();
    }
    let view = room.json(&format!("status {convoy}"));
    assert_eq!((text(&view, "/status"), &view["completed"]), ("landed", &json!(3)));
    assert_eq!(room.json("daemon status")["running"], false);
    assert_eq!(room.events("convoy.landed").len(), 1);
}

#[test]
fn killed_between_the_merges_it_lands_all_the_same() {
    for point in ["merge:before@2", "merge:after@2", "merge:after@1", "append:after@12"] {
        let room = three("", |_| Script::works());
        room.issues("gt-1 ap-1 we-1");
        let convoy = room.json("create Full gt-1 ap-1 we-1")["id"].as_str().unwrap().to_owned();
        let mut up = room.env.command(env!("CARGO_BIN_EXE_convoy"), &room.env.dir());
        up.arg("up").env("CONVOY_CRASH", point);
        room.env.run(up).ok();
        let pid = engine(&room);
        let start = room.env.convoy_in(&place(&room, "web"), ["work", "assign", "we-1", &convoy]);
        let run = room.env.convoy_in(&place(&room, "api"), ["run", &convoy]);
        let gone = !room.env.processes().iter().any(|p| u64::try_from(p.pid) == Ok(pid));
        assert!(gone, "{point}: the engine was killed\n{}\n{}", start.shown(), run.shown());
        room.env.convoy_in(&place(&room, "web"), ["up"]).ok();
        room.env.convoy_in(&place(&room, "web"), ["run", &convoy]);
        let view = room.lands(&convoy);
        assert_eq!(view["completed"], 3, "{point}: {view:#}");
        for (rig, issue) in [("home", "gt-1"), ("api", "ap-1"), ("web", "we-1")] {
            landed_in(&room, rig, issue);
        }
        assert_eq!(room.events("convoy.landed").len(), 1, "{point}");
    }
}

#[test]
fn killed_while_agents_of_two_rigs_are_at_work() {
    let room = three("", |room| {
        let held = |issue: &str| {
            let file = format!("{issue}.txt");
            [&[Room::hold(&room.env, "go")][..], &commit(&file, "done\n")].concat()
        };
        Script::default()
            .issue("gt-1", commit("gt-1.txt", "done\n"))
            .issue("ap-1", held("ap-1"))
            .issue("we-1", held("we-1"))
    });
    let convoy = room.launch_new("gt-1 ap-1 we-1", "");
    room.env.wait_witness("waiting", 2);
    room.until("issue.closed", "gt-1");
    kill(&room, engine(&room));
    room.open("go");
    room.convoy("up");
    assert_eq!(room.lands(&convoy)["completed"], 3);
    assert_eq!(room.env.wait_witness("start", 3).len(), 3, "nobody was started twice");
    for (rig, issue) in [("home", "gt-1"), ("api", "ap-1"), ("web", "we-1")] {
        landed_in(&room, rig, issue);
    }
}

#[test]
fn rigs_merge_beside_each_other_and_within_one_in_turn() {
    let line = "mktemp \"$HOME/../at-gate.XXXXXX\"; until test -f \"$HOME/../go\"; do sleep 0.05; done";
    let gate = format!("[gates.hold]\ncommand = [\"sh\", \"-c\", {}]\n", json!(line));
    let room = three(&gate, |_| Script::works());
    let convoy = room.launch_new("gt-1 gt-2 ap-1 we-1", "");
    let at_gate = || {
        let entries = room.env.root().read_dir().unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("at-gate")).count()
    };
    // All four are submitted, and three of them are at their gates, though nothing has landed.
    let submitted = room.follow("worker.submitted");
    assert!(submitted.until(SOON, |text| text.lines().count() == 4), "{}", room.story());
    let came = convoy_testkit::wait::until(&room.env.root().join("at-gate"), SOON, || at_gate() == 3);
    assert!(came, "{} at their gates", at_gate());
    let waiting = room.json("rig status home")["merges"].as_array().unwrap().len();
    assert_eq!((at_gate(), waiting), (3, 2), "the second of the home rig waits for the first");
    room.open("go");
    room.lands(&convoy);
    assert_eq!(at_gate(), 4);
}

#[test]
fn gates_run_for_the_rigs_that_they_name() {
    let gates = "[gates.all]\ncommand = [\"true\"]\n[gates.only]\ncommand = [\"true\"]\n";
    let room = three(gates, |_| Script::works());
    room.convoy("config set gates.only.rigs [\"api\",\"home\"]");
    let convoy = room.launch_new("gt-1 ap-1 we-1", "");
    room.lands(&convoy);
    let names = |issue: &str| -> Vec<String> {
        let issue = room.issue(issue);
        let gates = issue["evidence"]["gates"].as_array().unwrap().clone();
        gates.iter().map(|gate| text(gate, "/name").to_owned()).collect()
    };
    assert_eq!((names("gt-1"), names("ap-1")), (vec!["all".into(), "only".into()], names("gt-1")));
    assert_eq!(names("we-1"), ["all"]);
}

#[test]
fn a_parked_rig_begins_nothing_and_goes_on_at_once() {
    let room = three("", |room| {
        let steps = [&[Room::hold(&room.env, "go")][..], &commit("ap-1.txt", "done\n")].concat();
        Script::default().issue("ap-1", steps).issue("ap-2", commit("ap-2.txt", "done\n"))
    });
    room.convoy("config set rigs.api.max_parallel 1");
    let convoy = room.launch_new("ap-1 ap-2", "");
    room.env.wait_witness("waiting", 1);
    let status = room.json("rig status api");
    let worker = &status["workers"][0];
    assert_eq!((text(worker, "/state"), text(worker, "/issue_id")), ("running", "ap-1"), "{status:#}");
    assert_eq!(worker["convoys"], json!([convoy]), "{status:#}");
    assert!(worker["age_s"].is_i64());
    assert_eq!((text(&status, "/queue/0/id"), &status["queue"][0]["convoys"]), ("ap-2", &json!([convoy])));
    room.convoy("rig park api");
    room.open("go");
    room.until("issue.closed", "ap-1");
    landed_in(&room, "api", "ap-1");
    let why = room.json("why ap-2");
    assert_eq!(
        (text(&why, "/reasons/0/code"), text(&why, "/reasons/0/command")),
        ("rig_parked", "convoy rig unpark api")
    );
    let stranded = room.json("stranded");
    assert_eq!(
        (text(&stranded, "/0/category"), text(&stranded, "/0/command")),
        ("rig parked", "convoy rig unpark api")
    );
    assert_eq!(room.env.wait_witness("start", 1).len(), 1);
    // With the engine down as with it up: whoever unparks has it go on.
    room.convoy("down");
    room.convoy("rig unpark api");
    room.lands(&convoy);
    landed_in(&room, "api", "ap-2");
}

#[test]
fn a_running_engine_takes_an_added_rig_at_once() {
    let env = outside();
    env.repo();
    env.repo_named("api");
    let room = Room::around(env, "", &Script::works());
    room.convoy("up");
    room.convoy("rig add api ../api --prefix ap");
    let convoy = room.launch_new("ap-1", "");
    room.lands(&convoy);
    // A rig in the workspace's own folder, seen when the file is edited by hand.
    room.env.repo_named("repo/inner");
    let follow = room.env.dir().join(".convoy/state/engine.log");
    let before = std::fs::read_to_string(&follow).unwrap().matches("has changed").count();
    room.configure("[rigs.inner]\npath = \"inner\"\nprefix = \"in\"\n");
    let changed = || std::fs::read_to_string(&follow).unwrap().matches("has changed").count() > before;
    assert!(convoy_testkit::wait::until(&follow, SOON, changed));
    let convoy = room.launch_new("in-1", "");
    room.lands(&convoy);
    let inner = room.env.repo_at(&room.env.dir().join("inner"));
    assert_eq!(inner.git(["show", "main:in-1.txt"]), "done");
}

/// Breaks a repository while an agent of it is at work and another waits for it; nothing is lost by it.
fn breaks(break_it: impl FnOnce(&Room), mend_it: impl FnOnce(&Room)) {
    let room = three("", |room| {
        let steps = [&commit("ap-1.txt", "done\n")[..], &[Room::hold(&room.env, "go")]].concat();
        Script::default().issue("ap-1", steps).issue("ap-2", commit("ap-2.txt", "done\n"))
    });
    room.convoy("config set rigs.api.max_parallel 1");
    // What git writes while its repository is moved, it writes where the repository was.
    room.convoy("config set checkpoint.enabled false");
    room.convoy("config set checkpoint.snapshots false");
    let convoy = room.launch_new("ap-1 ap-2", "");
    room.env.wait_witness("waiting", 1);
    break_it(&room);
    room.open("go");
    room.until("session.ended", "session.ended");
    let log = room.env.dir().join(".convoy/state/engine.log");
    let said = || std::fs::read_to_string(&log).unwrap().contains("rig api cannot be used");
    assert!(convoy_testkit::wait::until(&log, SOON, said));
    for issue in ["ap-1", "ap-2"] {
        let why = room.json(&format!("why {issue}"));
        assert_eq!(text(&why, "/reasons/0/code"), "rig_unreadable", "{why:#}");
    }
    let rig = room.json("rig status api");
    assert_eq!((text(&rig, "/health"), text(&rig, "/workers/0/state")), ("unreadable", "running"), "{rig:#}");
    assert_eq!(text(&room.json("stranded"), "/0/category"), "rig unreadable");
    // Others are not held up by it, and a new engine sees the same.
    room.convoy("down --stop-agents");
    room.convoy("up");
    let other = room.launch_new("we-1", "");
    room.plays(&Script::works());
    room.lands(&other);
    assert_eq!(room.events("issue.closed").len(), 1);
    mend_it(&room);
    room.lands(&convoy);
    let worker = room.worker("ap-1");
    assert_eq!((&worker["failures"], &worker["lost"], &worker["attempt"]), (&json!(0), &json!(0), &json!(1)));
    landed_in(&room, "api", "ap-1");
    landed_in(&room, "api", "ap-2");
}

#[test]
fn a_repository_that_is_moved_away_is_waited_for() {
    let rename = |from: &'static str, to: &'static str| {
        move |room: &Room| std::fs::rename(place(room, from), place(room, to)).unwrap()
    };
    breaks(rename("api", "away"), rename("away", "api"));
}

#[test]
fn a_repository_that_git_does_not_take_for_one_is_waited_for() {
    let head = |room: &Room| place(room, "api").join(".git/HEAD");
    breaks(
        move |room| std::fs::write(head(room), "").unwrap(),
        move |room| std::fs::write(head(room), "ref: refs/heads/main\n").unwrap(),
    );
}

#[test]
fn a_clone_that_lost_its_git_directory_is_not_taken_for_the_repository_around_it() {
    let room = three("", |_| Script::works());
    let web = place(&room, "web");
    // An engine that has seen it in order finds out only when it begins to work in it.
    room.convoy("up");
    std::fs::rename(web.join(".git"), web.join("was.git")).unwrap();
    let convoy = room.launch_new("we-1 gt-1", "");
    room.until("issue.closed", "gt-1");
    let why = room.json("why we-1");
    assert_eq!(text(&why, "/reasons/0/code"), "rig_unreadable", "{why:#}");
    std::fs::rename(web.join("was.git"), web.join(".git")).unwrap();
    room.lands(&convoy);
    landed_in(&room, "web", "we-1");
    landed_in(&room, "home", "gt-1");
}

#[test]
fn a_rig_that_somebody_works_in_is_not_removed_and_one_taken_out_by_hand_is_waited_for() {
    let room = three("", |room| {
        let steps = [&commit("ap-1.txt", "done\n")[..], &[Room::hold(&room.env, "go")]].concat();
        Script::always(steps)
    });
    let convoy = room.launch_new("ap-1", "");
    room.env.wait_witness("waiting", 1);
    for force in ["", "--force"] {
        let words: Vec<&str> =
            ["rig", "remove", "api", force].into_iter().filter(|w| !w.is_empty()).collect();
        let refused = room.env.convoy(words).exits(1);
        assert!(
            refused.stderr.contains("has workers") && refused.stderr.contains("on ap-1"),
            "{}",
            refused.shown()
        );
    }
    let file = room.env.dir().join(".convoy/config.toml");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replace("[rigs.api]\npath = \"../api\"\nprefix = \"ap\"\n", "")).unwrap();
    room.convoy("config set defaults.max_parallel 5");
    room.open("go");
    room.until("session.ended", "session.ended");
    let why = room.json("why ap-1");
    assert_eq!(text(&why, "/reasons/0/code"), "rig_unknown", "{why:#}");
    assert_eq!(room.json("rig status api")["health"], "unknown");
    room.convoy("rig add api ../api --prefix ap");
    room.lands(&convoy);
    landed_in(&room, "api", "ap-1");
}

#[test]
fn workdirs_of_every_rig_are_cleaned_and_what_was_left_is_saved_where_it_belongs() {
    let aside = "git switch -q -c aside && git commit -q --allow-empty -m Aside && git switch -q -";
    let steps = [&commit("$CONVOY_ISSUE.txt", "done\n")[..], &[shell(aside)]].concat();
    let room = three("", |_| Script::always(steps));
    let convoy = room.launch_new("gt-1 ap-1 we-1", "");
    room.lands(&convoy);
    // What an engine goes on to write into a repository would be written where it was.
    room.convoy("down");
    // One of a repository that is away stays.
    std::fs::rename(place(&room, "api"), place(&room, "away")).unwrap();
    let cleaned = room.env.convoy(["workdir", "clean", "--all", "--json"]).exits(5).json();
    let cleaned = cleaned.as_array().unwrap().clone();
    let failed: Vec<&Value> = cleaned.iter().filter(|one| one["ok"] == false).collect();
    assert_eq!((cleaned.len(), failed.len()), (3, 1), "{cleaned:#?}");
    assert!(text(failed[0], "/error").contains("rig api cannot be asked"), "{cleaned:#?}");
    std::fs::rename(place(&room, "away"), place(&room, "api")).unwrap();
    let again = room.json("workdir clean --all");
    assert_eq!((again.as_array().unwrap().len(), &again[0]["ok"]), (1, &json!(true)));
    for rig in ["home", "api", "web"] {
        let refs = room.env.repo_at(&place(&room, rig)).git(["for-each-ref", "refs/convoy/base"]);
        assert_eq!(refs, "", "{rig}");
    }
    assert_eq!(room.json("workdir list"), json!([]));
}

#[test]
fn work_lands_in_the_branch_that_its_rig_says() {
    let env = outside();
    env.repo();
    let api = env.repo_named("api");
    api.git(["branch", "develop"]);
    let room = Room::around(env, "", &Script::works());
    room.convoy("rig add api ../api --prefix ap --default-branch develop");
    let convoy = room.launch_new("ap-1", "");
    room.lands(&convoy);
    let api = room.env.repo_at(&place(&room, "api"));
    assert_eq!(api.git(["show", "develop:ap-1.txt"]), "done");
    assert_eq!(api.subjects("main"), ["Begin"]);
    assert_eq!(room.json("rig status api")["default_branch"], "develop");
}

#[test]
fn slinging_names_its_rig() {
    let room = three("", |_| Script::always([Step::Exit(0)]));
    room.issues("ap-1 we-1");
    let wrong = room.env.convoy(["sling", "ap-1", "web"]).exits(2);
    assert!(wrong.stderr.contains("belongs to rig api"), "{}", wrong.shown());
    room.convoy("rig park api");
    let slung = room.env.convoy(["sling", "ap-1", "api"]).exits(1);
    assert!(slung.stderr.contains("rig api is parked"), "{}", slung.shown());
    assert_eq!(room.env.witness(), Vec::<Value>::new());
    // Whoever insists has it begin all the same.
    room.convoy("sling ap-1 api --force");
    room.env.wait_witness("start", 1);
}

#[test]
fn work_that_the_log_has_forgotten_is_saved_in_the_repository_that_it_is_of() {
    let room = three("", |room| {
        Script::always([&commit("ap-1.txt", "done\n")[..], &[Room::hold(&room.env, "go")]].concat())
    });
    room.issues("ap-1");
    let convoy = room.json("create Work ap-1")["id"].as_str().unwrap().to_owned();
    room.convoy("down");
    let state = room.env.dir().join(".convoy/state");
    let names = ["log.db", "log.db-wal", "log.ack", "snapshot"];
    let before: Vec<_> = names.iter().map(|name| (name, std::fs::read(state.join(name)).ok())).collect();
    room.convoy("up");
    room.convoy(&format!("work assign ap-1 {convoy}"));
    room.env.wait_witness("waiting", 1);
    kill(&room, engine(&room));
    for (name, content) in before {
        let _ = std::fs::remove_file(state.join(name));
        if let Some(content) = content {
            std::fs::write(state.join(name), content).unwrap();
        }
    }
    room.convoy("up");
    assert_eq!(room.events("worker.assigned"), Vec::<Value>::new(), "the log has forgotten it");
    let api = room.env.repo_at(&place(&room, "api"));
    let saved = api.git(["for-each-ref", "--format=%(refname)", "refs/convoy/salvage"]);
    assert_eq!(saved.lines().count(), 1, "{saved}\n{}", room.convoy("daemon logs").stdout);
    assert_eq!(api.git(["show", &format!("{saved}:ap-1.txt")]), "done");
    for other in ["home", "web"] {
        let refs = room.env.repo_at(&place(&room, other)).git(["for-each-ref", "refs/convoy"]);
        assert_eq!(refs, "", "{other}");
    }
}
