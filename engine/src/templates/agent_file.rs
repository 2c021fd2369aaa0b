//! Agent files: Markdown whose front matter says who does the work of a role, and whose body is the prompt.

use std::sync::Arc;

use convoy_core::id::SubagentName;
use convoy_core::template::OutputKind;
use convoy_core::time::Span;

use super::file::{Who, checked_model, who};
use super::node;
use super::problem::{At, Problem, Source, Spot};
use super::read::Reader;

/// The keys of the front matter.
pub(super) const KEYS: [&str; 10] = [
    "name",
    "description",
    "model",
    "tools",
    "permission_mode",
    "agent",
    "command",
    "success",
    "timeout",
    "output",
];
/// How many words a command may have.
const WORDS_MAX: usize = 200;
/// How long a word of a command may be, in bytes.
const WORD_BYTES_MAX: usize = 16 * 1024;
/// How many tools may be listed.
const TOOLS_MAX: usize = 200;

/// What roles write, by the names that files have for it.
pub(super) const OUTPUTS: [(&str, OutputKind); 5] = [
    ("markdown", OutputKind::Markdown),
    ("findings", OutputKind::Findings),
    ("sarif", OutputKind::Sarif),
    ("synthesis", OutputKind::Synthesis),
    ("triage", OutputKind::Triage),
];

/// An agent file.
#[derive(Clone, Debug)]
pub struct AgentFile {
    /// Where it comes from.
    pub source: Arc<Source>,
    /// Its name.
    pub name: SubagentName,
    /// It in a line.
    pub description: String,
    /// Which model, if not the agent's own default.
    pub model: Option<String>,
    /// The tools that it may use; none for as many as the agent has.
    pub tools: Option<Vec<String>>,
    /// The agent's own name for how it asks for permission.
    pub permission_mode: Option<String>,
    /// Which agent, if not the workspace's.
    pub agent: Option<Spot<Who>>,
    /// The program and its arguments, if a program does the work.
    pub command: Option<Vec<Spot<String>>>,
    /// Exit statuses of the program that are no failure.
    pub success: Vec<i32>,
    /// How long an attempt may take.
    pub timeout: Option<Span>,
    /// What it writes.
    pub output: OutputKind,
    /// The prompt, not rendered.
    pub body: String,
    /// The line of the file that the prompt begins on.
    pub body_line: u32,
}

impl AgentFile {
    /// A place in the prompt, by its own line.
    pub(super) fn at_body(&self, line: Option<usize>) -> At {
        let line = line.and_then(|line| u32::try_from(line).ok()).map(|line| line - 1 + self.body_line);
        At { source: self.source.clone(), line, key: String::new() }
    }
}

/// Reads an agent file, or says everything that is wrong with it.
pub(super) fn read(source: &Arc<Source>, text: &str) -> Result<AgentFile, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut reader = Reader::new(source, false);
    let Some((front, body, body_line)) = split(&text) else {
        let at = At { line: Some(1), ..At::file(source) };
        let problem = at.problem("the front matter is missing or has no end");
        return Err(vec![
            problem.fix("begin the file with a line '---', then 'name: …' and the like, then a line '---'"),
        ]);
    };
    let root = match node::yaml(front, 2) {
        Ok(root) => root,
        Err(broken) => {
            reader.broken(broken);
            return Err(reader.problems);
        }
    };
    let mut fields = {
        // Other tools write permissionMode.
        reader.json = true;
        let fields = reader.fields(root, "", &KEYS);
        reader.json = false;
        fields
    };
    let name = reader.name::<SubagentName>(&mut fields, "name");
    let description = reader.text(&mut fields, "description");
    let model = reader.text(&mut fields, "model").and_then(|model| checked_model(&mut reader, model));
    let tools = reader.texts(&mut fields, "tools").map(|tools| tools_of(&mut reader, tools));
    let permission_mode = reader.text(&mut fields, "permission_mode");
    let agent = who(&mut reader, &mut fields);
    let command = reader.texts(&mut fields, "command");
    let success = reader.statuses(&mut fields, "success");
    let timeout = reader.span(&mut fields, "timeout");
    let output = reader.word(&mut fields, "output", &OUTPUTS);

    if name.is_none() && !reader.problems.iter().any(|problem| problem.at.key == "name") {
        reader.report(
            fields.at.problem("the name is missing").fix(format!("add a line 'name: {}'", source.name)),
        );
    }
    if let Some(name) = name.as_ref().filter(|name| name.value.as_str() != source.name) {
        let what = format!("the name is {:?}, and the file is called {:?}", name.value.as_str(), source.name);
        reader
            .report(name.at.problem(what).fix("make them the same: a subagent is found by its file's name"));
    }
    let description = description.map(|text| text.value.trim().to_owned()).unwrap_or_default();
    if description.is_empty() {
        let what = "the description is missing";
        reader.report(fields.at.problem(what).fix("add a line 'description: …' that says what it does"));
    }
    if let Some(command) = &command {
        check_command(&mut reader, &fields.at, command);
        let of_agents = [
            ("model", model.is_some()),
            ("tools", tools.is_some()),
            ("permission_mode", permission_mode.is_some()),
            ("agent", agent.is_some()),
        ];
        for (key, _) in of_agents.into_iter().filter(|(_, given)| *given) {
            let what =
                format!("{key:?} means nothing beside \"command\": a program does the work, and no agent");
            reader.report(fields.at.problem(what).fix(format!("remove {key:?} or \"command\"")));
        }
    } else {
        if success.is_some() {
            let what = "\"success\" means something only beside \"command\"";
            reader.report(fields.at.problem(what).fix("remove it"));
        }
        if body.trim().is_empty() {
            let at = At { line: Some(body_line), ..At::file(source) };
            reader.report(at.problem("the prompt is missing").fix("write it below the front matter"));
        }
    }
    let Some(name) = name.filter(|_| reader.problems.is_empty()) else { return Err(reader.problems) };
    let program = command.is_some();
    Ok(AgentFile {
        source: source.clone(),
        name: name.value,
        description,
        model,
        tools,
        permission_mode: permission_mode.map(|mode| mode.value),
        agent,
        command,
        success: success.unwrap_or_else(|| vec![0]),
        timeout,
        output: output.unwrap_or(if program { OutputKind::Sarif } else { OutputKind::Markdown }),
        body: body.trim_matches('\n').to_owned() + "\n",
        body_line: body_line + u32::try_from(body.len() - body.trim_start_matches('\n').len()).unwrap_or(0),
    })
}

/// The front matter, the body, and the line that the body begins on.
fn split(text: &str) -> Option<(&str, &str, u32)> {
    let is_rule = |line: &str| line.trim_end() == "---";
    let (first, rest) = text.split_once('\n')?;
    if !is_rule(first) {
        return None;
    }
    let mut at = 0;
    for (n, line) in rest.split_inclusive('\n').enumerate() {
        if is_rule(line) {
            let body = &rest[at + line.len()..];
            return Some((&rest[..at], body, u32::try_from(n).unwrap_or(u32::MAX - 3) + 3));
        }
        at += line.len();
    }
    None
}

/// The names of tools; one text may list several.
fn tools_of(reader: &mut Reader, tools: Vec<Spot<String>>) -> Vec<String> {
    let mut all = Vec::new();
    for tool in tools {
        // A comma within brackets is part of the tool: Bash(git log:*, git diff:*).
        let mut depth = 0_i32;
        let parts = tool.value.split(|c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        });
        let names: Vec<String> =
            parts.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let bad =
            |name: &&String| name.starts_with('-') || name.len() > 200 || name.contains(char::is_control);
        if names.is_empty() || names.iter().any(|name| bad(&name)) {
            let what = format!("{:?} names no tool", tool.value.chars().take(60).collect::<String>());
            reader.report(tool.at.problem(what));
        }
        all.extend(names);
    }
    all.truncate(TOOLS_MAX);
    all
}

fn check_command(reader: &mut Reader, at: &At, command: &[Spot<String>]) {
    let program = command.first().map(|word| word.value.as_str()).unwrap_or_default();
    if program.trim().is_empty() {
        let problem = at.problem("\"command\" names no program");
        reader.report(problem.fix("give it as a list: command: [ruff, check, --output-format, sarif]"));
    }
    if command.len() == 1 && program.contains(char::is_whitespace) {
        let problem = command[0].at.problem("a command is a list of words, and no shell reads it");
        reader.report(problem.fix("write each argument as an entry of its own: [ruff, check]"));
    }
    if command.len() > WORDS_MAX || command.iter().any(|word| word.value.len() > WORD_BYTES_MAX) {
        let what = format!("a command has at most {WORDS_MAX} words of at most {WORD_BYTES_MAX} bytes");
        reader.report(at.problem(what));
    }
    for word in command.iter().filter(|word| word.value.contains('\0')) {
        let problem = word.at.problem("an argument cannot have a zero byte");
        reader.report(problem);
    }
}
