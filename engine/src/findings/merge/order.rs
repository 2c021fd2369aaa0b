//! The orders of findings: one for what comes in, so that its own order does not matter, and one for what goes out.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use convoy_core::id::RoleName;
use convoy_core::review::Finding;

use super::cluster::Cluster;
use super::{FindingId, Found, Merged, Source};

/// How many others of its file a finding names.
const RELATED_MAX: usize = 8;

/// A total order of findings: only what is alike in all is equal.
pub(super) fn as_they_came(a: &Found, b: &Found) -> Ordering {
    fn key(one: &Found) -> impl Ord + '_ {
        let Finding {
            severity,
            category,
            title,
            file,
            line,
            end_line,
            quote,
            problem,
            impact,
            fix,
            confidence,
        } = &one.finding;
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
    let lead = &members[0].0;
    let findings = || members.iter().map(|(found, _)| &found.finding);
    let first_of = |of: fn(&Finding) -> &String| {
        findings().map(of).find(|text| !text.trim().is_empty()).cloned().unwrap_or_default()
    };
    let all_of = |of: fn(&Finding) -> &String| distinct(findings().map(of));
    let mut titles = all_of(|finding| &finding.title).into_iter();
    let roles: BTreeSet<&RoleName> = members.iter().map(|(found, _)| &found.role).collect();
    Merged {
        id: FindingId(0),
        severity: lead.finding.severity,
        touches: members.iter().map(|(_, touches)| *touches).min().unwrap_or_default(),
        category: first_of(|finding| &finding.category),
        title: titles.next().unwrap_or_default(),
        other_titles: titles.collect(),
        quote: first_of(|finding| &finding.quote),
        file: lead.finding.file.clone(),
        line: lead.finding.line,
        end_line: lead.finding.end_line,
        problems: all_of(|finding| &finding.problem),
        impacts: all_of(|finding| &finding.impact),
        fixes: all_of(|finding| &finding.fix),
        confidence: findings().filter_map(|finding| finding.confidence).max(),
        grounded: lead.grounded,
        roles: roles.into_iter().cloned().collect(),
        related: Vec::new(),
        sources: members.into_iter().map(|(found, _)| source(found)).collect(),
    }
}

fn source(found: Found) -> Source {
    let Found { role, finding, grounded: _, by_program } = found;
    Source { role, by_program, finding }
}

/// The texts that say something, each once, whatever its blanks.
fn distinct<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let says = texts.map(|text| text.trim()).filter(|text| !text.is_empty());
    let mut kept: Vec<(usize, &str)> = says.enumerate().collect();
    // What is the same comes to stand side by side, the first of it first.
    kept.sort_by_cached_key(|(_, text)| text.split_whitespace().collect::<Vec<_>>().join(" "));
    kept.dedup_by(|(_, later), (_, first)| later.split_whitespace().eq(first.split_whitespace()));
    kept.sort_unstable();
    kept.into_iter().map(|(_, text)| text.to_owned()).collect()
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
            let mut near: Vec<(u32, FindingId)> = around
                .iter()
                .filter(|(_, other)| other != at)
                .map(|(l, o)| (l.abs_diff(*line), faults[*o].id))
                .collect();
            near.sort_unstable();
            near.truncate(RELATED_MAX);
            let mut related: Vec<FindingId> = near.into_iter().map(|(_, id)| id).collect();
            related.sort_unstable();
            faults[*at].related = related;
        }
    }
}
