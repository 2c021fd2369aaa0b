//! Mailboxes.

use axum::Json;
use axum::extract::{OriginalUri, State};
use convoy_core::address::Address;
use convoy_core::command::Request;
use convoy_core::view::{DeliveryView, NoticeView};
use schemars::JsonSchema;
use serde::Deserialize;

use super::values;
use crate::ask;
use crate::http::give::{Cut, Did, Made, Page};
use crate::http::take::{Body, Caller, Id, Path, Query};
use crate::http::{Error, Site};

/// Which notices.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Whose mailbox; the person's if not given.
    address: Option<String>,
    /// Only what was not read yet.
    #[serde(default)]
    unread: bool,
    /// Also what was archived.
    #[serde(default)]
    all: bool,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn list(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Which { address, unread, all, limit, skip }): Query<Which>,
) -> Result<Page<NoticeView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    let address = values::addresses("address", address.into_iter().collect())?.pop();
    let address = address.unwrap_or_else(|| Address::overseer().to_string());
    let mut notices = site.ask(move |service| ask::mail(service, address)).await?;
    notices.retain(|notice| (all || notice.archived_at.is_none()) && (!unread || notice.read_at.is_none()));
    Ok(cut.of(notices))
}

pub(super) async fn show(State(site): State<Site>, Path(id): Path<Id>) -> Result<Json<NoticeView>, Error> {
    Ok(Json(site.ask(move |service| ask::notice(service, &id.text())).await?))
}

/// A notice to be sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// Whose mailbox.
    to: String,
    /// What it is about, in one line.
    subject: String,
    /// The text.
    body: String,
}

pub(super) async fn send(
    State(site): State<Site>,
    caller: Caller,
    Body(New { to, subject, body }): Body<New>,
) -> Result<Made<NoticeView>, Error> {
    let request = Request::MailSend { to, subject, body };
    let (value, changed) = site.make(request, caller, ask::notice).await?;
    Ok(Made { location: format!("/api/mail/{}", value.id), value, changed })
}

pub(super) async fn read(State(site): State<Site>, Path(id): Path<Id>, caller: Caller) -> Result<Did, Error> {
    Did::of(site.act(Request::MailRead { notice: id.text() }, caller).await?)
}

pub(super) async fn archive(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
) -> Result<Did, Error> {
    Did::of(site.act(Request::MailArchive { notices: vec![id.text()] }, caller).await?)
}

/// Which deliveries.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deliveries {
    /// Also those that have arrived.
    #[serde(default)]
    all: bool,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn outbox(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Deliveries { all, limit, skip }): Query<Deliveries>,
) -> Result<Page<DeliveryView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    Ok(cut.of(site.ask(move |service| ask::outbox(service, all)).await?))
}
