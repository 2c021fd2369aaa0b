//! Having issues changed as roles judge them: priority, labels and a note, and only if a person asked for that.
//!
//! A judgement was written by a model that has read what anybody may have written. Nothing of it is done unless all of it
//! is what a judgement can be, and it can never close an issue, choose a model, or change one that the convoy is not about.

use std::collections::{BTreeMap, BTreeSet};

use super::issue::LABEL_BYTES_MAX;
use crate::convoy::Convoy;
use crate::event::{Event, IssueChange};
use crate::id::IssueId;
use crate::issue::{Issue, LABELS_MAX, TEXT_BYTES_MAX};
use crate::state::State;
use crate::template::{Applied, Judged, NotApplied, ROLES_MAX, ReportKind};

/// The most labels that one judgement gives.
const LABELS_GIVEN_MAX: usize = 20;
/// The longest category, in bytes.
const CATEGORY_BYTES_MAX: usize = 60;
/// How much of a rationale is kept, in characters.
const RATIONALE_CHARS_MAX: usize = 4000;
/// The least urgent priority.
const PRIORITY_MAX: i64 = 4;
/// Labels that mean something to Convoy: a judgement may not set them as it likes.
const KEPT: [&str; 4] = ["category:", "complexity:", "convoy:", "model:"];
/// The lines around the note in an issue's text, by which an earlier one is found.
const NOTE: [&str; 2] = ["<!-- triage -->", "<!-- end of triage -->"];

/// Whether issues are to be changed as the report that is made now says.
pub(super) fn is_wanted(convoy: &Convoy) -> bool {
    let triage = convoy.content.run.as_deref().filter(|run| run.report == ReportKind::Triage);
    let first = convoy.progress.report.is_none();
    // What was asked for at the start was done with the first report; a person may have changed things since.
    triage.is_some_and(|run| convoy.progress.apply || (first && run.apply))
}

/// The changes of issues, and what came of each judgement.
pub(super) fn apply(state: &State, convoy: &Convoy, judged: &[Judged]) -> (Vec<Event>, Applied) {
    let (mut events, mut applied) = (Vec::new(), Applied::default());
    let mut of_issue: BTreeMap<&IssueId, Vec<&Judged>> = BTreeMap::new();
    for one in judged.iter().take(ROLES_MAX) {
        of_issue.entry(&one.issue).or_default().push(one);
    }
    for (id, judgements) in of_issue {
        let Some((first, others)) = judgements.split_first() else { continue };
        let same = |other: &&Judged| Judged { role: first.role.clone(), ..(*other).clone() } == **first;
        let change = match others.iter().all(same) {
            true => change(state, convoy, first),
            false => Err("roles judge it differently, and a person has to choose".to_owned()),
        };
        match change {
            Ok(change) => {
                if change != IssueChange::default() {
                    events.push(Event::IssueUpdated { issue: id.clone(), change });
                }
                applied.issues.push(id.clone());
            }
            Err(why) => applied.refused.extend(judgements.iter().map(|one| NotApplied {
                role: one.role.clone(),
                issue: id.clone(),
                why: why.clone(),
            })),
        }
    }
    (events, applied)
}

/// What has to be changed of the issue, which may be nothing; or why nothing is.
fn change(state: &State, convoy: &Convoy, judged: &Judged) -> Result<IssueChange, String> {
    let issue = judgeable(state, convoy, &judged.issue)?;
    let priority = u8::try_from(judged.priority).ok().filter(|_| judged.priority <= PRIORITY_MAX);
    let priority =
        priority.ok_or_else(|| format!("priority {}: expected 0 (most urgent) to 4", judged.priority))?;
    let category = category(&judged.category)?;
    let complexity = complexity(&judged.complexity)?;
    let own = [format!("category:{category}"), format!("complexity:{complexity}")];
    let given = labels(&judged.labels, &own)?;
    let content = &issue.content;
    let replaced = |label: &&String| KEPT[..2].iter().any(|kind| label.starts_with(kind));
    let remove: Vec<String> =
        content.labels.iter().filter(replaced).filter(|label| !own.contains(label)).cloned().collect();
    let wanted: BTreeSet<String> = own.into_iter().chain(given).collect();
    let add: Vec<String> = wanted.difference(&content.labels).cloned().collect();
    if content.labels.len() - remove.len() + add.len() > LABELS_MAX {
        return Err(format!("it would have more than {LABELS_MAX} labels"));
    }
    let body = noted(&content.body, &note(convoy, judged, &category));
    if body.len() > TEXT_BYTES_MAX {
        return Err("its text has no room for a note".to_owned());
    }
    Ok(IssueChange {
        priority: (priority != content.priority).then_some(priority),
        body: (body != content.body).then_some(body),
        add_labels: add,
        remove_labels: remove,
        ..IssueChange::default()
    })
}

/// The issue, if it is one that may be changed.
fn judgeable<'a>(state: &'a State, convoy: &Convoy, id: &IssueId) -> Result<&'a Issue, String> {
    let asked = convoy.content.run.as_deref().is_some_and(|run| run.issues.contains(id));
    let issue = state.issues.get(id).filter(|_| asked).ok_or("the convoy is not about it")?;
    if issue.content.step.is_some() {
        return Err("it is a role of a template convoy".to_owned());
    }
    if issue.is_unknown() {
        return Err("its tracker cannot be read".to_owned());
    }
    if issue.mirror.as_ref().is_some_and(|mirror| mirror.missing) {
        return Err("its tracker does not list it any more".to_owned());
    }
    if issue.was_closed() {
        return Err("it is closed".to_owned());
    }
    Ok(issue)
}

/// `bug/high`: lower-case words between slashes.
fn category(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let fits = text.len() <= CATEGORY_BYTES_MAX && text.split('/').count() <= 3 && text.split('/').all(word);
    fits.then_some(text).ok_or_else(|| "its category is not one: expected words such as bug/high".to_owned())
}

/// The word that models are chosen by.
fn complexity(text: &str) -> Result<&'static str, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "trivial" => Ok("trivial"),
        "simple" => Ok("simple"),
        "standard" | "medium" | "moderate" => Ok("standard"),
        "complex" | "expert" => Ok("complex"),
        _ => Err("its complexity is not one: expected trivial, simple, medium, complex or expert".to_owned()),
    }
}

/// Labels besides those of category and complexity.
fn labels(given: &[String], own: &[String]) -> Result<BTreeSet<String>, String> {
    if given.len() > LABELS_GIVEN_MAX {
        return Err(format!("{} labels: expected at most {LABELS_GIVEN_MAX}", given.len()));
    }
    let mut labels = BTreeSet::new();
    for label in given {
        // People write labels as words; ours, and those of trackers, have no blanks in them.
        let label = label.split_whitespace().collect::<Vec<_>>().join("-");
        if own.contains(&label) {
            continue;
        }
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '+' | '#');
        let fits = !label.is_empty() && label.len() <= LABEL_BYTES_MAX && label.chars().all(plain);
        if !fits {
            return Err("one of its labels is not one: expected letters, digits and -_./:+#".to_owned());
        }
        let folded = label.to_lowercase();
        if let Some(kind) = KEPT.iter().find(|kind| folded.starts_with(**kind)) {
            return Err(format!(
                "it gives a label that begins with '{kind}', which is not for a judgement to give"
            ));
        }
        labels.insert(label);
    }
    Ok(labels)
}

/// The note, each line of it quoted: it can neither end itself nor look like the rest of the text.
fn note(convoy: &Convoy, judged: &Judged, category: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
    };
    let mut lines = vec![format!(
        "Triage in {}: {category}, priority {}, {}.",
        convoy.content.id,
        judged.priority,
        judged.complexity.trim().to_ascii_lowercase()
    )];
    if let Some(other) = judged.duplicate_of.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let other: String = plain(&other.replace('\n', " ")).chars().take(CATEGORY_BYTES_MAX).collect();
        lines.push(format!("It may be the same as {other}."));
    }
    let rationale = plain(judged.rationale.trim());
    let mut kept: String = rationale.chars().take(RATIONALE_CHARS_MAX).collect();
    if kept.len() < rationale.len() {
        kept.push('…');
    }
    lines.extend(kept.lines().map(|line| line.trim_end().to_owned()));
    let quoted: Vec<String> = lines.iter().map(|line| format!("> {line}").trim_end().to_owned()).collect();
    format!("{}\n{}\n{}", NOTE[0], quoted.join("\n"), NOTE[1])
}

/// The text with the note at its end, or in the place of the one that it had.
fn noted(body: &str, note: &str) -> String {
    let from = line_at(body, NOTE[0]);
    let to = from.and_then(|from| Some(from + line_at(&body[from..], NOTE[1])? + NOTE[1].len()));
    match (from, to) {
        (Some(from), Some(to)) => format!("{}{note}{}", &body[..from], &body[to..]),
        _ if body.trim().is_empty() => format!("{note}\n"),
        _ => format!("{}\n\n{note}\n", body.trim_end()),
    }
}

/// Where a line begins that is this and nothing else.
fn line_at(text: &str, wanted: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end_matches(['\r', '\n']) == wanted {
            return Some(at);
        }
        at += line.len();
    }
    None
}
