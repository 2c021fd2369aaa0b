//! Finding files: the embedded ones, the user's folder, the workspace's folder; a later one wins.
//!
//! A folder says which programs are run, and a repository may bring it: a file that leads out of its folder is refused,
//! so that what is looked at there is what is run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::built_in::{AGENT_FILES, Embedded, TEMPLATES};
use super::file::Format;
use super::problem::{At, Layer, Problem, Source};
use crate::config::user_dir;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// The largest file that is read, in bytes: a prompt may be long.
const FILE_BYTES_MAX: u64 = 512 * 1024;
/// The most files of one folder that are looked at.
const FILES_MAX: usize = 1000;

/// What kind of file is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Template,
    Agent,
}

/// A file that there is; perhaps it cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) source: Arc<Source>,
    pub(super) format: Format,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Embedded(&'static str),
    /// In this folder, whose real path it is.
    File(PathBuf),
    Wrong(String, String),
}

/// All files of both kinds, each name with those that have it, the one that wins last.
#[derive(Clone, Debug, Default)]
pub(super) struct Folders {
    pub(super) templates: BTreeMap<String, Vec<Found>>,
    pub(super) agents: BTreeMap<String, Vec<Found>>,
    /// Folders that could not be looked through.
    pub(super) problems: Vec<Problem>,
}

impl Folders {
    /// The embedded ones.
    pub(super) fn built_in() -> Self {
        let mut all = Self::default();
        for (kind, embedded) in
            [(Kind::Template, TEMPLATES.as_slice()), (Kind::Agent, AGENT_FILES.as_slice())]
        {
            for (name, text) in embedded.iter().copied() {
                all.insert(kind, embedded_file(&(name, text)));
            }
        }
        all
    }

    /// The embedded ones, the user's and the workspace's.
    pub(super) fn of(workspace: Option<&Workspace>, env: &Environment) -> Self {
        let mut all = Self::built_in();
        if let Some(dir) = user_dir(env) {
            all.take(Layer::User, Kind::Template, &dir.join("templates"));
            all.take(Layer::User, Kind::Agent, &dir.join("agents"));
        }
        if let Some(workspace) = workspace {
            all.take(Layer::Workspace, Kind::Template, &workspace.templates_dir());
            all.take(Layer::Workspace, Kind::Agent, &workspace.agents_dir());
        }
        all
    }

    fn insert(&mut self, kind: Kind, found: Found) {
        let map = match kind {
            Kind::Template => &mut self.templates,
            Kind::Agent => &mut self.agents,
        };
        map.entry(found.source.name.clone()).or_default().push(found);
    }

    fn take(&mut self, layer: Layer, kind: Kind, dir: &Path) {
        let whole = Arc::new(Source { layer, path: Some(dir.to_owned()), name: String::new() });
        let mut wrong = |what: String, fix: &str| self.problems.push(At::file(&whole).problem(what).fix(fix));
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return wrong(format!("it cannot be looked through: {error}"), "mend its rights"),
        };
        if layer == Layer::Workspace && dir.symlink_metadata().is_ok_and(|facts| facts.is_symlink()) {
            return wrong(
                "the folder is a symbolic link".to_owned(),
                "make it a folder of the workspace's own",
            );
        }
        let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        names.sort();
        if names.len() > FILES_MAX {
            wrong(format!("it has more than {FILES_MAX} files; the others are not looked at"), "remove some");
        }
        let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in names.into_iter().take(FILES_MAX) {
            let Some(format) = format(kind, &path) else { continue };
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else {
                continue;
            };
            // What editors keep beside a file.
            if name.starts_with('.') || !path.is_file() && !path.is_symlink() {
                continue;
            }
            let twin = seen.insert(name.clone(), path.clone());
            let mut found = Found {
                source: Arc::new(Source { layer, path: Some(path), name }),
                format,
                content: Content::File(dir.to_owned()),
            };
            if let Some(twin) = twin {
                let what = format!("{} has the same name", twin.display());
                found.content = Content::Wrong(what, "remove one of the two".to_owned());
                let map = if kind == Kind::Template { &mut self.templates } else { &mut self.agents };
                map.get_mut(&found.source.name).map(Vec::pop);
            }
            self.insert(kind, found);
        }
    }
}

fn embedded_file((name, text): &Embedded) -> Found {
    let source = Source { layer: Layer::BuiltIn, path: None, name: (*name).to_owned() };
    Found { source: Arc::new(source), format: Format::Toml, content: Content::Embedded(text) }
}

fn format(kind: Kind, path: &Path) -> Option<Format> {
    match (kind, path.extension()?.to_str()?) {
        (Kind::Template, "toml") | (Kind::Agent, "md") => Some(Format::Toml),
        (Kind::Template, "json") => Some(Format::Json),
        (Kind::Template | Kind::Agent, _) => None,
    }
}

/// A file that was named, wherever it is.
pub(super) fn named(path: &Path) -> Option<(Kind, Found)> {
    let kind = if path.extension()?.to_str()? == "md" { Kind::Agent } else { Kind::Template };
    let format = format(kind, path)?;
    let name = path.file_stem()?.to_str()?.to_owned();
    let source = Arc::new(Source { layer: Layer::File, path: Some(path.to_owned()), name });
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    Some((kind, Found { source, format, content: Content::File(dir) }))
}

impl Found {
    /// Its text.
    pub(super) fn text(&self) -> Result<String, Problem> {
        let at = At::file(&self.source);
        let dir = match &self.content {
            Content::Embedded(text) => return Ok((*text).to_owned()),
            Content::Wrong(what, fix) => return Err(at.problem(what.clone()).fix(fix.clone())),
            Content::File(dir) => dir,
        };
        let path = self.source.path.as_deref().unwrap_or(dir);
        let unreadable = |error: std::io::Error| at.problem(format!("it cannot be read: {error}"));
        let real = path.canonicalize().map_err(unreadable)?;
        if self.source.layer != Layer::File && !dir.canonicalize().is_ok_and(|dir| real.starts_with(dir)) {
            let what = format!("it is a symbolic link out of its folder, to {}", real.display());
            return Err(at.problem(what).fix("copy the file itself into the folder"));
        }
        let mut file = fs::File::open(&real).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(at.problem("it is no regular file"));
        }
        let mut bytes = Vec::new();
        file.by_ref().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(at
                .problem(format!("it is larger than {FILE_BYTES_MAX} bytes"))
                .fix("make it shorter"));
        }
        String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count()
                    + 1;
            let at = At { line: u32::try_from(line).ok(), ..at };
            at.problem("it is not UTF-8 text").fix("save it as UTF-8")
        })
    }
}
