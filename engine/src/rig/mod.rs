//! Rigs on disk: adding and removing them, looking whether their repositories are there, and finding the workspace
//! from inside one that lies elsewhere.
//!
//! A rig is a repository with a table in the configuration. Nothing of a repository is ever deleted here.

mod add;
mod change;
mod pointer;
mod repositories;

use std::path::Path;

use convoy_api::{Answer, Code, Control, Failure, Query, Service};
use convoy_core::id::RigName;

pub use add::{Addition, Wanted};
pub use change::{park, remove};
pub(crate) use pointer::workspace_of;
pub(crate) use repositories::Repositories;

/// Names that mean something else in an address or an id.
const RESERVED: [&str; 4] = ["hq", "mayor", "overseer", "convoy"];
/// The longest name of a rig, in bytes: it stands in tables and folder names.
const NAME_BYTES_MAX: usize = 50;

/// Why the repository of a rig cannot be used, as far as a look at its folder tells.
pub(crate) fn look(path: &Path) -> Option<String> {
    let cannot = |error: std::io::Error| Some(format!("cannot read {}: {error}", path.display()));
    if let Err(error) = path.read_dir() {
        return cannot(error);
    }
    let dot_git = path.join(".git");
    let there = match dot_git.symlink_metadata() {
        Ok(_) => dot_git.metadata().and_then(|facts| {
            if facts.is_dir() { dot_git.join("HEAD").symlink_metadata().map(drop) } else { Ok(()) }
        }),
        Err(_) => path.join("objects").read_dir().and_then(|_| path.join("HEAD").metadata()).map(drop),
    };
    match there {
        Ok(()) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("there is no git repository in {}", path.display()))
        }
        Err(error) => cannot(error),
    }
}

/// A name that can stand in the configuration, an address and a folder.
///
/// # Errors
/// Says what is accepted.
pub(crate) fn check_name(text: &str) -> Result<RigName, Failure> {
    let invalid = |text: String| Failure::new(Code::Invalid, text);
    if RESERVED.contains(&text) {
        return Err(invalid(format!("name: {text:?} means something else; choose another")));
    }
    let name = RigName::new(text).ok().filter(|_| !text.contains('.') && text.len() <= NAME_BYTES_MAX);
    name.ok_or_else(|| {
        let shown: String = text.chars().take(NAME_BYTES_MAX).collect();
        invalid(format!(
            "name: {shown:?} is not valid: expected 1 to {NAME_BYTES_MAX} letters, digits, '_' and '-', not at the ends"
        ))
    })
}

/// Has an engine take up the configuration as it stands now. The change itself is done, whatever comes of this.
fn reload(service: &dyn Service) -> Result<(), Failure> {
    service.control(Control::Reload).map_err(|failure| {
        Failure::new(Code::Unknown, format!("written, but the engine did not take it up: {failure}"))
            .hint("have it read the configuration: convoy down, then convoy up")
    })
}

fn other_answer() -> Failure {
    Failure::new(Code::Unavailable, "the engine gave an answer to another question")
}

/// Which rigs have issues with a prefix.
fn rigs_with(service: &dyn Service, prefix: &str) -> Result<Vec<RigName>, Failure> {
    match service.ask(Query::Prefix { prefix: prefix.to_owned() })? {
        Answer::Prefix { rigs } => Ok(rigs),
        _ => Err(other_answer()),
    }
}
