//! `convoy mail`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_core::command::Request;
use convoy_core::notice::NoticeKind;
use convoy_core::view::NoticeView;

use super::ask;
use super::context::Context;
use super::outbox::{Outbox, Retry};
use crate::error::{DONE, Error};
use crate::output::{BOLD, FAINT, paint};
use crate::text;

/// Read what Convoy has to tell, and write to others
#[derive(Debug, Subcommand)]
pub(super) enum Mail {
    Inbox(Inbox),
    Read(Read),
    Send(Send),
    Archive(Archive),
    Outbox(Outbox),
    Retry(Retry),
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
    /// Also what was archived
    #[arg(long)]
    all: bool,
}

/// Show a notice, and mark it as read
#[derive(Debug, Args)]
pub(super) struct Read {
    /// The notice, or a unique prefix of its id
    #[arg(value_name = "ID")]
    id: String,
}

/// Write to a mailbox
///
/// The message is from whoever asks; what Convoy itself has to tell is from 'convoy'.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy mail send mayor/ -s 'Deploy tonight?' -m 'The payments convoy is ready.'\n  \
    convoy mail send --human -s 'Notes' --body-file notes.md"
)]
pub(super) struct Send {
    /// Whose mailbox; '--human' is the person
    #[arg(value_name = "ADDR", allow_hyphen_values = true, value_parser = super::values::subscriber)]
    address: String,
    /// What it is about, in one line
    #[arg(short, long, value_name = "SUBJECT", allow_hyphen_values = true)]
    subject: String,
    /// The text
    #[arg(
        short,
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        visible_alias = "body",
        required_unless_present = "body_file",
        conflicts_with = "body_file"
    )]
    message: Option<String>,
    /// Read the text from a file; '-' is stdin
    #[arg(long, value_name = "FILE")]
    body_file: Option<std::path::PathBuf>,
}

/// Put notices away
///
/// They are kept, and listed with 'mail inbox --all' only. What of them could not be delivered is no failure any more.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy mail archive n-1a2b3c4d n-5e6f7g8h")]
pub(super) struct Archive {
    /// Notices, or unique prefixes of their ids
    #[arg(value_name = "ID", required = true)]
    notices: Vec<String>,
}

impl Mail {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Inbox(command) => command.run(ctx),
            Self::Read(command) => command.run(ctx),
            Self::Send(command) => command.run(ctx),
            Self::Archive(command) => command.run(ctx),
            Self::Outbox(command) => command.run(ctx),
            Self::Retry(command) => command.run(ctx),
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
        notices.retain(|notice| {
            (self.all || notice.archived_at.is_none()) && (!self.unread || notice.read_at.is_none())
        });
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
    let from = match notice.kind {
        NoticeKind::Message => format!("  from {}", text::line(&notice.from)),
        NoticeKind::ConvoyLanded
        | NoticeKind::ConvoyAbandoned
        | NoticeKind::NeedsHuman
        | NoticeKind::Escalated
        | NoticeKind::Witness
        | NoticeKind::BudgetWarning
        | NoticeKind::BudgetExceeded => String::new(),
    };
    let archived = if notice.archived_at.is_some() { "  archived" } else { "" };
    format!(
        "{mark} {}  {}  {subject}{}\n",
        notice.id,
        paint(FAINT, text::time(notice.created_at)),
        paint(FAINT, format_args!("{from}{archived}"))
    )
}

impl Read {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (_, notice) = ctx.act_and_ask(Request::MailRead { notice: self.id }, ask::notice)?;
        ctx.out.json(&notice)?;
        let mut said = format!("{}\n", paint(BOLD, text::line(&notice.subject)));
        let _ = writeln!(
            said,
            "From {} to {}, {}\n",
            text::line(&notice.from),
            text::line(&notice.to),
            text::time(notice.created_at)
        );
        let _ = writeln!(said, "{}", text::block(&notice.body).trim_end());
        ctx.out.say(&said)?;
        Ok(DONE)
    }
}

impl Send {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let body = match (self.message, self.body_file) {
            (Some(text), _) => text,
            (None, Some(path)) => super::values::read_text(&path)?,
            (None, None) => String::new(),
        };
        let request = Request::MailSend { to: self.address, subject: self.subject, body };
        let (_, notice) = ctx.act_and_ask(request, ask::notice)?;
        ctx.out.json(&notice)?;
        let to = text::line(&notice.to);
        ctx.out.say(&format!("Sent {} to {to}.\n\nNext: convoy mail inbox {to}\n", notice.id))?;
        Ok(DONE)
    }
}

impl Archive {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::MailArchive { notices: self.notices }, false)?;
        ctx.out.items(&outcome.items, "Archived")
    }
}
