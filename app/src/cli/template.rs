//! `convoy template`: which templates and agent files there are, what is wrong with them, and new ones.

mod new;
mod show;

use std::path::Path;

use clap::Subcommand;
use convoy_engine::templates::{Layer, Library, Looked, ProblemView, Source};
use serde::Serialize;

use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, FAINT, GOOD, paint};
use crate::templates::{library, path, problems, views};
use crate::text;

/// The status when something that was looked at is wrong.
const FAULTY: u8 = 1;
/// How much of a description a list shows, in characters.
const DESCRIPTION_CHARS: usize = 90;

/// See, check and make templates of convoys and their agent files
///
/// They are built in, or lie in the user's folder ($XDG_CONFIG_HOME/convoy) or in the workspace's (.convoy), in
/// templates/*.{toml,json} and agents/*.md. Of the same name the workspace's wins, then the user's.
#[derive(Debug, Subcommand)]
pub(super) enum Template {
    /// List the templates, or the agent files
    List {
        /// The agent files instead
        #[arg(long)]
        agents: bool,
    },
    Show(show::Show),
    /// Say everything that is wrong with templates and agent files
    ///
    /// Exits 1 when anything is.
    #[command(
        after_help = "Examples:\n  convoy template validate\n  convoy template validate code-review ./draft.toml"
    )]
    Validate {
        /// Names, or paths of files; all that there are if none is given
        #[arg(value_name = "NAME|FILE")]
        what: Vec<String>,
    },
    New(new::New),
}

/// An agent file in a list, for scripts.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct AgentFileView {
    name: String,
    description: Option<String>,
    source: Layer,
    path: Option<String>,
    hides: Vec<Layer>,
    model: Option<String>,
    output: Option<convoy_core::template::OutputKind>,
    ok: bool,
    problems: Vec<ProblemView>,
}

/// What came of looking at one file, for scripts.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct LookedView {
    name: String,
    /// template or agent_file.
    kind: &'static str,
    source: Layer,
    path: Option<String>,
    ok: bool,
    problems: Vec<ProblemView>,
}

impl Template {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::List { agents: false } => list(ctx),
            Self::List { agents: true } => list_agents(ctx),
            Self::Show(command) => command.run(ctx),
            Self::Validate { what } => validate(ctx, &what),
            Self::New(command) => command.run(ctx),
        }
    }
}

fn from(source: &Source, hides: &[Layer]) -> String {
    match hides.first() {
        Some(hidden) => format!("{} (hides {})", source.layer.name(), hidden.name()),
        None => source.layer.name().to_owned(),
    }
}

fn list(ctx: &mut Context) -> Result<u8, Error> {
    let library = library(ctx)?;
    let (views, sources) = (views(&library), library.templates());
    ctx.out.json(&views)?;
    let mut rows = vec![["NAME", "FROM", "ROLES", "DESCRIPTION"].map(str::to_owned).to_vec()];
    for (view, source) in views.iter().zip(&sources) {
        rows.push(vec![
            text::line(&view.name).into_owned(),
            from(source, &view.hides),
            view.roles.len().to_string(),
            about(view.ok, &view.problems, view.description.as_deref()),
        ]);
    }
    ctx.out.say(&text::table(&rows))?;
    said_of_folders(ctx, &library)?;
    ctx.out.say("\nStart one: convoy start <template>; see one: convoy template show <template>\n")?;
    Ok(DONE)
}

fn list_agents(ctx: &mut Context) -> Result<u8, Error> {
    let library = library(ctx)?;
    let view = |source: &Source| {
        let file = library.agent_file(&source.name);
        let (found, wrong) = (file.as_ref().ok(), file.as_ref().err());
        AgentFileView {
            name: source.name.clone(),
            description: found.map(|file| file.description.clone()),
            source: source.layer,
            path: path(source),
            hides: library.hidden(source, false),
            model: found.and_then(|file| file.model.clone()),
            output: found.map(|file| file.output),
            ok: wrong.is_none(),
            problems: wrong.iter().flat_map(|wrong| problems(wrong)).collect(),
        }
    };
    let sources = library.agent_files();
    let views: Vec<AgentFileView> = sources.iter().map(|source| view(source)).collect();
    ctx.out.json(&views)?;
    let mut rows = vec![["NAME", "FROM", "MODEL", "DESCRIPTION"].map(str::to_owned).to_vec()];
    for (view, source) in views.iter().zip(&sources) {
        rows.push(vec![
            text::line(&view.name).into_owned(),
            from(source, &view.hides),
            text::cut(view.model.as_deref().unwrap_or("-"), 30),
            about(view.ok, &view.problems, view.description.as_deref()),
        ]);
    }
    ctx.out.say(&text::table(&rows))?;
    said_of_folders(ctx, &library)?;
    Ok(DONE)
}

fn about(ok: bool, problems: &[ProblemView], description: Option<&str>) -> String {
    if ok {
        return text::cut(description.unwrap_or_default(), DESCRIPTION_CHARS);
    }
    let many = text::count(problems.len(), "problem");
    paint(BAD, format!("{many}: convoy template validate"))
}

fn said_of_folders(ctx: &mut Context, library: &Library) -> Result<(), Error> {
    for problem in library.problems() {
        ctx.out.say(&format!("{} {}\n", paint(BAD, "✗"), text::line(&problem.to_string())))?;
    }
    Ok(())
}

fn validate(ctx: &mut Context, what: &[String]) -> Result<u8, Error> {
    let library = library(ctx)?;
    let looked = if what.is_empty() {
        library.look_at_all()
    } else {
        what.iter().map(|one| look_at(ctx, &library, one)).collect::<Result<_, _>>()?
    };
    let views: Vec<LookedView> = looked.iter().map(view).collect();
    ctx.out.json(&views)?;
    let mut wrong = 0;
    for (looked, view) in looked.iter().zip(&views) {
        let kind = if looked.is_template { "template" } else { "agent file" };
        let name = format!("{kind} {}", text::line(&view.name));
        let from =
            paint(FAINT, format!("({})", text::line(view.path.as_deref().unwrap_or(view.source.name()))));
        if view.ok {
            ctx.out.say(&format!("{} {name} {from}\n", paint(GOOD, "✓")))?;
            continue;
        }
        wrong += 1;
        ctx.out.say(&format!("{} {name} {from}\n", paint(BAD, "✗")))?;
        for problem in &looked.problems {
            ctx.out.say(&format!("    {}\n", text::line(&problem.to_string())))?;
        }
    }
    if wrong == 0 {
        return Ok(DONE);
    }
    ctx.out.say(&format!("\n{wrong} of {} have something wrong with them.\n", looked.len()))?;
    Ok(FAULTY)
}

fn look_at(ctx: &Context, library: &Library, what: &str) -> Result<Looked, Error> {
    let is_path = what.contains('/') || [".toml", ".json", ".md"].iter().any(|ending| what.ends_with(ending));
    if !is_path {
        return library.look_at_name(what).map_err(|error| convoy_api::Failure::from(error).into());
    }
    let path = ctx.dir().join(Path::new(what));
    // As it is called here, not by way of this folder.
    let path = path.strip_prefix(".").unwrap_or(&path);
    library.look_at_file(path).ok_or_else(|| {
        Error::usage(format!("{what} is called like neither a template nor an agent file"))
            .hint("templates end in .toml or .json, agent files in .md")
    })
}

fn view(looked: &Looked) -> LookedView {
    LookedView {
        name: looked.source.name.clone(),
        kind: if looked.is_template { "template" } else { "agent_file" },
        source: looked.source.layer,
        path: path(&looked.source),
        ok: looked.problems.is_empty(),
        problems: looked.problems.iter().map(convoy_engine::templates::Problem::view).collect(),
    }
}
