//! Tables of the configuration for fake agents.

use serde_json::json;

/// A table of `.convoy/config.toml` for an agent that takes its prompt by stdin and may see these variables.
/// `output` is the translator: `plain`, `claude`, `codex`.
pub fn agent_toml(name: &str, command: &[String], output: &str, variables: &[&str]) -> String {
    // Texts of JSON are texts of TOML.
    // In a role it is confined, and its witness is no file of its own.
    let witness = command.iter().skip_while(|word| *word != "--witness").nth(1);
    let writable = json!(witness.into_iter().collect::<Vec<_>>());
    let (command, variables, output) = (json!(command), json!(variables), json!(output));
    format!(
        "[agents.{name}]\ncommand = {command}\nprompt = \"stdin\"\noutput = {output}\nenv = {variables}\n\
         writable = {writable}\n"
    )
}

/// The same for a fake agent that can be told something while it works.
pub fn duplex_toml(name: &str, command: &[String]) -> String {
    let command = [command, &["--duplex".to_owned()]].concat();
    agent_toml(name, &command, "claude", &[]).replace("prompt = \"stdin\"", "prompt = \"duplex\"")
}
