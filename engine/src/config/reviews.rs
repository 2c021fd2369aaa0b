//! Reviews: who looks at a change, and when.

use std::collections::BTreeMap;

use convoy_api::{Code, Failure};
use convoy_core::id::{AgentName, RoleName};
use convoy_core::policy;
use convoy_core::time::Span;

use super::typed::Config;
use crate::review;

/// How many reviewers look at a change: they run side by side.
const ROLES_MAX: usize = 8;

/// What follows when a reviewer fails. It is no verdict about the change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFailure {
    /// What the others say counts.
    Continue,
    /// The merge waits, and is tried again like one that broke.
    Hold,
}

/// Reviews, as they are configured.
#[derive(Clone, PartialEq, Debug)]
pub struct Reviews {
    /// Whether a change is reviewed before it lands.
    pub before_merge: bool,
    /// In which roles.
    pub roles: Vec<RoleName>,
    /// By which agent.
    pub agent: AgentName,
    /// Which model by role, if not the agent's own default.
    pub models: BTreeMap<RoleName, String>,
    /// The longest that a reviewer may take.
    pub timeout: Span,
    /// What follows when one fails.
    pub on_failure: OnFailure,
}

impl Config {
    /// What is said of reviews.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn reviews(&self) -> Result<Reviews, Failure> {
        let role = |key: &str, text: &str| review::check(text).map_err(|known| self.wrong(key, &known));
        let names = self.texts("review.roles")?.unwrap_or_default();
        let mut roles: Vec<RoleName> = Vec::new();
        for name in &names {
            let name = role("review.roles", name)?;
            if !roles.contains(&name) {
                roles.push(name);
            }
        }
        if roles.is_empty() || roles.len() > ROLES_MAX {
            return Err(self.wrong("review.roles", &format!("1 to {ROLES_MAX} roles")));
        }
        let mut models = BTreeMap::new();
        for name in self.names("review.models") {
            let key = format!("review.models.{name}");
            if let Some(model) = self.text(&key)? {
                models.insert(role(&key, &name)?, model.to_owned());
            }
        }
        let agent = match self.text("review.agent")? {
            Some(agent) => agent,
            None => self.text("defaults.agent")?.unwrap_or("claude"),
        };
        let agent = AgentName::new(agent)
            .map_err(|error| Failure::new(Code::Invalid, format!("review.agent: {error}")))?;
        let on_failure = match self.text("review.on_failure")? {
            Some("continue") => OnFailure::Continue,
            Some("hold") => OnFailure::Hold,
            _ => return Err(self.wrong("review.on_failure", "continue or hold")),
        };
        Ok(Reviews {
            before_merge: self.flag("review.before_merge")?,
            roles,
            agent,
            models,
            timeout: self.span("review.timeout")?,
            on_failure,
        })
    }

    /// When checkpoints are reviewed.
    ///
    /// # Errors
    /// When a number is not accepted.
    pub(super) fn reviews_of_checkpoints(&self) -> Result<policy::Reviews, Failure> {
        let number = |key: &str| Ok::<u32, Failure>(self.number(key, 0)?.unwrap_or(0));
        Ok(policy::Reviews { every: number("review.every")?, files: number("review.files")? })
    }

    /// How often a review may find what blocks before a person is needed.
    ///
    /// # Errors
    /// When it is no whole number from 1.
    pub(super) fn review_rounds(&self) -> Result<u32, Failure> {
        Ok(self.number("review.rounds", 1)?.unwrap_or(3))
    }
}
