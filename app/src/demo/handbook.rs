//! The demo's repository: a handbook of Markdown pages, and the check that each page has to pass.

use std::path::Path;

/// Where the pages are.
pub(crate) const PAGES: &str = "pages";
/// What leads back home.
pub(crate) const HOME_LINK: &str = "[Home](../README.md)";
/// The list of all pages.
pub(crate) const CONTENTS: &str = "CONTENTS.md";

const README: &str = "# Handbook\n\nEvery page lies in `pages/`, begins with a title (`# …`) and leads back \
                      [home](README.md).\nIf there is a `CONTENTS.md`, it names every page.\n";

/// Writes what the repository begins with.
pub(crate) fn write_first(repository: &Path) -> std::io::Result<()> {
    std::fs::write(repository.join("README.md"), README)?;
    std::fs::write(repository.join(PAGES).join("welcome.md"), page("Welcome", "This handbook grows.", true))
}

/// A page; one without its link home does not pass the check.
pub(crate) fn page(title: &str, text: &str, link: bool) -> String {
    let link = if link { format!("\n{HOME_LINK}\n") } else { String::new() };
    format!("# {title}\n\n{text}\n{link}")
}

/// The names of all pages, in order.
pub(crate) fn pages(root: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join(PAGES))? {
        if let Some(name) = entry?.file_name().to_str().filter(|name| name.ends_with(".md")) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// What is wrong with the handbook below `root`; nothing if it is good.
pub(crate) fn check(root: &Path) -> std::io::Result<Vec<String>> {
    let mut problems = Vec::new();
    let contents = std::fs::read_to_string(root.join(CONTENTS)).ok();
    for name in pages(root)? {
        let text = std::fs::read_to_string(root.join(PAGES).join(&name))?;
        if !text.starts_with("# ") {
            problems.push(format!("{PAGES}/{name} has no title"));
        }
        if !text.contains(HOME_LINK) {
            problems.push(format!("{PAGES}/{name} does not lead back home"));
        }
        if contents.as_ref().is_some_and(|contents| !contents.contains(&format!("({PAGES}/{name})"))) {
            problems.push(format!("{CONTENTS} does not name {PAGES}/{name}"));
        }
    }
    Ok(problems)
}
