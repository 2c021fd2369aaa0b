//! Bounds: no result is larger than a model wants to read at once. What is left out is said.

use std::collections::BTreeMap;

use serde_json::Value;

/// The most bytes of one result as JSON. Clients cut what is longer without saying what was lost.
pub(super) const RESULT_BYTES_MAX: usize = 64 * 1024;
/// How much stays of texts (in bytes) and lists (in items), tried one after the other until it fits.
const STEPS: [(usize, usize); 6] =
    [(16 * 1024, 500), (8 * 1024, 200), (4 * 1024, 100), (1024, 40), (256, 15), (64, 4)];
/// How many cuts are named; of more only their number is.
const NAMED_MAX: usize = 12;

/// What was cut at one place.
struct Cut {
    kept: usize,
    of: usize,
    what: &'static str,
}

/// How large it is as JSON.
pub(super) fn size(value: &Value) -> usize {
    value.to_string().len()
}

/// Cuts what is too much for one result. What was left out, a line each.
pub(super) fn bound(value: &mut Value, most: usize) -> Vec<String> {
    let mut cuts = BTreeMap::new();
    for (bytes, items) in STEPS {
        if size(value) <= most {
            break;
        }
        cut(value, bytes, items, &mut String::new(), &mut cuts);
    }
    if size(value) > most {
        *value = Value::Object(serde_json::Map::new());
        return vec!["it is too large to be shown at all".to_owned()];
    }
    let mut said: Vec<String> = cuts
        .iter()
        .take(NAMED_MAX)
        .map(|(place, cut)| format!("{place}: {} of {} {}", cut.kept, cut.of, cut.what))
        .collect();
    if cuts.len() > NAMED_MAX {
        said.push(format!("and {} more places", cuts.len() - NAMED_MAX));
    }
    said
}

fn cut(value: &mut Value, bytes: usize, items: usize, place: &mut String, cuts: &mut BTreeMap<String, Cut>) {
    let note = |place: &str, kept: usize, of: usize, what, cuts: &mut BTreeMap<String, Cut>| {
        let cut = cuts.entry(place.to_owned()).or_insert(Cut { kept, of, what });
        cut.kept = kept;
    };
    match value {
        Value::String(text) if text.len() > bytes => {
            let kept = text.floor_char_boundary(bytes);
            note(place, kept, text.len(), "bytes", cuts);
            text.truncate(kept);
            text.push('…');
        }
        Value::Array(list) => {
            if list.len() > items {
                note(place, items, list.len(), "items", cuts);
                list.truncate(items);
            }
            for (n, item) in list.iter_mut().enumerate() {
                within(place, &n.to_string(), |place| cut(item, bytes, items, place, cuts));
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                within(place, name, |place| cut(field, bytes, items, place, cuts));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn within(place: &mut String, name: &str, call: impl FnOnce(&mut String)) {
    let before = place.len();
    if before > 0 {
        place.push('.');
    }
    place.push_str(name);
    call(place);
    place.truncate(before);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_fits_stays_as_it_is() {
        let value = json!({ "title": "é".repeat(1000), "tracked": [1, 2, 3] });
        let mut bounded = value.clone();
        assert_eq!(bound(&mut bounded, RESULT_BYTES_MAX), [] as [String; 0]);
        assert_eq!(bounded, value);
    }

    #[test]
    fn what_is_left_out_is_said_and_everything_fits() {
        let lines: Vec<String> = (0..2000).map(|n| format!("line {n} {}", "x".repeat(40))).collect();
        let mut value = json!({ "body": "é".repeat(200_000), "in": { "lines": lines }, "id": "gt-1" });
        let said = bound(&mut value, 20_000);
        assert!(size(&value) <= 20_000, "{}", size(&value));
        assert_eq!(value["id"], "gt-1");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("body: ") && said[0].ends_with(" of 400000 bytes"), "{said:?}");
        assert!(said[1].starts_with("in.lines: ") && said[1].ends_with(" of 2000 items"), "{said:?}");
        let wide: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("key {n}"), json!(n))).collect();
        let mut value = Value::Object(wide);
        assert_eq!(bound(&mut value, 1000).len(), 1);
        assert_eq!(value, json!({}));
    }
}
