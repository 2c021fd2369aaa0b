//! How work is shown to whoever follows it: what happens as lines that scroll, and on a terminal below them a line for
//! each worker at work and one for all, which change in their place.
//!
//! Without a terminal, with `--json` and with `-q` there are no such lines, and what is printed is what scripts know.

use std::collections::BTreeSet;
use std::io;

use convoy_api::{Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::{IssueId, SessionId};
use convoy_core::time::Span;
use convoy_core::view::{ConvoyView, WorkerView};
use convoy_engine::clock::{self, Instant};
use convoy_engine::os::spawn::Environment;
use convoy_engine::workspace::Workspace;

use super::ask;
use super::crew::{self, Hand, Sum};
use super::follow::{Follow, See, Woken};
use super::progress::{self, Scope};
use super::tails::Tails;
use crate::error::Error;
use crate::live::{Region, Stream};
use crate::output::Output;
use crate::text;

/// How often times that go by are shown anew.
const TICK: Span = Span::from_secs(1);
/// How often at most what agents print is; nobody reads faster.
const OUTPUT_PAUSE: Span = Span::from_millis(100);

/// Where it is shown.
pub(super) struct Display {
    out: Output,
    stream: Stream,
    /// What is followed, and how it is called.
    pub(super) scope: Scope,
    live: Option<Live>,
}

/// What changes in its place.
struct Live {
    region: Region,
    tails: Tails,
    /// The session of each is beside it.
    hands: Vec<(Hand, Option<SessionId>)>,
    sum: Option<Sum>,
    drawn_at: Instant,
}

impl Display {
    /// On stdout, or on stderr where stdout is for what comes of it alone.
    pub(super) fn new(
        out: &Output,
        env: &Environment,
        stream: Stream,
        workspace: &Workspace,
        follow: Follow,
    ) -> Result<(Self, Follow), Error> {
        let Some(region) = Region::new(stream, out, env.text("TERM")) else {
            return Ok((Self { out: out.clone(), stream, scope: Scope::default(), live: None }, follow));
        };
        let follow = follow.on_terminal()?;
        let tails = Tails::new(workspace, follow.waker());
        let drawn_at = Instant::now();
        let live = Live { region, tails, hands: Vec::new(), sum: None, drawn_at };
        Ok((Self { out: out.clone(), stream, scope: Scope::default(), live: Some(live) }, follow))
    }

    /// Whether nobody sees it any more.
    pub(super) fn is_closed(&self) -> bool {
        self.out.is_closed()
    }

    /// Prints an event's line, if it has one and belongs to what is followed. What the event calls for.
    pub(super) fn see(&mut self, event: &Envelope) -> Result<See, Error> {
        if let Some(line) = self.scope.line(event) {
            match (&mut self.live, self.stream) {
                (Some(live), _) => live.region.print(&line).map_err(|error| Error::output(&error))?,
                (None, Stream::Out) => self.out.say(&line)?,
                (None, Stream::Err) if !self.out.quiet => self.out.aside(&line),
                (None, Stream::Err) => {}
            }
        }
        Ok(progress::see(&event.event, self.live.is_some()))
    }

    /// Looks at who is at work for a convoy.
    pub(super) fn look_at(&mut self, service: &dyn Service, convoy: &ConvoyView) -> Result<(), Failure> {
        if self.live.is_none() {
            return Ok(());
        }
        let mut workers = ask::workers(service, false)?;
        let tracked: BTreeSet<&IssueId> = convoy.tracked.iter().map(|issue| &issue.id).collect();
        workers.retain(|worker| tracked.contains(&worker.issue_id));
        let sum = Sum::of(convoy, waiting(&workers));
        self.looked(&workers, sum);
        Ok(())
    }

    /// Looks at who is at work at all.
    pub(super) fn look_around(&mut self, service: &dyn Service) -> Result<(), Failure> {
        if self.live.is_none() {
            return Ok(());
        }
        let workers = ask::workers(service, false)?;
        let open = ask::engine(service)?.open_convoys.len();
        let done = format!("{} open", text::count(open, "convoy"));
        let sum = Sum { done, waiting: waiting(&workers), ..Sum::default() };
        self.looked(&workers, sum);
        Ok(())
    }

    fn looked(&mut self, workers: &[WorkerView], sum: Sum) {
        let Some(live) = &mut self.live else { return };
        let scope = &self.scope;
        let hand = |worker: &WorkerView| {
            let name = scope.name(&worker.issue_id);
            Some((Hand::of(worker, name)?, worker.session_id.clone()))
        };
        let mut workers: Vec<&WorkerView> = workers.iter().collect();
        workers.sort_by_key(|worker| (worker.started_at, &worker.issue_id));
        live.hands = workers.into_iter().filter_map(hand).collect();
        live.tails.watch(live.hands.iter().filter_map(|(_, session)| session.as_ref()));
        live.sum = Some(sum);
    }

    /// Shows the lines anew. When that is to be done again, if nothing else calls for it: times go by while somebody is at
    /// work, and nothing changes by itself otherwise.
    pub(super) fn show(&mut self, woken: Woken) -> Result<Option<Instant>, Error> {
        let Some(live) = &mut self.live else { return Ok(None) };
        live.show(woken).map_err(|error| Error::output(&error))
    }

    /// Takes the lines away, for what comes of it.
    pub(super) fn clear(&mut self) -> Result<(), Error> {
        match &mut self.live {
            Some(live) => live.region.clear().map_err(|error| Error::output(&error)),
            None => Ok(()),
        }
    }
}

impl Live {
    fn show(&mut self, woken: Woken) -> io::Result<Option<Instant>> {
        match woken {
            Woken::Output => {
                let next = self.drawn_at.plus(OUTPUT_PAUSE);
                if !next.left().is_zero() {
                    return Ok(Some(next));
                }
            }
            Woken::Looked | Woken::Clock | Woken::Resized => {}
        }
        let Some(sum) = &self.sum else { return Ok(None) };
        for (hand, session) in &mut self.hands {
            hand.last = session.as_ref().and_then(|session| self.tails.last(session)).map(str::to_owned);
        }
        let hands: Vec<Hand> = self.hands.iter().map(|(hand, _)| hand.clone()).collect();
        self.region.draw(&crew::lines(&hands, sum, self.region.size(), clock::now()))?;
        self.drawn_at = Instant::now();
        Ok((!hands.is_empty()).then(|| self.drawn_at.plus(TICK)))
    }
}

fn waiting(workers: &[WorkerView]) -> usize {
    workers.iter().filter(|worker| worker.state == "waiting").count()
}
