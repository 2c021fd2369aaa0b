//! `cargo xtask test`: everything that must hold, from a fresh checkout.
//!
//! Each step runs whatever became of the one before, except that nothing is tested that does not build, so
//! that one run tells everything. The last line is in the form of `cargo test`.

use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::chore::{self, Stream};
use crate::{agents, browser, docs, linters, mcp_client, tidy, tools};

/// One step: its name, how long it took, what went wrong.
struct Done {
    name: &'static str,
    took: Duration,
    result: Result<(), String>,
}

/// Who runs the tests, and so which closing line counts: nextest shows those of its children too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runner {
    Cargo,
    Nextest,
}

/// Tests so far, over all runners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs all steps.
pub(crate) fn run() -> ExitCode {
    let mut steps = Vec::new();
    let mut counts = Counts::default();
    let (took, ()) = chore::timed(|| {
        step(&mut steps, "tools", tools_needed);
        step(&mut steps, "fmt", || cargo(&["fmt", "--all", "--check"]));
        step(&mut steps, "clippy", || {
            cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--features",
                "xtask/bench",
                "--",
                "-D",
                "warnings",
            ])
        });
        step(&mut steps, "tidy", tidy::check_all);
        step(&mut steps, "doc", doc);
        if step(&mut steps, "build", || cargo(&["build", "--quiet", "--workspace", "--all-targets"])) {
            step(&mut steps, "docs", docs::check);
            step(&mut steps, "tests", || tests(&mut counts));
            step(&mut steps, "doctests", || {
                let args = ["test", "--workspace", "--doc", "--no-fail-fast"];
                counted(Runner::Cargo, &args, &mut counts)
            });
        }
    });
    chore::say("");
    for done in &steps {
        let word = if done.result.is_ok() { "ok" } else { "FAILED" };
        let why = done.result.as_ref().err().map(|why| format!("  {why}")).unwrap_or_default();
        chore::say(format_args!("{:>9} {word:<6} {:>7.1} s{why}", done.name, done.took.as_secs_f64()));
    }
    let failed_steps = steps.iter().filter(|done| done.result.is_err()).count();
    chore::say("");
    chore::say(counts.summary(failed_steps, took));
    if failed_steps == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn step(steps: &mut Vec<Done>, name: &'static str, work: impl FnOnce() -> Result<(), String>) -> bool {
    chore::say(format_args!("\n==> {name}"));
    let (took, result) = chore::timed(work);
    if let Err(why) = &result {
        chore::say(why);
    }
    let fine = result.is_ok();
    steps.push(Done { name, took, result });
    fine
}

fn tools_needed() -> Result<(), String> {
    tools::need("git", "--version", &["git"], "it is what Convoy works on")?;
    tools::need("strace", "-V", &["strace"], "it shows that nothing polls")?;
    tools::need("tmux", "-V", &["tmux"], "agents can be hosted in it")?;
    linters::install()?;
    mcp_client::install()?;
    browser::install()?;
    agents::install()
}

fn command(args: &[&str]) -> Command {
    let mut command = chore::program("cargo", args);
    // A real agent that is missing fails its tests instead of skipping them.
    command.env("CONVOY_REAL_AGENTS", "1");
    command
}

fn cargo(args: &[&str]) -> Result<(), String> {
    chore::succeed(command(args))
}

fn doc() -> Result<(), String> {
    let mut doc = command(&["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    chore::succeed(doc)
}

fn tests(counts: &mut Counts) -> Result<(), String> {
    if chore::has("cargo", "nextest --version") {
        let args = ["nextest", "run", "--workspace", "--no-fail-fast"];
        counted(Runner::Nextest, &args, counts)
    } else {
        let args = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
        counted(Runner::Cargo, &args, counts)
    }
}

fn counted(runner: Runner, args: &[&str], counts: &mut Counts) -> Result<(), String> {
    let stream = if runner == Runner::Cargo { Stream::Stdout } else { Stream::Stderr };
    chore::watched(command(args), stream, |line| counts.read(runner, line))
}

impl Counts {
    /// Takes in a closing line of the runner; any other line counts nothing.
    fn read(&mut self, runner: Runner, line: &str) {
        let opening = if runner == Runner::Cargo { "test result:" } else { "Summary [" };
        let line = line.trim();
        if !line.starts_with(opening) {
            return;
        }
        let before = |words: &[&str]| -> u64 {
            let pieces = line.split([' ', ',', ';', '.', ':', '(', ')']).filter(|p| !p.is_empty());
            let pieces: Vec<&str> = pieces.collect();
            let found = pieces.windows(2).filter(|pair| words.contains(&pair[1]));
            found.filter_map(|pair| pair[0].parse::<u64>().ok()).sum()
        };
        self.passed += before(&["passed"]);
        self.failed += before(&["failed", "exec"]) + before(&["timed"]);
        self.ignored += before(&["ignored", "skipped"]);
    }

    fn summary(self, failed_steps: usize, took: Duration) -> String {
        let word = if failed_steps == 0 && self.failed == 0 { "ok" } else { "FAILED" };
        format!(
            "test result: {word}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s",
            self.passed,
            self.failed,
            self.ignored,
            took.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(runner: Runner, lines: &[&str]) -> Counts {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.read(runner, line));
        counts
    }

    #[test]
    fn counts_are_read_from_either_runner() {
        let nextest = "     Summary [   2.949s] 19/21 tests run: 18 passed (2 slow), 1 failed, 3 skipped";
        let cargo = "test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.1s";
        let of_nextest = read(Runner::Nextest, &[nextest, cargo, "noise 7 passed"]);
        assert_eq!(of_nextest, Counts { passed: 18, failed: 1, ignored: 3 });
        assert_eq!(read(Runner::Cargo, &[cargo, cargo]), Counts { passed: 8, failed: 4, ignored: 2 });
        let late = "     Summary [   1.0s] 3 tests run: 1 passed, 1 failed, 1 timed out, 0 skipped";
        assert_eq!(read(Runner::Nextest, &[late]), Counts { passed: 1, failed: 2, ignored: 0 });
    }

    #[test]
    fn the_last_line_says_when_a_step_without_tests_failed() {
        let line = read(Runner::Cargo, &[]).summary(1, Duration::from_millis(1500));
        assert_eq!(
            line,
            "test result: FAILED. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s"
        );
    }
}
