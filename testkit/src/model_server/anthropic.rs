//! Anthropic Messages: reading a request, writing a reply as JSON or as an event stream.

use serde_json::{Value, json};

use super::fresh_id;
use super::turn::{Reply, Tool, Turn, cwd_in, text_of};

/// How many messages of a conversation may tell the directory; later ones are the agent's work.
const CWD_MESSAGES: usize = 3;

/// The request as a turn.
pub(super) fn read(body: &Value) -> Turn {
    let none = Vec::new();
    let messages = body["messages"].as_array().unwrap_or(&none);
    let mut turn = Turn {
        model: body["model"].as_str().unwrap_or("unnamed").to_owned(),
        stream: body["stream"] == true,
        ..Turn::default()
    };
    for tool in body["tools"].as_array().unwrap_or(&none) {
        if let Some(name) = tool["name"].as_str() {
            let schema = tool["input_schema"].clone();
            turn.tools.push(Tool { name: name.to_owned(), schema, freeform: false, namespace: None });
        }
    }
    for message in messages {
        if message["role"] != "user" {
            turn.said(&text_of(&message["content"]));
            continue;
        }
        let whole = [json!({ "type": "text", "text": text_of(&message["content"]) })];
        let blocks = message["content"].as_array().map_or(&whole[..], Vec::as_slice);
        let results = blocks.iter().filter(|b| b["type"] == "tool_result").count();
        let prompt = prompt_of(blocks);
        turn.step += results;
        // Reminders and interruptions travel beside tool results and are no new prompt.
        if results == 0 && !prompt.is_empty() {
            turn.step = 0;
            turn.prompts.push(prompt);
        }
    }
    let first = messages.iter().take(CWD_MESSAGES).map(|m| text_of(&m["content"]));
    let told: Vec<String> = std::iter::once(text_of(&body["system"])).chain(first).collect();
    turn.cwd = cwd_in(&told.join("\n"));
    turn
}

fn prompt_of(blocks: &[Value]) -> String {
    let texts = blocks.iter().filter(|b| b["type"] == "text").filter_map(|b| b["text"].as_str());
    texts.filter(|t| !t.trim_start().starts_with("<system-reminder>")).collect::<Vec<_>>().join("\n")
}

/// The reply as one JSON message.
pub(super) fn message(turn: &Turn, reply: &Reply) -> Value {
    let usage = json!({
        "input_tokens": reply.usage.input,
        "cache_creation_input_tokens": reply.usage.cache_write,
        "cache_read_input_tokens": reply.usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": reply.usage.cache_write, "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": reply.usage.output,
        "service_tier": "standard",
    });
    let mut content = vec![json!({ "type": "text", "text": reply.text })];
    if let Some(call) = &reply.call {
        let name = &turn.tools[call.tool].name;
        content
            .push(json!({ "type": "tool_use", "id": fresh_id("toolu_"), "name": name, "input": call.args }));
    }
    let stop = if reply.call.is_some() { "tool_use" } else { "end_turn" };
    json!({
        "id": fresh_id("msg_"), "type": "message", "role": "assistant", "model": turn.model,
        "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage,
    })
}

/// The reply as server-sent events.
///
/// As with the real service `message_start` counts one output token and `message_delta` has the final count.
pub(super) fn events(turn: &Turn, reply: &Reply) -> Vec<Value> {
    let message = message(turn, reply);
    let mut head = message.clone();
    head["content"] = json!([]);
    head["stop_reason"] = Value::Null;
    head["usage"]["output_tokens"] = json!(1);
    let mut events = vec![json!({ "type": "message_start", "message": head })];
    for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
        let (mut empty, delta) = (block.clone(), delta_of(block));
        let blank = if block["type"] == "text" { ("text", json!("")) } else { ("input", json!({})) };
        empty[blank.0] = blank.1;
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": empty }));
        events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    let stop = json!({ "stop_reason": message["stop_reason"], "stop_sequence": null });
    events.push(json!({ "type": "message_delta", "delta": stop, "usage": message["usage"] }));
    events.push(json!({ "type": "message_stop" }));
    events
}

fn delta_of(block: &Value) -> Value {
    if block["type"] == "text" {
        json!({ "type": "text_delta", "text": block["text"] })
    } else {
        json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_server::script::Step;

    fn conversation(messages: &Value) -> Turn {
        read(&json!({
            "model": "m", "stream": true, "messages": messages,
            "system": [{"type":"text","text":"Primary working directory: /w"}],
            "tools": [{"name":"Bash","input_schema":{}}],
        }))
    }

    #[test]
    fn the_step_is_the_number_of_results_since_the_last_prompt() {
        let result =
            json!({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"ok"}]});
        let reminded = json!({"role":"user","content":[
            {"type":"tool_result","tool_use_id":"t","content":"ok"},
            {"type":"text","text":"<system-reminder>be brief</system-reminder>"}]});
        let prompt = json!({"role":"user","content":[
            {"type":"text","text":"<system-reminder>x</system-reminder>"},{"type":"text","text":"do gt-a"}]});
        let assistant =
            json!({"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Bash","input":{}}]});
        let turn = conversation(&json!([prompt, assistant, result, assistant, reminded]));
        assert_eq!((turn.step, turn.prompts.as_slice()), (2, &["do gt-a".to_owned()][..]));
        assert_eq!(turn.cwd.as_deref(), Some("/w"));
        let again = conversation(&json!([prompt, assistant, result, {"role":"user","content":"more"}]));
        assert_eq!((again.step, again.prompts.len()), (0, 2));
    }

    #[test]
    fn a_stream_ends_with_the_final_usage() {
        let turn = conversation(&json!([{"role":"user","content":"x"}]));
        let events = events(&turn, &turn.reply(&Step::bash("true").tokens(7, 85).cached(5, 3)));
        let names: Vec<&str> = events.iter().filter_map(|e| e["type"].as_str()).collect();
        assert_eq!(names.first(), Some(&"message_start"));
        assert_eq!(names[names.len() - 2..], ["message_delta", "message_stop"]);
        assert_eq!(events[0]["message"]["usage"]["output_tokens"], 1);
        let last = &events[events.len() - 2];
        assert_eq!(
            (&last["usage"]["output_tokens"], &last["usage"]["cache_read_input_tokens"]),
            (&json!(85), &json!(5))
        );
        assert_eq!(last["delta"]["stop_reason"], "tool_use");
    }
}
