//! What sort of thing a finding is about, so far as its words tell: what it is compared by, and what it touches.
//!
//! Two reviewers call the same fault `injection` and `SQL Injection`; a linter calls it `S608`. A *topic* is the one word
//! for all of them. A *broad* category (`security`, `bug`) says who looked, and not what was seen.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use convoy_core::id::RoleName;
use convoy_core::review::Finding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a finding touches, what matters most first.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Touches {
    /// Who may do what.
    Security,
    /// Whether it does what it should.
    Correctness,
    /// How fast it does it.
    Performance,
    /// Anything else.
    #[default]
    Other,
}

impl Touches {
    /// The name that people and scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Correctness => "correctness",
            Self::Performance => "performance",
            Self::Other => "other",
        }
    }
}

use Touches::{Correctness, Other, Performance, Security};

/// Topics, with words of which one is enough, as `words` has them; the first that fits counts.
const TOPICS: [(Touches, &[&str]); 27] = [
    (
        Security,
        &[
            "injection",
            "sqli",
            "unsanitized",
            "unsanitised",
            "subprocess",
            "eval",
            "s602",
            "s603",
            "s604",
            "s605",
            "s608",
        ],
    ),
    (Security, &["xss", "scripting"]),
    (Security, &["csrf", "ssrf", "forgery"]),
    (Security, &["traversal", "zipslip"]),
    (Security, &["secret", "password", "credential", "hardcoded", "s105", "s106", "s107"]),
    (Security, &["crypto", "cryptography", "cipher", "md5", "sha1", "s303", "s324"]),
    (
        Security,
        &["auth", "authentication", "authorization", "authorisation", "authz", "permission", "bypass"],
    ),
    (Security, &["deserialization", "deserialisation", "pickle", "unserialize", "s301", "s506"]),
    (Correctness, &["race", "toctou", "deadlock", "livelock"]),
    (Correctness, &["overflow", "underflow", "truncation"]),
    (Correctness, &["boundary", "offbyone", "bound", "fencepost"]),
    (Correctness, &["null", "nil", "undefined", "f821", "unwrap", "panic", "dereference"]),
    (Correctness, &["leak", "unclosed"]),
    (Correctness, &["exception", "except", "swallow", "unhandled", "e722", "ble001", "error handling"]),
    (Correctness, &["quote", "quoting", "globbing", "splitting", "sc2086"]),
    (Correctness, &["nan", "float"]),
    (Correctness, &["mutable", "b006"]),
    (Correctness, &["unreachable", "dead"]),
    (Correctness, &["timeout", "hang"]),
    (Performance, &["quadratic", "complexity", "exponential"]),
    (Performance, &["query", "queries", "n+1"]),
    (Performance, &["blocking"]),
    (Performance, &["allocation", "clone", "copies"]),
    (Other, &["unused", "f401", "f841", "dead_code"]),
    (Other, &["naming", "misnamed"]),
    (Other, &["documentation", "docs", "typo"]),
    (Other, &["untested", "coverage"]),
];

/// Of each of those words the number of its topic.
static TOPIC_OF: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
    let topics = TOPICS.iter().enumerate();
    topics.flat_map(|(at, (_, words))| words.iter().map(move |word| (*word, at))).collect()
});

/// Categories that say who looked.
const BROAD: [&str; 14] = [
    "security",
    "correctness",
    "performance",
    "bug",
    "quality",
    "style",
    "other",
    "architecture",
    "maintainability",
    "general",
    "logic",
    "reliability",
    "issue",
    "vulnerability",
];

/// Words that are in every sentence.
const EMPTY: [&str; 22] = [
    "the", "a", "an", "of", "in", "is", "are", "to", "and", "or", "for", "with", "on", "by", "be", "not",
    "it", "can", "may", "from", "this", "that",
];
/// How many words of a title are looked at.
const WORDS_MAX: usize = 24;

/// Words of a text as they are compared: small letters, without endings.
fn words(text: &str) -> Vec<Cow<'_, str>> {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '+'));
    let mut words: Vec<Cow<'_, str>> =
        parts.filter(|part| !part.is_empty()).take(WORDS_MAX).map(stem).collect();
    words.retain(|word| !EMPTY.contains(&word.as_ref()));
    words
}

/// A word in small letters, without the plural; most are so as they stand.
fn stem(word: &str) -> Cow<'_, str> {
    let is_small = word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    let mut word = if is_small { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) };
    let keeps = ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    if word.len() > 3 && word.ends_with('s') && !keeps {
        match &mut word {
            Cow::Borrowed(word) => *word = &word[..word.len() - 1],
            Cow::Owned(word) => word.truncate(word.len() - 1),
        }
    }
    word
}

/// The number of a topic, and what it touches.
fn topic_of(words: &[Cow<'_, str>]) -> Option<(usize, Touches)> {
    let topics = words.iter().filter_map(|word| TOPIC_OF.get(word.as_ref()));
    topics.min().map(|at| (*at, TOPICS[*at].0))
}

/// A finding, as it is compared with others.
#[derive(Clone, Debug, Default)]
pub(super) struct Kind<'a> {
    /// Its topic, if it has one.
    pub(super) topic: Option<usize>,
    /// The words of its category, sorted and joined; empty if it has none.
    pub(super) category: String,
    /// The category says only who looked.
    pub(super) is_broad: bool,
    /// The words of its title.
    pub(super) title: Vec<Cow<'a, str>>,
    /// What it touches.
    pub(super) touches: Touches,
}

impl<'a> Kind<'a> {
    pub(super) fn of(finding: &'a Finding, role: &RoleName) -> Self {
        let mut category = words(&finding.category);
        category.sort_unstable();
        category.dedup();
        let title = words(&finding.title);
        let is_broad = category.len() == 1 && BROAD.contains(&category[0].as_ref());
        let topic = topic_of(&category).or_else(|| topic_of(&title));
        let named = touches_by_name(&finding.category.to_lowercase());
        let touches = named
            .or(topic.map(|(_, touches)| touches))
            .or_else(|| touches_by_name(&role.as_str().to_lowercase()))
            .unwrap_or_default();
        Self { topic: topic.map(|(at, _)| at), category: category.join(" "), is_broad, title, touches }
    }
}

/// What a category, a rule or a role has in its name.
fn touches_by_name(name: &str) -> Option<Touches> {
    let (letters, number) = name.split_at(name.bytes().take_while(u8::is_ascii_alphabetic).count());
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let is_rule = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if has(&["security", "vulnerab", "cwe"]) || (is_rule && letters == "s") {
        Some(Security)
    } else if has(&["performance", "perf"]) {
        Some(Performance)
    } else if has(&["correctness", "bug", "logic", "reliability"])
        || name == "invalid-syntax"
        || (is_rule && ["f", "b", "sc", "ple", "ble"].contains(&letters) && name != "f401" && name != "f841")
    {
        Some(Correctness)
    } else {
        None
    }
}

/// Whether two titles say nearly the same: at least half of all their words, sorted numbers by now, are in both.
pub(super) fn near(a: &[u32], b: &[u32]) -> bool {
    if a.is_empty() || b.is_empty() {
        return false;
    }
    let (mut at_a, mut at_b, mut common) = (0, 0, 0);
    while at_a < a.len() && at_b < b.len() {
        match a[at_a].cmp(&b[at_b]) {
            std::cmp::Ordering::Equal => {
                common += 1;
                at_a += 1;
                at_b += 1;
            }
            std::cmp::Ordering::Less => at_a += 1,
            std::cmp::Ordering::Greater => at_b += 1,
        }
    }
    common * 2 >= a.len() + b.len() - common
}
