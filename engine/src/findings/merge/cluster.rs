//! Which findings are one fault.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::findings::kind::{Kind, near};

use super::{Found, Touches};

/// How many lines of a finding are its place. What is said of a thousand lines is not said of each of them.
const LINES_MAX: u32 = 64;
/// With how many before it in a file one is compared by its words.
const BACK_MAX: usize = 32;

/// Findings that are one fault, at least one, in the order in which they were sorted.
pub(super) struct Cluster {
    pub(super) members: Vec<(Found, Touches)>,
}

/// One finding, as far as it matters here; texts are numbers.
struct Point {
    file: u32,
    from: u32,
    to: u32,
    by_program: bool,
    role: u32,
    topic: Option<usize>,
    /// 0 if it has none.
    category: u32,
    is_broad: bool,
    touches: Touches,
    quote: u32,
    exact: u32,
    title: Vec<u32>,
}

impl Point {
    fn overlaps(&self, other: &Self) -> bool {
        self.file == other.file && self.from <= other.to && other.from <= self.to
    }
}

/// Things as numbers from 1; what is empty is 0.
struct Numbers<T>(HashMap<T, u32>);

impl<T: Default + Eq + Hash> Numbers<T> {
    fn new() -> Self {
        Self(HashMap::from([(T::default(), 0)]))
    }

    fn of(&mut self, thing: T) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(thing).or_insert(next)
    }
}

/// Sets that grow together; each is called by its first member.
struct Sets(Vec<usize>);

impl Sets {
    fn find(&mut self, at: usize) -> usize {
        let mut root = at;
        while self.0[root] != root {
            root = self.0[root];
        }
        let mut at = at;
        while self.0[at] != root {
            at = std::mem::replace(&mut self.0[at], root);
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// Puts together what is one fault. The findings have to be sorted.
pub(super) fn cluster(found: Vec<Found>, grounded: bool) -> Vec<Cluster> {
    let points = points(&found);
    let mut sets = Sets((0..points.len()).collect());
    by_key(&points, &mut sets, grounded);
    by_title(&points, &mut sets);
    let groups = programs(&points, &mut sets);
    agents(&points, &mut sets, &groups);
    // Where the cluster is that a finding is the first of.
    let mut at = vec![0; points.len()];
    let mut clusters: Vec<Cluster> = Vec::new();
    for (n, one) in found.into_iter().enumerate() {
        let first = sets.find(n);
        if first == n {
            at[n] = clusters.len();
            clusters.push(Cluster { members: Vec::new() });
        }
        clusters[at[first]].members.push((one, points[n].touches));
    }
    clusters
}

fn points(found: &[Found]) -> Vec<Point> {
    let kinds: Vec<Kind<'_>> = found.iter().map(|one| Kind::of(&one.finding, &one.role)).collect();
    let (mut texts, mut exacts, mut quotes) = (Numbers::new(), Numbers::new(), Numbers::new());
    let points = found.iter().zip(&kinds).map(|(one, kind)| {
        let finding = &one.finding;
        let from = finding.line.unwrap_or(0);
        let to = finding.end_line.unwrap_or(from).clamp(from, from.saturating_add(LINES_MAX - 1));
        let quote: Vec<&str> = finding.quote.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let category = texts.of(kind.category.as_str());
        let mut title: Vec<u32> = kind.title.iter().map(|word| texts.of(word)).collect();
        title.sort_unstable();
        title.dedup();
        Point {
            file: texts.of(finding.file.as_deref().unwrap_or_default()),
            from,
            to,
            by_program: one.by_program,
            role: texts.of(one.role.as_str()),
            topic: kind.topic,
            category,
            is_broad: kind.is_broad,
            touches: kind.touches,
            quote: quotes.of(quote),
            exact: exacts.of((category, finding.title.trim())),
            title,
        }
    });
    points.collect()
}

/// Joins what has something in common and overlaps: sorted by that and by line, it stands side by side.
fn by_key(points: &[Point], sets: &mut Sets, grounded: bool) {
    // What is in common, and of what sort that is.
    type Common = (u8, u32, u32);
    let mut rows: Vec<(Common, u32, u32, usize)> = Vec::new();
    for (n, point) in points.iter().enumerate() {
        let mut row =
            |sort: u8, what: u32, from: u32, to: u32| rows.push(((sort, point.file, what), from, to, n));
        if point.by_program {
            row(0, point.exact, point.from, point.from);
            continue;
        }
        row(4, point.exact, point.from, point.to);
        if point.quote != 0 {
            // A quote that is in no file has no place.
            let (from, to) = if grounded { (point.from, point.to) } else { (0, u32::MAX) };
            row(1, point.quote, from, to);
        }
        if point.file == 0 {
            continue;
        }
        if point.category != 0 && !point.is_broad {
            row(2, point.category, point.from, point.to);
        }
        if let Some(topic) = point.topic {
            row(3, topic as u32, point.from, point.to);
        }
    }
    rows.sort_unstable();
    let mut before: Option<((u8, u32, u32), u32, usize)> = None;
    for (key, from, to, n) in rows {
        before = match before {
            Some((same, end, other)) if same == key && from <= end => {
                sets.join(other, n);
                Some((key, end.max(to), other))
            }
            Some(_) | None => Some((key, to, n)),
        };
    }
}

/// Joins findings of agents that say nearly the same of the same lines.
fn by_title(points: &[Point], sets: &mut Sets) {
    let all: Vec<usize> =
        (0..points.len()).filter(|n| !points[*n].by_program && points[*n].file != 0).collect();
    for (at, n) in all.iter().enumerate() {
        for other in all[at.saturating_sub(BACK_MAX)..at].iter().rev() {
            let (a, b) = (&points[*n], &points[*other]);
            if a.overlaps(b) && sets.find(*n) != sets.find(*other) && near(&a.title, &b.title) {
                sets.join(*n, *other);
            }
        }
    }
}

/// A fault that programs found.
struct Group {
    /// Its first finding stands for it.
    at: usize,
    roles: Vec<u32>,
    rules: Vec<u32>,
}

/// Joins what programs of different roles say about the same topic at the same line.
fn programs(points: &[Point], sets: &mut Sets) -> Vec<usize> {
    let mut groups: Vec<Group> = Vec::new();
    let mut of_root: HashMap<usize, usize> = HashMap::new();
    for n in (0..points.len()).filter(|n| points[*n].by_program) {
        let group = *of_root.entry(sets.find(n)).or_insert_with(|| {
            groups.push(Group { at: n, roles: Vec::new(), rules: Vec::new() });
            groups.len() - 1
        });
        groups[group].roles.push(points[n].role);
        groups[group].rules.push(points[n].category);
    }
    let mut kept: Vec<Group> = Vec::new();
    for group in groups {
        let point = &points[group.at];
        let apart = |a: &[u32], b: &[u32]| !a.iter().any(|one| b.contains(one));
        let same = |other: &&mut Group| {
            let before = &points[other.at];
            before.file == point.file
                && before.file != 0
                && before.from == point.from
                && (point.topic.is_some() && point.topic == before.topic || near(&point.title, &before.title))
                && apart(&group.roles, &other.roles)
                && apart(&group.rules, &other.rules)
        };
        match kept.iter_mut().rev().take(BACK_MAX).find(same) {
            Some(other) => {
                sets.join(other.at, group.at);
                other.roles.extend(group.roles);
                other.rules.extend(group.rules);
            }
            None => kept.push(group),
        }
    }
    kept.into_iter().map(|group| group.at).collect()
}

/// Has each fault of agents join the one of programs that is most like it.
fn agents(points: &[Point], sets: &mut Sets, groups: &[usize]) {
    let mut joined: HashMap<usize, usize> = HashMap::new();
    for n in (0..points.len()).filter(|n| !points[*n].by_program && points[*n].file != 0) {
        let root = sets.find(n);
        if joined.contains_key(&root) {
            continue;
        }
        let point = &points[n];
        // They are sorted by file and line, as everything is.
        let end = groups.partition_point(|at| {
            let group = &points[*at];
            (group.file == point.file && group.from <= point.to) || *at < n && group.file != point.file
        });
        let candidates = groups[..end].iter().rev().take(BACK_MAX).filter(|at| points[**at].overlaps(point));
        let best = candidates.map(|at| (alike(point, &points[*at]), *at)).filter(|(score, _)| *score > 0);
        // Of those that are as much alike, the first.
        if let Some((_, at)) = best.min_by_key(|(score, at)| (std::cmp::Reverse(*score), *at)) {
            joined.insert(root, at);
        }
    }
    let mut joined: Vec<(usize, usize)> = joined.into_iter().collect();
    joined.sort_unstable();
    for (root, at) in &joined {
        sets.join(*root, *at);
    }
    let taken: HashSet<usize> = joined.iter().map(|(root, _)| sets.find(*root)).collect();
    broad(points, sets, taken);
}

/// How much speaks for it that an agent and a program mean the same.
fn alike(agent: &Point, program: &Point) -> u32 {
    let topic = agent.topic.is_some() && agent.topic == program.topic;
    let category = agent.category != 0 && agent.category == program.category;
    // The quote of a program is only its line, and many things can be said of a line.
    let touches = agent.touches == program.touches && agent.touches != Touches::Other;
    let quote = agent.quote != 0 && agent.quote == program.quote && touches;
    u32::from(topic) * 4
        + u32::from(category) * 4
        + u32::from(near(&agent.title, &program.title)) * 3
        + u32::from(quote) * 2
}

/// Joins, between roles, what has the same broad category at the same lines. A fault has one that programs found at most.
fn broad(points: &[Point], sets: &mut Sets, mut taken: HashSet<usize>) {
    let fits = |point: &Point| point.is_broad && !point.by_program && point.file != 0;
    let all: Vec<usize> = (0..points.len()).filter(|n| fits(&points[*n])).collect();
    let mut roles: HashMap<usize, Vec<u32>> = HashMap::new();
    for n in &all {
        roles.entry(sets.find(*n)).or_default().push(points[*n].role);
    }
    for (at, n) in all.iter().enumerate() {
        for other in all[at.saturating_sub(BACK_MAX)..at].iter().rev() {
            let (a, b) = (&points[*n], &points[*other]);
            if a.category != b.category || !a.overlaps(b) {
                continue;
            }
            let (root_a, root_b) = (sets.find(*n), sets.find(*other));
            let both_taken = taken.contains(&root_a) && taken.contains(&root_b);
            let (of_a, of_b) = (&roles[&root_a], &roles[&root_b]);
            if root_a != root_b && !both_taken && !of_a.iter().any(|role| of_b.contains(role)) {
                let all_roles = [of_a.as_slice(), of_b.as_slice()].concat();
                sets.join(root_a, root_b);
                let root = sets.find(*n);
                roles.insert(root, all_roles);
                if taken.contains(&root_a) || taken.contains(&root_b) {
                    taken.insert(root);
                }
            }
        }
    }
}
