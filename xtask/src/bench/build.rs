//! The binary: its size, how soon it answers, and, when asked for, its build from nothing.

use super::floor::run;
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Samples};
use super::room::{Room, binary};
use crate::chore;

const TIMES: usize = 50;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let room = Room::new()?;
    let mut version = Samples::default();
    for _ in 0..TIMES * wanted.rounds {
        version.time(|| run(room.command(&["--version"])))?;
    }
    let megabytes = std::fs::metadata(binary())?.len() as f64 / 1e6;
    let mut figures = vec![
        Figure::value("the binary", "MB", megabytes, Goal::AtMost(25.0)),
        Figure::value("convoy --version", "ms", version.percentile(50) / 1e3, Goal::AtMost(10.0)),
    ];
    if wanted.build {
        let target = tempfile::tempdir_in(chore::root().join("target"))?;
        let mut build = chore::program("cargo", ["build", "--release", "--quiet", "-p", "convoy"]);
        build.env("CARGO_TARGET_DIR", target.path());
        let (took, built) = chore::timed(|| chore::succeed(build));
        built?;
        let minutes = took.as_secs_f64() / 60.0;
        figures.push(Figure::value("release build from nothing", "min", minutes, Goal::AtMost(8.0)));
    }
    Ok(figures)
}
