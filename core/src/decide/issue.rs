//! Issue requests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::refs::{resolve_each, resolve_issue, resolve_issues};
use super::work::let_go;
use super::{Context, Decision, Item};
use crate::command::Request;
use crate::event::{Event, IssueChange};
use crate::id::{IssueId, RigName};
use crate::issue::{
    CloseReason, Closed, DependencyType, Issue, LABELS_MAX, NEEDS_MAX, NewIssue, Status, TEXT_BYTES_MAX,
    TITLE_CHARS_MAX,
};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::state::State;

/// The longest label, in bytes.
pub(super) const LABEL_BYTES_MAX: usize = 100;

pub(super) fn create(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::IssueCreate {
        id,
        rig,
        title,
        body,
        issue_type,
        priority,
        labels,
        parent,
        needs,
        acceptance,
    } = request
    else {
        return Ok(Decision::nothing());
    };
    check_content(Some(title), Some(body), Some(*priority), labels, Some(acceptance))?;
    let parent = parent.as_deref().map(|text| resolve_issue(state, text)).transpose()?;
    let needs: BTreeMap<IssueId, DependencyType> =
        resolve_issues(state, needs)?.into_iter().map(|id| (id, DependencyType::Blocks)).collect();
    if needs.len() > NEEDS_MAX {
        return Err(Refusal::invalid("needs", format!("at most {NEEDS_MAX} dependencies")));
    }
    let rig = pick_rig(ctx.policy, rig.as_deref(), id.as_deref(), parent.as_ref())?;
    let id = match id {
        Some(text) => {
            let id = IssueId::new(text).map_err(|error| Refusal::invalid("id", error))?;
            if let Some(there) = state.issues.get(&id) {
                return Err(Refusal::Conflict {
                    what: format!("issue {id} already exists: {}", there.content.title),
                });
            }
            if id.as_str().starts_with("hq-cv-") {
                return Err(Refusal::invalid("id", "'hq-cv-' is the prefix of convoys"));
            }
            id
        }
        None => {
            let prefix = ctx.policy.rigs.get(&rig).map_or("hq", |rig| rig.prefix.as_str()).to_owned();
            ctx.entropy.issue(state, &prefix)
        }
    };
    let issue = NewIssue {
        id: id.clone(),
        rig,
        title: title.clone(),
        body: body.clone(),
        issue_type: *issue_type,
        priority: *priority,
        labels: labels.iter().cloned().collect(),
        parent,
        needs,
        acceptance: acceptance.clone(),
        step: None,
    };
    Ok(Decision::of(Event::IssueCreated { issue }, Item::changed(id)))
}

/// The rig: as named, else by the id's prefix, else by the parent's, else the workspace's own.
pub(super) fn pick_rig(
    policy: &Policy,
    rig: Option<&str>,
    id: Option<&str>,
    parent: Option<&IssueId>,
) -> Result<RigName, Refusal> {
    let by_prefix =
        |prefix: &str| policy.rigs.iter().find(|(_, rig)| rig.prefix == prefix).map(|(name, _)| name.clone());
    let from_id = id.and_then(|id| id.split_once('-')).and_then(|(prefix, _)| by_prefix(prefix));
    if let Some(text) = rig {
        let known = policy.rigs.keys().find(|name| name.as_str() == text).cloned();
        let known = known.ok_or_else(|| Refusal::NoSuch { kind: "rig", ids: vec![text.to_owned()] })?;
        return match from_id.filter(|other| *other != known) {
            Some(other) => Err(Refusal::invalid(
                "rig",
                format!("the prefix of that id is that of rig {other}, not {known}"),
            )),
            None => Ok(known),
        };
    }
    let from_parent = parent.and_then(|id| by_prefix(id.prefix()));
    Ok(from_id.or(from_parent).unwrap_or_else(|| policy.home.clone()))
}

fn check_content(
    title: Option<&String>,
    body: Option<&String>,
    priority: Option<u8>,
    labels: &[String],
    acceptance: Option<&Vec<String>>,
) -> Result<(), Refusal> {
    if let Some(title) = title
        && (title.trim().is_empty() || title.chars().count() > TITLE_CHARS_MAX)
    {
        return Err(Refusal::invalid("title", format!("expected 1 to {TITLE_CHARS_MAX} characters")));
    }
    if body.is_some_and(|body| body.len() > TEXT_BYTES_MAX) {
        return Err(Refusal::invalid("body", format!("expected at most {TEXT_BYTES_MAX} bytes")));
    }
    if priority.is_some_and(|priority| priority > 4) {
        return Err(Refusal::invalid("priority", "expected 0 (most urgent) to 4"));
    }
    let bad_label = |label: &String| {
        label.is_empty()
            || label.len() > LABEL_BYTES_MAX
            || label.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    if labels.len() > LABELS_MAX || labels.iter().any(bad_label) {
        return Err(Refusal::invalid(
            "label",
            format!(
                "expected at most {LABELS_MAX} labels of 1 to {LABEL_BYTES_MAX} bytes without white space"
            ),
        ));
    }
    if acceptance.is_some_and(|all| all.iter().map(String::len).sum::<usize>() > TEXT_BYTES_MAX) {
        return Err(Refusal::invalid("acceptance", format!("expected at most {TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

pub(super) fn update(state: &State, ids: &[String], change: &IssueChange) -> Result<Decision, Refusal> {
    let labels: Vec<String> = change.add_labels.iter().chain(&change.remove_labels).cloned().collect();
    check_content(
        change.title.as_ref(),
        change.body.as_ref(),
        change.priority,
        &labels,
        change.acceptance.as_ref(),
    )?;
    let mut decision = Decision::nothing();
    for id in resolve_each(state, ids, &mut decision)? {
        let content = &state.issues[&id].content;
        let added: BTreeSet<&String> =
            change.add_labels.iter().filter(|label| !content.labels.contains(*label)).collect();
        if content.labels.len() + added.len() > LABELS_MAX {
            decision
                .items
                .push(Item::refused(&id, Refusal::invalid("label", format!("at most {LABELS_MAX} labels"))));
            continue;
        }
        if change.hold.is_some() && !matches!(state.issues[&id].status, Status::Open) {
            decision.items.push(Item::refused(&id, not_to_be_held(&state.issues[&id])));
            continue;
        }
        let same = change.title.as_ref().is_none_or(|title| *title == content.title)
            && change.body.as_ref().is_none_or(|body| *body == content.body)
            && change.priority.is_none_or(|priority| priority == content.priority)
            && change.issue_type.is_none_or(|t| t == content.issue_type)
            && change.acceptance.as_ref().is_none_or(|a| *a == content.acceptance)
            && change.hold.as_ref().is_none_or(|hold| state.issues[&id].held.as_ref() == Some(hold))
            && added.is_empty()
            && !change.remove_labels.iter().any(|label| content.labels.contains(label));
        if same {
            decision.items.push(Item::same(&id, "nothing to change"));
        } else {
            decision.events.push(Event::IssueUpdated { issue: id.clone(), change: change.clone() });
            decision.items.push(Item::changed(&id));
        }
    }
    Ok(decision)
}

/// What is closed, or has a worker, is not held as well.
fn not_to_be_held(issue: &Issue) -> Refusal {
    let (id, name) = (&issue.content.id, issue.status.name());
    let hint = if issue.is_closed() {
        format!("reopen it first: convoy issue reopen {id}")
    } else {
        format!("take it from its worker first: convoy work release {id}")
    };
    Refusal::domain(format!("{id} is {name}"), hint)
}

pub(super) fn close(
    state: &State,
    ids: &[String],
    reason: CloseReason,
    duplicate_of: Option<&str>,
    note: Option<&str>,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let mut decision = Decision::nothing();
    let ids = resolve_each(state, ids, &mut decision)?;
    let duplicate_of = duplicate_of.map(|text| resolve_issue(state, text)).transpose()?;
    if (reason == CloseReason::Duplicate) != duplicate_of.is_some() {
        return Err(Refusal::invalid("duplicate-of", "goes with --reason duplicate, and only with it"));
    }
    if note.is_some_and(|note| note.len() > TEXT_BYTES_MAX) {
        return Err(Refusal::invalid("note", format!("expected at most {TEXT_BYTES_MAX} bytes")));
    }
    for id in ids {
        let issue = &state.issues[&id];
        if duplicate_of.as_ref() == Some(&id) {
            let refusal = Refusal::invalid("duplicate-of", "an issue is not a duplicate of itself");
            decision.items.push(Item::refused(&id, refusal));
            continue;
        }
        if issue.was_closed() {
            decision.items.push(Item::same(&id, "already closed"));
            continue;
        }
        decision.events.push(Event::IssueClosed {
            issue: id.clone(),
            closed: Closed {
                reason,
                at: ctx.now,
                evidence: None,
                duplicate_of: duplicate_of.clone(),
                note: note.map(str::to_owned),
            },
        });
        if let Some(worker) = issue.worker.as_ref().and_then(|worker| state.workers.get(worker)) {
            decision.events.extend(let_go(state, worker, "its issue was closed"));
        }
        let item = Item::changed(&id);
        decision.items.push(match issue.is_unknown() {
            true => item.noted("its tracker cannot be read: it counts as closed when that can be told"),
            false => item,
        });
    }
    Ok(decision)
}

pub(super) fn reopen(state: &State, ids: &[String]) -> Result<Decision, Refusal> {
    let mut decision = Decision::nothing();
    for id in resolve_each(state, ids, &mut decision)? {
        match &state.issues[&id].status {
            Status::Closed(_) if state.issues[&id].content.step.is_some() => {
                let refusal = super::template::once(&format!("{id} is a role of a template convoy"));
                decision.items.push(Item::refused(&id, refusal));
            }
            Status::Closed(_) => {
                decision.events.push(Event::IssueReopened { issue: id.clone() });
                decision.items.push(Item::changed(&id));
            }
            Status::Open if state.issues[&id].held.is_some() => {
                decision.events.push(Event::IssueReopened { issue: id.clone() });
                decision.items.push(Item::changed(&id).noted("it may be worked on now"));
            }
            Status::Open
            | Status::InProgress { .. }
            | Status::Submitted { .. }
            | Status::NeedsHuman { .. } => {
                decision.items.push(Item::same(&id, "not closed"));
            }
        }
    }
    Ok(decision)
}

pub(super) fn depend(
    state: &State,
    id: &str,
    needs: &str,
    kind: DependencyType,
) -> Result<Decision, Refusal> {
    let (id, needs) = (resolve_issue(state, id)?, resolve_issue(state, needs)?);
    let issue = &state.issues[&id];
    if issue.content.needs.get(&needs) == Some(&kind) {
        return Ok(Decision::same(Item::same(&id, format!("already depends on {needs}"))));
    }
    if issue.content.needs.len() >= NEEDS_MAX {
        return Err(Refusal::invalid("needs", format!("at most {NEEDS_MAX} dependencies")));
    }
    if kind == DependencyType::Blocks
        && let Some(path) = path_of_blockers(state, &needs, &id)
    {
        let path = std::iter::once(&id).chain(&path).map(ToString::to_string).collect();
        return Err(Refusal::Cycle { path });
    }
    if id == needs {
        return Err(Refusal::invalid("needs", "an issue cannot depend on itself"));
    }
    Ok(Decision::of(Event::DependencyAdded { issue: id.clone(), needs, kind }, Item::changed(id)))
}

/// The way from `from` to `to` along what blocks what, if there is one.
fn path_of_blockers(state: &State, from: &IssueId, to: &IssueId) -> Option<Vec<IssueId>> {
    let mut came_from: BTreeMap<IssueId, Option<IssueId>> = BTreeMap::from([(from.clone(), None)]);
    let mut queue = VecDeque::from([from.clone()]);
    while let Some(id) = queue.pop_front() {
        if id == *to {
            let mut path = vec![id.clone()];
            let mut at = &id;
            while let Some(Some(before)) = came_from.get(at) {
                path.insert(0, before.clone());
                at = before;
            }
            return Some(path);
        }
        let Some(issue) = state.issues.get(&id) else { continue };
        for blocker in issue.blockers() {
            if !came_from.contains_key(blocker) {
                came_from.insert(blocker.clone(), Some(id.clone()));
                queue.push_back(blocker.clone());
            }
        }
    }
    None
}

pub(super) fn undepend(state: &State, id: &str, needs: &str) -> Result<Decision, Refusal> {
    let id = resolve_issue(state, id)?;
    // It may be one that is not here.
    let needs = match state.issues[&id].content.needs.get_key_value(needs) {
        Some((needs, _)) => needs.clone(),
        None => resolve_issue(state, needs)?,
    };
    if !state.issues[&id].content.needs.contains_key(&needs) {
        return Ok(Decision::same(Item::same(&id, format!("does not depend on {needs}"))));
    }
    Ok(Decision::of(Event::DependencyRemoved { issue: id.clone(), needs }, Item::changed(id)))
}
