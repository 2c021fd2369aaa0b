//! Makes printed text the same on every run: ids, times, ages, commits, ports and the test's own folder.
//!
//! Ids are numbered in the order in which they first appear, so that a snapshot shows which are the same.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use regex_lite::{Captures, Regex};

/// Remembers the ids of one test. Clones share what they have seen.
#[derive(Clone, Debug)]
pub struct Normaliser {
    root: String,
    ids: Regex,
    seen: Arc<Mutex<Vec<String>>>,
    rules: Arc<Vec<(Regex, &'static str)>>,
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern written here is valid")
}

impl Normaliser {
    /// For a test that lives below `root`, and whose made-up issues have one of `prefixes`.
    pub fn new(root: &Path, prefixes: &[&str]) -> Self {
        let prefixes: String = prefixes.iter().map(|p| format!("{}|", regex_lite::escape(p))).collect();
        let rules = [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", "[time]"),
            (r"\b[0-9a-f]{64}\b", "[hash]"),
            (r"\b[0-9a-f]{40}\b", "[commit]"),
            (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[uuid]"),
            (r"\((?:\d+(?:ms|s|m|h|d) ?)+\)", "([age])"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        ];
        Self {
            root: root.to_string_lossy().into_owned(),
            ids: regex(&format!(r"\b(hq-cv|{prefixes}hq|w|s|n)-([0-9a-z]{{4,}})\b")),
            seen: Arc::default(),
            rules: Arc::new(rules.map(|(pattern, name)| (regex(pattern), name)).into()),
        }
    }

    /// The text with everything replaced that differs from run to run.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.replace(&self.root, "[root]");
        for (pattern, name) in self.rules.iter() {
            text = pattern.replace_all(&text, *name).into_owned();
        }
        let number = |found: &Captures<'_>| {
            let (whole, prefix) = (&found[0], &found[1]);
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |id: &&String| id.rsplit_once('-').is_some_and(|(p, _)| p == prefix);
            let place = seen.iter().filter(same).position(|id| id == whole).unwrap_or_else(|| {
                seen.push(whole.to_owned());
                seen.iter().filter(same).count() - 1
            });
            format!("{prefix}-[{}]", place + 1)
        };
        self.ids.replace_all(&text, number).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_has_the_same_number_for_the_whole_test() {
        let normaliser = Normaliser::new(Path::new("/tmp/t1"), &["gt"]);
        assert_eq!(
            normaliser.text("🚚 hq-cv-abc12: gt-k3j9 in /tmp/t1/repo, hq-cv-zzz99 (5m)"),
            "🚚 hq-cv-[1]: gt-[1] in [root]/repo, hq-cv-[2] ([age])"
        );
        assert_eq!(
            normaliser.text("hq-cv-zzz99 w-abcd w-efgh hq-cv-abc12"),
            "hq-cv-[2] w-[1] w-[2] hq-cv-[1]"
        );
        assert_eq!(normaliser.text("at 2026-01-02T03:04:05.6+01:00."), "at [time].");
        assert_eq!(normaliser.text(&"a1".repeat(20)), "[commit]");
        assert_eq!(normaliser.text("in-progress in-memory 2/4 gt-1"), "in-progress in-memory 2/4 gt-1");
    }
}
