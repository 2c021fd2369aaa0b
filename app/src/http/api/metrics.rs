//! Figures, as Prometheus reads them: names with units, labels from lists that do not grow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use aide::OperationOutput;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use convoy_api::query::EngineView;
use convoy_api::{Failure, Service};
use convoy_core::view::{FiguresView, OverviewView};
use convoy_engine::os::process;

use crate::ask;
use crate::http::{Error, Site};

/// Under which states issues are counted.
const ISSUE_STATES: [&str; 6] = ["open", "in_progress", "submitted", "needs_human", "closed", "unknown"];
/// Under which states convoys are counted.
const CONVOY_STATES: [&str; 4] = ["staged", "open", "landed", "abandoned"];

/// Requests that were answered, by route, method and kind of status.
#[derive(Default)]
pub(in crate::http) struct Counters(Mutex<BTreeMap<(String, &'static str, u16), u64>>);

impl Counters {
    fn count(&self, route: String, method: &'static str, status: u16) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry((route, method, status)).or_default() += 1;
    }
}

/// Counts a request. Routes are those that there are; whatever else was asked for is one of them.
pub(in crate::http) async fn counted(State(site): State<Site>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        _ => "other",
    };
    let response = next.run(request).await;
    site.counters().count(route, method, response.status().as_u16());
    response
}

/// The text of all figures.
pub(super) struct Figures(String);

impl IntoResponse for Figures {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], self.0).into_response()
    }
}

impl OperationOutput for Figures {
    type Inner = String;

    fn operation_response(
        context: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Option<aide::openapi::Response> {
        String::operation_response(context, operation)
    }
    fn inferred_responses(
        context: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Vec<(Option<aide::openapi::StatusCode>, aide::openapi::Response)> {
        String::inferred_responses(context, operation)
    }
}

struct Seen {
    engine: EngineView,
    overview: OverviewView,
    figures: FiguresView,
}

fn look(service: &dyn Service) -> Result<Seen, Failure> {
    Ok(Seen {
        engine: ask::engine(service)?,
        overview: ask::overview(service)?,
        figures: ask::figures(service)?,
    })
}

pub(super) async fn show(State(site): State<Site>) -> Result<Figures, Error> {
    let seen = site.ask(look).await?;
    let mut text = Text::default();
    of_work(&mut text, &seen);
    of_engine(&mut text, &seen.engine);
    text.gauge("convoy_http_streams", "Streams that are open.", site.streams().count());
    text.head("convoy_http_requests_total", "counter", "Requests that were answered.");
    let all = site.counters().0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for ((route, method, status), count) in all {
        let labels = [("route", route.as_str()), ("method", method), ("status", &status.to_string())];
        text.line("convoy_http_requests_total", &labels, count);
    }
    Ok(Figures(text.0))
}

fn of_work(text: &mut Text, seen: &Seen) {
    let Seen { overview, figures: FiguresView { issues, convoys, stranded }, .. } = seen;
    text.many("convoy_convoys", "Convoys by status.", "status", &CONVOY_STATES, convoys);
    text.many("convoy_issues", "Issues by status.", "status", &ISSUE_STATES, issues);
    text.gauge("convoy_stranded_convoys", "Open convoys in which nothing moves.", stranded);
    text.gauge("convoy_sessions_live", "Agents at work.", overview.live_sessions);
    text.gauge("convoy_issues_startable", "Issues that wait for an agent only.", overview.startable);
    let (spent, reserved) = (dollars(overview.spent_today.micros), dollars(overview.reserved.micros));
    text.gauge("convoy_spent_today_dollars", "What was spent today (UTC), in US dollars.", spent);
    text.gauge("convoy_reserved_dollars", "What is promised to those at work, in US dollars.", reserved);
    text.gauge("convoy_notices_unread", "Notices that nobody has read.", overview.unread);
    text.gauge("convoy_deliveries_undelivered", "Deliveries that were given up.", overview.undelivered);
}

fn of_engine(text: &mut Text, engine: &EngineView) {
    text.head("convoy_info", "gauge", "Always 1; the version of the engine.");
    text.line("convoy_info", &[("version", &engine.version)], 1);
    text.head("convoy_events_total", "counter", "Events in the log.");
    text.line("convoy_events_total", &[], engine.seq);
    let started = engine.started_at.as_millis();
    let started = format!("{}.{:03}", started / 1000, started % 1000);
    text.gauge("process_start_time_seconds", "When the engine started, since 1970.", started);
    if let Some(bytes) = process::resident_bytes() {
        text.gauge("process_resident_memory_bytes", "Memory of the engine.", bytes);
    }
}

fn dollars(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let pairs: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, "gauge", help);
        self.line(name, &[], value);
    }

    /// One line for each of the names, also of those that nothing has.
    fn many(&mut self, name: &str, help: &str, label: &str, of: &[&str], counts: &BTreeMap<String, usize>) {
        self.head(name, "gauge", help);
        of.iter()
            .for_each(|of| self.line(name, &[(label, of)], counts.get(*of).copied().unwrap_or_default()));
    }
}

/// As the format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.line("a_total", &[("name", "a\"b\\c\nd")], 1);
        assert_eq!(text.0, "a_total{name=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
