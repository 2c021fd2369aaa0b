//! From a program's bytes to reports: lines of bounded length, each given to a translator.

use convoy_core::report::{Report, Tokens};
use serde::{Deserialize, Serialize};

use super::calls::{self, Call};
use super::claude::Claude;
use super::codex::Codex;
use super::duplex::Aside;
use super::gemini::Gemini;
use super::refused::Refused;

/// The longest line that is translated. Longer ones are skipped as a whole: half of a JSON value says nothing.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// How a program's output is understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Not at all: it is kept, and the end is known from the process.
    #[default]
    Plain,
    /// Claude Code's `stream-json`.
    Claude,
    /// Codex's `exec --json`.
    Codex,
    /// Gemini CLI's `stream-json`.
    Gemini,
}

/// What usage begins with that the translator of Claude's stream makes of a sum: what was used beyond the replies that
/// it heard of.
const CLAUDE_REST: &str = "rest-";

impl Output {
    /// Whether a usage is the sum of several replies. Only Claude's stream tells each reply by itself.
    pub fn is_sum(self, message_id: &str) -> bool {
        self != Self::Claude || message_id.starts_with(CLAUDE_REST)
    }
}

/// What is known of a run before it begins, for programs whose output leaves it out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The model that it was started with.
    pub model: Option<String>,
    /// What the conversation that it goes on with had used.
    pub used: Tokens,
}

/// Understands one program's output, a line at a time. Never fails: what it does not understand, it passes over.
pub trait Translator {
    /// What this line reports. It comes without its line feed.
    fn line(&mut self, line: &[u8]) -> Vec<Report>;
    /// What is left to report when no more lines come.
    fn end(&mut self) -> Vec<Report>;
    /// What the lines since the last call said of the conversation. Of a program that holds none, nothing.
    fn asides(&mut self) -> Vec<Aside> {
        Vec::new()
    }
}

/// The translator of a kind of output; `None` if there is nothing to translate.
pub fn translator(output: Output, asked: &Asked) -> Option<Box<dyn Translator + Send>> {
    match output {
        Output::Plain => None,
        Output::Claude => Some(Box::<Claude>::default()),
        Output::Codex => Some(Box::new(Codex::new(asked))),
        Output::Gemini => Some(Box::<Gemini>::default()),
    }
}

/// A translator with the unfinished line before it.
pub struct Translation {
    translator: Option<Box<dyn Translator + Send>>,
    line: Vec<u8>,
    skipping: bool,
    output: Output,
    calls: Vec<Call>,
    refused: Refused,
}

impl Translation {
    /// For output that was not read yet.
    pub fn new(output: Output, asked: &Asked) -> Self {
        Self {
            translator: translator(output, asked),
            line: Vec::new(),
            skipping: false,
            output,
            calls: Vec::new(),
            refused: Refused::default(),
        }
    }

    /// Takes the next bytes, cut anywhere.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Report> {
        let Some(translator) = &mut self.translator else { return Vec::new() };
        let mut reports = Vec::new();
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (body, whole) = piece.strip_suffix(b"\n").map_or((piece, false), |body| (body, true));
            if !self.skipping && self.line.len() + body.len() > LINE_BYTES_MAX {
                self.skipping = true;
                self.line = Vec::new();
            }
            if whole && !self.skipping && self.line.is_empty() {
                // The usual case, without a copy.
                self.calls.extend(calls::of(self.output, body));
                self.refused.line(self.output, body);
                reports.extend(translator.line(body));
                continue;
            }
            if !self.skipping {
                self.line.extend_from_slice(body);
            }
            if whole {
                if !self.skipping {
                    self.calls.extend(calls::of(self.output, &self.line));
                    self.refused.line(self.output, &self.line);
                    reports.extend(translator.line(&self.line));
                }
                self.skipping = false;
                self.line.clear();
            }
        }
        reports.iter_mut().for_each(|report| self.refused.complete(report));
        reports
    }

    /// The uses of tools that were read of since the last time.
    pub fn calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// What was read since the last call says of the conversation.
    pub(crate) fn asides(&mut self) -> Vec<Aside> {
        self.translator.as_mut().map(|translator| translator.asides()).unwrap_or_default()
    }

    /// Takes the end. A last line without a line feed counts.
    pub fn end(&mut self) -> Vec<Report> {
        let Some(translator) = &mut self.translator else { return Vec::new() };
        let mut reports = Vec::new();
        if !self.line.is_empty() && !self.skipping {
            reports.extend(translator.line(&std::mem::take(&mut self.line)));
        }
        reports.extend(translator.end());
        reports.iter_mut().for_each(|report| self.refused.complete(report));
        reports
    }
}
