//! `bd` as far as Convoy and its tests need it, after the public contract of the real one.
//!
//! Issues are kept in `.beads/embeddeddolt/issues.json` of the nearest folder above that has one. Every command takes
//! the lock beside it, and is refused when another process holds it for too long.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a stand-in for somebody else's program"
)]

mod store;
mod words;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use convoy_testkit::fake_bd::{Manners, calls_file, lock_file, manners_file};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value, json};

use store::{Refusal, Store, now};
use words::Words;

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
