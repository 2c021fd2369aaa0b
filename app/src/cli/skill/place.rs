//! The commands of `convoy skill`, and where they look.

use std::path::{Path, PathBuf};

use clap::Args;
use convoy_engine::git;
use convoy_engine::skills::{self, Folder, Found};
use convoy_engine::workspace::Workspace;

use super::texts::{self, Text};
use super::view::{self, SkillView, Told};
use crate::cli::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// Where the skills are.
#[derive(Debug, Args)]
struct Where {
    /// The folder of skills; .claude/skills of this repository if not given
    // Not called `dir` here: that is the id of the global -C.
    #[arg(long = "dir", value_name = "DIR", conflicts_with = "user")]
    folder: Option<PathBuf>,
    /// Those of all your work: ~/.claude/skills
    #[arg(long)]
    user: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Install {
    /// Skills
    name: Vec<String>,
    #[command(flatten)]
    place: Where,
    /// Also over what was changed, or is not ours
    #[arg(long)]
    force: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The skill
    name: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// Skills
    name: Vec<String>,
    #[command(flatten)]
    place: Where,
    /// Also what was changed, or is not ours
    #[arg(long)]
    force: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Where {
    fn folder(self, ctx: &Context) -> Result<Folder, Error> {
        if let Some(folder) = self.folder {
            // Like any path on a command line: from where the person is, or said to be.
            return Ok(Folder::at(ctx.dir().join(folder)));
        }
        if self.user {
            let home = ctx.env.text("HOME").filter(|home| Path::new(home).is_absolute());
            let home = home.ok_or_else(|| Error::refused("there is no home folder: HOME is not set"));
            return Ok(Folder::usual(home.map_err(|error| error.hint("say where: --dir"))?.into()));
        }
        Ok(Folder::usual(top(ctx)?))
    }
}

/// The top of the repository, or of the workspace if that is in none.
fn top(ctx: &Context) -> Result<PathBuf, Error> {
    let git = git::Git::new(&ctx.env);
    let tree = git.and_then(|git| git::Repo::open(&git, ctx.dir())).ok().and_then(|repo| repo.work_tree);
    if let Some(tree) = tree {
        return Ok(tree);
    }
    let workspace = Workspace::find(ctx.dir()).map_err(|_| {
        Error::refused(format!("{} is in no repository and no workspace", ctx.dir().display()))
            .hint("say where: --dir, or --user for all your work")
    })?;
    Ok(workspace.root().to_owned())
}

impl Install {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (texts, folder) = (texts::named(&self.name)?, self.place.folder(ctx)?);
        let mut views = Vec::new();
        for text in texts {
            let rendered = text.rendered()?;
            let found = match self.dry_run {
                false => folder.install(text.name, &rendered, self.force),
                true => {
                    folder.look(text.name, &rendered).and_then(|found| may(&folder, text, found, self.force))
                }
            };
            views.push(view::of(text, &folder, found, |found| match found {
                Found::Current => Told::Same("is up to date already"),
                Found::Absent => Told::Done("installed"),
                Found::Older => Told::Done("brought up to date"),
                Found::Changed | Found::Foreign => Told::Done("written over what was there"),
            }));
        }
        let wrote = views.iter().any(SkillView::is_changed);
        let status = view::print(ctx, &views, self.dry_run)?;
        if wrote && !self.dry_run {
            ctx.out.say("\nAn assistant that looks there knows them from its next session on.\n")?;
        }
        Ok(status)
    }
}

impl Remove {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (texts, folder) = (texts::named(&self.name)?, self.place.folder(ctx)?);
        let mut views = Vec::new();
        for text in texts {
            let found = match self.dry_run {
                false => folder.remove(text.name, self.force),
                true => folder.look(text.name, "").and_then(|found| may(&folder, text, found, self.force)),
            };
            views.push(view::of(text, &folder, found, |found| match found {
                Found::Absent => Told::Same("is not there"),
                Found::Current | Found::Older | Found::Changed | Found::Foreign => Told::Done("removed"),
            }));
        }
        view::print(ctx, &views, self.dry_run)
    }
}

/// What a dry run may not say would be done.
fn may(folder: &Folder, text: &Text, found: Found, force: bool) -> Result<Found, skills::Error> {
    let sealed = match found {
        Found::Absent | Found::Current | Found::Older => return Ok(found),
        Found::Changed => true,
        Found::Foreign => false,
    };
    if force { Ok(found) } else { Err(skills::Error::Theirs { path: folder.file(text.name), sealed }) }
}

impl List {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let folder = self.place.folder(ctx)?;
        let mut views = Vec::new();
        for text in texts::ALL {
            let found = folder.look(text.name, &text.rendered()?);
            views.push(view::of(text, &folder, found, |found| {
                Told::Same(match found {
                    Found::Absent => "not installed",
                    Found::Current => "installed",
                    Found::Older => "installed, and not up to date",
                    Found::Changed => "installed, and changed since",
                    Found::Foreign => "something else of that name is there",
                })
            }));
        }
        ctx.out.json(&views)?;
        ctx.out.say(&format!("{}\n\n", text::line(&folder.path().to_string_lossy())))?;
        for view in &views {
            ctx.out.say(&view.for_people())?;
        }
        ctx.out.say("\nNext: convoy skill install\n")?;
        Ok(DONE)
    }
}

impl Show {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let texts = texts::named(&[self.name])?;
        for text in texts {
            let rendered = text.rendered()?;
            ctx.out.json(&serde_json::json!({
                "name": text.name, "description": text.about, "content": rendered,
            }))?;
            if !ctx.out.json {
                ctx.out.raw(&rendered)?;
            }
        }
        Ok(DONE)
    }
}
