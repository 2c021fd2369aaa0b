//! The issues, in a file, and the hooks that hear of changes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

/// Issues as they are kept: objects with any fields.
pub(crate) type Issues = BTreeMap<String, Map<String, Value>>;
/// A refusal: what, and its code.
pub(crate) type Refusal = (String, &'static str);

pub(crate) struct Store {
    home: PathBuf,
    pub(crate) issues: Issues,
    pub(crate) prefix: String,
    pub(crate) next: u64,
    pub(crate) changed: bool,
    /// What hooks are to be called with when all is done.
    events: Vec<(&'static str, String)>,
}

impl Store {
    pub(crate) fn open(home: &Path) -> Result<Self, Refusal> {
        let read = |name: &str| fs::read_to_string(home.join(".beads").join(name)).unwrap_or_default();
        let metadata: Value = serde_json::from_str(&read("metadata.json")).unwrap_or_default();
        let text = read("embeddeddolt/issues.json");
        let issues = if text.is_empty() { Ok(Issues::new()) } else { serde_json::from_str(&text) };
        let issues = issues.map_err(|error| (format!("database is damaged: {error}"), "corrupt"))?;
        let prefix = metadata["prefix"].as_str().unwrap_or("bd").to_owned();
        let next = metadata["next"].as_u64().unwrap_or(1);
        Ok(Self { home: home.to_owned(), issues, prefix, next, changed: false, events: Vec::new() })
    }

    pub(crate) fn save(&self) -> Result<(), Refusal> {
        if !self.changed {
            return Ok(());
        }
        let wrong = |error: std::io::Error| (error.to_string(), "io");
        let dir = self.home.join(".beads");
        let text = serde_json::to_string(&self.issues).unwrap_or_default();
        let temporary = dir.join("embeddeddolt/issues.tmp");
        fs::write(&temporary, text).map_err(wrong)?;
        fs::rename(&temporary, dir.join("embeddeddolt/issues.json")).map_err(wrong)?;
        let metadata = json!({ "prefix": self.prefix, "next": self.next });
        fs::write(dir.join("metadata.json"), metadata.to_string()).map_err(wrong)
    }

    /// Calls what is in `.beads/hooks`, and does not wait for it.
    pub(crate) fn call_hooks(&self) {
        for (event, id) in &self.events {
            let hook = self.home.join(".beads/hooks").join(format!("on_{event}"));
            let runs = fs::metadata(&hook).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
            if !runs {
                continue;
            }
            let child = Command::new(&hook)
                .args([id, *event])
                .current_dir(&self.home)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            if let Ok(mut child) = child
                && let Some(mut stdin) = child.stdin.take()
            {
                let issue = self.issues.get(id).cloned().unwrap_or_default();
                drop(stdin.write_all(Value::Object(issue).to_string().as_bytes()));
            }
        }
    }

    pub(crate) fn touch(&mut self, id: &str, event: &'static str) {
        self.changed = true;
        let stamp = now();
        if let Some(issue) = self.issues.get_mut(id) {
            issue.insert("updated_at".to_owned(), json!(stamp));
        }
        self.events.push((event, id.to_owned()));
    }

    pub(crate) fn known(&self, id: &str) -> Result<(), Refusal> {
        match self.issues.contains_key(id) {
            true => Ok(()),
            false => Err((format!("issue {id} not found"), "not_found")),
        }
    }

    pub(crate) fn text(&self, id: &str, field: &str) -> String {
        self.issues.get(id).and_then(|i| i.get(field)?.as_str()).unwrap_or_default().to_owned()
    }

    /// What of its blockers is not closed.
    pub(crate) fn open_blockers(&self, id: &str) -> Vec<String> {
        let list = self.issues.get(id).and_then(|issue| issue.get("dependencies")?.as_array());
        let blocks = list.into_iter().flatten().filter(|dep| dep["type"] == "blocks");
        let ids = blocks.filter_map(|dep| dep["depends_on_id"].as_str().map(str::to_owned));
        ids.filter(|on| self.text(on, "status") != "closed").collect()
    }

    /// As `show` prints it: dependencies are whole issues, with how they are depended on.
    pub(crate) fn expanded(&self, id: &str) -> Value {
        let mut issue = self.issues[id].clone();
        if let Some(Value::Array(list)) = issue.get("dependencies") {
            let expand = |dep: &Value| {
                let mut other = Map::new();
                let on = dep["depends_on_id"].as_str().unwrap_or_default();
                for field in ["id", "title", "status", "priority", "issue_type"] {
                    let value = self.issues.get(on).and_then(|other| other.get(field)).cloned();
                    other.insert(field.to_owned(), value.unwrap_or_default());
                }
                other.insert("id".to_owned(), json!(on));
                other.insert("dependency_type".to_owned(), dep["type"].clone());
                Value::Object(other)
            };
            let expanded: Vec<Value> = list.iter().map(expand).collect();
            issue.insert("dependencies".to_owned(), json!(expanded));
        }
        Value::Object(issue)
    }
}

pub(crate) fn now() -> String {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let at = convoy_core::time::Time::from_millis(t.tv_sec * 1000 + t.tv_nsec / 1_000_000);
    at.to_string()
}
