//! Files as trees that know their lines: TOML, JSON and YAML all become the same.
//!
//! So there is one reading of each kind of file, whatever it is written in, and it can say everything that is wrong with
//! it at once, with places.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

/// How deep files may be nested; ours need five.
const DEPTH_MAX: usize = 16;

/// A value with the line where it begins, from 1.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) value: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) node: Node,
}

/// Why a file is no tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub(super) line: Option<u32>,
    pub(super) why: String,
}

impl Value {
    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

fn broken(line: Option<u32>, why: impl Into<String>) -> Broken {
    Broken { line, why: why.into() }
}

/// The line of a byte.
fn line_at(text: &str, at: usize) -> u32 {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    u32::try_from(before.iter().filter(|b| **b == b'\n').count() + 1).unwrap_or(u32::MAX)
}

/// A TOML document.
pub(super) fn toml(text: &str) -> Result<Node, Broken> {
    let table = DeTable::parse(text)
        .map_err(|error| broken(error.span().map(|span| line_at(text, span.start)), error.message()))?;
    Ok(Node { line: 1, value: toml_table(text, table.get_ref(), DEPTH_MAX)? })
}

fn toml_table(text: &str, table: &DeTable<'_>, depth: usize) -> Result<Value, Broken> {
    if depth == 0 {
        return Err(broken(None, "it is nested too deep"));
    }
    let mut entries = Vec::new();
    for (key, value) in table {
        let line = line_at(text, key.span().start);
        let node = Node {
            line: line_at(text, value.span().start),
            value: toml_value(text, value.get_ref(), depth)?,
        };
        entries.push(Entry { key: key.get_ref().to_string(), line, node });
    }
    entries.sort_by_key(|entry| entry.line);
    Ok(Value::Table(entries))
}

fn toml_value(text: &str, value: &DeValue<'_>, depth: usize) -> Result<Value, Broken> {
    Ok(match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Number(number.to_string()),
            Err(_) => Value::Number(number.as_str().to_owned()),
        },
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(all) => {
            if depth == 0 {
                return Err(broken(None, "it is nested too deep"));
            }
            let node = |one: &toml::Spanned<DeValue<'_>>| {
                let line = line_at(text, one.span().start);
                Ok(Node { line, value: toml_value(text, one.get_ref(), depth - 1)? })
            };
            Value::List(all.iter().map(node).collect::<Result<_, Broken>>()?)
        }
        DeValue::Table(table) => toml_table(text, table, depth - 1)?,
    })
}

/// A JSON document.
pub(super) fn json(text: &str) -> Result<Node, Broken> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| json_broken(&error, 1))?;
    json_node(text, raw, DEPTH_MAX)
}

/// `line` is that of the beginning of what was read.
fn json_broken(error: &serde_json::Error, line: u32) -> Broken {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let at = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
    broken(Some(line.saturating_add(at - 1)), format!("it is not JSON: {what}"))
}

fn json_node(text: &str, raw: &RawValue, depth: usize) -> Result<Node, Broken> {
    // What is borrowed lies within the text, so its place is where it lies.
    let line = line_at(text, (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize));
    if depth == 0 {
        return Err(broken(Some(line), "it is nested too deep"));
    }
    let wrong = |error: serde_json::Error| json_broken(&error, line);
    let value = match raw.get().as_bytes().first() {
        Some(b'{') => {
            let Pairs(pairs) = serde_json::from_str(raw.get()).map_err(wrong)?;
            let entry = |(key, raw): (String, &RawValue)| {
                let node = json_node(text, raw, depth - 1)?;
                Ok(Entry { key, line: node.line, node })
            };
            Value::Table(pairs.into_iter().map(entry).collect::<Result<_, Broken>>()?)
        }
        Some(b'[') => {
            let Items(items) = serde_json::from_str(raw.get()).map_err(wrong)?;
            Value::List(
                items.into_iter().map(|raw| json_node(text, raw, depth - 1)).collect::<Result<_, _>>()?,
            )
        }
        _ => match serde_json::from_str(raw.get()).map_err(wrong)? {
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => Value::Number(number.to_string()),
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                Value::Null
            }
        },
    };
    Ok(Node { line, value })
}

/// The entries of an object, twice given ones too.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Pairs(all))
            }
        }
        d.deserialize_map(All)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    all.push(one);
                }
                Ok(Items(all))
            }
        }
        d.deserialize_seq(All)
    }
}

/// One YAML document, as front matter has it: no anchors, aliases or tags, which nobody needs there and which can blow a
/// small file up. `first` is the line that it begins on.
pub(super) fn yaml(text: &str, first: u32) -> Result<Node, Broken> {
    let mut events = Events { parser: Parser::new_from_str(text), first };
    let mut root = None;
    loop {
        let (event, line) = events.next()?;
        match event {
            Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            event if root.is_none() => root = Some(events.node(event, line, DEPTH_MAX)?),
            _ => return Err(broken(Some(line), "there is a second document in it")),
        }
    }
    Ok(root.unwrap_or(Node { line: first, value: Value::Null }))
}

struct Events<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    first: u32,
}

impl<'a> Events<'a> {
    fn line(&self, line: usize) -> u32 {
        self.first.saturating_add(u32::try_from(line).unwrap_or(u32::MAX).saturating_sub(1))
    }

    fn next(&mut self) -> Result<(Event<'a>, u32), Broken> {
        match self.parser.next() {
            None => Ok((Event::StreamEnd, self.first)),
            Some(Ok((event, span))) => Ok((event, self.line(span.start.line()))),
            Some(Err(error)) => Err(broken(
                Some(self.line(error.marker().line())),
                format!("it is not YAML: {}", error.info()),
            )),
        }
    }

    fn node(&mut self, event: Event<'a>, line: u32, depth: usize) -> Result<Node, Broken> {
        let refused =
            |what: &str| Err(broken(Some(line), format!("{what} are not used here: write the value itself")));
        if depth == 0 {
            return Err(broken(Some(line), "it is nested too deep"));
        }
        let value = match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return refused("YAML tags");
            }
            Event::Scalar(text, style, 0, None) => scalar(&text, style),
            Event::SequenceStart(0, None) => {
                let mut all = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Value::List(all),
                        (event, line) => all.push(self.node(event, line, depth - 1)?),
                    }
                }
            }
            Event::MappingStart(0, None) => {
                let mut all = Vec::new();
                loop {
                    let (event, line) = self.next()?;
                    let key = match event {
                        Event::MappingEnd => break Value::Table(all),
                        Event::Scalar(text, _, 0, None) => text.into_owned(),
                        _ => return Err(broken(Some(line), "a key has to be a plain text")),
                    };
                    let (event, at) = self.next()?;
                    let node = self.node(event, at, depth - 1)?;
                    all.push(Entry { key, line, node });
                }
            }
            Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return refused("YAML anchors and aliases");
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(broken(Some(line), "it ends too early")),
        };
        Ok(Node { line, value })
    }
}

/// As the core schema has it, without what only confuses: `yes` and `1e3` are texts.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok() => {
            Value::Number(text.to_owned())
        }
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get<'a>(node: &'a Node, key: &str) -> &'a Node {
        let Value::Table(entries) = &node.value else { panic!("no table") };
        &entries.iter().find(|entry| entry.key == key).unwrap().node
    }

    #[test]
    fn the_three_forms_become_the_same_tree_with_lines() {
        let toml = toml("name = 'a'\nlist = [1,\n  true]\n[config]\nx = \"é\"\n").unwrap();
        let json =
            json("{\"name\": \"a\",\n\"list\": [1,\n true],\n\n\"config\": {\"x\": \"\\u00e9\"}}").unwrap();
        let yaml = yaml("name: a\nlist: [1,\n  true]\nconfig:\n  x: \"é\"\n", 1).unwrap();
        for tree in [&toml, &json, &yaml] {
            assert_eq!(get(tree, "name").value, Value::Text("a".into()));
            let Value::List(list) = &get(tree, "list").value else { panic!("no list") };
            assert_eq!((list[0].line, &list[0].value), (2, &Value::Number("1".into())));
            assert_eq!((list[1].line, &list[1].value), (3, &Value::Bool(true)));
            let x = get(get(tree, "config"), "x");
            assert_eq!((x.line, &x.value), (5, &Value::Text("é".into())));
        }
    }

    #[test]
    fn what_is_broken_says_where() {
        assert_eq!(toml("a = 1\nb = = 2\n").unwrap_err().line, Some(2));
        assert_eq!(json("{\n\"a\": 1,\n}").unwrap_err().line, Some(3));
        assert_eq!(
            yaml("a: 1\nb: [\n", 4).map_err(|broken| broken.line.is_some_and(|line| line >= 5)),
            Err(true)
        );
        assert!(yaml("a: &x [1]\nb: *x\n", 1).is_err());
        assert!(yaml("a: !!str 1\n", 1).is_err());
        assert!(yaml("a: 1\n---\nb: 2\n", 1).is_err());
        assert!(json(&"[".repeat(1000)).is_err());
        assert!(json(&("[".repeat(100) + &"]".repeat(100))).unwrap_err().why.contains("deep"));
        assert!(yaml(&"[".repeat(100), 1).is_err());
        assert!(toml(&format!("a = {}{}", "[".repeat(60), "]".repeat(60))).is_err());
    }

    #[test]
    fn keys_that_are_given_twice_are_kept_for_whoever_reads() {
        let Value::Table(entries) = json("{\"a\": 1, \"a\": 2}").unwrap().value else { panic!("no table") };
        assert_eq!(entries.len(), 2);
        assert!(toml("a = 1\na = 2\n").is_err());
    }
}
