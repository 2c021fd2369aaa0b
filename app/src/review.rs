//! Reviews, as every surface has them: what is looked at, and what came of it.

use convoy_core::id::{ConvoyId, RoleName};
use convoy_core::review::ReviewResult;
use convoy_core::template::Verdict;
use convoy_core::view::{ConvoyView, StrandedView};
use convoy_engine::findings::Synthesis;
use convoy_engine::reports::Reports;
use convoy_engine::templates;
use convoy_engine::workspace::Workspace;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::error::{DONE, Error, PARTIAL};

/// The status of a review that wants changes.
const CHANGES_REQUESTED: u8 = 1;
/// The template of reviews, if nobody names another.
pub(crate) const TEMPLATE: &str = "code-review";
/// What the synthesis of findings is called in the output folder.
const SYNTHESIS: &str = "synthesis.json";

/// What came of it, as is printed with `--json`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReviewView {
    /// The convoy of the reviewers; null if there was nothing to review.
    convoy_id: Option<ConvoyId>,
    #[serde(flatten)]
    result: ReviewResult,
}

/// What came of it.
pub(crate) struct Outcome {
    /// As is printed with `--json`.
    pub(crate) view: ReviewView,
    /// The report, if there is one.
    pub(crate) report: Option<String>,
    /// Why there is no verdict, and what may help.
    pub(crate) trouble: Option<(String, String)>,
    /// With what the command ends.
    pub(crate) status: u8,
}

/// With globs alone a template looks at files as they are; of a review they are those of the change.
pub(crate) fn since_default(ctx: &Context, start: templates::Start) -> Result<templates::Start, Error> {
    let all = templates::Start { files: Vec::new(), ..start.clone() };
    match templates::resolve(&ctx.workspace()?, &ctx.env, &all) {
        Ok(resolved) => Ok(templates::Start { base: resolved.run.diff_base, ..start }),
        // It is told when the globs are looked at.
        Err(failure) if templates::is_unchanged(&failure) => Ok(all),
        Err(failure) => Err(failure.into()),
    }
}

/// What is said where nothing has changed.
pub(crate) fn approved(why: &str) -> ReviewView {
    let result = ReviewResult {
        success: true,
        review_result: Verdict::Approved,
        files_reviewed: Vec::new(),
        security_issues: Vec::new(),
        performance_issues: Vec::new(),
        notes: why.to_owned(),
        report: None,
        missing_lanes: Vec::new(),
    };
    ReviewView { convoy_id: None, result }
}

/// What came of a review that is over, or cannot go on.
pub(crate) fn outcome(
    workspace: &Workspace,
    convoy: &ConvoyView,
    stuck: Option<&StrandedView>,
) -> Result<Outcome, Error> {
    let reports = Reports::of(workspace, convoy);
    let made = convoy.context.as_ref().and_then(|run| run.report.as_ref());
    let file = made.filter(|report| report.error.is_none()).and_then(|report| report.files.first());
    let Some((reports, file)) = reports.zip(file) else { return Ok(without_report(convoy, stuck)) };
    let unreadable = |error| {
        Error::refused(format!(
            "the report of {} cannot be read: {}",
            convoy.id,
            convoy_engine::explain(&error)
        ))
    };
    let content = reports.text(file).map_err(unreadable)?;
    let path = reports.path(file).map_err(unreadable)?.display().to_string();
    let synthesis = reports.text(SYNTHESIS).map_err(unreadable)?;
    let synthesis: Synthesis = serde_json::from_str(&synthesis)
        .map_err(|error| Error::refused(format!("{SYNTHESIS} of {} cannot be read: {error}", convoy.id)))?;
    let result = synthesis.result(Some(path));
    let status = status(Some(result.review_result));
    let view = ReviewView { convoy_id: Some(convoy.id.clone()), result };
    Ok(Outcome { view, report: Some(content), trouble: None, status })
}

/// It was stopped, or cannot go on, or nothing could be made of what was found.
fn without_report(convoy: &ConvoyView, stuck: Option<&StrandedView>) -> Outcome {
    let run = convoy.context.as_ref();
    let made = run.and_then(|run| run.report.as_ref()).and_then(|report| report.error.as_deref());
    let (why, hint) = match (stuck, made, run.and_then(|run| run.stopped_by.as_deref())) {
        (Some(stuck), ..) => (format!("nothing can move: {}", stuck.detail), stuck.command.clone()),
        (None, Some(error), _) => {
            (format!("its report could not be made: {error}"), format!("convoy synthesize {}", convoy.id))
        }
        (None, None, Some(by)) => (format!("{by} stopped it"), format!("convoy output {}", convoy.id)),
        (None, None, None) => ("there is no report of it".to_owned(), format!("convoy status {}", convoy.id)),
    };
    let missing = convoy.roles.iter().filter(|role| role.status != "completed");
    let result = ReviewResult {
        success: false,
        review_result: Verdict::Commented,
        files_reviewed: run.map(|run| run.files.clone()).unwrap_or_default(),
        security_issues: Vec::new(),
        performance_issues: Vec::new(),
        notes: why.clone(),
        report: None,
        missing_lanes: missing.filter_map(|role| RoleName::new(role.role.clone()).ok()).collect(),
    };
    let view = ReviewView { convoy_id: Some(convoy.id.clone()), result };
    Outcome { view, report: None, trouble: Some((why, hint)), status: PARTIAL }
}

fn status(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Approved) => DONE,
        Some(Verdict::ChangesRequested) => CHANGES_REQUESTED,
        Some(Verdict::Commented) | None => PARTIAL,
    }
}
