//! The worker's tools, handed to an agent's program for one run: how it takes a server of the Model Context Protocol.
//!
//! Always beside what a person has configured, never in it: a program is given a file or an argument of this run, and
//! its own configuration stays as it is. The server is this program, as `convoy mcp --worker`. Which session it speaks
//! for stands in what the program hands to it, because not every program hands its whole environment on.
//!
//! Seen with Claude Code 2.1.197 and Codex 0.169.0. Gemini CLI 0.61.0 has no such way: its settings for everybody have to
//! be root's, a workspace's would lie in the repository, and another home would lose whom the person signed in as.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use crate::supervisor::files::SessionDir;

/// What the server is called, and with it its tools: `mcp__convoy__note`.
const SERVER: &str = "convoy";
/// What the tools of the server are called in a list of tools that are allowed.
const ALLOWED: &str = "mcp__convoy__*";
/// What the server is called with.
const ARGUMENTS: [&str; 2] = ["mcp", "--worker"];
/// What stands in a list of tools before those of any server.
const OF_SERVERS: &str = "mcp__";
/// What the server has to know.
const PASSED: [&str; 7] = [
    "CONVOY_SESSION",
    "CONVOY_WORKER",
    "CONVOY_ISSUE",
    "CONVOY_CONVOY",
    "CONVOY_EPOCH",
    "CONVOY_ATTEMPT",
    "CONVOY_BRIEF_FILE",
];
/// How a program takes a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mcp {
    /// Not at all.
    #[default]
    None,
    /// As Claude Code: a file that `--mcp-config` names.
    Claude,
    /// As Codex: a key of its configuration, by `-c`.
    Codex,
}

/// What a program is given so that it has the tools.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// Arguments, among its options.
    pub arguments: Vec<String>,
    /// The content of the session's file for it.
    pub file: Option<String>,
}

impl Mcp {
    /// For a session with this environment, whose server is `program`.
    pub fn given(self, program: &Path, dir: &SessionDir, env: &BTreeMap<String, String>) -> Given {
        let program = program.to_string_lossy().into_owned();
        let passed = PASSED.iter().filter_map(|name| Some(((*name).to_owned(), env.get(*name)?.clone())));
        let socket = (crate::supervisor::SOCKET.to_owned(), dir.socket().to_string_lossy().into_owned());
        let passed: BTreeMap<String, String> = passed.chain([socket]).collect();
        let file = dir.mcp().to_string_lossy().into_owned();
        match self {
            Self::None => Given::default(),
            // Later versions show the tools of a server only to who looks for them, unless they are always loaded.
            Self::Claude => Given {
                arguments: vec![format!("--mcp-config={file}")],
                file: Some(
                    json!({ "mcpServers": { SERVER: {
                        "type": "stdio", "alwaysLoad": true, "command": program, "args": ARGUMENTS, "env": passed,
                    } } })
                    .to_string(),
                ),
            },
            Self::Codex => Given {
                arguments: vec!["-c".to_owned(), codex(&program, &passed)],
                ..Given::default()
            },
        }
    }

    /// A list of tools that a role may use, with those of the server, where its program goes by the list for them too.
    pub fn allowing(self, tools: Option<&[String]>) -> Option<Vec<String>> {
        let mut tools = tools?.to_vec();
        match self {
            Self::Claude => tools.push(ALLOWED.to_owned()),
            Self::None | Self::Codex => {}
        }
        Some(tools)
    }
}

/// Whether a name in a list of tools is that of a server's, and not one that the program has by itself.
pub(super) fn is_of_a_server(tool: &str) -> bool {
    tool.starts_with(OF_SERVERS)
}

/// The key and its value as Codex reads it: TOML.
fn codex(program: &str, env: &BTreeMap<String, String>) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let env: Vec<String> = env.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    format!(
        "mcp_servers.{SERVER}={{command={},args={},env={{{}}}}}",
        text(program),
        toml::Value::from(ARGUMENTS.to_vec()),
        env.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn given(mcp: Mcp, env: &[(&str, &str)]) -> Given {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        mcp.given(Path::new("/it's \"here\"/convoy"), &SessionDir::new("/w/sessions/s-1"), &env)
    }

    const ENV: [(&str, &str); 3] = [("CONVOY_SESSION", "s-1"), ("CONVOY_ISSUE", "gt-1"), ("SECRET", "x")];

    #[test]
    fn each_program_is_told_in_its_own_way() {
        assert_eq!(given(Mcp::None, &ENV), Given::default());
        let claude = given(Mcp::Claude, &ENV);
        assert_eq!(claude.arguments, ["--mcp-config=/w/sessions/s-1/mcp.json"]);
        let file: Value = serde_json::from_str(&claude.file.unwrap()).unwrap();
        let passed = json!({ "CONVOY_SESSION": "s-1", "CONVOY_ISSUE": "gt-1", "CONVOY_SOCKET": "/w/sessions/s-1/sock" });
        let server = &file["mcpServers"]["convoy"];
        assert_eq!((&server["env"], &server["command"]), (&passed, &json!("/it's \"here\"/convoy")));
        assert_eq!(server["args"], json!(["mcp", "--worker"]));
        let codex = given(Mcp::Codex, &ENV);
        assert_eq!((codex.arguments[0].as_str(), &codex.file), ("-c", &None));
        let table: toml::Table = codex.arguments[1].parse().unwrap();
        let read: Value = serde_json::to_value(&table["mcp_servers"]["convoy"]).unwrap();
        assert_eq!((&read["env"], &read["command"]), (&passed, &json!("/it's \"here\"/convoy")));
    }

    #[test]
    fn a_list_of_tools_admits_those_of_the_server() {
        let tools = ["Read".to_owned()];
        assert_eq!(Mcp::Claude.allowing(Some(&tools)).unwrap(), ["Read", ALLOWED]);
        assert_eq!(Mcp::Codex.allowing(Some(&tools)).unwrap(), ["Read"]);
        assert_eq!(Mcp::Claude.allowing(None), None);
        assert!(is_of_a_server(ALLOWED) && !is_of_a_server("Read"));
    }
}
