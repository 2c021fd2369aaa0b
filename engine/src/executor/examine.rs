//! Looking at a session of which nothing was heard, or that spent much, until there is something to say of it.
//!
//! An agent whose output nobody understands is heard by its supervisor only. So a look that finds it at work says
//! nothing, and the next one comes when a threshold can have passed again. Nothing at all is asked of sessions that
//! are heard of.

use std::path::PathBuf;
use std::time::Duration;

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::health::{self, Look, Standing, Thresholds};
use convoy_core::id::{Epoch, SessionId};
use convoy_core::money::Money;
use convoy_core::time::{Span, Time};

use crate::explain;
use crate::git::touched;
use crate::supervisor::files::SessionDir;
use crate::supervisor::look as supervisor;
use crate::world::{World, note};

/// What a look needs to know of the state.
pub(super) struct Examine {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) round: u32,
    /// It is looked whether its files change.
    pub(super) burning: bool,
    pub(super) workdir: PathBuf,
    pub(super) standing: Standing,
    pub(super) thresholds: Thresholds,
    pub(super) spent: Money,
}

/// What is seen, if it is worth saying; nothing once nobody wants to know any more.
pub(super) fn run(world: &World, effect: &Effect, job: &Examine) -> Option<Observed> {
    loop {
        // A session whose supervisor does not answer is somebody else's to look at: whoever follows it.
        let look = look(world, effect, job)?;
        if health::verdict(&look, &job.standing, &job.thresholds, job.spent).is_some() {
            let (session, epoch, round) = (job.session.clone(), job.epoch, job.round);
            return Some(Observed::Examined { session, epoch, round, look: Box::new(look) });
        }
        if job.burning {
            return None;
        }
        let again = health::look_again(&look, &job.standing, &job.thresholds);
        if !world.wanted.stays(effect, duration(again)) {
            return None;
        }
    }
}

fn look(world: &World, effect: &Effect, job: &Examine) -> Option<Look> {
    let dir = SessionDir::new(world.workspace.sessions_dir().join(job.session.as_str()));
    let pause = |window| world.wanted.stays(effect, window);
    match supervisor::look(&dir, job.thresholds.quiet, pause) {
        Ok(look) => look.map(|look| Look { changed_at: changed_at(job), ..look }),
        Err(error) => {
            note(&format!("session {}: how it does is not known: {}", job.session, explain(&error)));
            None
        }
    }
}

fn changed_at(job: &Examine) -> Option<Time> {
    let enough = job.standing.crossings.last().map_or(Time::default(), |last| last.at);
    job.burning.then(|| touched(&job.workdir, enough)).flatten()
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or_default())
}
