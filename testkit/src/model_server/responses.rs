//! OpenAI Responses: reading a request, writing a reply as JSON or as an event stream.

use serde_json::{Value, json};

use super::fresh_id;
use super::turn::{Reply, Tool, Turn, cwd_in, text_of};

/// The request as a turn.
pub(super) fn read(body: &Value) -> Turn {
    let mut turn = Turn {
        model: body["model"].as_str().unwrap_or("unnamed").to_owned(),
        stream: body["stream"] == true,
        ..Turn::default()
    };
    add_tools(&mut turn.tools, &body["tools"], None);
    let items = match &body["input"] {
        Value::Array(items) => items.clone(),
        text => vec![json!({ "type": "message", "role": "user", "content": text })],
    };
    turn.cwd = cwd_in(&text_of(&body["instructions"]));
    for item in &items {
        let kind = item["type"].as_str().unwrap_or("message");
        if kind.ends_with("call_output") {
            turn.step += 1;
        } else if kind == "message" {
            let text = text_of(&item["content"]);
            // A conversation that is resumed elsewhere says anew where it is.
            turn.cwd = cwd_in(&text).or(turn.cwd);
            if item["role"] == "assistant" {
                turn.said(&text);
            }
            if item["role"] == "user" {
                turn.step = 0;
                turn.prompts.push(text);
            }
        }
    }
    turn
}

fn add_tools(tools: &mut Vec<Tool>, list: &Value, namespace: Option<&str>) {
    for tool in list.as_array().into_iter().flatten() {
        let kind = tool["type"].as_str().unwrap_or_default();
        let name = tool["name"].as_str().unwrap_or(kind);
        if kind == "namespace" {
            add_tools(tools, &tool["tools"], Some(name));
        } else if matches!(kind, "function" | "custom" | "local_shell") {
            tools.push(Tool {
                name: namespace.map_or_else(|| name.to_owned(), |n| format!("{n}__{name}")),
                schema: tool["parameters"].clone(),
                freeform: kind == "custom",
                namespace: namespace.map(str::to_owned),
            });
        }
    }
}

/// The reply as one JSON response.
pub(super) fn response(turn: &Turn, reply: &Reply) -> Value {
    // Here "input" includes what was read from the cache, and what was written to it.
    let usage = reply.usage;
    let input = usage.input + usage.cache_read + usage.cache_write;
    let details = json!({ "cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write });
    let part = json!({ "type": "output_text", "text": reply.text, "annotations": [] });
    let mut output = vec![json!({
        "type": "message", "id": fresh_id("msg_"), "status": "completed", "role": "assistant", "content": [part],
    })];
    output.extend(reply.call.as_ref().map(|call| call_item(&turn.tools[call.tool], &call.args)));
    json!({
        "id": fresh_id("resp_"), "object": "response", "created_at": 1_700_000_000, "status": "completed",
        "model": turn.model, "output": output, "parallel_tool_calls": false, "tool_choice": "auto", "tools": [],
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "temperature": 1, "top_p": 1,
        "usage": {
            "input_tokens": input, "input_tokens_details": details,
            "output_tokens": usage.output, "output_tokens_details": { "reasoning_tokens": usage.reasoning },
            "total_tokens": input + usage.output,
        },
    })
}

fn call_item(tool: &Tool, args: &Value) -> Value {
    let mut item = json!({ "call_id": fresh_id("call_"), "name": tool.name, "status": "completed" });
    if tool.freeform {
        let input = args.as_str().or_else(|| args["input"].as_str()).unwrap_or_default();
        item["type"] = json!("custom_tool_call");
        item["id"] = json!(fresh_id("ctc_"));
        item["input"] = json!(input);
    } else {
        item["type"] = json!("function_call");
        item["id"] = json!(fresh_id("fc_"));
        item["arguments"] = json!(args.to_string());
    }
    if let Some(namespace) = &tool.namespace {
        item["namespace"] = json!(namespace);
        item["name"] = json!(tool.name.strip_prefix(&format!("{namespace}__")));
    }
    item
}

/// The reply as server-sent events.
pub(super) fn events(turn: &Turn, reply: &Reply) -> Vec<Value> {
    let response = response(turn, reply);
    let mut head = response.clone();
    head["status"] = json!("in_progress");
    head["output"] = json!([]);
    head["usage"] = Value::Null;
    let mut events = vec![json!({ "type": "response.created", "response": head })];
    for (index, item) in response["output"].as_array().into_iter().flatten().enumerate() {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let place = json!({ "item_id": item["id"], "output_index": index });
        if item["type"] == "message" {
            begun["content"] = json!([]);
            events
                .push(json!({ "type": "response.output_item.added", "output_index": index, "item": begun }));
            let part = &item["content"][0];
            let blank = json!({ "type": "output_text", "text": "", "annotations": [] });
            events.push(at(&place, json!({ "type": "response.content_part.added", "part": blank })));
            events.push(at(&place, json!({ "type": "response.output_text.delta", "delta": part["text"] })));
            events.push(at(&place, json!({ "type": "response.output_text.done", "text": part["text"] })));
            events.push(at(&place, json!({ "type": "response.content_part.done", "part": part })));
        } else {
            events
                .push(json!({ "type": "response.output_item.added", "output_index": index, "item": begun }));
        }
        events.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
    }
    events.push(json!({ "type": "response.completed", "response": response }));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events
}

fn at(place: &Value, mut event: Value) -> Value {
    event["item_id"] = place["item_id"].clone();
    event["output_index"] = place["output_index"].clone();
    event["content_index"] = json!(0);
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_server::script::Step;

    #[test]
    fn a_request_with_results_is_a_later_step() {
        let turn = read(&json!({
            "model":"m","stream":true,
            "tools":[{"type":"function","name":"exec_command","parameters":{"properties":{"cmd":{}}}},
                     {"type":"namespace","name":"mcp__convoy","tools":[{"type":"function","name":"done"}]},
                     {"type":"web_search"}],
            "input":[
                {"type":"message","role":"user","content":[{"type":"input_text","text":"<cwd>/w</cwd>"}]},
                {"type":"message","role":"user","content":[{"type":"input_text","text":"do gt-a"}]},
                {"type":"function_call","name":"exec_command"},
                {"type":"function_call_output","output":"ok"}],
        }));
        assert_eq!((turn.step, turn.tools.len(), turn.cwd.as_deref()), (1, 2, Some("/w")));

        let events =
            events(&turn, &turn.reply(&Step::call("done", json!({"a":1})).tokens(10, 4).cached(90, 0)));
        let done = events.iter().rfind(|e| e["type"] == "response.output_item.done").unwrap();
        assert_eq!(
            (&done["item"]["namespace"], &done["item"]["name"]),
            (&json!("mcp__convoy"), &json!("done"))
        );
        let last = events.last().unwrap();
        assert_eq!(last["response"]["usage"]["input_tokens"], 100);
        assert_eq!(last["sequence_number"], events.len() - 1);
    }
}
