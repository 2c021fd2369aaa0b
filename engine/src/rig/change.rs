//! Parking and removing a rig.

use convoy_api::query::{IssueFilter, WorkerFilter};
use convoy_api::{Answer, Code, Failure, ItemView, Query, Service};

use super::{other_answer, pointer, reload};
use crate::config::{Config, Edit, Sources};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// How many issues or workers a refusal names.
const NAMED_MAX: usize = 5;

fn item(name: &str, changed: bool, note: impl Into<String>) -> ItemView {
    ItemView { id: name.to_owned(), ok: true, changed, note: Some(note.into()), error: None }
}

fn known(config: &Config, name: &str) -> Result<(), Failure> {
    if config.rigs().contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = config.rigs().keys().map(convoy_core::id::RigName::as_str).collect();
    Err(Failure::new(Code::NotFound, format!("no such rig: {name:?}; known are: {}", names.join(", "))))
}

/// Parks a rig, or ends that.
///
/// # Errors
/// When there is no such rig, or the configuration cannot be written.
pub fn park(
    workspace: &Workspace,
    env: &Environment,
    service: &dyn Service,
    name: &str,
    parked: bool,
) -> Result<ItemView, Failure> {
    let mut edit = Edit::begin(workspace, env)?;
    let config = Config::load(workspace, env, &Sources::default())?;
    known(&config, name)?;
    if config.rigs()[name].parked == parked {
        return Ok(item(name, false, if parked { "already parked" } else { "not parked" }));
    }
    edit.put(&format!("rigs.{name}.parked"), &toml::Value::Boolean(parked))?;
    edit.commit()?;
    reload(service)?;
    let note = if parked { "nothing new is begun in it; what runs goes on" } else { "work goes on in it" };
    Ok(item(name, true, note))
}

/// Takes a rig out of the configuration. Its repository, its issues and what was done stay.
///
/// # Errors
/// When there is no such rig, when it is the workspace's own, when somebody works in it, or when open convoys track
/// open issues of it and nobody forces it.
pub fn remove(
    workspace: &Workspace,
    env: &Environment,
    service: &dyn Service,
    name: &str,
    force: bool,
) -> Result<ItemView, Failure> {
    let mut edit = Edit::begin(workspace, env)?;
    let config = Config::load(workspace, env, &Sources::default())?;
    if !config.rigs().contains_key(name) && is_unknown(service, name)? {
        return Ok(item(name, false, "not in the configuration already; its issues stay"));
    }
    known(&config, name)?;
    if config.home_rig().0.as_str() == name {
        return Err(Failure::new(Code::Refused, format!("{name} is the workspace's own repository")));
    }
    check_unused(service, name, force)?;
    let path = config.rigs()[name].path.clone();
    if !edit.take(&format!("rigs.{name}")) {
        let text = format!("{name} is not in {}", workspace.config_file().display());
        return Err(Failure::new(Code::Refused, text)
            .hint(format!("see where it comes from: convoy config explain rigs.{name}")));
    }
    edit.commit()?;
    pointer::clear(&path, workspace.root());
    reload(service)?;
    Ok(item(name, true, format!("its repository stays at {}", path.display())))
}

/// Whether only issues name that rig any more.
fn is_unknown(service: &dyn Service, name: &str) -> Result<bool, Failure> {
    match service.ask(Query::Rig { name: name.to_owned() }) {
        Ok(Answer::Rig { .. }) => Ok(true),
        Ok(_) => Err(other_answer()),
        Err(failure) if failure.code == Code::NotFound => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn check_unused(service: &dyn Service, name: &str, force: bool) -> Result<(), Failure> {
    let Answer::Workers { workers, .. } = service.ask(Query::Workers(WorkerFilter::default()))? else {
        return Err(other_answer());
    };
    let working: Vec<String> = workers
        .iter()
        .filter(|worker| worker.rig == name && !matches!(worker.state.as_str(), "failed" | "stopped"))
        .map(|worker| format!("{} ({} on {})", worker.id, worker.state, worker.issue_id))
        .collect();
    if !working.is_empty() {
        let text = format!("rig {name} has workers: {}", named(&working));
        return Err(Failure::new(Code::Refused, text).hint(
            "wait for them (convoy rig park keeps more from coming), or stop them: convoy work stop <issue>",
        ));
    }
    let filter = IssueFilter { rig: Some(name.to_owned()), ..IssueFilter::default() };
    let Answer::Issues { issues, .. } = service.ask(Query::Issues(filter))? else {
        return Err(other_answer());
    };
    let mut tracked = Vec::new();
    for issue in issues {
        for convoy in &issue.convoys {
            let Answer::Convoy { convoy, .. } = service.ask(Query::Convoy { id: convoy.to_string() })? else {
                return Err(other_answer());
            };
            if !matches!(convoy.status.as_str(), "landed" | "abandoned") {
                tracked.push(format!("{} ({})", issue.id, convoy.id));
                break;
            }
        }
    }
    if tracked.is_empty() || force {
        return Ok(());
    }
    Err(Failure::new(Code::Refused, format!("open convoys track open issues of rig {name}: {}", named(&tracked)))
        .hint("close them or their convoys first, or remove it all the same: --force; they stay, and nobody works on them"))
}

fn named(all: &[String]) -> String {
    let more = all.len().saturating_sub(NAMED_MAX);
    let text = all.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { text } else { format!("{text} and {more} more") }
}
