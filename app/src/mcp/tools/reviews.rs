//! Reviews: reviewers look at a change, and say whether it is good.

use convoy_core::template::ReportKind;
use convoy_core::time::Span;
use convoy_engine::templates;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool};
use super::templates::{agent, begun};
use super::values;
use super::waiting::{Over, until_over};
use crate::error::Error;
use crate::review;

/// How long is waited for a review whose template has no limit of its own.
const WAIT_S: i64 = 3_600;

/// Have a change reviewed by agents. Without base: all that differs from where this branch left the default branch, with what
/// is not committed yet. With wait it returns the verdict, else the convoy, to be followed with `wait` and read with
/// `convoy_output`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Review {
    /// Look at what changed since this branch or commit.
    base: Option<String>,
    /// Only these files of the change: globs.
    #[serde(default)]
    files: Vec<String>,
    /// The template; code-review if not given.
    template: Option<String>,
    /// The agent of every role.
    agent: Option<String>,
    /// The model of every role.
    model: Option<String>,
    /// The most that may be spent on it, in US dollars.
    budget_usd: Option<f64>,
    /// How long it may take in all, such as 20m.
    timeout: Option<String>,
    /// Wait for the verdict. That takes minutes; how it goes is told meanwhile, as progress.
    #[serde(default)]
    wait: bool,
}

impl Tool for Review {
    const NAME: &'static str = "review";
    const TITLE: &'static str = "Have a change reviewed";
    const KIND: Kind = Kind::Changes { destroys: false, again: false, outside: true };
    const MORE: Option<&'static str> = Some("convoy_output with its convoy");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let (wait, budget) = (self.wait, self.budget_usd.map(values::budget).transpose()?);
        let start = self.start(desk)?;
        let resolved = match templates::resolve(&desk.ctx.workspace()?, &desk.ctx.env, &start) {
            Ok(resolved) => resolved,
            Err(failure) if templates::is_unchanged(&failure) => {
                return Answer::of(&review::approved(&failure.message));
            }
            Err(failure) => return Err(failure.into()),
        };
        if resolved.run.report != ReportKind::Review {
            let what = format!("template {} makes no report of findings", start.template);
            return Err(Error::refused(what).hint("start it with template_start"));
        }
        let notes = resolved.notes.clone();
        let order = desk.ctx.order(resolved.request(None, Vec::new(), None, budget))?;
        let convoy = begun(desk, order)?;
        let answer = if wait { verdict(desk, convoy.id.as_str())? } else { Answer::of(&convoy)? };
        Ok(notes.into_iter().fold(answer, Answer::note))
    }
}

impl Review {
    fn start(self, desk: &Desk<'_>) -> Result<templates::Start, Error> {
        let since_default = self.base.is_none() && !self.files.is_empty();
        let start = templates::Start {
            template: self.template.unwrap_or_else(|| review::TEMPLATE.to_owned()),
            dir: Some(desk.ctx.dir().to_owned()),
            base: self.base,
            files: self.files,
            timeout: self.timeout.as_deref().map(values::timeout).transpose()?,
            agent: agent(self.agent)?,
            model: self.model,
            ..templates::Start::default()
        };
        if since_default { review::since_default(desk.ctx, start) } else { Ok(start) }
    }
}

fn verdict(desk: &mut Desk<'_>, convoy: &str) -> Result<Answer, Error> {
    let goes_on = |why: &str| {
        Error::refused(format!("{why}; the review goes on in the background as {convoy}"))
            .hint(format!("wait with convoys = [\"{convoy}\"], then read it with convoy_output"))
    };
    let standing = match until_over(desk, &[convoy.to_owned()], false, Span::from_secs(WAIT_S))? {
        Over::Stands(mut all) => all.pop(),
        Over::TimeOut => return Err(goes_on("the time ran out")),
        Over::Unwanted => return Err(goes_on("nobody waits any more")),
    };
    let Some((convoy, stuck)) = standing else { return Err(goes_on("it is not there")) };
    let outcome = review::outcome(&desk.ctx.workspace()?, &convoy, stuck.as_ref())?;
    let mut answer = Answer::of(&outcome.view)?;
    if let Some((why, hint)) = outcome.trouble {
        answer = answer.note(format!("{} came to no verdict: {why}; try: {hint}", convoy.id));
    }
    Ok(answer.note(format!("The whole report: convoy_output with convoy = \"{}\".", convoy.id)))
}
