//! `convoy issue list`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use convoy_api::query::IssueFilter;
use convoy_core::view::IssueView;

use crate::cli::context::Context;
use crate::cli::{ask, status, values};
use crate::error::{DONE, Error};
use crate::output::{FAINT, paint};
use crate::text;

/// What a label begins with that means a convoy.

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum State {
    Open,
    InProgress,
    Submitted,
    NeedsHuman,
    Closed,
    Unknown,
}

/// List issues
///
/// Without --status or --all, those that are not closed. The roles of template convoys are listed with --all, with
/// --type step, or for one convoy.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy issue list --ready\n  convoy issue list --convoy hq-cv-abc12 --all\n  \
    convoy issue list --label urgent --json"
)]
pub(in crate::cli) struct List {
    /// With this status
    #[arg(long)]
    status: Option<State>,
    /// With this label; 'convoy:<id>' means tracked by that convoy
    #[arg(long)]
    label: Option<String>,
    /// Of this rig
    #[arg(long)]
    rig: Option<String>,
    /// Tracked by this convoy
    #[arg(long, value_name = "ID")]
    convoy: Option<String>,
    /// Of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<values::Type>,
    /// Only what could be worked on now
    #[arg(long)]
    ready: bool,
    /// Also closed ones
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl List {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let filter = IssueFilter {
            status: self.status.and_then(|state| Some(state.to_possible_value()?.get_name().to_owned())),
            label: self.label,
            rig: self.rig,
            convoy: self.convoy,
            issue_type: self.kind.map(Into::into),
            ready: self.ready,
            all: self.all,
            limit: self.limit,
            ..IssueFilter::default()
        };
        let filter = filter.as_listed();
        let (issues, total) = ctx.with(|service| ask::issues(service, filter))?;
        ctx.out.json(&issues)?;
        if ctx.out.quiet && !ctx.out.json {
            let ids: String = issues.iter().map(|issue| format!("{}\n", issue.id)).collect();
            ctx.out.raw(&ids)?;
        }
        ctx.out.say(&shown(&issues, total))?;
        Ok(DONE)
    }
}

fn shown(issues: &[IssueView], total: usize) -> String {
    if issues.is_empty() && total == 0 {
        return "No such issues.\n\nNext: convoy issue create 'What is to be done'\n".to_owned();
    }
    let width = issues.iter().map(|issue| issue.id.as_str().len()).max().unwrap_or(0);
    let mut text = String::new();
    for issue in issues {
        let glyph = status::issue_glyph(&issue.status);
        let (kind, title) = (issue.issue_type.name(), text::title(&issue.title));
        let _ = write!(text, "  {glyph} {:<width$}  P{} {kind:<7}  {title}", issue.id, issue.priority);
        for aside in asides(issue) {
            let _ = write!(text, "  {}", paint(FAINT, aside));
        }
        text.push('\n');
    }
    let hidden = total.saturating_sub(issues.len());
    let _ = match hidden {
        0 => writeln!(text, "\n{}", text::count(total, "issue")),
        _ => writeln!(
            text,
            "\n{} of {}; the others are hidden by --limit",
            issues.len(),
            text::count(total, "issue")
        ),
    };
    text
}

fn asides(issue: &IssueView) -> Vec<String> {
    let mut asides = Vec::new();
    if !issue.labels.is_empty() {
        asides.push(format!("[{}]", text::cut(&issue.labels.join(", "), 60)));
    }
    if let Some(assignee) = &issue.assignee {
        asides.push(format!("@{}", text::line(assignee)));
    }
    if let Some(word) = &issue.held {
        asides.push(format!("(held: {})", text::line(word.as_str())));
    }
    if let [first, rest @ ..] = issue.blocked_by.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        asides.push(format!("(blocked by {first}{more})"));
    }
    asides
}
