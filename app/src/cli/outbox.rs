//! `convoy mail outbox` and `convoy mail retry`: notices on their way out of the workspace.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::command::Request;
use convoy_core::view::{DeliveryStatus, DeliveryView};

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BUSY, FAINT, GOOD, paint};
use crate::text;

/// List what has not arrived yet where routes lead, and what was given up
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy mail outbox\n  convoy mail outbox --failed")]
pub(super) struct Outbox {
    /// Only what was given up
    #[arg(long)]
    failed: bool,
    /// Also what has arrived
    #[arg(long, conflicts_with = "failed")]
    all: bool,
}

/// Try to deliver again what was given up or waits
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy mail retry d-1a2b3c4d")]
pub(super) struct Retry {
    /// A delivery, or a notice for all of its deliveries; a unique prefix of its id is enough
    #[arg(value_name = "ID")]
    id: String,
}

impl Outbox {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut deliveries = ctx.with(|service| ask::outbox(service, self.all))?;
        deliveries.retain(|delivery| !self.failed || delivery.status == DeliveryStatus::Failed);
        ctx.out.json(&deliveries)?;
        if deliveries.is_empty() {
            ctx.out.say("Nothing waits to be delivered.\n")?;
        }
        let text: String = deliveries.iter().map(entry).collect();
        ctx.out.say(&text)?;
        Ok(DONE)
    }
}

fn entry(delivery: &DeliveryView) -> String {
    let status = match delivery.status {
        DeliveryStatus::Pending => paint(BUSY, "pending"),
        DeliveryStatus::Delivered => paint(GOOD, "delivered"),
        DeliveryStatus::Failed => paint(BAD, "failed"),
    };
    let (to, subject) = (text::line(&delivery.to), text::title(&delivery.subject));
    let tries = if delivery.tries == 1 { "1 try".to_owned() } else { format!("{} tries", delivery.tries) };
    let mut said = format!(
        "{}  {status}  {} to {to} by {}  {subject}\n",
        delivery.id, delivery.notice_id, delivery.route
    );
    let when = match (delivery.next_at, delivery.delivered_at.or(delivery.failed_at)) {
        (Some(at), _) => format!("next at {}", text::time(at)),
        (None, Some(at)) => text::time(at),
        (None, None) => String::new(),
    };
    let _ = writeln!(said, "  {}", paint(FAINT, format_args!("{tries}, {when}")));
    if let Some(error) = &delivery.last_error {
        let _ = writeln!(said, "  {}", text::line(error));
    }
    if delivery.status == DeliveryStatus::Failed {
        let _ = writeln!(said, "  try again: convoy mail retry {}", delivery.id);
    }
    said
}

impl Retry {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::MailRetry { delivery: self.id }, false)?;
        ctx.out.items(&outcome.items, "Trying again")
    }
}
