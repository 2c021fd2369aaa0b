//! Panopticon: runs of templates below `~/.panopticon/convoys/`, agents, and costs.
//!
//! A run becomes a convoy whose issues are its roles, of type `step`, which nobody works on here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use convoy_api::{Code, Failure};
use convoy_core::id::IssueId;
use convoy_core::import::{ImportedConvoyStatus, ImportedRecord, RecordOf, Tool};
use convoy_core::issue::{CloseReason, IssueType};
use convoy_core::time::Time;
use serde::Deserialize;
use serde_json::Value;

use super::{Found, bare, closed, convoy, convoy_id, files, money, title};

const TOOL: Tool = Tool::Panopticon;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    id: String,
    #[serde(default)]
    template: String,
    #[serde(default, rename = "status")]
    word: String,
    #[serde(default)]
    agents: Vec<Role>,
    #[serde(default)]
    started_at: Option<Time>,
    #[serde(default)]
    completed_at: Option<Time>,
    #[serde(default)]
    output_dir: Option<String>,
    #[serde(default)]
    context: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    role: String,
    #[serde(default)]
    subagent: String,
    #[serde(default, rename = "status")]
    word: String,
    #[serde(default)]
    started_at: Option<Time>,
    #[serde(default)]
    completed_at: Option<Time>,
    #[serde(default)]
    output_file: Option<String>,
    #[serde(default)]
    exit_code: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    id: String,
    #[serde(default)]
    issue_id: String,
    #[serde(default, rename = "status")]
    word: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    cost_so_far: Option<f64>,
    #[serde(default)]
    last_activity: Option<Time>,
}

pub(super) fn read(root: &Path) -> Result<Found, Failure> {
    let home = if root.join(".panopticon").is_dir() { root.join(".panopticon") } else { root.to_owned() };
    if !["convoys", "agents", "costs"].iter().any(|name| home.join(name).is_dir()) {
        return Err(Failure::new(Code::NotFound, format!("{} is no Panopticon folder", root.display()))
            .hint("name it: ~/.panopticon, or the folder that it is in"));
    }
    let mut found = Found::default();
    for file in files::with_extension(&home.join("convoys"), "json") {
        if let Some(run) = files::json::<Run>(root, &file, &mut found) {
            one(run, &files::shown(root, &file), &mut found);
        }
    }
    for folder in files::entries(&home.join("agents")).into_iter().filter(|path| path.is_dir()) {
        if let Some(agent) = files::json::<Agent>(root, &folder.join("state.json"), &mut found) {
            found.records.push(of_agent(&agent));
        }
    }
    costs(root, &home, &mut found);
    for file in files::with_extension(&home.join("convoy-templates"), "json") {
        let reason = "templates are not there yet; left where it is";
        found.lost("file", &files::name(&file), &files::shown(root, &file), reason);
    }
    for name in ["specialists", "review-status.json", "config.yaml", "cloister.toml", "heartbeats"] {
        if home.join(name).exists() {
            found.lost("file", name, name, "Panopticon's own; nothing here corresponds to it");
        }
    }
    Ok(found)
}

fn one(run: Run, path: &str, found: &mut Found) {
    let Some(id) = convoy_id(&run.id) else {
        return found.lost("convoy", &run.id, path, "its id is not one that can be kept");
    };
    let at = run.completed_at.or(run.started_at).unwrap_or_default();
    let state = match run.word.as_str() {
        "running" => {
            found.lost(
                "field",
                &run.id,
                path,
                "status running: its tmux sessions are Panopticon's, and are not followed",
            );
            ImportedConvoyStatus::Open
        }
        "completed" | "partial" => ImportedConvoyStatus::Landed { at },
        "failed" => {
            let reason = Some("failed or stopped in Panopticon, which has one word for both".to_owned());
            ImportedConvoyStatus::Abandoned { reason, at }
        }
        other => return found.lost("convoy", &run.id, path, format!("its status {other:?} is not known")),
    };
    let mut tracked = Vec::new();
    for role in &run.agents {
        let name: String =
            role.role.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let text = format!("hq-{}-{}", run.id.trim_start_matches("convoy-"), name.trim_matches('-'));
        match IssueId::new(&text) {
            Ok(issue) if !tracked.contains(&issue) => {
                step(&issue, role, &run, &state, found);
                tracked.push(issue);
            }
            Ok(_) => found.lost("issue", &role.role, path, format!("role of {}: stands there twice", run.id)),
            Err(error) => found.lost("issue", &role.role, path, format!("role of {}: {error}", run.id)),
        }
    }
    let facts = [
        ("project", run.context["projectPath"].as_str()),
        ("pull request", run.context["prUrl"].as_str()),
        ("issue", run.context["issueId"].as_str()),
        ("output", run.output_dir.as_deref()),
    ];
    let mut text = format!("template {}, {}", run.template, run.word);
    for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        text.push_str(&format!(", {name} {value}"));
    }
    found.records.push(ImportedRecord {
        from: TOOL,
        of: RecordOf::Convoy,
        key: format!("convoy:{}", run.id),
        about: id.to_string(),
        at: run.started_at,
        text,
    });
    let mut new = convoy(TOOL, id, title(&run.template, &run.id), tracked);
    (new.created_at, new.state) = (run.started_at, state);
    found.convoys.push(new);
}

fn step(id: &IssueId, role: &Role, run: &Run, convoy: &ImportedConvoyStatus, found: &mut Found) {
    let mut issue = bare(id.clone(), TOOL, role.started_at.or(run.started_at));
    issue.issue_type = IssueType::Step;
    issue.title = title(&role.role, &role.subagent);
    issue.body = format!("Role {} of {}, by {}, in Panopticon.", role.role, run.id, role.subagent);
    let output = role.output_file.as_deref().unwrap_or("none");
    let at = role.completed_at.or(run.completed_at);
    match role.word.as_str() {
        "completed" => issue.state = closed(CloseReason::Completed, at, format!("output: {output}")),
        "failed" => {
            let code = role.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
            issue.state =
                closed(CloseReason::Failed, at, format!("failed in Panopticon{code}; output: {output}"));
        }
        // A run that has ended has no role that goes on.
        word if !matches!(convoy, ImportedConvoyStatus::Open) => {
            issue.state = closed(CloseReason::Dropped, at, format!("was {word} when its run ended"));
        }
        _ => {}
    }
    found.issues.push(issue);
}

fn of_agent(agent: &Agent) -> ImportedRecord {
    let mut text = format!("agent {} ({}), {}", agent.id, agent.model, agent.word);
    if let Some(branch) = &agent.branch {
        text.push_str(&format!(", branch {branch}"));
    }
    if let Some(cost) = agent.cost_so_far {
        text.push_str(&format!(", {}", money(cost)));
    }
    let when = agent.last_activity.map(|at| at.as_millis()).unwrap_or_default();
    ImportedRecord {
        from: TOOL,
        of: RecordOf::Worker,
        key: format!("agent:{}:{}:{when}", agent.id, agent.word),
        about: agent.issue_id.clone(),
        at: agent.last_activity,
        text,
    }
}

/// One record for each file and issue: a file is of a day, and grows until that is over.
fn costs(root: &Path, home: &Path, found: &mut Found) {
    for file in files::with_extension(&home.join("costs"), "jsonl") {
        let name = files::name(&file);
        let mut sums: BTreeMap<String, (usize, f64, BTreeSet<String>)> = BTreeMap::new();
        for entry in files::json_lines::<Value>(root, &file, found) {
            let text = |keys: &[&str]| keys.iter().find_map(|key| entry[*key].as_str()).map(str::to_owned);
            let usd =
                ["cost", "costUsd", "cost_usd", "totalCost"].iter().find_map(|key| entry[*key].as_f64());
            let Some(usd) = usd else {
                found.lost("line", &name, &files::shown(root, &file), "names no cost");
                continue;
            };
            let about =
                text(&["issueId", "issue_id", "agentId", "agent_id"]).unwrap_or_else(|| "no issue".into());
            let sum = sums.entry(about).or_default();
            sum.0 += 1;
            sum.1 += usd;
            sum.2.extend(text(&["model"]));
        }
        for (about, (count, usd, models)) in sums {
            let models: Vec<String> = models.into_iter().collect();
            found.records.push(ImportedRecord {
                from: TOOL,
                of: RecordOf::Cost,
                key: format!("cost:{name}:{about}:{count}"),
                text: format!("{count} entries of {name} cost {} ({})", money(usd), models.join(", ")),
                about,
                at: None,
            });
        }
    }
}
