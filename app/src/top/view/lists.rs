//! Convoys, workers, the issues or roles of a convoy, problems.

use convoy_core::id::ConvoyId;
use convoy_core::view::{Category, ConvoyLineView, ConvoyView, NeedKind, NeedView, TrackedView, WorkerView};
use ratatui_core::layout::{Alignment, Constraint, Layout, Rect};
use ratatui_core::style::Style;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::paragraph::{Paragraph, Wrap};

use super::super::data::Need;
use super::super::model::{List, Model, Page, Pane};
use super::paint::Paint;
use super::printed;
use super::table::{self, Column, bar, fixed, number, part, rest, rows};
use crate::text;

/// How wide a bar of progress is.
const BAR_CHARS: usize = 10;
/// How much of a text of people or agents a cell takes at most; the cell's own width cuts further.
const CELL_CHARS: usize = 200;

const CONVOYS: [Column; 7] = [
    fixed("", 1, 0),
    fixed("CONVOY", 12, 0),
    rest("TITLE", 0),
    fixed("STATUS", 10, 60),
    fixed("PROGRESS", 18, 48),
    number("AGENTS", 6, 90),
    number("SPENT", 18, 76),
];

const WORKERS: [Column; 9] = [
    fixed("", 1, 0),
    fixed("ISSUE", 12, 0),
    rest("WORKER", 90),
    fixed("STATE", 10, 0),
    fixed("AGENT", 16, 64),
    fixed("HEALTH", 12, 60),
    number("TRY", 4, 90),
    number("AGE", 7, 36),
    number("COST", 9, 50),
];

const TRACKED: [Column; 6] = [
    fixed("", 1, 0),
    fixed("ISSUE", 12, 0),
    rest("TITLE", 0),
    fixed("STATUS", 12, 40),
    fixed("WORKER", 20, 76),
    number("AGE", 7, 60),
];

const ROLES: [Column; 6] = [
    fixed("", 1, 0),
    fixed("ROLE", 16, 0),
    rest("AGENT", 44),
    fixed("STATUS", 12, 36),
    number("FINDINGS", 8, 60),
    number("COST", 9, 70),
];

const PROBLEMS: [Column; 4] =
    [fixed("", 1, 0), fixed("WHAT", 12, 0), fixed("PROBLEM", 20, 60), rest("DETAIL", 0)];

fn line<'a>(value: &str) -> Line<'a> {
    Line::from(text::cut(value, CELL_CHARS))
}

fn styled<'a>(value: &str, style: Style) -> Line<'a> {
    Line::from(Span::styled(text::cut(value, CELL_CHARS), style))
}

fn right<'a>(value: impl Into<String>) -> Line<'a> {
    Line::from(value.into()).alignment(Alignment::Right)
}

/// The sign before a row.
fn sign<'a>(need: Need, busy: bool, paint: Paint) -> Line<'a> {
    match need {
        Need::Person => Line::from(Span::styled("!", paint.bad())),
        Need::Look => Line::from(Span::styled("?", paint.busy())),
        Need::Nothing if busy => Line::from(Span::styled("▶", paint.good())),
        Need::Nothing => Line::from(Span::styled("·", paint.faint())),
    }
}

fn titled(name: &str, all: usize, shown: usize, search: &str) -> String {
    if search.is_empty() {
        format!("{name} {all}")
    } else {
        format!("{name} {shown} of {all} · /{}", text::line(search))
    }
}

/// The convoys.
pub(super) fn convoys(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let convoys = model.convoys();
    let title = titled("Convoys", model.data.convoys_total, convoys.len(), &model.search);
    let landed = model.data.overview.landed_today_total;
    let title = if landed == 0 { title } else { format!("{title} · {landed} landed today") };
    let has_keys = model.pane == Pane::Convoys;
    let inner = part(frame, area, &title, has_keys, paint);
    if convoys.is_empty() {
        let why = if model.search.is_empty() {
            "no convoys yet: convoy create <name> <issue>…"
        } else {
            "nothing fits the search; Esc clears it"
        };
        table::nothing(frame, inner, why, paint);
        return;
    }
    let row = |at: usize| convoy_row(convoys[at], paint);
    rows(frame, inner, &CONVOYS, convoys.len(), (model.at(List::Convoys), has_keys), row, paint);
}

fn status(convoy: &ConvoyLineView, need: Need) -> &'static str {
    match (convoy.status.as_str(), need) {
        ("staged", _) => "staged",
        ("landed", _) => "landed",
        ("abandoned", _) => "abandoned",
        (_, Need::Person) => "needs you",
        _ if convoy.overdue => "overdue",
        _ if convoy.at_work > 0 => "running",
        _ if convoy.started_at.is_none() => "tracks",
        _ => "waiting",
    }
}

fn progress<'a>(convoy: &ConvoyLineView, paint: Paint) -> Line<'a> {
    let mut spans = bar(convoy.completed, convoy.total, BAR_CHARS, paint);
    spans.push(Span::raw(format!(" {}/{}", convoy.completed, convoy.total)));
    Line::from(spans)
}

fn spent<'a>(convoy: &ConvoyLineView, paint: Paint) -> Line<'a> {
    let spent = short_money(&convoy.spent);
    let Some(budget) = &convoy.budget else {
        return if convoy.spent.micros == 0 { right("-") } else { right(spent) };
    };
    let style = if convoy.spent.micros > budget.micros { paint.bad() } else { Style::new() };
    Line::from(Span::styled(format!("{spent} of {}", short_money(budget)), style)).alignment(Alignment::Right)
}

/// Money in cents, as much of it as a column holds.
fn short_money(money: &convoy_core::issue::MoneyView) -> String {
    format!("${}.{:02}", money.micros / 1_000_000, (money.micros % 1_000_000).abs() / 10_000)
}

fn convoy_row<'a>(convoy: &ConvoyLineView, paint: Paint) -> Vec<Line<'a>> {
    let need = Need::of_convoy(convoy);
    let landed = convoy.closed_at.is_some();
    let faded = if landed { paint.faint() } else { Style::new() };
    vec![
        if landed { styled("✓", paint.good()) } else { sign(need, convoy.at_work > 0, paint) },
        styled(convoy.id.as_str(), paint.accent()),
        styled(&convoy.title, faded),
        styled(status(convoy, need), if landed { paint.good() } else { paint.need(need) }),
        progress(convoy, paint),
        right(if convoy.at_work == 0 { "-".to_owned() } else { convoy.at_work.to_string() }),
        spent(convoy, paint),
    ]
}

/// The workers.
pub(super) fn workers(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let workers = model.workers();
    let title = titled("Workers", model.data.workers.len(), workers.len(), &model.search);
    let has_keys = model.pane == Pane::Workers;
    let inner = part(frame, area, &title, has_keys, paint);
    if workers.is_empty() {
        let why = if model.search.is_empty() {
            "nobody is at work: convoy run <convoy>, or convoy sling <issue>"
        } else {
            "nothing fits the search; Esc clears it"
        };
        table::nothing(frame, inner, why, paint);
        return;
    }
    let row = |at: usize| worker_row(model, workers[at], paint);
    rows(frame, inner, &WORKERS, workers.len(), (model.at(List::Workers), has_keys), row, paint);
}

fn worker_row<'a>(model: &Model, worker: &WorkerView, paint: Paint) -> Vec<Line<'a>> {
    let need = Need::of_worker(worker);
    let health = worker.health.as_ref().map_or("-", |health| health.health.as_str());
    let agent = match &worker.model {
        Some(name) => format!("{}:{name}", worker.agent),
        None => worker.agent.clone(),
    };
    vec![
        sign(need, worker.state == "running", paint),
        styled(worker.issue_id.as_str(), paint.accent()),
        line(&worker.name),
        styled(&worker.state, if need == Need::Person { paint.bad() } else { Style::new() }),
        line(&agent),
        styled(health, if need == Need::Nothing { Style::new() } else { paint.need(need) }),
        right(format!("{}/{}", worker.attempt, worker.max_attempts)),
        right(model.now.since(worker.started_at).to_string()),
        right(if worker.spent.micros == 0 { "-".to_owned() } else { short_money(&worker.spent) }),
    ]
}

/// A convoy: what there is to know, what it tracks or its roles, and the output of the selected one's worker.
pub(super) fn convoy(frame: &mut Frame<'_>, area: Rect, model: &Model, id: &ConvoyId, paint: Paint) {
    let Some(convoy) = model.open_convoy() else {
        let inner = part(frame, area, id.as_str(), true, paint);
        table::nothing(frame, inner, "…", paint);
        return;
    };
    let issues = model.tracked();
    let list = u16::try_from(issues.len()).unwrap_or(u16::MAX).saturating_add(4);
    let most = if area.height < 16 { area.height } else { area.height / 2 };
    let [above, below] =
        Layout::vertical([Constraint::Length(list.min(most)), Constraint::Fill(1)]).areas(area);
    let title = format!("{id} · {}", text::cut(&convoy.title, CELL_CHARS));
    let inner = part(frame, above, &title, true, paint);
    let [facts, inner] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(inner);
    frame.render_widget(Paragraph::new(about(model, convoy, paint)), facts);
    let selected = (model.at(List::Tracked), true);
    if convoy.roles.is_empty() {
        let row = |at: usize| tracked_row(issues[at], paint);
        rows(frame, inner, &TRACKED, issues.len(), selected, row, paint);
    } else {
        let row = |at: usize| role_row(convoy, issues[at], paint);
        rows(frame, inner, &ROLES, issues.len(), selected, row, paint);
    }
    if below.height > 1 {
        printed::of(frame, below, model, false, paint);
    }
}

fn about<'a>(model: &Model, convoy: &ConvoyView, paint: Paint) -> Line<'a> {
    let mut spans = vec![Span::raw("  ")];
    // Its line says how it does; one that has left the list is told by its status.
    match model.convoy() {
        Some(line) => {
            let need = Need::of_convoy(line);
            spans.extend([Span::styled(status(line, need), paint.need(need)), Span::raw("  ")]);
            spans.extend(progress(line, paint).spans);
            spans.push(Span::raw("  "));
            spans.extend(spent(line, paint).spans);
        }
        None => spans.push(Span::raw(text::line(&convoy.status).into_owned())),
    }
    if let Some(due) = convoy.due_at {
        let left = due.since(model.now);
        let due = if due <= model.now { "  overdue".to_owned() } else { format!("  due in {left}") };
        spans.push(Span::raw(due));
    }
    spans.push(Span::styled(format!("  owner {}", text::line(&convoy.owner)), paint.faint()));
    Line::from(spans)
}

fn tracked_row<'a>(issue: &TrackedView, paint: Paint) -> Vec<Line<'a>> {
    let (need, busy) = match issue.status.as_str() {
        "needs_human" | "unknown" => (Need::Person, false),
        "in_progress" | "submitted" => (Need::Nothing, true),
        _ => (Need::Nothing, false),
    };
    let sign = if issue.status == "closed" { styled("✓", paint.good()) } else { sign(need, busy, paint) };
    let status = if issue.blocked && issue.status == "open" { "blocked" } else { issue.status.as_str() };
    vec![
        sign,
        styled(issue.id.as_str(), paint.accent()),
        line(&issue.title),
        styled(status, paint.need(need)),
        line(issue.worker.as_deref().unwrap_or("-")),
        right(issue.worker_age_s.map(text::age).unwrap_or_default()),
    ]
}

fn role_row<'a>(convoy: &ConvoyView, issue: &TrackedView, paint: Paint) -> Vec<Line<'a>> {
    let Some(role) = convoy.roles.iter().find(|role| role.issue_id == issue.id) else {
        return tracked_row(issue, paint);
    };
    let sign = match role.status.as_str() {
        "completed" => styled("✓", paint.good()),
        "failed" => styled("✗", paint.bad()),
        other => sign(Need::Nothing, other == "running", paint),
    };
    let agent = match (&role.agent, &role.model) {
        (Some(agent), Some(model)) => format!("{agent}:{model}"),
        (Some(agent), None) => agent.clone(),
        (None, _) => "-".to_owned(),
    };
    vec![
        sign,
        styled(&role.role, paint.accent()),
        line(&agent),
        line(&role.status),
        right(role.findings.map(|count| count.to_string()).unwrap_or_default()),
        right(if role.spent.micros == 0 { "-".to_owned() } else { short_money(&role.spent) }),
    ]
}

/// What needs a person; below, what would help with the selected one.
pub(super) fn problems(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint) {
    let (problems, overview) = (model.problems(), &model.data.overview);
    let title = titled("Problems", overview.needs_total, problems.len(), &model.search);
    let listed = overview.needs.len();
    let title = if listed < overview.needs_total { format!("{title} · the first {listed}") } else { title };
    let [above, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(5.min(area.height / 2))]).areas(area);
    let inner = part(frame, above, &title, model.page == Page::Problems, paint);
    if problems.is_empty() {
        let why = if model.search.is_empty() {
            "nothing needs you"
        } else {
            "nothing fits the search; Esc clears it"
        };
        table::nothing(frame, inner, why, paint);
        return;
    }
    let row = |at: usize| problem_row(problems[at], paint);
    rows(frame, inner, &PROBLEMS, problems.len(), (model.at(List::Problems), true), row, paint);
    if let Some(problem) = model.at(List::Problems).and_then(|at| problems.get(at)) {
        let inner = part(frame, below, "What would help", false, paint);
        let detail = Line::from(text::cut(&detail_of(problem), 2 * CELL_CHARS));
        let keys = match problem.kind {
            NeedKind::Convoy => "; Enter opens it",
            NeedKind::Issue => "; r retries it",
        };
        let help = vec![
            Span::styled("try: ", paint.faint()),
            Span::raw(text::line(&problem.command).into_owned()),
            Span::styled(keys, paint.faint()),
        ];
        frame.render_widget(Paragraph::new(vec![detail, Line::from(help)]).wrap(Wrap { trim: true }), inner);
    }
}

fn problem_row<'a>(problem: &NeedView, paint: Paint) -> Vec<Line<'a>> {
    vec![
        sign(Need::Person, false, paint),
        styled(&problem.id, paint.accent()),
        styled(problem.category.map_or("", Category::name), paint.bad()),
        line(&detail_of(problem)),
    ]
}

fn detail_of(problem: &NeedView) -> String {
    format!("{}: {}", problem.title, problem.detail)
}
