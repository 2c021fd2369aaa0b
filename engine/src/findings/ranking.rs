//! What an agent may say about findings that are merged already: in what order they matter, which come first of all, and
//! a summary. It names them by their ids. It cannot add one, drop one, or change how grave one is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::merge::FindingId;
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
    pub top: Vec<FindingId>,
}

/// The ranking of a synthesis: of its file `synthesis.rank.json`, else of the block in its report, else of the block or
/// the structured result in what it printed.
///
/// # Errors
/// Says what has to be mended. A report is complete without a ranking.
pub fn extract(file: Option<&str>, report: Option<&str>, output: Option<&str>) -> Result<Ranking, String> {
    let file = file.filter(|text| !text.trim().is_empty());
    let text = match file.map(|text| parse::block(text, INFO).unwrap_or(text)) {
        Some(text) => Some(text.to_owned()),
        None => report
            .and_then(|text| parse::block(text, INFO).map(str::to_owned))
            .or_else(|| output.and_then(|text| parse::last_block(text, INFO))),
    };
    let value = match text {
        Some(text) => serde_json::from_str(text.trim().trim_start_matches('\u{feff}'))
            .map_err(|error| format!("the ranking is not JSON: {error}"))?,
        None => output.and_then(|text| parse::last_structured(text, "order")).ok_or_else(|| {
            format!(
                "there is no ranking: end with a block that begins with ```{INFO} and holds \
                 {{\"order\": [\"F1\", …], \"summary\": \"…\", \"top\": [\"F1\", …]}}"
            )
        })?,
    };
    of_value(&value)
}

fn of_value(value: &Value) -> Result<Ranking, String> {
    let object = value.as_object().ok_or("the ranking has to be an object with order, summary and top")?;
    let ids = |key: &str| -> Result<Vec<FindingId>, String> {
        let list = match object.get(key) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(format!("{key} has to be a list of ids, as [\"F1\", \"F2\"]")),
        };
        // An id that is none of ours is left out when it is applied; so is a word that is no id.
        let id = |one: &Value| match one {
            Value::String(text) => FindingId::parse(text),
            Value::Object(object) => object.get("id").and_then(Value::as_str).and_then(FindingId::parse),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        };
        Ok(list.iter().take(IDS_MAX).filter_map(id).collect())
    };
    let summary = match object.get("summary") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err("summary has to be a text".to_owned()),
    };
    if !object.contains_key("order") && summary.is_empty() {
        return Err("the ranking has neither an order nor a summary".to_owned());
    }
    let summary = summary[..summary.floor_char_boundary(SUMMARY_BYTES_MAX)].to_owned();
    Ok(Ranking { order: ids("order")?, summary, top: ids("top")? })
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
        let mut places = std::collections::HashMap::new();
        for (n, id) in ranking.order.iter().enumerate() {
            places.entry(*id).or_insert(n);
        }
        // The sort is stable: what has no place stays in the order of the code.
        let place = |id: FindingId| places.get(&id).copied().unwrap_or(usize::MAX);
        synthesis.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), place(finding.id)));
        synthesis.summary = Some(ranking.summary.clone()).filter(|text| !text.is_empty());
        synthesis.ranked = true;
    }
    if top.is_empty() {
        top = synthesis.findings.iter().take(TOP_DEFAULT).map(|finding| finding.id).collect();
    }
    synthesis.top = top;
}
