//! What commands say of template convoys: shapes, lists, templates of one's own, errors with their places.

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use super::room::{Desk, hears, role, states};
use crate::room::{outside, text};

#[test]
fn a20_a_template_of_ones_own_that_inherits_and_the_place_of_what_is_wrong() {
    let desk = Desk::new(&Script::always([Step::Output("# Read\n".to_owned())]));
    desk.write(
        "templates/light.json",
        r#"{"name": "light", "description": "Only security", "extends": "code-review",
            "remove": ["performance", "synthesis"],
            "agents": [{"role": "security", "subagent": "reader", "parallel": false, "dependsOn": ["correctness"]}],
            "config": {"maxParallel": 1, "timeout": 600000}}"#,
    );
    let view = desk.room.json("start light --files src/** --dry-run");
    let roles: Vec<(&str, &str)> = view["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| (text(role, "/role"), text(role, "/subagent")))
        .collect();
    assert_eq!(roles, [("correctness", "code-review-correctness"), ("security", "reader")]);
    assert_eq!((&view["max_parallel"], &view["timeout_s"]), (&json!(1), &json!(600)));
    for (name, text, words) in [
        ("broken.json", "{\"name\": \"broken\",\n \"agents\": [}", &["broken.json:2", "not JSON"][..]),
        (
            "typo.toml",
            "name = \"typo\"\ndescription = \"T\"\nagent = []\n",
            &["typo.toml", "agent", "agents"],
        ),
        ("loop.toml", "name = \"loop\"\ndescription = \"L\"\nextends = \"loop\"\n", &["loop"]),
    ] {
        let path = desk.write(&format!("templates/{name}"), text);
        let run = desk.tries(&["start", name.split('.').next().unwrap(), "--files", "src/**"]);
        assert_ne!(run.status, 0, "{}", run.shown());
        for word in words {
            assert!(run.stderr.contains(word), "no {word:?}: {}", run.shown());
        }
        std::fs::remove_file(path).unwrap();
    }
    assert_eq!(desk.room.json("list --all"), json!([]));
}

#[test]
fn a22_json_is_json_before_during_and_after() {
    let env = outside();
    let script = Script::always([hears(&env, "go"), Step::Output("# Read\n".to_owned())]);
    let desk = Desk::around(env, "", &script);
    desk.template("alone", "reader", "");
    for words in
        ["list", "list --status running", "list --status stopped", "status", "issue list --type step"]
    {
        assert_eq!(desk.room.json(words), json!([]), "{words}");
    }
    let id = desk.starts("alone");
    desk.room.env.wait_witness("waiting", 1);
    let running = desk.status(&id);
    assert_eq!(role(&running, "reader")["status"], "running");
    assert_eq!((&running["outcome"], &running["template"]), (&Value::Null, &json!("alone")));
    assert_eq!(desk.room.json("list --status running")[0]["id"], id.as_str());
    assert_eq!(desk.room.json("status")[0]["id"], id.as_str());
    let output = desk.room.json(&format!("output {id}"));
    assert_eq!((&output["report"], &output["roles"][0]["files"]), (&Value::Null, &json!([])));
    let failed = desk.tries(&["output", &id, "reader", "--json"]).exits(1);
    let error: Value = serde_json::from_str(&failed.stderr).unwrap();
    assert!(text(&error, "/error/message").contains("at work"), "{error}");
    for (words, status) in
        [(["output", id.as_str(), "nobody", "--json"], 3), (["output", "nope", "x", "--json"], 3)]
    {
        let run = desk.tries(&words).exits(status);
        assert!(run.stdout.is_empty());
        serde_json::from_str::<Value>(&run.stderr).unwrap();
    }
    std::fs::write(desk.room.env.root().join("said/go"), "").unwrap();
    let done = desk.over(&id);
    assert_eq!(states(&done), "reader completed");
    assert_eq!(desk.room.json("status"), json!([]));
    assert_eq!(desk.room.json("list --status completed")[0]["id"], id.as_str());
    // One without a report has its roles listed.
    let listed = desk.room.convoy(&format!("output {id}")).stdout;
    assert!(listed.contains("reader.md"), "{listed}");
    for words in [format!("output {id}"), format!("stop {id}")] {
        desk.room.json(&words);
    }
    // It makes no report of its one role.
    desk.tries(&["synthesize", &id]).exits(1);
}

#[test]
fn roles_are_no_issues_of_a_persons_list() {
    let desk = Desk::new(&Script::always([Step::Output("# Read\n".to_owned())]));
    desk.template("two", "a b", "");
    desk.room.issues("gt-a");
    let convoy = desk.waits("two", 0);
    let ids =
        |words: &str| -> usize { desk.room.json(&format!("issue list {words}")).as_array().unwrap().len() };
    assert_eq!(ids(""), 1);
    assert_eq!(ids("--status closed"), 0);
    assert_eq!(ids("--all"), 3);
    assert_eq!(ids("--type step --all"), 2);
    assert_eq!(ids(&format!("--convoy {}", text(&convoy, "/id"))), 2);
    assert_eq!(ids(&format!("--label convoy:{}", text(&convoy, "/id"))), 2);
}
