//! Names that reach git: validated once, typed from then on.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};

/// The longest branch name, in bytes: it becomes a file name together with `.lock`.
const BRANCH_BYTES_MAX: usize = 200;
/// The longest name or address in an identity, in bytes.
const IDENTITY_BYTES_MAX: usize = 200;
/// The longest title of a commit, in characters.
const TITLE_CHARS_MAX: usize = 500;

/// The name of an object: 40 hex digits, or 64 in a SHA-256 repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(Arc<str>);

impl Oid {
    /// Takes hex digits as an object name.
    ///
    /// # Errors
    /// `BadOid`.
    pub fn new(text: &str) -> Result<Self> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (text.len() == 40 || text.len() == 64) {
            Ok(Self(text.into()))
        } else {
            Err(Error::BadOid { text: text.chars().take(80).collect() })
        }
    }
    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The digits that people read.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
    /// The name that stands for "no object" beside this one.
    pub(super) fn zero(&self) -> String {
        "0".repeat(self.0.len())
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Oid {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(&text)
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0.as_ref().to_owned()
    }
}

/// The short name of a branch, without `refs/heads/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Branch(String);

impl Branch {
    /// Takes a text as the name of a branch, by the rules of `git check-ref-format --branch`.
    ///
    /// # Errors
    /// `BadName` with the rule that the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        match branch_fault(&text) {
            None => Ok(Self(text)),
            Some(why) => Err(Error::BadName { kind: "branch", text: text.chars().take(120).collect(), why }),
        }
    }
    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The full reference.
    pub fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Branch {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<Branch> for String {
    fn from(branch: Branch) -> Self {
        branch.0
    }
}

fn branch_fault(text: &str) -> Option<&'static str> {
    let forbidden = |b: u8| b.is_ascii_control() || b" ~^:?*[\\".contains(&b);
    let rules: [(bool, &'static str); 9] = [
        (text.is_empty(), "it is empty"),
        (text.len() > BRANCH_BYTES_MAX, "it is too long"),
        (text.starts_with('-'), "it begins with a dash"),
        (text == "HEAD" || text == "@", "git uses it for something else"),
        (text.bytes().any(forbidden), "it has a space, a control character or one of ~^:?*[\\"),
        (text.contains("..") || text.contains("@{"), "it has '..' or '@{'"),
        (text.ends_with('.'), "it ends with a dot"),
        (text.split('/').any(str::is_empty), "it has an empty part between slashes"),
        (
            text.split('/').any(|part| part.starts_with('.') || part.ends_with(".lock")),
            "a part of it begins with a dot or ends with '.lock'",
        ),
    ];
    rules.into_iter().find(|(broken, _)| *broken).map(|(_, why)| why)
}

/// What a workdir, its folder and its references are known by; normally the session's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// Takes a text that is safe as one part of a path and of a reference.
    ///
    /// # Errors
    /// `BadName`.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if plain && text.len() <= convoy_core::id::ID_BYTES_MAX && branch_fault(&text).is_none() {
            Ok(Self(text))
        } else {
            let why = "expected letters, digits, '.', '_' and '-', not at the ends";
            Err(Error::BadName { kind: "key", text: text.chars().take(120).collect(), why })
        }
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Where the commit that the workdir started from is pinned.
    pub fn base_ref(&self) -> String {
        format!("refs/convoy/base/{}", self.0)
    }
    /// Where the earlier attempt's tip that it goes on from is pinned.
    pub fn from_ref(&self) -> String {
        format!("refs/convoy/from/{}", self.0)
    }
    /// Where its saved work is.
    pub fn salvage_ref(&self) -> String {
        format!("refs/convoy/salvage/{}", self.0)
    }
}

impl TryFrom<String> for Key {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Who commits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    name: String,
    email: String,
}

impl Identity {
    /// A name and an address.
    ///
    /// # Errors
    /// `BadName` when git would change either, or they could break out of a line.
    pub fn new(name: impl Into<String>, email: impl Into<String>) -> Result<Self> {
        let (name, email) = (name.into(), email.into());
        for text in [&name, &email] {
            let crud = |c: char| c.is_control() || matches!(c, '<' | '>');
            let edge = |c: char| c.is_whitespace() || ".,:;\"\\'".contains(c);
            let why = if text.is_empty() || text.len() > IDENTITY_BYTES_MAX {
                "it is empty or too long"
            } else if text.contains(crud) || text.starts_with(edge) || text.ends_with(edge) {
                "it has a control character or one of <>, or punctuation at an end"
            } else {
                continue;
            };
            return Err(Error::BadName { kind: "identity", text: text.chars().take(120).collect(), why });
        }
        Ok(Self { name, email })
    }
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The address.
    pub fn email(&self) -> &str {
        &self.email
    }
}

/// The message of a commit that we make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    title: String,
    trailers: Vec<(String, String)>,
}

impl Message {
    /// A message of one line. Line ends and control characters become spaces; an empty title is replaced.
    pub fn new(title: &str) -> Self {
        let title = one_line(title);
        Self {
            title: if title.is_empty() { "Work of an agent".to_owned() } else { title },
            trailers: Vec::new(),
        }
    }
    /// Adds `Key: value` at the end.
    ///
    /// # Errors
    /// `BadName` when the key is not made of letters, digits and dashes.
    pub fn trailer(mut self, key: &str, value: &str) -> Result<Self> {
        let good = key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !good {
            let why = "expected letters, digits and dashes";
            return Err(Error::BadName { kind: "trailer", text: key.chars().take(120).collect(), why });
        }
        self.trailers.push((key.to_owned(), one_line(value)));
        Ok(self)
    }
    /// The bytes of the message.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut text = self.title.clone() + "\n";
        if !self.trailers.is_empty() {
            text.push('\n');
        }
        for (key, value) in &self.trailers {
            text += &format!("{key}: {value}\n");
        }
        text.into_bytes()
    }
}

fn one_line(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TITLE_CHARS_MAX).collect();
    spaced.trim().to_owned()
}
