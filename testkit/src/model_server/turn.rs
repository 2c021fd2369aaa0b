//! What every protocol has in common: a request as one turn, a step as one reply.

use serde_json::{Value, json};

use super::script::{Step, Usage};

/// A request, as far as a script can see it.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) model: String,
    pub(super) stream: bool,
    /// Tool results since the last real prompt: the number of the step to play.
    pub(super) step: usize,
    /// The person's prompts, oldest first.
    pub(super) prompts: Vec<String>,
    /// What the model has said before, a line each.
    pub(super) said: String,
    /// Empty in a side request (a title, a summary), which is not part of the script.
    pub(super) tools: Vec<Tool>,
    /// The agent's directory, if its prompt tells.
    pub(super) cwd: Option<String>,
    /// What a request without tools is answered, where the agent insists on a form.
    pub(super) side_text: Option<&'static str>,
}

/// A tool that the agent offers.
#[derive(Debug)]
pub(super) struct Tool {
    /// Its full name; a namespace is joined to it by two underscores.
    pub(super) name: String,
    pub(super) schema: Value,
    /// Takes plain text instead of JSON.
    pub(super) freeform: bool,
    /// The namespace, where the protocol keeps it apart.
    pub(super) namespace: Option<String>,
}

/// What the model answers.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) call: Option<ToolCall>,
    pub(super) usage: Usage,
}

/// A call of one of the turn's tools.
#[derive(Debug)]
pub(super) struct ToolCall {
    /// Place in `Turn::tools`.
    pub(super) tool: usize,
    pub(super) args: Value,
}

const SHELL_TOOLS: &str =
    "Bash|exec_command|shell_command|run_shell_command|shell|local_shell|execute_command|terminal";
const WRITE_TOOLS: &str = "Write|write_file";
const PATH_KEYS: [&str; 4] = ["file_path", "filePath", "path", "absolute_path"];
/// How agents tell the model where they are.
const CWD_MARKS: [&str; 4] =
    ["rimary working directory: ", "orking directory: ", "<cwd>", "currently working in the directory: "];

impl Turn {
    /// Takes note of what the model said before.
    pub(super) fn said(&mut self, text: &str) {
        self.said.push_str(text);
        self.said.push('\n');
    }

    /// The reply that plays `step` with the tools of this turn.
    pub(super) fn reply(&self, step: &Step) -> Reply {
        Reply { text: step.text.clone(), call: self.call(step), usage: step.usage }
    }

    /// The answer to a request without tools.
    pub(super) fn side_reply(&self, text: Option<&str>) -> Reply {
        let usage = Usage { input: 50, output: 8, ..Usage::default() };
        let text = text.or(self.side_text).unwrap_or(r#"{"title":"Scripted title"}"#);
        Reply { text: text.to_owned(), call: None, usage }
    }

    fn call(&self, step: &Step) -> Option<ToolCall> {
        if let Some(call) = &step.call {
            let tool = self.find(&call.matching)?;
            return Some(ToolCall { tool, args: call.args.clone() });
        }
        if let Some(write) = &step.write {
            let path = match &self.cwd {
                Some(cwd) if !write.path.starts_with('/') => format!("{cwd}/{}", write.path),
                _ => write.path.clone(),
            };
            if let Some(tool) = self.find(WRITE_TOOLS).filter(|_| path.starts_with('/')) {
                let keys = &self.tools[tool].schema["properties"];
                let key = PATH_KEYS.into_iter().find(|key| !keys[*key].is_null()).unwrap_or(PATH_KEYS[0]);
                return Some(ToolCall { tool, args: json!({ key: path, "content": write.content }) });
            }
            let line = format!("printf %s {} > {}", quoted(&write.content), quoted(&path));
            return self.shell(&line);
        }
        self.shell(step.bash.as_ref()?)
    }

    fn shell(&self, line: &str) -> Option<ToolCall> {
        let tool = self.find(SHELL_TOOLS)?;
        let keys = &self.tools[tool].schema["properties"];
        let args = if !keys["cmd"].is_null() {
            json!({ "cmd": line })
        } else if keys["command"]["type"] == "array" {
            json!({ "command": ["bash", "-lc", line] })
        } else if keys["description"].is_null() {
            json!({ "command": line })
        } else {
            json!({ "command": line, "description": "scripted step" })
        };
        Some(ToolCall { tool, args })
    }

    fn find(&self, names: &str) -> Option<usize> {
        names.split('|').find_map(|name| {
            let suffix = format!("_{}", name.to_lowercase());
            let exact = self.tools.iter().position(|t| t.name.eq_ignore_ascii_case(name));
            exact.or_else(|| self.tools.iter().position(|t| t.name.to_lowercase().ends_with(&suffix)))
        })
    }
}

/// The directory that a prompt names.
pub(super) fn cwd_in(text: &str) -> Option<String> {
    CWD_MARKS.iter().find_map(|mark| {
        let (_, rest) = text.split_once(mark)?;
        let end = rest.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(rest.len());
        let path = rest[..end].trim_matches(['`', '\'', '.', ',']);
        path.starts_with('/').then(|| path.to_owned())
    })
}

/// The text of a message's content, which is a text or a list of parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().map(|p| text_of(p.get("text").unwrap_or(p))).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// One word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(cwd: Option<&str>, tools: &[(&str, Value)]) -> Turn {
        let tool = |(name, schema): &(&str, Value)| Tool {
            name: (*name).to_owned(),
            schema: schema.clone(),
            freeform: false,
            namespace: None,
        };
        Turn { cwd: cwd.map(str::to_owned), tools: tools.iter().map(tool).collect(), ..Turn::default() }
    }

    #[test]
    fn one_step_fits_the_tools_of_each_agent() {
        let write = Step::write("a b.txt", "it's\n");
        let claude =
            turn(Some("/w"), &[("Bash", json!({})), ("Write", json!({"properties":{"file_path":{}}}))]);
        let call = claude.call(&write).unwrap();
        assert_eq!((call.tool, call.args), (1, json!({"file_path":"/w/a b.txt","content":"it's\n"})));

        let codex = turn(Some("/w"), &[("exec_command", json!({"properties":{"cmd":{}}}))]);
        let call = codex.call(&write).unwrap();
        assert_eq!(
            call.args,
            json!({"cmd": r"printf %s 'it'\''s
' > '/w/a b.txt'"})
        );
        assert_eq!(codex.call(&Step::bash("true")).unwrap().args, json!({"cmd":"true"}));

        let array = turn(None, &[("shell", json!({"properties":{"command":{"type":"array"}}}))]);
        assert_eq!(array.call(&Step::bash("true")).unwrap().args, json!({"command":["bash","-lc","true"]}));
    }

    #[test]
    fn a_named_tool_is_found_by_its_last_part() {
        let turn = turn(None, &[("Bash", json!({})), ("mcp__convoy__done", json!({}))]);
        assert_eq!(turn.call(&Step::call("nothing|done", json!({"a":1}))).unwrap().tool, 1);
        assert!(turn.call(&Step::call("one", json!({}))).is_none());
        assert!(turn.call(&Step::say("only text")).is_none());
    }

    #[test]
    fn the_directory_is_read_from_the_prompt() {
        assert_eq!(
            cwd_in("x\nPrimary working directory: /tmp/a.b/c\n - more").as_deref(),
            Some("/tmp/a.b/c")
        );
        assert_eq!(cwd_in("<env><cwd>/srv/x</cwd></env>").as_deref(), Some("/srv/x"));
        assert_eq!(cwd_in("Working directory: unknown"), None);
    }
}
