//! `cargo xtask bench [--rounds N] [--only NAME] [--json FILE] [--build]`: how fast, how large, how quiet.
//!
//! Every figure stands beside an anchor that was measured in the same run, interleaved with it, so that ratios
//! mean the same on any machine. Each round gives a ratio of its own; the median of the rounds is what counts.
//! It measures release builds, and so runs itself again as one, with the crates that it measures with.

#[cfg(feature = "bench")]
mod append;
#[cfg(feature = "bench")]
mod build;
#[cfg(feature = "bench")]
mod checkpoint;
#[cfg(feature = "bench")]
mod close;
#[cfg(feature = "bench")]
mod findings;
#[cfg(feature = "bench")]
mod floor;
#[cfg(feature = "bench")]
mod gap;
#[cfg(feature = "bench")]
mod http;
#[cfg(feature = "bench")]
mod idle;
#[cfg(feature = "bench")]
mod intake;
#[cfg(feature = "bench")]
mod issues;
#[cfg(feature = "bench")]
mod landing;
#[cfg(feature = "bench")]
mod measure;
#[cfg(feature = "bench")]
mod memory;
#[cfg(feature = "bench")]
mod report;
#[cfg(feature = "bench")]
mod room;
#[cfg(feature = "bench")]
mod status;
#[cfg(feature = "bench")]
mod tracker;
#[cfg(feature = "bench")]
mod wire;

/// Builds what is measured, and measures it.
#[cfg(not(feature = "bench"))]
pub(crate) fn run(args: &[&str]) -> std::process::ExitCode {
    use std::process::ExitCode;

    use crate::chore;
    let built = ["--release", "--quiet", "-p", "convoy", "-p", "convoy-testkit", "-p", "xtask"];
    let mut build = vec!["build", "--features", "xtask/bench"];
    build.extend(built);
    let mut measure =
        vec!["run", "--release", "--quiet", "-p", "xtask", "--features", "bench", "--", "bench"];
    measure.extend(args);
    let done = chore::succeed(chore::program("cargo", build))
        .and_then(|()| chore::succeed(chore::program("cargo", measure)));
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(feature = "bench")]
pub(crate) use measure::run;
