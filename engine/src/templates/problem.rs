//! What is wrong with a template or an agent file, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convoy_api::{Code, Failure};
use schemars::JsonSchema;
use serde::Serialize;

/// How different a word may be from a known one and still be taken for a slip.
const SLIP_MAX: f64 = 0.6;

/// Which of the folders something comes from; later ones win.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The program itself.
    BuiltIn,
    /// The user's folder.
    User,
    /// The workspace's folder.
    Workspace,
    /// A file that was named, in none of the folders.
    File,
}

impl Layer {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built in",
            Self::User => "user",
            Self::Workspace => "workspace",
            Self::File => "file",
        }
    }
}

/// Where a template or an agent file comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Which folder.
    pub layer: Layer,
    /// The file; none of what is built in.
    pub path: Option<PathBuf>,
    /// What it is called: the file's name without its ending.
    pub name: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => path.display().fmt(f),
            None => write!(f, "built-in {}", self.name),
        }
    }
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct At {
    /// The file.
    pub source: Arc<Source>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The way to it by keys: `agents[2].depends_on[0]`. Empty for the file as a whole.
    pub key: String,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Spot<T> {
    /// It.
    pub value: T,
    /// Where.
    pub at: At,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// What.
    pub what: String,
    /// What to do.
    pub fix: Option<String>,
}

/// A problem as scripts see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct ProblemView {
    /// The file; none of what is built in.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The way to it by keys.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub fix: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at.source)?;
        if let Some(line) = self.at.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if !self.at.key.is_empty() {
            write!(f, "{}: ", self.at.key)?;
        }
        f.write_str(&self.what)?;
        match &self.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

impl Problem {
    /// As scripts see it.
    pub fn view(&self) -> ProblemView {
        let text = |path: &Path| path.display().to_string();
        ProblemView {
            file: self.at.source.path.as_deref().map(text),
            line: self.at.line,
            key: Some(self.at.key.clone()).filter(|key| !key.is_empty()),
            problem: self.what.clone(),
            fix: self.fix.clone(),
        }
    }
}

impl At {
    /// The file as a whole.
    pub fn file(source: &Arc<Source>) -> Self {
        Self { source: source.clone(), line: None, key: String::new() }
    }

    /// A problem here.
    pub fn problem(&self, what: impl Into<String>) -> Problem {
        Problem { at: self.clone(), what: what.into(), fix: None }
    }
}

impl Problem {
    /// With what to do.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
    /// With what was perhaps meant, if something was.
    #[must_use]
    pub fn meant<'a>(mut self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(near) = nearest(word, known) {
            self.fix = Some(format!("did you mean {near:?}?"));
        }
        self
    }
}

/// The known word that is most like this one, if one is.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(word, known), known));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(score, _)| *score >= 1.0 - SLIP_MAX).map(|(_, known)| known)
}

/// Why there is no template or agent file to go on with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// There is none of that name.
    #[error("there is no {what} {name:?}")]
    Unknown {
        /// `template` or `agent file`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It is wrong.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Unknown { what, name, known } => {
                let failure = Self::new(Code::NotFound, error.to_string());
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => failure.hint(format!("did you mean {near:?}?")),
                    None => failure.hint(format!("every {what}: {}", known.join(", "))),
                }
            }
            Error::Invalid(_) => Self::new(Code::Invalid, error.to_string())
                .hint("see all that is wrong: convoy template validate"),
        }
    }
}
