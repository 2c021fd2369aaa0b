//! Budgets: what a session may spend, who waits because nothing is free, and what is said when a limit comes near.
//!
//! A session to which any limit applies gets a slice of what is free at every level, in the batch that wants it: no
//! reservation, no start. Whatever starts one goes through `admit`.

use super::Context;
use super::checkpoint::{number, want};
use super::tell::{on_one_line, tell};
use crate::address::Address;
use crate::checkpoint::Reason;
use crate::convoy::Convoy;
use crate::event::Event;
use crate::id::{AgentName, SessionId, WorkerId};
use crate::ledger::{Account, Level, WARN_PERCENT, account, levels, levels_of, limit, reviewed_by, said};
use crate::money::Money;
use crate::notice::NoticeKind;
use crate::policy::Policy;
use crate::report::{ExitKind, StopWhy};
use crate::session::{NewSession, Outcome, Session, SessionState};
use crate::state::State;
use crate::template::Runner;
use crate::time::Time;
use crate::worker::NewWorker;

/// Less is not granted as a share, while there is more: the first reply would use it up.
const SHARE_MIN: Money = Money::from_micros(50_000);
/// With less than this, and less than a hundredth of its limit, left, a level counts as used up: it would be one more
/// reply beyond the limit.
const REST_MAX: Money = Money::from_micros(10_000);

/// Why a worker gets no session, as far as money is concerned.
#[derive(Clone, PartialEq, Debug)]
pub enum Refused {
    /// Nothing is free.
    Over {
        /// Where.
        level: Level,
        /// Its limit.
        limit: Money,
        /// What of it is spent and promised.
        account: Account,
    },
    /// Nobody could count what its agent spends.
    Unmetered {
        /// What has a limit.
        level: Level,
        /// The agent.
        agent: AgentName,
    },
}

/// What is free of a limit; nothing if the rest is not worth beginning with.
fn free(limit: Money, account: Account) -> Money {
    let free = account.free(limit);
    let rest = REST_MAX.min(Money::from_micros(limit.as_micros() / 100));
    if free > rest { free } else { Money::default() }
}

/// A level with a limit: how much it is, and what is spent and promised there.
type Limited = (Level, Money, Account);

fn limited(state: &State, policy: &Policy, levels: Vec<Level>, now: Time) -> Vec<Limited> {
    let known = |level: Level| {
        let limit = limit(state, policy, &level)?;
        let account = account(state, &level, now);
        Some((level, limit, account))
    };
    levels.into_iter().filter_map(known).collect()
}

/// Whether nothing that it does costs money: a program does the work of its role, or nobody.
fn is_free(state: &State, worker: &NewWorker) -> bool {
    let step = state.issues.get(&worker.issue).and_then(|issue| issue.content.step.as_deref());
    step.is_some_and(|step| !matches!(step.runner, Runner::Agent { .. }))
}

/// Whether a worker may have a session, as far as money is concerned.
///
/// # Errors
/// What keeps it from one.
pub fn affords(state: &State, policy: &Policy, worker: &NewWorker, now: Time) -> Result<(), Refused> {
    if is_free(state, worker) {
        return Ok(());
    }
    refused(policy, &worker.agent, &limited(state, policy, levels(state, worker), now)).map_or(Ok(()), Err)
}

/// Whether an issue of a convoy that nobody has yet may be worked on, as far as money is concerned.
///
/// # Errors
/// What keeps it from that.
pub fn convoy_affords(state: &State, policy: &Policy, convoy: &Convoy, now: Time) -> Result<(), Refused> {
    let agent = convoy.content.agent.as_ref().unwrap_or(&policy.agent);
    let epic = convoy.content.epic.clone().map(Level::Epic);
    let above = reviewed_by(state, &convoy.content.id).cloned().map(Level::Convoy);
    let own = [Level::Convoy(convoy.content.id.clone())].into_iter();
    let levels = own.chain(above).chain(epic).chain([Level::Day]);
    refused(policy, agent, &limited(state, policy, levels.collect(), now)).map_or(Ok(()), Err)
}

/// What keeps an agent from beginning below these limits.
fn refused(policy: &Policy, agent: &AgentName, limited: &[Limited]) -> Option<Refused> {
    if let Some((level, ..)) = limited.first()
        && !policy.budget.allow_unmetered
        && policy.budget.unmetered.contains(agent)
    {
        return Some(Refused::Unmetered { level: level.clone(), agent: agent.clone() });
    }
    let over = limited.iter().find(|(_, limit, account)| free(*limit, *account) == Money::default())?;
    let (level, limit, account) = over.clone();
    Some(Refused::Over { level, limit, account })
}

/// Whether the limit of the day alone keeps work waiting, which begins anew with the next.
pub fn waits_for_tomorrow(state: &State, policy: &Policy, now: Time) -> bool {
    let day = limited(state, policy, vec![Level::Day], now);
    day.iter().any(|(_, limit, account)| free(*limit, *account) == Money::default())
}

/// How many issues share what is free at a level: those that are open there and have nothing reserved.
fn sharers(state: &State, policy: &Policy, level: &Level) -> i64 {
    let live = || {
        let sessions = state.index.sessions.iter().filter_map(|id| state.sessions.get(id));
        sessions.filter(|session| session.reserved() > Money::default())
    };
    let among = |session: &&Session| levels_of(state, session).contains(level);
    let open = match level {
        Level::Session(_) | Level::Worker(_) => return 1,
        Level::Convoy(id) => state.convoys.get(id).map_or(0, |convoy| convoy.open_count),
        Level::Epic(epic) => {
            let convoys = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
            let open = convoys.filter(|convoy| convoy.content.epic.as_ref() == Some(epic));
            let workers = state.index.active.iter().filter_map(|id| state.workers.get(id));
            let own = workers.filter(|worker| worker.content.epic.as_ref() == Some(epic));
            open.map(|convoy| convoy.open_count).sum::<usize>() + own.count()
        }
        // No more than may work at once: a day's money is not for all that is ever to be done.
        Level::Day => {
            (state.index.startable.len() + state.index.active.len()).min(policy.max_parallel as usize)
        }
    };
    let served = match level {
        Level::Day => live().count(),
        Level::Session(_) | Level::Worker(_) | Level::Convoy(_) | Level::Epic(_) => {
            live().filter(among).count()
        }
    };
    i64::try_from(open.saturating_sub(served)).unwrap_or(i64::MAX).max(1)
}

/// What is granted at a time: the configured slice, else the smallest of the equal shares of what is free, at least
/// `at_least`, and never more than is free at every level. None if nothing is.
fn slice(
    state: &State,
    policy: &Policy,
    limited: &[Limited],
    besides: i64,
    at_least: Money,
) -> Option<Money> {
    let most = limited.iter().map(|(_, limit, account)| free(*limit, *account)).min();
    let share = |(level, limit, account): &Limited| {
        let among = sharers(state, policy, level) + besides;
        Money::from_micros(free(*limit, *account).as_micros() / among).max(SHARE_MIN)
    };
    let wanted = policy.budget.attempt.or_else(|| limited.iter().map(share).min()).unwrap_or(SHARE_MIN);
    let wanted = wanted.max(at_least);
    Some(most.map_or(wanted, |most| wanted.min(most))).filter(|slice| *slice > Money::default())
}

/// What each of the first roles of a convoy would have reserved as it begins, if the convoy was started now: of so many
/// roles that cost something, `first` of which can begin at once. None if no limit applies.
pub fn reserved_at_start(
    state: &State,
    policy: &Policy,
    (roles, first): (usize, usize),
    budget: Option<Money>,
    now: Time,
) -> Option<Money> {
    let own = budget.or(policy.budget.convoy).map(|limit| (free(limit, Account::default()), roles));
    let day = limited(state, policy, vec![Level::Day], now).pop().map(|(_, limit, account)| {
        let sessions = state.index.sessions.iter().filter_map(|id| state.sessions.get(id));
        let served = sessions.filter(|session| session.reserved() > Money::default()).count();
        let open = state.index.startable.len() + state.index.active.len() + first;
        (free(limit, account), open.min(policy.max_parallel as usize).saturating_sub(served))
    });
    let share = |(free, among): &(Money, usize)| {
        Money::from_micros(free.as_micros() / i64::try_from(*among).unwrap_or(i64::MAX).max(1)).max(SHARE_MIN)
    };
    let limits: Vec<(Money, usize)> = own.into_iter().chain(day).collect();
    let most = limits.iter().map(|(free, _)| *free).min()?;
    Some(policy.budget.attempt.or_else(|| limits.iter().map(share).min())?.min(most))
}

/// The last session of a worker, if its budget ended it.
fn ended_by_budget<'a>(state: &'a State, worker: &WorkerId) -> Option<&'a Session> {
    let last = state.sessions.get(state.workers.get(worker)?.sessions.last()?)?;
    matches!(&last.state, SessionState::Over { outcome: Outcome::BudgetExceeded { .. }, .. }).then_some(last)
}

/// A session as it may begin: with what is reserved for it, if any limit applies to it.
fn funded(state: &State, mut new: NewSession, ctx: &Context<'_>) -> Result<NewSession, Refused> {
    let Some(worker) = state.workers.get(&new.worker) else { return Ok(new) };
    let limited = limited(state, ctx.policy, levels(state, &worker.content), ctx.now);
    if limited.is_empty() || is_free(state, &worker.content) {
        return Ok(new);
    }
    if let Some(refused) = refused(ctx.policy, &worker.content.agent, &limited) {
        return Err(refused);
    }
    // A slice that a single reply uses up grows with each try, or the agent would be stopped after each of its replies.
    let earlier = ended_by_budget(state, &new.worker);
    let at_least = earlier.map(Session::settled).unwrap_or_default();
    new.ceiling = slice(state, ctx.policy, &limited, 0, at_least.plus(at_least));
    Ok(new)
}

/// Applies what was decided, with the reservations that belong to it. A session for which nothing is free does not begin:
/// its worker waits.
pub(super) fn admit(state: &mut State, decided: Vec<Event>, ctx: &Context<'_>) -> Vec<Event> {
    let is_set = |level: &Level| {
        decided.iter().any(|event| matches!(event, Event::BudgetSet { level: set, .. } if set == level))
    };
    // Convoys that are new, and have the limit that the configuration gives to those.
    let mut fresh = Vec::new();
    for event in &decided {
        if let Event::ConvoyCreated { convoy } | Event::ConvoyStaged { convoy, .. } = event {
            let level = Level::Convoy(convoy.id.clone());
            if ctx.policy.budget.convoy.is_some()
                && !state.convoys.contains_key(&convoy.id)
                && !is_set(&level)
            {
                fresh.push(level);
            }
        }
    }
    let mut events = Vec::with_capacity(decided.len());
    for event in decided {
        let mut event = match event {
            Event::SessionWanted { session } => match funded(state, session, ctx) {
                Ok(session) => Event::SessionWanted { session },
                Err(Refused::Over { .. } | Refused::Unmetered { .. }) => continue,
            },
            other => other,
        };
        let level = match &event {
            Event::ConvoyCreated { convoy } | Event::ConvoyStaged { convoy, .. } => {
                Some(Level::Convoy(convoy.id.clone())).filter(|level| fresh.contains(level))
            }
            _ => None,
        };
        number(state, &mut event);
        put(state, &mut events, event, ctx);
        if let Some(level) = level {
            put(state, &mut events, Event::BudgetSet { level, limit: ctx.policy.budget.convoy }, ctx);
        }
    }
    events
}

fn put(state: &mut State, events: &mut Vec<Event>, event: Event, ctx: &Context<'_>) {
    state.apply(&event, ctx.now, ctx.actor.as_str());
    events.push(event);
}

/// What follows from money that was spent, or limits that were set: more is granted, somebody is warned, a session that
/// has used up what it may is stopped.
pub(super) fn settle(state: &mut State, events: &mut Vec<Event>, ctx: &mut Context<'_>) {
    let (sessions, levels) = touched(state, events);
    for session in &sessions {
        look_at(state, events, session, ctx);
    }
    for level in levels {
        mark(state, events, &level, ctx);
    }
}

/// The sessions whose money these events concern, and the levels that have more spent or another limit.
fn touched(state: &State, events: &[Event]) -> (Vec<SessionId>, Vec<Level>) {
    let (mut sessions, mut found): (Vec<SessionId>, Vec<Level>) = Default::default();
    for event in events {
        match event {
            Event::SessionUsage { session, .. }
            | Event::SessionCost { session, .. }
            | Event::SessionSelfReported { session, .. } => {
                sessions.push(session.clone());
                found.extend(state.sessions.get(session).into_iter().flat_map(|one| levels_of(state, one)));
            }
            Event::BudgetSet { level, .. } => {
                sessions.extend(live_at(state, level));
                found.push(level.clone());
            }
            Event::SessionOpened { session } => found.push(Level::Epic(session.epic.clone())),
            _ => {}
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    sessions.retain(|session| seen.insert(session.clone()));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|level| seen.insert(level.clone()));
    (sessions, found)
}

/// Live sessions that count for a level.
fn live_at(state: &State, level: &Level) -> Vec<SessionId> {
    let sessions = state.index.sessions.iter().filter_map(|id| state.sessions.get(id));
    let live = sessions.filter(|session| session.is_live() && levels_of(state, session).contains(level));
    live.map(|session| session.content.id.clone()).collect()
}

/// Grants a live session more when half of what it was granted last is used, and stops one that has used up all.
fn look_at(state: &mut State, events: &mut Vec<Event>, id: &SessionId, ctx: &mut Context<'_>) {
    let Some(session) = state.sessions.get(id).filter(|session| session.is_live() && !session.stopping)
    else {
        return;
    };
    let limited = limited(state, ctx.policy, levels_of(state, session), ctx.now);
    let epoch = session.content.epoch;
    if session.ceiling.is_none() && (limited.is_empty() || is_unmetered(state, ctx.policy, session)) {
        return;
    }
    if let Some(model) = session.unpriced().filter(|_| !limited.is_empty()) {
        let why = unpriced(model);
        return stop(state, events, id, why, ctx);
    }
    let settled = session.settled();
    let ceiling = session.ceiling.unwrap_or(settled);
    let left = ceiling.minus(settled);
    let half = Money::from_micros(session.slice.unwrap_or_default().as_micros() / 2);
    if left > half {
        return;
    }
    // What has no limit any more goes on with as much as it was granted before.
    let at_least =
        if limited.is_empty() { session.slice.unwrap_or_default().max(settled) } else { Money::default() };
    let more = slice(state, ctx.policy, &limited, i64::from(left > Money::default()), at_least);
    let raised = more.map(|more| ceiling.max(settled).plus(more));
    let first = session.ceiling.is_none().then_some(settled);
    if let Some(ceiling) = raised.or(first) {
        put(state, events, Event::SessionExtended { session: id.clone(), epoch, ceiling }, ctx);
    }
    if raised.is_none() && left <= Money::default() {
        let why = state.sessions.get(id).map(|session| used_up(state, ctx.policy, session, ctx.now));
        stop(state, events, id, why.unwrap_or_default(), ctx);
    }
}

fn is_unmetered(state: &State, policy: &Policy, session: &Session) -> bool {
    let worker = state.workers.get(&session.content.worker);
    worker.is_some_and(|worker| policy.budget.unmetered.contains(&worker.content.agent))
}

/// Wants a checkpoint of a session, and then its end.
fn stop(state: &mut State, events: &mut Vec<Event>, id: &SessionId, why: String, ctx: &mut Context<'_>) {
    let Some(epoch) = state.sessions.get(id).map(|session| session.content.epoch) else { return };
    if let Some(wanted) = want(state, id, Reason::Stopping { why }, ctx) {
        put(state, events, wanted, ctx);
    }
    put(state, events, Event::SessionStopRequested { session: id.clone(), epoch }, ctx);
}

/// Says once of a limit that most of it, and that all of it, is used up.
fn mark(state: &mut State, events: &mut Vec<Event>, level: &Level, ctx: &mut Context<'_>) {
    let Some(limit) = limit(state, ctx.policy, level) else { return };
    let spent = account(state, level, ctx.now).settled;
    let (warned, exceeded) = said(state, level, limit, ctx.now);
    let reached = |percent: i64| {
        i128::from(spent.as_micros()) * 100 >= i128::from(limit.as_micros()) * i128::from(percent)
    };
    if !warned && reached(WARN_PERCENT) {
        put(state, events, Event::BudgetWarned { level: level.clone(), limit, spent }, ctx);
        if !reached(100) {
            notify(state, events, level, limit, NoticeKind::BudgetWarning, ctx);
        }
        let what = format!("${spent} of ${limit} of {level}");
        // One that is being stopped has a checkpoint for that.
        let goes_on = |id: &SessionId| state.sessions.get(id).is_some_and(|session| !session.stopping);
        for id in live_at(state, level).into_iter().filter(goes_on).collect::<Vec<_>>() {
            let reason = Reason::BudgetThreshold { what: what.clone() };
            if let Some(wanted) = want(state, &id, reason, ctx) {
                put(state, events, wanted, ctx);
            }
        }
    }
    if !exceeded && reached(100) {
        put(state, events, Event::BudgetExceeded { level: level.clone(), limit, spent }, ctx);
        notify(state, events, level, limit, NoticeKind::BudgetExceeded, ctx);
    }
}

/// Whom the budget of a level concerns.
fn owner(state: &State, level: &Level) -> Address {
    let of_worker = |id: &WorkerId| state.workers.get(id)?.content.convoy.clone();
    let convoy = match level {
        Level::Session(id) => state.sessions.get(id).and_then(|session| of_worker(&session.content.worker)),
        Level::Worker(id) => of_worker(id),
        Level::Convoy(id) => Some(id.clone()),
        Level::Epic(_) | Level::Day => None,
    };
    let convoy = convoy.and_then(|id| state.convoys.get(&id));
    convoy.map_or_else(Address::overseer, |convoy| convoy.content.owner.clone())
}

fn notify(
    state: &mut State,
    events: &mut Vec<Event>,
    level: &Level,
    limit: Money,
    kind: NoticeKind,
    ctx: &mut Context<'_>,
) {
    let Account { settled, reserved } = account(state, level, ctx.now);
    let title = match level {
        Level::Convoy(id) => {
            state.convoys.get(id).map(|convoy| format!(": {}", on_one_line(&convoy.content.title)))
        }
        Level::Session(_) | Level::Worker(_) | Level::Epic(_) | Level::Day => None,
    };
    let title = title.unwrap_or_default();
    let percent = i128::from(settled.as_micros()) * 100 / i128::from(limit.as_micros().max(1));
    let (subject, what) = match kind {
        NoticeKind::BudgetExceeded => (
            format!("⚡ Budget used up: {level}{title}"),
            "Nothing of it starts any more, and what runs is stopped after a checkpoint when its own part is used up.",
        ),
        _ => (
            format!("⚡ {percent} % of the budget is used: {level}{title}"),
            "What runs has a checkpoint, and goes on.",
        ),
    };
    let overrun = settled.minus(limit).max(Money::default());
    let beyond = if overrun > Money::default() { format!(" (${overrun} beyond it)") } else { String::new() };
    let body = format!(
        "{subject}\n\nLimit: ${limit}\nSpent: ${settled}{beyond}\nReserved: ${reserved}\n\n{what}\nRaise it: convoy cost budget <usd> {}",
        level.flag()
    );
    for event in tell(state, vec![owner(state, level)], kind, &subject, &body, None, ctx) {
        put(state, events, event, ctx);
    }
}

fn unpriced(model: &str) -> String {
    let model = if model.is_empty() { "a model without a name" } else { model };
    format!(
        "nobody knows a price of {}, and its spending is limited; add one to a table and read it: convoy cost prices update <file>",
        on_one_line(model)
    )
}

/// Which limit a session ran into.
fn used_up(state: &State, policy: &Policy, session: &Session, now: Time) -> String {
    let limited = limited(state, policy, levels_of(state, session), now);
    let over = limited.into_iter().find(|(_, limit, account)| free(*limit, *account) == Money::default());
    match over {
        Some((level, limit, account)) => over_text(&level, limit, account),
        None => match session.ceiling {
            Some(ceiling) => format!("it used up the ${ceiling} that was reserved for it"),
            None => "it spent more than it may".to_owned(),
        },
    }
}

/// In words, what is used up.
pub fn over_text(level: &Level, limit: Money, account: Account) -> String {
    let Account { settled, reserved } = account;
    let promised = match reserved {
        none if none == Money::default() => String::new(),
        some => format!(", and ${some} is reserved for what runs"),
    };
    format!("the budget of {level} is used up: ${settled} of ${limit} is spent{promised}")
}

/// What a session came to that was stopped because of what it spent.
pub(super) fn verdict(
    state: &State,
    session: &Session,
    kind: ExitKind,
    ctx: &Context<'_>,
) -> Option<Outcome> {
    let (used_up_too, unpriced_too) = match kind {
        ExitKind::Stopped(StopWhy::Spend) => (true, false),
        ExitKind::Stopped(StopWhy::Unpriced) => (false, true),
        ExitKind::Stopped(StopWhy::Ordered) if session.stopping && session.ceiling.is_some() => {
            (session.is_used_up(), session.unpriced().is_some())
        }
        ExitKind::Stopped(_) | ExitKind::Exited | ExitKind::StartFailed | ExitKind::HookFailed => {
            (false, false)
        }
    };
    if unpriced_too {
        return Some(Outcome::Blocked { why: unpriced(session.unpriced().unwrap_or_default()) });
    }
    used_up_too.then(|| Outcome::BudgetExceeded { why: used_up(state, ctx.policy, session, ctx.now) })
}
