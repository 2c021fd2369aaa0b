//! `convoy sling`.

use std::fmt::Write as _;

use clap::Args;
use convoy_api::ItemView;
use convoy_core::command::Request;
use convoy_core::event::Event;
use convoy_core::money::Money;

use super::ask;
use super::context::Context;
use super::work::model;
use crate::error::Error;
use crate::text;

/// Set agents to issues
///
/// An issue that is in no open convoy gets one, named after it; several get one together. Agents work in the
/// background. An issue that is being worked on already is left to its worker; of one whose worker failed, stopped
/// or was lost, the next goes on from its branch and is told what it came to.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy sling gt-abc\n  convoy sling gt-abc gt-def --agent claude --model sonnet\n  \
    convoy sling gt-abc gastown/         only if gt-abc belongs to rig gastown\n  \
    convoy sling gt-abc gastown/amber    the worker is called amber\n\n\
    The last argument is a target when it has a '/' in it, or no '-', or is the name of a rig.\n\
    Issues that are closed, or blocked within their convoy, are refused, also with --force; if others\n\
    are slung all the same, the exit status is 5."
)]
pub(super) struct Sling {
    /// Issues, and at last a target if there is one: a rig, or a rig and a name for the worker
    #[arg(value_name = "ISSUE", required = true)]
    issues: Vec<String>,
    /// The agent
    #[arg(long)]
    agent: Option<String>,
    /// The model
    #[arg(long)]
    model: Option<String>,
    /// The branch that the work lands in
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,
    /// The most that each of their workers may spend, in US dollars
    #[arg(long, value_name = "USD")]
    budget: Option<Money>,
    /// Make no convoy
    #[arg(long)]
    no_convoy: bool,
    /// Also in a rig that is parked
    #[arg(long)]
    force: bool,
    /// Say what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Sling {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (issues, target) = with_target(self.issues);
        let Self { agent, model, base, no_convoy, force, dry_run, budget, .. } = self;
        let request = Request::Sling { issues, target, agent, model, base, no_convoy, force, budget };
        let mut outcome = ctx.act(request, dry_run)?;
        // Ids that were made up for a dry run are nobody's.
        outcome.items.iter_mut().filter(|item| dry_run && item.changed).for_each(|item| item.note = None);
        let status = ctx.out.items(&outcome.items, if dry_run { "Would sling" } else { "Slung" })?;
        let said = if dry_run { plan(&outcome.would) } else { next(ctx, &outcome.items) };
        ctx.out.say(&said)?;
        Ok(status)
    }
}

/// Ids of issues have a dash and no slash; what stands last and has not that form is the target.
fn with_target(mut words: Vec<String>) -> (Vec<String>, Option<String>) {
    let is_target = |word: &String| word.contains('/') || !word.contains('-');
    let target = if words.len() > 1 { words.pop_if(|word| is_target(word)) } else { None };
    (words, target)
}

fn next(ctx: &mut Context, items: &[ItemView]) -> String {
    let Some(item) = items.iter().find(|item| item.changed) else { return String::new() };
    let id = text::line(&item.id);
    // It is slung, whether or not it can be asked now which convoy it is in.
    let worker = ctx.with(|service| ask::worker(service, &item.id)).ok();
    match worker.and_then(|worker| worker.convoy_id) {
        Some(convoy) => format!(
            "  in convoy {convoy}\n\nNext: convoy work status {id}    (how it goes)\n      \
             convoy status {convoy} --watch\n"
        ),
        None => format!("\nNext: convoy work status {id}    (how it goes)\n"),
    }
}

fn plan(would: &[Event]) -> String {
    let mut said = String::new();
    for event in would {
        let _ = match event {
            Event::ConvoyCreated { convoy } => {
                let issues = text::count(convoy.tracked.len(), "issue");
                writeln!(said, "  would make a convoy: {} ({issues})", text::title(&convoy.title))
            }
            Event::WorkerAssigned { worker } => {
                let model = model(worker.model.as_deref(), &worker.model_rationale);
                writeln!(said, "  would assign {}: agent {}, {model}", worker.issue, worker.agent)
            }
            Event::SessionWanted { .. } => writeln!(said, "  would start an agent at once"),
            _ => Ok(()),
        };
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_told_from_an_issue_by_its_form() {
        let split = |words: &[&str]| with_target(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(split(&["gt-a"]), (vec!["gt-a".into()], None));
        assert_eq!(split(&["gt"]), (vec!["gt".into()], None));
        assert_eq!(split(&["gt-a", "gt-b"]), (vec!["gt-a".into(), "gt-b".into()], None));
        assert_eq!(split(&["gt-a", "gastown"]), (vec!["gt-a".into()], Some("gastown".into())));
        assert_eq!(split(&["gt-a", "my-rig/"]), (vec!["gt-a".into()], Some("my-rig/".into())));
    }
}
