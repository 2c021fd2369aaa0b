//! What the scripts say that was seen of how sessions do, and by what they are judged.

use convoy_core::command::Observed;
use convoy_core::event::Event;
use convoy_core::health::{Look, Repeated, Thresholds, Tool, Vitals};
use convoy_core::id::{Epoch, SessionId};
use convoy_core::money::Money;
use convoy_core::policy::Tiers;
use convoy_core::report::Report;
use convoy_core::time::{Span, Time};

use crate::door::Door;
use crate::perform::Words;

/// `witness`, `tiers` and `max-time`: what is configured.
pub(crate) fn configured(door: &mut Door, words: &Words<'_>) {
    let text = |name: &str| words.get(name);
    match words.bare[0] {
        "witness" => {
            let burn = text("burn").map(|micros| Money::from_micros(micros.parse().unwrap()));
            door.policy.witness = Thresholds { burn, ..Thresholds::default() };
        }
        "tiers" => {
            let by_agent =
                words.named.iter().map(|(agent, _)| (agent.parse().unwrap(), words.list(agent))).collect();
            door.policy.tiers = Tiers { by_agent, escalate_explicit: words.has("explicit") };
        }
        _ => door.policy.retry.max_time = words.bare[1].parse().ok().map(Span::from_secs),
    }
}

/// `examined s1 silent=1200 cpu=0 tool=Bash:60`: times in seconds, but of processors in milliseconds.
pub(crate) fn examined(door: &Door, words: &Words<'_>, session: SessionId, epoch: Epoch) -> Observed {
    let standing = &door.state.sessions[&session].witness;
    let tool = words.get("tool").map(|text| {
        let (name, seconds) = text.split_once(':').unwrap();
        Tool { name: name.to_owned(), for_ms: seconds.parse::<u64>().unwrap() * 1000 }
    });
    let ago = |name: &str| words.get(name).map(|s| before(door.now, s.parse().unwrap()));
    let vitals = Vitals {
        at: door.now,
        silent_ms: words.number("silent", 0) * 1000,
        tool,
        processes: 1,
        cpu_ms: words.number("total", 0),
        retry_at: words.get("retry").map(|s| door.now.plus(Span::from_secs(s.parse().unwrap()))),
        waiting: words.get("waiting"),
        looping: words
            .get("loop")
            .map(|count| Repeated { what: "Bash".into(), count: count.parse().unwrap() }),
        takes_input: words.has("input"),
    };
    let look = Look {
        vitals,
        window_ms: words.number("window", 10_000),
        cpu_ms: words.number("cpu", 0),
        changed_at: ago("changed"),
    };
    let round = words.number("round", u64::from(standing.round)) as u32;
    Observed::Examined { session, epoch, round, look: Box::new(look) }
}

fn before(now: Time, seconds: i64) -> Time {
    Time::from_millis(now.as_millis() - seconds * 1000)
}

/// What a supervisor reports by itself.
pub(crate) fn report(words: &Words<'_>) -> Report {
    match words.bare[0] {
        "waits" => Report::Waiting { what: "a permission".into() },
        "loops" => Report::Looping {
            what: "Bash, with the same input".into(),
            count: words.number("count", 5) as u32,
            takes_input: words.has("input"),
        },
        _ => Report::Retrying { status: Some(429), delay_ms: words.number("delay", 1) * 1000 },
    }
}

pub(crate) fn shown(event: &Event) -> String {
    let Event::WitnessStepped { round, health, step, unable, .. } = event else { return String::new() };
    let step = step.map(|step| format!(" -> {}", step.name())).unwrap_or_default();
    let unable = unable.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("#{round} {}: {health}{step}{unable}", health.name())
}
