//! `convoy create`.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::command::Request;
use convoy_core::convoy::MergeStrategy;
use convoy_core::money::Money;
use convoy_core::view::ConvoyView;
use convoy_engine::forge;

use super::context::Context;
use super::{ask, run, values};
use crate::error::{DONE, Error};
use crate::output::{BOLD, paint};
use crate::text;

/// Bundle issues into a convoy
///
/// A convoy lands when all of its issues are closed, and its owner is told. One that nobody started only tracks.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy create 'Deploy v2.0' gt-abc gt-def\n  \
    convoy create 'Deploy v2.0' gt-abc --notify mayor/ --notify --human\n  \
    convoy create 'Deploy v2.0' gt-abc gt-def --run --max-parallel 2\n  \
    convoy create 'Deploy v2.0' gt-abc gt-def --run --wait\n  \
    convoy create 'Sprint' gt-abc --due 2026-01-15\n  \
    convoy create --from-epic gt-epic")]
pub(super) struct Create {
    /// What people call it; the epic's title if not given with --from-epic
    #[arg(required_unless_present = "from_epic")]
    name: Option<String>,
    /// Issues that it tracks
    #[arg(value_name = "ISSUE", required_unless_present = "from_epic")]
    issues: Vec<String>,
    /// Track what can be worked on of this issue of type epic, through lesser epics
    #[arg(long, value_name = "ISSUE")]
    from_epic: Option<String>,
    /// The epic that it belongs to: a name that groups convoys and sessions
    #[arg(long, value_name = "NAME")]
    epic: Option<String>,
    /// No observer lands it: its owner does, with 'convoy land'
    #[arg(long)]
    owned: bool,
    /// When it should have landed: a date, a time with its zone, or so long from now
    #[arg(long, value_name = "WHEN", value_parser = values::due)]
    due: Option<convoy_core::time::Time>,
    /// The most that may be spent on it, in US dollars
    #[arg(long, value_name = "USD")]
    budget: Option<Money>,
    #[command(flatten)]
    terms: values::Terms,
    /// Have it worked on at once, in the background
    #[arg(long)]
    run: bool,
    /// Follow it until it lands, as 'convoy run' does
    #[arg(long, requires = "run")]
    wait: bool,
}

impl Create {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let request = Request::ConvoyCreate {
            name: self.name.unwrap_or_default(),
            issues: self.issues,
            owner: self.terms.owner,
            notify: self.terms.notify,
            merge: self.terms.merge.map(Into::into),
            base: self.terms.base,
            max_parallel: self.terms.max_parallel,
            start: self.run,
            from_epic: self.from_epic,
            epic: self.epic,
            owned: self.owned,
            due: self.due,
            budget: self.budget,
        };
        let since = if self.wait { Some(ctx.with(|service| Ok(ask::engine(service)?.seq))?) } else { None };
        let (outcome, (convoy, _)) = ctx.act_and_ask(request, ask::convoy)?;
        let changed = outcome.items.iter().any(|item| item.changed);
        if !self.wait {
            ctx.out.json(&convoy)?;
        }
        ctx.out.say(&made(&convoy, changed))?;
        if !self.wait {
            ctx.out.say(&format!("\n{}\n", next(&convoy)))?;
        }
        if convoy.merge == MergeStrategy::Pr
            && let Err(error) = forge::find(&ctx.env)
        {
            ctx.out.aside(&format!("warning: {error}\n"));
        }
        if let Some(since) = since {
            ctx.out.say("\n")?;
            return run::Run::since(convoy.id.to_string(), since).run(ctx);
        }
        if ctx.out.quiet && !ctx.out.json {
            ctx.out.raw(&format!("{}\n", convoy.id))?;
        }
        Ok(DONE)
    }
}

fn made(convoy: &ConvoyView, changed: bool) -> String {
    let id = &convoy.id;
    let verb = if changed { "Created convoy" } else { "Already made under this key:" };
    let mut said = format!("🚚 {verb} {id}: {}\n\n", paint(BOLD, text::line(&convoy.title)));
    let tracked: Vec<&str> = convoy.tracked.iter().map(|issue| issue.id.as_str()).collect();
    let _ = writeln!(said, "  Tracking:  {}", text::count(tracked.len(), "issue"));
    for issue in &convoy.tracked {
        let _ = writeln!(said, "    {}: {}", issue.id, text::title(&issue.title));
    }
    let _ = writeln!(said, "  Owner:     {}", text::line(&convoy.owner));
    if !convoy.notify.is_empty() {
        let _ = writeln!(said, "  Notify:    {}", text::line(&convoy.notify.join(", ")));
    }
    if let Some(due) = convoy.due_at {
        let _ = writeln!(said, "  Due:       {}", text::time(due));
    }
    said
}

fn next(convoy: &ConvoyView) -> String {
    let id = &convoy.id;
    match (convoy.status.as_str(), convoy.started_at) {
        ("landed", _) => {
            format!("It landed at once: all of its issues are closed.\n\nNext: convoy status {id}")
        }
        (_, Some(_)) => format!(
            "Agents work on it in the background.\n\nNext: convoy run {id}    (follow it)\n      convoy wait {id}   (wait until it lands)"
        ),
        (_, None) => format!(
            "It only tracks until it is started.\n\nNext: convoy run {id}    (have it worked on)\n      convoy status {id}"
        ),
    }
}
