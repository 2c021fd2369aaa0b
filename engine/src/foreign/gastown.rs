//! Gas Town: convoys are beads of type `convoy` that track others; their fields are `key: value` lines of the
//! description. Read from the JSONL files that `bd export` writes; its database is not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::convoy::MergeStrategy;
use convoy_core::id::IssueId;
use convoy_core::import::{
    ForeignConvoy, ForeignIssue, ImportedConvoyStatus, ImportedRecord, RecordOf, Tool,
};
use convoy_core::time::Time;
use serde::Deserialize;
use serde_json::Value;

use super::{Found, all_closed, bare, closure, convoy, files, money, title};

const TOOL: Tool = Tool::Gastown;

pub(super) fn read(root: &Path) -> Result<Found, Failure> {
    let mut found = Found::default();
    let (mut issues, mut convoys) = (Vec::new(), Vec::new());
    let mut any = false;
    for file in beads_files(root, &mut found) {
        let Some(lines) = files::beads(root, &file, &mut found) else { continue };
        any = true;
        let path = files::shown(root, &file);
        for (issue, object) in lines.with_objects() {
            if object["issue_type"] == "convoy" {
                convoys.push((issue, object, path.clone()));
            } else {
                issues.push(issue);
            }
        }
    }
    if !any {
        return Err(Failure::new(Code::NotFound, format!("{} holds no .beads/issues.jsonl", root.display()))
            .hint("Gas Town's database is read through beads' export: run 'bd export -o .beads/issues.jsonl' in the town and in each rig, then import again"));
    }
    // The same issue may stand in the files of several checkouts; the newest counts.
    issues.sort_by(|a: &ForeignIssue, b| (&a.id, b.updated_at).cmp(&(&b.id, a.updated_at)));
    issues.dedup_by(|a, b| a.id == b.id);
    for (bead, object, path) in convoys {
        if let Some(convoy) = one(&bead, &object, &path, &mut issues, &mut found) {
            found.convoys.push(convoy);
        }
    }
    found.convoys.sort_by(|a, b| a.id.cmp(&b.id));
    found.convoys.dedup_by(|a, b| a.id == b.id);
    let tracked: BTreeSet<&IssueId> = found.convoys.iter().flat_map(|convoy| &convoy.tracked).collect();
    let needed = closure(&issues, tracked);
    found.issues = issues.into_iter().filter(|issue| needed.contains(&issue.id)).collect();
    costs(root, &mut found);
    for name in [".events.jsonl", ".feed.jsonl", "daemon", "deacon", "settings"] {
        if root.join(name).exists() {
            found.lost("file", name, name, "Gas Town's own; nothing here corresponds to it");
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Route {
    path: String,
}

/// Of the town, of the rigs that its routes name, and of the folders in it.
fn beads_files(root: &Path, found: &mut Found) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    for route in files::json_lines::<Route>(root, &root.join(".beads/routes.jsonl"), found) {
        let path = Path::new(&route.path);
        let leads_out = path.is_absolute() || path.components().any(|part| part.as_os_str() == "..");
        if leads_out {
            found.lost(
                "line",
                "routes.jsonl",
                ".beads/routes.jsonl",
                format!("{}: leads out of the town", route.path),
            );
        } else {
            folders.push(root.join(path));
        }
    }
    for folder in files::entries(root).into_iter().filter(|path| path.is_dir() && !path.is_symlink()) {
        folders.push(folder.join("mayor/rig"));
        folders.push(folder);
    }
    let mut all: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let file = folder.join(".beads/issues.jsonl");
        if file.is_file() && !all.contains(&file) {
            all.push(file);
        }
    }
    all
}

fn one(
    bead: &ForeignIssue,
    object: &Value,
    path: &str,
    issues: &mut Vec<ForeignIssue>,
    found: &mut Found,
) -> Option<ForeignConvoy> {
    let id = bead.id.as_str();
    let Some(ours) = super::convoy_id(id) else {
        found.lost("convoy", id, path, "its id is not one that can be kept");
        return None;
    };
    let tracked = tracked(object, id, path, found);
    let status = object["status"].as_str().unwrap_or("open").trim().to_lowercase();
    let at = |key: &str| object[key].as_str().and_then(time);
    let closed_at = at("closed_at").or(bead.updated_at).or(bead.created_at).unwrap_or_default();
    let known: BTreeSet<&IssueId> = issues.iter().map(|issue| &issue.id).collect();
    let unknown: Vec<IssueId> = tracked.iter().filter(|id| !known.contains(*id)).cloned().collect();
    for issue in unknown {
        found.lost(
            "issue",
            issue.as_str(),
            path,
            "stands in none of the files: only its id is known, and it is held",
        );
        issues.push(bare(issue, TOOL, bead.created_at));
    }
    let reason = object["close_reason"].as_str().map(str::to_owned);
    let state = match status.as_str() {
        "open" => ImportedConvoyStatus::Open,
        // What it was warned of is not in the file, and is found again when it is launched.
        "staged_ready" | "staged_warnings" => ImportedConvoyStatus::Staged,
        "closed" | "tombstone" if all_closed(&tracked, issues) && status == "closed" => {
            ImportedConvoyStatus::Landed { at: closed_at }
        }
        "closed" | "tombstone" => ImportedConvoyStatus::Abandoned { reason, at: closed_at },
        _ => {
            found.lost("convoy", id, path, format!("its status {status:?} is not known"));
            return None;
        }
    };
    let mut new = convoy(TOOL, ours, title(&bead.title, id), tracked);
    new.created_at = bead.created_at;
    new.created_by = found.address("created_by", bead.created_by.as_deref().unwrap_or_default(), id, path);
    new.state = state;
    for label in &bead.labels {
        match label.as_str() {
            "gt:owned" => new.owned = true,
            "gt:convoy" => {}
            other => found.lost("field", id, path, format!("label {other}: convoys have no labels here")),
        }
    }
    fields(&bead.body, &mut new, id, path, found);
    Some(new)
}

fn time(text: &str) -> Option<Time> {
    serde_json::from_value(Value::from(text)).ok()
}

/// What it tracks: ids as they are, or `external:<prefix>:<id>`.
fn tracked(object: &Value, id: &str, path: &str, found: &mut Found) -> Vec<IssueId> {
    let mut tracked = Vec::new();
    for entry in object["dependencies"].as_array().into_iter().flatten() {
        let (kind, on) =
            (entry["type"].as_str().unwrap_or("blocks"), entry["depends_on_id"].as_str().unwrap_or(""));
        if kind != "tracks" {
            found.lost("field", id, path, format!("dependency on {on} of type {kind}: convoys only track"));
            continue;
        }
        let bare =
            on.strip_prefix("external:").and_then(|rest| rest.split_once(':')).map_or(on, |(_, id)| id);
        match IssueId::new(bare) {
            Ok(issue) if !tracked.contains(&issue) => tracked.push(issue),
            Ok(_) => {}
            Err(error) => found.lost("issue", on, path, format!("tracked by {id}: {error}")),
        }
    }
    tracked
}

/// `key: value` lines of the description.
fn fields(body: &str, new: &mut ForeignConvoy, id: &str, path: &str, found: &mut Found) {
    for (key, value) in body.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match key.trim().to_lowercase().as_str() {
            "owner" => new.owner = found.address("owner", value, id, path),
            "notify" => new.notify.extend(found.address("notify", value, id, path)),
            "watchers" | "nudge_watchers" => {
                for one in value.split(',') {
                    new.watchers.extend(found.address("watchers", one, id, path));
                }
                if key.trim() == "nudge_watchers" && !value.is_empty() {
                    found.lost(
                        "field",
                        id,
                        path,
                        "nudge_watchers: they get mail here, not keys typed into a terminal",
                    );
                }
            }
            "base_branch" if !value.is_empty() => new.base = Some(value.to_owned()),
            "merge" => match value {
                "direct" => new.merge = Some(MergeStrategy::Direct),
                "local" => new.merge = Some(MergeStrategy::Local),
                // Through the refinery, which is a merge queue.
                "mr" => new.merge = Some(MergeStrategy::Queue),
                "" => {}
                other => found.lost("field", id, path, format!("merge {other}: imported as direct")),
            },
            "molecule" if !value.is_empty() => {
                found.lost("field", id, path, format!("molecule {value}: there are no molecules here"));
            }
            _ => {}
        }
    }
}

#[derive(Deserialize)]
struct Cost {
    #[serde(default)]
    cost_usd: f64,
    #[serde(default)]
    work_item: Option<String>,
    #[serde(default)]
    worker: Option<String>,
    #[serde(default)]
    ended_at: Option<Time>,
}

/// One record for each work item. A longer log makes another record, with the new sum.
fn costs(root: &Path, found: &mut Found) {
    let mut sums: BTreeMap<String, (usize, f64, Option<Time>, BTreeSet<String>)> = BTreeMap::new();
    for file in [root.join("costs.jsonl"), root.join(".gt/costs.jsonl")] {
        for cost in files::json_lines::<Cost>(root, &file, found) {
            let about =
                cost.work_item.filter(|item| !item.is_empty()).unwrap_or_else(|| "no work item".into());
            let sum = sums.entry(about).or_default();
            sum.0 += 1;
            sum.1 += cost.cost_usd;
            sum.2 = sum.2.max(cost.ended_at);
            sum.3.extend(cost.worker);
        }
    }
    for (about, (count, usd, at, workers)) in sums {
        let workers: Vec<String> = workers.into_iter().collect();
        found.records.push(ImportedRecord {
            from: TOOL,
            of: RecordOf::Cost,
            key: format!("cost:{about}:{count}"),
            text: format!("{count} sessions cost {} ({})", money(usd), workers.join(", ")),
            about,
            at,
        });
    }
}
