//! The dashboard at work: one queue of keys and news, one model, pictures of it.
//!
//! It waits for what others tell: keys, signals, events, output. It wakes by itself only when an age on the screen becomes a
//! minute more, and a moment after something that came too soon after the last picture or look.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use convoy_api::{Failure, Order};
use convoy_core::event::Envelope;
use convoy_core::id::{Seq, SessionId};
use convoy_core::time::Span;
use convoy_engine::clock::{self, Instant};
use convoy_engine::os::process::Process;
use convoy_engine::os::spawn::{self, Environment};
use convoy_engine::runtime::Runtime;
use convoy_engine::supervisor::files::SessionDir;
use convoy_engine::tails::Tails;
use convoy_engine::tasks::{self, Kind};
use convoy_engine::workspace::Workspace;
use rustix::process::Signal;

use super::act::Wish;
use super::data::{Data, Wanted};
use super::key::Key;
use super::keyboard::{self, Keyboard};
use super::link::{Found, Job, Link, Look, Place};
use super::model::{self, Model, Page, Printed, Said, Scroll};
use super::screen::{self, Screen};
use super::tail::Tail;
use super::view::{self, Paint};
use crate::error::{DONE, Error, INTERRUPTED};
use crate::follow::{SOON, See};
use crate::progress;

/// What may wait to be seen; whoever has more to say waits.
const QUEUE_MAX: usize = 256;
/// How much is taken before a picture is drawn.
const BURST_MAX: usize = 256;
/// The shortest time between two pictures: more than anybody sees.
const PICTURE_GAP: Span = Span::from_millis(40);
/// The shortest time between two looks, so that a burst of events is one.
const LOOK_GAP: Span = Span::from_millis(150);
/// What part of the time looks may take: with many convoys one takes longer, and there are fewer.
const LOOK_PART: u32 = 10;
/// After how long it is tried again to read what could not be read; nothing tells when it can be.
const BROKEN_GAP: Span = Span::from_millis(2000);
/// How much of what a program complains is kept.
const COMPLAINT_BYTES_MAX: u64 = 64 * 1024;
/// How much of it is shown.
const COMPLAINT_CHARS_MAX: usize = 300;

/// What can happen.
pub(super) enum Input {
    /// A key was pressed.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// Somebody wants this to end.
    Interrupt,
    /// The terminal is gone.
    Gone,
    /// No keys are read any more: something else may have the terminal.
    Held,
    /// What had the terminal has left it, and complained of this.
    Left(String),
    /// Something happened in the workspace.
    Event(Box<Envelope>),
    /// The engine's events come no more.
    Lost,
    /// Something happened in a workspace without an engine.
    Stirred,
    /// A look was taken.
    Found(Result<Found, Failure>),
    /// Something was ordered.
    Done(Result<Said, Failure>),
    /// The shown session printed something.
    Printed,
}

/// The line of an event, if people want to read it, by what the first look found.
pub(crate) type Line = Box<dyn FnMut(&Envelope, &Data) -> Option<String>>;

/// What the command hands over.
pub(crate) struct Start {
    pub(crate) workspace: Workspace,
    pub(crate) env: Environment,
    /// In whose name things are ordered.
    pub(crate) actor: String,
    pub(crate) color: bool,
    pub(crate) look: Look,
    pub(crate) line: Line,
}

/// Whether there is a terminal that can be drawn on.
pub(crate) fn check_terminal(env: &Environment) -> Result<(), Error> {
    let why = match env.text("TERM") {
        _ if !screen::is_there() => "convoy top needs a terminal, on its input and its output",
        Some("dumb") => {
            "convoy top needs a terminal whose cursor can be moved, and this one cannot (TERM=dumb)"
        }
        _ => return Ok(()),
    };
    Err(Error::usage(why).hint("without one: convoy status --watch"))
}

/// Shows the dashboard until somebody leaves it.
pub(crate) fn run(start: Start) -> Result<u8, Error> {
    let place = Place { workspace: start.workspace.clone(), env: start.env.clone(), look: start.look };
    // What is wrong with the workspace is said before the screen is taken.
    let mut found = place.look(&Wanted { after: Some(Seq::default()), ..Wanted::default() })?;
    let failed =
        |what: &'static str| move |error: std::io::Error| Error::refused(format!("cannot {what}: {error}"));
    let (post, inbox) = sync_channel(QUEUE_MAX);
    let begin = found.news();
    let name = start.workspace.root().file_name().map(|name| name.to_string_lossy().into_owned());
    let link = if found.up { model::Link::Up } else { model::Link::Down };
    let model = Model::new(name.unwrap_or_default(), link, *found.data, clock::now());
    let screen = Screen::take().map_err(failed("use the terminal"))?;
    keyboard::signals(post.clone()).map_err(failed("wait for signals"))?;
    let keyboard = Keyboard::start(post.clone()).map_err(failed("read keys"))?;
    let link = Link::start(place, begin, post.clone()).map_err(failed("follow events"))?;
    let mut top = Top {
        tails: Tails::new(&start.workspace),
        workspace: start.workspace,
        env: start.env,
        actor: start.actor,
        paint: Paint { color: start.color },
        line: start.line,
        seen: Seq::default(),
        model,
        screen,
        keyboard,
        link,
        tail: None,
        post,
        look: Due::default(),
        looking: None,
        lent: None,
    };
    top.happened(&found.events);
    top.run(&inbox).map_err(failed("draw on the terminal"))
}

/// When something is due, at the earliest.
#[derive(Default)]
struct Due {
    wanted: bool,
    /// When it is wanted, if it is not yet.
    wanted_at: Option<Instant>,
    not_before: Option<Instant>,
}

impl Due {
    /// Not at once, and not again and again, but for all that comes until then.
    fn soon(&mut self) {
        self.wanted_at.get_or_insert_with(|| Instant::now().plus(SOON));
    }

    fn left(&self) -> Option<Duration> {
        let wanted_in = if self.wanted { Some(Duration::ZERO) } else { self.wanted_at.map(Instant::left) };
        wanted_in.map(|left| left.max(self.not_before.map_or(Duration::ZERO, Instant::left)))
    }
}

/// Who has the terminal instead.
enum Lent {
    /// Nobody yet: keys are still being read.
    To(SessionId),
    /// The program that shows the session.
    Running(Child),
}

struct Top {
    workspace: Workspace,
    env: Environment,
    actor: String,
    paint: Paint,
    line: Line,
    /// The last event that was seen.
    seen: Seq,
    model: Model,
    screen: Screen,
    keyboard: Keyboard,
    link: Link,
    tails: Tails,
    tail: Option<Tail>,
    post: SyncSender<Input>,
    look: Due,
    /// Since when a look is being taken.
    looking: Option<Instant>,
    /// What has the terminal, if this has lent it. Until it is back, nothing is drawn or looked at, and no key means anything.
    lent: Option<Lent>,
}

/// What comes after an input.
enum Then {
    /// A picture, when there is time.
    Draw,
    /// A picture at once: somebody pressed a key.
    DrawNow,
    /// Nothing that can be seen.
    Nothing,
    /// The end.
    End(u8),
}

impl Top {
    fn run(&mut self, inbox: &Receiver<Input>) -> std::io::Result<u8> {
        let mut picture = Due { wanted: true, ..Due::default() };
        loop {
            let is_shown = self.lent.is_none();
            if is_shown
                && self.looking.is_none()
                && self.look.left() == Some(Duration::ZERO)
                && self.link.does(Job::Look(self.wanted()))
            {
                self.look = Due::default();
                self.looking = Some(Instant::now());
            }
            self.follow_output();
            if is_shown && picture.left() == Some(Duration::ZERO) {
                self.draw()?;
                picture = Due { not_before: Some(Instant::now().plus(PICTURE_GAP)), ..Due::default() };
            }
            let look = self.look.left().filter(|_| self.looking.is_none());
            let wakes = [look, picture.left(), self.model.ticks_in()];
            let wake = wakes.into_iter().flatten().min().filter(|_| is_shown);
            let mut input = match wake {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => inbox.recv_timeout(wait),
            };
            self.model.now = clock::now();
            if input.is_err() {
                // Time has gone by: that is what the picture shows.
                picture.wanted = true;
            }
            for _ in 0..BURST_MAX {
                let Ok(one) = input else { break };
                match self.take(one)? {
                    Then::Draw => picture.wanted = true,
                    Then::DrawNow => picture = Due { wanted: true, ..Due::default() },
                    Then::Nothing => {}
                    Then::End(status) => return Ok(status),
                }
                input = inbox.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            }
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted { after: Some(self.seen), ..self.model.wants() }
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let (model, paint) = (&self.model, self.paint);
        self.screen.terminal.draw(|frame| view::draw(frame, model, paint)).map(drop)
    }

    fn take(&mut self, input: Input) -> std::io::Result<Then> {
        match input {
            // What was typed before something else had the terminal is for nobody.
            Input::Key(_) if self.lent.is_some() => return Ok(Then::Nothing),
            Input::Key(key) => {
                #[cfg(debug_assertions)]
                self.fall(key);
                match self.model.press(key) {
                    Some(Wish::Quit) => return Ok(Then::End(DONE)),
                    Some(wish) => self.fulfil(wish)?,
                    None => {}
                }
                if self.model.lacks() {
                    // A person waits for it: it does not have to.
                    self.look = Due { wanted: true, ..Due::default() };
                }
                return Ok(Then::DrawNow);
            }
            Input::Resized => return Ok(Then::DrawNow),
            Input::Interrupt | Input::Gone => {
                if let Some(Lent::Running(child)) = self.lent.take() {
                    end(child)?;
                }
                return Ok(Then::End(INTERRUPTED));
            }
            Input::Held => self.lend()?,
            Input::Left(complaint) => {
                self.take_back(complaint)?;
                return Ok(Then::DrawNow);
            }
            Input::Event(event) => {
                match progress::see(&event.event, true) {
                    See::Look => self.look.wanted = true,
                    See::Soon => self.look.soon(),
                    See::Nothing | See::Stop => {}
                }
                let seen = self.happened(std::slice::from_ref(&event));
                return Ok(if seen { Then::Draw } else { Then::Nothing });
            }
            Input::Lost => {
                self.model.link = model::Link::Lost;
                self.look.wanted = true;
            }
            Input::Stirred => self.look.wanted = true,
            Input::Found(found) => self.found(found),
            Input::Done(done) => {
                self.model.busy = false;
                self.model.said = Some(done.unwrap_or_else(|failure| Said::from(&failure)));
                self.look.wanted = true;
            }
            // It is taken before the next wait, as it is when nobody could say so.
            Input::Printed => {}
        }
        Ok(Then::Draw)
    }

    /// Takes events that were not seen yet; whether any of them is to be shown.
    fn happened(&mut self, events: &[Envelope]) -> bool {
        let mut shown = false;
        for event in events {
            if event.seq <= self.seen {
                continue;
            }
            self.seen = event.seq;
            if let Some(line) = (self.line)(event, &self.model.data) {
                self.model.happened(&line);
                shown = true;
            }
        }
        shown
    }

    fn found(&mut self, found: Result<Found, Failure>) {
        let took = self.looking.take().map(|since| since.elapsed()).unwrap_or_default();
        let pause = Span::from_millis(i64::try_from((took * LOOK_PART).as_millis()).unwrap_or(i64::MAX));
        let mut gap = pause.max(LOOK_GAP);
        match found {
            Ok(found) => {
                let link = if found.up { model::Link::Up } else { model::Link::Down };
                self.model.found(*found.data, link);
                self.happened(&found.events);
                // An agent that had not started may have by now.
                self.tail.take_if(|tail| tail.why_not().is_some());
            }
            Err(failure) => {
                self.model.link = model::Link::Broken(failure.message);
                self.look.wanted = true;
                gap = BROKEN_GAP;
            }
        }
        self.look.not_before = Some(Instant::now().plus(gap));
    }

    fn fulfil(&mut self, wish: Wish) -> std::io::Result<()> {
        let job = match wish {
            Wish::Quit => return Ok(()),
            Wish::Watch { session, .. } if self.has_terminal(&session) => {
                self.keyboard.hold()?;
                self.lent = Some(Lent::To(session));
                return Ok(());
            }
            Wish::Watch { issue, .. } => {
                self.model.visit(Page::Logs(issue));
                return Ok(());
            }
            Wish::Order { request, done } => {
                let order = Order { request: *request, actor: self.actor.clone(), key: None, dry_run: false };
                Job::Order { order: Box::new(order), done }
            }
            Wish::Up => Job::Up,
        };
        if !self.link.does(job) {
            self.model.busy = false;
            self.model.said = Some(Said {
                text: "Too much is waiting to be done: nothing was ordered.".into(),
                hint: Some("try again in a moment".into()),
                bad: true,
            });
        }
        Ok(())
    }

    /// Whether an agent at work can be looked at in a terminal of its own.
    fn has_terminal(&self, session: &SessionId) -> bool {
        let dir = SessionDir::new(self.workspace.sessions_dir().join(session.as_str()));
        let works =
            dir.exit().is_ok_and(|exit| exit.is_none()) && dir.run_record().is_ok_and(|run| run.is_some());
        works && dir.spec().is_ok_and(|spec| spec.runtime == Runtime::Tmux)
    }

    /// Lends the terminal to `convoy attach`, until the person leaves that.
    fn lend(&mut self) -> std::io::Result<()> {
        let Some(Lent::To(session)) = self.lent.take() else { return Ok(()) };
        screen::give_back();
        match self.attach(&session) {
            Ok(child) => self.lent = Some(Lent::Running(child)),
            Err(error) => self.take_back(format!("convoy attach cannot be run: {error}"))?,
        }
        Ok(())
    }

    fn attach(&self, session: &SessionId) -> std::io::Result<Child> {
        let mut command = spawn::command(std::env::current_exe()?);
        command.arg("-C").arg(self.workspace.root()).args(["attach", session.as_str()]).envs(self.env.iter());
        let mut child = command.stdin(Stdio::inherit()).stderr(Stdio::piped()).spawn()?;
        let (stderr, post) = (child.stderr.take(), self.post.clone());
        // Its end is the end of what it complains of.
        let hear = move || {
            let mut said = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.by_ref().take(COMPLAINT_BYTES_MAX).read_to_end(&mut said);
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            }
            drop(post.send(Input::Left(String::from_utf8_lossy(&said).into_owned())));
        };
        tasks::start(Kind::Watch, hear).inspect_err(|_| drop(child.kill()))?;
        Ok(child)
    }

    /// Has the terminal back, and says what whoever had it complained of, if it failed.
    fn take_back(&mut self, complaint: String) -> std::io::Result<()> {
        let failed = match self.lent.take() {
            Some(Lent::Running(mut child)) => !child.wait()?.success(),
            Some(Lent::To(_)) | None => true,
        };
        self.screen.take_again()?;
        self.keyboard.go_on()?;
        let text = crate::text::cut(complaint.trim(), COMPLAINT_CHARS_MAX);
        self.model.said = failed.then_some(Said { text, hint: None, bad: true });
        Ok(())
    }

    /// Follows the output of whoever is selected, and takes what was printed.
    fn follow_output(&mut self) {
        let followed = self.tail.as_ref().map(Tail::session);
        if let Some(wanted) = self.model.wanted().filter(|wanted| followed != Some(wanted)) {
            if self.model.printed.session.as_ref() != Some(&wanted) {
                self.model.scroll(Scroll::Output, 0);
                self.model.printed = Printed { session: Some(wanted.clone()), ..Printed::default() };
            }
            // Not before what was followed is let go: it may be the same.
            self.tail = None;
            let tail = Tail::start(&self.tails, wanted, self.post.clone());
            self.model.printed.why_not = tail.why_not().cloned();
            self.tail = Some(tail);
        }
        let lines = self.tail.as_ref().map(Tail::take).unwrap_or_default();
        self.model.printed(lines);
    }

    /// Where a test lets this process fall over: Ctrl-X with `CONVOY_TOP_PANIC` set.
    #[cfg(debug_assertions)]
    fn fall(&self, key: Key) {
        let wanted = self.env.text("CONVOY_TOP_PANIC").filter(|_| key == Key::Ctrl('x'));
        assert!(wanted.is_none(), "asked to panic");
    }
}

/// Ends what has the terminal, and waits until it has given it back.
fn end(mut child: Child) -> std::io::Result<()> {
    if let Some(process) = Process::of(child.id()) {
        process.signal(Signal::TERM)?;
    }
    child.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_soon_waits_for_more_and_not_for_ever() {
        let mut due = Due::default();
        assert_eq!(due.left(), None);
        due.soon();
        let left = due.left().unwrap();
        assert!(!left.is_zero() && left <= Duration::from_secs(1), "{left:?}");
        due.soon();
        assert!(due.left().unwrap() <= left, "what comes later does not put it off");
        due.wanted = true;
        assert_eq!(due.left(), Some(Duration::ZERO));
        due.not_before = Some(Instant::now().plus(Span::from_secs(9)));
        assert!(due.left().unwrap() > Duration::from_secs(5));
    }
}
