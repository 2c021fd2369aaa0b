//! Whether an agent's program is installed, and which version it is.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::native;
use super::preset::Preset;
use super::translate::Output;
use crate::os::spawn::Environment;
use crate::os::{process, program, spawn};

/// How long a program may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);
/// How much of what it says is read.
const VERSION_BYTES_MAX: u64 = 4096;

/// Whether an agent's program is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Check {
    /// The preset has no command.
    NoCommand,
    /// The program is nowhere in `PATH`.
    NotInstalled {
        /// Its name.
        program: String,
    },
    /// It is there.
    Installed {
        /// Where.
        path: PathBuf,
        /// The first line that it says about its version; `None` if it was not asked, or says nothing in time.
        version: Option<String>,
    },
}

impl Preset {
    /// Looks for its program. One whose output Convoy understands is asked for its version; any other program is
    /// not run, because what it would do with an argument that it does not know is its own affair.
    pub fn check(&self, ours: &Environment) -> Check {
        let Some(name) = self.command.first() else { return Check::NoCommand };
        let Some(path) = program::find(name, ours.get("PATH")) else {
            return Check::NotInstalled { program: name.clone() };
        };
        // What would run, not what would start it.
        let path = native::behind(name, ours.get("PATH")).unwrap_or(path);
        let known = self.output != Output::Plain;
        let version = if known { version(&path, &self.environment(ours)) } else { None };
        Check::Installed { path, version }
    }
}

fn version(path: &Path, env: &BTreeMap<String, String>) -> Option<String> {
    let mut command = spawn::command(path);
    command.arg("--version").envs(env).current_dir("/").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let ended =
        process::Process::of(child.id()).is_some_and(|it| it.wait_end(VERSION_LIMIT).unwrap_or(false));
    if !ended {
        child.kill().ok()?;
    }
    let status = child.wait().ok()?;
    let mut said = Vec::new();
    if ended && status.success() {
        child.stdout.take()?.take(VERSION_BYTES_MAX).read_to_end(&mut said).ok()?;
    }
    let line = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Presets;

    #[test]
    fn a_program_is_found_and_only_a_known_one_is_run() {
        let mut ours = Environment::default();
        ours.set("PATH", "/usr/bin:/bin");
        let configured = "[a]\ncommand = [\"env\"]\noutput = \"claude\"\n[b]\ncommand = [\"no-such-program\"]\n[c]\ncommand = [\"env\"]";
        let all = Presets::built_in().unwrap().with(&configured.parse().unwrap()).unwrap();
        assert!(
            matches!(all.get("a").unwrap().check(&ours), Check::Installed { version: Some(v), .. } if v.starts_with("env"))
        );
        assert_eq!(
            all.get("b").unwrap().check(&ours),
            Check::NotInstalled { program: "no-such-program".to_owned() }
        );
        assert!(matches!(all.get("c").unwrap().check(&ours), Check::Installed { version: None, .. }));
        assert_eq!(all.get("plain").unwrap().check(&ours), Check::NoCommand);
    }
}
