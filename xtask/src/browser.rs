//! `cargo xtask browser`: the browser that the tests look at the pages with, and what drives it, of fixed versions, into
//! `.tools/`.
//!
//! Chromium is Debian's (16 seconds, 400 MB with what it needs); playwright-core brings no browser of its own, and no install
//! script has to run.

use std::fs;
use std::process::ExitCode;

use crate::{chore, tools};

/// Packages and versions.
const PACKAGES: [(&str, &str); 2] = [("playwright-core", "1.65.1"), ("axe-core", "4.14.1")];
/// Where they are.
const PLACE: &str = ".tools/browser";

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
    tools::need("chromium", "--version", &["chromium", "fonts-dejavu-core"], "pages are looked at with it")?;
    let missing: Vec<_> = PACKAGES.iter().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        chore::say("browser: all there");
        return Ok(());
    }
    tools::need("npm", "--version", &["nodejs", "npm"], "it installs what drives the browser")?;
    fs::create_dir_all(chore::root().join(PLACE)).map_err(|why| format!("{PLACE}: {why}"))?;
    let flags = ["install", "--prefix", PLACE, "--no-audit", "--no-fund", "--ignore-scripts"];
    let mut npm = chore::program("npm", flags);
    for (name, version) in &missing {
        chore::say(format_args!("browser: {name} {version}"));
        npm.arg(format!("{name}@{version}"));
    }
    chore::succeed(npm)?;
    match PACKAGES.iter().find(|package| !is_installed(package)) {
        Some((name, version)) => Err(format!("browser: npm has installed no {name} {version}")),
        None => Ok(()),
    }
}

fn is_installed((name, version): &(&str, &str)) -> bool {
    let file = chore::root().join(PLACE).join("node_modules").join(name).join("package.json");
    let package = fs::read_to_string(file).ok();
    let package: Option<serde_json::Value> = package.and_then(|text| serde_json::from_str(&text).ok());
    package.is_some_and(|package| package["version"] == *version)
}
