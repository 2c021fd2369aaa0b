//! What a dead agent used beyond what was heard of it: settled before its session is judged.

use convoy_core::command::Observed;
use convoy_core::report::{Observation, Report};
use convoy_core::session::TranscriptUsage;
use convoy_core::time::Time;

use super::job::Inspect;
use crate::agent::transcript::{self, Heard, Kind, Message};
use crate::clock;
use crate::prices::{Used, Vendor};
use crate::supervisor::files::SessionDir;
use crate::supervisor::spec::Spec;
use crate::world::{World, note};

/// Arguments after which an agent's own name for its conversation stands, where its output does not say it.
const CONVERSATION_ARGS: [&str; 2] = ["--session-id", "--resume"];

/// What an agent's transcript says beyond what was heard; nothing if there is none, or nothing more in it.
pub(super) fn look(world: &World, job: &Inspect) -> Option<Observed> {
    let (session, epoch) = (job.session.clone(), job.epoch);
    let dir = SessionDir::new(world.workspace.sessions_dir().join(session.as_str()));
    // Never launched, or not by us: there is no transcript of it.
    let spec = dir.spec().ok()?;
    let kind = Kind::of(spec.translator)?;
    let observations = match dir.observations_after(0) {
        Ok(observations) => observations,
        Err(error) => {
            note(&format!("session {session}: its transcript is not read: {}", crate::explain(&error)));
            return None;
        }
    };
    let heard = heard(&spec, &observations)?;
    let messages = transcript::read(kind, &spec.env, &heard);
    if messages.is_empty() {
        return None;
    }
    let now = clock::now();
    let usage = messages.into_iter().map(|message| priced(world, &spec, message, heard.began, now)).collect();
    Some(Observed::Transcript { session, epoch, usage })
}

/// What was heard; none if the agent never began, or its conversation has no name.
fn heard(spec: &Spec, observations: &[Observation]) -> Option<Heard> {
    let mut heard = Heard {
        conversation: String::new(),
        began: Time::default(),
        messages: Default::default(),
        told_at: None,
    };
    let mut began = None;
    for observation in observations {
        match &observation.report {
            Report::Started { .. } => began = Some(observation.at),
            Report::Conversation { id, .. } => heard.conversation.clone_from(id),
            Report::Usage { message_id, tokens, .. } => {
                heard.messages.insert(message_id.clone(), *tokens);
            }
            Report::Result(result) if result.cost.is_some() || result.tokens.is_some() => {
                heard.told_at = Some(observation.at);
            }
            _ => {}
        }
    }
    heard.began = began?;
    if heard.conversation.is_empty() {
        let at = spec.argv.iter().position(|word| CONVERSATION_ARGS.contains(&word.as_str()))?;
        heard.conversation.clone_from(spec.argv.get(at + 1)?);
    }
    Some(heard)
}

fn priced(world: &World, spec: &Spec, message: Message, began: Time, now: Time) -> TranscriptUsage {
    let Message { id, model, tokens, cache_write_1h, at } = message;
    let used = Used { tokens, cache_write_1h, summed: false };
    // The agent's program wrote the time: it is believed within the time in which the agent lived.
    let at = at.clamp(began, now.max(began));
    let cost = |model: &String| world.prices.cost(Vendor::of(spec.translator), model, &used, at);
    let (cost, price) = model.as_ref().and_then(cost).map(|priced| (priced.cost, priced.price)).unzip();
    TranscriptUsage { message_id: id, model, tokens, cost, price }
}
