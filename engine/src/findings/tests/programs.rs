//! What programs print, in the shapes that they print it in. Those of ruff 0.17, shellcheck 0.11 and clippy 1.95 were
//! recorded; `engine/tests/linters.rs` has the programs themselves.

use std::path::Path;

use convoy_core::review::{Confidence, Finding, Severity};
use serde_json::json;

use super::super::ground::ground_all;
use super::super::merge::Found;
use super::super::program::{Root, read};
use super::role;

fn root() -> Root {
    Root::new(Path::new("/work dir/repo"))
}

fn found(output: &str) -> Vec<Finding> {
    read(output, &root()).unwrap()
}

fn brief(finding: &Finding) -> (Severity, &str, Option<&str>, Option<u32>, Option<u32>) {
    (finding.severity, &finding.category, finding.file.as_deref(), finding.line, finding.end_line)
}

#[test]
fn ruff() {
    let one = |code: &str, message: &str, row: u32, end: (u32, u32)| {
        json!({ "cell": null, "code": code, "filename": "/work dir/repo/src/a.py", "message": message,
                "location": { "column": 1, "row": row }, "end_location": { "column": end.1, "row": end.0 },
                "fix": { "applicability": "safe", "edits": [], "message": "Remove it" }, "severity": "error", "url": "u" })
    };
    let all = json!([
        one("F401", "`os` imported but unused", 1, (1, 10)),
        one("S602", "`subprocess` call with `shell=True` identified", 6, (8, 1)),
        one("invalid-syntax", "Expected an expression", 9, (9, 2)),
        one("E501", "Line too long", 10, (10, 120)),
    ]);
    let all = found(&all.to_string());
    assert_eq!(brief(&all[0]), (Severity::High, "S602", Some("src/a.py"), Some(6), Some(7)));
    assert_eq!(brief(&all[1]).0, Severity::High);
    assert_eq!(brief(&all[2]), (Severity::Medium, "F401", Some("src/a.py"), Some(1), Some(1)));
    assert_eq!(brief(&all[3]).0, Severity::Low);
    assert_eq!((all[2].title.as_str(), all[2].fix.as_str()), ("`os` imported but unused", "Remove it"));
}

#[test]
fn shellcheck_both_ways() {
    let comments = json!([
        { "file": "a.sh", "line": 2, "endLine": 2, "column": 4, "endColumn": 6, "level": "info", "code": 2086,
          "message": "Double quote to prevent globbing and word splitting.", "fix": null },
        { "file": "./bin/b.sh", "line": 3, "endLine": 3, "column": 1, "endColumn": 2, "level": "error", "code": 1009,
          "message": "The mentioned syntax error was in this for loop.", "fix": null },
        { "file": "a.sh", "line": 4, "level": "warning", "code": 2034, "message": "x appears unused." },
        { "file": "a.sh", "line": 5, "level": "style", "code": 2006, "message": "Use $(...)." },
    ]);
    let alone = found(&comments.to_string());
    assert_eq!(alone, found(&json!({ "comments": comments }).to_string()));
    let all: Vec<_> = alone.iter().map(brief).collect();
    assert_eq!(all[0], (Severity::High, "SC1009", Some("bin/b.sh"), Some(3), Some(3)));
    assert_eq!(all[1], (Severity::Medium, "SC2034", Some("a.sh"), Some(4), Some(4)));
    assert_eq!((all[2].0, all[3].0), (Severity::Low, Severity::Info));
}

#[test]
fn cargo_and_clippy() {
    let span = |file: &str, line: u32, expansion: serde_json::Value| json!({ "file_name": file, "line_start": line, "line_end": line + 1, "is_primary": true, "expansion": expansion });
    let message = |level: &str, code: serde_json::Value, text: &str, spans: serde_json::Value| {
        let help = json!({ "level": "help", "message": "remove `return`", "spans": [{ "suggested_replacement": "false" }] });
        let more =
            json!({ "level": "help", "message": "for further information visit https://x", "spans": [] });
        json!({ "reason": "compiler-message", "message": {
            "level": level, "code": code, "message": text, "spans": spans, "children": [more, help] } })
    };
    let macro_of_std = span(
        "/rustc/abc/library/core/src/macros.rs",
        40,
        json!({ "span": span("src/m.rs", 7, json!(null)) }),
    );
    let lines = [
        json!({ "reason": "compiler-artifact" }),
        message(
            "warning",
            json!({ "code": "clippy::needless_return" }),
            "unneeded `return`",
            json!([span("src/lib.rs", 6, json!(null))]),
        ),
        message("error", json!({ "code": "E0308" }), "mismatched types", json!([macro_of_std])),
        message("warning", json!(null), "2 warnings emitted", json!([])),
        json!({ "reason": "build-finished", "success": false }),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let all = found(&format!("   Compiling x\n{text}\nnot json\n"));
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_eq!(brief(&all[0]), (Severity::High, "E0308", Some("src/m.rs"), Some(7), Some(8)));
    assert_eq!(
        brief(&all[1]),
        (Severity::Medium, "clippy::needless_return", Some("src/lib.rs"), Some(6), Some(7))
    );
    assert_eq!(all[1].fix, "remove `return`: `false`");
    let failed = json!({ "reason": "build-finished", "success": false }).to_string();
    assert!(read(&failed, &root()).unwrap_err().contains("could not build"));
    let fine = json!({ "reason": "build-finished", "success": true }).to_string();
    assert_eq!(read(&fine, &root()).unwrap(), []);
}

fn semgrep() -> serde_json::Value {
    json!({ "version": "2.1.0", "$schema": "s", "runs": [{
        "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": [] }],
        "tool": { "driver": { "name": "Semgrep OSS", "rules": [
            { "id": "python.lang.security.audit.eval-detected", "defaultConfiguration": { "level": "warning" },
              "shortDescription": { "text": "Semgrep Finding: eval-detected" },
              "fullDescription": { "text": "Detected the use of eval()." },
              "help": { "text": "Do not use eval." },
              "properties": { "precision": "very-high", "tags": ["CWE-95", "LOW CONFIDENCE", "security"] } },
            { "id": "grave", "properties": { "security-severity": "9.8" } },
        ] } },
        "results": [
            { "ruleId": "python.lang.security.audit.eval-detected", "message": { "text": "Detected eval." },
              "locations": [{ "physicalLocation": {
                  "artifactLocation": { "uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%" },
                  "region": { "startLine": 5, "endLine": 6, "snippet": { "text": "eval(x)" } } } }] },
            { "ruleIndex": 1, "message": { "text": "Grave." },
              "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "file:///work%20dir/repo/b.py" } } }] },
            { "ruleId": "x", "message": { "text": "Excused" }, "suppressions": [{ "kind": "inSource" }] },
            { "ruleId": "x", "message": { "text": "Fine" }, "kind": "pass" },
            { "ruleId": "x", "level": "note", "message": { "text": "Elsewhere {0}", "arguments": ["now"] },
              "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "file:///etc/passwd" } } }] },
        ],
    }] })
}

#[test]
fn sarif_as_semgrep_writes_it() {
    let all = found(&semgrep().to_string());
    assert_eq!(all.len(), 3, "{all:#?}");
    assert_eq!(brief(&all[0]), (Severity::Critical, "grave", Some("b.py"), None, None));
    let eval = &all[1];
    let rule = "python.lang.security.audit.eval-detected";
    assert_eq!(brief(eval), (Severity::Medium, rule, Some("src/a b.py"), Some(5), Some(6)));
    assert_eq!((eval.title.as_str(), eval.fix.as_str()), ("Detected eval.", "Do not use eval."));
    assert_eq!(eval.problem, "Detected eval.");
    assert_eq!(eval.confidence, Some(Confidence::Low));
    assert_eq!(brief(&all[2]), (Severity::Low, "x", None, None, None));
    assert!(
        all[2].title == "Elsewhere now" && all[2].problem.contains("no file of the repository"),
        "{:#?}",
        all[2]
    );
}

#[test]
fn sarif_as_others_write_it() {
    let run = |name: &str, level: &str, place: serde_json::Value| {
        json!({ "runs": [{ "tool": { "driver": { "name": name } },
            "originalUriBaseIds": { "TOP": { "uri": "file:///work%20dir/repo/" }, "SRC": { "uri": "src", "uriBaseId": "TOP" } },
            "artifacts": [{ "location": { "uri": "src/main.rs" } }],
            "results": [{ "ruleId": "S602", "level": level, "message": { "text": "m" },
                          "locations": [{ "physicalLocation": place }] }] }] })
        .to_string()
    };
    let clippy = json!({ "artifactLocation": { "uri": "src/main.rs" }, "region": { "startLine": 3 } });
    assert_eq!(
        brief(&found(&run("clippy", "warning", clippy.clone()))[0]),
        (Severity::Medium, "S602", Some("src/main.rs"), Some(3), Some(3))
    );
    assert_eq!(found(&run("ruff", "note", clippy))[0].severity, Severity::High, "the rules of ruff count");
    let by_index = json!({ "artifactLocation": { "index": 0 }, "region": { "startLine": 3 } });
    assert_eq!(found(&run("x", "error", by_index))[0].file.as_deref(), Some("src/main.rs"));
    let by_base = json!({ "artifactLocation": { "uri": "a.rs", "uriBaseId": "SRC" } });
    assert_eq!(found(&run("x", "error", by_base))[0].file.as_deref(), Some("src/a.rs"));
}

#[test]
fn a_tool_that_failed_has_said_nothing() {
    let mut value = semgrep();
    value["runs"][0]["invocations"][0] = json!({ "executionSuccessful": false,
        "toolExecutionNotifications": [{ "message": { "text": "no rules" } }] });
    assert_eq!(
        read(&value.to_string(), &root()).unwrap_err(),
        "semgrep says that it failed: no rules".replace("semgrep", "Semgrep OSS")
    );
    for (text, why) in [
        ("", "printed nothing"),
        ("all is well", "not JSON"),
        ("{\"a\": 1}", "SARIF 2.1.0"),
        ("[{\"a\": 1}]", "convoy schema findings"),
        ("5", "SARIF 2.1.0"),
    ] {
        let error = read(text, &root()).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert_eq!(found("[]"), []);
    assert_eq!(found("{\"runs\": []}"), []);
}

#[test]
fn our_own_form_is_one_of_them() {
    let own =
        r#"{"findings": [{"severity": "low", "title": "t", "file": "/work dir/repo/x/y.rs", "line": 2}]}"#;
    assert_eq!(brief(&found(own)[0]), (Severity::Low, "", Some("x/y.rs"), Some(2), Some(2)));
    assert!(read(r#"{"findings": [{"title": "t"}]}"#, &root()).unwrap_err().contains("severity is missing"));
}

#[test]
fn paths_stay_within_the_repository() {
    let file = |named: &str| {
        let one = json!([{ "file": named, "line": 1, "level": "info", "code": 1, "message": "m" }]);
        found(&one.to_string()).remove(0).file
    };
    for (named, inside) in [
        ("a/b.sh", "a/b.sh"),
        ("./a//b.sh", "a/b.sh"),
        ("a/../b.sh", "b.sh"),
        ("/work dir/repo/a.sh", "a.sh"),
        ("file:///work%20dir/repo/a%25.sh", "a%.sh"),
        ("file://localhost/work%20dir/repo/a.sh", "a.sh"),
        ("file:/work%20dir/repo/a.sh", "a.sh"),
    ] {
        assert_eq!(file(named).as_deref(), Some(inside), "{named}");
    }
    for outside in [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "/work dir/repo-two/a.sh",
        "/work dir/repo",
        "/work dir/repo/../x",
        "",
        ".",
        "file:///etc/passwd",
        "file://other/work%20dir/repo/a.sh",
        "file:///work%20dir/repo/%2e%2e/x",
        "https://x/a.sh",
        "a\nb",
        "file:///work%20dir/repo/a%zz",
    ] {
        assert_eq!(file(outside), None, "{outside}");
    }
}

#[test]
fn a_program_is_grounded_by_its_line_and_quotes_what_stands_there() {
    let text = "fn a() {\n    let a = 1;\n}\n";
    let at = |line: Option<u32>, end: Option<u32>, file: &str| {
        let finding = Finding { line, end_line: end, file: Some(file.into()), ..Finding::default() };
        let mut all = Found::of(&role("lint"), vec![finding], true);
        let mut read = |path: &str| Ok::<_, ()>((path == "a.rs").then(|| text.to_owned()));
        ground_all(&mut all, &mut read).unwrap();
        let first = all.clone();
        // What was quoted so is believed once more.
        ground_all(&mut all, &mut read).unwrap();
        assert_eq!(first, all);
        (all[0].grounded, all[0].finding.quote.clone())
    };
    assert_eq!(at(Some(2), Some(2), "a.rs"), (true, "    let a = 1;".into()));
    assert_eq!(at(Some(1), Some(99), "a.rs"), (true, "fn a() {\n    let a = 1;\n}".into()));
    assert_eq!(at(Some(3), None, "a.rs"), (true, "}".into()));
    assert_eq!(at(None, None, "a.rs"), (true, String::new()));
    assert_eq!(at(Some(4), Some(4), "a.rs"), (false, String::new()));
    assert_eq!(at(Some(1), Some(1), "b.rs"), (false, String::new()));
    assert_eq!(at(Some(1), Some(1), "../a.rs"), (false, String::new()));
}
