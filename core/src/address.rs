//! Addresses: where a notice goes. Each address has a mailbox in the workspace.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest address, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 200;

/// A mailbox: `overseer` is the person; `mayor/`, `rig/name` and anything else are opaque.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Address(#[schemars(with = "String")] Arc<str>);

/// The text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "address {text:?} is not valid: expected 1 to {ADDRESS_BYTES_MAX} bytes without white space or control characters, not beginning with '-' (except --human)"
)]
pub struct Error {
    /// What was given.
    pub text: String,
}

impl Address {
    /// Takes the text as an address. `--human` is another name of the person.
    ///
    /// # Errors
    /// When it is empty, too long, begins with a dash or holds white space or control characters.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text == "--human" {
            return Ok(Self::overseer());
        }
        let bad = text.is_empty()
            || text.len() > ADDRESS_BYTES_MAX
            || text.starts_with('-')
            || text.chars().any(|c| c.is_control() || c.is_whitespace());
        if bad { Err(Error { text: text.chars().take(120).collect() }) } else { Ok(Self(text.into())) }
    }
    /// The person who runs the workspace.
    pub fn overseer() -> Self {
        Self("overseer".into())
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_human_may_begin_with_a_dash() {
        assert_eq!(Address::new("--human").unwrap(), Address::overseer());
        for bad in ["", "-x", "--other", "a b", "a\u{1b}[31m"] {
            assert!(Address::new(bad).is_err(), "{bad}");
        }
        assert!(Address::new("gastown/nux").is_ok());
        assert!(Address::new("mayor/").is_ok());
    }
}
