//! Gemini's `generateContent`: reading a request, writing a reply as JSON or as an event stream.
//!
//! Model and kind of answer are in the path, `…/models/NAME:streamGenerateContent`, not in the body.

use serde_json::{Value, json};

use super::fresh_id;
use super::turn::{Reply, Tool, Turn, cwd_in, text_of};

/// The answer to a request without tools. The agent asks the model which model is to answer, and who speaks next.
const SIDE_TEXT: &str = r#"{"reasoning":"scripted","next_speaker":"user","model_choice":"pro"}"#;

/// The model in a path, and whether a stream is asked for; `None` if the path asks for no reply.
pub(super) fn asked(path: &str) -> Option<(&str, bool)> {
    let (model, method) = path.rsplit('/').next()?.split_once(':')?;
    match method {
        "streamGenerateContent" => Some((model, true)),
        "generateContent" => Some((model, false)),
        _ => None,
    }
}

/// The request as a turn.
pub(super) fn read(path: &str, body: &Value) -> Turn {
    let (model, stream) = asked(path).unwrap_or(("unnamed", false));
    let mut turn = Turn { model: model.to_owned(), stream, ..Turn::default() };
    turn.side_text = Some(SIDE_TEXT);
    for group in body["tools"].as_array().into_iter().flatten() {
        for tool in group["functionDeclarations"].as_array().into_iter().flatten() {
            let schema = ["parametersJsonSchema", "parameters"].into_iter().map(|key| &tool[key]);
            turn.tools.push(Tool {
                name: tool["name"].as_str().unwrap_or_default().to_owned(),
                schema: schema.into_iter().find(|schema| !schema.is_null()).cloned().unwrap_or_default(),
                freeform: false,
                namespace: None,
            });
        }
    }
    for content in body["contents"].as_array().into_iter().flatten() {
        if content["role"] != "user" {
            turn.said(&text_of(&content["parts"]));
            continue;
        }
        let parts = content["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let results = parts.iter().filter(|part| !part["functionResponse"].is_null()).count();
        turn.step += results;
        if results == 0 {
            turn.step = 0;
            turn.prompts.push(text_of(&content["parts"]));
        }
    }
    let told = format!("{}\n{}", text_of(&body["systemInstruction"]["parts"]), turn.prompts.join("\n"));
    turn.cwd = cwd_in(&told);
    turn
}

/// The reply as one JSON value, which is also the only event of a stream.
pub(super) fn response(turn: &Turn, reply: &Reply) -> Value {
    let usage = reply.usage;
    // Here "prompt" includes what was read from the cache, and candidates do not include what was thought.
    let prompt = usage.input + usage.cache_read;
    let mut parts = vec![json!({ "text": reply.text })];
    parts.extend(
        reply
            .call
            .as_ref()
            .map(|call| json!({ "functionCall": { "name": turn.tools[call.tool].name, "args": call.args } })),
    );
    json!({
        "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": "STOP", "index": 0 }],
        "modelVersion": turn.model, "responseId": fresh_id("resp_"),
        "usageMetadata": {
            "promptTokenCount": prompt, "cachedContentTokenCount": usage.cache_read,
            "candidatesTokenCount": usage.output.saturating_sub(usage.reasoning),
            "thoughtsTokenCount": usage.reasoning, "totalTokenCount": prompt + usage.output,
        },
    })
}

/// An error, as this service words it.
pub(super) fn error(status: u16, code: &str, message: &str) -> Value {
    json!({ "error": { "code": status, "message": message, "status": code } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_server::script::Step;

    #[test]
    fn a_request_with_results_is_a_later_step() {
        let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent";
        let text = |text: &str| json!({ "role": "user", "parts": [{ "text": text }] });
        let turn = read(
            path,
            &json!({
                "systemInstruction": { "parts": [{ "text": "x" }] },
                "tools": [{ "functionDeclarations": [
                    { "name": "run_shell_command", "parametersJsonSchema": { "properties": { "command": {} } } }] }],
                "contents": [
                    text("do gt-a"),
                    { "role": "model", "parts": [{ "functionCall": {} }] },
                    { "role": "user", "parts": [{ "functionResponse": {} }] },
                    text("now gt-b"),
                    { "role": "model", "parts": [{ "functionCall": {} }] },
                    { "role": "user", "parts": [{ "functionResponse": {} }, { "text": "beside" }] }],
            }),
        );
        assert_eq!((turn.model.as_str(), turn.stream, turn.step), ("gemini-2.5-pro", true, 1));
        assert_eq!(turn.prompts, ["do gt-a", "now gt-b"]);
        let step = Step::bash("true").tokens(10, 7).cached(90, 0).reasoned(3);
        let reply = response(&turn, &turn.reply(&step));
        let call = &reply["candidates"][0]["content"]["parts"][1]["functionCall"];
        assert_eq!((&call["name"], &call["args"]["command"]), (&json!("run_shell_command"), &json!("true")));
        let usage = &reply["usageMetadata"];
        let counts = ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"];
        assert_eq!(counts.map(|key| usage[key].as_u64()), [100, 4, 3, 107].map(Some));
        assert_eq!(asked("/v1beta/models/m:countTokens"), None);
    }
}
