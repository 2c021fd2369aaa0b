//! Prompts: what they know, what they refuse, and that text stays text.

use crate::templates::*;

fn context() -> PromptContext {
    PromptContext {
        role: "security".into(),
        files: vec!["src/a b.rs".into(), "x\ny".into()],
        params: [("focus".to_owned(), "auth".to_owned())].into(),
        inputs: [("one".to_owned(), "{{ role }} {% if %} {{ nope }}".to_owned())].into(),
        missing: vec!["two".into()],
        ..PromptContext::default()
    }
}

#[test]
fn a_prompt_gets_what_it_names() {
    let issue =
        |id: &str, title: &str| IssueText { id: id.into(), title: title.into(), ..IssueText::default() };
    let context = PromptContext {
        issues: vec![issue("gt-1", "One"), IssueText { body: "Body\n".into(), ..issue("gt-2", "Two") }],
        findings: vec![serde_json::json!({"id": "F1", "title": "x"})],
        vars: [("goal".to_owned(), "speed".to_owned())].into(),
        diff: "+a".into(),
        ..context()
    };
    for (template, expected) in [
        ("{{ role }}: {{ params.focus }} {{ vars.goal }}\n", "security: auth speed\n"),
        ("{{ files }}", "src/a b.rs\nx\\ny"),
        ("{{ files | join(', ') }} {{ files | length }}", "src/a b.rs, x\ny 2"),
        ("{% for file in files %}\n[{{ file }}]\n{% endfor %}\n.", "[src/a b.rs]\n[x\ny]\n."),
        ("{% if diff %}{{ diff | fenced('diff') }}{% endif %}", "```diff\n+a\n```"),
        ("{{ issue.id }} {{ issue }}", "gt-1 gt-1: One"),
        ("{{ issues }}", "gt-1: One\n\ngt-2: Two\n\nBody"),
        ("{{ inputs.one }}|{{ inputs['two'] }}|{{ missing }}", "{{ role }} {% if %} {{ nope }}||two"),
        ("{% for f in findings %}{{ f.id }}{% endfor %}", "F1"),
        ("{{ findings }}", "[\n  {\n    \"id\": \"F1\",\n    \"title\": \"x\"\n  }\n]"),
        ("{{ vars.other | default('none') }} {{ vars.other is defined }}", "none False"),
        ("{{ '<a>&\"' }}", "<a>&\""),
    ] {
        assert_eq!(render(template, &context).as_deref(), Ok(expected), "{template}");
    }
    let about = PromptContext { about: Some("gt-2".into()), ..context };
    assert_eq!(render("{{ issue.title }}", &about).as_deref(), Ok("Two"));
}

#[test]
fn what_a_run_was_not_given_is_there_and_empty() {
    let none = PromptContext::default();
    let template = "{% if diff or pr_url or issue or issues or files or findings or missing or facts or base %}x{% endif %}\
        {{ diff }}{{ pr_url }}{{ issue }}{{ issue.id }}{{ issue.body }}{{ issues }}{{ files }}{{ commit }}{{ agent }}";
    assert_eq!(render(template, &none).as_deref(), Ok(""));
    assert_eq!(render("{{ findings }}", &none).as_deref(), Ok("[]"));
}

#[test]
fn an_unknown_name_is_an_error_with_its_line() {
    for (template, line, name) in [
        ("a\nb {{ nonsense }}", 2, "nonsense"),
        ("{{ params.nope }}", 1, "params.nope"),
        ("\n\n{{ vars.x }}", 3, "vars.x"),
        ("{{ inputs.three }}", 1, "inputs.three"),
        ("{{ inputs['a-b'] }}", 1, "inputs['a-b']"),
        ("{{ issue.nope }}", 1, "issue.nope"),
        ("{{ nonsense.deep.er }}", 1, "nonsense"),
        ("{% if nonsense %}{% endif %}", 1, "nonsense"),
        ("{% for x in nonsense %}{% endfor %}", 1, "nonsense"),
        ("{{ nonsense | upper }}", 1, "nonsense"),
    ] {
        let expected = RenderError::Unknown { line, name: name.into() };
        assert_eq!(render(template, &context()), Err(expected), "{template}");
    }
}

#[test]
fn nothing_is_read_called_or_included_and_no_loop_is_endless() {
    for template in [
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% extends 'x' %}",
        "{% macro x() %}{% endmacro %}",
        "{{ debug() }}",
        "{{ env }}",
        "{{ self }}",
        "{% if %}",
        "{{ files | nofilter }}",
        "{{ unfinished",
    ] {
        let error = render(template, &context()).unwrap_err();
        assert!(!matches!(error, RenderError::TooLong | RenderError::TooMuchWork), "{template}: {error}");
    }
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
    let error = render(endless, &context()).unwrap_err();
    assert!(matches!(error, RenderError::TooMuchWork | RenderError::TooLong), "{error}");
    let long = PromptContext { diff: "x".repeat(1024 * 1024), ..context() };
    assert_eq!(render("{% for a in range(20) %}{{ diff }}{% endfor %}", &long), Err(RenderError::TooLong));
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "``` `$(id)` \"'\\ {{ 7 * 7 }} {% raw %} {# x #} \u{1b}[31m é \r\n ````";
    let context = PromptContext { diff: hostile.repeat(4000), ..PromptContext::default() };
    assert_eq!(render("{{ diff }}", &context).unwrap(), context.diff);
    let fenced = render("{{ diff | fenced('diff') }}", &context).unwrap();
    // Seven of them meet where it is repeated.
    let fence = "`".repeat(8);
    assert!(fenced.starts_with(&format!("{fence}diff\n")) && fenced.ends_with(&format!("\n{fence}")));
    assert_eq!(render("{{ diff | cut(7) }}|", &context).unwrap(), "``` `$(|");
}

#[test]
fn the_names_that_a_template_asks_for_are_known() {
    let names = variables(
        "{% set a = files %}{{ a }}{% for x in issues %}{{ x.id }}{{ loop.index }}{% endfor %}{{ params.y }}{{ range(2) }}",
    );
    let names: Vec<String> = names.unwrap().into_iter().collect();
    assert_eq!(names, ["files", "issues", "params.y"]);
}
