//! `convoy demo`, and the two programs that it runs as agent and gate.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use convoy_api::{Control, Service};
use convoy_core::event::{Envelope, Event};
use convoy_core::id::Seq;
use convoy_engine::background;
use convoy_engine::engine::Engine;
use convoy_engine::workspace::Workspace;

use super::ask;
use super::context::Context;
use super::display::Display;
use super::follow::{End, Follow, Look, See};
use super::progress::Scope;
use crate::demo::report::{Report, report};
use crate::demo::{Stage, agent};
use crate::error::{DONE, Error, INTERRUPTED};
use crate::live::Stream;
use crate::text;

/// See a convoy land: a small real repository, five issues, a built-in agent
///
/// Needs git and this binary, nothing else: no account, no model, no network.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Keep the repository, and say where it is
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let wrong =
            |error: std::io::Error| Error::refused(format!("cannot make a temporary folder: {error}"));
        let folder = tempfile::Builder::new().prefix("convoy-demo-").tempdir().map_err(wrong)?;
        let root = folder.path().canonicalize().map_err(wrong)?;
        let (stage, workspace) = Stage::build(&root, &ctx.env)?;
        ctx.out.say(&format!(
            "A handbook in {}, five issues, an agent that is a program.\n\n",
            stage.repository.display()
        ))?;
        let engine = background::foreground(&workspace, &stage.env, crate::http::face)?;
        let convoy = stage.order(&engine)?;
        let Some(events) = follow(ctx, &workspace, &engine, &convoy)? else {
            return interrupted(ctx, engine);
        };
        let mut report = report(&convoy, &events);
        let notice = ask::mail(&engine, "overseer".to_owned())?.pop();
        drop(engine);
        if self.keep {
            report.repository = Some(stage.repository.display().to_string());
            let _ = folder.keep();
        }
        ctx.out.json(&report)?;
        if let Some(notice) = notice {
            ctx.out.say(&format!("\nTo overseer:\n\n{}\n", text::indented(&notice.body, "  ")))?;
        }
        ctx.out.say(&said(&report, &stage))?;
        Ok(if report.landed { DONE } else { 1 })
    }
}

/// Shows what happens until the convoy has landed, or a person would be needed; nothing if a person has had enough.
fn follow(
    ctx: &mut Context,
    workspace: &Workspace,
    service: &dyn Service,
    convoy: &str,
) -> Result<Option<Vec<Envelope>>, Error> {
    let follow = Follow::new(workspace.clone(), None).interruptible()?;
    let (mut display, mut follow) = Display::new(&ctx.out, &ctx.env, Stream::Out, workspace, follow)?;
    display.scope = Scope::new(Some(&ask::convoy(service, convoy)?.0), &[]);
    let display = RefCell::new(display);
    let events = RefCell::new(Vec::new());
    let mut look = |service: &dyn Service| -> Result<Look<()>, Error> {
        let view = ask::convoy(service, convoy)?.0;
        display.borrow_mut().look_at(service, &view)?;
        // It is told from the first event on, and the report is made of all.
        Ok(Look { end: None, seq: Seq(0) })
    };
    let mut see = |event: &Envelope| -> Result<See, Error> {
        let see = display.borrow_mut().see(event)?;
        let over = matches!(event.event, Event::ConvoyLanded { .. } | Event::IssueNeedsHuman { .. });
        events.borrow_mut().push(event.clone());
        Ok(if over { See::Stop } else { see })
    };
    let mut show = |woken| display.borrow_mut().show(woken);
    let end = follow.through(service, &mut look, &mut see, &mut show)?;
    display.borrow_mut().clear()?;
    match end {
        Some(End::Unseen) => Ok(Some(events.into_inner())),
        Some(End::Interrupted) => Ok(None),
        Some(End::Reached(()) | End::TimeOut) | None => Err(Error::refused("the demo's engine has gone")),
    }
}

/// Nothing of it goes on: its folder goes, and so do its agents.
fn interrupted(ctx: &mut Context, engine: Engine) -> Result<u8, Error> {
    engine.control(Control::Down { stop_agents: true })?;
    drop(engine);
    ctx.out.say("\nInterrupted. Its agents are stopped, and the folder is gone again.\n")?;
    Ok(INTERRUPTED)
}

fn said(report: &Report, stage: &Stage) -> String {
    let head = ["ISSUE", "ATTEMPTS", "MERGES", "WORKDIR", "START", "AGENT", "SAVE", "GATES+MERGE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let ms = |n: i64| format!("{n} ms");
    for issue in &report.issues {
        rows.push(vec![
            issue.issue.clone(),
            issue.attempts.to_string(),
            issue.merges.to_string(),
            ms(issue.workdir_ms),
            ms(issue.start_ms),
            ms(issue.agent_ms),
            ms(issue.save_ms),
            ms(issue.merge_ms),
        ]);
    }
    let landed = if report.landed { "Landed" } else { "Did not land" };
    let mut said = format!("\n{}\n", text::table(&rows));
    let _ = writeln!(
        said,
        "{landed} in {:.1} s: {} retried, {} merged again on a base that had moved.",
        report.total_ms as f64 / 1000.0,
        text::count(report.retries as usize, "attempt"),
        text::count(report.remerges as usize, "branch"),
    );
    match &report.repository {
        Some(path) => {
            let _ = write!(
                said,
                "\nLook around:\n  cd {path}\n  git log --graph --oneline\n  convoy status {}\n  convoy events\n\
                 Its workdirs and configuration are in {}; delete that folder when you are done.\n",
                report.convoy,
                stage.root.display()
            );
        }
        None => said.push_str("\nThe folder is gone again; 'convoy demo --keep' keeps it.\n\nNext: convoy init    (in a repository of yours)\n"),
    }
    said
}

/// The demo's agent.
#[derive(Debug, Args)]
pub(super) struct DemoAgent {}

impl DemoAgent {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let env = ctx.env.clone();
        let mut lines = Vec::new();
        let worked = agent::work(&env, Path::new("."), &mut |line| lines.push(format!("{line}\n")));
        for line in lines {
            ctx.out.raw(&line)?;
        }
        worked?;
        Ok(DONE)
    }
}

/// The demo's gate.
#[derive(Debug, Args)]
pub(super) struct DemoCheck {
    #[arg(long)]
    repository: PathBuf,
}

impl DemoCheck {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        agent::gate(&ctx.env, Path::new("."), &self.repository)?;
        Ok(DONE)
    }
}
