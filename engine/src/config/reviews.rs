//! Reviews: who looks at a change, and when.

use std::collections::BTreeMap;

use convoy_api::{Code, Failure};
use convoy_core::id::{AgentName, RoleName, TemplateName};
use convoy_core::policy::{self, Inconclusive};
use convoy_core::time::Span;

use super::layers::Origin;
use super::typed::Config;

/// How many reviewers look at a change: they run side by side.
const ROLES_MAX: usize = 8;

/// The review of a change, as it is configured.
#[derive(Clone, PartialEq, Debug)]
pub struct Reviews {
    /// By this template.
    pub template: TemplateName,
    /// Or by these roles, side by side.
    pub roles: Option<Vec<RoleName>>,
    /// By this agent, whatever the files of the roles say.
    pub agent: Option<AgentName>,
    /// Which model by role.
    pub models: BTreeMap<RoleName, String>,
    /// How long all of a template, or each of the roles, may take.
    pub timeout: Option<Span>,
}

impl Config {
    /// How a branch is reviewed before it lands.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn reviews(&self) -> Result<Reviews, Failure> {
        let template = self.text("review.template")?.unwrap_or("code-review");
        let template = TemplateName::new(template)
            .map_err(|error| Failure::new(Code::Invalid, format!("review.template: {error}")))?;
        let role = |key: &str, name: &str| {
            RoleName::new(name).map_err(|error| Failure::new(Code::Invalid, format!("{key}: {error}")))
        };
        let roles = match self.texts("review.roles")? {
            None => None,
            Some(names) => {
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
                Some(roles)
            }
        };
        let mut models = BTreeMap::new();
        for name in self.names("review.models") {
            let key = format!("review.models.{name}");
            if let Some(model) = self.text(&key)? {
                models.insert(role(&key, &name)?, model.to_owned());
            }
        }
        let agent = self.text("review.agent")?.map(AgentName::new).transpose();
        let agent = agent.map_err(|error| Failure::new(Code::Invalid, format!("review.agent: {error}")))?;
        let timeout = self.entry("review.timeout").map(|_| self.span("review.timeout")).transpose()?;
        Ok(Reviews { template, roles, agent, models, timeout })
    }

    /// What is reviewed, and when.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub(super) fn what_is_reviewed(&self) -> Result<policy::Reviews, Failure> {
        let number = |key: &str| Ok::<u32, Failure>(self.number(key, 0)?.unwrap_or(0));
        Ok(policy::Reviews {
            every: number("review.every")?,
            files: number("review.files")?,
            before_merge: self.flag("review.before_merge")?,
            on_inconclusive: self.inconclusive()?,
        })
    }

    /// What follows from a review without a word; `on_failure` is what the key was called before.
    fn inconclusive(&self) -> Result<Inconclusive, Failure> {
        let old = match self.text("review.on_failure")? {
            None => None,
            Some("continue") => Some(Inconclusive::Merge),
            Some("hold") => Some(Inconclusive::NeedsHuman),
            Some(_) => return Err(self.wrong("review.on_failure", "continue or hold")),
        };
        let key = "review.on_inconclusive";
        let said = self.entry(key).is_some_and(|entry| entry.origin != Origin::Default);
        match (self.text(key)?, old) {
            (_, Some(old)) if !said => Ok(old),
            (Some("needs_human") | None, _) => Ok(Inconclusive::NeedsHuman),
            (Some("merge"), _) => Ok(Inconclusive::Merge),
            (Some(_), _) => Err(self.wrong(key, "needs_human or merge")),
        }
    }

    /// How often a review may find what blocks before a person is needed.
    ///
    /// # Errors
    /// When it is no whole number from 1.
    pub(super) fn review_rounds(&self) -> Result<u32, Failure> {
        Ok(self.number("review.rounds", 1)?.unwrap_or(3))
    }
}
