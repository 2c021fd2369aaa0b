//! The forms of the files, published as JSON Schema: for editors that check while one writes.
//!
//! Only schemas are made of these; files are read by `file` and `agent_file`, which say where something is wrong. A test
//! compares the keys.

use std::collections::BTreeMap;

use convoy_core::template::{OnFailure, OutputKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A template: which roles there are, and what holds for all of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is of use")]
pub struct TemplateShape {
    /// Its name, which is that of its file.
    name: String,
    /// It in a line; inherited if it is not given.
    description: Option<String>,
    /// The template that it is based on. Its own name means the one of that name that it hides.
    extends: Option<String>,
    /// Roles of that template that it does not have.
    #[schemars(default)]
    remove: Vec<String>,
    /// Its roles. One that the template it is based on has too is replaced key by key.
    #[schemars(default)]
    agents: Vec<RoleShape>,
    /// What holds for all roles.
    config: Option<ConfigShape>,
}

/// A role.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is of use")]
struct RoleShape {
    /// Its name within the template.
    role: String,
    /// The agent file that it is made of.
    subagent: Option<String>,
    /// With false it waits for all roles that are listed before it.
    parallel: Option<bool>,
    /// It is made once for each issue that is given.
    per: Option<Per>,
    /// The roles that have to be done first.
    #[schemars(default)]
    depends_on: Vec<String>,
    /// For its prompt: `params.NAME`.
    #[schemars(default)]
    params: BTreeMap<String, Param>,
    /// The model, over the agent file's.
    model: Option<String>,
    /// The agent, over the agent file's; "none" for nobody.
    agent: Option<String>,
    /// How long one attempt may take.
    timeout: Option<Duration>,
    /// How often it is tried.
    #[schemars(range(min = 1, max = 100))]
    max_attempts: Option<u32>,
}

/// What holds for all roles.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is of use")]
struct ConfigShape {
    /// Where reports are written, below the workspace's folder.
    output_dir: Option<String>,
    /// How many roles at once.
    #[schemars(range(min = 1, max = 1000))]
    max_parallel: Option<u32>,
    /// How long all of it may take.
    timeout: Option<Duration>,
    /// What is made of the reports.
    synthesis: Option<Synthesis>,
    /// What follows when a role has failed.
    on_failure: Option<OnFailure>,
}

/// The front matter of an agent file.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is of use")]
pub struct AgentFileShape {
    /// Its name, which is that of its file.
    name: String,
    /// It in a line.
    description: String,
    /// The model, if not the agent's own default.
    model: Option<String>,
    /// The tools that it may use, by the agent's own names.
    tools: Option<Words>,
    /// The agent's own name for how it asks for permission.
    permission_mode: Option<String>,
    /// Which agent, if not the workspace's; "none" if the prompt itself is the report.
    agent: Option<String>,
    /// A program and its arguments, each a template, instead of an agent.
    command: Option<Vec<String>>,
    /// Exit statuses of the program that are no failure.
    success: Option<Vec<u8>>,
    /// How long one attempt may take.
    timeout: Option<Duration>,
    /// What it writes.
    output: Option<OutputKind>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is of use")]
enum Per {
    Issue,
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        struct $name;
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
            fn inline_schema() -> bool {
                true
            }
        }
    };
}

shape! {
    /// A length of time.
    Duration, {
        "description": "A time such as \"90s\", \"10m\" or \"1h30m\"; in JSON also a number of milliseconds",
        "type": ["string", "integer"]
    }
}
shape! {
    /// A value for a prompt.
    Param, { "type": ["string", "number", "boolean", "array"], "items": { "type": ["string", "number", "boolean"] } }
}
shape! {
    /// What is made of reports.
    Synthesis, { "enum": [true, false, "review", "triage", "none"] }
}
shape! {
    /// Words, as a list or in one text.
    Words, { "type": ["array", "string"], "items": { "type": "string" } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::{agent_file, file};

    #[test]
    fn the_schemas_have_the_keys_that_are_read() {
        let keys = |value: &serde_json::Value| {
            let mut keys: Vec<String> = value["properties"].as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let sorted = |keys: &[&str]| {
            let mut keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            keys.sort();
            keys
        };
        let template = schemars::schema_for!(TemplateShape).to_value();
        assert_eq!(keys(&template), sorted(&file::KEYS));
        assert_eq!(keys(&template["$defs"]["RoleShape"]), sorted(&file::ROLE_KEYS));
        assert_eq!(keys(&template["$defs"]["ConfigShape"]), sorted(&file::CONFIG_KEYS));
        assert_eq!(template["additionalProperties"], false);
        let agent = schemars::schema_for!(AgentFileShape).to_value();
        assert_eq!(keys(&agent), sorted(&agent_file::KEYS));
        assert_eq!(agent["required"], serde_json::json!(["name", "description"]));
    }
}
