//! The command line: each command is a short translation into calls of the one `Service`.
//!
//! This file only wires: one file for each noun or verb holds its arguments, whose doc comments are the help text.

mod add;
mod agent;
mod attach;
mod baseline;
mod board;
mod brief;
mod cancel;
mod check;
mod checkpoint;
mod close;
mod completions;
mod config;
mod confine;
mod cost;
mod create;
mod crew;
mod daemon;
mod dashboard;
mod demo;
mod display;
mod doctor;
mod down;
mod events;
mod flags;
mod hook;
mod import;
mod init;
mod issue;
mod land;
mod leading;
mod list;
mod logs;
mod mail;
mod mcp;
mod mq;
mod nudge;
mod outbox;
mod output;
mod overview;
mod own;
mod remove;
mod reopen;
mod review;
mod rig;
mod roles;
mod run;
mod schema;
mod session;
mod skill;
mod sling;
mod stage;
mod start;
mod status;
mod stop;
mod stranded;
mod supervise;
mod sync;
mod synthesize;
mod tails;
mod template;
mod top;
mod tracker;
mod up;
mod usage;
mod wait;
mod watch;
mod why;
mod witness;
mod work;
mod workdir;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use convoy_engine::os::spawn::Environment;

use crate::error::Error;
use crate::{ask, context, follow, progress, values, way};
use context::Context;
use flags::Global;

/// Drives batches of coding-agent work to completion.
///
/// A convoy is a set of issues that lands as one. Convoy sets agents to its issues, each in a clone of its own,
/// merges what passes, and closes the convoy the moment its last issue is closed.
#[derive(Debug, Parser)]
#[command(
    name = "convoy",
    version,
    max_term_width = 100,
    after_help = "Begin:\n  convoy init                              make this repository a workspace\n  \
        convoy issue create 'Fix the login'      make an issue\n  \
        convoy sling <issue>                     set an agent to it\n  \
        convoy create 'Release 2' <issue>…       bundle issues\n  \
        convoy run <convoy>                      work until it lands\n\n\
        Exit status: 0 done or nothing to do, 1 refused or failed, 2 usage, 3 no such thing, 4 conflict,\n\
        5 outcome unknown or partial, 124 time ran out, 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Import(import::Import),
    #[command(subcommand)]
    Rig(rig::Rig),
    #[command(subcommand)]
    Issue(issue::Issue),
    Create(create::Create),
    Add(add::Add),
    Remove(remove::Remove),
    List(list::List),
    Overview(overview::Overview),
    #[command(visible_alias = "show")]
    Status(status::Status),
    Top(top::Top),
    Check(check::Check),
    Start(Box<start::Start>),
    Stop(stop::Stop),
    Output(output::Output),
    Synthesize(synthesize::Synthesize),
    Close(close::Close),
    Cancel(cancel::Cancel),
    Reopen(reopen::Reopen),
    Land(land::Land),
    Watch(watch::Watch),
    Unwatch(watch::Unwatch),
    Wait(wait::Wait),
    Why(why::Why),
    Stranded(stranded::Stranded),
    Stage(stage::Stage),
    Launch(stage::Launch),
    Sling(sling::Sling),
    #[command(subcommand)]
    Work(work::Work),
    #[command(subcommand)]
    Witness(witness::Witness),
    #[command(subcommand)]
    Session(session::Session),
    Brief(brief::Brief),
    #[command(subcommand)]
    Mq(mq::Mq),
    Review(review::Review),
    #[command(subcommand)]
    Cost(cost::Cost),
    Run(run::Run),
    Up(up::Up),
    Down(down::Down),
    #[command(subcommand)]
    Daemon(daemon::Daemon),
    Dashboard(dashboard::Dashboard),
    Done(own::Done),
    Blocked(own::Blocked),
    Note(own::Note),
    Checkpoint(own::Checkpoint),
    Escalate(own::Escalate),
    Nudge(nudge::Nudge),
    Hook(hook::Hook),
    #[command(subcommand)]
    Template(template::Template),
    #[command(subcommand)]
    Mail(mail::Mail),
    Mcp(mcp::Mcp),
    Events(events::Events),
    Logs(logs::Logs),
    Attach(attach::Attach),
    Baseline(baseline::Baseline),
    #[command(subcommand)]
    Agent(agent::Agent),
    #[command(subcommand)]
    Workdir(workdir::Workdir),
    Sync(sync::Sync),
    #[command(subcommand)]
    Tracker(tracker::Tracker),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Skill(skill::Skill),
    Demo(demo::Demo),
    #[command(hide = true)]
    DemoAgent(demo::DemoAgent),
    #[command(hide = true)]
    DemoCheck(demo::DemoCheck),
    Schema(schema::Shapes),
    Completions(completions::Completions),
}

/// What the process is to be.
#[derive(Debug, Subcommand)]
enum Role {
    #[command(flatten)]
    Command(Box<Command>),
    #[command(hide = true)]
    Supervise(supervise::Supervise),
    #[command(hide = true)]
    Confine(confine::Confine),
}

impl Command {
    /// Whether it may be used inside a session, where an agent's own commands go to its supervisor.
    fn works_inside_sessions(&self) -> bool {
        let own = matches!(
            self,
            Self::Done(_) | Self::Blocked(_) | Self::Note(_) | Self::Escalate(_) | Self::Hook(_)
        ) || matches!(self, Self::Checkpoint(command) if command.is_an_agents_own());
        let hook = matches!(self, Self::Tracker(command) if command.works_inside_sessions());
        own || hook
            || matches!(
                self,
                // A server of tools looks for itself which of them are an agent's own.
                Self::Mcp(_)
                    | Self::Completions(_)
                    | Self::Schema(_)
                    | Self::DemoAgent(_)
                    | Self::DemoCheck(_)
            )
    }

    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Init(command) => command.run(ctx),
            Self::Import(command) => command.run(ctx),
            Self::Rig(command) => command.run(ctx),
            Self::Issue(command) => command.run(ctx),
            Self::Create(command) => command.run(ctx),
            Self::Add(command) => command.run(ctx),
            Self::Remove(command) => command.run(ctx),
            Self::List(command) => command.run(ctx),
            Self::Overview(command) => command.run(ctx),
            Self::Status(command) => command.run(ctx),
            Self::Top(command) => command.run(ctx),
            Self::Check(command) => command.run(ctx),
            Self::Start(command) => command.run(ctx),
            Self::Stop(command) => command.run(ctx),
            Self::Output(command) => command.run(ctx),
            Self::Synthesize(command) => command.run(ctx),
            Self::Close(command) => command.run(ctx),
            Self::Cancel(command) => command.run(ctx),
            Self::Reopen(command) => command.run(ctx),
            Self::Land(command) => command.run(ctx),
            Self::Watch(command) => command.run(ctx),
            Self::Unwatch(command) => command.run(ctx),
            Self::Wait(command) => command.run(ctx),
            Self::Why(command) => command.run(ctx),
            Self::Stranded(command) => command.run(ctx),
            Self::Stage(command) => command.run(ctx),
            Self::Launch(command) => command.run(ctx),
            Self::Sling(command) => command.run(ctx),
            Self::Work(command) => command.run(ctx),
            Self::Witness(command) => command.run(ctx),
            Self::Session(command) => command.run(ctx),
            Self::Brief(command) => command.run(ctx),
            Self::Mq(command) => command.run(ctx),
            Self::Review(command) => command.run(ctx),
            Self::Cost(command) => command.run(ctx),
            Self::Run(command) => command.run(ctx),
            Self::Up(command) => command.run(ctx),
            Self::Down(command) => command.run(ctx),
            Self::Daemon(command) => command.run(ctx),
            Self::Dashboard(command) => command.run(ctx),
            Self::Done(command) => command.run(ctx),
            Self::Blocked(command) => command.run(ctx),
            Self::Note(command) => command.run(ctx),
            Self::Escalate(command) => command.run(ctx),
            Self::Nudge(command) => command.run(ctx),
            Self::Hook(command) => command.run(ctx),
            Self::Template(command) => command.run(ctx),
            Self::Mail(command) => command.run(ctx),
            Self::Mcp(command) => command.run(ctx),
            Self::Events(command) => command.run(ctx),
            Self::Logs(command) => command.run(ctx),
            Self::Attach(command) => command.run(ctx),
            Self::Baseline(command) => command.run(ctx),
            Self::Agent(command) => command.run(ctx),
            Self::Workdir(command) => command.run(ctx),
            Self::Checkpoint(command) => command.run(ctx),
            Self::Sync(command) => command.run(ctx),
            Self::Tracker(command) => command.run(ctx),
            Self::Config(command) => command.run(ctx),
            Self::Doctor(command) => command.run(ctx),
            Self::Skill(command) => command.run(ctx),
            Self::Demo(command) => command.run(ctx),
            Self::DemoAgent(command) => command.run(ctx),
            Self::DemoCheck(command) => command.run(ctx),
            Self::Schema(command) => command.run(ctx),
            Self::Completions(command) => command.run(ctx),
        }
    }
}

/// Runs the command that the arguments name; the status that the process ends with.
pub(crate) fn main(args: Vec<OsString>, env: Environment) -> ExitCode {
    // The engine's own call, which an agent waits for: it does without the definitions of all other commands.
    if let [_, name, dir] = args.as_slice()
        && name == "supervise"
        && !dir.as_encoded_bytes().starts_with(b"-")
    {
        return convoy_engine::supervisor::run(std::path::Path::new(dir));
    }
    if let [_, name, words @ ..] = args.as_slice()
        && name == "confine"
        && let Ok(confine) = confine::Confine::parse(words)
    {
        return confine.run();
    }
    let args = leading::dropped(args);
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage::report(&error, &args)),
    };
    let command = match cli.role {
        Role::Command(command) => command,
        Role::Supervise(supervise) => return supervise.run(),
        Role::Confine(confine) => return confine.run(),
    };
    let mut ctx = cli.global.context(env);
    let allowed = if command.works_inside_sessions() { Ok(()) } else { ctx.check_outside_of_sessions() };
    let result = allowed.and_then(|()| command.run(&mut ctx));
    ExitCode::from(ctx.end(result))
}
