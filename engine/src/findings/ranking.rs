//! What an agent may say about findings that are merged already: in what order they matter, which come first of all, and
//! a summary. It names them by their ids. It cannot add one, drop one, or change how grave one is.

use std::collections::HashMap;

use convoy_core::review::Finding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::merge::{FindingId, Merged};
use super::parse;
use super::synthesis::Synthesis;

/// How the block begins.
const INFO: &str = "json synthesis";
/// How many come first of all.
pub const TOP_MAX: usize = 5;
/// How many without an agent.
const TOP_DEFAULT: usize = 3;
/// The longest summary that is kept, in bytes.
const SUMMARY_BYTES_MAX: usize = 8 * 1024;
/// How many groups are kept, and the longest text of one, in bytes.
const GROUPS_MAX: usize = 50;
const GROUP_BYTES_MAX: usize = 500;
/// How many ids are read.
const IDS_MAX: usize = 20_000;

/// An order and a summary.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ranking {
    /// The ids, what matters most first.
    pub order: Vec<FindingId>,
    /// In a few sentences.
    pub summary: String,
    /// The ids that come first of all.
    #[serde(default)]
    pub top: Vec<FindingId>,
    /// What belongs together, and why.
    #[serde(default)]
    pub related: Vec<Group>,
    /// Pieces of work, the most urgent first.
    #[serde(default)]
    pub actions: Vec<Group>,
}

/// Findings that are named together.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// Which.
    pub ids: Vec<FindingId>,
    /// Why, or what to do.
    pub text: String,
}

impl Ranking {
    /// The same over other ids: each leads to what has in it what the one before named. The agent may have been given
    /// less than there is in the end.
    #[must_use]
    pub fn moved(self, before: &[Merged], after: &[Merged]) -> Self {
        let mut holders: HashMap<(&str, &Finding), FindingId> = HashMap::new();
        for fault in after {
            for source in &fault.sources {
                holders.insert((source.role.as_str(), &source.finding), fault.id);
            }
        }
        let follow = |id: FindingId| {
            let fault = before.iter().find(|fault| fault.id == id)?;
            let source = fault.sources.first()?;
            holders.get(&(source.role.as_str(), &source.finding)).copied()
        };
        let all = |ids: &[FindingId]| -> Vec<FindingId> { ids.iter().copied().filter_map(follow).collect() };
        let groups = |groups: &[Group]| -> Vec<Group> {
            groups.iter().map(|group| Group { ids: all(&group.ids), text: group.text.clone() }).collect()
        };
        Self {
            order: all(&self.order),
            top: all(&self.top),
            related: groups(&self.related),
            actions: groups(&self.actions),
            summary: self.summary,
        }
    }
}

/// The ranking of a synthesis: of its file `synthesis.rank.json`, else of the block in its report, else of the block or
/// the structured result in what it printed. None if there is nothing of the sort: a report is complete without.
///
/// # Errors
/// Says what has to be mended in the one that is there.
pub fn find(
    file: Option<&str>,
    report: Option<&str>,
    output: Option<&str>,
) -> Result<Option<Ranking>, String> {
    let file = file.filter(|text| !text.trim().is_empty());
    let text = match file.map(|text| parse::block(text, INFO).unwrap_or(text)) {
        Some(text) => Some(text.to_owned()),
        None => report
            .and_then(|text| parse::block(text, INFO).map(str::to_owned))
            .or_else(|| output.and_then(|text| parse::last_block(text, INFO))),
    };
    let value = match text {
        Some(text) => serde_json::from_str(text.trim().trim_start_matches('\u{feff}'))
            .map(Some)
            .map_err(|error| format!("the ranking is not JSON: {error}"))?,
        None => output.and_then(|text| parse::last_structured(text, "order")),
    };
    value.as_ref().map(of_value).transpose()
}

fn of_value(value: &Value) -> Result<Ranking, String> {
    let object = value.as_object().ok_or("the ranking has to be an object with order, summary and top")?;
    let summary = match object.get("summary") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err("summary has to be a text".to_owned()),
    };
    if !object.contains_key("order") && summary.is_empty() {
        return Err("the ranking has neither an order nor a summary".to_owned());
    }
    let summary = summary[..summary.floor_char_boundary(SUMMARY_BYTES_MAX)].to_owned();
    let (order, top) = (ids(object, "order")?, ids(object, "top")?);
    let (related, actions) = (groups(object, "related", "why")?, groups(object, "actions", "what")?);
    Ok(Ranking { order, summary, top, related, actions })
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("{key} has to be a list")),
    }
}

fn ids(object: &Map<String, Value>, key: &str) -> Result<Vec<FindingId>, String> {
    // An id that is none of ours is left out when it is applied; so is a word that is no id.
    let id = |one: &Value| match one {
        Value::String(text) => FindingId::parse(text),
        Value::Object(object) => object.get("id").and_then(Value::as_str).and_then(FindingId::parse),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    };
    Ok(list(object, key)?.iter().take(IDS_MAX).filter_map(id).collect())
}

/// Groups, whose text is under a name of their own, or `text` when they were read before.
fn groups(object: &Map<String, Value>, key: &str, text: &str) -> Result<Vec<Group>, String> {
    let mut groups = Vec::new();
    for one in list(object, key)?.iter().take(GROUPS_MAX).filter_map(Value::as_object) {
        let text = parse::text(one, &[text, "text"]);
        let text = text[..text.floor_char_boundary(GROUP_BYTES_MAX)].to_owned();
        groups.push(Group { ids: ids(one, "ids")?, text });
    }
    Ok(groups)
}

/// Puts the findings in the agent's order, each severity for itself, and takes its summary and its first ones. What it
/// does not name comes after what it names, in the order of the code.
pub(super) fn apply(synthesis: &mut Synthesis, ranking: Option<&Ranking>) {
    let known = |id: &FindingId| synthesis.findings.iter().any(|finding| finding.id == *id);
    let mut top: Vec<FindingId> = Vec::new();
    if let Some(ranking) = ranking {
        for id in ranking.top.iter().filter(|id| known(id)) {
            if top.len() < TOP_MAX && !top.contains(id) {
                top.push(*id);
            }
        }
        let mut places = HashMap::new();
        for (n, id) in ranking.order.iter().enumerate() {
            places.entry(*id).or_insert(n);
        }
        // The sort is stable: what has no place stays in the order of the code.
        let place = |id: FindingId| places.get(&id).copied().unwrap_or(usize::MAX);
        synthesis.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), place(finding.id)));
        synthesis.summary = Some(ranking.summary.clone()).filter(|text| !text.is_empty());
        synthesis.ranked = true;
        let groups = |groups: &[Group], least: usize| -> Vec<Group> {
            let mut kept = groups.to_vec();
            for group in &mut kept {
                group.ids.retain(|id| synthesis.findings.iter().any(|finding| finding.id == *id));
            }
            kept.retain(|group| group.ids.len() >= least && !group.text.trim().is_empty());
            kept
        };
        let (related, actions) = (groups(&ranking.related, 2), groups(&ranking.actions, 1));
        (synthesis.groups, synthesis.actions) = (related, actions);
    }
    if top.is_empty() {
        top = synthesis.findings.iter().take(TOP_DEFAULT).map(|finding| finding.id).collect();
    }
    synthesis.top = top;
}
