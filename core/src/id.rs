//! Typed ids, all from one list.
//!
//! An id is opaque text that was validated once, at the edge. Two kinds never mix. Ids that we make
//! are `<prefix>-<base36>`; an issue's id may also be given by a person or a tracker, and is then any
//! `<prefix>-[A-Za-z0-9.-]+` that is safe as part of a path and of a git ref name.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest id that is accepted, in bytes: ids become parts of file and ref names.
pub const ID_BYTES_MAX: usize = 100;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text has the wrong form; `expected` says which form is accepted.
    #[error("{kind} id {text:?} is not valid: expected {expected}")]
    Form {
        /// Which kind of id.
        kind: &'static str,
        /// What was given, escaped by `Debug`.
        text: String,
        /// The accepted form.
        expected: &'static str,
    },
}

fn safe_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ID_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_')
        && !text.starts_with(['-', '.'])
        && !text.ends_with(['.', '-'])
        && !text.contains("..")
        && !text.ends_with(".lock")
}

fn safe_prefixed(text: &str) -> bool {
    safe_part(text)
        && text.split_once('-').is_some_and(|(prefix, rest)| {
            !prefix.is_empty() && !rest.is_empty() && prefix.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as an id, or says what form is accepted.
            pub fn new(text: impl AsRef<str>) -> Result<Self, Error> {
                let text = text.as_ref();
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(Error::Form { kind: $kind, text: text.chars().take(120).collect(), expected: $expected })
                }
            }
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(g: &mut schemars::SchemaGenerator) -> schemars::Schema {
                String::json_schema(g)
            }
            fn inline_schema() -> bool {
                true
            }
        }
    )*};
}

id_types! {
    /// An issue: a unit of work that can be closed.
    IssueId, "issue", "<prefix>-<letters, digits, '.', '-'>", safe_prefixed;
    /// A convoy: a set of tracked issues that lands as one.
    ConvoyId, "convoy", "hq-cv-<base36>", safe_prefixed;
    /// A worker: the assignment of one issue to one agent, over all its attempts.
    WorkerId, "worker", "w-<base36>", safe_prefixed;
    /// A session: one attempt of a worker, one supervisor, one epoch.
    SessionId, "session", "s-<base36>", safe_prefixed;
    /// A notice in a mailbox.
    NoticeId, "notice", "n-<base36>", safe_prefixed;
    /// A delivery of a notice by one route.
    DeliveryId, "delivery", "d-<base36>", safe_prefixed;
    /// A checkpoint.
    CheckpointId, "checkpoint", "ckpt-<base36>", safe_prefixed;
    /// An epic: a name that groups convoys and sessions. It becomes part of paths, and may be the id of an issue.
    EpicName, "epic", "1 to 100 letters, digits, '.', '_' and '-', not beginning with '.' or '-'",
        |text| (1..=100).contains(&text.len()) && !text.starts_with(['.', '-'])
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    /// A route: a way out of the workspace for notices.
    RouteName, "route", "letters, digits, '.', '_' and '-', not at the ends", safe_part;
    /// A rig: one managed repository.
    RigName, "rig", "letters, digits, '.', '_' and '-', not at the ends", safe_part;
    /// A worker's name within its rig, as a person gave it.
    WorkerName, "worker name", "letters, digits, '.', '_' and '-', not at the ends, and not beginning with 'w-'",
        |text| safe_part(text) && !text.starts_with("w-");
    /// A role in which an agent looks at a change.
    RoleName, "role", "letters, digits, '.', '_' and '-', not at the ends", safe_part;
    /// A template of convoys.
    TemplateName, "template", "letters, digits, '.', '_' and '-', not at the ends", safe_part;
    /// An agent file: the description of a role.
    SubagentName, "subagent", "letters, digits, '.', '_' and '-', not at the ends", safe_part;
    /// An agent: the name of a preset.
    AgentName, "agent", "letters, digits, '.', '_' and '-', not at the ends", safe_part;
}

impl IssueId {
    /// The part before the first dash, which names the rig.
    pub fn prefix(&self) -> &str {
        self.0.split_once('-').map_or(&self.0, |(prefix, _)| prefix)
    }
}

/// Numbers a session among all sessions of a workspace. Every effect and every observation of an attempt
/// carries it; one that is not the attempt's own changes nothing.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Epoch(pub u64);

/// The place of an event in the workspace's one total order; the first event has 1.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `count` lower-case base-36 digits out of `entropy`.
pub fn base36(mut entropy: u64, count: usize) -> String {
    (0..count)
        .map(|_| {
            let digit = (entropy % 36) as u8;
            entropy /= 36;
            char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_ids_are_opaque_but_safe_in_paths_and_refs() {
        for good in ["gt-abc", "MIN-123", "bd-a.b-c", "hq-1", "x9-Z"] {
            assert!(IssueId::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "gt",
            "gt-",
            "-rf",
            "../x-1",
            "gt-a/b",
            "gt-a..b",
            "gt-a.lock",
            ".git-x",
            "gt-\u{1b}[m",
            "g t-1",
        ] {
            assert!(IssueId::new(bad).is_err(), "{bad}");
        }
        assert!(IssueId::new("a-".to_owned() + &"x".repeat(300)).is_err());
    }

    #[test]
    fn base36_has_the_length_asked_for() {
        assert_eq!(base36(0, 5), "00000");
        assert_eq!(base36(35, 3), "z00");
    }
}
