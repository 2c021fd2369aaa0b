//! What is read of reviewers' answers, and what of it is believed.

use convoy_core::review::{Confidence, Finding, Severity};

use super::super::{Text, ground, parse};

const ONE: &str = r#"{"findings": [{"severity": "Critical", "title": "A hole", "file": "./src/a.rs", "line": "L2-3",
    "quote": "let a = 1;", "problem": "p", "impact": "i", "fix": "f", "confidence": 0.9}]}"#;

fn one() -> Finding {
    Finding {
        severity: Severity::Critical,
        category: String::new(),
        title: "A hole".into(),
        file: Some("src/a.rs".into()),
        line: Some(2),
        end_line: Some(2),
        quote: "let a = 1;".into(),
        problem: "p".into(),
        impact: "i".into(),
        fix: "f".into(),
        confidence: Some(Confidence::High),
    }
}

/// The last block of findings in what an agent printed.
fn last(output: &str) -> Option<String> {
    parse::last_block(output, parse::INFO).map(|block| block.trim().to_owned())
}

#[test]
fn the_block_is_found_in_text_and_in_lines_of_json() {
    let block = format!("Some words.\n````json findings\n{ONE}\n````\nBye.\n");
    assert_eq!(last(&block).as_deref(), Some(ONE));
    let (empty, first) = ("{\"findings\": []}", "```json findings\n{\"findings\": []}\n```\n");
    assert_eq!(last(&format!("{first}{block}")).as_deref(), Some(ONE), "the last one counts");
    let result = serde_json::json!({ "type": "result", "result": block });
    let said = serde_json::json!({ "type": "assistant", "message": { "content": [{ "text": first }] } });
    assert_eq!(last(&format!("{said}\n{result}\n")).as_deref(), Some(ONE));
    assert_eq!(last(&format!("{result}\nnot json\n{said}\n")).as_deref(), Some(empty));
    for text in ["", "All is well.", "```json\n{\"findings\": []}\n```"] {
        assert_eq!(last(text), None, "{text}");
    }
}

#[test]
fn strange_words_neither_block_nor_are_lost() {
    let read = |value: serde_json::Value| parse::finding(value.as_object().unwrap());
    assert_eq!(read(serde_json::from_str::<serde_json::Value>(ONE).unwrap()["findings"][0].clone()), one());
    let odd = read(serde_json::json!({ "severity": "BLOCKER", "title": 5, "line": -3 }));
    assert_eq!((odd.severity, odd.title.as_str(), odd.line), (Severity::Blocker, "5", None));
    let odd = read(serde_json::json!({ "severity": "catastrophic", "problem": "first line\nsecond" }));
    assert_eq!((odd.severity, odd.title.as_str()), (Severity::Medium, "first line"));
    let long = read(serde_json::json!({ "quote": "é".repeat(100_000) }));
    assert!(long.quote.len() <= convoy_core::review::TEXT_BYTES_MAX);
}

#[test]
fn only_what_is_in_the_file_is_believed() {
    let file = "fn a() {\n    let a = 1;\n\n    let b = 2;\n}\nfn c() {\n    let a = 1;\n}\n";
    let at = |quote: &str, line: Option<u32>| {
        let mut finding = Finding { quote: quote.into(), line, ..one() };
        let found = Text::new(file.to_owned()).ground(&mut finding);
        found.then(|| (finding.line.unwrap(), finding.end_line.unwrap()))
    };
    assert_eq!(at("let a = 1;", Some(1)), Some((2, 2)));
    assert_eq!(at("  let a = 1;  ", Some(99)), Some((7, 7)), "the nearest place");
    assert_eq!(at("a = 1;\n\nlet b", None), Some((2, 4)));
    assert_eq!(at("+    let a = 1;\n+\n+    let b = 2;", None), Some((2, 4)));
    assert_eq!(at("let a = 1;\nlet c = 2;", None), None);
    assert_eq!(at("let a = 2;", None), None);
    assert_eq!(at("}", None), None, "a brace is in every file");
    assert_eq!(at("", None), None);
    assert_eq!(at("\n \n", None), None);
    assert_eq!(at("1;\nlet b = 2;\n}\nfn", None), Some((2, 6)));
    assert_eq!(at("1;\nlet b\n}\nfn", None), None, "a line in the middle is a whole one");
}

#[test]
fn a_path_stays_within_the_repository() {
    let path = |file: &str| ground::path(&Finding { file: Some(file.into()), ..one() }).map(str::to_owned);
    assert_eq!(path("src/a b.rs"), Some("src/a b.rs".into()));
    for bad in ["/etc/passwd", "../a", "src/../../a", "a//b", "", ".", "a\nb"] {
        assert_eq!(path(bad), None, "{bad}");
    }
}
