//! The groups of figures, which of them are wanted, and in what order they run.

use std::path::PathBuf;
use std::process::ExitCode;

use super::report::{self, Figure};
use super::{
    append, build, checkpoint, close, findings, gap, http, idle, intake, issues, landing, memory, status,
    tracker,
};
use crate::chore;

/// Rounds when nothing else is said: enough for a median.
const ROUNDS: usize = 3;

/// What went wrong; a figure that cannot be measured is a failure, never a gap in the table.
pub(super) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is wanted.
pub(super) struct Wanted {
    /// How often each group is gone through.
    pub(super) rounds: usize,
    /// The build from nothing, too.
    pub(super) build: bool,
    only: Option<String>,
    json: Option<PathBuf>,
}

/// A group: its name, and what measures it.
type Group = (&'static str, fn(&Wanted) -> Result<Vec<Figure>>);

const GROUPS: [Group; 14] = [
    ("close", close::measure),
    ("landing", landing::measure),
    ("tracker", tracker::measure),
    ("gap", gap::measure),
    ("append", append::measure),
    ("checkpoint", checkpoint::measure),
    ("findings", findings::measure),
    ("status", status::measure),
    ("issues", issues::measure),
    ("intake", intake::measure),
    ("memory", memory::measure),
    ("http", http::measure),
    ("build", build::measure),
    ("idle", idle::measure),
];

fn parse(args: &[&str]) -> std::result::Result<Wanted, String> {
    let mut wanted = Wanted { rounds: ROUNDS, build: false, only: None, json: None };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{arg} needs a value"));
        match *arg {
            "--rounds" => {
                wanted.rounds = value()?.parse().map_err(|_| "--rounds takes a number".to_owned())?;
            }
            "--only" => wanted.only = Some((*value()?).to_owned()),
            "--json" => wanted.json = Some(PathBuf::from(value()?)),
            "--build" => wanted.build = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    let known = |name: &String| GROUPS.iter().any(|(group, _)| group == name);
    if wanted.only.as_ref().is_some_and(|name| !known(name)) || wanted.rounds == 0 {
        let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        return Err(format!("groups are {}; at least one round", names.join(", ")));
    }
    Ok(wanted)
}

/// Measures what is wanted, prints a table, and writes the same as JSON.
pub(crate) fn run(args: &[&str]) -> ExitCode {
    let wanted = match parse(args) {
        Ok(wanted) => wanted,
        Err(why) => {
            chore::say(why);
            return chore::usage("cargo xtask bench [--rounds N] [--only NAME] [--json FILE] [--build]");
        }
    };
    let mut all = Vec::new();
    let mut failed = false;
    for (name, measure) in GROUPS {
        if wanted.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let (took, result) = chore::timed(|| measure(&wanted));
        chore::say(format_args!("==> {name} ({:.1} s)", took.as_secs_f64()));
        match result {
            Ok(figures) => {
                report::print(&figures);
                all.extend(figures);
            }
            Err(why) => {
                failed = true;
                chore::say(format_args!("{name} could not be measured: {why}"));
            }
        }
    }
    if let Some(file) = &wanted.json
        && let Err(why) = report::write(file, &all)
    {
        failed = true;
        chore::say(format_args!("{}: {why}", file.display()));
    }
    let missed = all.iter().filter(|figure| !figure.is_met()).count();
    chore::say(format_args!("\n{} figures, {missed} miss their goal", all.len()));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
