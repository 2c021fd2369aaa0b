//! What a tool takes, as a client reads it: a JSON Schema, made from the type of its arguments.
//!
//! Some models' services know only a part of JSON Schema, so that it is kept plain: nothing is referred to, an
//! argument that may be left out is not shown as one that may be null, and a choice is a list of words.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Words of a schema that say nothing to whoever calls a tool, or that some services refuse.
const LEFT_OUT: [&str; 4] = ["$schema", "title", "format", "default"];

/// The schema of the arguments, and what stands above their type.
pub(super) fn of<T: JsonSchema>() -> (Value, String) {
    let mut settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.inline_subschemas = true;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = plain(schema.to_value());
    let described = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    let described = described.as_ref().and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
    if let Some(fields) = schema.as_object_mut() {
        fields.entry("type").or_insert_with(|| json!("object"));
        fields.entry("properties").or_insert_with(|| json!({}));
    }
    (schema, described)
}

fn plain(value: Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.into_iter().map(plain).collect()),
        Value::Object(fields) => object(fields),
        other => other,
    }
}

fn object(mut fields: Map<String, Value>) -> Value {
    let properties = fields.remove("properties");
    for word in LEFT_OUT {
        fields.remove(word);
    }
    if let Some(Value::Array(types)) = fields.get("type")
        && let Some(first) = types.iter().find(|name| **name != "null")
    {
        let first = first.clone();
        fields.insert("type".to_owned(), first);
    }
    if let Some(Value::Array(choices)) = fields.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    // "this or null", or "one of these words, each with what it means".
    for word in ["anyOf", "oneOf"] {
        let Some(Value::Array(list)) = fields.remove(word) else { continue };
        let mut some: Vec<Value> = list.into_iter().filter(|one| one["type"] != "null").map(plain).collect();
        let words: Option<Vec<Vec<Value>>> = some.iter().map(words).collect();
        match (words, some.len()) {
            (Some(words), _) => {
                fields.insert("type".to_owned(), json!("string"));
                fields.insert("enum".to_owned(), words.into_iter().flatten().collect());
            }
            (None, 1) => {
                let Some(Value::Object(only)) = some.pop() else { continue };
                for (key, value) in only {
                    fields.entry(key).or_insert(value);
                }
            }
            (None, _) => {
                fields.insert(word.to_owned(), Value::Array(some));
            }
        }
    }
    let mut fields: Map<String, Value> = fields.into_iter().map(|(key, value)| (key, plain(value))).collect();
    if let Some(Value::Object(properties)) = properties {
        let each = properties.into_iter().map(|(name, schema)| (name, plain(schema)));
        fields.insert("properties".to_owned(), Value::Object(each.collect()));
    }
    Value::Object(fields)
}

/// The words of a choice.
fn words(choice: &Value) -> Option<Vec<Value>> {
    match (choice.get("const"), choice.get("enum")) {
        (Some(word), _) => Some(vec![word.clone()]),
        (None, Some(Value::Array(words))) => Some(words.clone()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// Two
    /// lines.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Args {
        /// A word.
        title: String,
        /// How many.
        #[serde(default)]
        limit: Option<u32>,
        #[serde(default)]
        kind: Option<Kind>,
        #[serde(default)]
        ids: Vec<String>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        /// With its meaning.
        FirstOne,
        Other,
    }

    #[test]
    fn it_is_plain() {
        let (schema, described) = of::<Args>();
        assert_eq!(described, "Two lines.");
        assert_eq!(
            schema,
            json!({
                "type": "object", "required": ["title"], "additionalProperties": false,
                "properties": {
                    "title": { "type": "string", "description": "A word." },
                    "limit": { "type": "integer", "minimum": 0, "description": "How many." },
                    "kind": { "type": "string", "enum": ["other", "first_one"] },
                    "ids": { "type": "array", "items": { "type": "string" } },
                },
            })
        );
    }
}
