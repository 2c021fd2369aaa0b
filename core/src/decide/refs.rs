//! References: the ids that people type, which may be cut to any unique prefix, and the names of branches.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::id::{ConvoyId, DeliveryId, IssueId, NoticeId, SessionId, WorkerId};
use crate::refusal::Refusal;
use crate::state::State;
use crate::worker::Worker;

/// The longest branch name, in bytes.
const BRANCH_BYTES_MAX: usize = 200;
/// How many candidates an error lists.
const MATCHES_MAX: usize = 5;

fn resolve<K, V>(kind: &'static str, map: &BTreeMap<K, V>, text: &str) -> Result<K, Refusal>
where
    K: Ord + Clone + Borrow<str> + ToString,
{
    if let Some((id, _)) = map.get_key_value(text) {
        return Ok(id.clone());
    }
    let nothing = || Refusal::NoSuch { kind, ids: vec![text.chars().take(200).collect()] };
    if text.is_empty() {
        return Err(nothing());
    }
    let mut matches: Vec<K> = map
        .range::<str, _>((Bound::Included(text), Bound::Unbounded))
        .map(|(id, _)| id)
        .take_while(|id| Borrow::<str>::borrow(*id).starts_with(text))
        .take(MATCHES_MAX)
        .cloned()
        .collect();
    match matches.len() {
        0 => Err(nothing()),
        1 => Ok(matches.remove(0)),
        _ => Err(Refusal::Ambiguous {
            kind,
            text: text.to_owned(),
            matches: matches.iter().map(ToString::to_string).collect(),
        }),
    }
}

/// The issue that is meant.
///
/// # Errors
/// When there is none, or several.
pub fn resolve_issue(state: &State, text: &str) -> Result<IssueId, Refusal> {
    resolve("issue", &state.issues, text)
}

/// The convoy that is meant; `hq-abc` finds `hq-cv-abc…`.
///
/// # Errors
/// When there is none, or several.
pub fn resolve_convoy(state: &State, text: &str) -> Result<ConvoyId, Refusal> {
    match resolve("convoy", &state.convoys, text) {
        Err(Refusal::NoSuch { .. }) if !text.is_empty() => {
            // One that came from orch is called by its last part as well, in labels for one.
            let short = text.strip_prefix("hq-").map(|rest| format!("hq-cv-{rest}"));
            resolve("convoy", &state.convoys, &short.unwrap_or_else(|| format!("convoy-{text}")))
                .map_err(|_| Refusal::NoSuch { kind: "convoy", ids: vec![text.chars().take(200).collect()] })
        }
        other => other,
    }
}

/// The worker that is meant, by its id or its name; its rig may stand before it. Of several that had the name, the
/// one that is at work, else the last.
///
/// # Errors
/// When there is none, or several.
pub fn resolve_worker(state: &State, text: &str) -> Result<WorkerId, Refusal> {
    let (rig, name) = match text.trim_start_matches('@').rsplit_once('/') {
        Some((rig, name)) => (Some(rig), name),
        None => (None, text.trim_start_matches('@')),
    };
    resolve("worker", &state.workers, name).or_else(|error| {
        let called = |worker: &&Worker| {
            let content = &worker.content;
            content.name.as_ref().is_some_and(|known| known.as_str() == name)
                && rig.is_none_or(|rig| content.rig.as_str() == rig)
        };
        let found = state.workers.values().filter(called);
        let last = found.max_by_key(|worker| (worker.state.is_active(), worker.assigned_at));
        last.map(|worker| worker.content.id.clone()).ok_or(error)
    })
}

/// The session that is meant.
///
/// # Errors
/// When there is none, or several.
pub fn resolve_session(state: &State, text: &str) -> Result<SessionId, Refusal> {
    resolve("session", &state.sessions, text)
}

/// The notice that is meant.
///
/// # Errors
/// When there is none, or several.
pub fn resolve_notice(state: &State, text: &str) -> Result<NoticeId, Refusal> {
    resolve("notice", &state.notices, text)
}

/// The delivery that is meant.
///
/// # Errors
/// When there is none, or several.
pub fn resolve_delivery(state: &State, text: &str) -> Result<DeliveryId, Refusal> {
    resolve("delivery", &state.deliveries, text)
}

/// Each issue that is meant, once, in the order given; what leads nowhere becomes an item of its own. A single
/// reference that leads nowhere is refused.
pub(super) fn resolve_each(
    state: &State,
    texts: &[String],
    decision: &mut super::Decision,
) -> Result<Vec<IssueId>, Refusal> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for text in texts {
        match resolve_issue(state, text) {
            Ok(id) if !seen.insert(id.clone()) => {}
            Ok(id) => found.push(id),
            Err(refusal) if texts.len() == 1 => return Err(refusal),
            Err(refusal) => decision.items.push(super::Item::refused(text, refusal)),
        }
    }
    Ok(found)
}

/// All the issues that are meant, each once, in the order given; or every reference that leads nowhere.
pub(super) fn resolve_issues(state: &State, texts: &[String]) -> Result<Vec<IssueId>, Refusal> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for text in texts {
        match resolve_issue(state, text) {
            Ok(id) if !seen.insert(id.clone()) => {}
            Ok(id) => found.push(id),
            Err(Refusal::NoSuch { ids, .. }) => missing.extend(ids),
            Err(other) => return Err(other),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(Refusal::NoSuch { kind: "issue", ids: missing }) }
}

/// Whether a text can be the name of a branch.
pub(super) fn check_branch(base: Option<&str>) -> Result<(), Refusal> {
    let bad = |name: &str| {
        name.is_empty()
            || name.len() > BRANCH_BYTES_MAX
            || name.starts_with('-')
            || name == "HEAD"
            || name == "@"
            || name.contains("..")
            || name.contains("@{")
            || name.ends_with('.')
            || name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"))
            || name.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c))
    };
    match base {
        Some(name) if bad(name) => {
            Err(Refusal::invalid("base", format!("{name:?} is not the name of a branch")))
        }
        _ => Ok(()),
    }
}
