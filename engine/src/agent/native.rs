//! The program behind a launcher.
//!
//! Codex as npm installs it is a script for Node.js that starts the program proper as its child. A script that is
//! killed leaves that child working and spending, and signals reach the wrong process. So where the command `codex` of
//! a preset leads to that script, the program beside it is what is run. This is done where a preset becomes an
//! argument list, and nowhere else.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::os::program;

/// The end of the script's real path.
const CODEX_SCRIPT: &str = "@openai/codex/bin/codex.js";
/// What the packages begin with that hold the program, one for each kind of machine.
const CODEX_PACKAGES: &str = "codex-";
/// How many entries of a folder of packages are looked at.
const ENTRIES_MAX: usize = 1_000;

/// The program that `name` stands for, if it leads to a launcher and the program behind that is there.
pub(super) fn behind(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    let script = program::find(name, path)?.canonicalize().ok()?;
    if !script.ends_with(CODEX_SCRIPT) {
        return None;
    }
    let package = script.parent()?.parent()?;
    let scopes = [Some(package.join("node_modules/@openai")), package.parent().map(Path::to_owned)];
    let beside = scopes.into_iter().flatten().flat_map(|scope| entries(&scope, CODEX_PACKAGES));
    let vendors = beside.chain([package.to_owned()]).map(|package| package.join("vendor"));
    let programs = vendors.flat_map(|vendor| entries(&vendor, "")).map(|target| target.join("bin/codex"));
    // Packages for other machines may lie there too.
    programs.into_iter().find_map(|file| {
        let file = program::find(file.to_str()?, None)?;
        program::runnable(&file).then_some(file)
    })
}

fn entries(dir: &Path, start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().take(ENTRIES_MAX).flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_program_beside_the_script_is_what_runs() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        let script = at("node_modules/@openai/codex/bin/codex.js");
        fs::copy("/bin/sh", &script).unwrap();
        let link = at("bin/codex");
        symlink(&script, &link).unwrap();
        let path = Some(link.parent().unwrap().as_os_str());
        assert_eq!(behind("codex", path), None, "nothing is behind it");

        let foreign = at("node_modules/@openai/codex-a/vendor/t/bin/codex");
        fs::copy("/bin/sh", &foreign).unwrap();
        let mut bytes = fs::read(&foreign).unwrap();
        bytes[18..20].copy_from_slice(&[0xff, 0xff]);
        fs::write(&foreign, bytes).unwrap();
        let native = at("node_modules/@openai/codex-b/vendor/t/bin/codex");
        fs::copy("/bin/sh", &native).unwrap();
        assert_eq!(behind("codex", path), Some(native.canonicalize().unwrap()));

        // Other programs are what they are.
        let other = at("bin/other");
        fs::copy("/bin/sh", &other).unwrap();
        assert_eq!(behind("other", path), None);
    }
}
