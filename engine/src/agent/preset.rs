//! Presets: how to call an agent's program. Two are built in; the configuration changes them and adds others.
//!
//! A preset is data. It says the command, how the prompt goes in, how output is read, and which variables of our
//! environment pass; it holds no secret, and nothing passes that it does not name.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::hooks::Hooks;
use super::translate::Output;
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
const KEYS: [&str; 13] = [
    "command",
    "duplex_arg",
    "env",
    "hooks",
    "like",
    "model_arg",
    "output",
    "prompt",
    "resume",
    "runtime",
    "set",
    "stop",
    "writable",
];
/// The built-in presets.
const BUILT_IN: [(&str, &str); 2] =
    [("claude", include_str!("presets/claude.toml")), ("plain", include_str!("presets/plain.toml"))];
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
    /// Arguments that choose the model `{model}`. Empty: the model cannot be chosen.
    pub model_arg: Vec<String>,
    /// Arguments that continue the agent's own conversation `{conversation}`. Empty: it cannot.
    pub resume: Vec<String>,
    /// Names of variables that pass beside those that every agent gets; a name may end in `*`.
    pub env: Vec<String>,
    /// Variables that are set, whatever ours are.
    pub set: BTreeMap<String, String>,
    /// How it is asked to stop.
    pub stop: Vec<Step>,
    /// How its supervisor is hosted, if not as by default.
    pub runtime: Option<Runtime>,
    /// Paths outside its workdir into which it has to write, `~` for the home directory.
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
            model_arg: Vec::new(),
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
                "output" => self.output = parsed(&agent, key, value, "\"plain\" or \"claude\"")?,
                "duplex_arg" => self.duplex_arg = texts(&agent, key, value)?,
                "hooks" => self.hooks = parsed(&agent, key, value, "\"none\" or \"claude\"")?,
                "model_arg" => self.model_arg = texts(&agent, key, value)?,
                "resume" => self.resume = texts(&agent, key, value)?,
                // Names add up: whoever lets one more variable pass does not mean to hold back the others.
                "env" => self.env.extend(texts(&agent, key, value)?),
                "set" => self.set.extend(parsed::<BTreeMap<_, _>>(&agent, key, value, "a table of texts")?),
                "stop" => self.stop = ladder(&agent, key, value)?,
                "runtime" => {
                    self.runtime = Some(parsed(&agent, key, value, "\"headless\" or \"tmux\"")?);
                }
                "writable" => self.writable = texts(&agent, key, value)?,
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

    /// The program and its arguments for one run. A prompt that goes in by a file without the command saying where
    /// is named by the last argument.
    pub fn argv(&self, model: Option<&str>, prompt_file: &Path) -> Vec<String> {
        let file = prompt_file.to_string_lossy();
        let place = "{prompt_file}";
        let mut argv: Vec<String> = self.command.iter().map(|word| word.replace(place, &file)).collect();
        if self.prompt == PromptVia::Duplex {
            argv.extend(self.duplex_arg.iter().cloned());
        }
        if let Some(model) = model {
            argv.extend(self.model_arg.iter().map(|word| word.replace("{model}", model)));
        }
        if self.prompt == PromptVia::File && !self.command.iter().any(|word| word.contains(place)) {
            argv.push(file.into_owned());
        }
        argv
    }

    /// The arguments that continue a conversation; `None` if this agent cannot.
    pub fn resume_args(&self, conversation: &str) -> Option<Vec<String>> {
        (!self.resume.is_empty())
            .then(|| self.resume.iter().map(|word| word.replace("{conversation}", conversation)).collect())
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
        let says = match self.output {
            Output::Plain => Says::No,
            Output::Claude => Says::Yes,
        };
        Reports { usage: says, cost: says, result: says, needs_input: Says::No }
    }

    /// Whether Convoy itself confines it. It does not: whoever needs that runs Convoy in a container.
    pub fn sandboxed(&self) -> bool {
        false
    }
}

fn wrong(agent: &str, key: &str, reason: impl Into<String>) -> Error {
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
mod tests {
    use super::*;

    fn presets(text: &str) -> Result<Presets, Error> {
        Presets::built_in().unwrap().with(&text.parse().unwrap())
    }

    #[test]
    fn claude_is_called_as_it_was_tried() {
        let all = Presets::built_in().unwrap();
        let claude = all.get("claude").unwrap();
        assert_eq!(
            claude.argv(Some("opus"), Path::new("/s/prompt.txt")).join(" "),
            "claude -p --output-format stream-json --verbose --include-partial-messages \
             --permission-mode bypassPermissions --input-format stream-json --model opus"
        );
        assert_eq!(claude.resume_args("c1").unwrap(), ["--resume", "c1"]);
        assert_eq!((claude.reports().cost, claude.reports().needs_input), (Says::Yes, Says::No));
    }

    #[test]
    fn only_named_variables_pass() {
        let names = [
            "HOME",
            "LC_ALL",
            "https_proxy",
            "ANTHROPIC_API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "CONVOY_SESSION",
            "MY_KEY",
        ];
        let mut ours = Environment::default();
        for name in names {
            ours.set(name, "x");
        }
        let all =
            presets("[mine]\nlike = \"claude\"\nenv = [\"MY_KEY\"]\n[other]\ncommand = [\"x\"]").unwrap();
        let passed = |name| all.get(name).unwrap().environment(&ours).into_keys().collect::<Vec<_>>();
        assert_eq!(
            passed("claude"),
            ["ANTHROPIC_API_KEY", "DISABLE_AUTOUPDATER", "HOME", "LC_ALL", "https_proxy"]
        );
        assert_eq!(
            passed("mine"),
            ["ANTHROPIC_API_KEY", "DISABLE_AUTOUPDATER", "HOME", "LC_ALL", "MY_KEY", "https_proxy"]
        );
        assert_eq!(passed("other"), ["HOME", "LC_ALL", "https_proxy"]);
    }

    #[test]
    fn the_configuration_is_checked() {
        let all = presets(
            "[mine]\ncommand = [\"run\", \"--in={prompt_file}\"]\nprompt = \"file\"\nstop = [{ signal = \"TERM\", wait = \"2s\" }]",
        )
        .unwrap();
        let mine = all.get("mine").unwrap();
        assert_eq!(mine.argv(Some("m"), Path::new("/p")), ["run", "--in=/p"]);
        assert_eq!(mine.stop, [Step { signal: StopSignal::Term, wait_ms: 2000 }]);
        let said = |text| presets(text).unwrap_err().to_string();
        assert_eq!(
            said("[mine]\ncomand = [\"x\"]"),
            "agents.mine: unknown key \"comand\"; did you mean \"command\"?"
        );
        assert_eq!(said("[mine]\nzzzz = 1"), "agents.mine: unknown key \"zzzz\"");
        assert_eq!(said("[mine]\ncommand = \"x y\""), "agents.mine.command: a list of texts is expected");
        assert_eq!(
            said("[mine]\nlike = \"cloude\""),
            "there is no agent \"cloude\"; did you mean \"claude\"?"
        );
        assert!(said("[mine]\nstop = [{ signal = \"TERM\", wait = \"soon\" }]").contains("such as"));
    }
}
