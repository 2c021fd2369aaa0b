//! As much of JSON Schema as the document uses, so that answers can be held against it.

use serde_json::Value;

/// Everything in which a value differs from a schema of the document.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let known = document.pointer(name.trim_start_matches('#'));
        return known.map_or_else(
            || vec![format!("{at}: there is no {name}")],
            |schema| faults(document, schema, value, at),
        );
    }
    let mut all = Vec::new();
    if schema == &Value::Bool(false) {
        all.push(format!("{at}: nothing may be there"));
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let each: Vec<_> = choices.iter().map(|choice| faults(document, choice, value, at)).collect();
        if !each.iter().any(Vec::is_empty) {
            all.push(format!("{at}: none fits: {each:?}"));
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        all.extend(faults(document, part, value, at));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is(value, kind)) {
        all.push(format!("{at}: {value} is not {types:?}"));
    }
    if let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) {
        all.push(format!("{at}: {value} is none of {known:?}"));
    }
    if let Some(only) = schema.get("const").filter(|only| *only != value) {
        all.push(format!("{at}: {value} is not {only}"));
    }
    if let Some(object) = value.as_object() {
        all.extend(of_object(document, schema, object, at));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(items) = schema.get("items") {
            all.extend(faults(document, items, item, &format!("{at}/{n}")));
        }
    }
    all
}

fn of_object(
    document: &Value,
    schema: &Value,
    object: &serde_json::Map<String, Value>,
    at: &str,
) -> Vec<String> {
    let mut all = Vec::new();
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            all.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, value) in object {
        let at = format!("{at}/{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(schema), _) => all.extend(faults(document, schema, value, &at)),
            (None, Some(rest)) => all.extend(faults(document, rest, value, &at)),
            // A key that the document does not know, in an object whose keys it describes.
            (None, None) if schema.get("properties").is_some() => all.push(format!("{at} is not described")),
            (None, None) => {}
        }
    }
    all
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
