//! Cutting a failing scenario down: fewer requests and fewer faults, as long as it still fails.

use super::{Options, Violation, run};

/// The smallest scenario found that still breaks a promise, with its trace.
pub fn shrink(violation: &Violation) -> Box<Violation> {
    let mut options = violation.options.clone();
    options.thorough |= options.seed.is_multiple_of(16);
    for fault in options.faults.clone() {
        let mut fewer = options.clone();
        fewer.faults.remove(&fault);
        if run(&fewer).is_err() {
            options = fewer;
        }
    }
    for requests in 0..options.requests {
        let fewer = Options { requests, ..options.clone() };
        if run(&fewer).is_err() {
            options = fewer;
            break;
        }
    }
    match run(&Options { trace: true, ..options }) {
        Err(smallest) => smallest,
        Ok(_) => Box::new(violation.clone()),
    }
}
