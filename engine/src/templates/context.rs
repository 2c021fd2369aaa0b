//! What a prompt can name: the variables of a step.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, Serde};
use serde::Serialize;

use crate::text;

/// Every variable of a prompt. What a run was not given is there and empty, so that a prompt can ask for it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PromptContext {
    /// The convoy's id.
    pub convoy: String,
    /// The convoy's title.
    pub title: String,
    /// The role.
    pub role: String,
    /// The agent that the prompt is for; empty if it is for none, and what is rendered is the report.
    pub agent: String,
    /// The files that are looked at, from the top of the repository.
    pub files: Vec<String>,
    /// The change that is looked at, as git prints it.
    pub diff: String,
    /// The commit that is read.
    pub commit: String,
    /// Where the change begins.
    pub base: String,
    /// Where the report goes.
    pub output_file: String,
    /// The folder of it, which is all that the role may write in.
    pub output_dir: String,
    /// Where findings go, as JSON.
    pub findings_file: String,
    /// The reports of the roles that this one depends on.
    pub inputs: BTreeMap<String, String>,
    /// Roles that this one depends on and that gave nothing.
    pub missing: Vec<String>,
    /// The merged findings, each an object with its `id`.
    pub findings: Vec<serde_json::Value>,
    /// What the template has for the prompt.
    pub params: BTreeMap<String, String>,
    /// What the person gave.
    pub vars: BTreeMap<String, String>,
    /// The request on a forge.
    pub pr_url: String,
    /// The issues of the run.
    pub issues: Vec<IssueText>,
    /// Which of the issues the step is about; without it `issue` is the first of them.
    pub about: Option<String>,
    /// What the engine knows of its workers and itself.
    pub facts: String,
}

/// An issue, as a prompt sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct IssueText {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The whole story.
    pub body: String,
    /// task, bug, feature, chore, epic or step.
    #[serde(rename = "type")]
    pub issue_type: String,
    /// From 0, the most urgent, to 4.
    pub priority: u8,
    /// Its labels.
    pub labels: Vec<String>,
}

/// The names that every prompt knows.
pub const VARIABLES: [&str; 20] = [
    "agent",
    "base",
    "commit",
    "convoy",
    "diff",
    "facts",
    "files",
    "findings",
    "findings_file",
    "inputs",
    "issue",
    "issues",
    "missing",
    "output_dir",
    "output_file",
    "params",
    "pr_url",
    "role",
    "title",
    "vars",
];

impl PromptContext {
    /// As the renderer wants it.
    pub(super) fn value(&self, vars: Value) -> Value {
        let about = self.about.as_deref();
        let issue = match about {
            Some(about) => self.issues.iter().find(|issue| issue.id == about),
            None => self.issues.first(),
        };
        let text = |text: &String| Value::from(text.as_str());
        let mut inputs = self.inputs.clone();
        for role in &self.missing {
            inputs.entry(role.clone()).or_default();
        }
        Value::from_pairs([
            ("agent", text(&self.agent)),
            ("base", text(&self.base)),
            ("commit", text(&self.commit)),
            ("convoy", text(&self.convoy)),
            ("diff", text(&self.diff)),
            ("facts", text(&self.facts)),
            ("files", lines(&self.files)),
            ("findings", Value::from_object(Findings(self.findings.clone()))),
            ("findings_file", text(&self.findings_file)),
            ("inputs", Value::from_pairs(inputs)),
            ("issue", Value::from_object(Issue(issue.cloned()))),
            ("issues", Value::from_object(Issues(self.issues.clone()))),
            ("missing", lines(&self.missing)),
            ("output_dir", text(&self.output_dir)),
            ("output_file", text(&self.output_file)),
            ("params", Value::from_pairs(self.params.clone())),
            ("pr_url", text(&self.pr_url)),
            ("role", text(&self.role)),
            ("title", text(&self.title)),
            ("vars", vars),
        ])
    }
}

fn lines(all: &[String]) -> Value {
    Value::from_object(Lines(all.to_vec()))
}

/// A list that prints one entry a line; a line end within an entry is shown, and makes no entry of its own.
#[derive(Debug)]
struct Lines(Vec<String>);

impl Object for Lines {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).map(|text| Value::from(text.as_str()))
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, entry) in self.0.iter().enumerate() {
            let end = if n == 0 { "" } else { "\n" };
            write!(f, "{end}{}", text::line(entry))?;
        }
        Ok(())
    }
}

/// The merged findings: a list that prints as JSON.
#[derive(Debug)]
struct Findings(Vec<serde_json::Value>);

impl Object for Findings {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).map(|one| Value::from(Serde(one)))
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(&self.0).unwrap_or_default())
    }
}

/// An issue, or none: then it is false, and all of it is empty.
#[derive(Debug)]
struct Issue(Option<IssueText>);

impl Object for Issue {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let none = IssueText::default();
        let issue = self.0.as_ref().unwrap_or(&none);
        match key.as_str()? {
            "id" => Some(Value::from(issue.id.as_str())),
            "title" => Some(Value::from(issue.title.as_str())),
            "body" | "description" => Some(Value::from(issue.body.as_str())),
            "type" => Some(Value::from(issue.issue_type.as_str())),
            "priority" => Some(Value::from(issue.priority)),
            "labels" => Some(lines(&issue.labels)),
            _ => None,
        }
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.0 {
            Some(_) => Enumerator::Str(&["id", "title", "body", "type", "priority", "labels"]),
            None => Enumerator::Empty,
        }
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |issue| print(issue, f))
    }
}

/// The issues of a run: a list that prints all of them.
#[derive(Debug)]
struct Issues(Vec<IssueText>);

impl Object for Issues {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).map(|issue| Value::from_object(Issue(Some(issue.clone()))))
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, issue) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n\n")?;
            }
            print(issue, f)?;
        }
        Ok(())
    }
}

fn print(issue: &IssueText, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}: {}", issue.id, text::line(&issue.title))?;
    let body = issue.body.trim();
    if body.is_empty() { Ok(()) } else { write!(f, "\n\n{body}") }
}
