//! The orders of findings: one for what comes in, so that its own order does not matter, and one for what goes out.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use convoy_core::review::Finding;

use super::cluster::Cluster;
use super::{FindingId, Found, Merged, Source};
use crate::findings::kind::Kind;

/// How many others of its file a finding names.
const RELATED_MAX: usize = 8;

/// A total order of findings: only what is alike in all is equal.
pub(super) fn as_they_came(a: &Found, b: &Found) -> Ordering {
    fn key(one: &Found) -> impl Ord + '_ {
        let Finding { severity, category, title, file, line, end_line, quote, problem, impact, fix, confidence } =
            &one.finding;
        let texts = (title, category, problem, impact, fix, quote);
        (file, line, Reverse(severity), one.by_program, end_line, Reverse(confidence), texts, &one.role)
    }
    key(a).cmp(&key(b))
}

/// Makes the faults, in the order in which they are told of, and names them.
pub(super) fn numbered(clusters: Vec<Cluster>, first: u32) -> Vec<Merged> {
    let mut faults: Vec<Merged> = clusters.into_iter().map(fault).collect();
    // The clusters come in an order of their own, so that what is alike in all of this keeps it.
    faults.sort_by(|a, b| key(a).cmp(&key(b)));
    for (fault, number) in faults.iter_mut().zip(first..) {
        fault.id = FindingId(number);
    }
    relate(&mut faults);
    faults
}

fn key(one: &Merged) -> impl Ord + '_ {
    let place = (&one.file, one.line, one.end_line);
    let what = (Reverse(one.severity), one.touches, Reverse(one.confidence), Reverse(one.roles.len()));
    (what, place, &one.title, &one.category, &one.quote)
}

fn fault(cluster: Cluster) -> Merged {
    let Cluster { mut members } = cluster;
    // Who says it best comes first: the gravest, an agent before a program, the surest.
    members.sort_by_key(|(found, _)| {
        (Reverse(found.finding.severity), found.by_program, Reverse(found.finding.confidence))
    });
    let mut touches = crate::findings::kind::Touches::Other;
    let (mut titles, mut problems, mut impacts, mut fixes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut roles, mut sources) = (Vec::new(), Vec::new());
    for (found, Kind { touches: touched, .. }) in &members {
        touches = touches.min(*touched);
        keep(&mut titles, &found.finding.title);
        keep(&mut problems, &found.finding.problem);
        keep(&mut impacts, &found.finding.impact);
        keep(&mut fixes, &found.finding.fix);
        roles.push(found.role.clone());
        let Found { role, finding, grounded: _, by_program } = found;
        sources.push(Source { role: role.clone(), by_program: *by_program, finding: finding.clone() });
    }
    roles.sort();
    roles.dedup();
    let lead = members.first().map(|(found, _)| found.clone());
    let (grounded, lead) = lead.map(|found| (found.grounded, found.finding)).unwrap_or_default();
    let first_of = |of: fn(&Finding) -> &String| {
        members.iter().map(|(found, _)| of(&found.finding)).find(|text| !text.trim().is_empty()).cloned()
    };
    let confidence = members.iter().filter_map(|(found, _)| found.finding.confidence).max();
    Merged {
        id: FindingId(0),
        severity: lead.severity,
        touches,
        category: first_of(|finding| &finding.category).unwrap_or_default(),
        title: if titles.is_empty() { String::new() } else { titles.remove(0) },
        other_titles: titles,
        quote: first_of(|finding| &finding.quote).unwrap_or_default(),
        file: lead.file,
        line: lead.line,
        end_line: lead.end_line,
        problems,
        impacts,
        fixes,
        confidence,
        grounded,
        roles,
        related: Vec::new(),
        sources,
    }
}

/// Keeps a text that says something and is not there yet, whatever its blanks.
fn keep(texts: &mut Vec<String>, text: &str) {
    let same = |kept: &String| kept.split_whitespace().eq(text.split_whitespace());
    if !text.trim().is_empty() && !texts.iter().any(same) {
        texts.push(text.trim().to_owned());
    }
}

/// Names to each those that are nearest in its file.
fn relate(faults: &mut [Merged]) {
    let mut by_file: BTreeMap<String, Vec<(u32, usize)>> = BTreeMap::new();
    for (at, fault) in faults.iter().enumerate() {
        if let Some(file) = &fault.file {
            by_file.entry(file.clone()).or_default().push((fault.line.unwrap_or(0), at));
        }
    }
    for places in by_file.values_mut() {
        places.sort_unstable();
        for (n, (line, at)) in places.iter().enumerate() {
            let around = &places[n.saturating_sub(RELATED_MAX)..(n + RELATED_MAX + 1).min(places.len())];
            let mut near: Vec<(u32, FindingId)> =
                around.iter().filter(|(_, other)| other != at).map(|(l, o)| (l.abs_diff(*line), faults[*o].id)).collect();
            near.sort_unstable();
            near.truncate(RELATED_MAX);
            let mut related: Vec<FindingId> = near.into_iter().map(|(_, id)| id).collect();
            related.sort_unstable();
            faults[*at].related = related;
        }
    }
}
