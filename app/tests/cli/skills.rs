//! `convoy skill`: what it writes, what it leaves, and that every command it teaches is one.

use std::fs;
use std::path::Path;

use convoy_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::room;

fn repository() -> TestEnv {
    let env = room();
    env.repo();
    env
}

fn skills(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir)
        .map(|all| all.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")));
    let mut names: Vec<String> = entries.map(Iterator::collect).unwrap_or_default();
    names.sort();
    names
}

fn found(views: &Value) -> Vec<&str> {
    views.as_array().expect("a list").iter().map(|view| view["found"].as_str().expect("text")).collect()
}

#[test]
fn skills_are_installed_brought_up_to_date_and_removed() {
    let env = repository();
    let folder = env.dir().join(".claude/skills");
    let dry = env.convoy(["skill", "install", "--dry-run"]).ok();
    assert!(dry.stdout.contains("convoy-run would be installed: "), "{}", dry.stdout);
    assert!(!env.dir().join(".claude").exists(), "a dry run writes nothing");

    // From any folder of the repository, to the same place.
    env.convoy_in(&env.dir().join("src"), ["skill", "install"]).ok();
    let names = skills(&folder);
    assert!(
        ["convoy-code-review", "convoy-orchestration", "convoy-run", "convoy-synthesis"]
            .iter()
            .all(|name| names.contains(&(*name).to_owned())),
        "{names:?}"
    );
    for name in &names {
        let text = fs::read_to_string(folder.join(name).join("SKILL.md")).unwrap();
        assert!(text.starts_with(&format!("---\nname: {name}\ndescription: \"")), "{text}");
        assert_eq!(skills(&folder.join(name)), ["SKILL.md"], "nothing else is left");
    }
    let again = env.convoy(["skill", "install", "--json"]).ok().json();
    assert!(found(&again).iter().all(|found| *found == "current"), "{again}");
    assert!(again.as_array().unwrap().iter().all(|view| view["changed"] == json!(false)), "{again}");

    // The person's own words stay, and the rest is brought up to date all the same.
    let (theirs, ours) = (folder.join("convoy-run/SKILL.md"), folder.join("convoy-orchestration/SKILL.md"));
    let changed = fs::read_to_string(&theirs).unwrap().replace("# Run", "# How we run");
    fs::write(&theirs, &changed).unwrap();
    fs::remove_file(&ours).unwrap();
    let run = env.convoy(["skill", "install"]).ok();
    assert!(run.stdout.contains("convoy-run left as it is: "), "{}", run.stdout);
    assert!(run.stdout.contains("convoy-orchestration installed: "), "{}", run.stdout);
    assert_eq!(fs::read_to_string(&theirs).unwrap(), changed);
    assert!(env.convoy(["skill", "list"]).ok().stdout.contains("convoy-run (installed, and changed since)"));
    env.convoy(["skill", "remove"]).ok();
    assert_eq!(skills(&folder), ["convoy-run"]);
    let forced = env.convoy(["skill", "install", "convoy-run", "--force", "--json"]).ok().json();
    assert_eq!((found(&forced), &forced[0]["changed"]), (vec!["changed"], &json!(true)));
    env.convoy(["skill", "remove", "convoy-run"]).ok();
    assert_eq!(skills(&folder), [] as [&str; 0]);
    assert!(env.convoy(["skill", "remove"]).ok().stdout.contains("is not there"));
}

#[test]
fn a_skill_of_that_name_that_is_not_ours_is_a_conflict() {
    let env = repository();
    let file = env.dir().join(".claude/skills/convoy-run/SKILL.md");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "mine").unwrap();
    let views = env.convoy(["skill", "install", "--json"]).exits(5).json();
    let own = views.as_array().unwrap().iter().find(|view| view["id"] == "convoy-run").unwrap();
    assert_eq!(
        (&own["ok"], &own["found"], &own["error"]["code"]),
        (&json!(false), &json!("foreign"), &json!("conflict"))
    );
    let run = env.convoy(["skill", "install", "convoy-run"]).exits(4);
    assert!(run.stderr.contains("was not written by 'convoy skill install'"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert!(env.convoy(["skill", "show", "sailing"]).exits(3).stderr.contains("there are: convoy-"));
}

#[test]
fn links_of_a_repository_lead_nowhere() {
    let env = repository();
    let outside = env.root().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, env.dir().join(".claude")).unwrap();
    let run = env.convoy(["skill", "install"]).exits(1);
    assert!(run.stderr.contains("is a link") && run.stderr.contains("--dir"), "{}", run.stderr);
    assert_eq!(skills(&outside), [] as [&str; 0]);
    // The person says that it is meant.
    env.convoy(["skill", "install", "--dir", outside.to_str().unwrap()]).ok();
    assert!(outside.join("convoy-run/SKILL.md").exists());
}

#[test]
fn skills_go_where_they_are_said_to_go() {
    let env = repository();
    env.convoy(["skill", "install", "--user", "convoy-run"]).ok();
    assert_eq!(skills(&env.home().join(".claude/skills")), ["convoy-run"]);
    assert!(!env.dir().join(".claude").exists());
    let empty = env.root().join("empty");
    fs::create_dir(&empty).unwrap();
    let run = env.convoy_in(&empty, ["skill", "install"]).exits(1);
    assert!(run.stderr.contains("no repository") && run.stderr.contains("--user"), "{}", run.stderr);
    env.convoy_in(&empty, ["skill", "install", "--dir", "a b/-c"]).ok();
    assert!(empty.join("a b/-c/convoy-run/SKILL.md").exists());
    env.convoy(["skill", "install", "--user", "--dir", "x"]).exits(2);
}

/// Command lines of ours in the code spans and shell blocks of a text, with something in place of each value.
fn lines(markdown: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (n, part) in markdown.split("\n```").enumerate() {
        match part.strip_prefix("sh\n") {
            Some(block) if n % 2 == 1 => lines.extend(block.replace("\\\n", " ").lines().map(str::to_owned)),
            _ if n % 2 == 0 => lines.extend(part.split('`').skip(1).step_by(2).map(str::to_owned)),
            _ => {}
        }
    }
    lines.retain(|line| line.starts_with("convoy "));
    let values = [
        ("<convoy>", "hq-cv-abc12"),
        ("<issue>", "gt-abc"),
        ("<file>", "limits.md"),
        ("<text>", "text"),
        ("<role>", "security"),
        ("<url>", "https://example.com/1"),
        ("<usd>", "5"),
    ];
    let filled = lines.iter().map(|line| {
        let line = line.split(" #").next().unwrap_or_default();
        values.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value))
    });
    filled.collect()
}

/// What an assistant would do: read the installed files, and run what they say. Where there is no workspace nothing comes
/// of it, but a command line that is none is told apart from everything else.
#[test]
fn criterion_7_skills_speak_of_commands_that_work() {
    let env = repository();
    env.convoy(["skill", "install"]).ok();
    let nowhere = env.root().join("nowhere");
    let (mut count, folder) = (0, env.dir().join(".claude/skills"));
    for name in skills(&folder) {
        let text = fs::read_to_string(folder.join(&name).join("SKILL.md")).unwrap();
        for line in lines(&text) {
            let _ = fs::remove_dir_all(&nowhere);
            fs::create_dir(&nowhere).unwrap();
            fs::write(nowhere.join("limits.md"), "text").unwrap();
            let mut args = crate::words(line.strip_prefix("convoy ").unwrap());
            if !args.iter().any(|arg| arg == "--json") {
                args.push("--json".to_owned());
            }
            let run = env.convoy_in(&nowhere, args);
            // The name of a command and no more is how a text speaks of it.
            let named =
                !line.contains(['-', '\'']) && run.stderr.contains("required arguments were not provided");
            let usage = run.status == 2 && run.stderr.contains("\"usage\"") && !named;
            assert!(!usage, "{name}: {line}\n{}", run.stderr);
            count += 1;
        }
    }
    assert!(count > 60, "only {count} command lines were found");
}
