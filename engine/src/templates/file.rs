//! A template as its file has it, before it inherits anything.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use convoy_core::id::{AgentName, RoleName, SubagentName, TemplateName};
use convoy_core::template::{OnFailure, ROLES_MAX, ReportKind};
use convoy_core::time::Span;

use super::node::{self, Node, Value};
use super::problem::{At, Problem, Source, Spot};
use super::read::{Fields, Reader};

/// The most agents at once that a template asks for.
const PARALLEL_MAX: u32 = 1000;
/// The most attempts of a role that a template asks for.
const ATTEMPTS_MAX: u32 = 100;

/// The keys of a template.
pub(super) const KEYS: [&str; 6] = ["name", "description", "extends", "remove", "agents", "config"];
/// The keys of a role.
pub(super) const ROLE_KEYS: [&str; 10] = [
    "role",
    "subagent",
    "parallel",
    "per",
    "depends_on",
    "params",
    "model",
    "agent",
    "timeout",
    "max_attempts",
];
/// The keys of `config`.
pub(super) const CONFIG_KEYS: [&str; 5] =
    ["output_dir", "max_parallel", "timeout", "synthesis", "on_failure"];

/// What a file is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// TOML.
    Toml,
    /// JSON, as other tools have it.
    Json,
}

/// Who does the work of a role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Nobody: its prompt is its report.
    Nobody,
    /// This agent.
    Agent(AgentName),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => f.write_str("none"),
            Self::Agent(name) => name.fmt(f),
        }
    }
}

/// A template's file.
#[derive(Clone, Debug)]
pub(super) struct TemplateFile {
    pub(super) source: Arc<Source>,
    /// It could not be read at all.
    pub(super) broken: bool,
    pub(super) name: Option<Spot<TemplateName>>,
    pub(super) description: Option<String>,
    pub(super) extends: Option<Spot<TemplateName>>,
    pub(super) remove: Vec<Spot<RoleName>>,
    pub(super) roles: Vec<Role>,
    pub(super) config: Config,
}

/// A role, as far as its file says.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name, and where it begins.
    pub role: Spot<RoleName>,
    /// Its agent file.
    pub subagent: Option<Spot<SubagentName>>,
    /// Whether it may run beside the roles that are listed before it.
    pub parallel: Option<bool>,
    /// It is made once for each issue of the run.
    pub per_issue: bool,
    /// What has to be done before.
    pub depends_on: Option<Vec<Spot<RoleName>>>,
    /// For the prompt.
    pub params: BTreeMap<String, String>,
    /// Instead of the agent file's.
    pub model: Option<String>,
    /// Instead of the agent file's.
    pub agent: Option<Spot<Who>>,
    /// Instead of the agent file's.
    pub timeout: Option<Span>,
    /// How often it is tried.
    pub max_attempts: Option<u32>,
}

/// What holds for all roles.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// Where reports are written, instead of the workspace's own folder.
    pub output_dir: Option<String>,
    /// How many roles at once.
    pub max_parallel: Option<u32>,
    /// How long all of it may take.
    pub timeout: Option<Span>,
    /// What is made of the reports; what they are says it if this does not.
    pub synthesis: Option<ReportKind>,
    /// What follows when a role has failed.
    pub on_failure: Option<OnFailure>,
}

/// Reads a template. What can be read of it is there even if something is wrong.
pub(super) fn read(source: &Arc<Source>, text: &str, format: Format) -> (TemplateFile, Vec<Problem>) {
    let mut reader = Reader::new(source, format == Format::Json);
    let mut file = TemplateFile {
        source: source.clone(),
        broken: false,
        name: None,
        description: None,
        extends: None,
        remove: Vec::new(),
        roles: Vec::new(),
        config: Config::default(),
    };
    // What editors of other systems put at the beginning.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = match format {
        Format::Toml => node::toml(text),
        Format::Json => node::json(text),
    };
    match root {
        Ok(root) => fill(&mut file, root, &mut reader),
        Err(broken) => {
            file.broken = true;
            reader.broken(broken);
        }
    }
    (file, reader.problems)
}

fn fill(file: &mut TemplateFile, root: Node, reader: &mut Reader) {
    let mut fields = reader.fields(root, "", &KEYS);
    file.name = reader.name(&mut fields, "name");
    file.description = reader.text(&mut fields, "description").map(|text| text.value);
    file.extends = reader.name(&mut fields, "extends");
    file.remove = reader.names(&mut fields, "remove").unwrap_or_default();
    let roles = reader.list(&mut fields, "agents").unwrap_or_default();
    if roles.len() > ROLES_MAX {
        let what = format!("it has {} roles, and at most {ROLES_MAX} can run in one convoy", roles.len());
        let problem = At { key: "agents".to_owned(), ..At::file(&file.source) }.problem(what);
        reader.report(problem);
    }
    for (key, node) in roles.into_iter().take(ROLES_MAX) {
        file.roles.extend(role(reader, node, &key));
    }
    if let Some(node) = fields.node("config") {
        file.config = config(reader, node);
    }
}

fn role(reader: &mut Reader, node: Node, key: &str) -> Option<Role> {
    let mut fields = reader.fields(node, key, &ROLE_KEYS);
    let named = reader.name::<RoleName>(&mut fields, "role");
    let told = reader.problems.len();
    let per_issue = reader.word(&mut fields, "per", &[("issue", true)]).unwrap_or(false);
    let model = reader.text(&mut fields, "model").and_then(|model| checked_model(reader, model));
    let role = Role {
        role: match named {
            Some(role) => Spot { at: At { key: key.to_owned(), ..role.at }, ..role },
            None => {
                // One of the wrong form was told already.
                if told == 0 || reader.problems.iter().all(|problem| problem.at.key != format!("{key}.role"))
                {
                    let problem = fields.at.problem("the role has no name");
                    reader.report(problem.fix("give it one: role = \"security\""));
                }
                return None;
            }
        },
        subagent: reader.name(&mut fields, "subagent"),
        parallel: reader.flag(&mut fields, "parallel"),
        per_issue,
        depends_on: reader.names(&mut fields, "depends_on"),
        params: reader.params(&mut fields, "params"),
        model,
        agent: who(reader, &mut fields),
        timeout: reader.span(&mut fields, "timeout"),
        max_attempts: reader.count(&mut fields, "max_attempts", ATTEMPTS_MAX),
    };
    Some(role)
}

/// The name of a model: an argument of a program, never an option of it.
pub(super) fn checked_model(reader: &mut Reader, model: Spot<String>) -> Option<String> {
    let text = model.value;
    if !text.is_empty() && text.len() <= 200 && !text.starts_with('-') && !text.contains(char::is_control) {
        return Some(text);
    }
    let problem =
        model.at.problem(format!("{:?} is no name of a model", text.chars().take(60).collect::<String>()));
    reader.report(problem.fix("expected up to 200 characters, not beginning with '-'"));
    None
}

/// `agent = "none"` or the name of one.
pub(super) fn who(reader: &mut Reader, fields: &mut Fields) -> Option<Spot<Who>> {
    let name = reader.name::<AgentName>(fields, "agent")?;
    let value = if name.value.as_str() == "none" { Who::Nobody } else { Who::Agent(name.value) };
    Some(Spot { value, at: name.at })
}

fn config(reader: &mut Reader, node: Node) -> Config {
    let mut fields = reader.fields(node, "config", &CONFIG_KEYS);
    let synthesis = reader.raw(&mut fields, "synthesis").and_then(|(at, value)| match value {
        Value::Bool(true) => Some(ReportKind::Review),
        Value::Bool(false) => Some(ReportKind::None),
        Value::Text(text) if text == "review" => Some(ReportKind::Review),
        Value::Text(text) if text == "triage" => Some(ReportKind::Triage),
        Value::Text(text) if text == "none" => Some(ReportKind::None),
        Value::Null | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Table(_) => {
            let problem = at.problem("true, false, \"review\", \"triage\" or \"none\" is expected");
            reader.report(problem);
            None
        }
    });
    let failures = [("continue", OnFailure::Continue), ("stop", OnFailure::Stop)];
    Config {
        output_dir: reader.text(&mut fields, "output_dir").and_then(|dir| checked_dir(reader, dir)),
        max_parallel: reader.count(&mut fields, "max_parallel", PARALLEL_MAX),
        timeout: reader.span(&mut fields, "timeout"),
        synthesis,
        on_failure: reader.word(&mut fields, "on_failure", &failures),
    }
}

/// A folder that reports may go to: below the workspace's folder, but not in git's or Convoy's own.
fn checked_dir(reader: &mut Reader, dir: Spot<String>) -> Option<String> {
    let path = PathBuf::from(&dir.value);
    let mut parts = path.components();
    let plain = parts
        .clone()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    let first = parts.find(|part| matches!(part, std::path::Component::Normal(_)));
    let inside = first.is_some_and(|part| part.as_os_str() != ".git")
        && (!path.starts_with(".convoy") || path.starts_with(".convoy/outputs"));
    if plain && inside && !dir.value.contains(char::is_control) && dir.value.len() <= 500 {
        return Some(dir.value.trim_end_matches('/').to_owned());
    }
    let problem = dir
        .at
        .problem(format!("{:?} is no folder for reports", dir.value.chars().take(100).collect::<String>()));
    reader.report(problem.fix(
        "expected a path below the workspace's folder, without '..', and neither in .git nor in .convoy, such as \"reports\"",
    ));
    None
}
