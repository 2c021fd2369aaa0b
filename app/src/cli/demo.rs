//! `convoy demo`, and the two programs that it runs as agent and gate.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use convoy_api::Service;
use convoy_core::event::{Envelope, Event};
use convoy_core::id::Seq;
use convoy_engine::background;

use super::ask;
use super::context::Context;
use super::progress::Scope;
use crate::demo::report::{Report, report};
use crate::demo::{Stage, agent};
use crate::error::{DONE, Error};
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
        let events = follow(ctx, &engine, &convoy)?;
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

/// Shows what happens until the convoy has landed, or a person would be needed.
fn follow(ctx: &mut Context, service: &dyn Service, convoy: &str) -> Result<Vec<Envelope>, Error> {
    let (view, _) = ask::convoy(service, convoy)?;
    let mut scope = Scope::new(Some(&view), &[]);
    let mut events = Vec::new();
    for event in service.watch(Seq(0))? {
        let event = event?;
        if let Some(line) = scope.line(&event) {
            ctx.out.say(&line)?;
        }
        let over = matches!(event.event, Event::ConvoyLanded { .. } | Event::IssueNeedsHuman { .. });
        events.push(event);
        if over {
            break;
        }
    }
    Ok(events)
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
