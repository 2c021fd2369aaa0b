//! A workspace: a folder with `.convoy/` in it, and where everything of it lies.

use std::io::Write;
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};

use crate::config::{Config, Sources};
use crate::os::spawn::{self, Environment};
use crate::rig;

/// The folder that makes a folder a workspace.
pub const DIR: &str = ".convoy";

/// What `.convoy/.gitignore` holds: the configuration is for committing, the state and clones of rigs are not.
const GITIGNORE: &str = "/state/\n/rigs/\n";
/// The largest configuration that is looked through for rigs while a workspace is searched for.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// A workspace on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

/// What `init` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initialized {
    /// The workspace.
    pub workspace: Workspace,
    /// Whether it was made just now.
    pub created: bool,
    /// The name of its rig.
    pub name: String,
    /// The prefix of its issues.
    pub prefix: String,
    /// The names of its other rigs.
    pub others: Vec<String>,
}

fn io(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let code =
        if error.kind() == std::io::ErrorKind::StorageFull { Code::DiskFull } else { Code::Unavailable };
    Failure::new(code, format!("{what} {}: {error}", path.display()))
}

impl Workspace {
    /// The workspace that `start` is in, or of which the repository that it is in is a rig.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(start: &Path) -> Result<Self, Failure> {
        let start = start.canonicalize().map_err(|error| io("cannot enter", start, &error))?;
        let near = start.ancestors().find(|dir| dir.join(DIR).is_dir());
        let root = match near {
            Some(root) if root.join(DIR).join("state").is_dir() => Some(root.to_owned()),
            // A repository that brings a configuration and is not used as a workspace here belongs to the one that
            // has it as a rig.
            Some(root) => above(root).or_else(|| rig::workspace_of(root)).or_else(|| Some(root.to_owned())),
            None => rig::workspace_of(&start),
        };
        let root = root.ok_or_else(|| {
            Failure::new(Code::NotFound, format!("no workspace in {} or above it", start.display()))
                .hint("make one: convoy init")
        })?;
        let workspace = Self { root };
        workspace.check_owner()?;
        Ok(workspace)
    }

    /// Where the rigs of the workspace at `root` are, as far as its file says. Nothing else of it is believed.
    pub(crate) fn rig_paths(root: &Path) -> Vec<PathBuf> {
        let file = root.join(DIR).join("config.toml");
        let fits = |facts: std::fs::Metadata| facts.is_file() && facts.len() <= CONFIG_BYTES_MAX;
        if !file.symlink_metadata().is_ok_and(fits) {
            return Vec::new();
        }
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let rigs = table.get("rigs").and_then(toml::Value::as_table);
        let paths =
            rigs.into_iter().flat_map(toml::Table::values).filter_map(|rig| rig.get("path")?.as_str());
        paths.map(|path| root.join(path)).collect()
    }

    /// A workspace says which programs are run: one that somebody else could have written is not trusted.
    fn check_owner(&self) -> Result<(), Failure> {
        use std::os::unix::fs::MetadataExt;
        let dir = self.root.join(DIR);
        for path in [dir, self.config_file(), self.state_dir()] {
            let Ok(facts) = path.symlink_metadata() else { continue };
            let ours = facts.uid() == rustix::process::geteuid().as_raw();
            if !ours || facts.is_symlink() || facts.mode() & 0o002 != 0 {
                let why = if !ours {
                    "belongs to somebody else"
                } else if facts.is_symlink() {
                    "is a symbolic link"
                } else {
                    "can be written by everybody"
                };
                let text = format!("{} {why}, and says which programs are run", path.display());
                return Err(Failure::new(Code::Refused, text)
                    .hint("if you trust what is in it, make it yours: chown, chmod o-w"));
            }
        }
        Ok(())
    }

    /// Makes `dir` a workspace, or says that it is one already.
    ///
    /// # Errors
    /// When it is inside another, is not a folder, or cannot be written; nothing is changed then.
    pub fn init(
        dir: &Path,
        name: Option<&str>,
        prefix: Option<&str>,
        env: &Environment,
    ) -> Result<Initialized, Failure> {
        let root = dir.canonicalize().map_err(|error| io("cannot enter", dir, &error))?;
        let workspace = Self { root: root.clone() };
        if root.join(DIR).join("config.toml").exists() {
            let config = Config::load(&workspace, env, &Sources::default())?;
            let (name, rig) = config.home_rig();
            let prefix = rig.prefix.clone();
            let others =
                config.rigs().keys().filter(|other| *other != name).map(ToString::to_string).collect();
            return Ok(Initialized { workspace, created: false, name: name.to_string(), prefix, others });
        }
        let is_repository =
            root.join(".git").exists() || root.join("HEAD").is_file() && root.join("objects").is_dir();
        let is_empty = root.read_dir().is_ok_and(|mut entries| entries.next().is_none());
        if !is_repository && !is_empty {
            return Err(Failure::new(
                Code::Refused,
                format!("{} is neither a git repository nor empty", root.display()),
            )
            .hint("run 'git init' first, or go to the top of the repository"));
        }
        let name = match name {
            Some(name) => name.to_owned(),
            None => default_name(&root),
        };
        let rig = rig::check_name(&name)?;
        let prefix = prefix.map_or_else(|| default_prefix(&name), str::to_owned);
        check_prefix(&prefix)?;
        if !is_repository {
            init_repository(&root, env)?;
        }
        let convoy = root.join(DIR);
        let mkdir =
            |path: PathBuf| std::fs::create_dir_all(&path).map_err(|error| io("cannot make", &path, &error));
        mkdir(convoy.join("templates"))?;
        mkdir(convoy.join("agents"))?;
        write_new(&convoy.join(".gitignore"), GITIGNORE)?;
        let rig = toml_edit::Key::new(rig.as_str()).to_string();
        let config = format!(
            "# Convoy's configuration. See every key and where it comes from: convoy config explain\n\n\
             [rigs.{rig}]\npath = \".\"\nprefix = \"{prefix}\"\n"
        );
        write_new(&convoy.join("config.toml"), &config)?;
        workspace.prepare_state()?;
        Ok(Initialized { workspace, created: true, name, prefix, others: Vec::new() })
    }

    /// Makes the state folder if it is not there. It is private: prompts and logs are nobody else's business.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prepare_state(&self) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let state = self.state_dir();
        let sessions = self.sessions_dir();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&sessions)
            .map_err(|error| io("cannot make", &state, &error))
    }

    /// Makes the folder for clones of rigs, and has git ignore it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn prepare_rigs(&self) -> Result<(), Failure> {
        let dir = self.rigs_dir();
        std::fs::create_dir_all(&dir).map_err(|error| io("cannot make", &dir, &error))?;
        let ignore = self.root.join(DIR).join(".gitignore");
        let text = std::fs::read_to_string(&ignore).unwrap_or_default();
        if text.lines().any(|line| line == "/rigs/") {
            return Ok(());
        }
        let text =
            if text.is_empty() { GITIGNORE.to_owned() } else { format!("{}\n/rigs/\n", text.trim_end()) };
        write_new(&ignore, &text)
    }

    /// The folder that holds `.convoy/`.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// `.convoy/config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.root.join(DIR).join("config.toml")
    }
    /// `.convoy/templates/`.
    pub fn templates_dir(&self) -> PathBuf {
        self.root.join(DIR).join("templates")
    }
    /// `.convoy/agents/`.
    pub fn agents_dir(&self) -> PathBuf {
        self.root.join(DIR).join("agents")
    }
    /// `.convoy/state/`.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join(DIR).join("state")
    }
    /// Where repositories are cloned to that are added by their address.
    pub fn rigs_dir(&self) -> PathBuf {
        self.root.join(DIR).join("rigs")
    }
    /// Where each session has a folder.
    pub fn sessions_dir(&self) -> PathBuf {
        self.state_dir().join("sessions")
    }
    /// Where each template convoy has a folder with its reports, if its template does not say another place.
    pub fn outputs_dir(&self) -> PathBuf {
        self.state_dir().join("outputs")
    }
    /// Where each run of a gate has a folder of the same form.
    pub fn gates_dir(&self) -> PathBuf {
        self.state_dir().join("gates")
    }
    /// The engine's socket.
    pub fn socket(&self) -> PathBuf {
        self.state_dir().join("socket")
    }
    /// Up to which event the mirror of issues is current.
    pub fn mirror_stamp(&self) -> PathBuf {
        self.state_dir().join("mirror")
    }
    /// Up to which event the snapshots of convoys in git are current.
    pub fn snapshots_stamp(&self) -> PathBuf {
        self.state_dir().join("snapshots")
    }
    /// What the background engine prints.
    pub fn engine_log(&self) -> PathBuf {
        self.state_dir().join("engine.log")
    }

    /// What tells this workspace from every other one on the machine; made when it is first asked for.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn key(&self) -> Result<String, Failure> {
        let path = self.state_dir().join("id");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.prepare_state()?;
                let key = convoy_core::id::base36(crate::entropy::seed(), 10);
                write_new(&path, &format!("{key}\n"))?;
                Ok(key)
            }
            Err(error) => Err(io("cannot read", &path, &error)),
        }
    }
}

/// A workspace is for a repository: an empty folder becomes one.
fn init_repository(root: &Path, env: &Environment) -> Result<(), Failure> {
    let git = |error: String| {
        Failure::new(Code::Unavailable, format!("git init failed: {error}")).hint("install git 2.38 or later")
    };
    let env = env.filtered(|name| ["PATH", "HOME", "XDG_CONFIG_HOME"].contains(&name));
    let output = spawn::command("git")
        .args(["init", "-q"])
        .current_dir(root)
        .envs(env.iter())
        .output()
        .map_err(|error| git(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(git(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = std::fs::File::create(path).map_err(|error| io("cannot write", path, &error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| io("cannot write", path, &error))
}

/// The workspace around a folder that lists it as a rig.
fn above(root: &Path) -> Option<PathBuf> {
    let is_rig = |path: &PathBuf| path.canonicalize().is_ok_and(|path| path == root);
    let mut outer = root.ancestors().skip(1).filter(|dir| dir.join(DIR).is_dir());
    outer.find(|dir| Workspace::rig_paths(dir).iter().any(is_rig)).map(Path::to_owned)
}

fn default_name(root: &Path) -> String {
    let name: String = root
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default()
        .trim_end_matches(".git")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "repo".to_owned() } else { name.to_owned() }
}

/// Two or three letters out of the name: initials of its words, or its first letters.
pub(crate) fn default_prefix(name: &str) -> String {
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let letters: String = if words.len() > 1 {
        words.iter().filter_map(|word| word.chars().next()).take(3).collect()
    } else {
        name.chars().filter(char::is_ascii_alphabetic).take(2).collect()
    };
    let prefix = letters.to_lowercase();
    if check_prefix(&prefix).is_ok() { prefix } else { "is".to_owned() }
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), Failure> {
    let good = (1..=12).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && prefix.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    match prefix {
        "hq" => Err(Failure::new(Code::Invalid, "prefix: 'hq' is the workspace's own")),
        _ if good => Ok(()),
        _ => Err(Failure::new(
            Code::Invalid,
            format!(
                "prefix: {prefix:?} is not valid: expected 1 to 12 lower-case letters and digits, a letter first"
            ),
        )),
    }
}
