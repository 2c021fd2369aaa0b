//! What a scripted model does: steps, in order, each one reply of the model.
//!
//! The same values are written in Rust by tests and in JSON by people who try an agent by hand. A script does
//! not know which agent reads it: `write` and `bash` are mapped onto whatever tools the request offers.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The steps of one script, or of several that share one URL and are told apart by the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What happens when no branch of `by_prompt` fits.
    pub steps: Vec<Step>,
    /// Looked at in order, newest prompt of the conversation first.
    pub by_prompt: Vec<Branch>,
    /// Answer to a request that offers no tools (titles, summaries). Such requests are no steps.
    pub side_text: Option<String>,
}

/// Steps for the conversations whose prompt contains a piece of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The piece of text, compared exactly.
    pub needle: String,
    /// What then happens.
    pub steps: Vec<Step>,
}

/// One reply of the model: a text and at most one tool call, or a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// What the model says.
    pub text: String,
    /// Writes a file. An agent may refuse to overwrite a file that it has not read: use `bash` there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Write>,
    /// Runs a command line in the agent's shell tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bash: Option<String>,
    /// Calls a tool by name, for example one of an MCP server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Tokens that the reply reports.
    pub usage: Usage,
    /// Waits before answering.
    pub delay_ms: u64,
    /// Answers with an error instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// Waits until the test opens this gate with `ModelServer::open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Never answers.
    pub hang: bool,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Relative to the agent's directory, or absolute.
    pub path: String,
    /// The whole content.
    pub content: String,
}

/// A call of a named tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Names separated by `|`. A name fits a tool of that name, in any case, and one that ends in `_name`
    /// (so `done` fits `mcp__convoy__done`). The first name with a tool wins.
    #[serde(rename = "match")]
    pub matching: String,
    /// The arguments, as the tool expects them.
    #[serde(default)]
    pub args: serde_json::Value,
}

/// Tokens of one reply. The first four never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// Fresh input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache. Gemini's protocol has no place for it.
    pub cache_write: u64,
    /// How much of the output was thought and not said, where the protocol tells them apart.
    pub reasoning: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self { input: 100, output: 20, cache_read: 0, cache_write: 0, reasoning: 0 }
    }
}

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    /// The vendor's word, such as `overloaded_error`.
    #[serde(rename = "type")]
    pub code: String,
    /// The text that a person reads.
    pub message: String,
    /// How often it fails before the step succeeds, over all conversations of the script. Absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// Why a script was not accepted.
#[derive(Debug)]
pub struct BadScript(
    /// What is wrong, with the place.
    pub String,
);

impl std::fmt::Display for BadScript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadScript {}

impl Script {
    /// These steps, whatever the prompt.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }

    /// Other steps for other prompts. Without a fitting branch the model says that it has nothing to do.
    pub fn by_prompt<N: Into<String>, S: IntoIterator<Item = Step>>(
        branches: impl IntoIterator<Item = (N, S)>,
    ) -> Self {
        let by_prompt = branches
            .into_iter()
            .map(|(needle, steps)| Branch { needle: needle.into(), steps: steps.into_iter().collect() })
            .collect();
        Self { by_prompt, ..Self::default() }
    }

    /// What happens when no branch fits.
    #[must_use]
    pub fn otherwise(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps = steps.into_iter().collect();
        self
    }

    /// Writes `path`, commits everything, says that it is done: the smallest piece of real work.
    pub fn commits(path: &str, content: &str, message: &str) -> Self {
        Self::new(Step::write_and_commit(path, content, message))
    }

    /// From JSON.
    ///
    /// # Errors
    /// A syntax error, an unknown key, or a step that would do two things.
    pub fn from_json(text: &str) -> Result<Self, BadScript> {
        let script: Self = serde_json::from_str(text).map_err(|e| BadScript(e.to_string()))?;
        let branches = script.by_prompt.iter().map(|b| (format!("by_prompt {:?}", b.needle), &b.steps));
        for (place, steps) in std::iter::once(("steps".to_owned(), &script.steps)).chain(branches) {
            for (n, step) in steps.iter().enumerate() {
                let actions = [step.write.is_some(), step.bash.is_some(), step.call.is_some()];
                if actions.iter().filter(|set| **set).count() > 1 {
                    return Err(BadScript(format!("{place}, step {n}: only one of write, bash, call")));
                }
            }
        }
        Ok(script)
    }

    /// Every `NAME.json` of a folder.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, or a script is not accepted; the text names the file.
    pub fn load_dir(dir: &Path) -> Result<Vec<(String, Self)>, BadScript> {
        let unreadable = |path: &Path, e: &std::io::Error| BadScript(format!("{}: {e}", path.display()));
        let mut scripts = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(|e| unreadable(dir, &e))? {
            let path = entry.map_err(|e| unreadable(dir, &e))?.path();
            let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
            if path.extension().is_some_and(|e| e == "json") {
                let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, &e))?;
                let script =
                    Self::from_json(&text).map_err(|e| BadScript(format!("{}: {e}", path.display())))?;
                scripts.push((name, script));
            }
        }
        scripts.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(scripts)
    }

    /// The steps for a conversation with these prompts, oldest first, and which branch that was.
    pub(super) fn steps_for(&self, prompts: &[String]) -> (Option<usize>, &[Step]) {
        for prompt in prompts.iter().rev() {
            if let Some(n) = self.by_prompt.iter().position(|b| prompt.contains(&b.needle)) {
                return (Some(n), &self.by_prompt[n].steps);
            }
        }
        (None, &self.steps)
    }
}

impl Step {
    /// Says something.
    pub fn say(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
    /// Writes a file.
    pub fn write(path: impl Into<String>, content: impl Into<String>) -> Self {
        let write = Write { path: path.into(), content: content.into() };
        Self { text: "I write the file.".to_owned(), write: Some(write), ..Self::default() }
    }
    /// Runs a command line.
    pub fn bash(line: impl Into<String>) -> Self {
        Self { text: "I run a command.".to_owned(), bash: Some(line.into()), ..Self::default() }
    }
    /// Calls a tool.
    pub fn call(matching: impl Into<String>, args: serde_json::Value) -> Self {
        let call = Call { matching: matching.into(), args };
        Self { text: "I call a tool.".to_owned(), call: Some(call), ..Self::default() }
    }
    /// Fails, every time.
    pub fn fail(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        let error = Error { status, code: code.into(), message: message.into(), times: None };
        Self { text: "It works again.".to_owned(), error: Some(error), ..Self::default() }
    }
    /// Never answers.
    pub fn hang() -> Self {
        Self { hang: true, ..Self::default() }
    }
    /// A file, a commit of everything, a last word.
    pub fn write_and_commit(path: &str, content: &str, message: &str) -> Vec<Self> {
        let commit = format!("git add -A && git commit -q -m {}", super::turn::quoted(message));
        vec![Self::write(path, content), Self::bash(commit), Self::say("Done.")]
    }

    /// With this text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }
    /// Reports these tokens.
    #[must_use]
    pub fn tokens(mut self, input: u64, output: u64) -> Self {
        (self.usage.input, self.usage.output) = (input, output);
        self
    }
    /// Reports these cached tokens.
    #[must_use]
    pub fn cached(mut self, read: u64, written: u64) -> Self {
        (self.usage.cache_read, self.usage.cache_write) = (read, written);
        self
    }
    /// Reports that so much of its output was thought.
    #[must_use]
    pub fn reasoned(mut self, reasoning: u64) -> Self {
        self.usage.reasoning = reasoning;
        self
    }
    /// Fails only so often, then does what it says.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        if let Some(error) = &mut self.error {
            error.times = Some(times);
        }
        self
    }
    /// Waits before answering.
    #[must_use]
    pub fn after_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = delay_ms;
        self
    }
    /// Waits until the test opens the gate.
    #[must_use]
    pub fn held_by(mut self, gate: impl Into<String>) -> Self {
        self.hold = Some(gate.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_builders_agree() {
        let json = r#"{"steps":[{"text":"hi","bash":"true","usage":{"input":7,"output":8}},
            {"text":"It works again.","error":{"status":529,"type":"overloaded_error","message":"later","times":2}}]}"#;
        let built = Script::new([
            Step::bash("true").text("hi").tokens(7, 8),
            Step::fail(529, "overloaded_error", "later").times(2),
        ]);
        assert_eq!(Script::from_json(json).unwrap(), built);
        let again = Script::from_json(&serde_json::to_string(&built).unwrap()).unwrap();
        assert_eq!(again, built);
    }

    #[test]
    fn a_mistake_is_named() {
        let unknown = Script::from_json(r#"{"steps":[{"txet":"hi"}]}"#).unwrap_err().to_string();
        assert!(unknown.contains("txet"), "{unknown}");
        let double = Script::from_json(r#"{"steps":[{"bash":"a","call":{"match":"b"}}]}"#).unwrap_err();
        assert!(double.to_string().contains("step 0"), "{double}");
    }

    #[test]
    fn the_newest_prompt_chooses() {
        let script = Script::by_prompt([("gt-a", [Step::say("a")]), ("gt-b", [Step::say("b")])])
            .otherwise([Step::say("?")]);
        let of = |prompts: &[&str]| {
            let prompts: Vec<String> = prompts.iter().map(|p| (*p).to_owned()).collect();
            script.steps_for(&prompts).1[0].text.clone()
        };
        assert_eq!(of(&["do gt-a", "now gt-b"]), "b");
        assert_eq!(of(&["do gt-a", "go on"]), "a");
        assert_eq!(of(&["nothing known"]), "?");
    }
}
