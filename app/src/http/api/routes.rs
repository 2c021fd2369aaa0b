//! What is where, and what the document says of it.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, patch_with, post_with, put_with};
use aide::openapi::{OpenApi, SecurityScheme, Tag};
use aide::transform::{TransformOpenApi, TransformOperation};
use axum::routing::get;
use axum::{Extension, Json, middleware};

use super::{convoys, costs, engine, issues, mail, metrics, templates, work};
use crate::http::error::ErrorBody;
use crate::http::give;
use crate::http::site::Site;

/// Of which noun, by what name, in how few words.
fn say(
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |op| op.tag(tag).id(id).summary(summary)
}

/// Every route for programs, but streams.
pub(in crate::http) fn router() -> ApiRouter<Site> {
    let api = ApiRouter::new()
        .merge(of_convoys())
        .merge(of_issues())
        .merge(of_work())
        .merge(of_the_rest())
        .route("/api/openapi.json", get(document))
        .layer(middleware::from_fn(give::compared));
    api.api_route("/health", get_with(engine::health, say("engine", "health", "Whether the engine serves")))
        .api_route(
            "/metrics",
            get_with(metrics::show, say("engine", "metrics", "Figures, as Prometheus reads them")),
        )
}

fn of_convoys() -> ApiRouter<Site> {
    let c = "convoys";
    ApiRouter::new()
        .api_route(
            "/api/convoys",
            get_with(convoys::list, say(c, "listConvoys", "Convoys that fit"))
                .post_with(convoys::create, say(c, "createConvoy", "Make a convoy of issues")),
        )
        .api_route(
            "/api/convoys/start",
            post_with(templates::start, |op| {
                say(c, "startTemplate", "Start a template convoy")(op)
                    .response::<201, Json<convoy_core::view::ConvoyView>>()
                    .response_with::<200, (), _>(|res| {
                        res.description("With `dry_run`: what would be started. Else it had been started by the same order.")
                    })
            }),
        )
        .api_route("/api/convoys/check", post_with(convoys::check_all, say(c, "checkConvoys", "Land what is complete")))
        .api_route("/api/convoys/{id}", get_with(convoys::show, say(c, "showConvoy", "One convoy")))
        .api_route("/api/convoys/{id}/start", post_with(convoys::start, say(c, "startConvoy", "Have it worked on")))
        .api_route("/api/convoys/{id}/stop", post_with(convoys::stop, say(c, "stopConvoy", "End what runs of it")))
        .api_route("/api/convoys/{id}/close", post_with(convoys::close, say(c, "closeConvoy", "Close it whatever its issues are")))
        .api_route("/api/convoys/{id}/reopen", post_with(convoys::reopen, say(c, "reopenConvoy", "Open it again")))
        .api_route("/api/convoys/{id}/land", post_with(convoys::land, say(c, "landConvoy", "Land an owned convoy")))
        .api_route("/api/convoys/{id}/add", post_with(convoys::add, say(c, "addIssues", "Track more issues")))
        .api_route("/api/convoys/{id}/remove", post_with(convoys::remove, say(c, "removeIssues", "Track issues no more")))
        .api_route("/api/convoys/{id}/check", post_with(convoys::check, say(c, "checkConvoy", "Land it if it is complete")))
        .api_route(
            "/api/convoys/{id}/synthesize",
            post_with(convoys::synthesize, say(c, "synthesizeConvoy", "Make the report of a template convoy again")),
        )
        .api_route("/api/convoys/{id}/output", get_with(convoys::output, say(c, "convoyOutput", "What a template convoy wrote")))
        .api_route(
            "/api/convoys/{id}/output/{role}",
            get_with(convoys::output_of_role, say(c, "roleOutput", "What a role of a template convoy wrote")),
        )
}

fn of_issues() -> ApiRouter<Site> {
    let i = "issues";
    ApiRouter::new()
        .api_route(
            "/api/issues",
            get_with(issues::list, say(i, "listIssues", "Issues that fit"))
                .post_with(issues::create, say(i, "createIssue", "Make an issue")),
        )
        .api_route(
            "/api/issues/{id}",
            get_with(issues::show, say(i, "showIssue", "One issue"))
                .merge(patch_with(issues::update, say(i, "updateIssue", "Change an issue"))),
        )
        .api_route("/api/issues/{id}/close", post_with(issues::close, say(i, "closeIssue", "Close an issue")))
        .api_route(
            "/api/issues/{id}/reopen",
            post_with(issues::reopen, say(i, "reopenIssue", "Open a closed issue again")),
        )
}

fn of_work() -> ApiRouter<Site> {
    let w = "work";
    ApiRouter::new()
        .api_route(
            "/api/work",
            get_with(work::list, say(w, "listWork", "Workers"))
                .post_with(work::sling, say(w, "sling", "Have issues worked on, each in a convoy")),
        )
        .api_route(
            "/api/work/{id}",
            get_with(work::show, say(w, "showWork", "One worker, by its id, its issue or its session")),
        )
        .api_route(
            "/api/work/{id}/retry",
            post_with(work::retry, say(w, "retryWork", "Let it be worked on again")),
        )
        .api_route(
            "/api/work/{id}/stop",
            post_with(work::stop, say(w, "stopWork", "Stop a worker, and keep its work")),
        )
        .api_route(
            "/api/work/{id}/release",
            post_with(work::release, say(w, "releaseWork", "Take an issue from its worker")),
        )
        .api_route(
            "/api/work/{id}/assign",
            post_with(work::assign, say(w, "assignWork", "Set an agent to an issue of a convoy")),
        )
        .api_route(
            "/api/work/{id}/nudge",
            post_with(work::nudge, say(w, "nudgeWork", "Tell an agent something")),
        )
        .api_route(
            "/api/work/{id}/output",
            get_with(work::output, say(w, "workOutput", "A part of what an agent printed")),
        )
        .api_route("/api/sessions", get_with(work::sessions, say(w, "listSessions", "Sessions of agents")))
        .api_route("/api/sessions/{id}", get_with(work::session, say(w, "showSession", "One session")))
}

fn of_the_rest() -> ApiRouter<Site> {
    let (e, m, t) = ("engine", "mail", "templates");
    ApiRouter::new()
        .api_route(
            "/api/overview",
            get_with(
                engine::overview,
                say(e, "overview", "What needs a person, who is at work, what landed, what it costs"),
            ),
        )
        .api_route("/api/engine", get_with(engine::status, say(e, "engine", "The engine itself")))
        .api_route("/api/facts", get_with(engine::facts, say(e, "facts", "How everybody at work does")))
        .api_route(
            "/api/stranded",
            get_with(engine::stranded, say(e, "stranded", "Convoys in which nothing moves")),
        )
        .api_route(
            "/api/why/{id}",
            get_with(engine::why, say(e, "why", "Why something is not running, or has not landed")),
        )
        .api_route("/api/queue", get_with(engine::queue, say(e, "queue", "What is to land")))
        .api_route(
            "/api/events/page",
            get_with(engine::events, say(e, "listEvents", "A part of what happened")),
        )
        .api_route("/api/rigs", get_with(engine::rigs, say(e, "listRigs", "Repositories")))
        .api_route(
            "/api/rigs/{id}",
            get_with(engine::rig, say(e, "showRig", "One repository, and what goes on in it")),
        )
        .api_route("/api/epics", get_with(engine::epics, say(e, "listEpics", "Epics with their sessions")))
        .api_route("/api/costs", get_with(costs::report, say("costs", "costs", "What work costs, divided")))
        .api_route(
            "/api/costs/budgets",
            get_with(costs::budgets, say("costs", "listBudgets", "Limits on what may be spent"))
                .merge(put_with(costs::limit, say("costs", "setBudget", "Limit what may be spent"))),
        )
        .api_route(
            "/api/mail",
            get_with(mail::list, say(m, "listMail", "A mailbox"))
                .post_with(mail::send, say(m, "sendMail", "Write to a mailbox")),
        )
        .api_route("/api/mail/{id}", get_with(mail::show, say(m, "showMail", "One notice")))
        .api_route("/api/mail/{id}/read", post_with(mail::read, say(m, "readMail", "Mark a notice as read")))
        .api_route(
            "/api/mail/{id}/archive",
            post_with(mail::archive, say(m, "archiveMail", "Put a notice away")),
        )
        .api_route(
            "/api/outbox",
            get_with(mail::outbox, say(m, "listDeliveries", "Notices on their way out")),
        )
        .api_route(
            "/api/templates",
            get_with(templates::list, say(t, "listTemplates", "Templates of convoys")),
        )
        .api_route(
            "/api/templates/{id}",
            get_with(templates::show, say(t, "showTemplate", "One template, with all that it inherits")),
        )
}

/// What the document says of itself.
pub(in crate::http) fn describe(api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let token = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("The workspace's token; `convoy daemon status` says where it is. Callers at the engine's socket need none.".to_owned()),
        extensions: indexmap(),
    };
    let tag = |name: &str| Tag { name: name.to_owned(), ..Tag::default() };
    ["convoys", "issues", "work", "costs", "mail", "templates", "engine", "streams"]
        .into_iter()
        .fold(api, |api, name| api.tag(tag(name)))
        .title("Convoy")
        .version(env!("CARGO_PKG_VERSION"))
        .summary("Drives batches of coding-agent work to completion")
        .security_scheme("token", token)
        .security_requirement("token")
        .default_response_with::<Json<ErrorBody>, _>(|res| {
            res.description("It was not done; `kind` says what is the matter: 400 invalid, 401 unauthorized, 403 forbidden, 404 not_found, 405 not_allowed, 409 conflict, 413 too_large, 415 unsupported, 421 and 403 forbidden, 422 refused, 429 busy, 503 unavailable.")
        })
}

fn indexmap<M: Default>() -> M {
    M::default()
}

async fn document(Extension(document): Extension<Arc<OpenApi>>) -> Json<OpenApi> {
    Json(OpenApi::clone(&document))
}
