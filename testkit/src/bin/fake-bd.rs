//! `bd` as far as Convoy and its tests need it, after the public contract of the real one.
//!
//! Issues are kept in `.beads/embeddeddolt/issues.json` of the nearest folder above that has one. Every command takes
//! the lock beside it, and is refused when another process holds it for too long.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use convoy_testkit::fake_bd::{Manners, calls_file, lock_file, manners_file};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value, json};

/// Issues as they are kept: objects with any fields.
type Issues = BTreeMap<String, Map<String, Value>>;
/// A refusal: what, and its code.
type Refusal = (String, &'static str);

/// How many issues `list` and `ready` print unless told otherwise.
const LIST_MAX: usize = 50;
const READY_MAX: usize = 100;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words = Words::of(&words);
    let done = run(&words);
    if let Err((error, code)) = done {
        let report = json!({ "schema_version": 1, "error": error, "code": code });
        eprintln!("{report}");
        std::process::exit(1);
    }
}

/// Arguments, taken apart.
struct Words {
    bare: Vec<String>,
    flags: Vec<(String, String)>,
}

impl Words {
    fn of(words: &[String]) -> Self {
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
    fn get(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| flag == name).map(|(_, value)| value.as_str())
    }
    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// Values of a flag that may be repeated, or separated by commas.
    fn list(&self, name: &str) -> Vec<String> {
        let values = self.flags.iter().filter(|(flag, _)| flag == name);
        values.flat_map(|(_, value)| value.split(',')).filter(|v| !v.is_empty()).map(str::to_owned).collect()
    }
    fn word(&self, n: usize) -> &str {
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

/// The folder whose `.beads` is used: this one, or the nearest above.
fn home() -> Result<PathBuf, Refusal> {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|dir| dir.join(".beads").is_dir());
    found.map(Path::to_owned).ok_or_else(|| ("no beads database found".to_owned(), "no_database"))
}

fn run(words: &Words) -> Result<(), Refusal> {
    if words.word(0) == "init" {
        return init(words);
    }
    let home = home()?;
    let manners: Manners = fs::read_to_string(manners_file(&home))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    note_call(&home, words);
    behave(&home, &manners, words)?;
    if words.word(0) == "version" {
        print(&manners, json!({ "version": manners.version, "build": "fake" }), false);
        return Ok(());
    }
    let lock = locked(&home, &manners)?;
    let mut store = Store::open(&home)?;
    let answer = command(&mut store, words)?;
    store.save()?;
    drop(lock);
    if let Some((value, one)) = answer {
        print(&manners, value, one);
    }
    store.call_hooks();
    Ok(())
}

fn note_call(home: &Path, words: &Words) {
    let line = format!("{}\n", words.bare.join(" "));
    if let Ok(mut file) = fs::File::options().create(true).append(true).open(calls_file(home)) {
        drop(file.write_all(line.as_bytes()));
    }
}

fn behave(home: &Path, manners: &Manners, words: &Words) -> Result<(), Refusal> {
    std::thread::park_timeout(Duration::from_millis(manners.slow_ms));
    let concerned = manners.refuse_only.as_deref().is_none_or(|name| name == words.word(0));
    if let Some(complaint) = manners.refuse.as_ref().filter(|_| concerned) {
        return Err((complaint.clone(), "refused"));
    }
    if words.word(0) == "version" {
        return Ok(());
    }
    if manners.noisy {
        drop(fs::write(home.join(".beads/embeddeddolt/stats"), std::process::id().to_string()));
    }
    if manners.lingers {
        let hold = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn();
        drop(hold.and_then(|mut child| child.wait()));
    }
    if let Some(garbage) = &manners.garbage {
        print!("{garbage}");
        std::process::exit(0);
    }
    if manners.flood > 0 {
        let mut out = std::io::stdout();
        let chunk = [b'x'; 65536];
        let mut left = manners.flood;
        while left > 0 && out.write_all(&chunk).is_ok() {
            left = left.saturating_sub(chunk.len());
        }
        std::process::exit(0);
    }
    Ok(())
}

/// The lock, waited for as long as the manners say.
fn locked(home: &Path, manners: &Manners) -> Result<fs::File, Refusal> {
    let wrong = |error: std::io::Error| (error.to_string(), "io");
    let file = fs::File::options().create(true).append(true).open(lock_file(home)).map_err(wrong)?;
    let mut left = manners.lock_wait_ms;
    loop {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        if left == 0 {
            return Err(("database is locked by another process".to_owned(), "database_locked"));
        }
        let pause = left.min(10);
        std::thread::park_timeout(Duration::from_millis(pause));
        left -= pause;
    }
}

/// Prints an answer: in the envelope, or bare; one issue alone has the version among its fields then.
fn print(manners: &Manners, value: Value, one: bool) {
    let asked = std::env::var("BD_JSON_ENVELOPE").is_ok_and(|value| value == "1");
    let value = match value {
        value if manners.envelope || asked => json!({ "schema_version": 1, "data": value }),
        Value::Array(mut list) if one && list.len() == 1 => {
            let mut issue = list.remove(0);
            issue["schema_version"] = json!(1);
            issue
        }
        value => value,
    };
    println!("{value}");
}

fn init(words: &Words) -> Result<(), Refusal> {
    let wrong = |error: std::io::Error| (error.to_string(), "io");
    fs::create_dir_all(".beads/embeddeddolt").map_err(wrong)?;
    let prefix = words.get("prefix").unwrap_or("bd");
    fs::write(".beads/metadata.json", json!({ "prefix": prefix, "next": 1 }).to_string()).map_err(wrong)?;
    println!("{}", json!({ "schema_version": 1, "prefix": prefix }));
    Ok(())
}

struct Store {
    home: PathBuf,
    issues: Issues,
    prefix: String,
    next: u64,
    changed: bool,
    /// What hooks are to be called with when all is done.
    events: Vec<(&'static str, String)>,
}

impl Store {
    fn open(home: &Path) -> Result<Self, Refusal> {
        let read = |name: &str| fs::read_to_string(home.join(".beads").join(name)).unwrap_or_default();
        let metadata: Value = serde_json::from_str(&read("metadata.json")).unwrap_or_default();
        let text = read("embeddeddolt/issues.json");
        let issues = if text.is_empty() { Ok(Issues::new()) } else { serde_json::from_str(&text) };
        let issues = issues.map_err(|error| (format!("database is damaged: {error}"), "corrupt"))?;
        let prefix = metadata["prefix"].as_str().unwrap_or("bd").to_owned();
        let next = metadata["next"].as_u64().unwrap_or(1);
        Ok(Self { home: home.to_owned(), issues, prefix, next, changed: false, events: Vec::new() })
    }

    fn save(&self) -> Result<(), Refusal> {
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
    fn call_hooks(&self) {
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

    fn touch(&mut self, id: &str, event: &'static str) {
        self.changed = true;
        let stamp = now();
        if let Some(issue) = self.issues.get_mut(id) {
            issue.insert("updated_at".to_owned(), json!(stamp));
        }
        self.events.push((event, id.to_owned()));
    }

    fn known(&self, id: &str) -> Result<(), Refusal> {
        match self.issues.contains_key(id) {
            true => Ok(()),
            false => Err((format!("issue {id} not found"), "not_found")),
        }
    }

    fn text(&self, id: &str, field: &str) -> String {
        self.issues.get(id).and_then(|i| i.get(field)?.as_str()).unwrap_or_default().to_owned()
    }

    /// What of its blockers is not closed.
    fn open_blockers(&self, id: &str) -> Vec<String> {
        let list = self.issues.get(id).and_then(|issue| issue.get("dependencies")?.as_array());
        let blocks = list.into_iter().flatten().filter(|dep| dep["type"] == "blocks");
        let ids = blocks.filter_map(|dep| dep["depends_on_id"].as_str().map(str::to_owned));
        ids.filter(|on| self.text(on, "status") != "closed").collect()
    }

    /// As `show` prints it: dependencies are whole issues, with how they are depended on.
    fn expanded(&self, id: &str) -> Value {
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

fn now() -> String {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let at = convoy_core::time::Time::from_millis(t.tv_sec * 1000 + t.tv_nsec / 1_000_000);
    at.to_string()
}

/// What a command answers, and whether it is about one issue.
type Answer = Option<(Value, bool)>;

fn command(store: &mut Store, words: &Words) -> Result<Answer, Refusal> {
    match words.word(0) {
        "create" => create(store, words),
        "show" => {
            let ids = &words.bare[1..];
            ids.iter().try_for_each(|id| store.known(id))?;
            let list: Vec<Value> = ids.iter().map(|id| store.expanded(id)).collect();
            Ok(Some((json!(list), true)))
        }
        "list" | "ready" | "export" => Ok(list(store, words)),
        "update" => update(store, words),
        "close" => close(store, words),
        "reopen" => {
            for id in &words.bare[1..] {
                store.known(id)?;
                let issue = store.issues.entry(id.clone()).or_default();
                issue.insert("status".to_owned(), json!("open"));
                issue.remove("closed_at");
                issue.remove("close_reason");
                store.touch(id, "update");
            }
            Ok(changed(store, &words.bare[1..]))
        }
        "label" => label(store, words),
        "dep" => dependency(store, words),
        "delete" => {
            store.known(words.word(1))?;
            store.issues.remove(words.word(1));
            store.changed = true;
            Ok(Some((json!({ "deleted": words.word(1) }), false)))
        }
        other => Err((format!("unknown command {other:?} for \"bd\""), "usage")),
    }
}

fn changed(store: &Store, ids: &[String]) -> Answer {
    Some((json!(ids.iter().filter_map(|id| store.issues.get(id)).collect::<Vec<_>>()), false))
}

fn create(store: &mut Store, words: &Words) -> Result<Answer, Refusal> {
    let title = words.get("title").map_or_else(|| words.word(1).to_owned(), str::to_owned);
    if title.trim().is_empty() {
        return Err(("title is required".to_owned(), "validation"));
    }
    let id = match (words.get("id"), words.get("parent")) {
        (Some(id), _) => id.to_owned(),
        (None, Some(parent)) => {
            store.known(parent)?;
            let count = store.issues.keys().filter(|id| id.starts_with(&format!("{parent}."))).count();
            format!("{parent}.{}", count + 1)
        }
        (None, None) => format!("{}-{}", store.prefix, store.next),
    };
    if store.issues.contains_key(&id) {
        return Err((format!("issue {id} already exists"), "exists"));
    }
    store.next += 1;
    let mut issue = Map::new();
    let mut set = |name: &str, value: Value| issue.insert(name.to_owned(), value);
    set("id", json!(id));
    set("title", json!(title));
    set("status", json!("open"));
    set("issue_type", json!(words.get("type").unwrap_or("task")));
    set("created_at", json!(now()));
    set("created_by", json!(actor()));
    set("priority", json!(priority(words)?.unwrap_or(2)));
    let labels = words.list("labels");
    if !labels.is_empty() {
        set("labels", json!(labels));
    }
    let mut dependencies: Vec<Value> = Vec::new();
    if let Some(parent) = words.get("parent") {
        set("parent", json!(parent));
        dependencies.push(edge(&id, parent, "parent-child"));
    }
    for dep in words.list("deps") {
        let (kind, on) = dep.split_once(':').unwrap_or(("blocks", &dep));
        dependencies.push(edge(&id, on, kind));
    }
    set("dependencies", json!(dependencies));
    store.issues.insert(id.clone(), issue);
    fields(store, words, &id)?;
    store.touch(&id, "create");
    Ok(Some((json!([store.issues[&id]]), true)))
}

fn actor() -> String {
    std::env::var("BEADS_ACTOR").unwrap_or_else(|_| "somebody".to_owned())
}

fn edge(id: &str, on: &str, kind: &str) -> Value {
    json!({ "issue_id": id, "depends_on_id": on, "type": kind, "created_at": now(), "created_by": actor() })
}

fn priority(words: &Words) -> Result<Option<u64>, Refusal> {
    let Some(text) = words.get("priority") else { return Ok(None) };
    let number = text.trim_start_matches(['P', 'p']).parse().ok().filter(|n| *n <= 4);
    number.map(Some).ok_or_else(|| (format!("invalid priority {text:?}"), "validation"))
}

/// The fields that `create` and `update` set alike.
fn fields(store: &mut Store, words: &Words, id: &str) -> Result<(), Refusal> {
    let mut stdin = String::new();
    if words.get("body-file") == Some("-") {
        std::io::stdin().read_to_string(&mut stdin).map_err(|error| (error.to_string(), "io"))?;
    }
    let body = words.has("body-file").then_some(stdin.as_str()).or(words.get("description"));
    let Some(issue) = store.issues.get_mut(id) else { return Ok(()) };
    let given = [
        ("description", body),
        ("acceptance_criteria", words.get("acceptance")),
        ("notes", words.get("notes")),
        ("assignee", words.get("assignee")),
    ];
    for (name, value) in given {
        match value {
            Some("") => drop(issue.remove(name)),
            Some(value) => drop(issue.insert(name.to_owned(), json!(value))),
            None => {}
        }
    }
    Ok(())
}

fn update(store: &mut Store, words: &Words) -> Result<Answer, Refusal> {
    /// Statuses that can be set.
    const STATUSES: [&str; 7] = ["open", "in_progress", "blocked", "deferred", "closed", "pinned", "hooked"];
    let ids = words.bare[1..].to_vec();
    for id in &ids {
        store.known(id)?;
        if let Some(status) = words.get("status").filter(|status| !STATUSES.contains(status)) {
            return Err((format!("invalid status {status:?}"), "validation"));
        }
        let number = priority(words)?;
        fields(store, words, id)?;
        let issue = store.issues.entry(id.clone()).or_default();
        let mut set = |name: &str, value: Value| issue.insert(name.to_owned(), value);
        if let Some(title) = words.get("title") {
            set("title", json!(title));
        }
        if let Some(kind) = words.get("type") {
            set("issue_type", json!(kind));
        }
        if let Some(number) = number {
            set("priority", json!(number));
        }
        if words.has("claim") {
            set("status", json!("in_progress"));
            set("assignee", json!(actor()));
        }
        if let Some(status) = words.get("status") {
            set("status", json!(status));
            if status == "closed" {
                set("closed_at", json!(now()));
            } else {
                issue.remove("closed_at");
                issue.remove("close_reason");
            }
        }
        relabel(issue, &words.list("add-label"), &words.list("remove-label"));
        store.touch(id, if words.get("status") == Some("closed") { "close" } else { "update" });
    }
    Ok(changed(store, &ids))
}

fn relabel(issue: &mut Map<String, Value>, add: &[String], remove: &[String]) {
    let mut labels: Vec<String> =
        issue.get("labels").and_then(|l| serde_json::from_value(l.clone()).ok()).unwrap_or_default();
    labels.retain(|label| !remove.contains(label) && !add.contains(label));
    labels.extend(add.iter().cloned());
    if labels.is_empty() {
        issue.remove("labels");
    } else {
        issue.insert("labels".to_owned(), json!(labels));
    }
}

fn close(store: &mut Store, words: &Words) -> Result<Answer, Refusal> {
    let ids = words.bare[1..].to_vec();
    for id in &ids {
        store.known(id)?;
        if store.text(id, "status") == "closed" {
            continue;
        }
        let blockers = store.open_blockers(id);
        if !words.has("force") && !blockers.is_empty() {
            return Err((format!("cannot close {id}: blocked by {}", blockers.join(", ")), "blocked"));
        }
        let issue = store.issues.entry(id.clone()).or_default();
        issue.insert("status".to_owned(), json!("closed"));
        issue.insert("closed_at".to_owned(), json!(now()));
        issue.insert("close_reason".to_owned(), json!(words.get("reason").unwrap_or("Closed")));
        store.touch(id, "close");
    }
    Ok(changed(store, &ids))
}

fn label(store: &mut Store, words: &Words) -> Result<Answer, Refusal> {
    let (id, labels) = (words.word(2).to_owned(), words.word(3).split(',').map(str::to_owned));
    store.known(&id)?;
    let labels: Vec<String> = labels.filter(|label| !label.is_empty()).collect();
    let issue = store.issues.entry(id.clone()).or_default();
    match words.word(1) {
        "add" => relabel(issue, &labels, &[]),
        "remove" => relabel(issue, &[], &labels),
        _ => return Err(("unknown label command".to_owned(), "usage")),
    }
    store.touch(&id, "update");
    Ok(Some((json!([{ "issue_id": id, "status": words.word(1) }]), false)))
}

fn dependency(store: &mut Store, words: &Words) -> Result<Answer, Refusal> {
    let (id, on) = (words.word(2).to_owned(), words.word(3).to_owned());
    store.known(&id)?;
    let others = |issue: &Map<String, Value>, on: &str| -> Vec<Value> {
        let list = issue.get("dependencies").and_then(Value::as_array).cloned().unwrap_or_default();
        list.into_iter().filter(|dep| dep["depends_on_id"] != on).collect()
    };
    let mut list = others(&store.issues[&id], &on);
    match words.word(1) {
        "add" => {
            if !on.starts_with("external:") {
                store.known(&on)?;
            }
            list.push(edge(&id, &on, words.get("type").unwrap_or("blocks")));
        }
        "remove" => {}
        "list" => {
            let expanded = store.expanded(&id)["dependencies"].clone();
            return Ok(Some((expanded, false)));
        }
        _ => return Err(("unknown dep command".to_owned(), "usage")),
    }
    if let Some(issue) = store.issues.get_mut(&id) {
        issue.insert("dependencies".to_owned(), json!(list));
    }
    store.touch(&id, "update");
    Ok(Some((json!({ "issue_id": id, "depends_on_id": on, "status": words.word(1) }), false)))
}

fn list(store: &Store, words: &Words) -> Answer {
    let ready = words.word(0) == "ready";
    let export = words.word(0) == "export";
    let limit = words.get("limit").and_then(|n| n.parse().ok()).unwrap_or(match ready {
        true => READY_MAX,
        false => LIST_MAX,
    });
    let limit = if limit == 0 || export { usize::MAX } else { limit };
    let (labels, types) = (words.list("labels"), words.list("type"));
    let excluded = words.list("exclude-type");
    let fits = |id: &String| {
        let status = store.text(id, "status");
        let kind = store.text(id, "issue_type");
        let own: Vec<String> = store.issues[id]
            .get("labels")
            .and_then(|labels| serde_json::from_value(labels.clone()).ok())
            .unwrap_or_default();
        let shown = match words.get("status") {
            Some(wanted) => wanted.split(',').any(|wanted| wanted == status),
            None if ready => status == "open" && store.open_blockers(id).is_empty(),
            None => words.has("all") || export || status != "closed",
        };
        shown
            && labels.iter().all(|label| own.contains(label))
            && (types.is_empty() || types.contains(&kind))
            && !excluded.contains(&kind)
    };
    let list: Vec<&Map<String, Value>> =
        store.issues.keys().filter(|id| fits(id)).take(limit).map(|id| &store.issues[id]).collect();
    if export {
        list.iter().for_each(|issue| println!("{}", Value::Object((*issue).clone())));
        return None;
    }
    Some((json!(list), false))
}
