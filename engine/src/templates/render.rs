//! Rendering prompts: strictly, and never twice.
//!
//! A prompt is a Jinja template that knows the variables of a [`PromptContext`] and nothing else: no files, no includes,
//! no macros, no environment. A name that is not there is an error, not nothing. What is put in for a variable is text
//! from then on, whatever braces are in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Object;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use super::context::PromptContext;

/// How long a rendered prompt may become, in bytes: more than any model reads.
pub const PROMPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How many instructions one rendering may take: some hundred for each of the most files that a run names.
const FUEL: u64 = 20_000_000;
/// How deep a template may be nested.
const DEPTH_MAX: usize = 64;
/// How much of an expression an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Why a prompt could not be rendered. Lines are those of the template, from 1.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RenderError {
    /// It is no template.
    #[error("line {line}: {why}")]
    Syntax {
        /// Where.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// It names something that is not there.
    #[error("line {line}: there is no {name}")]
    Unknown {
        /// Where.
        line: usize,
        /// What it names.
        name: String,
    },
    /// Something in it went wrong, such as a filter on what it cannot take.
    #[error("line {line}: {why}")]
    Failed {
        /// Where.
        line: usize,
        /// What.
        why: String,
    },
    /// It loops too often.
    #[error("it takes too much work to render: a loop in it runs too often")]
    TooMuchWork,
    /// What comes out is too long.
    #[error("it becomes longer than {PROMPT_BYTES_MAX} bytes")]
    TooLong,
}

impl RenderError {
    /// The line of the template, if it is about one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Syntax { line, .. } | Self::Unknown { line, .. } | Self::Failed { line, .. } => Some(*line),
            Self::TooMuchWork | Self::TooLong => None,
        }
    }

    /// What is wrong, without the line.
    pub fn what(&self) -> String {
        match self {
            Self::Syntax { why, .. } | Self::Failed { why, .. } => why.clone(),
            Self::Unknown { name, .. } => format!("there is no {name}"),
            Self::TooMuchWork | Self::TooLong => self.to_string(),
        }
    }
}

/// The text that comes out of a template.
///
/// # Errors
/// Names what is wrong, and where.
pub fn render(template: &str, context: &PromptContext) -> Result<String, RenderError> {
    render_value(template, context.value(Value::from_pairs(context.vars.clone())))
}

/// The same, as if every `vars.x` had been given.
pub(super) fn render_with_any_vars(template: &str, context: &PromptContext) -> Result<String, RenderError> {
    render_value(template, context.value(Value::from_object(AnyText)))
}

fn render_value(template: &str, context: Value) -> Result<String, RenderError> {
    let environment = environment();
    let parsed = environment.template_from_str(template).map_err(|error| explained(&error, template))?;
    let mut out = Bounded(Vec::new());
    match parsed.render_captured_to(context, &mut out) {
        Ok(_) => {
            Ok(String::from_utf8(out.0)
                .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
        }
        Err(error) if error.kind() == ErrorKind::WriteFailure => Err(RenderError::TooLong),
        Err(error) => Err(explained(&error, template)),
    }
}

/// The names that a template looks up, with their attributes: `files`, `params.focus`.
///
/// # Errors
/// When it is no template.
pub fn variables(template: &str) -> Result<BTreeSet<String>, RenderError> {
    let environment = environment();
    let parsed = environment.template_from_str(template).map_err(|error| explained(&error, template))?;
    Ok(parsed
        .undeclared_variables(true)
        .into_iter()
        .filter(|name| !GLOBALS.contains(&name.as_str()))
        .collect())
}

/// Functions that templates may call.
const GLOBALS: [&str; 3] = ["range", "dict", "namespace"];

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH_MAX);
    environment.set_debug(true);
    // It would print the whole context.
    environment.remove_global("debug");
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().expect("the usual delimiters"));
    environment.add_filter("fenced", |text: Value, info: Option<Cow<'_, str>>| {
        fenced(&text.to_string(), info.as_deref())
    });
    environment.add_filter("cut", |text: Value, bytes: usize| cut(&text.to_string(), bytes).to_owned());
    environment
}

/// In a fence that is longer than any in the text, so that nothing in it ends the fence.
fn fenced(text: &str, info: Option<&str>) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{}\n{}\n{fence}", info.unwrap_or("text"), text.trim_end_matches('\n'))
}

/// The beginning of a text, up to the end of a line where there is one.
fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = text.floor_char_boundary(bytes_max);
    let end = text[..end].rfind('\n').map_or(end, |at| at + 1);
    &text[..end]
}

fn explained(error: &minijinja::Error, source: &str) -> RenderError {
    let line = error.line().unwrap_or(1);
    let range =
        error.range().and_then(|range| source.get(range)).map(str::trim).filter(|text| !text.is_empty());
    let shown = |text: &str| text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    let detail = || match (error.detail(), range) {
        (Some(detail), _) => detail.to_owned(),
        (None, Some(range)) => format!("{} at {:?}", error.kind(), shown(range)),
        (None, None) => error.kind().to_string(),
    };
    match error.kind() {
        ErrorKind::OutOfFuel => RenderError::TooMuchWork,
        ErrorKind::SyntaxError => RenderError::Syntax { line, why: detail() },
        ErrorKind::UndefinedError => RenderError::Unknown { line, name: named(error, range.map(shown)) },
        _ => RenderError::Failed { line, why: detail() },
    }
}

/// What an error says is not there.
fn named(error: &minijinja::Error, range: Option<String>) -> String {
    // The engine quotes the expression: `params.x` is undefined.
    let quoted = error.detail().and_then(|detail| {
        let (before, _) = detail.split_once("` is undefined")?;
        before.split_once('`').map(|(_, name)| name.to_owned())
    });
    let name = quoted.or(range).unwrap_or_else(|| "such variable".to_owned());
    name.trim_start_matches("{{").trim_end_matches("}}").trim().to_owned()
}

/// Has every key.
#[derive(Debug)]
struct AnyText;

impl Object for AnyText {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from("text"))
    }
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PROMPT_BYTES_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
