//! `convoy events`.

use clap::Args;
use convoy_api::Service;
use convoy_core::event::{Envelope, Event};
use convoy_core::id::Seq;

use super::ask;
use super::context::Context;
use super::follow::{End, Follow, Look, See};
use crate::error::{DONE, Error};
use crate::output::Output;
use crate::text;

/// How many events are asked for at once.
const PAGE: usize = 1000;
/// How much of a record is shown; --json has all.
const RECORD_CHARS: usize = 200;

/// Print what happened, oldest first
///
/// With --json one object a line.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy events --since 120\n  convoy events --type convoy. -f\n  convoy events --json | jq .type"
)]
pub(super) struct Events {
    /// Only those after this number
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    since: u64,
    /// Only those whose type is this or begins so: convoy.landed, issue.
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// Go on with what happens
    #[arg(short, long)]
    follow: bool,
}

impl Events {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut out = ctx.out.clone();
        let mut last = Seq(self.since);
        if !self.follow {
            ctx.with(|service| Ok(self.print_all(service, &mut last, &mut out)))??;
            return Ok(DONE);
        }
        let mut seen = ctx.out.clone();
        let mut begun = false;
        let look = |service: &dyn Service| -> Result<Look<()>, Error> {
            // Once: after that every event comes by itself.
            if !std::mem::replace(&mut begun, true) {
                self.print_all(service, &mut last, &mut out)?;
            }
            Ok(Look { end: out.is_closed().then_some(()), seq: last })
        };
        let see = |event: &Envelope| {
            if self.wants(event) {
                print(event, &mut seen)?;
            }
            Ok(if seen.is_closed() { See::Stop } else { See::Nothing })
        };
        match Follow::new(ctx.workspace()?, None).while_read()?.until(|| ctx.staying(), look, see)? {
            End::Reached(()) | End::TimeOut | End::Interrupted | End::Unseen => Ok(DONE),
        }
    }

    /// Prints everything after `last`, page by page, and moves it on.
    fn print_all(&self, service: &dyn Service, last: &mut Seq, out: &mut Output) -> Result<(), Error> {
        loop {
            let (events, end) = ask::events(service, *last, PAGE, self.kind.clone())?;
            for event in &events {
                print(event, out)?;
            }
            *last = end;
            if events.len() < PAGE || out.is_closed() {
                return Ok(());
            }
        }
    }

    fn wants(&self, event: &Envelope) -> bool {
        self.kind.as_deref().is_none_or(|kind| event.event.name().starts_with(kind))
    }
}

fn print(event: &Envelope, out: &mut Output) -> Result<(), Error> {
    if out.json {
        return out.json_line(event);
    }
    let (at, actor) = (text::time(event.at), text::line(event.actor.as_str()));
    let subject = text::line(&event.subject);
    // A record of another tool is there for its text, and changes nothing by which it could be seen elsewhere.
    let text = match &event.event {
        Event::RecordImported { record } => format!(": {}", text::cut(&record.text, RECORD_CHARS)),
        _ => String::new(),
    };
    out.say(&format!("{:>6}  {at}  {:<26} {subject}  by {actor}{text}\n", event.seq, event.event.name()))
}
