//! What can be done with convoys and their issues: each is one order, on behalf of the person, and leads back to the page
//! that its form was on.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use convoy_api::Outcome;
use convoy_core::command::Request;
use maud::{Markup, html};

use super::forms::{Action, Done, Fields, action};
use super::parts::Tone;
use crate::http::{Error, Site, Visitor};

/// The addresses of forms.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/convoys/{id}/start", post(start))
        .route("/convoys/{id}/launch", post(launch))
        .route("/convoys/{id}/stop", post(stop))
        .route("/convoys/{id}/close", post(close))
        .route("/convoys/{id}/reopen", post(reopen))
        .route("/convoys/{id}/land", post(land))
        .route("/convoys/{id}/check", post(check))
        .route("/convoys/{id}/synthesize", post(synthesize))
        .route("/work/{id}/retry", post(retry))
        .route("/work/{id}/stop", post(stop_work))
        .route("/work/{id}/release", post(release))
        .route("/mq/{id}/retry", post(retry_merge))
        .route("/sling/{id}", post(sling))
}

type Answer = Result<Response, Error>;

/// What was asked for is done, or the first reason why not.
pub(super) fn checked(outcome: Outcome) -> Result<Outcome, Error> {
    match outcome.items.iter().find_map(|item| item.error.clone()) {
        Some(failure) => Err(failure.into()),
        None => Ok(outcome),
    }
}

/// Orders it, and leads back with `code` if something was changed.
pub(super) async fn act(site: &Site, request: Request, fields: &Fields, code: &'static str) -> Answer {
    let outcome = checked(site.order(request, fields.one("_key")).await?)?;
    Ok(fields.back(Done::of(&outcome, code)))
}

async fn start(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::ConvoyStart { convoy: id }, &fields, "started").await
}

async fn launch(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    let force = fields.one("force").is_some();
    act(&site, Request::Launch { what: vec![id], force }, &fields, "launched").await
}

async fn stop(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::ConvoyStop { convoy: id }, &fields, "stopped").await
}

async fn close(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    let request = Request::ConvoyClose { convoy: id, reason: fields.one("reason"), notify: Vec::new() };
    act(&site, request, &fields, "closed").await
}

async fn reopen(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::ConvoyReopen { convoy: id }, &fields, "reopened").await
}

async fn land(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::ConvoyLand { convoy: id }, &fields, "landed").await
}

async fn check(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::ConvoyCheck { convoy: Some(id) }, &fields, "checked").await
}

async fn synthesize(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::ConvoySynthesize { convoy: id, apply: false }, &fields, "synthesized").await
}

async fn retry(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::WorkRetry { issue: id }, &fields, "retried").await
}

async fn stop_work(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::WorkStop { issue: id }, &fields, "stopped").await
}

async fn release(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::WorkRelease { issue: id }, &fields, "released").await
}

async fn retry_merge(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    act(&site, Request::MergeRetry { issue: id }, &fields, "retried").await
}

async fn sling(State(site): State<Site>, Path(id): Path<String>, fields: Fields) -> Answer {
    let request = Request::Sling {
        issues: vec![id],
        target: None,
        agent: None,
        model: None,
        base: None,
        no_convoy: false,
        force: false,
        budget: None,
    };
    act(&site, request, &fields, "started").await
}

/// The command that would help, as a button: for those that need nothing more than what they name.
pub(super) struct Deed {
    path: String,
    label: &'static str,
    force: bool,
}

impl Deed {
    /// Of a command line of ours.
    pub(super) fn of(command: &str) -> Option<Self> {
        let words: Vec<&str> = command.split(' ').collect();
        let deed = |path: String, label| Some(Self { path, label, force: false });
        match words.as_slice() {
            ["convoy", "work", "retry", issue] => deed(format!("/work/{issue}/retry"), "Try again"),
            ["convoy", "mq", "retry", issue] => deed(format!("/mq/{issue}/retry"), "Try the merge again"),
            ["convoy", "sling", issue] => deed(format!("/sling/{issue}"), "Have it worked on"),
            ["convoy", "run", convoy] => deed(format!("/convoys/{convoy}/start"), "Start"),
            ["convoy", "land", convoy] => deed(format!("/convoys/{convoy}/land"), "Land"),
            ["convoy", "check", convoy] => deed(format!("/convoys/{convoy}/check"), "Check"),
            ["convoy", "launch", convoy] => deed(format!("/convoys/{convoy}/launch"), "Launch"),
            ["convoy", "launch", convoy, "--force"] => Some(Self {
                path: format!("/convoys/{convoy}/launch"),
                label: "Launch past the warnings",
                force: true,
            }),
            _ => None,
        }
    }

    /// The button, on the page at `back`.
    pub(super) fn button(&self, visitor: &Visitor, back: &str) -> Markup {
        let fields = self.force.then(|| html! { input type="hidden" name="force" value="1"; });
        let (path, label) = (self.path.clone(), self.label);
        action(visitor, &Action { path, label, tone: Tone::Busy, ask: None, fields, back })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_becomes_a_button_only_if_it_needs_nothing_more() {
        let path = |command| Deed::of(command).map(|deed| deed.path);
        assert_eq!(path("convoy work retry gt-a1").as_deref(), Some("/work/gt-a1/retry"));
        assert_eq!(path("convoy launch hq-cv-a --force").as_deref(), Some("/convoys/hq-cv-a/launch"));
        assert_eq!(path("convoy add hq-cv-a <issue>"), None);
        assert_eq!(path("convoy config set budget.on_unmetered allow"), None);
    }
}
