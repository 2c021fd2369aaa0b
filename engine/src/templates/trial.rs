//! Rendering prompts on trial, so that a name that no run can have is found before one begins.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::id::RoleName;
use convoy_core::template::Runner;

use super::agent_file::AgentFile;
use super::check::Lane;
use super::context::{IssueText, PromptContext, VARIABLES};
use super::problem::{At, Problem};
use super::render::{RenderError, render_with_any_vars, variables};

/// Everything that is wrong with the prompt of a role, and with its command. `inputs` are the roles whose reports it gets.
pub(super) fn lane(lane: &Lane, inputs: &[&RoleName], problems: &mut Vec<Problem>) {
    let nobody = lane.runner() == Runner::Nobody;
    let contexts = [given(lane, inputs, nobody), empty(lane, inputs, nobody)];
    for (text, at) in texts(&lane.file) {
        if roots(&text, &at, problems) {
            continue;
        }
        let mut told = BTreeSet::new();
        for context in &contexts {
            if let Err(error) = render_with_any_vars(&text, context)
                && told.insert(error.to_string())
            {
                problems.push(explained(&error, &at, lane));
            }
        }
    }
}

/// Everything that is wrong with an agent file that no role uses: what a role would give it is not known.
pub(super) fn alone(file: &AgentFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (text, at) in texts(file) {
        roots(&text, &at, &mut problems);
    }
    problems
}

/// The templates in a file, each with where a line of it is.
fn texts(file: &AgentFile) -> Vec<(String, Place<'_>)> {
    let words = file.command.iter().flatten().map(|word| (word.value.clone(), Place::Word(&word.at)));
    std::iter::once((file.body.clone(), Place::Body(file))).chain(words).collect()
}

enum Place<'a> {
    Body(&'a AgentFile),
    Word(&'a At),
}

impl Place<'_> {
    fn at(&self, line: Option<usize>) -> At {
        match self {
            Self::Body(file) => file.at_body(line),
            Self::Word(at) => (*at).clone(),
        }
    }
}

/// Names that no prompt knows, wherever in it they are; whether there are any, or it is no template at all.
fn roots(text: &str, place: &Place<'_>, problems: &mut Vec<Problem>) -> bool {
    let names = match variables(text) {
        Ok(names) => names,
        Err(error) => {
            problems
                .push(place.at(error.line()).problem(format!("the prompt is no template: {}", error.what())));
            return true;
        }
    };
    let before = problems.len();
    let roots: BTreeSet<&str> = names.iter().map(|name| name.split('.').next().unwrap_or(name)).collect();
    for root in roots.into_iter().filter(|root| !VARIABLES.contains(root)) {
        let line = text.lines().position(|line| has_word(line, root)).map(|line| line + 1);
        let problem = place.at(line).problem(format!("unknown variable {root:?}"));
        let problem = problem.meant(root, VARIABLES);
        let fix = format!("the variables are {}", VARIABLES.join(", "));
        problems.push(if problem.fix.is_none() { problem.fix(fix) } else { problem });
    }
    problems.len() > before
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

fn explained(error: &RenderError, place: &Place<'_>, lane: &Lane) -> Problem {
    let at = place.at(error.line());
    let role = lane.role.role.value.as_str();
    let RenderError::Unknown { name, .. } = error else {
        return at.problem(format!("the prompt of role {role:?} cannot be rendered: {}", error.what()));
    };
    let problem = at.problem(format!("the prompt of role {role:?} asks for {name}, which it does not get"));
    match name.split_once('.') {
        Some(("params", key)) => {
            problem.fix(format!("give it in the template: params = {{ {key} = \"…\" }}"))
        }
        Some(("inputs", other)) => problem.fix(format!("add {other:?} to depends_on of role {role:?}")),
        _ => problem,
    }
}

/// What a run has that was given everything.
fn given(lane: &Lane, inputs: &[&RoleName], nobody: bool) -> PromptContext {
    let issue = |id: &str| IssueText {
        id: id.to_owned(),
        title: "Title".to_owned(),
        body: "Body".to_owned(),
        issue_type: "task".to_owned(),
        priority: 2,
        labels: vec!["label".to_owned()],
    };
    let finding = serde_json::json!({
        "id": "F1", "severity": "high", "touches": ["correctness"], "category": "logic", "title": "Title", "file": "a.rs", "line": 1,
        "end_line": 1, "roles": ["a"], "confidence": "high", "problem": "Problem", "impact": "Impact", "fix": "Fix",
        "related": [],
    });
    PromptContext {
        convoy: "hq-cv-00000".to_owned(),
        title: "Title".to_owned(),
        agent: if nobody { String::new() } else { "agent".to_owned() },
        files: vec!["a.rs".to_owned(), "b.rs".to_owned()],
        diff: "diff".to_owned(),
        commit: "0".repeat(40),
        base: "0".repeat(40),
        inputs: inputs.iter().map(|role| (role.to_string(), "Report".to_owned())).collect(),
        findings: vec![finding],
        pr_url: "https://example.com/1".to_owned(),
        issues: vec![issue("x-1"), issue("x-2")],
        about: lane.role.per_issue.then(|| "x-2".to_owned()),
        facts: "Facts".to_owned(),
        ..empty(lane, inputs, nobody)
    }
}

/// What a run has that was given nothing, and whose earlier roles failed.
fn empty(lane: &Lane, inputs: &[&RoleName], nobody: bool) -> PromptContext {
    PromptContext {
        role: lane.role.role.value.to_string(),
        agent: if nobody { String::new() } else { "agent".to_owned() },
        output_file: "/out/role.md".to_owned(),
        output_dir: "/out".to_owned(),
        findings_file: "/out/role.findings.json".to_owned(),
        missing: inputs.iter().map(|role| role.to_string()).collect(),
        params: lane.role.params.clone(),
        vars: BTreeMap::new(),
        ..PromptContext::default()
    }
}
