//! `cargo xtask agents`: the real agents that the tests drive, of fixed versions, into `.tools/`.
//!
//! The native programs of claude and codex are used, and gemini is one bundle for Node.js: no install script has to
//! run. All three take 740 MB and 15 seconds to install here.

use std::fs;
use std::process::ExitCode;

use crate::{chore, tools};

/// Package and version. What is known of the agents was seen with these.
const AGENTS: [(&str, &str); 3] = [
    ("@anthropic-ai/claude-code", "2.1.197"),
    ("@openai/codex", "0.169.0"),
    ("@google/gemini-cli", "0.61.0"),
];
/// The bundle of an agent that has no native program.
const BUNDLE: &str = "bundle/gemini.js";

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
    let missing: Vec<_> =
        AGENTS.iter().filter(|(name, version)| installed(name).as_ref() != Some(version)).collect();
    if missing.is_empty() {
        chore::say("agents: all there");
        return Ok(());
    }
    tools::need("npm", "--version", &["nodejs", "npm"], "it installs the agents that tests drive")?;
    let mut npm = chore::program(
        "npm",
        ["install", "--prefix", ".tools/npm", "--no-audit", "--no-fund", "--ignore-scripts"],
    );
    for (name, version) in &missing {
        chore::say(format_args!("agents: {name} {version}"));
        npm.arg(format!("{name}@{version}"));
    }
    fs::create_dir_all(chore::root().join(".tools/npm")).map_err(|why| format!(".tools: {why}"))?;
    chore::succeed(npm)?;
    match AGENTS.iter().find(|(name, version)| installed(name).as_ref() != Some(version)) {
        Some((name, version)) => {
            Err(format!("agents: npm has installed no {name} {version} for this system"))
        }
        None => Ok(()),
    }
}

/// The version of a package whose program is there too.
fn installed(name: &str) -> Option<&'static str> {
    let modules = chore::root().join(".tools/npm/node_modules");
    let text = fs::read_to_string(modules.join(name).join("package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_str(&text).ok()?;
    let version = AGENTS.iter().find(|(n, v)| *n == name && package["version"] == *v)?.1;
    if modules.join(name).join(BUNDLE).is_file() {
        return Some(version);
    }
    let (scope, plain) = name.split_once('/')?;
    let mut packages = modules.join(scope).read_dir().ok()?.flatten();
    let native = format!("{plain}-");
    packages.any(|entry| entry.file_name().to_string_lossy().starts_with(&native)).then_some(version)
}
