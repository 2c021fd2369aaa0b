//! A template put together with its agent files, and everything that can be said against it before it runs.

use std::collections::BTreeMap;

use convoy_core::id::{AgentName, RoleName};
use convoy_core::template::{OutputKind, ReportKind, Runner};
use convoy_core::time::Span;

use super::agent_file::AgentFile;
use super::file::{Role, Who};
use super::graph::{Graph, graph};
use super::inherit::Template;
use super::library::Library;
use super::problem::{Error, Problem};
use super::trial;

/// A template that can be started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// It.
    pub template: Template,
    /// Its roles with their agent files, in their order.
    pub lanes: Vec<Lane>,
    /// What waits for what.
    pub graph: Graph,
    /// What is made of the reports.
    pub report: ReportKind,
}

/// A role and the agent file that it is made of.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The role, as the template has it.
    pub role: Role,
    /// Its agent file.
    pub file: AgentFile,
    /// What it waits for.
    pub needs: Vec<RoleName>,
}

impl Lane {
    /// What does the work, if nobody says otherwise.
    pub fn runner(&self) -> Runner {
        if let Some(command) = &self.file.command {
            let command = command.iter().map(|word| word.value.clone()).collect();
            return Runner::Program { command, success: self.file.success.clone() };
        }
        match self.role.agent.as_ref().or(self.file.agent.as_ref()).map(|agent| &agent.value) {
            Some(Who::Nobody) => Runner::Nobody,
            Some(Who::Agent(name)) => self.agent(Some(name.clone())),
            None => self.agent(None),
        }
    }

    /// An agent of this name, as the files want it.
    pub(super) fn agent(&self, agent: Option<AgentName>) -> Runner {
        Runner::Agent {
            agent,
            model: self.role.model.clone().or_else(|| self.file.model.clone()),
            tools: self.file.tools.clone(),
            permission_mode: self.file.permission_mode.clone(),
        }
    }

    /// How long an attempt may take.
    pub fn timeout(&self) -> Option<Span> {
        self.role.timeout.or(self.file.timeout)
    }
}

/// Puts a template together, or says everything that is wrong with it.
pub(super) fn plan(library: &Library, template: Template) -> Result<Plan, Error> {
    let mut problems = Vec::new();
    let whole = super::problem::At { line: Some(1), ..super::problem::At::file(&template.source) };
    if template.roles.is_empty() {
        let problem = whole.problem("it has no roles");
        problems
            .push(problem.fix("add one: [[agents]] with role and subagent, or extends = \"code-review\""));
    }
    let graph = graph(&template.roles, &mut problems);
    let mut lanes = Vec::new();
    let mut files: BTreeMap<String, Option<AgentFile>> = BTreeMap::new();
    for (n, role) in template.roles.iter().enumerate() {
        let Some(subagent) = &role.subagent else {
            let what = format!("role {:?} names no subagent", role.role.value.as_str());
            problems.push(role.role.at.problem(what).fix("add subagent = \"…\", the name of an agent file"));
            continue;
        };
        let name = subagent.value.as_str();
        let file = files.entry(name.to_owned()).or_insert_with(|| match library.agent_file(name) {
            Ok(file) => Some(file),
            Err(Error::Invalid(wrong)) => {
                problems.extend(wrong);
                None
            }
            Err(Error::Unknown { known, .. }) => {
                let problem = subagent.at.problem(format!("there is no agent file {name:?}"));
                let problem = problem.meant(name, known.iter().map(String::as_str));
                let fix = format!(
                    "put {name}.md into .convoy/agents, or name one that there is: {}",
                    known.join(", ")
                );
                problems.push(if problem.fix.is_none() { problem.fix(fix) } else { problem });
                None
            }
        });
        let Some(file) = file.clone() else { continue };
        let needs = graph.needs(n).into_iter().cloned().collect();
        lanes.push(Lane { role: role.clone(), file, needs });
    }
    for lane in &lanes {
        check(library, lane, &mut problems);
        let of_issues =
            |need: &&RoleName| template.roles.iter().any(|role| role.per_issue && role.role.value == **need);
        trial::lane(
            lane,
            &lane.needs.iter().filter(|need| !of_issues(need)).collect::<Vec<_>>(),
            &mut problems,
        );
    }
    if let Some(extra) = lanes.iter().filter(|lane| lane.file.output == OutputKind::Synthesis).nth(1) {
        let what = "there are two roles whose output is a synthesis";
        problems.push(extra.role.role.at.problem(what).fix("keep one: a convoy has one report"));
    }
    if !problems.is_empty() {
        let mut seen: Vec<Problem> = Vec::new();
        problems.retain(|problem| {
            let new = !seen.contains(problem);
            seen.push(problem.clone());
            new
        });
        return Err(Error::Invalid(problems));
    }
    let report = template.config.synthesis.unwrap_or_else(|| usual(&lanes));
    Ok(Plan { template, lanes, graph, report })
}

fn check(library: &Library, lane: &Lane, problems: &mut Vec<Problem>) {
    let role = &lane.role;
    if lane.file.command.is_some() {
        for (key, given) in [("model", role.model.is_some()), ("agent", role.agent.is_some())] {
            if given {
                let what = format!("{key:?} means nothing for {}: it is a program", lane.file.name);
                problems.push(role.role.at.problem(what).fix(format!("remove {key:?}")));
            }
        }
    }
    for agent in [role.agent.as_ref(), lane.file.agent.as_ref()].into_iter().flatten() {
        if let (Who::Agent(name), Some(known)) = (&agent.value, &library.agents)
            && !known.iter().any(|known| known == name.as_str())
        {
            let problem = agent.at.problem(format!("there is no agent {:?}", name.as_str()));
            let problem = problem.meant(name.as_str(), known.iter().map(String::as_str));
            let fix = format!("the agents are: {}", known.join(", "));
            problems.push(if problem.fix.is_none() { problem.fix(fix) } else { problem });
        }
    }
}

/// What is made of reports by what they are.
fn usual(lanes: &[Lane]) -> ReportKind {
    let has = |wanted: &[OutputKind]| lanes.iter().any(|lane| wanted.contains(&lane.file.output));
    match () {
        () if has(&[OutputKind::Findings, OutputKind::Sarif, OutputKind::Synthesis]) => ReportKind::Review,
        () if has(&[OutputKind::Triage]) => ReportKind::Triage,
        () => ReportKind::None,
    }
}

impl Plan {
    /// Whether something in it asks for files or a change to look at.
    pub fn looks_at_files(&self) -> bool {
        let asks = |text: &str| {
            let names = super::render::variables(text).unwrap_or_default();
            names.iter().any(|name| name == "files" || name == "diff")
        };
        self.lanes.iter().any(|lane| {
            asks(&lane.file.body) || lane.file.command.iter().flatten().any(|word| asks(&word.value))
        })
    }
}
