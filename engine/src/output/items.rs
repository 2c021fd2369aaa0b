//! What stands in a line of output: things that an agent said, did and met with, each of a kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cut;
use crate::agent::Output;

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// The agent says it.
    Message,
    /// It calls a tool.
    Call,
    /// What a tool gave.
    Answer,
    /// What a tool failed with.
    Error,
    /// What went wrong around it, such as its model's service.
    Trouble,
    /// That it, or its turn, has ended, and how.
    End,
    /// A line that is no message of its protocol.
    Line,
}

impl ItemKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Call => "call",
            Self::Answer => "answer",
            Self::Error => "error",
            Self::Trouble => "trouble",
            Self::End => "end",
            Self::Line => "line",
        }
    }
}

/// Something that an agent said, did or met with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// In words, which are the agent's own; cut if they are long.
    pub text: String,
}

impl Item {
    fn new(kind: ItemKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// As it stands in a log, with a mark of its kind. What tools gave is left out there: it is most of all output.
    pub(super) fn shown(&self) -> Option<String> {
        let mark = match self.kind {
            ItemKind::Message | ItemKind::Line => "",
            ItemKind::Call => "> ",
            ItemKind::Error => "! ",
            ItemKind::Trouble => "~ ",
            ItemKind::End => "= ",
            ItemKind::Answer => return None,
        };
        Some(format!("{mark}{}", self.text))
    }
}

/// What stands in one line of output, in order.
pub fn items(output: Output, line: &str) -> Vec<Item> {
    match output {
        Output::Plain => vec![Item::new(ItemKind::Line, line)],
        Output::Claude => structured(line, claude),
        Output::Codex => structured(line, |value| codex(value).into_iter().collect()),
        Output::Gemini => structured(line, |value| gemini(value).into_iter().collect()),
    }
}

fn structured(line: &str, items: impl Fn(&Value) -> Vec<Item>) -> Vec<Item> {
    match serde_json::from_str::<Value>(line) {
        Ok(value) => items(&value),
        // What is no JSON was meant for people, or is a mistake worth seeing.
        Err(_) => vec![Item::new(ItemKind::Line, line)],
    }
}

fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| cut(&value.to_string()), cut)
}

/// What a tool gave, if it gave anything.
fn answer(value: &Value) -> Option<Item> {
    let text = match value {
        Value::Null => String::new(),
        // As Claude has it: blocks of text and others.
        Value::Array(blocks) => {
            let texts = blocks.iter().map(|block| block["text"].as_str().unwrap_or("[no text]"));
            cut(&texts.collect::<Vec<_>>().join("\n"))
        }
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => said(value),
    };
    (!text.trim().is_empty()).then(|| Item::new(ItemKind::Answer, text))
}

fn codex(value: &Value) -> Option<Item> {
    let item = &value["item"];
    let call = |text: String| Some(Item::new(ItemKind::Call, text));
    match (value["type"].as_str()?, item["type"].as_str().unwrap_or_default()) {
        ("item.completed", "agent_message") => Some(Item::new(ItemKind::Message, said(&item["text"]))),
        ("item.started", "command_execution") => call(said(&item["command"])),
        ("item.started", "mcp_tool_call") => {
            call(format!("{} {} {}", said(&item["server"]), said(&item["tool"]), said(&item["arguments"])))
        }
        ("item.completed", "file_change") => call(format!("file_change {}", said(&item["changes"]))),
        ("item.completed", "command_execution") if item["status"] != "completed" => {
            Some(Item::new(ItemKind::Error, said(&item["aggregated_output"])))
        }
        ("item.completed", "command_execution") => answer(&item["aggregated_output"]),
        ("item.completed", "error") => Some(Item::new(ItemKind::Trouble, said(&item["message"]))),
        ("error", _) => Some(Item::new(ItemKind::Trouble, said(&value["message"]))),
        ("turn.completed", _) => Some(Item::new(ItemKind::End, "its turn is over")),
        ("turn.failed", _) => {
            Some(Item::new(ItemKind::End, format!("its turn failed: {}", said(&value["error"]["message"]))))
        }
        _ => None,
    }
}

fn gemini(value: &Value) -> Option<Item> {
    match value["type"].as_str()? {
        "message" if value["role"] == "assistant" => {
            Some(Item::new(ItemKind::Message, said(&value["content"])))
        }
        "tool_use" => {
            let text = format!("{} {}", said(&value["tool_name"]), said(&value["parameters"]));
            Some(Item::new(ItemKind::Call, text))
        }
        "tool_result" if value["status"] == "error" => {
            Some(Item::new(ItemKind::Error, said(&value["output"])))
        }
        "tool_result" => answer(&value["output"]),
        "error" => Some(Item::new(ItemKind::Trouble, said(&value["message"]))),
        "result" if value["error"].is_null() => Some(Item::new(ItemKind::End, said(&value["status"]))),
        "result" => {
            let text = format!("{}: {}", said(&value["status"]), said(&value["error"]["message"]));
            Some(Item::new(ItemKind::End, text))
        }
        _ => None,
    }
}

fn claude(value: &Value) -> Vec<Item> {
    let content = || value.pointer("/message/content").and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value| cut(value.as_str().unwrap_or_default());
    match value["type"].as_str().unwrap_or_default() {
        "assistant" => content()
            .filter_map(|block| match block["type"].as_str()? {
                "text" => Some(Item::new(ItemKind::Message, text(&block["text"]))),
                "tool_use" => {
                    let called = format!("{} {}", text(&block["name"]), cut(&block["input"].to_string()));
                    Some(Item::new(ItemKind::Call, called))
                }
                _ => None,
            })
            .collect(),
        "user" => content()
            .filter(|block| block["type"] == "tool_result")
            .filter_map(|block| {
                if block["is_error"] == true {
                    return Some(Item::new(ItemKind::Error, cut(&block["content"].to_string())));
                }
                answer(&block["content"])
            })
            .collect(),
        "result" => {
            let how = format!("{}: {}", text(&value["subtype"]), text(&value["result"]));
            vec![Item::new(ItemKind::End, how)]
        }
        "system" if value["subtype"] == "api_retry" => {
            let status = &value["error_status"];
            let what = format!("the model's service failed ({status}); it tries again");
            vec![Item::new(ItemKind::Trouble, what)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::readable;

    fn kinds(output: Output, line: &str) -> Vec<(&'static str, String)> {
        items(output, line).into_iter().map(|item| (item.kind.name(), item.text)).collect()
    }

    #[test]
    fn a_line_is_taken_apart_and_printed_with_marks() {
        let line = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"I look."},{"type":"tool_use","name":"Read","input":{"file":"a"}}]}}"#;
        assert_eq!(
            kinds(Output::Claude, line),
            [("message", "I look.".to_owned()), ("call", r#"Read {"file":"a"}"#.to_owned())]
        );
        assert_eq!(readable(Output::Claude, line).unwrap(), "I look.\n> Read {\"file\":\"a\"}");
        let failed = r#"{"type":"user","message":{"content":[{"type":"tool_result","is_error":true,"content":"no such file"}]}}"#;
        assert_eq!(kinds(Output::Claude, failed), [("error", "\"no such file\"".to_owned())]);
        assert_eq!(readable(Output::Claude, failed).unwrap(), "! \"no such file\"");
    }

    #[test]
    fn what_tools_gave_is_an_item_and_in_no_log() {
        let claude = r#"{"type":"user","message":{"content":[{"type":"tool_result","content":[{"type":"text","text":"42"}]}]}}"#;
        let codex = r#"{"type":"item.completed","item":{"type":"command_execution","status":"completed","aggregated_output":"42"}}"#;
        let gemini = r#"{"type":"tool_result","status":"success","output":"42"}"#;
        for (output, line) in [(Output::Claude, claude), (Output::Codex, codex), (Output::Gemini, gemini)] {
            assert_eq!(kinds(output, line), [("answer", "42".to_owned())]);
            assert_eq!(readable(output, line), None);
        }
    }

    #[test]
    fn what_is_no_protocol_is_a_line() {
        for output in [Output::Plain, Output::Claude, Output::Codex, Output::Gemini] {
            assert_eq!(kinds(output, "panic: no"), [("line", "panic: no".to_owned())]);
        }
        assert_eq!(kinds(Output::Claude, "{}"), []);
        assert_eq!(readable(Output::Codex, r#"{"type":"turn.completed"}"#).unwrap(), "= its turn is over");
    }
}
