//! Hooks of agents' programs: commands that a program runs at moments of its own, and that tell its supervisor of them.
//!
//! They are installed for one run, through an argument, beside whatever hooks a person has configured. A hook never
//! fails the program that runs it: what it says is taken if it can be, and nothing is printed.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::supervisor::protocol::OwnReport;

/// The most that is read of what a program hands to a hook; the last message of an agent is in it.
pub const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long a program waits for a hook. Usually it takes some milliseconds.
const TIMEOUT_S: u32 = 10;
/// The longest text that is taken over, in characters.
const TEXT_CHARS_MAX: usize = 400;
/// Claude Code's name of each moment, and ours.
const CLAUDE: [(&str, &str); 5] = [
    ("SessionStart", "session-start"),
    ("Notification", "notification"),
    ("PreCompact", "pre-compact"),
    ("Stop", "stop"),
    ("SubagentStop", "subagent-stop"),
];
/// What Claude Code notifies of without waiting for anybody.
const NOT_WAITING: [&str; 2] = ["auth_success", "elicitation_complete"];

/// Whose hooks a preset has installed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hooks {
    /// Nobody's.
    #[default]
    None,
    /// Claude Code's, through `--settings`.
    Claude,
}

impl Hooks {
    /// The arguments that install them, to be run as `program hook …`. A command line that has settings of its own keeps
    /// them, because only one can be given.
    pub fn arguments(self, program: &Path, argv: &[String]) -> Vec<String> {
        let taken = argv.iter().any(|word| word == "--settings" || word.starts_with("--settings="));
        match self {
            Self::Claude if !taken => vec!["--settings".to_owned(), claude_settings(program).to_string()],
            Self::Claude | Self::None => Vec::new(),
        }
    }
}

fn claude_settings(program: &Path) -> Value {
    // Claude Code hands a hook's command to a shell.
    let program = program.to_string_lossy().replace('\'', r"'\''");
    let hook = |name: &str| json!([{ "hooks": [{ "type": "command", "command": format!("'{program}' hook {name}"), "timeout": TIMEOUT_S }] }]);
    let all: serde_json::Map<_, _> =
        CLAUDE.iter().map(|(theirs, ours)| ((*theirs).to_owned(), hook(ours))).collect();
    json!({ "hooks": all })
}

/// What is to be told of a hook that was run for `moment`, given what the program said to it. What is not understood
/// is a sign of life.
pub fn report(moment: &str, input: &[u8]) -> OwnReport {
    let input: Value = serde_json::from_slice(input).unwrap_or_default();
    let text =
        |key: &str| input.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(line);
    match moment {
        "session-start" => match text("session_id") {
            Some(id) => OwnReport::Conversation { id, model: text("model") },
            None => OwnReport::Alive,
        },
        "notification"
            if !text("notification_type").is_some_and(|kind| NOT_WAITING.contains(&kind.as_str())) =>
        {
            OwnReport::Waiting {
                what: text("message").unwrap_or_else(|| "it does not say what for".to_owned()),
            }
        }
        "pre-compact" => OwnReport::Checkpoint { note: Some("before compaction".to_owned()) },
        _ => OwnReport::Alive,
    }
}

fn line(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_strange_path_is_named_for_a_shell() {
        let words = Hooks::Claude.arguments(Path::new("/it's here/convoy"), &["claude".to_owned()]);
        let settings: Value = serde_json::from_str(&words[1]).unwrap();
        let command = &settings["hooks"]["PreCompact"][0]["hooks"][0]["command"];
        assert_eq!(command, r"'/it'\''s here/convoy' hook pre-compact");
        let own = ["claude", "--settings", "mine.json"].map(str::to_owned);
        assert_eq!(Hooks::Claude.arguments(Path::new("/c"), &own), Vec::<String>::new());
        assert_eq!(Hooks::None.arguments(Path::new("/c"), &[]), Vec::<String>::new());
    }

    #[test]
    fn what_programs_say_is_understood_or_a_sign_of_life() {
        // As recorded of 2.1.197.
        let start = br#"{"session_id":"d354a567","transcript_path":"/w/x.jsonl","cwd":"/w","hook_event_name":"SessionStart",
            "source":"startup","model":"claude-sonnet-4-5"}"#;
        let model = Some("claude-sonnet-4-5".to_owned());
        assert_eq!(report("session-start", start), OwnReport::Conversation { id: "d354a567".into(), model });
        let asks = br#"{"message":"Claude needs your permission to use Bash\nnow","notification_type":"permission_prompt"}"#;
        let what = "Claude needs your permission to use Bash".to_owned();
        assert_eq!(report("notification", asks), OwnReport::Waiting { what });
        assert_eq!(
            report("notification", br#"{"message":"in","notification_type":"auth_success"}"#),
            OwnReport::Alive
        );
        let kept = OwnReport::Checkpoint { note: Some("before compaction".into()) };
        assert_eq!(report("pre-compact", br#"{"trigger":"auto"}"#), kept);
        for garbage in [&b""[..], b"{", b"[1]", b"\xff", br#"{"session_id":7}"#, br#"{"session_id":" "}"#] {
            assert_eq!(report("session-start", garbage), OwnReport::Alive);
        }
        assert_eq!(report("stop", b"{}"), OwnReport::Alive);
        assert_eq!(report("something-new", start), OwnReport::Alive);
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(100_000));
        let OwnReport::Waiting { what } = report("notification", long.as_bytes()) else {
            panic!("not waiting")
        };
        assert_eq!(what.len(), TEXT_CHARS_MAX);
    }
}
