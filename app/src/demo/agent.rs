//! The demo's agent and gate: real child processes that edit, test and commit. No model, no network.

use std::io::Read;
use std::path::Path;

use convoy_api::Failure;
use convoy_engine::os::spawn::Environment;

use super::handbook::{self, CONTENTS, PAGES};
use super::{FLAKY, RACED, failure, git};

/// Works on the issue of this session in the current folder, as an agent does. The lines that it prints.
///
/// # Errors
/// When the handbook does not pass its check, or git fails.
pub(crate) fn work(env: &Environment, here: &Path, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt).map_err(|error| failure("cannot read the prompt", error))?;
    let issue = env.text("CONVOY_ISSUE").unwrap_or_default().to_owned();
    let attempt = env.text("CONVOY_ATTEMPT").unwrap_or("1").to_owned();
    say(&format!("attempt {attempt} at {issue}, told in {} characters", prompt.chars().count()));
    let wrote = write(here, &issue, attempt == "1").map_err(|error| failure("cannot write", error))?;
    say(&format!("wrote {wrote}"));
    let problems = handbook::check(here).map_err(|error| failure("cannot check", error))?;
    if let Some(problem) = problems.first() {
        return Err(failure("the check of the handbook fails", problem));
    }
    say("the check of the handbook passes");
    git(env, here, &["add", "--all"])?;
    git(env, here, &["commit", "-q", "-m", &format!("{issue}: {wrote}")])?;
    say("committed");
    Ok(())
}

/// Does the edit; its file.
fn write(here: &Path, issue: &str, first: bool) -> std::io::Result<String> {
    let (file, text) = match issue {
        "hb-install" => {
            ("install.md", handbook::page("Installing", "Build it with cargo; it is one binary.", true))
        }
        "hb-start" => ("start.md", handbook::page("First steps", "Make an issue, and sling it.", true)),
        // The first time it forgets the link home, and its own check tells.
        FLAKY => ("questions.md", handbook::page("Questions", "Does it poll? No.", !first)),
        RACED => ("glossary.md", handbook::page("Glossary", "Convoy: issues that land as one.", true)),
        _ => {
            let pages = handbook::pages(here)?;
            let lines: Vec<String> =
                pages.iter().map(|name| format!("- [{name}]({PAGES}/{name})\n")).collect();
            std::fs::write(here.join(CONTENTS), format!("# Contents\n\n{}", lines.concat()))?;
            return Ok(CONTENTS.to_owned());
        }
    };
    std::fs::write(here.join(PAGES).join(file), text)?;
    Ok(format!("{PAGES}/{file}"))
}

/// The gate: checks the handbook in the current folder. While it checks the glossary for the first time, a
/// colleague commits to the repository, so that the base branch has moved when the gate has passed.
///
/// # Errors
/// When the handbook is not good.
pub(crate) fn gate(env: &Environment, here: &Path, repository: &Path) -> Result<(), Failure> {
    let problems = handbook::check(here).map_err(|error| failure("cannot check", error))?;
    if !problems.is_empty() {
        return Err(failure("the handbook is not good", problems.join("; ")));
    }
    let note = repository.join("NOTES.md");
    // The first tree with a glossary is that of its own merge.
    if here.join(PAGES).join("glossary.md").exists() && !note.exists() {
        std::fs::write(&note, "A colleague was here while the glossary was being merged.\n")
            .map_err(|error| failure("cannot write", error))?;
        git(env, repository, &["add", "NOTES.md"])?;
        git(env, repository, &["commit", "-q", "-m", "A note by a colleague"])?;
    }
    Ok(())
}
