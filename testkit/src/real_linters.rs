//! The real linters that tests run, as installed by `cargo xtask linters` into `.tools/`, and a repository with faults
//! for them to find.
//!
//! Seen with ruff 0.17, shellcheck 0.11 and the clippy of the toolchain, in an otherwise empty environment.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Set to "1" where they must be there, so that a missing one fails the tests.
const INSIST: &str = "CONVOY_REAL_AGENTS";

/// The rules of ruff that find the faults, and no others.
pub const RUFF_RULES: &str = "F,E722,S602,B006";

/// The files with the faults.
pub const PLANTED: [(&str, &str); 4] = [
    (
        "app/serve.py",
        "import os\nimport subprocess\n\n\ndef run(name):\n    subprocess.call(\"ls \" + name, shell=True)\n    try:\n        \
         return open(name).read()\n    except:\n        return None\n\n\ndef append(item, items=[]):\n    items.append(item)\n    \
         return missing_name\n",
    ),
    (
        "bin/deploy.sh",
        "#!/bin/sh\ntarget=$1\ncp -r build $target\nfor f in $(ls ./*.txt); do\n  echo \"$f\"\ndone\nunused=1\n",
    ),
    ("Cargo.toml", "[package]\nname = \"planted\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
    (
        "src/lib.rs",
        "//! Faults, planted.\n\n/// Whether there is nothing.\npub fn is_nothing(all: &[i32]) -> bool {\n    all.len() == 0\n}\n\n\
         /// Whether it is no number.\npub fn is_nan(x: f64) -> bool {\n    x == f64::NAN\n}\n",
    ),
];

/// What a linter finds in them: which linter, the rule, the file and the line.
pub const FAULTS: [(&str, &str, &str, u32); 10] = [
    ("ruff", "F401", "app/serve.py", 1),
    ("ruff", "S602", "app/serve.py", 6),
    ("ruff", "E722", "app/serve.py", 9),
    ("ruff", "B006", "app/serve.py", 13),
    ("ruff", "F821", "app/serve.py", 15),
    ("shellcheck", "SC2086", "bin/deploy.sh", 3),
    ("shellcheck", "SC2045", "bin/deploy.sh", 4),
    ("shellcheck", "SC2034", "bin/deploy.sh", 7),
    ("clippy", "clippy::len_zero", "src/lib.rs", 5),
    ("clippy", "invalid_nan_comparisons", "src/lib.rs", 10),
];

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/python")
}

/// The program of a linter, if installed.
fn program(name: &str) -> Option<PathBuf> {
    place().join("bin").join(name).canonicalize().ok()
}

/// The folder of the toolchain's programs: `cargo`, `cargo-clippy`, `rustc`.
///
/// # Panics
/// When cargo did not start the tests.
#[expect(clippy::disallowed_methods, reason = "cargo says so to what it starts")]
pub fn toolchain() -> PathBuf {
    let cargo = PathBuf::from(std::env::var_os("CARGO").expect("cargo starts the tests"));
    cargo.parent().expect("it is in a folder").to_owned()
}

/// Whether a test can use them. Without them it returns at once, unless they are insisted on.
///
/// # Panics
/// When they are insisted on and not there.
#[expect(clippy::disallowed_methods, reason = "a switch of the one who runs the tests")]
pub fn ready() -> bool {
    let there = program("ruff").is_some() && program("shellcheck").is_some();
    let insist = std::env::var_os(INSIST).is_some_and(|value| value == "1") || place().is_dir();
    assert!(there || !insist, "the linters are not installed: run `cargo xtask linters`");
    there
}

/// Makes `ruff`, `shellcheck`, `cargo` and what that needs in a folder, for a `PATH`.
///
/// # Panics
/// When one is not installed or the link cannot be made.
pub fn link_into(folder: &Path) {
    for name in ["ruff", "shellcheck"] {
        let program = program(name).expect("the linters are installed: ready() was asked");
        symlink(program, folder.join(name)).expect("a link in the test's folder");
    }
    for name in ["cargo", "cargo-clippy", "clippy-driver", "rustc"] {
        symlink(toolchain().join(name), folder.join(name)).expect("a link in the test's folder");
    }
}

/// Writes the files with the faults.
///
/// # Panics
/// When they cannot be written.
pub fn plant(repository: &Path) {
    for (name, text) in PLANTED {
        let file = repository.join(name);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder in the repository");
        fs::write(file, text).expect("a file in the repository");
    }
}
