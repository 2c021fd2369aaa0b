//! Roles that are programs: their arguments, what they print, and what their end means.

use convoy_testkit::fake_agent::Script;

use super::*;
use crate::room::outside;

const SARIF: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"ruleId":"R1","level":"error",
"message":{"text":"Bad line"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a b.txt"},"region":{"startLine":2}}}]}]}]}"#;

#[test]
fn what_a_program_prints_becomes_findings_and_its_status_may_say_so() {
    let env = outside();
    let repo = env.repo();
    repo.write("a b.txt", "one\ntwo\n");
    repo.write("-rf", "x\n");
    repo.commit("Files");
    repo.write("lint.json", SARIF);
    repo.commit("What it prints");
    let room = Room::around(env, "", &Script::default());
    let print = "echo to-stderr >&2; cat lint.json; exit 1";
    let lint = |name: &str| role(name).gives(OutputKind::Sarif);
    let convoy = begin_with(
        &room,
        vec![
            lint("lint").runs(&["sh", "-c", print], &[0, 1]),
            lint("strict").runs(&["sh", "-c", print], &[0]),
            lint("prose").runs(&["echo", "All is well"], &[0]),
            lint("silent").runs(&["true"], &[0]),
            lint("missing").runs(&["no-such-linter-here"], &[0]),
            role("arguments")
                .runs(&["printf", "%s\\n", "{{ vars.x }}", "{{files}}", "{{ role }}.{{ params.y }}"], &[0])
                .but(|role| {
                    role.step.params.insert("y".into(), "$(id) {{ z }}".into());
                }),
        ],
        |run| {
            run.files = vec!["a b.txt".to_owned(), "-rf".to_owned()];
            run.vars.insert("x".to_owned(), "; rm -rf / #\n'\"".to_owned());
        },
    );
    let ended = ended(&room, &convoy);
    let role = &ended["lint"];
    assert_eq!(
        (&role["status"], &role["findings"], &role["exit_code"]),
        (&"completed".into(), &1.into(), &1.into()),
        "{role:#}"
    );
    let list: Value = serde_json::from_str(&published(&room, &convoy, "lint.findings.json")).unwrap();
    assert_eq!(
        (&list["findings"][0]["file"], &list["findings"][0]["line"]),
        (&"a b.txt".into(), &2.into()),
        "{list:#}"
    );
    assert_eq!(published(&room, &convoy, "lint.out"), SARIF);
    assert!(
        published(&room, &convoy, "lint.md").contains("**high** (a b.txt:2): Bad line"),
        "{}",
        published(&room, &convoy, "lint.md")
    );
    for (name, why) in [
        ("strict", "status 1"),
        ("prose", "not JSON"),
        ("silent", "printed nothing"),
        ("missing", "no such program"),
    ] {
        assert_eq!(ended[name]["status"], "failed", "{:#}", ended[name]);
        assert!(ended[name]["why"].as_str().unwrap().contains(why), "{:#}", ended[name]);
    }
    assert_eq!(
        published(&room, &convoy, "arguments.md"),
        "; rm -rf / #\n'\"\na b.txt\n./-rf\narguments.$(id) {{ z }}\n"
    );
    // People see both streams.
    let logs = room.convoy(&format!("logs {}", role["issue_id"].as_str().unwrap())).stdout;
    assert!(logs.contains("to-stderr") && logs.contains("Bad line"), "{logs}");
}
