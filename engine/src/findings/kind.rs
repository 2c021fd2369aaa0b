//! What sort of thing a finding is about, so far as its words tell: what it is compared by, and what it touches.
//!
//! Two reviewers call the same fault `injection` and `SQL Injection`; a linter calls it `S608`. A *topic* is the one word
//! for all of them. A *broad* category (`security`, `bug`) says who looked, and not what was seen.

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

/// Words of a text as they are compared: small letters, without endings, each once, sorted.
pub(super) fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '+'));
    let mut words: Vec<String> = parts
        .filter(|part| !part.is_empty())
        .take(WORDS_MAX)
        .map(|part| stem(&part.to_lowercase()))
        .collect();
    words.retain(|word| !EMPTY.contains(&word.as_str()));
    words.sort_unstable();
    words.dedup();
    words
}

/// Without the plural.
fn stem(word: &str) -> String {
    let keeps = ["ss", "us", "is", "xss"].iter().any(|end| word.ends_with(end));
    match word.strip_suffix('s') {
        Some(short) if short.len() >= 3 && !keeps => short.to_owned(),
        Some(_) | None => word.to_owned(),
    }
}

/// The number of a topic, and what it touches.
fn topic_of(words: &[String]) -> Option<(usize, Touches)> {
    let fits = |all: &[&str]| words.iter().any(|word| all.contains(&word.as_str()));
    TOPICS.iter().position(|(_, all)| fits(all)).map(|at| (at, TOPICS[at].0))
}

/// A finding, as it is compared with others.
#[derive(Clone, Debug, Default)]
pub(super) struct Kind {
    /// Its topic, if it has one.
    pub(super) topic: Option<usize>,
    /// The words of its category, joined; empty if it has none.
    pub(super) category: String,
    /// The category says only who looked.
    pub(super) is_broad: bool,
    /// The words of its title.
    pub(super) title: Vec<String>,
    /// What it touches.
    pub(super) touches: Touches,
}

impl Kind {
    pub(super) fn of(finding: &Finding, role: &RoleName) -> Self {
        let category = words(&finding.category);
        let title = words(&finding.title);
        let is_broad = category.len() == 1 && BROAD.contains(&category[0].as_str());
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
    let letters: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let is_rule = name.len() > letters.len() && name[letters.len()..].bytes().all(|b| b.is_ascii_digit());
    if has(&["security", "vulnerab", "cwe"]) || (is_rule && letters == "s") {
        Some(Security)
    } else if has(&["performance", "perf"]) {
        Some(Performance)
    } else if has(&["correctness", "bug", "logic", "reliability"])
        || name == "invalid-syntax"
        || (is_rule
            && ["f", "b", "sc", "ple", "ble"].contains(&letters.as_str())
            && name != "f401"
            && name != "f841")
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
