//! `convoy overview`.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::view::{ConvoyLineView, OverviewView};

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, FAINT, GOOD, paint};
use crate::text;

/// How much of a reason is shown; --json has all.
const DETAIL_CHARS: usize = 160;

/// Say what needs you, who is at work, what landed today, and what it costs
///
/// Lists hold the first 50; the counts are of all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy overview\n  convoy overview --json | jq .needs")]
pub(super) struct Overview {}

impl Overview {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let overview = ctx.with(ask::overview)?;
        ctx.out.json(&overview)?;
        ctx.out.say(&text_of(&overview))?;
        Ok(DONE)
    }
}

fn text_of(of: &OverviewView) -> String {
    let mut text = String::new();
    let head = |text: &mut String, name: &str, total: usize| {
        let _ = writeln!(text, "{} ({total})", paint(BOLD, name));
    };
    head(&mut text, "Needs you", of.needs_total);
    for need in &of.needs {
        let category = need.category.map_or("", |category| category.name());
        let title = text::title(&need.title);
        let _ = writeln!(text, "  {}  {title}: {}", text::line(&need.id), paint(BAD, category));
        let _ = writeln!(text, "      {}", text::cut(&need.detail, DETAIL_CHARS));
        let _ = writeln!(text, "      {}", paint(FAINT, text::line(&need.command)));
    }
    head(&mut text, "At work", of.at_work_total);
    for worker in &of.at_work {
        let (name, title) = (text::line(&worker.name), text::title(&worker.title));
        let _ = writeln!(text, "  {name}  {}  {title}  {}", worker.issue_id, worker.state);
    }
    head(&mut text, "Convoys", of.open + of.staged);
    of.convoys.iter().for_each(|convoy| line(&mut text, convoy));
    head(&mut text, "Landed today", of.landed_today_total);
    of.landed_today.iter().for_each(|convoy| line(&mut text, convoy));
    let limit = of.day_limit.as_ref().map(|limit| format!(" of ${}", limit.usd)).unwrap_or_default();
    let _ = writeln!(text, "{}: ${}{limit}", paint(BOLD, "Spent today"), of.spent_today.usd);
    text
}

fn line(text: &mut String, convoy: &ConvoyLineView) {
    let of = format!("{}/{}", convoy.completed, convoy.total);
    let style = if convoy.needs_human || convoy.overdue { BAD } else { GOOD };
    let title = text::title(&convoy.title);
    let _ = writeln!(text, "  {}  {title}  {} {}", convoy.id, paint(style, of), convoy.status);
}
