//! `convoy issue create`.

use clap::Args;
use convoy_core::command::Request;
use convoy_core::issue::PRIORITY;

use crate::cli::context::Context;
use crate::cli::{ask, values};
use crate::error::{DONE, Error};
use crate::text;

/// Make an issue
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy issue create 'Fix the login'\n  \
    convoy issue create 'Add rate limits' --type feature --priority 1 --needs gt-abc\n  \
    convoy issue create 'Port the parser' --body-file plan.md --acceptance 'all tests pass'")]
pub(in crate::cli) struct Create {
    /// One line
    title: String,
    /// Its id, <prefix>-<letters, digits, '.', '-'>; made up if not given
    #[arg(long)]
    id: Option<String>,
    /// The rig whose repository it is about; read from the prefix of its id if not given
    #[arg(long)]
    rig: Option<String>,
    /// What sort of work
    #[arg(long = "type", value_name = "TYPE", default_value = "task")]
    kind: values::Type,
    #[command(flatten)]
    body: values::Body,
    /// From 0, most urgent, to 4
    #[arg(long, value_name = "0-4", default_value_t = PRIORITY, value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: u8,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// The issue that it is part of
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// An issue that must be closed first; may be repeated
    #[arg(long, value_name = "ID")]
    needs: Vec<String>,
    /// When it counts as done; may be repeated
    #[arg(long, value_name = "TEXT")]
    acceptance: Vec<String>,
}

impl Create {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let request = Request::IssueCreate {
            id: self.id,
            rig: self.rig,
            title: self.title,
            body: self.body.read()?.unwrap_or_default(),
            issue_type: self.kind.into(),
            priority: self.priority,
            labels: self.labels,
            parent: self.parent,
            needs: self.needs,
            acceptance: self.acceptance,
        };
        let (outcome, issue) = ctx.act_and_ask(request, ask::issue)?;
        ctx.out.json(&issue)?;
        let changed = outcome.items.iter().any(|item| item.changed);
        let verb = if changed { "Created" } else { "Already made under this key:" };
        let (id, title) = (&issue.id, text::title(&issue.title));
        ctx.out.say(&format!("{verb} {id}: {title}\n\nNext: convoy sling {id}    (set an agent to it)\n"))?;
        if ctx.out.quiet && !ctx.out.json {
            ctx.out.raw(&format!("{id}\n"))?;
        }
        Ok(DONE)
    }
}
