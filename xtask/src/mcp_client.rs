//! `cargo xtask mcp-client`: the client library by which the tests speak to `convoy mcp`, of a fixed version, into
//! `.tools/`. 29 MB, nine seconds.

use std::fs;
use std::process::ExitCode;

use crate::{chore, tools};

/// The package and its version.
const CLIENT: (&str, &str) = ("@modelcontextprotocol/sdk", "1.32.2");
/// Where it is.
const PLACE: &str = ".tools/mcp";

/// Installs it, if it is missing.
pub(crate) fn run() -> ExitCode {
    match install() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            chore::say(why);
            ExitCode::FAILURE
        }
    }
}

/// Installs it, if it is missing; nothing is asked of the network when it is there.
pub(crate) fn install() -> Result<(), String> {
    let (name, version) = CLIENT;
    if is_installed() {
        chore::say("mcp-client: there");
        return Ok(());
    }
    tools::need("npm", "--version", &["nodejs", "npm"], "it installs the client that tests drive")?;
    chore::say(format_args!("mcp-client: {name} {version}"));
    fs::create_dir_all(chore::root().join(PLACE)).map_err(|why| format!("{PLACE}: {why}"))?;
    let flags = ["install", "--prefix", PLACE, "--no-audit", "--no-fund", "--ignore-scripts"];
    let mut npm = chore::program("npm", flags);
    npm.arg(format!("{name}@{version}"));
    chore::succeed(npm)?;
    if is_installed() { Ok(()) } else { Err(format!("mcp-client: npm has installed no {name} {version}")) }
}

fn is_installed() -> bool {
    let (name, version) = CLIENT;
    let file = chore::root().join(PLACE).join("node_modules").join(name).join("package.json");
    let package = fs::read_to_string(file).ok();
    let package: Option<serde_json::Value> = package.and_then(|text| serde_json::from_str(&text).ok());
    package.is_some_and(|package| package["version"] == version)
}
