//! The way to the engine: a thread that asks and orders, so that the screen never waits for either.
//!
//! Each call opens the way anew, as a command does. With an engine there its events are followed; without one the log is
//! read once, and files tell when that has to be done again. Looking starts no engine: only an order, or a person, does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use convoy_api::{Failure, ItemView, Order, Service, Watch};
use convoy_core::event::Envelope;
use convoy_engine::absence::Absence;
use convoy_engine::os::spawn::Environment;
use convoy_engine::tasks::{self, Kind};
use convoy_engine::workspace::Workspace;
use convoy_engine::{background, door};

use super::data::{Data, Wanted};
use super::model::Said;
use super::run::Input;

/// What may wait to be done: a look, an order, and an engine to be brought up.
const JOBS_MAX: usize = 8;

/// How the workspace is looked at: the questions of the command line. Events only if they are wanted.
pub(crate) type Look = fn(&dyn Service, &Wanted) -> Result<(Data, Vec<Envelope>), Failure>;

/// The workspace, and how it is reached.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) workspace: Workspace,
    pub(super) env: Environment,
    pub(super) look: Look,
}

/// What the thread is to do.
pub(super) enum Job {
    /// With the last event that was seen; those after it are asked for unless they come by themselves.
    Look(Wanted),
    Order {
        order: Box<Order>,
        done: &'static str,
    },
    Up,
}

/// What a look found.
pub(super) struct Found {
    pub(super) data: Box<Data>,
    /// What happened while nobody followed, as far as it is kept for looking back.
    pub(super) events: Vec<Envelope>,
    /// Whether an engine is up.
    pub(super) up: bool,
    /// What tells that it is to be looked at again, if that is not told by somebody already.
    news: News,
}

enum News {
    Watch(Watch),
    Absence(Absence),
    None,
}

impl Place {
    /// Looks at the workspace. Whoever wants events, to whom they do not come already, gets the way to them too.
    pub(super) fn look(&self, wanted: &Wanted) -> Result<Found, Failure> {
        let door = door::open(&self.workspace, &self.env)?;
        let (data, events) = (self.look)(&door, wanted)?;
        let up = door.is_remote();
        let news = match up {
            true if wanted.after.is_none() => News::None,
            true => News::Watch(door.watch(data.overview.seq)?),
            // A folder that cannot be watched leaves the picture as it is until a key is pressed.
            false => Absence::begin(&self.workspace).map_or(News::None, News::Absence),
        };
        door.finish()?;
        Ok(Found { data: Box::new(data), events, up, news })
    }

    fn order(&self, order: Order, done: &str) -> Result<Said, Failure> {
        let door = door::open(&self.workspace, &self.env)?;
        let outcome = door.order(order)?;
        door.finish()?;
        Ok(outcome_of(&outcome.items, done))
    }
}

/// What is said of an outcome: the first thing that went wrong, else what was done.
fn outcome_of(items: &[ItemView], done: &str) -> Said {
    if let Some(failure) = items.iter().find_map(|item| item.error.as_ref()) {
        return failure.into();
    }
    let said = items.iter().map(|item| match (&item.note, item.changed) {
        (Some(note), true) => format!("{done} {}: {note}", item.id),
        (None, true) => format!("{done} {}", item.id),
        (Some(note), false) => format!("{}: {note}", item.id),
        (None, false) => format!("{}: nothing changed", item.id),
    });
    let said: Vec<String> = said.collect();
    Said::good(if said.is_empty() { "No convoy is ready to land.".to_owned() } else { said.join(" · ") })
}

/// The thread.
pub(super) struct Link {
    jobs: SyncSender<Job>,
}

impl Link {
    /// Begins with what a first look found.
    pub(super) fn start(place: Place, first: Begin, post: SyncSender<Input>) -> std::io::Result<Self> {
        let (jobs, inbox) = sync_channel(JOBS_MAX);
        let mut ends = Ends { post, followed: Arc::default(), waited: Arc::default() };
        ends.listen(first.0)?;
        tasks::start(Kind::Connection, move || serve(&place, &inbox, &mut ends))?;
        Ok(Self { jobs })
    }

    /// Has something done. False when too much is waiting already.
    pub(super) fn does(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }
}

/// What the first look has to tell when something moves.
pub(super) struct Begin(News);

impl Found {
    /// Takes out what the thread begins with.
    pub(super) fn news(&mut self) -> Begin {
        Begin(std::mem::replace(&mut self.news, News::None))
    }
}

struct Ends {
    post: SyncSender<Input>,
    /// The engine's events come.
    followed: Arc<AtomicBool>,
    /// The files of a workspace without an engine are waited for.
    waited: Arc<AtomicBool>,
}

impl Ends {
    fn listen(&mut self, news: News) -> std::io::Result<()> {
        let post = self.post.clone();
        match news {
            News::None => Ok(()),
            News::Watch(watch) => {
                self.followed.store(true, Ordering::SeqCst);
                let followed = Arc::clone(&self.followed);
                tasks::start(Kind::Watch, move || follow(watch, &followed, &post)).map(drop)
            }
            News::Absence(_) if self.waited.swap(true, Ordering::SeqCst) => Ok(()),
            News::Absence(absence) => {
                let waited = Arc::clone(&self.waited);
                let wait = move || {
                    let ended = absence.end();
                    waited.store(false, Ordering::SeqCst);
                    if ended.is_ok() {
                        drop(post.send(Input::Stirred));
                    }
                };
                tasks::start(Kind::Watch, wait).map(drop)
            }
        }
    }
}

fn follow(watch: Watch, followed: &AtomicBool, post: &SyncSender<Input>) {
    for event in watch {
        let Ok(event): Result<Envelope, Failure> = event else { break };
        if post.send(Input::Event(Box::new(event))).is_err() {
            return;
        }
    }
    followed.store(false, Ordering::SeqCst);
    drop(post.send(Input::Lost));
}

fn serve(place: &Place, inbox: &Receiver<Job>, ends: &mut Ends) {
    for job in inbox {
        let told = match job {
            Job::Look(mut wanted) => {
                if ends.followed.load(Ordering::SeqCst) {
                    wanted.after = None;
                }
                let found = place.look(&wanted).and_then(|mut found| {
                    let Begin(news) = found.news();
                    let failed = |error: std::io::Error| {
                        Failure::new(convoy_api::Code::Unavailable, format!("cannot follow events: {error}"))
                    };
                    ends.listen(news).map_err(failed).map(|()| found)
                });
                Input::Found(found)
            }
            Job::Order { order, done } => Input::Done(place.order(*order, done)),
            Job::Up => {
                let up = background::up(&place.workspace, &place.env);
                Input::Done(up.map(|up| {
                    Said::good(if up.already { "The engine was up." } else { "The engine is up now." })
                }))
            }
        };
        if ends.post.send(told).is_err() {
            return;
        }
    }
}
