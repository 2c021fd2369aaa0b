//! Questions with answers of the right kind.

use convoy_api::query::{ConvoyFilter, CostOf, EngineView, IssueFilter, MailFilter, WhyView, WorkerFilter};
use convoy_api::{Answer, Code, Failure, Order, Outcome, Query, Service};
use convoy_core::command::BudgetScope;
use convoy_core::cost::Day;
use convoy_core::event::Envelope;
use convoy_core::id::{Seq, SessionId};
use convoy_core::money::Money;
use convoy_core::view::{
    BudgetView, CheckpointView, Concern, ConvoyLineView, ConvoyView, CostView, DeliveryView, DetailsView,
    EpicView, FactsView, FiguresView, IssueView, MailboxView, NoticeView, OverviewView, QueueItemView,
    ReserveView, RigStatusView, RigView, StageView, StandingView, StoryView, StrandedView, TrackerView,
    WorkerFactsView, WorkerView,
};
use convoy_engine::templates::Resolved;

fn other() -> Failure {
    Failure::new(Code::Unavailable, "the engine gave an answer to another question")
        .hint("it may be of another version: 'convoy down', then 'convoy up'")
}

/// Issues that fit, and how many there are without the limit.
pub(crate) fn issues(service: &dyn Service, filter: IssueFilter) -> Result<(Vec<IssueView>, usize), Failure> {
    match service.ask(Query::Issues(filter))? {
        Answer::Issues { issues, total } => Ok((issues, total)),
        _ => Err(other()),
    }
}

/// These issues.
pub(crate) fn issues_by_id(service: &dyn Service, ids: Vec<String>) -> Result<Vec<IssueView>, Failure> {
    match service.ask(Query::Issue { ids })? {
        Answer::Issues { issues, .. } => Ok(issues),
        _ => Err(other()),
    }
}

/// One issue.
pub(crate) fn issue(service: &dyn Service, id: &str) -> Result<IssueView, Failure> {
    issues_by_id(service, vec![id.to_owned()])?.pop().ok_or_else(other)
}

/// Everything of one issue.
pub(crate) fn story(service: &dyn Service, id: &str) -> Result<StoryView, Failure> {
    match service.ask(Query::Story { id: id.to_owned() })? {
        Answer::Story { story } => Ok(*story),
        _ => Err(other()),
    }
}

/// Convoys that fit.
pub(crate) fn convoys(service: &dyn Service, filter: ConvoyFilter) -> Result<Vec<ConvoyView>, Failure> {
    match service.ask(Query::Convoys(filter))? {
        Answer::Convoys { convoys, .. } => Ok(convoys),
        _ => Err(other()),
    }
}

/// Convoys that fit, and how many there are without the limit.
pub(crate) fn convoy_page(
    service: &dyn Service,
    filter: ConvoyFilter,
) -> Result<(Vec<ConvoyView>, usize), Failure> {
    match service.ask(Query::Convoys(filter))? {
        Answer::Convoys { convoys, total } => Ok((convoys, total)),
        _ => Err(other()),
    }
}

/// One convoy, and the event up to which that is true.
pub(crate) fn convoy(service: &dyn Service, id: &str) -> Result<(ConvoyView, Seq), Failure> {
    match service.ask(Query::Convoy { id: id.to_owned() })? {
        Answer::Convoy { convoy, seq } => Ok((*convoy, seq)),
        _ => Err(other()),
    }
}

/// How everybody at work does.
pub(crate) fn facts(service: &dyn Service) -> Result<FactsView, Failure> {
    match service.ask(Query::Facts)? {
        Answer::Facts { facts } => Ok(*facts),
        _ => Err(other()),
    }
}

/// Workers.
pub(crate) fn workers(service: &dyn Service, all: bool) -> Result<Vec<WorkerView>, Failure> {
    Ok(worker_page(service, WorkerFilter { all, ..WorkerFilter::default() })?.0)
}

/// Workers, and how many there are without the limit.
pub(crate) fn worker_page(
    service: &dyn Service,
    filter: WorkerFilter,
) -> Result<(Vec<WorkerView>, usize), Failure> {
    match service.ask(Query::Workers(filter))? {
        Answer::Workers { workers, total } => Ok((workers, total)),
        _ => Err(other()),
    }
}

/// How those do who are at work, or gave up; and how many more there are.
pub(crate) fn worker_facts(service: &dyn Service) -> Result<(Vec<WorkerFactsView>, usize), Failure> {
    match service.ask(Query::WorkerFacts)? {
        Answer::WorkerFacts { workers, left_out } => Ok((workers, left_out)),
        _ => Err(other()),
    }
}

/// One worker.
pub(crate) fn worker(service: &dyn Service, id: &str) -> Result<WorkerView, Failure> {
    match service.ask(Query::Worker { id: id.to_owned() })? {
        Answer::Worker { worker } => Ok(*worker),
        _ => Err(other()),
    }
}

/// Why something is as it is.
pub(crate) fn why(service: &dyn Service, id: &str) -> Result<WhyView, Failure> {
    match service.ask(Query::Why { id: id.to_owned() })? {
        Answer::Why(why) => Ok(why),
        _ => Err(other()),
    }
}

/// What staging these would come to.
pub(crate) fn stage(
    service: &dyn Service,
    ids: Vec<String>,
    max_parallel: Option<u32>,
) -> Result<StageView, Failure> {
    match service.ask(Query::Stage { ids, max_parallel })? {
        Answer::Stage { stage } => Ok(*stage),
        _ => Err(other()),
    }
}

/// What is to land: of one rig, or of one issue.
pub(crate) fn queue(
    service: &dyn Service,
    rig: Option<String>,
    issue: Option<String>,
) -> Result<Vec<QueueItemView>, Failure> {
    match service.ask(Query::Queue { rig, issue })? {
        Answer::Queue { items } => Ok(items),
        _ => Err(other()),
    }
}

/// Convoys in which nothing moves.
pub(crate) fn stranded(service: &dyn Service) -> Result<Vec<StrandedView>, Failure> {
    match service.ask(Query::Stranded)? {
        Answer::Stranded { stranded } => Ok(stranded),
        _ => Err(other()),
    }
}

/// Where these convoys stand, and the event up to which that is true.
pub(crate) fn standings(
    service: &dyn Service,
    ids: Vec<String>,
) -> Result<(Vec<StandingView>, Seq), Failure> {
    match service.ask(Query::Standing { ids })? {
        Answer::Standing { standing, seq } => Ok((standing, seq)),
        _ => Err(other()),
    }
}

/// Where one convoy stands, and the event up to which that is true.
pub(crate) fn standing(service: &dyn Service, id: &str) -> Result<(StandingView, Seq), Failure> {
    let (mut standing, seq) = standings(service, vec![id.to_owned()])?;
    Ok((standing.pop().ok_or_else(other)?, seq))
}

/// Where all convoys stand that were started, if nothing moves by itself.
pub(crate) fn rest(service: &dyn Service) -> Result<Option<Vec<StandingView>>, Failure> {
    match service.ask(Query::Rest)? {
        Answer::Rest { standing } => Ok(standing),
        _ => Err(other()),
    }
}

/// A mailbox, oldest first.
pub(crate) fn mail(service: &dyn Service, address: String) -> Result<Vec<NoticeView>, Failure> {
    Ok(mail_page(service, MailFilter { address, ..MailFilter::default() })?.0)
}

/// Notices of a mailbox, and how many there are without the limit.
pub(crate) fn mail_page(
    service: &dyn Service,
    filter: MailFilter,
) -> Result<(Vec<NoticeView>, usize), Failure> {
    match service.ask(Query::Mail(filter))? {
        Answer::Mail { notices, total } => Ok((notices, total)),
        _ => Err(other()),
    }
}

/// Every mailbox.
pub(crate) fn mailboxes(service: &dyn Service) -> Result<Vec<MailboxView>, Failure> {
    match service.ask(Query::Mailboxes)? {
        Answer::Mailboxes { mailboxes } => Ok(mailboxes),
        _ => Err(other()),
    }
}

/// Deliveries of notices.
pub(crate) fn outbox(service: &dyn Service, all: bool) -> Result<Vec<DeliveryView>, Failure> {
    match service.ask(Query::Outbox { all })? {
        Answer::Outbox { deliveries } => Ok(deliveries),
        _ => Err(other()),
    }
}

/// One notice.
pub(crate) fn notice(service: &dyn Service, id: &str) -> Result<NoticeView, Failure> {
    match service.ask(Query::Notice { id: id.to_owned() })? {
        Answer::Notice { notice } => Ok(*notice),
        _ => Err(other()),
    }
}

/// These checkpoints, as the log has them.
pub(crate) fn checkpoints(service: &dyn Service, ids: &[String]) -> Result<Vec<CheckpointView>, Failure> {
    match service.ask(Query::Checkpoints { ids: ids.to_vec() })? {
        Answer::Checkpoints { checkpoints } => Ok(checkpoints),
        _ => Err(other()),
    }
}

/// Epics with their sessions.
pub(crate) fn epics(service: &dyn Service, all: bool) -> Result<Vec<EpicView>, Failure> {
    match service.ask(Query::Epics { all })? {
        Answer::Epics { epics } => Ok(epics),
        _ => Err(other()),
    }
}

/// One epic: the one named, else the only one that can be meant in this checkout.
pub(crate) fn epic(
    service: &dyn Service,
    epic: Option<&str>,
    path: Option<&str>,
) -> Result<EpicView, Failure> {
    match service.ask(Query::Epic { epic: epic.map(str::to_owned), path: path.map(str::to_owned) })? {
        Answer::Epic { epic } => Ok(*epic),
        _ => Err(other()),
    }
}

/// Every rig.
pub(crate) fn rigs(service: &dyn Service) -> Result<Vec<RigView>, Failure> {
    match service.ask(Query::Rigs)? {
        Answer::Rigs { rigs } => Ok(rigs),
        _ => Err(other()),
    }
}

/// One rig.
pub(crate) fn rig(service: &dyn Service, name: &str) -> Result<RigStatusView, Failure> {
    match service.ask(Query::Rig { name: name.to_owned() })? {
        Answer::Rig { rig } => Ok(*rig),
        _ => Err(other()),
    }
}

/// Events after a place, and the event up to which that is all.
pub(crate) fn events(
    service: &dyn Service,
    after: Seq,
    limit: usize,
    kind: Option<String>,
) -> Result<(Vec<Envelope>, Seq), Failure> {
    let (mut all, mut at) = (Vec::new(), after);
    loop {
        let limit = limit - all.len();
        let Answer::Events { events, seq } =
            service.ask(Query::Events { after: at, limit, kind: kind.clone() })?
        else {
            return Err(other());
        };
        // Of one type, each answer is of a part of the log.
        let is_last = seq == at || events.len() >= limit || kind.is_none();
        all.extend(events);
        at = seq;
        if is_last {
            return Ok((all, at));
        }
    }
}

/// Trackers that are not ours.
pub(crate) fn trackers(service: &dyn Service) -> Result<Vec<TrackerView>, Failure> {
    match service.ask(Query::Trackers)? {
        Answer::Trackers { trackers } => Ok(trackers),
        _ => Err(other()),
    }
}

/// Limits on what may be spent: all, or what there is of one thing.
pub(crate) fn budgets(service: &dyn Service, scope: Option<BudgetScope>) -> Result<Vec<BudgetView>, Failure> {
    match service.ask(Query::Budgets { scope })? {
        Answer::Budgets { budgets } => Ok(budgets),
        _ => Err(other()),
    }
}

/// What work costs: whose, and since which day.
pub(crate) fn cost(service: &dyn Service, of: CostOf, since: Option<Day>) -> Result<CostView, Failure> {
    match service.ask(Query::Cost { of, since })? {
        Answer::Cost { cost } => Ok(*cost),
        _ => Err(other()),
    }
}

/// The engine itself.
pub(crate) fn engine(service: &dyn Service) -> Result<EngineView, Failure> {
    match service.ask(Query::Engine)? {
        Answer::Engine(engine) => Ok(engine),
        _ => Err(other()),
    }
}

/// One convoy with all that belongs to it.
pub(crate) fn details(service: &dyn Service, id: &str) -> Result<DetailsView, Failure> {
    match service.ask(Query::ConvoyDetails { id: id.to_owned() })? {
        Answer::ConvoyDetails { details } => Ok(*details),
        _ => Err(other()),
    }
}

/// Convoys that fit, a line each, and how many there are.
pub(crate) fn convoy_lines(
    service: &dyn Service,
    filter: ConvoyFilter,
) -> Result<(Vec<ConvoyLineView>, usize), Failure> {
    match service.ask(Query::ConvoyLines(filter))? {
        Answer::ConvoyLines { convoys, total } => Ok((convoys, total)),
        _ => Err(other()),
    }
}

/// What somebody wants to see first.
pub(crate) fn overview(service: &dyn Service) -> Result<OverviewView, Failure> {
    match service.ask(Query::Overview)? {
        Answer::Overview { overview } => Ok(*overview),
        _ => Err(other()),
    }
}

/// The session that a worker's, an issue's or its own id means: one that is named, otherwise the latest.
pub(crate) fn session_of<'a>(worker: &'a WorkerView, of: &str) -> Result<&'a SessionId, Failure> {
    let named = worker.sessions.iter().find(|session| session.id.as_str().starts_with(of));
    named.or(worker.sessions.last()).map(|session| &session.id).ok_or_else(|| {
        Failure::new(Code::Refused, format!("{} has had no session yet", worker.id))
            .hint(format!("convoy why {}", worker.issue_id))
    })
}

/// The same, of a worker that is not known yet.
pub(crate) fn session(service: &dyn Service, of: &str) -> Result<SessionId, Failure> {
    Ok(session_of(&worker(service, of)?, of)?.clone())
}

/// What the start of these roles would reserve now, if any limit applies.
pub(crate) fn reserve(
    service: &dyn Service,
    resolved: &Resolved,
    budget: Option<Money>,
) -> Result<Option<ReserveView>, Failure> {
    let (steps, max_parallel) = (resolved.steps.clone(), resolved.max_parallel);
    match service.ask(Query::Reserve { steps, max_parallel, budget })? {
        Answer::Reserve { reserve } => Ok(reserve),
        _ => Err(other()),
    }
}

/// How many there are of what.
pub(crate) fn figures(service: &dyn Service) -> Result<FiguresView, Failure> {
    match service.ask(Query::Figures)? {
        Answer::Figures { figures } => Ok(figures),
        _ => Err(other()),
    }
}

/// Has something done, and asks what it is like after that. What is done stays done, whatever comes of the question.
pub(crate) fn after<T>(
    service: &dyn Service,
    order: Order,
    show: impl FnOnce(&dyn Service, &str) -> Result<T, Failure>,
) -> Result<(Outcome, T), Failure> {
    let outcome = service.order(order)?;
    let id = outcome.items.first().map(|item| item.id.as_str()).unwrap_or_default();
    let view = show(service, id).map_err(|failure| Failure {
        code: Code::Unknown,
        message: format!("{id} is recorded, but cannot be shown: {}", failure.message),
        hint: failure.hint,
    })?;
    Ok((outcome, view))
}

/// What concerns a convoy, and the event up to which that is true.
pub(crate) fn convoy_concern(service: &dyn Service, id: &str) -> Result<(Concern, Seq), Failure> {
    match service.ask(Query::ConvoyConcern { id: id.to_owned() })? {
        Answer::Concern { concern, seq } => Ok((*concern, seq)),
        _ => Err(other()),
    }
}

/// What concerns a worker, and the event up to which that is true.
pub(crate) fn work_concern(service: &dyn Service, id: &str) -> Result<(Concern, Seq), Failure> {
    match service.ask(Query::WorkConcern { id: id.to_owned() })? {
        Answer::Concern { concern, seq } => Ok((*concern, seq)),
        _ => Err(other()),
    }
}
