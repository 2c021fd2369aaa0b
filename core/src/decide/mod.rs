//! What a command comes to: events, or a refusal.
//!
//! `decide` reads the state and changes nothing. `step` decides, applies, and then settles what follows by
//! itself: a convoy whose last issue was closed by any of the events lands in the same batch. There is no
//! other way to land.

mod budget;
mod budget_set;
mod checkpoint;
mod continues;
mod convoy;
mod fresh;
mod health;
mod import;
mod issue;
mod landing;
mod mail;
mod merge;
mod outbox;
mod own;
mod queue;
mod refs;
mod review;
mod routing;
mod session;
mod sling;
mod stage;
mod target;
mod tell;
mod template;
mod tracker;
mod triage;
mod verdict;
mod work;

pub use budget::{Refused, affords, convoy_affords, over_text, reserved_at_start, waits_for_tomorrow};
pub use budget_set::check_level;
pub use checkpoint::{HOLD_MAX, LOOKS_MAX, has_turns, last_turn};
pub use fresh::Entropy;
pub use own::resolve_epic;
pub use queue::batch_is_due;
pub use refs::{
    resolve_convoy, resolve_delivery, resolve_issue, resolve_notice, resolve_session, resolve_worker,
};
pub use review::checkpoint::{due as review_due, works};
pub use review::{is_awaited, is_over as review_is_over};
pub use stage::{Staging, staging};
pub use template::deadline;
pub use work::{Limit, has_waited, may_begin, pause_is_over, room};

use crate::address::Address;
use crate::command::{Observed, Request};
use crate::event::{Batch, Event, Key};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::state::State;
use crate::time::Time;
use crate::tracker::Seen;

/// The longest idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 200;

/// What is asked or seen.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// By people and agents.
    Request(Request),
    /// By the executor.
    Observed(Observed),
    /// An issue that somebody asked for was made in its tracker.
    Made(Box<Seen>),
}

/// What a decision may depend on besides the state.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Time,
    /// Who asks.
    pub actor: Address,
    /// The rules of this workspace.
    pub policy: &'a Policy,
    /// Fresh randomness, for ids.
    pub entropy: Entropy,
    /// The key by which a repeated request is recognised.
    pub key: Option<String>,
    /// A fingerprint of the request: the key of one request is not taken for another.
    pub print: u64,
}

/// What came of one of the things that were asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its id, or the reference as given if that leads nowhere.
    pub id: String,
    /// Whether it changed; doing again what is already so is no change.
    pub changed: bool,
    /// What a person should know about it.
    pub note: Option<String>,
    /// Why it was refused.
    pub error: Option<Refusal>,
}

impl Item {
    fn changed(id: impl ToString) -> Self {
        Self { id: id.to_string(), changed: true, note: None, error: None }
    }
    fn same(id: impl ToString, note: impl Into<String>) -> Self {
        Self { id: id.to_string(), changed: false, note: Some(note.into()), error: None }
    }
    fn refused(id: impl ToString, error: Refusal) -> Self {
        Self { id: id.to_string(), changed: false, note: None, error: Some(error) }
    }
    fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Events and what to answer.
#[derive(Clone, PartialEq, Debug, Default)]
#[must_use]
pub struct Decision {
    /// What happens.
    pub events: Vec<Event>,
    /// One item for each thing that was asked for.
    pub items: Vec<Item>,
}

impl Decision {
    fn nothing() -> Self {
        Self::default()
    }
    fn of(event: Event, item: Item) -> Self {
        Self { events: vec![event], items: vec![item] }
    }
    fn events(events: Vec<Event>) -> Self {
        Self { events, items: Vec::new() }
    }
    fn same(item: Item) -> Self {
        Self { events: Vec::new(), items: vec![item] }
    }
}

/// What the command comes to, without doing it.
///
/// # Errors
/// A refusal, when nothing of what was asked for can be done.
pub fn decide(state: &State, command: &Command, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    match command {
        Command::Request(request) => {
            if let Some(known) = repeated(state, ctx)? {
                return Ok(known);
            }
            decide_request(state, request, ctx)
        }
        Command::Observed(observed) => Ok(decide_observed(state, observed, ctx)),
        Command::Made(seen) => {
            if let Some(known) = repeated(state, ctx)? {
                return Ok(known);
            }
            let made = std::slice::from_ref(seen.as_ref());
            let events = tracker::seen(state, &seen.issue.rig, made, None, ctx);
            Ok(Decision { events, items: vec![Item::changed(&seen.issue.id)] })
        }
    }
}

/// A request whose key is known was answered before: the same answer, and nothing is done again.
fn repeated(state: &State, ctx: &Context<'_>) -> Result<Option<Decision>, Refusal> {
    let Some(key) = &ctx.key else { return Ok(None) };
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Refusal::invalid("key", format!("expected 1 to {KEY_BYTES_MAX} bytes")));
    }
    let Some((print, ids)) = state.index.keys.get(key) else { return Ok(None) };
    if *print != ctx.print {
        return Err(Refusal::Conflict { what: format!("key {key:?} was used for another command") });
    }
    let items = ids.iter().map(|id| Item::same(id, "already done under this key")).collect();
    Ok(Some(Decision { events: Vec::new(), items }))
}

fn decide_request(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    match request {
        Request::IssueCreate { .. } => issue::create(state, request, ctx),
        Request::IssueUpdate { ids, change } => issue::update(state, ids, change),
        Request::IssueClose { ids, reason, duplicate_of, note } => {
            issue::close(state, ids, *reason, duplicate_of.as_deref(), note.as_deref(), ctx)
        }
        Request::IssueReopen { ids } => issue::reopen(state, ids),
        Request::DependencyAdd { id, needs, kind } => issue::depend(state, id, needs, *kind),
        Request::DependencyRemove { id, needs } => issue::undepend(state, id, needs),
        Request::IssueImport { issues, rig, existing } => {
            import::issues(state, issues, rig.as_deref(), *existing, ctx)
        }
        Request::ConvoyImport { convoys } => import::convoys(state, convoys, ctx),
        Request::RecordImport { records } => import::records(state, records),
        Request::ConvoyCreate { .. } => convoy::create(state, request, ctx),
        Request::ConvoyAdd { convoy, issues } => convoy::add(state, convoy, issues),
        Request::ConvoyRemove { convoy, issues } => convoy::remove(state, convoy, issues),
        Request::Stage { .. } => stage::stage(state, request, ctx),
        Request::Launch { what, force } => stage::launch(state, what, *force, ctx),
        Request::ConvoyStart { convoy } => convoy::start(state, convoy),
        Request::TemplateStart { .. } => template::start(state, request, ctx),
        Request::ConvoyStop { convoy } => template::stop(state, convoy, ctx),
        Request::ConvoySynthesize { convoy, apply } => template::synthesize(state, convoy, *apply),
        Request::ConvoyCheck { convoy } => landing::check(state, convoy.as_deref(), ctx),
        Request::ConvoyClose { convoy, reason, notify } => {
            landing::close(state, convoy, reason.as_deref(), notify, ctx)
        }
        Request::ConvoyReopen { convoy } => landing::reopen(state, convoy),
        Request::ConvoyLand { convoy } => landing::land(state, convoy, ctx),
        Request::ConvoyWatch { convoy, address } => convoy::watch(state, convoy, address.as_deref(), ctx),
        Request::ConvoyUnwatch { convoy, address } => convoy::unwatch(state, convoy, address.as_deref(), ctx),
        Request::Sling { .. } => sling::sling(state, request, ctx),
        Request::Assign { issue, convoy, agent, model, budget } => {
            sling::assign(state, issue, convoy, agent.as_deref(), model.as_deref(), *budget, ctx)
        }
        Request::WorkRetry { issue } => work::retry(state, issue, ctx),
        Request::WorkStop { issue } => work::stop(state, issue, ctx),
        Request::WorkRelease { issue } => work::release(state, issue, ctx),
        Request::BudgetSet { scope, amount } => budget_set::set(state, scope, *amount, ctx),
        Request::MergeRetry { issue } => queue::retry(state, issue),
        Request::MergeReject { issue, reason } => queue::reject(state, issue, reason.as_deref(), ctx),
        Request::SessionStart { .. } => own::start(state, request, ctx),
        Request::SessionBackground { .. } => own::in_background(state, request, ctx),
        Request::SessionPause { epic, path, reason } => {
            own::pause(state, epic.as_deref(), path.as_deref(), reason.as_deref(), ctx)
        }
        Request::SessionResume { epic, path } => {
            own::resume_background(state, epic.as_deref(), path.as_deref(), ctx)
        }
        Request::SessionComplete { epic, path, outcome } => {
            own::complete(state, epic.as_deref(), path.as_deref(), *outcome)
        }
        Request::CheckpointCreate { epic, session, path, note } => {
            let (epic, session) = (epic.as_deref(), session.as_deref());
            own::checkpoint(state, epic, session, path.as_deref(), note.as_deref(), ctx)
        }
        Request::MailRead { notice } => mail::read(state, notice),
        Request::MailSend { to, subject, body } => mail::send(state, to, subject, body, ctx),
        Request::MailArchive { notices } => mail::archive(state, notices),
        Request::MailRetry { delivery } => outbox::retry(state, delivery, ctx),
    }
}

fn decide_observed(state: &State, observed: &Observed, ctx: &mut Context<'_>) -> Decision {
    let events = match observed {
        Observed::Dispatch { issue } => work::dispatch(state, issue, ctx),
        Observed::Begin { worker } => work::begin(state, worker, ctx),
        Observed::Due { worker } => work::due(state, worker, ctx),
        Observed::Prepared { session, epoch, workdir } => session::prepared(state, session, *epoch, workdir),
        Observed::PrepareFailed { session, epoch, error, permanent } => {
            session::prepare_failed(state, session, *epoch, error, *permanent, ctx)
        }
        Observed::Report { session, epoch, observation } => {
            let mut events = session::report(state, session, *epoch, observation, ctx);
            events.extend(health::reported(state, session, *epoch, observation, ctx));
            events
        }
        Observed::Ended { session, epoch, exit } => session::ended(state, session, *epoch, exit),
        Observed::Lost { session, epoch, why } => session::lost(state, session, *epoch, why),
        Observed::Found { session, epoch, findings } => session::found(state, session, *epoch, findings, ctx),
        Observed::CheckpointReviewResolved { checkpoint, start } => {
            review::checkpoint::begin(state, checkpoint, start.as_ref().map(Option::as_deref), ctx)
        }
        Observed::CheckpointReviewOver { checkpoint, convoy } => {
            review::checkpoint::over(state, checkpoint, convoy, ctx.policy)
        }
        Observed::ReviewResolved { member, start } => {
            review::begin(state, member, start.as_ref().map(Option::as_deref), ctx)
        }
        Observed::ReviewOver { member, convoy } => review::over(state, member, convoy, ctx),
        Observed::ReviewUnwanted { convoy } => review::unwanted(state, convoy, ctx),
        Observed::Merge { worker, epoch, round, outcome } => {
            merge::outcome(state, worker, *epoch, *round, outcome, ctx)
        }
        Observed::Batch { tried } => queue::batch(state, tried, ctx),
        Observed::Gather { rig, base } => queue::gather(state, rig, base.as_deref(), ctx),
        Observed::MergeDue { worker, round } => queue::due(state, worker, *round),
        Observed::Changed { session, last } => checkpoint::changed(state, session, *last, ctx),
        Observed::Leaving => session::leaving(state),
        Observed::CheckpointMade { checkpoint, made } => checkpoint::made(state, checkpoint, made),
        Observed::CheckpointFailed { checkpoint, why } => checkpoint::failed(state, checkpoint, why),
        Observed::Transcript { session, epoch, usage } => session::transcript(state, session, *epoch, usage),
        Observed::Examined { session, epoch, round, look } => {
            health::examined(state, session, *epoch, *round, look, ctx)
        }
        Observed::NotNudged { session, epoch, round, why } => {
            health::not_nudged(state, session, *epoch, *round, why)
        }
        Observed::Patrol => landing::patrol(state, ctx),
        Observed::TimeUp { convoy } => template::time_up(state, convoy, ctx),
        Observed::Synthesized { convoy, report, judged } => {
            template::synthesized(state, convoy, report, judged, ctx)
        }
        Observed::Delivered { delivery, attempt } => outbox::delivered(state, delivery, *attempt),
        Observed::DeliveryFailed { delivery, attempt, why, permanent } => {
            outbox::failed(state, delivery, *attempt, why, *permanent, ctx)
        }
        Observed::CheckoutChanged { worker, round } => merge::checkout_changed(state, worker, *round),
        Observed::Tracker { rig, issues, all } => tracker::seen(state, rig, issues, all.as_ref(), ctx),
        Observed::TrackerLost { rig, why } => tracker::lost(state, rig, why),
        Observed::Pushed { rig, round, pushed } => tracker::pushed(state, rig, *round, pushed, ctx),
    };
    Decision::events(events)
}

/// Decides, applies and settles: the whole of what a command does to the state.
///
/// # Errors
/// A refusal; the state is as it was.
pub fn step(
    state: &mut State,
    command: &Command,
    ctx: &mut Context<'_>,
) -> Result<(Option<Batch>, Vec<Item>), Refusal> {
    let Decision { events: decided, items } = decide(state, command, ctx)?;
    let mut events = budget::admit(state, decided, ctx);
    template::settle(state, &mut events, ctx);
    landing::settle(state, command, &mut events, ctx);
    budget::settle(state, &mut events, ctx);
    checkpoint::settle(state, &mut events, ctx);
    let key = ctx.key.take().filter(|_| !events.is_empty()).map(|key| Key {
        key,
        ids: items.iter().filter(|item| item.error.is_none()).map(|item| item.id.clone()).collect(),
        print: ctx.print,
    });
    if let Some(key) = &key {
        state.remember(key.clone());
    }
    let batch = (!events.is_empty()).then(|| Batch { at: ctx.now, actor: ctx.actor.clone(), key, events });
    Ok((batch, items))
}
