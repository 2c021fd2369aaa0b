//! Following: look at what there is, and look again whenever something happens, without asking over and over.
//!
//! One thread passes on the engine's events, another one signals; whoever follows reads one queue. When the engine
//! goes, for a newer one perhaps, the way to it is opened anew and events are read on from the last one seen.

use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use convoy_api::{Code, Service, Watch};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;
use convoy_core::time::Span;
use convoy_engine::background;
use convoy_engine::clock::Instant;
use convoy_engine::lock::WorkspaceLock;
use convoy_engine::tasks::{self, Kind};
use convoy_engine::workspace::Workspace;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGCONT, SIGINT, SIGTERM, SIGWINCH};

use crate::ask;
use crate::error::{Error, INTERRUPTED};
use crate::way::Way;

/// Events that may wait to be seen; the engine's own queue holds the others.
const QUEUE_MAX: usize = 256;
/// How often in a row the engine may go away without a word before that is an error.
const RECONNECTS_MAX: u32 = 10;

/// How long a look may wait that only numbers call for: cost and tokens come by the dozen.
pub(crate) const SOON: Span = Span::from_secs(1);
/// How long an engine that leaves is waited for before the way to it is tried again.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// What is there now.
pub(crate) struct Look<T> {
    /// What ends the following, if it is reached.
    pub(crate) end: Option<T>,
    /// An event up to which everything was looked at.
    pub(crate) seq: Seq,
}

/// What an event calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum See {
    /// Nothing.
    Nothing,
    /// Another look, within a second.
    Soon,
    /// Another look.
    Look,
    /// An end: nobody is there any more who would see it.
    Stop,
}

/// How following ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End<T> {
    /// What was looked for.
    Reached(T),
    /// The time is over.
    TimeOut,
    /// A person has had enough.
    Interrupted,
    /// Nobody sees it any more.
    Unseen,
}

/// Why what is shown beside the events is to be shown anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Woken {
    /// There was a look.
    Looked,
    /// An agent printed something.
    Output,
    /// The time has come that was asked for.
    Clock,
    /// The terminal has another size, or this process was stopped, and goes on.
    Resized,
}

/// Ends a following from another thread.
#[derive(Clone)]
pub(crate) struct Interrupter(SyncSender<Input>);

impl Interrupter {
    /// Ends it; one that has ended by itself is not ended twice.
    pub(crate) fn interrupt(&self) {
        let _ = self.0.send(Input::Interrupt);
    }
}

enum Input {
    Event(Box<Envelope>),
    Woken(Woken),
    /// The engine of this subscription has gone.
    Gone(u32),
    Interrupt,
    Unseen,
}

/// Wakes whoever follows, once for any number of calls until it has looked.
#[derive(Clone)]
pub(crate) struct Waker {
    post: SyncSender<Input>,
    pending: Arc<AtomicBool>,
}

impl Waker {
    /// An agent printed something. A full queue means that whoever follows is awake.
    pub(crate) fn wake(&self) {
        if !self.pending.swap(true, Ordering::SeqCst)
            && self.post.try_send(Input::Woken(Woken::Output)).is_err()
        {
            self.pending.store(false, Ordering::SeqCst);
        }
    }
}

/// One following.
pub(crate) struct Follow {
    workspace: Workspace,
    inbox: Receiver<Input>,
    post: SyncSender<Input>,
    pending: Arc<AtomicBool>,
    deadline: Option<Instant>,
    seen: Option<Seq>,
    /// The number of the subscription; what comes of those before it is old.
    subscription: u32,
}

impl Follow {
    /// Follows what happens in a workspace, for at most this long.
    pub(crate) fn new(workspace: Workspace, timeout: Option<Span>) -> Self {
        let (post, inbox) = sync_channel(QUEUE_MAX);
        let deadline = timeout.map(|span| Instant::now().plus(span));
        Self { workspace, inbox, post, pending: Arc::default(), deadline, seen: None, subscription: 0 }
    }

    /// What wakes it from other threads.
    pub(crate) fn waker(&self) -> Waker {
        Waker { post: self.post.clone(), pending: Arc::clone(&self.pending) }
    }

    /// Ends also when whoever read stdout has gone, without waiting for something to print that would tell.
    pub(crate) fn while_read(self) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::refused(format!("cannot watch the output: {error}"));
        let stdout = std::io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
        let post = self.post.clone();
        let wait = move || {
            // Nothing is waited for but its end, which needs no asking. Of a file there is none.
            let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
            while matches!(poll(&mut ends, None), Err(rustix::io::Errno::INTR)) {}
            let _ = post.send(Input::Unseen);
        };
        tasks::start(Kind::Watch, wait).map_err(failed)?;
        Ok(self)
    }

    /// Says also when the terminal was resized, or this process was stopped and goes on.
    pub(crate) fn on_terminal(self) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::refused(format!("cannot wait for signals: {error}"));
        let mut signals = signal_hook::iterator::Signals::new([SIGWINCH, SIGCONT]).map_err(failed)?;
        let post = self.post.clone();
        let pass_on = move || {
            for _ in signals.forever() {
                if post.send(Input::Woken(Woken::Resized)).is_err() {
                    return;
                }
            }
        };
        tasks::start(Kind::Watch, pass_on).map_err(failed)?;
        Ok(self)
    }

    /// Takes a person's Ctrl-C as the wish to end the following, not the process. The second one ends it.
    pub(crate) fn interruptible(self) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::refused(format!("cannot wait for signals: {error}"));
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let post = self.post.clone();
        let wait = move || {
            for (n, _) in signals.forever().enumerate() {
                if n > 0 || post.send(Input::Interrupt).is_err() {
                    std::process::exit(INTERRUPTED.into());
                }
            }
        };
        tasks::start(Kind::Watch, wait).map_err(failed)?;
        Ok(self)
    }

    /// What ends the following from another thread, as a person's Ctrl-C does.
    pub(crate) fn interrupter(&self) -> Interrupter {
        Interrupter(self.post.clone())
    }

    /// Looks until what is looked for is there.
    pub(crate) fn until<T>(
        &mut self,
        open: impl FnMut() -> Result<Way, Error>,
        look: impl FnMut(&dyn Service) -> Result<Look<T>, Error>,
        see: impl FnMut(&Envelope) -> Result<See, Error>,
    ) -> Result<End<T>, Error> {
        self.until_shown(open, look, see, |_| Ok(None))
    }

    /// The same, with something that is shown beside the events: `show` says when it is to be shown anew at the latest.
    pub(crate) fn until_shown<T>(
        &mut self,
        mut open: impl FnMut() -> Result<Way, Error>,
        mut look: impl FnMut(&dyn Service) -> Result<Look<T>, Error>,
        mut see: impl FnMut(&Envelope) -> Result<See, Error>,
        mut show: impl FnMut(Woken) -> Result<Option<Instant>, Error>,
    ) -> Result<End<T>, Error> {
        let mut misses = 0;
        loop {
            let before = self.seen;
            match self.once(&mut open, &mut look, &mut see, &mut show) {
                Ok(Some(end)) => return Ok(end),
                Err(error) if error.kind != Code::Unavailable.name() || misses >= RECONNECTS_MAX => {
                    return Err(error);
                }
                Ok(None) | Err(_) => {}
            }
            misses = if self.seen == before { misses + 1 } else { 0 };
            self.await_leaving();
        }
    }

    fn once<T>(
        &mut self,
        open: &mut impl FnMut() -> Result<Way, Error>,
        look: &mut impl FnMut(&dyn Service) -> Result<Look<T>, Error>,
        see: &mut impl FnMut(&Envelope) -> Result<See, Error>,
        show: &mut impl FnMut(Woken) -> Result<Option<Instant>, Error>,
    ) -> Result<Option<End<T>>, Error> {
        let way = open()?;
        let mut end = self.through(&way, look, see, show)?;
        if end.is_none() && way.is_here() {
            // Somebody had this process's own engine leave: that is no reason to bring up another.
            end = Some(End::Interrupted);
        }
        if end.is_some() {
            way.finish()?;
        }
        Ok(end)
    }

    /// An engine that is leaving has left when its lock is free, and only then can the next one come.
    fn await_leaving(&self) {
        if !background::status(&self.workspace).is_ok_and(|engine| engine.running) {
            let _ = WorkspaceLock::acquire(&self.workspace.state_dir(), LEAVE_WAIT);
        }
    }

    /// The same, until this engine goes.
    pub(crate) fn through<T>(
        &mut self,
        service: &dyn Service,
        look: &mut impl FnMut(&dyn Service) -> Result<Look<T>, Error>,
        see: &mut impl FnMut(&Envelope) -> Result<See, Error>,
        show: &mut impl FnMut(Woken) -> Result<Option<Instant>, Error>,
    ) -> Result<Option<End<T>>, Error> {
        let Look { end, seq } = look(service)?;
        let end = match (end, self.seen) {
            (Some(end), None) => return Ok(Some(End::Reached(end))),
            (end, _) => end,
        };
        let after = *self.seen.get_or_insert(seq);
        self.subscribe(service.watch(after)?)?;
        if let Some(end) = end {
            return self.catch_up(service, see, end);
        }
        let mut again = show(Woken::Looked)?;
        let (mut due, mut soon): (bool, Option<Instant>) = (false, None);
        loop {
            let input = if due { self.try_next() } else { self.next(earliest(again, soon)) };
            match input {
                Next::Input(Input::Event(event)) if self.seen >= Some(event.seq) => {}
                Next::Input(Input::Event(event)) => {
                    self.seen = Some(event.seq);
                    match see(&event)? {
                        See::Nothing => {}
                        See::Soon => soon = soon.or_else(|| Some(Instant::now().plus(SOON))),
                        See::Look => due = true,
                        See::Stop => return Ok(Some(End::Unseen)),
                    }
                }
                Next::Input(Input::Woken(woken)) => {
                    self.pending.store(false, Ordering::SeqCst);
                    again = show(woken)?;
                }
                Next::Input(Input::Unseen) => return Ok(Some(End::Unseen)),
                Next::Input(Input::Interrupt) => return Ok(Some(End::Interrupted)),
                Next::Input(Input::Gone(of)) if of != self.subscription => {}
                Next::Input(Input::Gone(_)) => return Ok(None),
                Next::TimeOut => return Ok(Some(End::TimeOut)),
                Next::Clock if soon.is_some_and(|soon| soon.left().is_zero()) => due = true,
                Next::Clock => again = show(Woken::Clock)?,
                Next::Nothing => {
                    (due, soon) = (false, None);
                    if let Some(end) = look(service)?.end {
                        return self.catch_up(service, see, end);
                    }
                    again = show(Woken::Looked)?;
                }
            }
        }
    }

    /// What was looked for is there. A look may be ahead of the events: they are seen up to it.
    fn catch_up<T>(
        &mut self,
        service: &dyn Service,
        see: &mut impl FnMut(&Envelope) -> Result<See, Error>,
        end: T,
    ) -> Result<Option<End<T>>, Error> {
        // Of an engine that has left meanwhile nothing more comes.
        let seq = ask::engine(service).ok().map(|engine| engine.seq);
        while self.seen < seq {
            match self.next(None) {
                Next::Input(Input::Event(event)) if self.seen < Some(event.seq) => {
                    self.seen = Some(event.seq);
                    if matches!(see(&event)?, See::Stop) {
                        return Ok(Some(End::Unseen));
                    }
                }
                Next::Input(Input::Unseen) => return Ok(Some(End::Unseen)),
                Next::Input(Input::Gone(of)) if of == self.subscription => break,
                Next::Input(Input::Interrupt) | Next::TimeOut => break,
                Next::Input(_) | Next::Clock | Next::Nothing => {}
            }
        }
        Ok(Some(End::Reached(end)))
    }

    fn subscribe(&mut self, watch: Watch) -> Result<(), Error> {
        self.subscription += 1;
        let (post, of) = (self.post.clone(), self.subscription);
        let pass_on = move || {
            for event in watch {
                let Ok(event) = event else { break };
                if post.send(Input::Event(Box::new(event))).is_err() {
                    return;
                }
            }
            // Nobody to tell when the one who follows has ended.
            let _ = post.send(Input::Gone(of));
        };
        let started = tasks::start(Kind::Watch, pass_on);
        started.map(drop).map_err(|error| Error::refused(format!("cannot follow events: {error}")))
    }

    /// Waits for the next input, or until the clock calls.
    fn next(&self, call: Option<Instant>) -> Next {
        let Some(until) = earliest(self.deadline, call) else {
            return self.inbox.recv().map_or(Next::Input(Input::Gone(self.subscription)), Next::Input);
        };
        match self.inbox.recv_timeout(until.left()) {
            Ok(input) => Next::Input(input),
            Err(RecvTimeoutError::Timeout) if self.deadline == Some(until) => Next::TimeOut,
            Err(RecvTimeoutError::Timeout) => Next::Clock,
            Err(RecvTimeoutError::Disconnected) => Next::Input(Input::Gone(self.subscription)),
        }
    }

    fn try_next(&self) -> Next {
        match self.inbox.try_recv() {
            Ok(input) => Next::Input(input),
            Err(TryRecvError::Empty) => Next::Nothing,
            Err(TryRecvError::Disconnected) => Next::Input(Input::Gone(self.subscription)),
        }
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

enum Next {
    Input(Input),
    Nothing,
    Clock,
    TimeOut,
}
