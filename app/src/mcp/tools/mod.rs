//! The tools, one file for each noun.

mod convoys;
mod costs;
mod events;
mod issues;
mod mail;
mod reviews;
mod templates;
mod values;
mod waiting;
mod worker;
mod workers;

use super::tool::{Entry, entry};

/// All of them, in the order in which they are listed.
pub(super) const ALL: &[Entry] = &[
    entry::<worker::Brief>(),
    entry::<worker::Done>(),
    entry::<worker::Blocked>(),
    entry::<worker::Note>(),
    entry::<worker::Escalate>(),
    entry::<worker::Checkpoint>(),
    entry::<convoys::Status>(),
    entry::<convoys::List>(),
    entry::<convoys::Show>(),
    entry::<convoys::Why>(),
    entry::<convoys::Stranded>(),
    entry::<issues::List>(),
    entry::<issues::Show>(),
    entry::<workers::List>(),
    entry::<workers::Show>(),
    entry::<workers::Output>(),
    entry::<events::List>(),
    entry::<costs::Cost>(),
    entry::<templates::List>(),
    entry::<templates::Show>(),
    entry::<templates::Report>(),
    entry::<mail::List>(),
    entry::<mail::Show>(),
    entry::<waiting::Wait>(),
    entry::<issues::Create>(),
    entry::<convoys::Create>(),
    entry::<convoys::Add>(),
    entry::<convoys::Run>(),
    entry::<convoys::Stop>(),
    entry::<convoys::Check>(),
    entry::<convoys::Close>(),
    entry::<workers::Sling>(),
    entry::<workers::Stop>(),
    entry::<workers::Retry>(),
    entry::<templates::Start>(),
    entry::<templates::Synthesize>(),
    entry::<reviews::Review>(),
    entry::<mail::Send>(),
    entry::<mail::Read>(),
    entry::<mail::Archive>(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_name_of_its_own_a_description_and_described_arguments() {
        let mut names = Vec::new();
        for tool in ALL {
            let listed = tool.listed();
            assert!(!names.contains(&tool.name), "{}", tool.name);
            names.push(tool.name);
            assert!(tool.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", tool.name);
            assert!(listed["description"].as_str().is_some_and(|text| text.len() > 20), "{listed:#}");
            let schema = &listed["inputSchema"];
            assert_eq!((&schema["type"], &schema["additionalProperties"]), (&"object".into(), &false.into()));
            for (name, argument) in schema["properties"].as_object().unwrap() {
                assert!(argument["description"].is_string(), "{}: {name}: {argument:#}", tool.name);
                assert!(argument["type"].is_string(), "{}: {name}: {argument:#}", tool.name);
            }
        }
    }
}
