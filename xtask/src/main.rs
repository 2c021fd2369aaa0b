//! The project's own chores. `cargo xtask` without a word lists them.

mod agents;
mod bench;
mod browser;
mod chore;
mod docs;
mod faults;
mod linters;
mod mcp_client;
mod pictures;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => test::run(),
        ["tidy"] => tidy::run(),
        ["docs", ref words @ ..] => docs::run(words),
        ["agents"] => agents::run(),
        ["linters"] => linters::run(),
        ["mcp-client"] => mcp_client::run(),
        ["browser"] => browser::run(),
        ["pictures"] => pictures::run(),
        ["bench", ref words @ ..] => bench::run(words),
        ["faults", ref words @ ..] => faults::run(words),
        _ => chore::usage(
            "cargo xtask test|tidy|docs|agents|linters|mcp-client|browser|pictures|bench|faults [TEST…]",
        ),
    }
}
