//! Presets: how to call an agent's program. Some are built in; the configuration changes them and adds others.
//!
//! A preset is data. It says the command, how the prompt goes in, how output is read, and which variables of our
//! environment pass; it holds no secret, and nothing passes that it does not name.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::conversation::{self, Conversation};
use super::hooks::Hooks;
use super::mcp::{self, Mcp};
use super::native;
use super::translate::Output;
use super::writable;
use crate::os::spawn::Environment;
use crate::runtime::Runtime;
use crate::supervisor::spec::{PromptVia, STEPS_MAX, Step, StopSignal, default_ladder};

/// Variables that every agent gets: who it runs for, where programs are, language, and the way to the network.
const ENV: [&str; 24] = [
    "HOME",
    "PATH",
    "LANG",
    "LC_*",
    "TERM",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "FTP_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "ftp_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "XDG_*",
];
/// The keys of a preset, all of them optional.
const KEYS: [&str; 16] = [
    "command",
    "duplex_arg",
    "env",
    "hooks",
    "like",
    "mcp",
    "model_arg",
    "output",
    "permission_arg",
    "prompt",
    "resume",
    "runtime",
    "set",
    "stop",
    "tools_arg",
    "writable",
];
/// The built-in presets.
const BUILT_IN: [(&str, &str); 4] = [
    ("claude", include_str!("presets/claude.toml")),
    ("codex", include_str!("presets/codex.toml")),
    ("gemini", include_str!("presets/gemini.toml")),
    ("plain", include_str!("presets/plain.toml")),
];
/// The preset from which new ones begin.
const BASE: &str = "plain";
/// How different a key may be from a known one and still be taken for a slip.
const SLIP_MAX: f64 = 0.6;

/// What is wrong with a preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key that does not exist.
    #[error("agents.{agent}: unknown key {key:?}{}", nearest.as_ref().map(|near| format!("; did you mean {near:?}?")).unwrap_or_default())]
    UnknownKey {
        /// The preset.
        agent: String,
        /// The key.
        key: String,
        /// The known key that is most like it, if one is.
        nearest: Option<String>,
    },
    /// A value that does not fit its key.
    #[error("agents.{agent}.{key}: {reason}")]
    Value {
        /// The preset.
        agent: String,
        /// The key.
        key: String,
        /// What is expected.
        reason: String,
    },
    /// A preset that does not exist.
    #[error("there is no agent {agent:?}{}", nearest.as_ref().map(|near| format!("; did you mean {near:?}?")).unwrap_or_default())]
    UnknownAgent {
        /// What was asked for.
        agent: String,
        /// The preset that is most like it, if one is.
        nearest: Option<String>,
    },
}

/// How to call one program.
#[derive(Clone, PartialEq, Debug)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// The program and its arguments; `{prompt_file}` stands for the file with the prompt. Empty: not usable yet.
    pub command: Vec<String>,
    /// How the prompt goes in.
    pub prompt: PromptVia,
    /// How its output is read.
    pub output: Output,
    /// Arguments with which it reads messages from its standard input while it works, for a prompt that goes in so.
    pub duplex_arg: Vec<String>,
    /// Whose hooks are installed, so that it reports by them.
    pub hooks: Hooks,
    /// How it is given the worker's tools.
    pub mcp: Mcp,
    /// Arguments that choose the model `{model}`. Empty: the model cannot be chosen.
    pub model_arg: Vec<String>,
    /// Arguments that leave it only some tools: `{tools}` is their list, `{names}` the same without what is in brackets
    /// and without the tools of servers.
    /// Empty: it has those that it has.
    pub tools_arg: Vec<String>,
    /// Arguments that choose how it asks for permission, `{mode}`. Empty: that cannot be chosen.
    pub permission_arg: Vec<String>,
    /// Arguments that continue the agent's own conversation, by its id `{conversation}` or its file `{transcript}`.
    /// Empty: it cannot.
    pub resume: Vec<String>,
    /// Names of variables that pass beside those that every agent gets; a name may end in `*`.
    pub env: Vec<String>,
    /// Variables that are set, whatever ours are.
    pub set: BTreeMap<String, String>,
    /// How it is asked to stop.
    pub stop: Vec<Step>,
    /// How its supervisor is hosted, if not as by default.
    pub runtime: Option<Runtime>,
    /// What it has to write outside its workdir, where it is confined: see [`super::writable`].
    pub writable: Vec<String>,
}

/// Whether something is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    /// It is.
    Yes,
    /// It is not, and is shown as unknown.
    No,
}

/// What an agent's output says, as far as Convoy understands it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reports {
    /// Tokens, message by message.
    pub usage: Says,
    /// What it cost.
    pub cost: Says,
    /// Whether it succeeded, beyond its exit status.
    pub result: Says,
    /// That it waits for a person.
    pub needs_input: Says,
}

/// All presets, by name.
#[derive(Clone, PartialEq, Debug)]
pub struct Presets(BTreeMap<String, Preset>);

impl Presets {
    /// The built-in ones.
    ///
    /// # Errors
    /// Never, for a binary whose tests pass.
    pub fn built_in() -> Result<Self, Error> {
        let mut all = Self(BTreeMap::new());
        for (name, text) in BUILT_IN {
            let table: Table =
                text.parse().map_err(|error: toml::de::Error| wrong(name, "", error.message()))?;
            let preset = Preset::empty(name).with(&table)?;
            all.0.insert(name.to_owned(), preset);
        }
        Ok(all)
    }

    /// These, changed and extended by the configuration's `[agents.NAME]` tables. A new one begins as `plain`, or as
    /// the one that its key `like` names.
    ///
    /// # Errors
    /// For unknown keys and values that do not fit.
    pub fn with(mut self, agents: &Table) -> Result<Self, Error> {
        for (name, value) in agents {
            let table = value.as_table().ok_or_else(|| wrong(name, "", "a table is expected"))?;
            let like = match table.get("like") {
                Some(like) => text(name, "like", like)?,
                None if self.0.contains_key(name) => name.clone(),
                None => BASE.to_owned(),
            };
            let base = Preset { name: name.clone(), ..self.get(&like)?.clone() };
            self.0.insert(name.clone(), base.with(table)?);
        }
        Ok(self)
    }

    /// One by its name.
    ///
    /// # Errors
    /// When there is none of that name; the error names the nearest.
    pub fn get(&self, name: &str) -> Result<&Preset, Error> {
        self.0.get(name).ok_or_else(|| Error::UnknownAgent {
            agent: name.to_owned(),
            nearest: nearest(name, self.0.keys().map(String::as_str)),
        })
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Preset> {
        self.0.values()
    }
}

impl Preset {
    fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            command: Vec::new(),
            prompt: PromptVia::Stdin,
            output: Output::Plain,
            duplex_arg: Vec::new(),
            hooks: Hooks::None,
            mcp: Mcp::None,
            model_arg: Vec::new(),
            tools_arg: Vec::new(),
            permission_arg: Vec::new(),
            resume: Vec::new(),
            env: Vec::new(),
            set: BTreeMap::new(),
            stop: default_ladder(),
            runtime: None,
            writable: Vec::new(),
        }
    }

    fn with(mut self, table: &Table) -> Result<Self, Error> {
        let agent = self.name.clone();
        for (key, value) in table {
            match key.as_str() {
                "command" => self.command = texts(&agent, key, value)?,
                "prompt" => self.prompt = parsed(&agent, key, value, "\"stdin\", \"file\" or \"duplex\"")?,
                "output" => {
                    let known = "\"plain\", \"claude\", \"codex\" or \"gemini\"";
                    self.output = parsed(&agent, key, value, known)?;
                }
                "duplex_arg" => self.duplex_arg = texts(&agent, key, value)?,
                "hooks" => self.hooks = parsed(&agent, key, value, "\"none\" or \"claude\"")?,
                "mcp" => {
                    let known = "\"none\", \"claude\" or \"codex\"";
                    self.mcp = parsed(&agent, key, value, known)?;
                }
                "model_arg" => self.model_arg = texts(&agent, key, value)?,
                "tools_arg" => self.tools_arg = texts(&agent, key, value)?,
                "permission_arg" => self.permission_arg = texts(&agent, key, value)?,
                "resume" => self.resume = texts(&agent, key, value)?,
                // Names add up: whoever lets one more variable pass does not mean to hold back the others.
                "env" => self.env.extend(texts(&agent, key, value)?),
                "set" => self.set.extend(parsed::<BTreeMap<_, _>>(&agent, key, value, "a table of texts")?),
                "stop" => self.stop = ladder(&agent, key, value)?,
                "runtime" => {
                    self.runtime = Some(parsed(&agent, key, value, "\"headless\" or \"tmux\"")?);
                }
                // They add up, as names of variables do.
                "writable" => self.writable.extend(writable::checked(&agent, texts(&agent, key, value)?)?),
                "like" => {}
                _ => {
                    return Err(Error::UnknownKey { agent, key: key.clone(), nearest: nearest(key, KEYS) });
                }
            }
        }
        // The form of its messages is known for no other program.
        if self.prompt == PromptVia::Duplex && self.output != Output::Claude {
            let reason = "\"duplex\" needs output = \"claude\"; set prompt = \"stdin\" with another one";
            return Err(wrong(&agent, "prompt", reason));
        }
        Ok(self)
    }

    /// The program and its arguments for one run, which goes on with a conversation if one is given. A prompt that goes
    /// in by a file without the command saying where is named by the last argument.
    pub fn argv(
        &self,
        model: Option<&str>,
        conversation: Option<&Conversation>,
        prompt_file: &Path,
    ) -> Vec<String> {
        self.argv_with(model, conversation, prompt_file, &[])
    }

    /// The same, with more arguments among the options.
    pub fn argv_with(
        &self,
        model: Option<&str>,
        conversation: Option<&Conversation>,
        prompt_file: &Path,
        more: &[String],
    ) -> Vec<String> {
        let file = prompt_file.to_string_lossy();
        let place = "{prompt_file}";
        let mut argv: Vec<String> = self.command.iter().map(|word| word.replace(place, &file)).collect();
        if self.prompt == PromptVia::Duplex {
            argv.extend(self.duplex_arg.iter().cloned());
        }
        if let Some(model) = model {
            argv.extend(self.model_arg.iter().map(|word| word.replace("{model}", model)));
        }
        argv.extend(more.iter().cloned());
        if let Some(conversation) = conversation {
            let transcript = conversation.transcript.to_string_lossy();
            let filled = |word: &String| {
                word.replace("{conversation}", &conversation.id).replace("{transcript}", &transcript)
            };
            argv.extend(self.resume.iter().map(filled));
        }
        if self.prompt == PromptVia::File && !self.command.iter().any(|word| word.contains(place)) {
            argv.push(file.into_owned());
        }
        argv
    }

    /// Arguments that leave it only these tools, and have it ask for permission in this way, as far as its program can be
    /// told so.
    pub fn role_arguments(&self, tools: Option<&[String]>, mode: Option<&str>) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(tools) = tools {
            let mut names: Vec<&str> = Vec::new();
            for tool in tools.iter().filter(|tool| !mcp::is_of_a_server(tool)) {
                let name = tool.split('(').next().unwrap_or(tool).trim();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let filled = |word: &String| {
                word.replace("{tools}", &tools.join(",")).replace("{names}", &names.join(","))
            };
            arguments.extend(self.tools_arg.iter().map(filled));
        }
        if let Some(mode) = mode {
            arguments.extend(self.permission_arg.iter().map(|word| word.replace("{mode}", mode)));
        }
        arguments
    }

    /// The same argument list with the program itself in the place of a launcher that would only start it.
    pub fn native(&self, mut argv: Vec<String>, ours: &Environment) -> Vec<String> {
        let native = argv.first().and_then(|name| native::behind(name, ours.get("PATH")));
        if let (Some(name), Some(program)) = (argv.first_mut(), native.as_deref().and_then(Path::to_str)) {
            program.clone_into(name);
        }
        argv
    }

    /// The agent's conversation of this id, if it can go on with one and still has it. `env` is the environment that
    /// the agent gets.
    pub fn conversation(&self, id: &str, env: &BTreeMap<String, String>) -> Option<Conversation> {
        if self.resume.is_empty() { None } else { conversation::find(self.output, id, env) }
    }

    /// The agent's environment out of ours: what the preset names, then what it sets. Values that are not text do
    /// not pass.
    pub fn environment(&self, ours: &Environment) -> BTreeMap<String, String> {
        let names = || ENV.into_iter().chain(self.env.iter().map(String::as_str));
        let passes = |name: &str| {
            names()
                .any(|known| known.strip_suffix('*').map_or(known == name, |start| name.starts_with(start)))
        };
        let kept = ours.filtered(passes);
        let mut all: BTreeMap<String, String> = kept
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())))
            .collect();
        all.extend(self.set.clone());
        all
    }

    /// What its output says.
    pub fn reports(&self) -> Reports {
        let (tokens, cost, result) = match self.output {
            Output::Plain => (Says::No, Says::No, Says::No),
            Output::Claude => (Says::Yes, Says::Yes, Says::Yes),
            // Tokens with the end of a turn; money never.
            Output::Codex | Output::Gemini => (Says::Yes, Says::No, Says::Yes),
        };
        Reports { usage: tokens, cost, result, needs_input: Says::No }
    }

    /// Whether Convoy itself confines it, whatever it works on. It does not: whoever needs that runs Convoy in a
    /// container. One that only looks, in a role of a template, is confined where the system can do that.
    pub fn sandboxed(&self) -> bool {
        false
    }
}

pub(super) fn wrong(agent: &str, key: &str, reason: impl Into<String>) -> Error {
    Error::Value { agent: agent.to_owned(), key: key.to_owned(), reason: reason.into() }
}

fn parsed<'de, T: Deserialize<'de>>(
    agent: &str,
    key: &str,
    value: &Value,
    expected: &str,
) -> Result<T, Error> {
    value.clone().try_into().map_err(|_| wrong(agent, key, format!("{expected} is expected")))
}

fn text(agent: &str, key: &str, value: &Value) -> Result<String, Error> {
    parsed(agent, key, value, "a text")
}

fn texts(agent: &str, key: &str, value: &Value) -> Result<Vec<String>, Error> {
    parsed(agent, key, value, "a list of texts")
}

fn ladder(agent: &str, key: &str, value: &Value) -> Result<Vec<Step>, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        signal: StopSignal,
        wait: String,
    }
    let expected = "a list such as [{ signal = \"INT\", wait = \"5s\" }]";
    let written: Vec<Written> = parsed(agent, key, value, expected)?;
    if written.len() > STEPS_MAX {
        return Err(wrong(agent, key, format!("at most {STEPS_MAX} steps are possible")));
    }
    let step = |step: &Written| {
        let wait: jiff::SignedDuration = step.wait.parse().ok()?;
        Some(Step { signal: step.signal, wait_ms: u64::try_from(wait.as_millis()).ok()? })
    };
    written
        .iter()
        .map(|one| step(one).ok_or_else(|| wrong(agent, key, format!("{expected} is expected"))))
        .collect()
}

fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 1.0 - SLIP_MAX)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests;
