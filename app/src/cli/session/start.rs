//! `convoy session start`.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::command::Request;
use convoy_core::money::Money;
use convoy_core::view::{EpicView, SessionView};
use convoy_engine::baseline::{Baseline, Options, file_issues};
use convoy_engine::own::{self, Checkout};
use serde::Serialize;

use super::settled;
use crate::cli::context::Context;
use crate::cli::{ask, baseline, values};
use crate::error::{DONE, Error, INTERRUPTED};
use crate::output::{BOLD, GOOD, paint};
use crate::text;

/// The line above and below a brief.
const RULE: &str = "════════════════════════════════════════════════════════════════";

/// Begin a session in this checkout, or go on from the last one
///
/// With --resume the new session has the next number, knows its parent, and prints a brief of where the last one was,
/// from the newest checkpoint of this workspace and of refs/convoy/state, so that it works on another machine after
/// 'convoy sync'. A session that was left open, by a crash perhaps, gets a checkpoint first. If there is nothing to go
/// on from, it says so and begins the first one.
///
/// With --background an agent works instead of you, on the issue that is named, or on the epic if that is an issue.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy session start --epic login --budget 5.00\n  \
    convoy session start --epic login --resume\n  convoy session start --epic login --background --issue gt-abc")]
pub(in crate::cli) struct Start {
    /// A name that groups sessions and convoys; made up if not given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
    /// Go on from where the last session was
    #[arg(long)]
    resume: bool,
    /// What the epic may cost in all, in dollars; with --resume it raises what was set
    #[arg(long, value_name = "USD", value_parser = values::dollars)]
    budget: Option<Money>,
    /// Have an agent work, in the background
    #[arg(long)]
    background: bool,
    /// The issue that the agent is to work on
    #[arg(long, value_name = "ISSUE", requires = "background")]
    issue: Option<String>,
    /// The agent
    #[arg(long, value_name = "AGENT", requires = "background")]
    agent: Option<String>,
    /// The model
    #[arg(long, value_name = "MODEL", requires = "background")]
    model: Option<String>,
    /// Begin without looking whether the gates pass
    #[arg(long)]
    no_baseline: bool,
}

/// What a script is told.
#[derive(Serialize)]
struct Started<'a> {
    session: Option<&'a SessionView>,
    epic: &'a EpicView,
    changed: bool,
    note: Option<&'a str>,
    brief: Option<&'a str>,
    brief_file: Option<String>,
}

impl Start {
    /// One that goes on.
    pub(super) fn resumed(epic: String, no_baseline: bool) -> Self {
        Self {
            epic: Some(epic),
            resume: true,
            budget: None,
            background: false,
            issue: None,
            agent: None,
            model: None,
            no_baseline,
        }
    }

    pub(in crate::cli) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        if self.background {
            return self.in_background(ctx);
        }
        let workspace = ctx.workspace()?;
        let at = own::checkout(&workspace, &ctx.env, ctx.dir())?;
        let epic = self.name(ctx, &at)?;
        // One that is open stays as it is, and nothing is run for it.
        if let Some(view) = self.open_already(ctx, epic.as_deref(), &at)? {
            return self.again(ctx, &at, &view);
        }
        self.announce(ctx, epic.as_deref())?;
        if !self.no_baseline {
            baseline(ctx, &at)?;
        }
        let stored = match &epic {
            Some(epic) => own::stored(&workspace, &ctx.env, Some(epic))?,
            None => Vec::new(),
        };
        let (from, sequence) = own::carried(&stored);
        let request = self.request(epic, &at, sequence, from);
        let outcome = ctx.act(request, false)?;
        let item = outcome.items.first().ok_or_else(|| Error::refused("the engine did not say which"))?;
        let view: EpicView = ctx.with(|service| {
            let all = ask::epics(service, true)?;
            let has = |view: &EpicView| view.sessions.iter().any(|session| session.id.as_str() == item.id);
            all.into_iter().find(has).ok_or_else(|| {
                convoy_api::Failure::new(
                    convoy_api::Code::Unknown,
                    format!("{} is recorded, but not found", item.id),
                )
            })
        })?;
        // What the session changes is told from what was there before it by its first checkpoint. A session that was
        // left open has its last one made now, and its brief is of that.
        let pending = view.checkpoints.iter().any(|one| one.state == "wanted");
        let view = if pending { settled(ctx, view.id.as_str())? } else { view };
        let session = view.sessions.iter().find(|session| session.id.as_str() == item.id);
        let Some(session) = session else { return Err(Error::refused("the session is not found")) };
        let (brief, file) = if self.resume && session.parent_session_id.is_some() {
            self.brief(ctx, &view, session)?
        } else {
            (None, None)
        };
        let note = item.note.as_deref();
        ctx.out.json(&Started {
            session: Some(session),
            epic: &view,
            changed: true,
            note,
            brief: brief.as_deref(),
            brief_file: file.clone(),
        })?;
        ctx.out.say(&started(&view, session, note, brief.as_deref(), file.as_deref()))?;
        Ok(DONE)
    }

    /// The name of the epic, if it is known before the session is.
    fn name(&self, ctx: &mut Context, at: &Checkout) -> Result<Option<String>, Error> {
        match &self.epic {
            Some(text) => Ok(Some(own::epic_name(text)?.to_string())),
            None if self.resume => {
                let view = ctx.with(|service| ask::epic(service, None, Some(&at.path)))?;
                Ok(Some(view.id.to_string()))
            }
            None => Ok(None),
        }
    }

    fn request(
        &self,
        epic: Option<String>,
        at: &Checkout,
        sequence: u64,
        from: Option<convoy_core::command::Carried>,
    ) -> Request {
        Request::SessionStart {
            epic,
            rig: at.rig.to_string(),
            path: at.path.clone(),
            resume: self.resume,
            budget: self.budget,
            sequence,
            from: from.filter(|_| self.resume),
        }
    }

    /// The epic, if a session of it is open in this checkout and it is not to be gone on from.
    fn open_already(
        &self,
        ctx: &mut Context,
        epic: Option<&str>,
        at: &Checkout,
    ) -> Result<Option<EpicView>, Error> {
        let (Some(epic), false) = (epic, self.resume) else { return Ok(None) };
        let all = ctx.with(|service| ask::epics(service, true))?;
        let open = |session: &SessionView| {
            session.worker_id.is_none()
                && session.state == "running"
                && session.workdir.as_deref() == Some(at.path.as_str())
        };
        Ok(all.into_iter().find(|view| view.id.as_str() == epic && view.sessions.iter().any(open)))
    }

    /// Says that it is open; only the budget may change.
    fn again(&self, ctx: &mut Context, at: &Checkout, view: &EpicView) -> Result<u8, Error> {
        let outcome = ctx.act(self.request(Some(view.id.to_string()), at, 0, None), false)?;
        let item = outcome.items.first();
        let id = item.map(|item| item.id.as_str());
        let session = view.sessions.iter().find(|session| Some(session.id.as_str()) == id);
        let note = item.and_then(|item| item.note.as_deref());
        let changed = item.is_some_and(|item| item.changed);
        ctx.out.json(&Started { session, epic: view, changed, note, brief: None, brief_file: None })?;
        let raised = if changed { "; its budget is changed" } else { "" };
        let (id, note) = (id.unwrap_or_default(), text::line(note.unwrap_or_default()));
        ctx.out.say(&format!("{}: {note}{raised}\n{}", text::line(id), next(view)))?;
        Ok(DONE)
    }

    fn announce(&self, ctx: &mut Context, epic: Option<&str>) -> Result<(), Error> {
        let mut said = match epic {
            Some(epic) => format!("Starting a session of epic {}\n", paint(BOLD, text::line(epic))),
            None => "Starting a session\n".to_owned(),
        };
        if self.resume {
            said.push_str("  Mode:    goes on from the last checkpoint\n");
        }
        if let Some(budget) = self.budget {
            let _ = writeln!(said, "  Budget:  ${budget}");
        }
        ctx.out.say(&said)
    }

    /// The brief of the session before, and where it is kept.
    fn brief(
        &self,
        ctx: &mut Context,
        view: &EpicView,
        session: &SessionView,
    ) -> Result<(Option<String>, Option<String>), Error> {
        let workspace = ctx.workspace()?;
        let epic = view.id.to_string();
        let stored = own::stored(&workspace, &ctx.env, Some(&epic))?;
        let Some(latest) = own::latest(&stored, Some(&session.id)) else { return Ok((None, None)) };
        let brief = own::brief_of(latest, Some(view), Some(session.number));
        let file = own::keep_brief(&workspace, &session.id, &brief)?;
        Ok((Some(brief), Some(file.display().to_string())))
    }

    fn in_background(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { epic, issue, agent, model, budget, .. } = self;
        let epic = epic.map(|text| own::epic_name(&text)).transpose()?.map(|name| name.to_string());
        let outcome = ctx.act(Request::SessionBackground { epic, issue, agent, model, budget }, false)?;
        let status = ctx.out.item(&outcome.items, "In the background:")?;
        if let Some(item) = outcome.items.first().filter(|item| item.error.is_none()) {
            let id = text::line(&item.id);
            ctx.out.say(&format!(
                "\nTo follow:     convoy logs {id} -f\nTo see how it is:  convoy session status\n"
            ))?;
        }
        Ok(status)
    }
}

/// Runs the gates of the checkout's rig, and prints what came of them; one that fails refuses the start.
fn baseline(ctx: &mut Context, at: &Checkout) -> Result<(), Error> {
    let gates = Baseline::new(&ctx.workspace()?, &ctx.env)?;
    let report = baseline::follow(ctx, &gates, &at.rig, Options { cache: true })?;
    let Some(mut report) = report else {
        let error = Error::refused("interrupted; no session was begun");
        return Err(Error { kind: "interrupted", status: INTERRUPTED, ..error });
    };
    if report.has_failed() {
        let actor = ctx.actor()?;
        ctx.with(|service| file_issues(service, &actor, &mut report))?;
    }
    if !report.gates.is_empty() {
        ctx.out.say(&format!("\n{}", baseline::shown(&report)))?;
    }
    if report.has_failed() {
        return Err(Error::refused("a gate of the baseline fails, so no session was begun")
            .hint("mend it first, or begin nevertheless: --no-baseline"));
    }
    Ok(())
}

fn started(
    view: &EpicView,
    session: &SessionView,
    note: Option<&str>,
    brief: Option<&str>,
    file: Option<&str>,
) -> String {
    let mut said = format!("\nSession started: {}\n", paint(GOOD, &session.id));
    let _ = writeln!(said, "  Epic:            {}", view.id);
    let _ = writeln!(said, "  Session number:  {}", session.number);
    if let Some(parent) = &session.parent_session_id {
        let _ = writeln!(said, "  Goes on from:    {parent}");
    }
    if let (Some(budget), Some(left)) = (&view.budget, &view.budget_remaining) {
        let (budget, left) = (text::money(budget), text::money(left));
        let _ = writeln!(said, "  Budget:          {budget}, of which {left} are left");
    }
    if let Some(note) = note {
        let _ = writeln!(said, "  {}", text::line(note));
    }
    if let Some(brief) = brief {
        let _ = write!(said, "\n{RULE}\n  RESUME BRIEF\n{RULE}\n{}{RULE}\n", text::block(brief));
        let _ = writeln!(said, "It is kept in {}", text::line(file.unwrap_or_default()));
    }
    let _ = write!(said, "\nSession ready. Begin work.\n{}", next(view));
    said
}

fn next(view: &EpicView) -> String {
    let epic = &view.id;
    format!(
        "\nTo pause:         convoy session pause --epic {epic}\nTo check status:  convoy session status --epic {epic}\n"
    )
}
