//! `convoy template new`: a file to begin with.

use std::io::Write as _;

use clap::Args;
use convoy_api::{Code, Failure};
use convoy_core::id::TemplateName;
use convoy_engine::templates::Library;
use serde::Serialize;

use super::library;
use crate::cli::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// Write a template to begin with into the workspace, never over another
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy template new nightly\n  \
    convoy template new strict-review --extends code-review")]
pub(in crate::cli) struct New {
    /// What it is called
    name: String,
    /// The template that it is based on
    #[arg(long, value_name = "TEMPLATE")]
    extends: Option<String>,
    /// Write JSON, as other tools have it, and not TOML
    #[arg(long)]
    json_format: bool,
}

/// What was written, for scripts.
#[derive(Debug, Serialize)]
struct Written {
    name: String,
    path: String,
    extends: Option<String>,
    hides: Option<&'static str>,
}

impl New {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        let name = TemplateName::new(&self.name).map_err(|error| Error::usage(error.to_string()))?;
        let library = library(ctx)?;
        if let Some(problem) = library.problems().first() {
            return Err(Error::refused(problem.to_string()));
        }
        let twin = library.templates().into_iter().find(|source| source.name == name.as_str()).cloned();
        let dir = workspace.templates_dir();
        let path = dir.join(format!("{name}.{}", if self.json_format { "json" } else { "toml" }));
        if let Some(there) = ["toml", "json"]
            .map(|end| dir.join(format!("{name}.{end}")))
            .iter()
            .find(|path| path.symlink_metadata().is_ok())
        {
            return Err(exists(there));
        }
        let roles = match &self.extends {
            Some(base) => roles(&library, base)?,
            None => Vec::new(),
        };
        let content = match (self.json_format, &self.extends) {
            (false, Some(base)) => extending(&name, base, &roles),
            (false, None) => plain(&name),
            (true, base) => json(&name, base.as_deref(), &roles),
        };
        let failed = |error: std::io::Error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                return exists(&path);
            }
            Failure::new(Code::Unavailable, format!("cannot write {}: {error}", path.display())).into()
        };
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        let hides = twin.as_ref().map(|twin| twin.layer.name());
        let shown = path.display().to_string();
        ctx.out.json(&Written {
            name: name.to_string(),
            path: shown.clone(),
            extends: self.extends,
            hides,
        })?;
        let mut said = format!("Wrote {}\n", text::line(&shown));
        if let Some(hides) = hides {
            said.push_str(&format!("It hides the template of the same name that is {hides}.\n"));
        }
        said.push_str(&format!("\nChange it, then: convoy template validate {name}\n"));
        ctx.out.say(&said)?;
        Ok(DONE)
    }
}

fn exists(path: &std::path::Path) -> Error {
    let text = format!("{} is there already; nothing was written", path.display());
    Error::from(Failure::new(Code::Conflict, text)).hint("change it, or choose another name")
}

/// The roles of the template that is extended.
fn roles(library: &Library, base: &str) -> Result<Vec<String>, Error> {
    let template = library.template(base).map_err(Failure::from)?;
    Ok(template.roles.iter().map(|role| role.role.value.to_string()).collect())
}

fn extending(name: &TemplateName, base: &str, roles: &[String]) -> String {
    let role = roles.first().map_or("security", String::as_str);
    format!(
        "# A template of convoys. Start it: convoy start {name}\n\
         # Every key is optional but name; see docs/templates.md, and what it inherits: convoy template show {base}\n\
         name = \"{name}\"\n\
         # description = \"What it is for, in a line\"\n\
         extends = \"{base}\"\n\n\
         # Which of its roles ({}) it does without:\n\
         # remove = [\"{role}\"]\n\n\
         # A role of the same name is replaced key by key; any other is added.\n\
         # [[agents]]\n\
         # role = \"{role}\"\n\
         # model = \"opus\"\n\
         # timeout = \"15m\"\n\n\
         # [config]\n\
         # max_parallel = 2\n\
         # timeout = \"30m\"\n\
         # on_failure = \"stop\"\n",
        roles.join(", ")
    )
}

fn plain(name: &TemplateName) -> String {
    format!(
        "# A template of convoys. Start it: convoy start {name} --files 'src/**'\n\
         # Every key is explained in docs/templates.md; an agent file of your own goes to .convoy/agents/NAME.md.\n\
         name = \"{name}\"\n\
         description = \"What it is for, in a line\"\n\n\
         # Each role runs in a checkout of its own that nobody can write to, and writes one report.\n\
         [[agents]]\n\
         role = \"correctness\"\n\
         # The agent file: who does it, and the prompt. See them all: convoy template list --agents\n\
         subagent = \"code-review-correctness\"\n\
         # model = \"sonnet\"\n\
         timeout = \"10m\"\n\n\
         [[agents]]\n\
         role = \"requirements\"\n\
         subagent = \"code-review-requirements\"\n\
         # A role begins as soon as those that it depends on are done.\n\
         # depends_on = [\"correctness\"]\n\
         # For the prompt, as {{{{ params.focus }}}}:\n\
         # params = {{ focus = \"the parser\" }}\n\n\
         [config]\n\
         # How many roles at once, and how long all of it may take.\n\
         max_parallel = 2\n\
         timeout = \"20m\"\n\
         # What the roles found becomes one report.\n\
         synthesis = true\n\
         # When a role has failed: \"continue\" without it, or \"stop\".\n\
         on_failure = \"continue\"\n"
    )
}

fn json(name: &TemplateName, base: Option<&str>, roles: &[String]) -> String {
    // Names are plain: nothing in them has to be escaped.
    match (base, roles.first()) {
        (Some(base), Some(role)) => format!(
            "{{\n  \"name\": \"{name}\",\n  \"extends\": \"{base}\",\n  \"agents\": [\n    \
             {{ \"role\": \"{role}\", \"timeout\": 600000 }}\n  ]\n}}\n"
        ),
        (Some(base), None) => format!("{{\n  \"name\": \"{name}\",\n  \"extends\": \"{base}\"\n}}\n"),
        (None, _) => format!(
            "{{\n  \"name\": \"{name}\",\n  \"description\": \"What it is for, in a line\",\n  \"agents\": [\n    \
             {{ \"role\": \"correctness\", \"subagent\": \"code-review-correctness\", \"timeout\": 600000 }},\n    \
             {{ \"role\": \"requirements\", \"subagent\": \"code-review-requirements\", \"dependsOn\": [], \
             \"timeout\": 600000 }}\n  ],\n  \
             \"config\": {{ \"maxParallel\": 2, \"timeout\": 1200000, \"synthesis\": true, \
             \"onFailure\": \"continue\" }}\n}}\n"
        ),
    }
}
