//! The last thing that an agent said in its conversation, out of what its program printed.
//!
//! Only for programs whose output says which of it that is. What a plain command prints is no answer to anybody.

use serde_json::Value;

use super::translate::Output;

/// The text of the last turn; nothing if there is none, or the program does not say.
pub(crate) fn last_words(output: Output, printed: &str) -> Option<String> {
    let mut last = None;
    // Gemini says a text in pieces.
    let mut goes_on = false;
    for line in printed.lines().filter(|line| line.starts_with('{')) {
        let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
        match output {
            Output::Plain => return None,
            Output::Claude => {
                let said =
                    |key: &str| (value[key].as_bool() == Some(false)).then(|| value["result"].as_str());
                if value["type"] == "result" {
                    last = said("is_error").flatten().map(str::to_owned);
                }
            }
            Output::Codex => {
                if value["type"] == "item.completed" && value["item"]["type"] == "agent_message" {
                    last = value["item"]["text"].as_str().map(str::to_owned);
                }
                // What it said before that was on its way to an answer, and is none.
                if value["type"] == "turn.failed" {
                    last = None;
                }
            }
            Output::Gemini => {
                let piece = (value["type"] == "message" && value["role"] == "assistant")
                    .then(|| value["content"].as_str())
                    .flatten();
                match (piece, &mut last) {
                    (Some(piece), Some(text)) if goes_on => text.push_str(piece),
                    (Some(piece), _) => last = Some(piece.to_owned()),
                    (None, _) => {}
                }
                goes_on = piece.is_some();
            }
        }
    }
    last.filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_recorded_runs() {
        let of = |output, printed: &str| last_words(output, printed).unwrap_or_default();
        let claude = include_str!("fixtures/claude_2.1.197_commit.jsonl");
        assert_eq!(of(Output::Claude, claude), "Done: hello.txt was added and committed.");
        assert_eq!(of(Output::Codex, include_str!("fixtures/codex_0.169.0_commit.jsonl")), "Done.");
        assert_eq!(of(Output::Gemini, include_str!("fixtures/gemini_0.61.0_commit.jsonl")), "Done.");
        // One that was refused has said nothing.
        assert_eq!(of(Output::Claude, include_str!("fixtures/claude_2.1.197_overloaded.jsonl")), "");
        assert_eq!(of(Output::Codex, include_str!("fixtures/codex_0.169.0_refused.jsonl")), "");
        assert_eq!(of(Output::Plain, "{\"type\":\"result\",\"is_error\":false,\"result\":\"x\"}"), "");
    }

    #[test]
    fn what_gemini_says_in_pieces_is_one_text() {
        let say = |role: &str, text: &str| {
            format!(
                "{}\n",
                serde_json::json!({"type": "message", "role": role, "content": text, "delta": true})
            )
        };
        let tool = "{\"type\":\"tool_use\",\"tool_name\":\"x\"}\n";
        let printed =
            [&say("assistant", "I look. "), tool, &say("assistant", "# Rep"), &say("assistant", "ort\n")];
        assert_eq!(last_words(Output::Gemini, &printed.concat()).unwrap(), "# Report\n");
    }
}
