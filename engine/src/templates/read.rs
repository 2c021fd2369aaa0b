//! Reading a tree key by key, and collecting everything that is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use convoy_core::time::Span;

use super::node::{Broken, Node, Value};
use super::problem::{At, Problem, Source, Spot};
use crate::config::duration;

/// The longest time that anything may take.
const SPAN_MAX: Span = Span::from_secs(30 * 86_400);

/// Reads one file.
pub(super) struct Reader {
    pub(super) source: Arc<Source>,
    pub(super) problems: Vec<Problem>,
    /// Keys may be written `dependsOn` as well, and numbers are milliseconds where a time is meant.
    pub(super) json: bool,
}

/// The entries of a table by their keys; each is taken once.
pub(super) struct Fields {
    pub(super) at: At,
    entries: BTreeMap<String, (At, Node)>,
}

/// `dependsOn` as `depends_on`.
fn snake(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl Reader {
    pub(super) fn new(source: &Arc<Source>, json: bool) -> Self {
        Self { source: source.clone(), problems: Vec::new(), json }
    }

    pub(super) fn broken(&mut self, broken: Broken) {
        let at = At { source: self.source.clone(), line: broken.line, key: String::new() };
        self.problems.push(at.problem(broken.why));
    }

    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn at(&self, line: u32, key: impl Into<String>) -> At {
        At { source: self.source.clone(), line: Some(line), key: key.into() }
    }

    fn wrong(&mut self, at: &At, expected: &str, found: &Value) {
        self.problems.push(at.problem(format!("{expected} is expected, and here is {}", found.kind())));
    }

    /// The fields of a table whose keys are known. Another key, or one that is given twice, is a problem.
    pub(super) fn fields(&mut self, node: Node, key: &str, known: &[&str]) -> Fields {
        let at = self.at(node.line, key);
        let mut fields = Fields { at, entries: BTreeMap::new() };
        let table = match node.value {
            Value::Table(table) => table,
            other => {
                let at = fields.at.clone();
                self.wrong(&at, "a table of keys and values", &other);
                return fields;
            }
        };
        for entry in table {
            let plain = if self.json { snake(&entry.key) } else { entry.key.clone() };
            let path = if key.is_empty() { plain.clone() } else { format!("{key}.{plain}") };
            let at = self.at(entry.line, path);
            if !known.contains(&plain.as_str()) {
                let problem =
                    At { key: key.to_owned(), ..at }.problem(format!("unknown key {:?}", entry.key));
                let problem = problem.meant(&snake(&entry.key), known.iter().copied());
                let fix = format!("expected one of {}", known.join(", "));
                self.problems.push(if problem.fix.is_none() { problem.fix(fix) } else { problem });
                continue;
            }
            if fields.entries.insert(plain, (at.clone(), entry.node)).is_some() {
                self.problems.push(at.problem("it is given twice").fix("keep one of them"));
            }
        }
        fields
    }

    /// A text.
    pub(super) fn text(&mut self, fields: &mut Fields, key: &str) -> Option<Spot<String>> {
        let (at, node) = fields.take(key)?;
        match node.value {
            Value::Text(value) => Some(Spot { value, at }),
            other => {
                self.wrong(&at, "a text", &other);
                None
            }
        }
    }

    /// A text that is a name of some kind.
    pub(super) fn name<T: std::str::FromStr<Err = convoy_core::id::Error>>(
        &mut self,
        fields: &mut Fields,
        key: &str,
    ) -> Option<Spot<T>> {
        let text = self.text(fields, key)?;
        self.named(text)
    }

    fn named<T: std::str::FromStr<Err = convoy_core::id::Error>>(
        &mut self,
        text: Spot<String>,
    ) -> Option<Spot<T>> {
        match text.value.parse() {
            Ok(value) => Some(Spot { value, at: text.at }),
            Err(error) => {
                self.problems.push(text.at.problem(error.to_string()));
                None
            }
        }
    }

    /// A list of names.
    pub(super) fn names<T: std::str::FromStr<Err = convoy_core::id::Error>>(
        &mut self,
        fields: &mut Fields,
        key: &str,
    ) -> Option<Vec<Spot<T>>> {
        let texts = self.texts(fields, key)?;
        Some(texts.into_iter().filter_map(|text| self.named(text)).collect())
    }

    /// A list of texts; one text is a list of one.
    pub(super) fn texts(&mut self, fields: &mut Fields, key: &str) -> Option<Vec<Spot<String>>> {
        let (at, node) = fields.take(key)?;
        let list = match node.value {
            Value::List(list) => list,
            Value::Text(value) => return Some(vec![Spot { value, at }]),
            other => {
                self.wrong(&at, "a list of texts", &other);
                return None;
            }
        };
        let mut all = Vec::new();
        for (n, one) in list.into_iter().enumerate() {
            let at = At { line: Some(one.line), key: format!("{}[{n}]", at.key), ..at.clone() };
            match one.value {
                Value::Text(value) => all.push(Spot { value, at }),
                other => self.wrong(&at, "a text", &other),
            }
        }
        Some(all)
    }

    /// The elements of a list, with their keys.
    pub(super) fn list(&mut self, fields: &mut Fields, key: &str) -> Option<Vec<(String, Node)>> {
        let (at, node) = fields.take(key)?;
        match node.value {
            Value::List(list) => {
                Some(list.into_iter().enumerate().map(|(n, one)| (format!("{}[{n}]", at.key), one)).collect())
            }
            other => {
                self.wrong(&at, "a list", &other);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, fields: &mut Fields, key: &str) -> Option<bool> {
        let (at, node) = fields.take(key)?;
        match node.value {
            Value::Bool(value) => Some(value),
            other => {
                self.wrong(&at, "true or false", &other);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn count(&mut self, fields: &mut Fields, key: &str, most: u32) -> Option<u32> {
        let (at, node) = fields.take(key)?;
        let number = match &node.value {
            Value::Number(text) => text.parse::<u32>().ok().filter(|number| (1..=most).contains(number)),
            _ => None,
        };
        if number.is_none() {
            self.problems.push(at.problem(format!("a whole number from 1 to {most} is expected")));
        }
        number
    }

    /// A length of time: `90s`, `10m`, `1h30m`; in JSON also a number of milliseconds.
    pub(super) fn span(&mut self, fields: &mut Fields, key: &str) -> Option<Span> {
        let (at, node) = fields.take(key)?;
        let span = match &node.value {
            Value::Text(text) => duration(text),
            Value::Number(text) if self.json => text.parse().ok().map(Span::from_millis),
            _ => None,
        };
        let good = span.filter(|span| *span > Span::default() && *span <= SPAN_MAX);
        if good.is_none() {
            let expected = "a time of more than nothing and at most 30 days is expected, such as \"90s\", \"10m\" or \"1h30m\"";
            let problem = at.problem(expected);
            self.problems.push(match (&node.value, self.json) {
                (Value::Number(number), false) => {
                    problem.fix(format!("with its unit: \"{number}s\" or \"{number}m\""))
                }
                _ => problem,
            });
        }
        good
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, fields: &mut Fields, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(fields, key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("{:?} is not one of {}", text.value, known.join(", "));
            self.problems.push(text.at.problem(what).meant(&text.value, known));
        }
        found.map(|(_, value)| *value)
    }

    /// A table of texts; numbers, truths and lists of them become texts, a list one with an entry a line.
    pub(super) fn params(&mut self, fields: &mut Fields, key: &str) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let Some((at, node)) = fields.take(key) else { return all };
        let entries = match node.value {
            Value::Table(entries) => entries,
            other => {
                self.wrong(&at, "a table of texts", &other);
                return all;
            }
        };
        for entry in entries {
            let at = self.at(entry.line, format!("{}.{}", at.key, entry.key));
            if !is_variable(&entry.key) {
                let what = format!("{:?} cannot be used in a prompt", entry.key);
                self.problems
                    .push(at.problem(what).fix("use letters, digits and '_', not beginning with a digit"));
                continue;
            }
            match plain(entry.node.value) {
                Ok(text) => drop(all.insert(entry.key, text)),
                Err(other) => self.wrong(&at, "a text, a number, true or false, or a list of those", &other),
            }
        }
        all
    }

    /// A list of whole numbers from 0 to 255.
    pub(super) fn statuses(&mut self, fields: &mut Fields, key: &str) -> Option<Vec<i32>> {
        let mut all = Vec::new();
        for (key, node) in self.list(fields, key)? {
            let number = match &node.value {
                Value::Number(text) => text.parse::<i32>().ok().filter(|number| (0..=255).contains(number)),
                _ => None,
            };
            match number {
                Some(number) => all.push(number),
                None => {
                    let at = self.at(node.line, key);
                    self.problems.push(at.problem("an exit status from 0 to 255 is expected"));
                }
            }
        }
        Some(all)
    }

    /// A value that is read in its own way.
    pub(super) fn raw(&mut self, fields: &mut Fields, key: &str) -> Option<(At, Value)> {
        fields.take(key).map(|(at, node)| (at, node.value))
    }
}

impl Fields {
    /// Nothing is as good as not given.
    fn take(&mut self, key: &str) -> Option<(At, Node)> {
        self.entries.remove(key).filter(|(_, node)| node.value != Value::Null)
    }

    pub(super) fn node(&mut self, key: &str) -> Option<Node> {
        self.take(key).map(|(_, node)| node)
    }
}

/// Whether a prompt can name it: `vars.NAME`.
pub fn is_variable(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn plain(value: Value) -> Result<String, Value> {
    match value {
        Value::Text(text) | Value::Number(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        Value::List(list) => {
            let one = |node: Node| match node.value {
                Value::List(_) | Value::Table(_) => Err(node.value),
                value => plain(value),
            };
            Ok(list.into_iter().map(one).collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        Value::Table(_) => Err(value),
    }
}
