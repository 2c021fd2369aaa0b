//! `cargo xtask faults`: the crash and fault suite with every point instead of a sample.

use std::process::ExitCode;

use crate::chore;

/// Runs it; words after `faults` choose tests by name. It takes tens of minutes.
pub(crate) fn run(words: &[&str]) -> ExitCode {
    let mut test = chore::program("cargo", ["test", "--package", "convoy", "--test", "faults", "--"]);
    test.args(words).env("CONVOY_FAULTS_LONG", "1");
    let (took, result) = chore::timed(|| chore::succeed(test));
    chore::say(format_args!("faults: {:.0} s", took.as_secs_f64()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            chore::say(why);
            ExitCode::FAILURE
        }
    }
}
