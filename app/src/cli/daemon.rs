//! `convoy daemon`: the background engine, looked at.

use std::fmt::Write as _;
use std::io::{Read, Seek, SeekFrom};

use clap::{Args, Subcommand};
use convoy_api::query::EngineView;
use convoy_engine::background;

use super::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// How much of the end of the log is read.
const LOG_BYTES_MAX: u64 = 1024 * 1024;

/// Look at the background engine
#[derive(Debug, Subcommand)]
pub(super) enum Daemon {
    /// Say whether it is up, and what it is at
    Status,
    Logs(Logs),
    /// Be the background engine
    #[command(hide = true)]
    Serve,
}

/// Print the end of what it has to say about itself
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// How many lines
    #[arg(short = 'n', long, value_name = "N", default_value = "200")]
    lines: usize,
}

impl Daemon {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        match self {
            Self::Status => {
                let engine = background::status(&workspace)?;
                ctx.out.json(&engine)?;
                let what = if engine.running { "The engine is up." } else { "The engine is not up." };
                let facts = if engine.running { facts(&engine) } else { "Next: convoy up\n".to_owned() };
                ctx.out.say(&format!("{what}\n\n{facts}"))?;
            }
            Self::Logs(Logs { lines }) => {
                let log = end_of(&workspace.engine_log(), lines)?;
                ctx.out.json(&log)?;
                let text: String = log.iter().map(|line| format!("{}\n", text::line(line))).collect();
                ctx.out.say(&text)?;
            }
            Self::Serve => background::serve(&workspace, &ctx.env, crate::http::face)?,
        }
        Ok(DONE)
    }
}

fn end_of(path: &std::path::Path, lines: usize) -> Result<Vec<String>, Error> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = match read() {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::refused(format!("cannot read {}: {error}", path.display()))),
    };
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all.iter().skip(all.len().saturating_sub(lines)).map(|line| (*line).to_owned()).collect())
}

/// What there is to know about a running engine.
pub(super) fn facts(engine: &EngineView) -> String {
    let mut text = format!("  Process:   {} on {}\n", engine.pid, text::line(&engine.host));
    let _ = writeln!(text, "  Version:   {}", text::line(&engine.version));
    if let Some(socket) = &engine.socket {
        let _ = writeln!(text, "  Socket:    {}", text::line(socket));
    }
    if let Some(http) = &engine.http {
        let _ = writeln!(text, "  HTTP:      {}", text::line(http));
    }
    let _ = writeln!(text, "  Started:   {}", text::time(engine.started_at));
    let open = engine.open_convoys.len();
    let _ = writeln!(text, "  Agents:    {}", engine.live_sessions);
    let _ = writeln!(text, "  Convoys:   {open} under way");
    if engine.unread > 0 {
        let _ = writeln!(text, "  Mail:      {} unread", engine.unread);
    }
    text.push_str(&undelivered(engine).map(|line| format!("  Outbox:    {line}\n")).unwrap_or_default());
    text
}

/// That notices did not arrive where routes lead, if so.
pub(super) fn undelivered(engine: &EngineView) -> Option<String> {
    let count = text::count(engine.undelivered, "notification");
    (engine.undelivered > 0)
        .then(|| format!("{count} could not be delivered; see: convoy mail outbox --failed"))
}
