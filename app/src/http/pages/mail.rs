//! Mail: what Convoy and agents have to tell, mailbox by mailbox; and what did not arrive where routes lead.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use convoy_api::query::MailFilter;
use convoy_api::{Code, Failure};
use convoy_core::address::Address;
use convoy_core::command::Request;
use convoy_core::notice::SUBJECT_CHARS_MAX;
use convoy_core::view::{DeliveryView, MailboxView, NoticeView};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::act;
use super::forms::{Action, Fields, PAGE, action, flash, marked, pager};
use super::layout::page;
use super::parts::{Tone, age, badge, block, command, empty, link, moment, safe, section, table, title};
use crate::ask;
use crate::http::{Error, Site, Visitor};

/// Which mailbox, as the address says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Which {
    #[serde(rename = "box")]
    address: String,
    all: String,
    skip: String,
    did: Option<String>,
}

impl Which {
    fn checked(&self) -> Result<String, Failure> {
        if self.address.is_empty() {
            return Ok(Address::overseer().as_str().to_owned());
        }
        Address::new(&self.address).map(|address| address.as_str().to_owned()).map_err(|error| {
            Failure::new(Code::Invalid, format!("{:?} is no mailbox: {error}", self.address))
        })
    }
}

/// The page of a mailbox.
fn address_of(mailbox: &str, all: bool) -> String {
    let mut pairs = vec![("box", mailbox)];
    if all {
        pairs.push(("all", "1"));
    }
    format!("/mail?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
}

/// A mailbox, the newest first.
pub(super) async fn list(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Query(which): Query<Which>,
) -> Result<Markup, Error> {
    let address = which.checked()?;
    let (all, skip) = (!which.all.is_empty(), which.skip.parse().unwrap_or(0));
    let filter = MailFilter { address: address.clone(), kept: !all, latest: true, limit: Some(PAGE), skip };
    let (seq, (shown, total), mailboxes, outbox) = site
        .ask(move |service| {
            let seq = ask::engine(service)?.seq;
            let page = ask::mail_page(service, filter)?;
            Ok((seq, page, ask::mailboxes(service)?, ask::outbox(service, false)?))
        })
        .await?;
    let unread =
        mailboxes.iter().find(|mailbox| mailbox.address == address).map_or(0, |mailbox| mailbox.unread);
    let back = address_of(&address, all);
    let main = html! {
        (flash(which.did.as_deref()))
        div.head {
            div {
                h1 { "Mail" }
                p.soft { "For " (safe(&address)) ": " (unread) " unread of " (total) }
            }
        }
        (chooser(&address, all, &mailboxes))
        @if shown.is_empty() {
            (empty("No mail.", "What lands, and what needs a person, is told here.", None))
        } @else {
            (table("Notices", true, &["Subject", "About", "Came", ""], &html! {
                @for notice in &shown { (row(&visitor, notice, &back)) }
            }))
            (pager(&back, skip, shown.len(), total))
        }
        (deliveries(&visitor, &outbox, &back))
        (write(&visitor, &back))
    };
    Ok(page(&visitor, "Mail", "/mail", Some(seq), &main))
}

fn chooser(address: &str, all: bool, mailboxes: &[MailboxView]) -> Markup {
    let known = mailboxes.iter().any(|mailbox| mailbox.address == address);
    html! {
        form.chooser method="get" role="search" aria-label="Which mail" {
            label { "Mailbox"
                select name="box" {
                    @if !known { option value=(address) selected { (safe(address)) } }
                    @for mailbox in mailboxes {
                        option value=(mailbox.address) selected[mailbox.address == address] {
                            (safe(&mailbox.address)) " (" (mailbox.unread) " unread of " (mailbox.notices) ")"
                        }
                    }
                }
            }
            label.check { input type="checkbox" name="all" value="1" checked[all]; "Also what was put away" }
            button.button type="submit" { "Show" }
        }
    }
}

fn row(visitor: &Visitor, notice: &NoticeView, back: &str) -> Markup {
    let new = notice.read_at.is_none();
    html! {
        tr.unread[new] {
            td.wide {
                @if new { span.dot title="unread" { "●" span.hidden { "unread" } " " } }
                a.name href={ "/mail/" (notice.id) } { (title(&notice.subject)) }
                div.sub { span { (safe(notice.kind.name()).replace('_', " ")) } span { "from " (safe(&notice.from)) } }
            }
            td data-label="About" {
                @if let Some(convoy) = &notice.convoy_id { (link(&format!("/convoys/{convoy}"), convoy.as_str())) }
            }
            td data-label="Came" { (age(notice.created_at)) span.soft { " ago" } }
            td {
                @if notice.archived_at.is_some() { span.soft { "put away" } } @else {
                    (deed(visitor, notice, "archive", "Put away", back))
                }
            }
        }
    }
}

fn deed(visitor: &Visitor, notice: &NoticeView, what: &str, label: &str, back: &str) -> Markup {
    let path = format!("/mail/{}/{what}", notice.id);
    action(visitor, &Action { path, label, tone: Tone::Idle, ask: None, fields: None, back })
}

/// A notice. Looking at it does not mark it as read: only a form changes anything.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(after): Query<super::issue::After>,
) -> Result<Markup, Error> {
    let (seq, notice) =
        site.ask(move |service| Ok((ask::engine(service)?.seq, ask::notice(service, &id)?))).await?;
    let back = format!("/mail/{}", notice.id);
    let main = html! {
        (flash(after.did.as_deref()))
        div.head {
            div {
                p.eyebrow { a href=(address_of(&notice.to, false)) { "Mail for " (safe(&notice.to)) } }
                h1 { (safe(&notice.subject)) }
                p.soft {
                    "From " (safe(&notice.from)) ", " (moment(notice.created_at)) ", "
                    (safe(notice.kind.name()).replace('_', " "))
                    @if let Some(convoy) = &notice.convoy_id { ", about " (link(&format!("/convoys/{convoy}"), convoy.as_str())) }
                }
            }
            div.actions {
                @if notice.read_at.is_none() { (deed(&visitor, &notice, "read", "Mark as read", &back)) }
                @if notice.archived_at.is_none() { (deed(&visitor, &notice, "archive", "Put away", &back)) }
            }
        }
        pre.long { (block(&notice.body)) }
    };
    Ok(page(&visitor, &notice.subject, "/mail", Some(seq), &main))
}

/// What has not arrived where routes lead, and what was given up.
fn deliveries(visitor: &Visitor, outbox: &[DeliveryView], back: &str) -> Markup {
    let heads = ["State", "What", "By", "Tries", "Next", ""];
    html! {
        @if !outbox.is_empty() {
            (section("outbox", "On their way out", Some(outbox.len()), &table("Deliveries", true, &heads, &html! {
                @for one in outbox.iter().take(PAGE) {
                    tr {
                        td { (badge(one.status.name())) }
                        td.wide {
                            a.name href={ "/mail/" (one.notice_id) } { (title(&one.subject)) }
                            @if let Some(error) = &one.last_error { div.sub { (safe(error)) } }
                        }
                        td data-label="By" { (one.route) span.soft { " to " (safe(&one.to)) } }
                        td data-label="Tries" { (one.tries) }
                        td data-label="Next" { @if let Some(at) = one.next_at { (moment(at)) } }
                        td {
                            (action(visitor, &Action {
                                path: format!("/mail/{}/retry", one.id), label: "Try again", tone: Tone::Idle,
                                ask: None, fields: None, back,
                            }))
                        }
                    }
                }
                @if outbox.len() > PAGE {
                    tr { td colspan=(heads.len()) { "and " (outbox.len() - PAGE) " more: " (command("convoy mail outbox")) } }
                }
            })))
        }
    }
}

fn write(visitor: &Visitor, back: &str) -> Markup {
    html! {
        details.more-of {
            summary { "Write to a mailbox" }
            form.fields.panel method="post" action="/mail" {
                (marked(visitor, back))
                label { "To " span.soft { "(an address, such as mayor/)" } input type="text" name="to" required autocomplete="off"; }
                label { "Subject" input type="text" name="subject" required maxlength=(SUBJECT_CHARS_MAX) autocomplete="off"; }
                label { "Text" textarea name="body" rows="5" {} }
                div { button.button.good type="submit" { "Send" } }
            }
        }
    }
}

/// Writes to a mailbox.
pub(super) async fn send(State(site): State<Site>, fields: Fields) -> Result<Response, Error> {
    let field = |name| fields.one(name).unwrap_or_default();
    let body = field("body").replace("\r\n", "\n");
    let request = Request::MailSend { to: field("to"), subject: field("subject"), body };
    act(&site, request, &fields, "sent").await
}

/// Marks one as read.
pub(super) async fn read(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    act(&site, Request::MailRead { notice: id }, &fields, "read").await
}

/// Puts one away.
pub(super) async fn archive(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    act(&site, Request::MailArchive { notices: vec![id] }, &fields, "archived").await
}

/// Tries a delivery again.
pub(super) async fn retry(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    act(&site, Request::MailRetry { delivery: id }, &fields, "retried").await
}
