//! The skills: what each is for, and what it says.

use convoy_api::{Code, Failure};

use crate::error::Error;

use super::render;

/// A skill as it is kept in the program.
#[derive(Debug)]
pub(super) struct Text {
    /// Its name, and that of its folder.
    pub(super) name: &'static str,
    /// What it does, and when an assistant should turn to it.
    pub(super) about: &'static str,
    /// What it says; references of commands are filled in.
    body: &'static str,
}

/// All of them.
pub(super) const ALL: &[Text] = &[
    Text {
        name: "convoy-code-review",
        about: "Have a change, a branch, a pull request or files reviewed by several independent reviewers with Convoy, read the \
            merged report, and act on its verdict. Use when asked for a code review, a security or performance review, or \
            whether a change can be merged.",
        body: include_str!("texts/code-review.md"),
    },
    Text {
        name: "convoy-orchestration",
        about: "Rules for splitting work between coding agents with Convoy: fan-out and fan-in, pipelines, review gates, \
            budgets, retries with fresh context, and when not to work in parallel. Use before planning work for more than \
            one agent, and whenever you are about to say that such work is done.",
        body: include_str!("texts/orchestration.md"),
    },
    Text {
        name: "convoy-run",
        about: "Run a batch of issues to landed commits with Convoy: write the issues, bundle them into a convoy, set a \
            budget, launch agents, follow them, unblock what is stuck, stop, and report. Use when several coding tasks \
            are to be done by agents, or when somebody asks how a convoy is doing.",
        body: include_str!("texts/run.md"),
    },
    Text {
        name: "convoy-synthesis",
        about: "Find, read, hand on or remake the merged report of a Convoy template run (a code review, a triage), and apply what a \
            triage judged. Use when several agents have reported and one result is wanted, or when a report is missing or \
            partial.",
        body: include_str!("texts/synthesis.md"),
    },
];

/// Those that are named, each once; all if none is.
pub(super) fn named(names: &[String]) -> Result<Vec<&'static Text>, Error> {
    let known = |name: &String| ALL.iter().any(|text| text.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = ALL.iter().map(|text| text.name).collect();
        return Err(Error::from(Failure::new(Code::NotFound, format!("there is no skill '{unknown}'")))
            .hint(format!("there are: {}", all.join(", "))));
    }
    Ok(ALL.iter().filter(|text| names.is_empty() || names.iter().any(|name| text.name == name)).collect())
}

impl Text {
    /// The whole file, without the seal.
    pub(super) fn rendered(&self) -> Result<String, Error> {
        let body = render::filled(self.body).map_err(|dead| {
            Error::refused(format!("the skill {} speaks of what is not there: {dead}", self.name))
        })?;
        // JSON's strings are YAML's as well.
        let about = serde_json::Value::from(self.about);
        Ok(format!("---\nname: {}\ndescription: {about}\n---\n\n{}", self.name, body.trim_start()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    #[test]
    fn every_command_that_a_skill_speaks_of_is_there() {
        for text in ALL {
            let rendered = text.rendered().unwrap();
            let dead = lines::dead(&rendered);
            assert!(dead.is_empty(), "{}:\n{}", text.name, dead.join("\n"));
            assert!(lines::of(&rendered).len() > 8, "{}: hardly speaks of any command", text.name);
        }
    }

    #[test]
    fn front_matter_is_what_assistants_take() {
        for text in ALL {
            // The limits that are published for skills.
            assert!(text.name.len() <= 64 && text.about.len() <= 1024, "{}", text.name);
            assert!(text.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", text.name);
            assert!(!text.about.contains(['<', '\n']), "{}", text.name);
            assert!(text.about.contains("Use "), "{}: says when it is of use", text.name);
            assert!(text.rendered().unwrap().lines().count() < 500, "{}", text.name);
        }
    }
}
