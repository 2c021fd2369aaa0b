//! The command line.

/// Arguments, taken apart.
pub(crate) struct Words {
    pub(crate) bare: Vec<String>,
    flags: Vec<(String, String)>,
}

impl Words {
    pub(crate) fn of(words: &[String]) -> Self {
        /// Flags that take no value.
        const SWITCHES: [&str; 8] =
            ["json", "all", "force", "f", "claim", "suggest-next", "quiet", "allow-empty-description"];
        let (mut bare, mut flags) = (Vec::new(), Vec::new());
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.strip_prefix("--").or_else(|| word.strip_prefix('-').filter(|w| w.len() < 3)) {
                Some(flag) if !flag.is_empty() => match flag.split_once('=') {
                    Some((name, value)) => flags.push((long(name), value.to_owned())),
                    None if SWITCHES.contains(&flag) => flags.push((long(flag), "true".to_owned())),
                    None => flags.push((long(flag), rest.next().cloned().unwrap_or_default())),
                },
                _ => bare.push(word.clone()),
            }
        }
        Self { bare, flags }
    }
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| flag == name).map(|(_, value)| value.as_str())
    }
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// Values of a flag that may be repeated, or separated by commas.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let values = self.flags.iter().filter(|(flag, _)| flag == name);
        values.flat_map(|(_, value)| value.split(',')).filter(|v| !v.is_empty()).map(str::to_owned).collect()
    }
    pub(crate) fn word(&self, n: usize) -> &str {
        self.bare.get(n).map_or("", String::as_str)
    }
}

fn long(flag: &str) -> String {
    let known = [
        ("n", "limit"),
        ("l", "labels"),
        ("label", "labels"),
        ("t", "type"),
        ("p", "priority"),
        ("d", "description"),
        ("s", "status"),
        ("a", "assignee"),
        ("r", "reason"),
        ("f", "force"),
    ];
    known.iter().find(|(short, _)| *short == flag).map_or(flag, |(_, long)| long).to_owned()
}
