//! Messages: what a line says, and how answers are written. JSON-RPC 2.0, as MCP narrows it.

use serde_json::{Value, json};

/// The versions of the protocol that are spoken, newest first. What differs between them does not concern tools
/// over stdio: what an older client does not know, it ignores. 2025-03-26 is not among them: only there whoever receives
/// messages must take several in one line.
const VERSIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2024-11-05"];

/// It is no JSON.
pub(super) const PARSE_ERROR: i64 = -32_700;
/// It is JSON, and no request.
pub(super) const INVALID_REQUEST: i64 = -32_600;
/// There is no such method.
pub(super) const METHOD_NOT_FOUND: i64 = -32_601;
/// The method does not take these parameters.
pub(super) const INVALID_PARAMS: i64 = -32_602;
/// What was asked cannot be done, and that is not the asker's fault.
pub(super) const BUSY: i64 = -32_000;

/// What a request is known by: a text or a number, as its sender chose.
pub(super) type Id = Value;

/// What came in.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Incoming {
    /// Wants an answer.
    Request {
        /// Known by this.
        id: Id,
        /// What is wanted.
        method: String,
        /// With what; null if nothing was given.
        params: Value,
    },
    /// Wants none.
    Notification {
        /// What is said.
        method: String,
        /// With what.
        params: Value,
    },
    /// An answer. We ask nothing, so it is nobody's.
    Response,
}

/// Why a message is not taken.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fault {
    /// Which request that was, if it can be told.
    pub(super) id: Option<Id>,
    /// What kind of fault.
    pub(super) code: i64,
    /// What and why.
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(id: Option<Id>, code: i64, message: impl Into<String>) -> Self {
        Self { id, code, message: message.into() }
    }

    /// As it is answered.
    pub(super) fn answer(&self) -> Value {
        json!({
            "jsonrpc": "2.0", "id": self.id,
            "error": { "code": self.code, "message": self.message },
        })
    }
}

/// The answer to a request.
pub(super) fn answer(id: &Id, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// Something that is said without being asked.
pub(super) fn notification(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

/// The version that is spoken with whoever asks for this one: it, if we know it, else the newest that we know.
pub(super) fn version(asked: Option<&str>) -> &'static str {
    let known = |asked| VERSIONS.into_iter().find(|version| *version == asked);
    asked.and_then(known).unwrap_or(VERSIONS[0])
}

/// What a line says; nothing if it is empty.
pub(super) fn read(line: &[u8]) -> Result<Option<Incoming>, Fault> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| Fault::new(None, PARSE_ERROR, format!("this line is no JSON: {error}")))?;
    let Value::Object(mut message) = value else {
        let what = if value.is_array() {
            "batches are not taken: send one message a line"
        } else {
            "a message is a JSON object"
        };
        return Err(Fault::new(None, INVALID_REQUEST, what));
    };
    let id = message.remove("id");
    let known = id.clone().filter(is_id);
    let invalid = |what: &str| Err(Fault::new(known.clone(), INVALID_REQUEST, what));
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid("\"jsonrpc\" has to be \"2.0\"");
    }
    let method = match message.remove("method") {
        Some(Value::String(method)) => method,
        Some(_) => return invalid("\"method\" has to be a text"),
        None if message.contains_key("result") || message.contains_key("error") => {
            return Ok(Some(Incoming::Response));
        }
        None => return invalid("there is no \"method\""),
    };
    let params = message.remove("params").unwrap_or_default();
    if !(params.is_null() || params.is_object()) {
        return Err(Fault::new(known, INVALID_PARAMS, "\"params\" has to be an object"));
    }
    match (id, known.clone()) {
        (None, _) => Ok(Some(Incoming::Notification { method, params })),
        (Some(_), Some(id)) => Ok(Some(Incoming::Request { id, method, params })),
        (Some(_), None) => invalid("\"id\" has to be a text or a whole number"),
    }
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_i64() || id.is_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> (Option<Id>, i64) {
        let fault = read(line.as_bytes()).unwrap_err();
        (fault.id, fault.code)
    }

    #[test]
    fn requests_notifications_and_answers_are_told_apart() {
        let request = read(br#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#);
        let expected = Incoming::Request { id: json!("a"), method: "ping".into(), params: Value::Null };
        assert_eq!(request, Ok(Some(expected)));
        let said = read(br#"{"jsonrpc":"2.0","method":"notifications/initialized","params":{}}"#);
        let expected =
            Incoming::Notification { method: "notifications/initialized".into(), params: json!({}) };
        assert_eq!(said, Ok(Some(expected)));
        assert_eq!(read(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(Some(Incoming::Response)));
        assert_eq!(read(b" \r"), Ok(None));
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_code() {
        assert_eq!(code("{"), (None, PARSE_ERROR));
        assert_eq!(code(&"[".repeat(100_000)), (None, PARSE_ERROR));
        assert_eq!(read(b"\xff").unwrap_err().code, PARSE_ERROR);
        assert_eq!(code("[{\"jsonrpc\":\"2.0\"}]"), (None, INVALID_REQUEST));
        assert!(read(b"[]").unwrap_err().message.contains("batches"));
        assert_eq!(code("7"), (None, INVALID_REQUEST));
        assert_eq!(code(r#"{"id":3,"method":"ping"}"#), (Some(json!(3)), INVALID_REQUEST));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":3}"#), (Some(json!(3)), INVALID_REQUEST));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":3,"method":[]}"#), (Some(json!(3)), INVALID_REQUEST));
        for id in ["null", "1.5", "{}", "true"] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            assert_eq!(code(&line), (None, INVALID_REQUEST), "{id}");
        }
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","id":3,"method":"ping","params":[1]}"#),
            (Some(json!(3)), INVALID_PARAMS)
        );
    }

    #[test]
    fn a_version_that_is_not_known_is_answered_with_the_newest() {
        for known in VERSIONS {
            assert_eq!(version(Some(known)), known);
        }
        for other in [None, Some("2030-01-01"), Some("")] {
            assert_eq!(version(other), "2025-11-25");
        }
    }
}
