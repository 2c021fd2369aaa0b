//! What has to be done before what: dependencies, circles, phases.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::id::RoleName;

use super::file::Role;
use super::problem::Problem;

/// What each role waits for, in the order of the roles.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// The roles, in their order.
    pub roles: Vec<RoleName>,
    /// For each of them, the numbers of those that it waits for.
    needs: Vec<BTreeSet<usize>>,
}

/// The graph of these roles. Unknown dependencies, those on oneself, and circles are problems; a circle is told once.
pub(super) fn graph(roles: &[Role], problems: &mut Vec<Problem>) -> Graph {
    let names: Vec<RoleName> = roles.iter().map(|role| role.role.value.clone()).collect();
    let numbers: BTreeMap<&str, usize> =
        names.iter().enumerate().map(|(n, name)| (name.as_str(), n)).collect();
    let mut needs: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); roles.len()];
    for (n, role) in roles.iter().enumerate() {
        for need in role.depends_on.iter().flatten() {
            let wanted = need.value.as_str();
            match numbers.get(wanted) {
                Some(found) if *found == n => {
                    let what = format!("role {wanted:?} depends on itself");
                    problems.push(need.at.problem(what).fix("remove it"));
                }
                Some(found) => drop(needs[n].insert(*found)),
                None => {
                    let what = format!(
                        "role {:?} depends on {wanted:?}, and there is no such role",
                        role.role.value.as_str()
                    );
                    let known = numbers.keys().copied().filter(|name| *name != role.role.value.as_str());
                    let problem = need.at.problem(what).meant(wanted, known);
                    let fix = format!(
                        "the roles are: {}",
                        names.iter().map(RoleName::as_str).collect::<Vec<_>>().join(", ")
                    );
                    problems.push(if problem.fix.is_none() { problem.fix(fix) } else { problem });
                }
            }
        }
    }
    if let Some(circle) = circle(&needs) {
        let path: Vec<&str> = circle.iter().map(|n| names[*n].as_str()).collect();
        let role = &roles[circle[0]];
        let at = role
            .depends_on
            .iter()
            .flatten()
            .find(|need| circle.get(1).is_some_and(|next| need.value == names[*next]))
            .map_or(&role.role.at, |need| &need.at);
        let what = format!("roles wait for each other in a circle: {}", path.join(" → "));
        problems.push(at.problem(what).fix("remove one of the dependencies"));
        return Graph { roles: names, needs };
    }
    // One that does not run beside others waits for all that are listed before it, but for those that wait for it.
    for (n, role) in roles.iter().enumerate() {
        if role.parallel == Some(false) {
            for earlier in 0..n {
                if !reaches(&needs, earlier, n) {
                    needs[n].insert(earlier);
                }
            }
        }
    }
    Graph { roles: names, needs }
}

/// A way from a role back to itself: the first and the last are the same.
fn circle(needs: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    let mut done = vec![false; needs.len()];
    for start in 0..needs.len() {
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut next = Some(start);
        loop {
            if let Some(role) = next.take().filter(|role| !done[*role]) {
                if let Some(first) = path.iter().position(|(on, _)| *on == role) {
                    let mut found: Vec<usize> = path[first..].iter().map(|(on, _)| *on).collect();
                    found.push(role);
                    return Some(found);
                }
                path.push((role, needs[role].iter().rev().copied().collect()));
            }
            let Some((role, left)) = path.last_mut() else { break };
            match left.pop() {
                Some(need) => next = Some(need),
                None => {
                    done[*role] = true;
                    path.pop();
                }
            }
        }
    }
    None
}

/// Whether one waits for another, at once or by others.
fn reaches(needs: &[BTreeSet<usize>], from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![from];
    while let Some(role) = left.pop() {
        if role == to {
            return true;
        }
        if seen.insert(role) {
            left.extend(&needs[role]);
        }
    }
    false
}

impl Graph {
    /// What a role waits for, by its number.
    pub fn needs(&self, role: usize) -> Vec<&RoleName> {
        self.needs.get(role).into_iter().flatten().map(|need| &self.roles[*need]).collect()
    }

    /// The roles by when they can begin at the earliest. For display: a role begins as soon as what it waits for is done.
    pub fn phases(&self) -> Vec<Vec<&RoleName>> {
        let mut phase: Vec<Option<usize>> = vec![None; self.roles.len()];
        // A circle is a problem, and has no phases; what rests on it neither.
        while let Some(role) = (0..phase.len()).find(|role| {
            phase[*role].is_none() && self.needs[*role].iter().all(|need| phase[*need].is_some())
        }) {
            let before = self.needs[role].iter().filter_map(|need| phase[*need]).max();
            phase[role] = Some(before.map_or(0, |before| before + 1));
        }
        let last = phase.iter().flatten().max().map_or(0, |last| last + 1);
        let mut phases = vec![Vec::new(); last];
        for (role, phase) in phase.into_iter().enumerate() {
            if let Some(phase) = phase {
                phases[phase].push(&self.roles[role]);
            }
        }
        phases
    }
}
