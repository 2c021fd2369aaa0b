//! The project's own chores. `cargo xtask` without a word lists them.

mod agents;
mod bench;
mod chore;
mod docs;
mod faults;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => test::run(),
        ["tidy"] => tidy::run(),
        ["agents"] => agents::run(),
        ["docs", ref rest @ ..] => docs::run(rest),
        ["bench", ref rest @ ..] => bench::run(rest),
        ["faults", ref words @ ..] => faults::run(words),
        _ => chore::usage("cargo xtask test|tidy|docs|agents|bench|faults [TEST…]"),
    }
}
