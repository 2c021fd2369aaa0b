//! From what a person asks for to what a convoy is started with: everything is looked up here, once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use convoy_api::{Code, Failure};
use convoy_core::command::Request;
use convoy_core::convoy::NAME_CHARS_MAX;
use convoy_core::id::{AgentName, IssueId, RigName, RoleName, TemplateName, WorkerId};
use convoy_core::issue::TITLE_CHARS_MAX;
use convoy_core::money::Money;
use convoy_core::template::{NewStep, ROLES_MAX, ReportKind, Run, Runner, Step};
use convoy_core::time::Span;

use super::check::{Lane, Plan};
use super::context::{IssueText, PromptContext};
use super::library::Library;
use super::place::{Place, Wanted};
use super::read::is_variable;
use super::render::{RenderError, render, variables};
use crate::config::{Config, Sources};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// The most variables that a person gives.
const VARS_MAX: usize = 100;
/// The longest value of one, in bytes.
const VAR_BYTES_MAX: usize = 64 * 1024;
/// The longest address of a request, in bytes.
const URL_BYTES_MAX: usize = 2048;
/// How many issues the name of a convoy names.
const NAMED_MAX: usize = 3;

/// What a person, or the engine itself, wants started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Start {
    /// The template.
    pub template: String,
    /// The rig; else that of the checkout, of the issues, of `dir`, or of the workspace's own folder.
    pub rig: Option<RigName>,
    /// A folder in the checkout that is looked at.
    pub project_path: Option<PathBuf>,
    /// The folder that the command was given in.
    pub dir: Option<PathBuf>,
    /// The commit that is read, by whatever names it; else what is checked out, with what is not committed.
    pub commit: Option<String>,
    /// Where the change begins that is looked at, by whatever names it.
    pub base: Option<String>,
    /// Globs of files, from the top of the repository.
    pub files: Vec<String>,
    /// A request on a forge.
    pub pr_url: Option<String>,
    /// Issues, known to be there.
    pub issues: Vec<IssueId>,
    /// For prompts: `vars.NAME`.
    pub vars: BTreeMap<String, String>,
    /// For prompts: `params.NAME`, over what the template has.
    pub params: BTreeMap<String, String>,
    /// Over the template's.
    pub max_parallel: Option<u32>,
    /// Over the template's.
    pub timeout: Option<Span>,
    /// Over those of all roles that an agent does; a template whose roles nobody does gets it as well.
    pub agent: Option<AgentName>,
    /// Likewise.
    pub model: Option<String>,
    /// What the convoy is called, if not after what it looks at.
    pub name: Option<String>,
    /// Issues are changed as their judgements say.
    pub apply: bool,
    /// The worker whose branch is looked at before it is merged.
    pub reviews: Option<WorkerId>,
}

/// Everything that a template convoy is started with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// What it is called.
    pub name: String,
    /// What all roles are about.
    pub run: Run,
    /// The roles.
    pub steps: Vec<NewStep>,
    /// How many of them at once.
    pub max_parallel: Option<u32>,
    /// What a person should know, a line each.
    pub notes: Vec<String>,
}

impl Resolved {
    /// As the engine takes it.
    pub fn request(
        self,
        owner: Option<String>,
        notify: Vec<String>,
        epic: Option<String>,
        budget: Option<Money>,
    ) -> Request {
        let Self { name, run, steps, max_parallel, notes: _ } = self;
        Request::TemplateStart { name, run: Box::new(run), steps, owner, notify, max_parallel, epic, budget }
    }
}

fn invalid(text: impl Into<String>) -> Failure {
    Failure::new(Code::Invalid, text)
}

/// Looks everything up: the template, the commit, the files, the change. A commit of what is not committed may be made in
/// the repository's objects; nothing else is written.
///
/// # Errors
/// Says what is wrong, or missing, and what to pass.
pub fn resolve(workspace: &Workspace, env: &Environment, start: &Start) -> Result<Resolved, Failure> {
    let config = Config::load(workspace, env, &Sources::default())?;
    let agents: Vec<String> =
        crate::engine::presets(&config)?.iter().map(|preset| preset.name.clone()).collect();
    let plan = Library::open(Some(workspace), env).with_agents(agents).plan(&start.template)?;
    check(start, &plan)?;
    let wanted = Wanted {
        needs_files: plan.report == ReportKind::Review && plan.looks_at_files(),
        template: plan.template.name.as_str(),
    };
    let place = Place::find(workspace, env, &config, start, &wanted)?;
    let steps = steps(start, &plan)?;
    let mut notes = place.notes.clone();
    notes.extend(vars_used(start, &steps, &place)?);
    let settings = &plan.template.config;
    let run = Run {
        template: TemplateName::clone(&plan.template.name),
        rig: place.rig.clone(),
        commit: place.commit.as_ref().map(ToString::to_string),
        diff_base: place.base.as_ref().map(ToString::to_string),
        files: place.files.clone(),
        vars: start.vars.clone(),
        pr_url: start.pr_url.clone(),
        issues: start.issues.clone(),
        timeout: start.timeout.or(settings.timeout),
        on_failure: settings.on_failure.unwrap_or_default(),
        report: plan.report,
        output_dir: settings.output_dir.clone(),
        apply: start.apply,
        reviews: start.reviews.clone(),
    };
    let name = start.name.clone().unwrap_or_else(|| name(start, &place));
    Ok(Resolved { name, run, steps, max_parallel: start.max_parallel.or(settings.max_parallel), notes })
}

/// What can be said without looking at a repository.
fn check(start: &Start, plan: &Plan) -> Result<(), Failure> {
    let per_issue = plan.lanes.iter().any(|lane| lane.role.per_issue);
    if per_issue && start.issues.is_empty() {
        let text = format!("template {} looks at issues, one by one, and none is named", start.template);
        return Err(invalid(text).hint("name at least one: --issue ID"));
    }
    if start.apply && plan.report != ReportKind::Triage {
        let text = format!("template {} judges no issues, so there is nothing to apply", start.template);
        return Err(invalid(text).hint("leave --apply out"));
    }
    if let Some(url) = &start.pr_url {
        let known = url.starts_with("https://") || url.starts_with("http://");
        if !known || url.len() > URL_BYTES_MAX || url.contains(|c: char| c.is_control() || c.is_whitespace())
        {
            return Err(invalid(format!("--pr-url: {url:?} is no address: expected https://…")));
        }
    }
    for (what, all) in [("--var", &start.vars), ("--param", &start.params)] {
        if all.len() > VARS_MAX {
            return Err(invalid(format!("{what}: at most {VARS_MAX} are taken")));
        }
        for (name, value) in all {
            if !is_variable(name) {
                let text = format!(
                    "{what}: {name:?} is no name: expected letters, digits and '_', not beginning with a digit"
                );
                return Err(invalid(text));
            }
            if value.len() > VAR_BYTES_MAX {
                return Err(invalid(format!("{what}: {name} is longer than {VAR_BYTES_MAX} bytes")));
            }
        }
    }
    if let Some(model) = &start.model
        && (model.is_empty() || model.starts_with('-') || model.contains(char::is_control))
    {
        return Err(invalid(format!("--model: {model:?} is no name of a model")));
    }
    if let Some(many) = Some(count(start, plan)).filter(|many| *many > ROLES_MAX) {
        return Err(invalid(format!(
            "it would have {many} roles, and at most {ROLES_MAX} can run in one convoy"
        ))
        .hint("name fewer issues at once"));
    }
    Ok(())
}

fn count(start: &Start, plan: &Plan) -> usize {
    plan.lanes.iter().map(|lane| if lane.role.per_issue { start.issues.len() } else { 1 }).sum()
}

/// The roles as they are asked for, those of issues once for each.
fn steps(start: &Start, plan: &Plan) -> Result<Vec<NewStep>, Failure> {
    let of = |name: &RoleName| plan.lanes.iter().find(|lane| lane.role.role.value == *name);
    let nobody_works = !plan.lanes.iter().any(|lane| matches!(lane.runner(), Runner::Agent { .. }));
    let mut steps = Vec::new();
    for lane in &plan.lanes {
        let about: Vec<Option<&IssueId>> =
            if lane.role.per_issue { start.issues.iter().map(Some).collect() } else { vec![None] };
        for about in about {
            let mut needs = Vec::new();
            for need in &lane.needs {
                let many = of(need).is_some_and(|lane| lane.role.per_issue);
                match (many, about) {
                    (false, _) => needs.push(need.clone()),
                    (true, Some(about)) => needs.push(role_of(need, Some(about))?),
                    (true, None) => {
                        for issue in &start.issues {
                            needs.push(role_of(need, Some(issue))?);
                        }
                    }
                }
            }
            let mut params = lane.role.params.clone();
            params.extend(start.params.clone());
            let role = role_of(&lane.role.role.value, about)?;
            let description = lane.file.description.lines().next().unwrap_or_default();
            steps.push(NewStep {
                title: format!("{role}: {description}").chars().take(TITLE_CHARS_MAX).collect(),
                prompt: lane.file.body.clone(),
                needs,
                step: Step {
                    role,
                    subagent: lane.file.name.clone(),
                    runner: runner(start, lane, nobody_works),
                    output: lane.file.output,
                    timeout: lane.timeout(),
                    max_attempts: lane.role.max_attempts,
                    params,
                    about: about.cloned(),
                },
            });
        }
    }
    Ok(steps)
}

/// `triage`, or `triage-gt-abc` for an issue.
fn role_of(role: &RoleName, about: Option<&IssueId>) -> Result<RoleName, Failure> {
    let Some(about) = about else { return Ok(role.clone()) };
    RoleName::new(format!("{role}-{about}")).map_err(|error| invalid(error.to_string()))
}

/// What does the work, with what the person says over what files say.
fn runner(start: &Start, lane: &Lane, nobody_works: bool) -> Runner {
    let over = |runner: Runner| match runner {
        Runner::Agent { agent, model, tools, permission_mode } => Runner::Agent {
            agent: start.agent.clone().or(agent),
            model: start.model.clone().or(model),
            tools,
            permission_mode,
        },
        other @ (Runner::Program { .. } | Runner::Nobody) => other,
    };
    let wanted = start.agent.is_some() || start.model.is_some();
    match lane.runner() {
        Runner::Nobody if nobody_works && wanted => over(lane.agent(None)),
        runner => over(runner),
    }
}

/// A prompt that wants a variable that was not given is found now, not when its turn comes. Says which were given for
/// nothing.
fn vars_used(start: &Start, steps: &[NewStep], place: &Place) -> Result<Option<String>, Failure> {
    let issue = |id: &IssueId| IssueText { id: id.to_string(), ..IssueText::default() };
    let mut named = Vec::new();
    for step in steps {
        let context = PromptContext {
            role: step.step.role.to_string(),
            agent: if step.step.runner == Runner::Nobody { String::new() } else { "agent".to_owned() },
            files: place.files.clone(),
            diff: place.base.as_ref().map(|_| "diff".to_owned()).unwrap_or_default(),
            missing: step.needs.iter().map(ToString::to_string).collect(),
            params: step.step.params.clone(),
            vars: start.vars.clone(),
            pr_url: start.pr_url.clone().unwrap_or_default(),
            issues: start.issues.iter().map(issue).collect(),
            about: step.step.about.as_ref().map(ToString::to_string),
            ..PromptContext::default()
        };
        let words = match &step.step.runner {
            Runner::Program { command, .. } => command.as_slice(),
            Runner::Agent { .. } | Runner::Nobody => &[],
        };
        for text in std::iter::once(&step.prompt).chain(words) {
            named.extend(variables(text).unwrap_or_default());
            let Err(RenderError::Unknown { name, .. }) = render(text, &context) else { continue };
            if let Some(name) = name.strip_prefix("vars.") {
                let text =
                    format!("role {} asks for the variable {name:?}, and it was not given", step.step.role);
                return Err(invalid(text).hint(format!("pass it: --var {name}=…")));
            }
        }
    }
    let whole = named.iter().any(|name| name == "vars");
    let unused: Vec<&str> = start
        .vars
        .keys()
        .filter(|name| !whole && !named.iter().any(|one| one.strip_prefix("vars.") == Some(name)))
        .map(String::as_str)
        .collect();
    Ok((!unused.is_empty()).then(|| format!("no prompt asks for: {}", unused.join(", "))))
}

/// What a convoy is called that nobody gave a name.
fn name(start: &Start, place: &Place) -> String {
    let files = |n: usize| if n == 1 { "1 file".to_owned() } else { format!("{n} files") };
    let about = match (&start.issues, &start.pr_url, &place.since) {
        (issues, ..) if !issues.is_empty() => {
            let mut names: Vec<&str> = issues.iter().take(NAMED_MAX).map(IssueId::as_str).collect();
            if issues.len() > NAMED_MAX {
                names.push("…");
            }
            format!(" of {}", names.join(", "))
        }
        (_, Some(url), _) => format!(" of {url}"),
        (_, None, Some(since)) => format!(" of {} changed since {since}", files(place.files.len())),
        (_, None, None) if !place.files.is_empty() => format!(" of {}", files(place.files.len())),
        (_, None, None) => String::new(),
    };
    let name = format!("{}{about}", start.template);
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_CHARS_MAX).collect()
}
