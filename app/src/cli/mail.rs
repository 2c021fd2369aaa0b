//! `convoy mail`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_core::command::Request;
use convoy_core::view::NoticeView;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BOLD, FAINT, paint};
use crate::text;

/// Read what Convoy has to tell
#[derive(Debug, Subcommand)]
pub(super) enum Mail {
    Inbox(Inbox),
    Read(Read),
}

/// List a mailbox
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy mail inbox\n  convoy mail inbox mayor/")]
pub(super) struct Inbox {
    /// Whose; your own if not given
    #[arg(value_name = "ADDR", allow_hyphen_values = true, value_parser = super::values::subscriber)]
    address: Option<String>,
    /// Only what was not read yet
    #[arg(long)]
    unread: bool,
}

/// Show a notice, and mark it as read
#[derive(Debug, Args)]
pub(super) struct Read {
    /// The notice, or a unique prefix of its id
    #[arg(value_name = "ID")]
    id: String,
}

impl Mail {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Inbox(command) => command.run(ctx),
            Self::Read(command) => command.run(ctx),
        }
    }
}

impl Inbox {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let address = match self.address {
            Some(address) => address,
            None => ctx.actor()?,
        };
        let mut notices = ctx.with(|service| ask::mail(service, address.clone()))?;
        notices.retain(|notice| !self.unread || notice.read_at.is_none());
        ctx.out.json(&notices)?;
        if notices.is_empty() {
            ctx.out.say(&format!("No mail for {}.\n", text::line(&address)))?;
        }
        let text: String = notices.iter().map(one_line).collect();
        ctx.out.say(&text)?;
        Ok(DONE)
    }
}

fn one_line(notice: &NoticeView) -> String {
    let subject = text::title(&notice.subject);
    let (mark, subject) = match notice.read_at {
        None => ("●", paint(BOLD, subject)),
        Some(_) => (" ", subject),
    };
    format!("{mark} {}  {}  {subject}\n", notice.id, paint(FAINT, text::time(notice.created_at)))
}

impl Read {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (_, notice) = ctx.act_and_ask(Request::MailRead { notice: self.id }, ask::notice)?;
        ctx.out.json(&notice)?;
        let mut said = format!("{}\n", paint(BOLD, text::line(&notice.subject)));
        let _ = writeln!(
            said,
            "From {} to {}, {}\n",
            notice.from,
            text::line(&notice.to),
            text::time(notice.created_at)
        );
        let _ = writeln!(said, "{}", text::block(&notice.body).trim_end());
        ctx.out.say(&said)?;
        Ok(DONE)
    }
}
