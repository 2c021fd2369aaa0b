//! How session events change the state.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Event;
use crate::health::{self, Health, Step, Taken};
use crate::ledger;
use crate::report::Tokens;
use crate::session::{Nudged, Said, Session, SessionState};
use crate::state::State;
use crate::time::Time;
use crate::worker::WorkerState;

/// The most notes that are kept of a session; the log keeps the rest.
const NOTES_MAX: usize = 50;
/// How often an agent is listened to that wants a person to know something; the log keeps the rest.
const ESCALATIONS_MAX: usize = 20;
/// How many of the latest nudges are kept.
const NUDGES_MAX: usize = 20;

/// Whether a person is to be told this: it was not said in this session before, and not too much was.
pub(crate) fn is_news(session: &Session, reason: &str) -> bool {
    session.escalated.len() < ESCALATIONS_MAX && !session.escalated.iter().any(|before| before == reason)
}

pub(super) fn apply(state: &mut State, event: &Event, at: Time) {
    let before = ledger::before(state, event.subject());
    change(state, event, at);
    state.book(event.subject(), before, at);
}

fn change(state: &mut State, event: &Event, at: Time) {
    if let Event::SessionWanted { session: new } = event {
        state.epoch = new.epoch.0;
        state.index.sessions.insert(new.id.clone());
        state.sessions.insert(
            new.id.clone(),
            Session {
                content: new.clone(),
                state: SessionState::Wanted,
                stopping: false,
                observed: 0,
                usage: Tokens::default(),
                counted: BTreeSet::new(),
                reported: None,
                since_report: None,
                by_model: BTreeMap::new(),
                uses: BTreeMap::new(),
                by_day: BTreeMap::new(),
                self_reported: None,
                ceiling: new.ceiling,
                slice: new.ceiling,
                conversation: None,
                model: None,
                said: None,
                notes: Vec::new(),
                reviewing: None,
                review: None,
                witness: crate::health::Standing::new(at),
                escalated: Vec::new(),
                nudged: Vec::new(),
                created_at: at,
                started_at: None,
                ended_at: None,
            },
        );
        if let Some(worker) = state.workers.get_mut(&new.worker) {
            worker.sessions.push(new.id.clone());
            worker.state = WorkerState::Running { session: new.id.clone() };
            worker.active_at = at;
        }
        return;
    }
    let Some(session) = state.sessions.get_mut(event.subject()) else { return };
    match event {
        Event::SessionPrepared { workdir, .. } => {
            session.state = SessionState::Starting { workdir: workdir.clone() };
        }
        Event::SessionStarted { n, pid, at: started, .. } => {
            session.observed = *n;
            session.started_at = Some(*started);
            if let SessionState::Starting { workdir } = &session.state {
                session.state = SessionState::Running { workdir: workdir.clone(), pid: *pid };
            }
        }
        Event::SessionUsage { n, message_id, model, tokens, cost, .. } => {
            session.observed = session.observed.max(*n);
            if session.counted.insert(message_id.clone()) {
                session.use_up(at, model.as_deref(), *tokens, *cost);
            }
            if model.is_some() {
                session.model.clone_from(model);
            }
        }
        Event::SessionCost { n, cost, tokens, .. } => {
            session.observed = *n;
            session.take_report(at, *cost, *tokens);
        }
        Event::SessionSaid { n, said, .. } => {
            session.observed = *n;
            match said {
                Said::Note { text } if session.notes.len() < NOTES_MAX => session.notes.push(text.clone()),
                Said::Escalated { reason } if is_news(session, reason) => {
                    session.escalated.push(reason.clone());
                }
                Said::Note { .. } | Said::Escalated { .. } => {}
                Said::Done { .. } | Said::Blocked { .. } => session.said = Some(said.clone()),
            }
        }
        Event::SessionNudged { n, by, text, .. } => {
            session.observed = *n;
            if session.nudged.len() == NUDGES_MAX {
                session.nudged.remove(0);
            }
            session.nudged.push(Nudged { at, by: by.clone(), text: text.clone() });
            if by.as_deref() == Some(health::WITNESS) {
                session.witness.nudge = None;
            }
        }
        Event::SessionSelfReported { n, cost, .. } => {
            session.observed = *n;
            session.take_own_word(at, *cost);
        }
        Event::SessionConversation { n, conversation, model, .. } => {
            session.observed = *n;
            session.conversation = Some(conversation.clone());
            if model.is_some() {
                session.model.clone_from(model);
            }
        }
        Event::SessionExtended { ceiling, .. } => {
            session.ceiling = Some(*ceiling);
            session.slice = Some(ceiling.minus(session.settled()));
        }
        Event::SessionStopRequested { .. } => session.stopping = true,
        Event::SessionEnded { exit, .. } => {
            session.ended_at = Some(exit.ended_at);
            session.observed = session.observed.max(exit.last_n);
            if let Some(workdir) = session.workdir().cloned() {
                session.state = SessionState::Ended { workdir, exit: Some(Box::new(exit.clone())) };
            }
        }
        Event::SessionLost { .. } => {
            session.ended_at = Some(at);
            if let Some(workdir) = session.workdir().cloned() {
                session.state = SessionState::Ended { workdir, exit: None };
            }
        }
        Event::SessionOver { outcome, .. } => {
            let exit = match &session.state {
                SessionState::Ended { exit, .. } => exit.clone(),
                _ => None,
            };
            let workdir = session.workdir().cloned();
            session.state = SessionState::Over { workdir, exit, outcome: outcome.clone() };
            session.ended_at.get_or_insert(at);
            session.counted.clear();
            let id = session.content.id.clone();
            state.index.sessions.remove(&id);
            return;
        }
        _ => {}
    }
    witnessed(session, event, at);
    let worker = session.content.worker.clone();
    if let Some(worker) = state.workers.get_mut(&worker) {
        // What the witness finds out is nothing that the worker does.
        if !matches!(event, Event::WitnessStepped { .. }) {
            worker.active_at = at;
        }
    }
}

/// What an event means for the judgement of its session.
fn witnessed(session: &mut Session, event: &Event, at: Time) {
    match event {
        Event::WitnessStepped { n, round, health, step, unable, look, .. } => {
            session.observed = session.observed.max(n.unwrap_or_default());
            let standing = &mut session.witness;
            standing.round = *round;
            if *health == Health::Healthy {
                standing.recover();
            }
            standing.health = health.clone();
            if let Some(look) = look {
                standing.heard_at = health::heard_at(look, standing);
                standing.look = Some(look.as_ref().clone());
            }
            // Its clock stands still until then.
            if let Health::RateLimited { until } = health {
                standing.heard_at = standing.heard_at.max(*until);
            }
            match (step, unable) {
                (Some(Step::Nudge), None) => standing.nudge = Some((*round, health::nudge_text(health))),
                // It could not be said after all.
                (None, Some(_)) => {
                    standing.nudge = None;
                    let nudges = standing.steps.iter_mut().filter(|taken| taken.step == Step::Nudge);
                    nudges.for_each(|taken| taken.unable.clone_from(unable));
                }
                (Some(Step::Nudge | Step::Escalate | Step::Stop), _) | (None, None) => {}
            }
            if let Some(step) = step {
                standing.steps.push(Taken { step: *step, at, unable: unable.clone() });
                if *step == Step::Stop {
                    standing.stopped = Some(health.to_string());
                }
            }
        }
        Event::SessionStarted { .. }
        | Event::SessionCost { .. }
        | Event::SessionSaid { .. }
        | Event::SessionSelfReported { .. }
        | Event::SessionConversation { .. } => session.witness.heard(at),
        Event::SessionUsage { .. } => {
            session.witness.heard(at);
            let spent = session.priced();
            session.witness.spent(spent, at);
        }
        _ => {}
    }
}
