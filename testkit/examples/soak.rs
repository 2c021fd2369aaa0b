//! `cargo run --release -p convoy-testkit --example soak -- FROM COUNT`: many seeds, for long; then how soon
//! each planted bug is noticed.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for the terminal")]

use convoy_testkit::sim::{Bug, Options, run, run_many};

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u64>().expect("a number"));
    let (from, count) = (args.next().unwrap_or(0), args.next().unwrap_or(10_000));
    let begin = std::time::Instant::now();
    match run_many(from..from + count, None) {
        Ok(report) => println!("{report:?}"),
        Err(violation) => println!("{violation}"),
    }
    println!("{:.0} scenarios/s", count as f64 / begin.elapsed().as_secs_f64());
    for bug in Bug::ALL {
        let caught: Vec<(u64, String)> = (from..from + count.min(2000))
            .filter_map(|seed| Some((seed, run(&Options::with_bug(seed, bug)).err()?.what)))
            .collect();
        let first = caught
            .first()
            .map(|(seed, what)| format!("at seed {seed}: {}", what.lines().next().unwrap_or("")));
        println!("{bug:?}: {} seeds, first {}", caught.len(), first.unwrap_or_default());
    }
}
