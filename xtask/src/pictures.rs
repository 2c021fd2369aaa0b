//! `cargo xtask pictures`: takes the pictures of `docs/pictures/` anew, in a real browser, from a workspace in which real
//! processes work. What they show is made by `app/tests/browser/pictures.rs`, which is a test at the same time.

use std::process::ExitCode;

use crate::{browser, chore};

/// Where they are.
const PLACE: &str = "docs/pictures";
/// Says where to, to the test that takes them.
const VARIABLE: &str = "CONVOY_PICTURES";

/// Takes them.
pub(crate) fn run() -> ExitCode {
    let taken = browser::install().and_then(|()| {
        let words = ["test", "--quiet", "--package", "convoy", "--test", "browser", "--", "--exact"];
        let mut test = chore::program("cargo", words);
        test.arg("pictures::are_taken_of_what_there_is");
        test.env(VARIABLE, chore::root().join(PLACE)).env("CONVOY_REAL_AGENTS", "1");
        chore::succeed(test)
    });
    match taken {
        Ok(()) => {
            chore::say(format_args!("Taken into {PLACE}. Look at them."));
            ExitCode::SUCCESS
        }
        Err(why) => {
            chore::say(why);
            ExitCode::FAILURE
        }
    }
}
