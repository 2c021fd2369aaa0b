//! Taking in what other tools have: issues, convoys, records.

use std::collections::{BTreeMap, BTreeSet};

use super::convoy::epic_name;
use super::issue::{LABEL_BYTES_MAX, pick_rig};
use super::refs::check_branch;
use super::work::let_go;
use super::{Context, Decision, Item};
use crate::convoy::{MergeStrategy, NAME_CHARS_MAX, NewConvoy, TRACKED_MAX};
use crate::event::Event;
use crate::id::{IssueId, RigName};
use crate::import::{
    Existing, ForeignClosed, ForeignConvoy, ForeignIssue, ForeignStatus, ImportedConvoy,
    ImportedConvoyStatus, ImportedIssue, ImportedRecord, ImportedStatus, KEPT_BYTES_MAX, RECORDS_MAX,
};
use crate::issue::{
    Closed, DependencyType, Issue, LABELS_MAX, NEEDS_MAX, NewIssue, Status, TEXT_BYTES_MAX, TITLE_CHARS_MAX,
};
use crate::refusal::Refusal;
use crate::state::State;

/// How many problems an error lists; who mends these sees the next ones.
const PROBLEMS_MAX: usize = 20;

pub(super) fn issues(
    state: &State,
    issues: &[ForeignIssue],
    rig: Option<&str>,
    existing: Existing,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let mut problems = Vec::new();
    let mut rigs = Vec::with_capacity(issues.len());
    let mut lines = BTreeMap::new();
    for issue in issues {
        if let Some(before) = lines.insert(&issue.id, issue.line) {
            problems.push(format!("line {}: {} is on line {before} already", issue.line, issue.id));
        }
        let checked = content(issue).and_then(|()| rig_of(state, issue, rig, ctx));
        match checked {
            Ok(rig) => rigs.push(rig),
            Err(problem) => problems.push(format!("line {}: {}: {problem}", issue.line, issue.id)),
        }
    }
    if problems.is_empty() {
        problems.extend(cycles(state, issues));
    }
    if !problems.is_empty() {
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        if more > 0 {
            problems.push(format!("and {more} more"));
        }
        return Err(Refusal::invalid("import", format!("nothing was imported\n{}", problems.join("\n"))));
    }
    let mut decision = Decision::nothing();
    // The older is worked on first, wherever it stands in the file.
    let mut order: Vec<(&ForeignIssue, RigName)> = issues.iter().zip(rigs).collect();
    order.sort_by_key(|(issue, _)| issue.created_at);
    for (issue, rig) in order {
        one(state, issue, rig, existing, ctx, &mut decision);
    }
    Ok(decision)
}

fn content(issue: &ForeignIssue) -> Result<(), String> {
    if issue.id.as_str().starts_with("hq-cv-") {
        return Err("this is a convoy's id, not an issue's (see 'convoy import gastown')".to_owned());
    }
    if issue.title.trim().is_empty() || issue.title.chars().count() > TITLE_CHARS_MAX {
        return Err(format!("title: expected 1 to {TITLE_CHARS_MAX} characters"));
    }
    if issue.body.len() > TEXT_BYTES_MAX {
        return Err(format!("description: expected at most {TEXT_BYTES_MAX} bytes"));
    }
    if issue.acceptance.iter().map(String::len).sum::<usize>() > TEXT_BYTES_MAX {
        return Err(format!("acceptance_criteria: expected at most {TEXT_BYTES_MAX} bytes"));
    }
    if issue.priority > 4 {
        return Err("priority: expected 0 (most urgent) to 4".to_owned());
    }
    // Other trackers allow white space within labels.
    let bad = |label: &String| {
        label.trim().is_empty() || label.len() > LABEL_BYTES_MAX || label.chars().any(char::is_control)
    };
    if issue.labels.len() > LABELS_MAX || issue.labels.iter().any(bad) {
        return Err(format!("labels: expected at most {LABELS_MAX}, each 1 to {LABEL_BYTES_MAX} bytes"));
    }
    if issue.needs.len() > NEEDS_MAX {
        return Err(format!("dependencies: expected at most {NEEDS_MAX}"));
    }
    if issue.parent.as_ref() == Some(&issue.id) || issue.needs.iter().any(|(needs, _)| *needs == issue.id) {
        return Err("it depends on itself".to_owned());
    }
    if issue.kept.as_ref().is_some_and(|kept| kept.len() > KEPT_BYTES_MAX) {
        return Err(format!("what we have no field for: expected at most {KEPT_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// An issue that is here keeps its rig; another's is the one that was named, or the one of its prefix.
fn rig_of(
    state: &State,
    issue: &ForeignIssue,
    rig: Option<&str>,
    ctx: &Context<'_>,
) -> Result<RigName, String> {
    if let Some(there) = state.issues.get(&issue.id) {
        return Ok(there.content.rig.clone());
    }
    let prefix = issue.id.prefix();
    let is_known = prefix == "hq" || ctx.policy.rigs.values().any(|rig| rig.prefix == prefix);
    if rig.is_none() && !is_known {
        return Err(format!(
            "no rig has the prefix {prefix:?}: add it (convoy rig add NAME PATH --prefix {prefix}), or name the rig \
             that such issues are of (--rig NAME)"
        ));
    }
    // What --rig says is for prefixes that no rig has.
    let named = if is_known { None } else { rig };
    pick_rig(ctx.policy, named, Some(issue.id.as_str()), None).map_err(|refusal| refusal.to_string())
}

/// Circles among what blocks what, and among parents, that the import would close.
fn cycles(state: &State, issues: &[ForeignIssue]) -> Vec<String> {
    let new: BTreeMap<&IssueId, &ForeignIssue> = issues.iter().map(|issue| (&issue.id, issue)).collect();
    let blockers = |id: &IssueId| -> Vec<&IssueId> {
        match new.get(id) {
            Some(issue) => {
                let blocks = |(_, kind): &&(IssueId, DependencyType)| *kind == DependencyType::Blocks;
                issue.needs.iter().filter(blocks).map(|(id, _)| id).collect()
            }
            None => state.issues.get(id).map(|issue| issue.blockers().collect()).unwrap_or_default(),
        }
    };
    let parent = |id: &IssueId| -> Vec<&IssueId> {
        let parent = match new.get(id) {
            Some(issue) => issue.parent.as_ref(),
            None => state.issues.get(id).and_then(|issue| issue.content.parent.as_ref()),
        };
        parent.into_iter().collect()
    };
    let said = |what: &str, path: Option<Vec<&IssueId>>| {
        let path = path?;
        let line = path.iter().find_map(|id| new.get(*id)).map_or(0, |issue| issue.line);
        let path: Vec<&str> = path.iter().map(|id| id.as_str()).collect();
        Some(format!("line {line}: {what} in a circle: {}", path.join(" -> ")))
    };
    let starts = || issues.iter().map(|issue| &issue.id);
    let blocking = said("dependencies go", circle(starts(), blockers));
    blocking.into_iter().chain(said("parents go", circle(starts(), parent))).collect()
}

/// The first circle that is found from these on, its first member also last. Without recursion: chains may be long.
fn circle<'a>(
    starts: impl Iterator<Item = &'a IssueId>,
    next: impl Fn(&IssueId) -> Vec<&'a IssueId>,
) -> Option<Vec<&'a IssueId>> {
    let mut done: BTreeSet<&IssueId> = BTreeSet::new();
    for start in starts {
        if done.contains(start) {
            continue;
        }
        let mut path: Vec<(&IssueId, Vec<&IssueId>)> = vec![(start, next(start))];
        let mut on_path: BTreeSet<&IssueId> = BTreeSet::from([start]);
        while let Some((id, rest)) = path.last_mut() {
            let Some(to) = rest.pop() else {
                done.insert(*id);
                on_path.remove(*id);
                path.pop();
                continue;
            };
            if on_path.contains(to) {
                let ids = path.iter().map(|(id, _)| *id).skip_while(|id| *id != to);
                return Some(ids.chain([to]).collect());
            }
            if !done.contains(to) {
                on_path.insert(to);
                path.push((to, next(to)));
            }
        }
    }
    None
}

fn one(
    state: &State,
    issue: &ForeignIssue,
    rig: RigName,
    existing: Existing,
    ctx: &Context<'_>,
    decision: &mut Decision,
) {
    let new = NewIssue {
        id: issue.id.clone(),
        rig,
        title: issue.title.clone(),
        body: issue.body.clone(),
        issue_type: issue.issue_type,
        priority: issue.priority,
        labels: issue.labels.iter().cloned().collect(),
        parent: issue.parent.clone(),
        needs: issue.needs.iter().cloned().collect(),
        acceptance: issue.acceptance.clone(),
        step: None,
    };
    let there = state.issues.get(&issue.id);
    let created_at = issue.created_at.or(there.map(|there| there.created_at)).unwrap_or(ctx.now);
    let created_by = issue.created_by.clone().or_else(|| there.map(|there| there.created_by.clone()));
    let imported = ImportedIssue {
        issue: new,
        state: taken(issue, there, ctx),
        created_by: created_by.unwrap_or_else(|| ctx.actor.as_str().to_owned()),
        created_at,
        // A file that does not say when it changed is taken as it is; for a new issue that is when it was made.
        updated_at: issue.updated_at.unwrap_or(if there.is_some() { ctx.now } else { created_at }),
        kept: issue.kept.clone(),
    };
    let Some(there) = there else {
        decision.events.push(Event::IssueImported { issue: Box::new(imported) });
        decision.items.push(Item::changed(&issue.id).noted("new"));
        return;
    };
    if existing == Existing::Keep {
        decision.items.push(Item::same(&issue.id, "already here; it stays as it is"));
        return;
    }
    if is_same(there, &imported, issue.updated_at.is_some()) {
        decision.items.push(Item::same(&issue.id, "already so"));
        return;
    }
    let ours_is_newer = issue.updated_at.is_some_and(|theirs| there.updated_at > theirs);
    if ours_is_newer && existing != Existing::Force {
        decision.items.push(ours_first(there, issue));
        return;
    }
    let closes = matches!(imported.state, ImportedStatus::Closed(_)) && !there.is_closed();
    decision.events.push(Event::IssueImported { issue: Box::new(imported) });
    if closes && let Some(worker) = there.worker.as_ref().and_then(|worker| state.workers.get(worker)) {
        decision.events.extend(let_go(state, worker, "its issue was closed"));
    }
    decision.items.push(Item::changed(&issue.id).noted("changed"));
}

/// Ours changed after the file's: nothing new in the file is no conflict.
fn ours_first(there: &Issue, theirs: &ForeignIssue) -> Item {
    let known = there.origin.as_ref().map(|origin| origin.as_of);
    if theirs.updated_at <= known {
        return Item::same(&there.content.id, "ours is newer; the file has nothing new");
    }
    let what = format!("line {}: {} changed here after it changed in the file", theirs.line, theirs.id);
    Item::refused(&there.content.id, Refusal::Conflict { what })
}

/// The state that it gets. What a worker has goes on, unless the file says that it is closed.
fn taken(issue: &ForeignIssue, there: Option<&Issue>, ctx: &Context<'_>) -> ImportedStatus {
    let has_worker =
        there.is_some_and(|t| matches!(t.status, Status::InProgress { .. } | Status::Submitted { .. }));
    match &issue.state {
        ForeignStatus::Closed(closed) => ImportedStatus::Closed(closing(closed, issue, there, ctx)),
        _ if has_worker => ImportedStatus::Unchanged,
        ForeignStatus::Open => ImportedStatus::Open,
        ForeignStatus::Held(word) => ImportedStatus::Held(word.clone()),
        ForeignStatus::NeedsHuman(why) => ImportedStatus::NeedsHuman(why.clone()),
    }
}

fn closing(closed: &ForeignClosed, issue: &ForeignIssue, there: Option<&Issue>, ctx: &Context<'_>) -> Closed {
    let before = match there.map(|there| &there.status) {
        Some(Status::Closed(before)) => Some(before),
        _ => None,
    };
    // A tracker that read our export and wrote it again has dropped what only we know, evidence for one.
    if let Some(before) = before
        && closed.evidence.is_none()
        && (closed.reason, &closed.note) == (before.reason, &before.note)
        && closed.at.is_none_or(|at| at == before.at)
    {
        return before.clone();
    }
    let at = closed
        .at
        .or(before.map(|before| before.at))
        .or(issue.updated_at)
        .or(issue.created_at)
        .unwrap_or(ctx.now);
    Closed {
        reason: closed.reason,
        at,
        evidence: closed.evidence.clone(),
        duplicate_of: closed.duplicate_of.clone(),
        note: closed.note.clone(),
    }
}

fn is_same(there: &Issue, imported: &ImportedIssue, says_when: bool) -> bool {
    let status = match (&imported.state, &there.status) {
        (ImportedStatus::Unchanged, _) => true,
        (ImportedStatus::Open, Status::Open) => there.held.is_none(),
        (ImportedStatus::Held(word), Status::Open) => there.held.as_ref() == Some(word),
        (ImportedStatus::NeedsHuman(theirs), Status::NeedsHuman { why }) => theirs == why,
        (ImportedStatus::Closed(theirs), Status::Closed(ours)) => theirs == ours,
        _ => false,
    };
    status
        && there.content == imported.issue
        && there.created_by == imported.created_by
        && there.created_at == imported.created_at
        && (!says_when || there.updated_at == imported.updated_at)
        && there.origin.as_ref().and_then(|origin| origin.kept.as_ref()) == imported.kept.as_ref()
}

pub(super) fn convoys(
    state: &State,
    convoys: &[ForeignConvoy],
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let mut decision = Decision::nothing();
    let mut seen = BTreeSet::new();
    for convoy in convoys {
        if state.convoys.contains_key(&convoy.id) || !seen.insert(&convoy.id) {
            decision.items.push(Item::same(&convoy.id, "already here; it stays as it is"));
            continue;
        }
        match imported(state, convoy, ctx) {
            Ok(imported) => {
                let note = match &imported.state {
                    ImportedConvoyStatus::Staged => "staged",
                    ImportedConvoyStatus::Open => "open",
                    ImportedConvoyStatus::Landed { .. } => "landed",
                    ImportedConvoyStatus::Abandoned { .. } => "abandoned",
                };
                decision.items.push(Item::changed(&convoy.id).noted(note));
                decision.events.push(Event::ConvoyImported { convoy: Box::new(imported) });
            }
            Err(refusal) => decision.items.push(Item::refused(&convoy.id, refusal)),
        }
    }
    Ok(decision)
}

fn imported(state: &State, convoy: &ForeignConvoy, ctx: &Context<'_>) -> Result<ImportedConvoy, Refusal> {
    if convoy.title.trim().is_empty() || convoy.title.chars().count() > NAME_CHARS_MAX {
        return Err(Refusal::invalid("title", format!("expected 1 to {NAME_CHARS_MAX} characters")));
    }
    if convoy.tracked.len() > TRACKED_MAX {
        return Err(Refusal::invalid("issue", format!("at most {TRACKED_MAX} issues in a convoy")));
    }
    let missing = convoy.tracked.iter().filter(|issue| !state.issues.contains_key(*issue));
    let missing: Vec<String> = missing.map(ToString::to_string).collect();
    if !missing.is_empty() {
        return Err(Refusal::NoSuch { kind: "issue", ids: missing });
    }
    check_branch(convoy.base.as_deref())?;
    let epic = epic_name(convoy.epic.as_deref())?;
    let created_by = convoy.created_by.clone().unwrap_or_else(|| ctx.actor.clone());
    let open = convoy.tracked.iter().filter(|issue| !state.issues[*issue].is_closed()).cloned().collect();
    let open = match &convoy.state {
        ImportedConvoyStatus::Abandoned { .. } => open,
        ImportedConvoyStatus::Staged | ImportedConvoyStatus::Open | ImportedConvoyStatus::Landed { .. } => {
            Vec::new()
        }
    };
    Ok(ImportedConvoy {
        from: convoy.from,
        convoy: NewConvoy {
            id: convoy.id.clone(),
            title: convoy.title.clone(),
            tracked: convoy.tracked.clone(),
            owner: convoy.owner.clone().unwrap_or_else(|| created_by.clone()),
            notify: convoy.notify.clone(),
            merge: convoy.merge.unwrap_or(MergeStrategy::Direct),
            base: convoy.base.clone(),
            max_parallel: None,
            agent: None,
            model: None,
            epic,
            owned: convoy.owned,
            due: None,
            run: None,
        },
        watchers: convoy.watchers.iter().cloned().collect(),
        state: convoy.state.clone(),
        open,
        created_by: created_by.as_str().to_owned(),
        created_at: convoy.created_at.unwrap_or(ctx.now),
    })
}

pub(super) fn records(state: &State, records: &[ImportedRecord]) -> Result<Decision, Refusal> {
    let mut decision = Decision::nothing();
    let mut seen = BTreeSet::new();
    for record in records {
        let key = format!("{}:{}", record.from.name(), record.key);
        if state.records.contains(&key) || !seen.insert(key) {
            decision.items.push(Item::same(&record.key, "already here"));
            continue;
        }
        if record.text.len() > TEXT_BYTES_MAX || record.key.len() > TITLE_CHARS_MAX {
            let refusal = Refusal::invalid("record", format!("expected at most {TEXT_BYTES_MAX} bytes"));
            decision.items.push(Item::refused(&record.key, refusal));
            continue;
        }
        decision.events.push(Event::RecordImported { record: record.clone() });
        decision.items.push(Item::changed(&record.key));
    }
    if state.records.len() + decision.events.len() > RECORDS_MAX {
        let what = format!("a workspace keeps at most {RECORDS_MAX} records of other tools");
        return Err(Refusal::domain(
            what,
            "import fewer of them: remove old files from a copy of the folder",
        ));
    }
    Ok(decision)
}
