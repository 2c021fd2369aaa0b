//! Why a request is refused. Nothing was changed.

/// A refusal, with what a person needs to do about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages name")]
pub enum Refusal {
    /// A reference leads nowhere.
    #[error("no such {kind}: {}", ids.join(", "))]
    NoSuch { kind: &'static str, ids: Vec<String> },
    /// A prefix fits several.
    #[error("{kind} {text:?} is not unique: it could be {}", matches.join(", "))]
    Ambiguous { kind: &'static str, text: String, matches: Vec<String> },
    /// A field has a value that is not accepted.
    #[error("{field}: {problem}")]
    Invalid { field: &'static str, problem: String },
    /// The dependency would close a circle.
    #[error("dependency would make a cycle: {}", path.join(" -> "))]
    Cycle { path: Vec<String> },
    /// It exists already, as something else.
    #[error("{what}")]
    Conflict { what: String },
    /// The state of things does not allow it.
    #[error("{what}")]
    Domain { what: String, hint: Option<String> },
}

impl Refusal {
    /// A refusal of the domain with advice.
    pub fn domain(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Domain { what: what.into(), hint: Some(hint.into()) }
    }
    /// A refusal of one field.
    pub fn invalid(field: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Invalid { field, problem: problem.to_string() }
    }
    /// The code that scripts read.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuch { .. } => "not_found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Invalid { .. } => "invalid",
            Self::Cycle { .. } => "cycle",
            Self::Conflict { .. } => "conflict",
            Self::Domain { .. } => "refused",
        }
    }
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuch { kind, .. } => match *kind {
                "issue" => Some("see them with 'convoy issue list --all'".into()),
                "epic" => Some("see them with 'convoy session list'".into()),
                "convoy" => Some("see them with 'convoy list --all'".into()),
                _ => None,
            },
            Self::Ambiguous { .. } => Some("give more letters of the id".into()),
            Self::Cycle { .. } => Some("remove one of these with 'convoy issue dep remove'".into()),
            Self::Domain { hint, .. } => hint.clone(),
            Self::Invalid { .. } | Self::Conflict { .. } => None,
        }
    }
}
