//! What the scripts ask for about sessions of persons and their checkpoints.

use convoy_core::command::{Carried, Request};
use convoy_core::money::Money;
use convoy_core::own_session::Ended;

use crate::perform::Words;
use crate::show::Names;

/// `from=<checkpoint>:<session>:<number>:<sequence>:<cumulative>:<budget>`.
fn carried(text: &str) -> Carried {
    let parts: Vec<&str> = text.split(':').collect();
    Carried {
        checkpoint: parts[0].parse().unwrap(),
        session: parts[1].parse().unwrap(),
        number: parts[2].parse().unwrap(),
        sequence: parts[3].parse().unwrap(),
        cumulative: Money::from_micros(parts[4].parse().unwrap()),
        budget: Some(Money::from_micros(parts[5].parse().unwrap())),
    }
}

/// What a line of a script asks for.
pub(crate) fn request(names: &Names, words: &Words<'_>) -> Request {
    let epic = words.bare.get(1).filter(|word| **word != "-").map(|word| (*word).to_owned());
    let money = |name| words.get(name).map(|text| Money::from_micros(text.parse().unwrap()));
    let text = |name| words.get(name).map(|text| text.replace('_', " "));
    let path = words.get("path").unwrap_or_else(|| "/repo".into());
    match words.bare[0] {
        "session-start" => Request::SessionStart {
            epic,
            rig: "home".into(),
            path,
            resume: words.has("resume"),
            budget: money("budget"),
            sequence: words.number("sequence", 0),
            from: words.get("from").map(|text| carried(&text)),
        },
        "session-background" => Request::SessionBackground {
            epic,
            issue: words.get("issue"),
            agent: words.get("agent"),
            model: words.get("model"),
            budget: money("budget"),
        },
        "session-pause" => Request::SessionPause { epic, path: Some(path), reason: text("reason") },
        "session-resume" => Request::SessionResume { epic, path: Some(path) },
        "session-complete" => Request::SessionComplete {
            epic,
            path: Some(path),
            outcome: match words.get("outcome").as_deref() {
                Some("failure") => Ended::Failure,
                Some("partial") => Ended::Partial,
                _ => Ended::Success,
            },
        },
        _ => Request::CheckpointCreate {
            epic,
            session: words.get("session").map(|name| names.id(&name)),
            path: Some(path),
            note: text("note"),
        },
    }
}
