//! What work costs.

use convoy_api::query::CostOf;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool};
use crate::ask;
use crate::error::Error;
use crate::values;

/// Say what work costs: in all, and divided by convoy, worker, session, issue, model and day. Of the whole workspace, or
/// of one epic, convoy, worker or issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    /// Only what this epic cost.
    epic: Option<String>,
    /// Only what this convoy cost.
    convoy: Option<String>,
    /// Only what this worker cost.
    worker: Option<String>,
    /// Only what this issue cost.
    issue: Option<String>,
    /// Only what was used on this day (UTC) or later: a date, or how long ago, such as 7d.
    since: Option<String>,
}

impl Tool for Cost {
    const NAME: &'static str = "cost";
    const TITLE: &'static str = "What it costs";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("cost with one convoy, worker or issue");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let of = match (self.epic, self.convoy, self.worker, self.issue) {
            (None, None, None, None) => CostOf::Workspace,
            (Some(id), None, None, None) => CostOf::Epic { id },
            (None, Some(id), None, None) => CostOf::Convoy { id },
            (None, None, Some(id), None) => CostOf::Worker { id },
            (None, None, None, Some(id)) => CostOf::Issue { id },
            (..) => return Err(Error::usage("epic, convoy, worker, issue: only one of these can be given")),
        };
        let since = self.since.as_deref().map(values::since).transpose();
        let since = since.map_err(|why| Error::usage(format!("since: {why}")))?;
        Answer::of(&desk.ctx.with(|service| ask::cost(service, of, since))?)
    }
}
