//! All templates and agent files that there are, by name.

use std::path::Path;

use super::agent_file::{self, AgentFile};
use super::check::{Plan, plan};
use super::folders::{self, Folders, Found, Kind};
use super::inherit::{Template, resolve};
use super::problem::{At, Error, Layer, Problem, Source};
use super::trial;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// Templates and agent files as they are on disk now.
#[derive(Clone, Debug)]
pub struct Library {
    folders: Folders,
    /// The agents that there are, if it is known.
    pub(super) agents: Option<Vec<String>>,
}

/// What came of looking at one file.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Whether it is a template, and no agent file.
    pub is_template: bool,
    /// Where it is.
    pub source: Source,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Library {
    /// Only what is built in.
    pub fn built_in() -> Self {
        Self { folders: Folders::built_in(), agents: None }
    }

    /// What is built in, the user's and the workspace's.
    pub fn open(workspace: Option<&Workspace>, env: &Environment) -> Self {
        Self { folders: Folders::of(workspace, env), agents: None }
    }

    /// Knows which agents there are.
    #[must_use]
    pub fn with_agents(mut self, agents: Vec<String>) -> Self {
        self.agents = Some(agents);
        self
    }

    /// The names of all templates, in their order, each with where the one that wins comes from.
    pub fn templates(&self) -> Vec<&Source> {
        self.folders.templates.values().filter_map(|all| Some(&*all.last()?.source)).collect()
    }

    /// The names of all agent files, likewise.
    pub fn agent_files(&self) -> Vec<&Source> {
        self.folders.agents.values().filter_map(|all| Some(&*all.last()?.source)).collect()
    }

    /// What of the same name it hides, the nearest first.
    pub fn hidden(&self, source: &Source, is_template: bool) -> Vec<Layer> {
        let map = if is_template { &self.folders.templates } else { &self.folders.agents };
        let all = map.get(&source.name).map(Vec::as_slice).unwrap_or_default();
        all.iter().rev().map(|found| found.source.layer).filter(|layer| *layer < source.layer).collect()
    }

    /// Folders that could not be looked through.
    pub fn problems(&self) -> &[Problem] {
        &self.folders.problems
    }

    /// A template with all that it inherits.
    ///
    /// # Errors
    /// When there is none, or it is wrong in itself.
    pub fn template(&self, name: &str) -> Result<Template, Error> {
        resolve(&self.folders, self.find(Kind::Template, name)?)
    }

    /// A template that can be started.
    ///
    /// # Errors
    /// Says everything that is wrong with it.
    pub fn plan(&self, name: &str) -> Result<Plan, Error> {
        plan(self, self.template(name)?)
    }

    /// An agent file.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub fn agent_file(&self, name: &str) -> Result<AgentFile, Error> {
        read_agent(self.find(Kind::Agent, name)?)
    }

    fn find(&self, kind: Kind, name: &str) -> Result<&Found, Error> {
        let (map, what) = match kind {
            Kind::Template => (&self.folders.templates, "template"),
            Kind::Agent => (&self.folders.agents, "agent file"),
        };
        map.get(name).and_then(|all| all.last()).ok_or_else(|| Error::Unknown {
            what,
            name: name.to_owned(),
            known: map.keys().cloned().collect(),
        })
    }

    /// Looks at everything: each template, and each agent file.
    pub fn look_at_all(&self) -> Vec<Looked> {
        let templates = self.folders.templates.values().flatten().map(|found| (Kind::Template, found));
        let agents = self.folders.agents.values().flatten().map(|found| (Kind::Agent, found));
        let mut all: Vec<Looked> =
            templates.chain(agents).map(|(kind, found)| self.look_at(kind, found)).collect();
        for problem in &self.folders.problems {
            let source = Source::clone(&problem.at.source);
            all.push(Looked { is_template: true, source, problems: vec![problem.clone()] });
        }
        all
    }

    /// Looks at the template of this name, else at the agent file of this name.
    ///
    /// # Errors
    /// When there is neither.
    pub fn look_at_name(&self, name: &str) -> Result<Looked, Error> {
        match self.find(Kind::Template, name) {
            Ok(found) => Ok(self.look_at(Kind::Template, found)),
            Err(unknown) => match self.find(Kind::Agent, name) {
                Ok(found) => Ok(self.look_at(Kind::Agent, found)),
                Err(_) => Err(unknown),
            },
        }
    }

    /// Looks at a file, wherever it is; nothing if it is called like neither.
    pub fn look_at_file(&self, path: &Path) -> Option<Looked> {
        let (kind, found) = folders::named(path)?;
        Some(self.look_at(kind, &found))
    }

    fn look_at(&self, kind: Kind, found: &Found) -> Looked {
        let result = match kind {
            Kind::Template => {
                resolve(&self.folders, found).and_then(|template| plan(self, template)).map(drop)
            }
            Kind::Agent => read_agent(found).and_then(|file| match trial::alone(&file) {
                none if none.is_empty() => Ok(()),
                problems => Err(Error::Invalid(problems)),
            }),
        };
        let problems = match result {
            Ok(()) => Vec::new(),
            Err(Error::Invalid(problems)) => problems,
            Err(error @ Error::Unknown { .. }) => vec![At::file(&found.source).problem(error.to_string())],
        };
        Looked { is_template: kind == Kind::Template, source: Source::clone(&found.source), problems }
    }
}

fn read_agent(found: &Found) -> Result<AgentFile, Error> {
    let text = found.text().map_err(|problem| Error::Invalid(vec![problem]))?;
    agent_file::read(&found.source, &text).map_err(Error::Invalid)
}
