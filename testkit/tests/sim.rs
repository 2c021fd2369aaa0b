//! The pure core in the simulated world: thousands of seeds pass, and planted bugs do not.
//!
//! `CONVOY_SIM_SEEDS=200000 CONVOY_SIM_FROM=1000000 cargo test -p convoy-testkit --test sim` for a soak; a seed
//! that fails is written to `sim_seeds.txt`, with what it showed, and stays there.

use convoy_testkit::sim::{Bug, Options, run, run_many};

fn number(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a soak run is asked for by environment")]
    let text = std::env::var(name);
    text.map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn seeds_pass() {
    let (from, count) = (number("CONVOY_SIM_FROM", 0), number("CONVOY_SIM_SEEDS", 20_000));
    let report = run_many(from..from + count, None).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{report:?}");
    assert!(report.faults.len() == 21 && report.landed > 0, "{report:?}");
    // Everything that can happen to the core happens to it here, sooner or later.
    if count >= 20_000 {
        assert_eq!(report.types.len(), 58, "{:?}", report.types);
    }
}

#[test]
fn seeds_that_once_failed_pass() {
    for line in include_str!("sim_seeds.txt").lines().filter(|line| !line.starts_with('#')) {
        let seed = line.split_whitespace().next().expect("a seed").parse().expect("a number");
        let options = Options { thorough: true, ..Options::new(seed) };
        if let Err(violation) = run(&options) {
            panic!("{violation}");
        }
    }
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in 0..50 {
        let (one, other) = (run(&Options::new(seed)), run(&Options::new(seed)));
        assert_eq!(one.expect("it passes"), other.expect("it passes"), "seed {seed}");
    }
}

/// Seeds within which each planted bug is to be noticed.
const NOTICED_WITHIN: u64 = 3_000;

#[test]
fn planted_bugs_are_noticed() {
    for bug in Bug::ALL {
        let first = (0..NOTICED_WITHIN).find_map(|seed| run(&Options::with_bug(seed, bug)).err());
        let violation = first.unwrap_or_else(|| panic!("{bug:?} is not noticed"));
        println!("{bug:?}: seed {}: {}", violation.options.seed, violation.what.lines().next().unwrap_or(""));
    }
}
