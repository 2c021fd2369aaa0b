//! `--json`: one value, always; errors apart.

use serde_json::{Value, json};

use crate::workspace;

#[test]
fn every_command_prints_one_value_also_when_there_is_nothing() {
    for up in [false, true] {
        let env = workspace();
        if up {
            env.convoy(["up", "--json"]).ok().json();
        }
        for line in [
            "list",
            "issue list",
            "status",
            "stranded",
            "work list",
            "mq list",
            "mail inbox",
            "check",
            "list --all",
        ] {
            assert_eq!(env.convoy(crate::words(&format!("{line} --json"))).ok().json(), json!([]), "{line}");
        }
        for (line, kind) in [
            ("init", "object"),
            ("issue create t --id gt-1", "object"),
            ("issue create u --id gt-2", "object"),
            ("issue list", "array"),
            ("issue show gt-1", "object"),
            ("issue show gt-1 gt-2", "array"),
            ("issue update gt-1 --title v", "array"),
            ("issue dep add gt-2 gt-1", "object"),
            ("create c gt-1", "object"),
            ("add hq- gt-2", "array"),
            ("list", "array"),
            ("status", "array"),
            ("status hq-", "object"),
            ("check", "array"),
            ("check hq-", "array"),
            ("stranded", "array"),
            ("mq list", "array"),
            ("why hq-", "object"),
            ("sling gt-1 --dry-run", "array"),
            ("issue close gt-1 gt-2", "array"),
            ("wait hq-", "object"),
            ("close hq-", "object"),
            ("mail inbox", "array"),
            ("daemon status", "object"),
            ("daemon logs", "array"),
            ("schema", "array"),
            ("down", "object"),
        ] {
            let run = env.convoy(crate::words(&format!("{line} --json"))).ok();
            let value: Value = run.json();
            assert_eq!((run.stderr.as_str(), value.is_array()), ("", kind == "array"), "{line}: {value}");
            assert!(value.is_array() || value.is_object(), "{line}: {value}");
        }
    }
}

#[test]
fn errors_stand_on_stderr_with_their_code() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    env.convoy(["issue", "create", "u", "--id", "gt-2", "--needs", "gt-1"]).ok();
    for (line, status, code) in [
        ("issue show gt-9", 3, "not_found"),
        ("status hq-9", 3, "not_found"),
        ("issue show gt-", 2, "ambiguous"),
        ("issue create t --id gt-1", 4, "conflict"),
        ("issue create t --id x", 2, "invalid"),
        ("issue dep add gt-1 gt-2", 1, "cycle"),
        ("sling gt-2 --no-convoy", 1, "refused"),
        ("-C / list", 3, "not_found"),
        ("done", 1, "refused"),
    ] {
        let run = env.convoy(crate::words(&format!("{line} --json"))).exits(status);
        assert_eq!(run.stdout, "", "{line}");
        let error: Value = serde_json::from_str(&run.stderr).unwrap();
        assert_eq!(error["error"]["code"], code, "{line}");
        assert!(error["error"].get("hint").is_some(), "{line}");
    }
}

#[test]
fn some_of_several_failing_is_5() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    env.convoy(["issue", "create", "u", "--id", "gt-2"]).ok();
    let line = "issue close gt-1 gt-2 --reason duplicate --duplicate-of gt-2 --json";
    let items = env.convoy(crate::words(line)).exits(5).json();
    assert_eq!((&items[0]["ok"], &items[0]["changed"]), (&json!(true), &json!(true)));
    assert_eq!((&items[1]["ok"], &items[1]["changed"]), (&json!(false), &json!(false)));
    assert_eq!(items[1]["error"]["code"], "invalid");
}

#[test]
fn events_are_one_object_a_line() {
    let env = workspace();
    for n in 1..=3 {
        env.convoy(["issue", "create", "t", "--id", &format!("gt-{n}")]).ok();
    }
    env.convoy(["issue", "close", "gt-1"]).ok();
    let read = |line: &str| -> Vec<Value> {
        let run = env.convoy(crate::words(line)).ok();
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = read("events --json");
    assert_eq!(all.iter().map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(read("events --json --since 3"), all[3..]);
    assert_eq!(read("events --json --type issue.cl"), all[3..]);
    assert_eq!(read("events --json --since 4"), [] as [Value; 0]);
    let mut keys: Vec<_> = all[3].as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["actor", "at", "data", "epoch", "seq", "subject", "type"]);
}
