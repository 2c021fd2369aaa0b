//! What a tool is: a type of arguments, whose comment is the tool's description, and one call.

use convoy_api::ItemView;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::bound::{self, RESULT_BYTES_MAX};
use super::desk::Desk;
use super::schema;
use crate::error::{DONE, Error};
use crate::output::items_status;

/// The longest key by which an order is recognised again, as the engine has it.
const KEY: &str = "key";

/// What a tool may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Looks, and changes nothing.
    Looks,
    /// Changes things.
    Changes {
        /// Ends, or takes away, something that somebody may still want.
        destroys: bool,
        /// Doing it again changes nothing more.
        again: bool,
        /// Has agents work, which costs money and asks services of others, or tells somebody outside.
        outside: bool,
    },
    /// Says something of the own session, or looks at it. Only workers have these.
    Own {
        /// It only looks.
        looks: bool,
    },
}

/// A tool.
pub(super) trait Tool: DeserializeOwned + JsonSchema {
    /// What it is called by.
    const NAME: &'static str;
    /// What people call it.
    const TITLE: &'static str;
    /// What it may do.
    const KIND: Kind;
    /// How what is left out of a large result is got, if there is a way.
    const MORE: Option<&'static str> = None;
    /// Whether it may wait for others to work: other requests are served meanwhile.
    const WAITS: bool = false;

    /// Does it.
    ///
    /// # Errors
    /// As the command of the same sense.
    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error>;
}

/// A tool in a list.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) waits: bool,
    more: Option<&'static str>,
    title: &'static str,
    schema: fn() -> (Value, String),
    run: fn(Value, &mut Desk<'_>) -> Result<Answer, Error>,
}

/// The entry of a tool.
pub(super) const fn entry<T: Tool>() -> Entry {
    Entry {
        name: T::NAME,
        kind: T::KIND,
        waits: T::WAITS,
        more: T::MORE,
        title: T::TITLE,
        schema: schema::of::<T>,
        run: run::<T>,
    }
}

fn run<T: Tool>(arguments: Value, desk: &mut Desk<'_>) -> Result<Answer, Error> {
    let arguments: T = serde_path_to_error::deserialize(arguments).map_err(|error| {
        let (place, mut why) = (error.path().to_string(), error.inner().to_string());
        // Rust's names of numbers are nobody else's.
        if let Some((before, "u8" | "u32" | "u64" | "usize" | "i64")) = why.split_once(", expected ") {
            why = format!("{before}, expected a whole number");
        }
        // The path of what is missing or not known is that of all arguments, and the reason names it.
        let place = if place == "." { "arguments".to_owned() } else { place };
        Error::usage(format!("{place}: {why}"))
    })?;
    arguments.call(desk)
}

impl Entry {
    /// As `tools/list` has it.
    pub(super) fn listed(&self) -> Value {
        let (mut schema, description) = (self.schema)();
        let (looks, destroys, again, outside) = match self.kind {
            Kind::Looks => (true, false, true, false),
            Kind::Changes { destroys, again, outside } => {
                let key = json!({
                    "type": "string",
                    "description": "Makes a repeated call the same call: with a key that was used before nothing is \
                        done a second time",
                });
                if let Some(properties) = schema["properties"].as_object_mut() {
                    properties.insert(KEY.to_owned(), key);
                }
                (false, destroys, again, outside)
            }
            Kind::Own { looks } => (looks, false, true, false),
        };
        json!({
            "name": self.name, "title": self.title, "description": description, "inputSchema": schema,
            "annotations": {
                "title": self.title, "readOnlyHint": looks, "destructiveHint": destroys,
                "idempotentHint": again, "openWorldHint": outside,
            },
        })
    }

    /// The result of a call, as `tools/call` answers it. What went wrong is a result as well.
    pub(super) fn called(&self, arguments: Value, desk: &mut Desk<'_>) -> Value {
        let answer = match self.keyed(arguments, desk) {
            Ok(arguments) => (self.run)(arguments, desk),
            Err(error) => Err(error),
        };
        desk.ctx.keyed(None);
        let late = desk.ctx.take_late();
        match answer {
            Ok(mut answer) => {
                if let Some(late) = late {
                    answer.notes.push(format!("it is done, but: {}", said(&late)));
                }
                self.result(answer)
            }
            Err(error) => failed(&error),
        }
    }

    /// Takes the key out of the arguments of what changes something.
    fn keyed(&self, arguments: Value, desk: &mut Desk<'_>) -> Result<Value, Error> {
        let mut arguments = match arguments {
            Value::Null => Map::new(),
            Value::Object(arguments) => arguments,
            _ => return Err(Error::usage("arguments: expected an object")),
        };
        if matches!(self.kind, Kind::Changes { .. }) {
            let key = match arguments.remove(KEY) {
                None | Some(Value::Null) => None,
                Some(Value::String(key)) if !key.is_empty() => Some(key),
                Some(_) => return Err(Error::usage("key: expected a text that is not empty")),
            };
            desk.ctx.keyed(key);
        }
        Ok(Value::Object(arguments))
    }

    fn result(&self, answer: Answer) -> Value {
        let Answer { mut value, failed, mut notes, cut: mut left_out } = answer;
        left_out.extend(bound::bound(&mut value, RESULT_BYTES_MAX));
        if !left_out.is_empty() {
            let more = self.more.map(|more| format!(" To see more: {more}.")).unwrap_or_default();
            notes.push(format!("Cut to fit: {}.{more}", left_out.join("; ")));
        }
        let mut content = vec![json!({ "type": "text", "text": value.to_string() })];
        content.extend(notes.iter().map(|note| json!({ "type": "text", "text": format!("Note: {note}") })));
        json!({ "content": content, "structuredContent": value, "isError": failed })
    }
}

/// An error as the result of a call.
pub(super) fn failed(error: &Error) -> Value {
    let hint = (!error.hints.is_empty()).then(|| error.hints.join("; "));
    json!({
        "content": [{ "type": "text", "text": said(error) }],
        "structuredContent": { "error": { "code": error.kind, "message": error.message, "hint": hint } },
        "isError": true,
    })
}

fn said(error: &Error) -> String {
    let hints = error.hints.iter().map(|hint| format!("\nhint: {hint}"));
    std::iter::once(error.message.clone()).chain(hints).collect()
}

/// What a tool has to say.
pub(super) struct Answer {
    value: Value,
    failed: bool,
    notes: Vec<String>,
    cut: Vec<String>,
}

impl Answer {
    /// What a command prints.
    pub(super) fn of(value: &impl Serialize) -> Result<Self, Error> {
        let value = serde_json::to_value(value).map_err(|error| Error::output(&error.into()))?;
        Ok(Self { value, failed: false, notes: Vec::new(), cut: Vec::new() })
    }

    /// What came of each thing that was asked for.
    pub(super) fn items(items: &[ItemView]) -> Result<Self, Error> {
        let failed = items_status(items) != DONE;
        Ok(Self { failed, ..Self::of(&json!({ "items": items }))? })
    }

    /// What came of the one thing that was asked for.
    pub(super) fn item(items: &[ItemView]) -> Result<Self, Error> {
        let [item] = items else { return Self::items(items) };
        Ok(Self { failed: items_status(items) != DONE, ..Self::of(item)? })
    }

    /// A part of a list that is all there: as much of it as is wanted, and fits.
    pub(super) fn page<T: Serialize>(all: &[T], page: &Page) -> Result<Self, Error> {
        let wanted = all.get(page.offset..).unwrap_or_default();
        Self::part(&wanted[..wanted.len().min(page.limit)], page, all.len())
    }

    /// The part of a list that was asked for, of so many in all: as much of it as fits.
    pub(super) fn part<T: Serialize>(part: &[T], page: &Page, total: usize) -> Result<Self, Error> {
        let Fitting { items, cut } = fitting(part.iter())?;
        let next = page.offset.saturating_add(items.len());
        let next_offset = (next < total).then_some(next);
        Ok(Self::of(&json!({ "items": items, "total": total, "next_offset": next_offset }))?.cut(cut))
    }

    /// With what was cut of its items.
    #[must_use]
    pub(super) fn cut(mut self, cut: Vec<String>) -> Self {
        self.cut.extend(cut);
        self
    }

    /// With something that is said beside it.
    #[must_use]
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// The most that one item of a list takes, so that a large one does not hide the others.
const ITEM_BYTES_MAX: usize = 16 * 1024;
/// What stands around the items of a list.
const FRAME_BYTES: usize = 512;

/// Items of a list, and what was cut of them.
pub(super) struct Fitting {
    pub(super) items: Vec<Value>,
    pub(super) cut: Vec<String>,
}

/// As many of these as fit into one result.
pub(super) fn fitting<'a, T: Serialize + 'a>(all: impl Iterator<Item = &'a T>) -> Result<Fitting, Error> {
    let (mut items, mut cut, mut bytes) = (Vec::new(), Vec::new(), FRAME_BYTES);
    for (n, item) in all.enumerate() {
        let mut item = serde_json::to_value(item).map_err(|error| Error::output(&error.into()))?;
        let left_out = bound::bound(&mut item, ITEM_BYTES_MAX);
        bytes += bound::size(&item) + 1;
        if bytes > RESULT_BYTES_MAX {
            break;
        }
        items.push(item);
        cut.extend(left_out.into_iter().map(|what| format!("items.{n}.{what}")));
    }
    Ok(Fitting { items, cut })
}

/// How many items a list has at once if nobody says so.
const PAGE_ITEMS: usize = 50;

/// Which part of a list.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

/// The page that these arguments mean.
pub(super) fn page(offset: Option<usize>, limit: Option<usize>) -> Page {
    Page { offset: offset.unwrap_or(0), limit: limit.unwrap_or(PAGE_ITEMS).max(1) }
}
