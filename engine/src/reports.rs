//! What the roles of a template convoy wrote, and what was made of it: read from its output folder.
//!
//! A *report* is a file that the engine published there; names of such files come from the log. What attempts left
//! without that stays in a folder of each attempt, and is only ever named here: nobody has looked at it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use convoy_core::id::SessionId;
use convoy_core::view::ConvoyView;
use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use crate::workspace::Workspace;

/// The largest report that is read: what is published is smaller, but for reports made of many others.
const REPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most files of one attempt that are named.
const LEFT_MAX: usize = 100;
/// Where attempts write, in the output folder.
const ATTEMPTS: &str = ".attempts";
/// What a file of findings is called after its role.
const FINDINGS: &str = ".findings.json";

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log names a file that is not a name.
    #[error("{0:?} is not the name of a report")]
    Name(String),
    /// There is nothing there that is a plain file.
    #[error("{path} is not a plain file")]
    NotPlain {
        /// Where.
        path: PathBuf,
    },
    /// It is larger than any report.
    #[error("{path} is larger than {REPORT_BYTES_MAX} bytes")]
    TooLong {
        /// Where.
        path: PathBuf,
    },
    /// The system says no.
    #[error("{path} cannot be read")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON, though it should be.
    #[error("{path} is no JSON")]
    Json {
        /// Where.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// The output folder of a template convoy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reports {
    folder: PathBuf,
}

impl Reports {
    /// That of this convoy; none if it is not of a template.
    pub fn of(workspace: &Workspace, convoy: &ConvoyView) -> Option<Self> {
        Some(Self { folder: workspace.root().join(convoy.output_dir.as_deref()?) })
    }

    /// It.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a report is.
    ///
    /// # Errors
    /// When that is not a name of a file.
    pub fn path(&self, name: &str) -> Result<PathBuf, Error> {
        let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
        if is_name { Ok(self.folder.join(name)) } else { Err(Error::Name(name.to_owned())) }
    }

    /// A report, as text.
    ///
    /// # Errors
    /// When there is no such plain file, or it cannot be read.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        let path = self.path(name)?;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::RDONLY;
        let failed = |source: std::io::Error| Error::Read { path: path.clone(), source };
        let file = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::LOOP) => return Err(Error::NotPlain { path }),
            Err(error) => return Err(failed(error.into())),
        };
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Error::NotPlain { path });
        }
        let mut bytes = Vec::new();
        file.take(REPORT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > REPORT_BYTES_MAX {
            return Err(Error::TooLong { path });
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The findings among the files of a role; nothing if it has none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn findings(&self, files: &[String]) -> Result<Option<Value>, Error> {
        let Some(name) = files.iter().find(|name| name.ends_with(FINDINGS)) else { return Ok(None) };
        let value: Value = serde_json::from_str(&self.text(name)?)
            .map_err(|source| Error::Json { path: self.folder.join(name), source })?;
        Ok(Some(value.get("findings").cloned().unwrap_or(value)))
    }

    /// What an attempt left that was not published: its folder, and names of files in it.
    pub fn left_by(&self, session: &SessionId) -> (PathBuf, Vec<String>) {
        let folder = self.folder.join(ATTEMPTS).join(session.as_str());
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let files = entries.filter(|entry| {
            let full = entry.metadata().is_ok_and(|facts| facts.is_file() && facts.len() > 0);
            full && entry.file_type().is_ok_and(|kind| kind.is_file())
        });
        let mut names: Vec<String> =
            files.take(LEFT_MAX).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        (folder, names)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_plain_files_of_the_folder_are_read() {
        let root = tempfile::tempdir().unwrap();
        let reports = Reports { folder: root.path().join("out") };
        fs::create_dir(reports.folder()).unwrap();
        fs::write(root.path().join("secret"), "secret").unwrap();
        symlink(root.path().join("secret"), reports.folder().join("link.md")).unwrap();
        fs::create_dir(reports.folder().join("folder.md")).unwrap();
        fs::write(reports.folder().join("a.md"), "# A\n").unwrap();
        fs::write(reports.folder().join("a.findings.json"), r#"{"findings":[1]}"#).unwrap();
        fs::write(reports.folder().join("b.findings.json"), "[").unwrap();
        assert_eq!(reports.text("a.md").unwrap(), "# A\n");
        for name in ["../secret", "", "..", "a/b", "link.md", "folder.md", "none.md"] {
            assert!(reports.text(name).is_err(), "{name}");
        }
        let files = |name: &str| vec!["x.md".to_owned(), name.to_owned()];
        assert_eq!(reports.findings(&files("a.findings.json")).unwrap(), Some(serde_json::json!([1])));
        assert!(reports.findings(&files("b.findings.json")).is_err());
        assert_eq!(reports.findings(&files("a.md")).unwrap(), None);
    }

    #[test]
    fn what_an_attempt_left_is_named() {
        let root = tempfile::tempdir().unwrap();
        let reports = Reports { folder: root.path().to_owned() };
        let session = SessionId::new("s-1").unwrap();
        assert_eq!(reports.left_by(&session).1, Vec::<String>::new());
        let folder = root.path().join(".attempts/s-1");
        fs::create_dir_all(folder.join("sub")).unwrap();
        for (name, text) in [("b.md", "b"), ("a.md", "a"), ("empty.md", "")] {
            fs::write(folder.join(name), text).unwrap();
        }
        symlink("/etc/passwd", folder.join("link.md")).unwrap();
        assert_eq!(reports.left_by(&session), (folder, vec!["a.md".to_owned(), "b.md".to_owned()]));
    }
}
