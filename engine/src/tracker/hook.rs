//! Hooks in `bd`'s own folder that tell us of changes at once, also where files cannot be watched.
//!
//! They are scripts because `bd` runs programs from there by name. One that a person wrote is never touched.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};

/// What tells our hooks from others'.
const MARK: &str =
    "# Written by 'convoy tracker hook install'; it may be removed with 'convoy tracker hook remove'.";
/// When `bd` calls.
const NAMES: [&str; 3] = ["on_create", "on_update", "on_close"];

/// What became of each hook.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hooks {
    /// Those that were written, or removed.
    pub changed: Vec<PathBuf>,
    /// Those that are as they should be already.
    pub same: Vec<PathBuf>,
    /// Those of somebody else, which were left alone.
    pub foreign: Vec<PathBuf>,
}

fn wrong(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Unavailable, format!("{}: {error}", path.display()))
}

/// Writes the hooks of the repository at `dir`, which call `program` for the workspace at `root`.
///
/// # Errors
/// When there is no data of beads, or a file cannot be written.
pub fn install(dir: &Path, program: &Path, root: &Path) -> Result<Hooks, Failure> {
    let data = dir.join(".beads");
    if !data.is_dir() {
        return Err(Failure::from(&super::Error::NoData { dir: data }));
    }
    let hooks = data.join("hooks");
    std::fs::create_dir_all(&hooks).map_err(|error| wrong(&hooks, &error))?;
    let script = script(program, root)?;
    let mut done = Hooks::default();
    for name in NAMES {
        let path = hooks.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) if text == script => done.same.push(path),
            Ok(text) if text.contains(MARK) => {
                write(&path, &script).map_err(|error| wrong(&path, &error))?;
                done.changed.push(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
                write(&path, &script).map_err(|error| wrong(&path, &error))?;
                done.changed.push(path);
            }
            Ok(_) | Err(_) => done.foreign.push(path),
        }
    }
    Ok(done)
}

/// Removes the hooks that `install` wrote.
///
/// # Errors
/// When one cannot be removed.
pub fn remove(dir: &Path) -> Result<Hooks, Failure> {
    let mut done = Hooks::default();
    for name in NAMES {
        let path = dir.join(".beads/hooks").join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) if text.contains(MARK) => {
                std::fs::remove_file(&path).map_err(|error| wrong(&path, &error))?;
                done.changed.push(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Ok(_) | Err(_) => done.foreign.push(path),
        }
    }
    Ok(done)
}

fn script(program: &Path, root: &Path) -> Result<String, Failure> {
    let quoted = |path: &Path| {
        let text = path.to_str().filter(|text| !text.contains('\n'));
        let text = text.ok_or_else(|| {
            Failure::new(Code::Invalid, format!("{} cannot be named in a script", path.display()))
        })?;
        Ok::<_, Failure>(format!("'{}'", text.replace('\'', r"'\''")))
    };
    let (program, root) = (quoted(program)?, quoted(root)?);
    Ok(format!(
        "#!/bin/sh\n{MARK}\nexec {program} -C {root} --quiet tracker notify >/dev/null 2>&1 </dev/null\n"
    ))
}

/// Whole or not at all: it may be called at any moment.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let temporary = dir.join(format!(".convoy-{}", std::process::id()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(std::fs::Permissions::from_mode(0o755))?;
    drop(file);
    std::fs::rename(&temporary, path)
}
