//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(verb), Some(dir)) if verb == "supervise" => convoy_engine::supervisor::run(dir.as_ref()),
        _ => ExitCode::from(2),
    }
}
