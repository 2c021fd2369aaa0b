//! A real client of the Model Context Protocol, as installed by `cargo xtask mcp-client` into `.tools/`: the vendor's own
//! library for Node.js, driven by a script of the tests.

use std::path::{Path, PathBuf};

use crate::real_agents;

/// Set to "1" where it must be there, so that a missing one fails the tests.
const INSIST: &str = "CONVOY_REAL_AGENTS";

/// The folder whose `node_modules` has it.
fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/mcp")
}

/// Whether a test can use it. Without it, it returns at once, unless it is insisted on.
///
/// # Panics
/// When it is insisted on and not there.
#[expect(clippy::disallowed_methods, reason = "a switch of the one who runs the tests")]
pub fn ready() -> bool {
    let there =
        place().join("node_modules/@modelcontextprotocol/sdk").is_dir() && real_agents::node().is_some();
    let insist = std::env::var_os(INSIST).is_some_and(|value| value == "1") || place().is_dir();
    assert!(there || !insist, "the MCP client is not installed: run `cargo xtask mcp-client`");
    there
}

/// Node.js, and the first arguments of a script that uses it.
///
/// # Panics
/// When it is not installed.
pub fn run(script: &Path) -> (PathBuf, Vec<PathBuf>) {
    let node = real_agents::node().expect("the MCP client is installed: ready() was asked");
    let folder = place().canonicalize().expect("the MCP client is installed: ready() was asked");
    (node, vec![script.to_owned(), folder])
}
