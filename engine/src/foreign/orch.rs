//! `orch`: convoys, checkpoints and workers' status files below `.orchestration/`.

use std::collections::BTreeMap;
use std::path::Path;

use convoy_api::{Code, Failure};
use convoy_core::id::IssueId;
use convoy_core::import::{ForeignIssue, ImportedConvoyStatus, ImportedRecord, RecordOf, Tool};
use convoy_core::issue::CloseReason;
use convoy_core::time::Time;
use serde::Deserialize;
use serde_json::Value;

use super::{Found, bare, closed, convoy, convoy_id, files, money, title};

const TOOL: Tool = Tool::Orch;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    convoy: StoredConvoy,
    #[serde(default)]
    workers: Vec<Worker>,
    #[serde(default)]
    cost_tracker: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredConvoy {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    issue_ids: Vec<String>,
    #[serde(default, rename = "status")]
    word: String,
    #[serde(default)]
    created_at: Option<Time>,
    #[serde(default)]
    completed_at: Option<Time>,
    #[serde(default)]
    epic_id: Option<String>,
    #[serde(default)]
    cost_tracker: Option<Value>,
}

/// A worker as the convoy has it, or as it wrote of itself. Its outcome is a word in some versions, an object in others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    worker_id: String,
    #[serde(default)]
    issue_id: String,
    #[serde(default, rename = "status")]
    word: String,
    #[serde(default)]
    outcome: Value,
    #[serde(default)]
    cost_usd: f64,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    updated_at: Option<Time>,
    #[serde(default)]
    completed_at: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    id: String,
    #[serde(default)]
    epic_id: String,
    #[serde(default)]
    session_number: u64,
    #[serde(default)]
    timestamp: Option<Time>,
    #[serde(default)]
    git_commit: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    context: Value,
}

pub(super) fn read(root: &Path) -> Result<Found, Failure> {
    let dir =
        if root.join(".orchestration").is_dir() { root.join(".orchestration") } else { root.to_owned() };
    if !["convoys", "checkpoints", "workers"].iter().any(|name| dir.join(name).is_dir()) {
        return Err(Failure::new(
            Code::NotFound,
            format!("{} holds no .orchestration folder", root.display()),
        )
        .hint("name the repository that 'orch' worked in, or its .orchestration folder"));
    }
    let mut found = Found::default();
    let beads = dir.parent().map(|repository| repository.join(".beads/issues.jsonl"));
    let mut issues: BTreeMap<IssueId, ForeignIssue> = beads
        .and_then(|file| files::beads(root, &file, &mut found))
        .map(|lines| lines.issues.into_iter().map(|issue| (issue.id.clone(), issue)).collect())
        .unwrap_or_default();
    let mut workers: Vec<Worker> = Vec::new();
    for folder in files::entries(&dir.join("workers")) {
        workers.extend(files::json::<Worker>(root, &folder.join("status.json"), &mut found));
    }
    for epic in files::entries(&dir.join("convoys")) {
        for file in files::with_extension(&epic, "json") {
            if let Some(stored) = files::json::<Stored>(root, &file, &mut found) {
                one(stored, &files::shown(root, &file), &mut workers, &mut issues, &mut found);
            }
        }
    }
    for worker in workers {
        found.records.push(record(&worker));
    }
    for epic in files::entries(&dir.join("checkpoints")) {
        for file in files::with_extension(&epic, "json") {
            if let Some(checkpoint) = files::json::<Checkpoint>(root, &file, &mut found) {
                found.records.push(of_checkpoint(checkpoint));
            }
        }
    }
    for name in ["reflections", "postmortems", "metrics", "outbox"] {
        if dir.join(name).is_dir() {
            found.lost("file", name, name, "nothing here corresponds to it; left where it is");
        }
    }
    found.issues = issues.into_values().collect();
    found.records.sort_by(|a, b| a.key.cmp(&b.key));
    found.records.dedup_by(|a, b| a.key == b.key);
    Ok(found)
}

fn one(
    stored: Stored,
    path: &str,
    workers: &mut Vec<Worker>,
    issues: &mut BTreeMap<IssueId, ForeignIssue>,
    found: &mut Found,
) {
    let Stored { convoy: theirs, workers: own, cost_tracker } = stored;
    workers.extend(own);
    let Some(id) = convoy_id(&theirs.id) else {
        return found.lost("convoy", &theirs.id, path, "its id is not one that can be kept");
    };
    if id.as_str() != theirs.id {
        found.lost("field", &theirs.id, path, format!("an id may not end so here: it is called {id}"));
    }
    let mut tracked = Vec::new();
    for text in &theirs.issue_ids {
        match IssueId::new(text) {
            Ok(issue) => tracked.push(issue),
            Err(error) => found.lost("issue", text, path, format!("of {}: {error}", theirs.id)),
        }
    }
    let at = theirs.completed_at.or(theirs.created_at).unwrap_or_default();
    let state = match theirs.word.as_str() {
        "pending" | "active" | "completing" => ImportedConvoyStatus::Open,
        "completed" => ImportedConvoyStatus::Landed { at },
        "failed" => {
            let reason = Some("failed or cancelled in orch, which has one word for both".to_owned());
            ImportedConvoyStatus::Abandoned { reason, at }
        }
        other => return found.lost("convoy", &theirs.id, path, format!("its status {other:?} is not known")),
    };
    for issue in &tracked {
        if !issues.contains_key(issue) {
            let made = unknown(issue, &theirs, workers, path, found);
            issues.insert(issue.clone(), made);
        }
    }
    spent(&theirs, cost_tracker, path, found);
    let mut new = convoy(TOOL, id, title(&theirs.name, &theirs.id), tracked);
    (new.created_at, new.state) = (theirs.created_at, state);
    new.epic = theirs.epic_id.filter(|epic| {
        let good = convoy_core::id::RigName::new(epic).is_ok();
        if !good {
            found.lost("field", &theirs.id, path, format!("epic {epic:?}: not a name that can be kept"));
        }
        good
    });
    found.convoys.push(new);
}

/// An issue that beads' file does not have: closed if its worker or its convoy say that it is done.
fn unknown(
    id: &IssueId,
    of: &StoredConvoy,
    workers: &[Worker],
    path: &str,
    found: &mut Found,
) -> ForeignIssue {
    let mut issue = bare(id.clone(), TOOL, of.created_at);
    let worker = workers.iter().rfind(|worker| worker.issue_id == id.as_str());
    let what = if let Some(done) = worker.filter(|worker| worker.word == "completed") {
        let at = done.updated_at.or(done.completed_at).or(of.completed_at);
        let note = format!("{} reported it as completed to orch", done.worker_id);
        issue.state = closed(CloseReason::Completed, at, note);
        "closed, as its worker reported it completed"
    } else if of.word == "completed" {
        issue.state =
            closed(CloseReason::Completed, of.completed_at, "its convoy was completed in orch".to_owned());
        "closed, as its convoy was completed"
    } else {
        "held until somebody says what it is"
    };
    found.lost(
        "issue",
        id.as_str(),
        path,
        format!("stands in no .beads/issues.jsonl: made with its id only, {what}"),
    );
    issue
}

fn spent(of: &StoredConvoy, outer: Option<Value>, path: &str, found: &mut Found) {
    let outer = outer.unwrap_or_default();
    let inner = of.cost_tracker.clone().unwrap_or_default();
    let total = outer["convoyCost"].as_f64().or(inner["consumed"].as_f64()).unwrap_or(0.0);
    let budget = inner["budget"].as_f64().or(outer["epicBudget"].as_f64());
    let Some(text) = (match budget {
        Some(budget) => Some(format!("cost {} of a budget of {}", money(total), money(budget))),
        None if total > 0.0 => Some(format!("cost {}", money(total))),
        None => None,
    }) else {
        return;
    };
    if budget.is_some() {
        found.lost("field", &of.id, path, "its budget: convoys have none here yet; kept as a record");
    }
    found.records.push(ImportedRecord {
        from: TOOL,
        of: RecordOf::Cost,
        key: format!("cost:{}:{total}", of.id),
        about: of.id.clone(),
        at: of.completed_at.or(of.created_at),
        text,
    });
}

fn record(worker: &Worker) -> ImportedRecord {
    let outcome = worker.outcome["summary"].as_str().or(worker.outcome.as_str()).unwrap_or_default();
    let mut text =
        format!("{} said {:?}, by itself at {}", worker.worker_id, worker.word, money(worker.cost_usd));
    for more in [outcome, worker.error.as_deref().unwrap_or_default()] {
        if !more.is_empty() {
            text.push_str(": ");
            text.extend(more.chars().take(2000));
        }
    }
    let at = worker.updated_at.or(worker.completed_at);
    let when = at.map(|at| at.as_millis()).unwrap_or_default();
    ImportedRecord {
        from: TOOL,
        of: RecordOf::Worker,
        key: format!("worker:{}:{}:{when}", worker.worker_id, worker.word),
        about: worker.issue_id.clone(),
        at,
        text,
    }
}

fn of_checkpoint(checkpoint: Checkpoint) -> ImportedRecord {
    let cost = checkpoint.context["cumulativeCost"].as_f64().map(money).unwrap_or_default();
    let summary: String = checkpoint.summary.chars().take(4000).collect();
    let facts = [checkpoint.reason.as_str(), &summary, &checkpoint.git_commit, &cost];
    let facts: Vec<&str> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    ImportedRecord {
        from: TOOL,
        of: RecordOf::Checkpoint,
        key: format!("checkpoint:{}", checkpoint.id),
        about: checkpoint.epic_id,
        at: checkpoint.timestamp,
        text: format!("{}, session {}: {}", checkpoint.id, checkpoint.session_number, facts.join(" · ")),
    }
}
