//! Mail: what Convoy has to tell, and messages.

use convoy_core::command::Request;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool, page};
use super::values;
use crate::ask;
use crate::error::Error;

/// List a mailbox, oldest first: landings, what needs a person, messages.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Whose; that of whoever asks if not given.
    address: Option<String>,
    /// Only what was not read yet.
    #[serde(default)]
    unread: bool,
    /// Also what was archived.
    #[serde(default)]
    all: bool,
    /// How many to leave out at the beginning: next_offset of the page before.
    offset: Option<usize>,
    /// How many at most; 50 if not given.
    limit: Option<usize>,
}

/// Show a notice, without marking it as read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Show {
    /// The notice, or a unique prefix of its id.
    notice: String,
}

/// Show a notice, and mark it as read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    /// The notice, or a unique prefix of its id.
    notice: String,
}

/// Write to a mailbox. It may be passed on outside of the workspace, as its owner has configured.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    /// Whose mailbox: an address; --human is the person.
    to: String,
    /// What it is about, in one line.
    subject: String,
    /// The text.
    body: String,
}

/// Put notices away. They are kept, and listed with `all` only.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Archive {
    /// Notices, or unique prefixes of their ids.
    notices: Vec<String>,
}

impl Tool for List {
    const NAME: &'static str = "mail_list";
    const TITLE: &'static str = "List a mailbox";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("mail_show with one id, or a smaller limit and next_offset");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let address = match self.address {
            Some(address) => values::addresses("address", vec![address])?.pop(),
            None => None,
        };
        let address = address.map_or_else(|| desk.ctx.actor(), Ok)?;
        let mut notices = desk.ctx.with(|service| ask::mail(service, address))?;
        notices.retain(|notice| {
            (self.all || notice.archived_at.is_none()) && (!self.unread || notice.read_at.is_none())
        });
        Answer::page(&notices, &page(self.offset, self.limit))
    }
}

impl Tool for Show {
    const NAME: &'static str = "mail_show";
    const TITLE: &'static str = "Show a notice";
    const KIND: Kind = Kind::Looks;

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&desk.ctx.with(|service| ask::notice(service, &self.notice))?)
    }
}

impl Tool for Read {
    const NAME: &'static str = "mail_read";
    const TITLE: &'static str = "Read a notice";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&desk.ctx.act_and_ask(Request::MailRead { notice: self.notice }, ask::notice)?.1)
    }
}

impl Tool for Send {
    const NAME: &'static str = "mail_send";
    const TITLE: &'static str = "Write to somebody";
    const KIND: Kind = Kind::Changes { destroys: false, again: false, outside: true };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let mut to = values::addresses("to", vec![self.to])?;
        let to = to.pop().unwrap_or_default();
        let request = Request::MailSend { to, subject: self.subject, body: self.body };
        Answer::of(&desk.ctx.act_and_ask(request, ask::notice)?.1)
    }
}

impl Tool for Archive {
    const NAME: &'static str = "mail_archive";
    const TITLE: &'static str = "Put notices away";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let notices = values::some("notices", self.notices)?;
        Answer::items(&desk.ctx.act(Request::MailArchive { notices }, false)?.items)
    }
}
