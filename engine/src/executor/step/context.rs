//! What a role's prompt can name: gathered when its session is launched, and never kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use convoy_core::id::RoleName;
use convoy_core::template::{OutputKind, Runner};

use super::super::job::Supervise;
use super::super::role::{self, Lane, Role};
use super::super::synthesize;
use super::files;
use crate::explain;
use crate::git::{Oid, Repo};
use crate::templates::{IssueText, PromptContext};
use crate::world::World;

/// How much of a change a prompt can have, in bytes. What is shown of it is for the prompt to say.
const DIFF_BYTES_MAX: usize = 1024 * 1024;

/// Where a role writes, as its prompt and its environment name it.
pub(super) struct Places<'a> {
    /// The folder.
    pub(super) staging: &'a Path,
    /// The convoy's folder, where others' reports are.
    pub(super) folder: &'a Path,
}

/// The names of a role's files.
pub(super) fn report_name(role: &RoleName) -> String {
    format!("{role}.md")
}

pub(super) fn findings_name(role: &RoleName) -> String {
    format!("{role}.findings.json")
}

/// All that the prompt, and the arguments of a program, can name. `used` are the names that they do.
pub(super) fn context(
    world: &World,
    job: &Supervise,
    role: &Role,
    places: &Places<'_>,
    used: &BTreeSet<String>,
) -> Result<PromptContext, String> {
    let named = |name: &str| used.iter().any(|used| used == name || used.starts_with(&format!("{name}.")));
    let path = |name: &str| places.staging.join(name).to_string_lossy().into_owned();
    let run = &role.run;
    let agent = match &role.step.runner {
        Runner::Agent { .. } => job.agent.to_string(),
        // What is rendered for nobody is read by people.
        Runner::Program { .. } | Runner::Nobody => String::new(),
    };
    let mut context = PromptContext {
        convoy: role.convoy.to_string(),
        title: role.title.clone(),
        role: role.step.role.to_string(),
        agent,
        files: run.files.clone(),
        commit: run.commit.clone().unwrap_or_default(),
        base: run.diff_base.clone().unwrap_or_default(),
        output_file: path(&report_name(&role.step.role)),
        output_dir: places.staging.to_string_lossy().into_owned(),
        findings_file: path(&findings_name(&role.step.role)),
        params: role.step.params.clone(),
        vars: run.vars.clone(),
        pr_url: run.pr_url.clone().unwrap_or_default(),
        about: role.step.about.as_ref().map(ToString::to_string),
        missing: role
            .inputs
            .iter()
            .filter(|lane| lane.product.is_none())
            .map(|l| l.role.to_string())
            .collect(),
        issues: role.issues.iter().map(issue).collect(),
        ..PromptContext::default()
    };
    if let Some(facts) = role.facts.as_deref().filter(|_| named("facts")) {
        let mut facts = facts.clone();
        crate::facts::refresh(&mut facts, &world.workspace, &world.env, &world.settings().config);
        context.facts = crate::facts::markdown(&facts);
    }
    if named("diff") {
        context.diff = diff(world, role)?;
    }
    if named("inputs") {
        context.inputs = inputs(&role.inputs, places.folder);
    }
    if named("findings") && role.step.output == OutputKind::Synthesis {
        context.findings = merged(world, role, places.folder)?;
    }
    Ok(context)
}

fn issue(about: &role::About) -> IssueText {
    IssueText {
        id: about.id.to_string(),
        title: about.title.clone(),
        body: about.body.clone(),
        issue_type: about.issue_type.clone(),
        priority: about.priority,
        labels: about.labels.clone(),
    }
}

/// The reports of the roles before.
fn inputs(lanes: &[Lane], folder: &Path) -> BTreeMap<String, String> {
    let report = |lane: &Lane| {
        let name = lane.product.as_ref()?.files.first()?;
        files::text(folder, name).ok().flatten()
    };
    // One whose file a person has removed since is there, and empty.
    lanes
        .iter()
        .filter(|lane| lane.product.is_some())
        .map(|lane| (lane.role.to_string(), report(lane).unwrap_or_default()))
        .collect()
}

/// The change, with its end cut off where it is longer than anybody reads.
fn diff(world: &World, role: &Role) -> Result<String, String> {
    let (Some(base), Some(commit)) = (&role.run.diff_base, &role.run.commit) else {
        return Ok(String::new());
    };
    let repository = repository(world, role)?;
    let made = || -> crate::git::Result<Option<String>> {
        let repo = Repo::open_at(&world.git, &repository)?;
        repo.diff(Some(&Oid::new(base)?), &Oid::new(commit)?)
    };
    let whole = world.git_permits.with(made).map_err(|error| explain(&error))?;
    let see = format!("all of it: git diff {base} {commit}");
    Ok(match whole {
        None => format!("[convoy: the change is too long to be shown; {see}]\n"),
        Some(diff) if diff.len() > DIFF_BYTES_MAX => {
            let end = diff.floor_char_boundary(DIFF_BYTES_MAX);
            let end = diff[..end].rfind('\n').map_or(end, |at| at + 1);
            let left = diff.len() - end;
            format!("{}[convoy: {left} bytes of the change were cut off here; {see}]\n", &diff[..end])
        }
        Some(diff) => diff,
    })
}

/// Where the repository is that it reads.
fn repository(world: &World, role: &Role) -> Result<PathBuf, String> {
    let settings = world.settings();
    let rig = settings.config.rigs().get(&role.run.rig);
    rig.map(|rig| rig.path.clone())
        .ok_or_else(|| format!("rig {} is not in the configuration any more", role.run.rig))
}

/// What the roles before found, merged, with the ids by which it can be put in order.
fn merged(world: &World, role: &Role, folder: &Path) -> Result<Vec<serde_json::Value>, String> {
    let repository = repository(world, role)?;
    synthesize::for_prompt(world, &repository, &role.run, &role.inputs, folder)
}
