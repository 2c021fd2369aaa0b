//! `convoy baseline`: whether a repository's own checks pass.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_core::time::Span;
use convoy_engine::baseline::{self, GateReport, Options, Progress, Report, Verdict};
use convoy_engine::tasks::{self, Kind};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::context::Context;
use crate::error::{DONE, Error, INTERRUPTED};
use crate::output::{BAD, BUSY, FAINT, GOOD, paint};
use crate::text;

/// How many lines of a failed gate's output are shown.
const LINES_MAX: usize = 8;
/// The longest of them, in characters.
const LINE_CHARS_MAX: usize = 160;
/// Words by which tools say what is wrong; what is printed before is rarely of interest.
const SIGNS: [&str; 6] = ["error", "Error", "ERROR", "FAIL", "failed", "panicked"];

/// Run the checks of a repository: types, lint, tests
///
/// The gates are those of the configuration whose 'when' names baseline; without any, those that the repository's
/// files call for (Cargo, npm, pnpm, Yarn, Bun, pytest, ruff, mypy, Go, Maven, Gradle, make, just). They run in a
/// clone of their own at the files as they are in the checkout, and each gate that passed on the same files is not
/// run again. For each gate that fails an issue is filed, at most one open at a time.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  convoy baseline\n  convoy baseline run --no-cache --no-issue\n  \
        convoy baseline show --json\n\nExit status: 1 if a gate failed."
)]
pub(super) struct Baseline {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run them; this is also what 'convoy baseline' alone does
    Run(Run),
    /// Show the last run, or what would run, and run nothing
    Show(Show),
}

#[derive(Debug, Args)]
struct Run {
    /// The rig; that of the workspace's own folder if not given
    #[arg(long)]
    rig: Option<String>,
    /// Also run gates that passed on the same files before
    #[arg(long)]
    no_cache: bool,
    /// File no issues for gates that fail
    #[arg(long)]
    no_issue: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// The rig; that of the workspace's own folder if not given
    #[arg(long)]
    rig: Option<String>,
}

impl Baseline {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let baseline = baseline::Baseline::new(&ctx.workspace()?, &ctx.env)?;
        match self.what.unwrap_or(What::Run(self.run)) {
            What::Run(run) => run.run(ctx, &baseline),
            What::Show(Show { rig }) => {
                let report = baseline.show(&baseline.rig(rig.as_deref())?)?;
                ctx.out.json(&report)?;
                ctx.out.say(&shown(&report))?;
                Ok(if report.has_failed() { 1 } else { DONE })
            }
        }
    }
}

impl Run {
    fn run(self, ctx: &mut Context, baseline: &baseline::Baseline) -> Result<u8, Error> {
        let rig = baseline.rig(self.rig.as_deref())?;
        let Some(mut report) = follow(ctx, baseline, &rig, Options { cache: !self.no_cache })? else {
            return Err(Error {
                kind: "interrupted",
                status: INTERRUPTED,
                ..Error::refused("interrupted; nothing of the baseline runs any more")
            });
        };
        if report.has_failed() && !self.no_issue {
            let actor = ctx.actor()?;
            ctx.with(|service| baseline::file_issues(service, &actor, &mut report))?;
        }
        ctx.out.json(&report)?;
        ctx.out.say(&shown(&report))?;
        Ok(if report.has_failed() { 1 } else { DONE })
    }
}

/// Runs the baseline of a rig, saying on stderr how far it is. Nothing if it was interrupted.
pub(super) fn follow(
    ctx: &mut Context,
    baseline: &baseline::Baseline,
    rig: &convoy_core::id::RigName,
    options: Options,
) -> Result<Option<Report>, Error> {
    let failed = |error: std::io::Error| Error::refused(format!("cannot wait for signals: {error}"));
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let (handle, stops) = (signals.handle(), baseline.stops());
    let waits = tasks::start(Kind::Watch, move || {
        for (n, _) in signals.forever().enumerate() {
            if n > 0 {
                std::process::exit(INTERRUPTED.into());
            }
            stops.stop();
        }
    });
    waits.map_err(failed)?;
    let quiet = ctx.out.json || ctx.out.quiet;
    let out = ctx.out.clone();
    let mut progress = |at: &Progress<'_>| {
        if quiet {
            return;
        }
        match at {
            Progress::Begins { name, number, of } => {
                out.aside(&format!("[{number}/{of}] {}\n", text::line(name)));
            }
            Progress::Ended(_) => {}
        }
    };
    let result = baseline.run(rig, options, &mut progress);
    handle.close();
    match result {
        Err(_) if baseline.stops().is_asked() => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// The table, the failures and what comes next.
pub(super) fn shown(report: &Report) -> String {
    let rig = &report.rig;
    if report.gates.is_empty() {
        return format!(
            "No gates in {rig}: none are configured for a baseline, and its files call for none that are known.\n\n\
             Next: convoy config set gates.test.command '[\"program\", \"argument\"]'    (name one)\n"
        );
    }
    let mut said = format!("Baseline of {rig}{}\n\n", at(report));
    let mut rows = vec![["GATE", "RESULT", "TIME", "EXIT", ""].map(str::to_owned).to_vec()];
    rows.extend(report.gates.iter().map(row));
    said.push_str(&text::table(&rows));
    for gate in report.failed() {
        let _ = write!(said, "\n{}", failure(gate));
    }
    said.push_str(&end(report));
    said
}

fn at(report: &Report) -> String {
    let Some(commit) = &report.commit else { return ", which was not run yet".to_owned() };
    let commit: String = commit.chars().take(10).collect();
    let dirty = if report.uncommitted { " with what is not committed" } else { "" };
    format!(" at {commit}{dirty}")
}

fn row(gate: &GateReport) -> Vec<String> {
    let result = match gate.result {
        Verdict::Passed => "✓ passed",
        Verdict::Failed => "✗ failed",
        Verdict::Skipped => "- skipped",
        Verdict::NotRun => "○ not run",
    };
    let note = match (&gate.detail, gate.cached) {
        (Some(detail), _) => text::cut(detail, LINE_CHARS_MAX),
        (None, true) => "passed on the same files before".to_owned(),
        (None, false) => String::new(),
    };
    vec![
        text::line(&gate.name).into_owned(),
        result.to_owned(),
        gate.duration_ms.map(duration).unwrap_or_default(),
        gate.exit_code.map(|code| code.to_string()).unwrap_or_default(),
        note,
    ]
}

fn duration(ms: i64) -> String {
    if ms < 60_000 { format!("{:.1}s", ms as f64 / 1000.0) } else { Span::from_millis(ms).to_string() }
}

/// The first lines of what is wrong.
fn failure(gate: &GateReport) -> String {
    let words: Vec<String> = gate.command.iter().map(|word| text::line(word).into_owned()).collect();
    let mut said = format!("{} {}: {}\n", paint(BAD, "✗"), text::line(&gate.name), words.join(" "));
    let output = gate.output.as_deref().unwrap_or_default();
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.iter().position(|line| SIGNS.iter().any(|sign| line.contains(sign))).unwrap_or(0);
    for line in lines.iter().skip(first).take(LINES_MAX) {
        let _ = writeln!(said, "    {}", text::cut(line, LINE_CHARS_MAX));
    }
    if lines.len() > first + LINES_MAX {
        let _ = writeln!(said, "    {}", paint(FAINT, "…"));
    }
    match (&gate.issue_id, gate.issue_filed) {
        (Some(id), true) => drop(writeln!(said, "    issue {id} was filed")),
        (Some(id), false) => drop(writeln!(said, "    issue {id} is open about it")),
        (None, _) => {}
    }
    said
}

fn end(report: &Report) -> String {
    let count = |verdict| report.count(verdict);
    let (passed, failed, skipped) = (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::Skipped));
    let first = report.failed().find_map(|gate| gate.issue_id.clone());
    let next = match (report.passed, first) {
        (None, _) => return "\nNext: convoy baseline run\n".to_owned(),
        (Some(false), Some(id)) => format!("\nNext: convoy sling {id}    (set an agent to it)\n"),
        (Some(_), _) => String::new(),
    };
    let mut parts = vec![format!("{passed} passed")];
    parts.extend((failed > 0).then(|| paint(BAD, format!("{failed} failed"))));
    parts.extend((skipped > 0).then(|| paint(BUSY, format!("{skipped} skipped"))));
    let word = match report.passed {
        Some(true) if passed == 0 => paint(BUSY, "Nothing was checked"),
        Some(true) => paint(GOOD, "Passed"),
        Some(false) | None => paint(BAD, "Failed"),
    };
    format!("\n{word}: {}\n{next}", parts.join(", "))
}
