//! What a session of a role came to, kept once, and its files brought into the output folder.
//!
//! What is published was read and checked before, and is written anew: nobody but the engine ever had it open. It is
//! gathered in a folder of its own (**tray**); then the **verdict** is written durably into the session's folder, where
//! its agent could not write; then the files are renamed into their places. Whoever does this again after a crash finds
//! the verdict, and goes on with what is still in the tray.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use convoy_core::id::SessionId;
use convoy_core::template::Product;
use serde::{Deserialize, Serialize};

use super::files;
use crate::crash;

/// Where files wait to be renamed, in the output folder.
const TRAYS: &str = ".trays";
/// Where attempts write, in the output folder.
const ATTEMPTS: &str = ".attempts";
/// Where attempts keep what they need meanwhile, in the output folder.
const TEMPORARY: &str = ".tmp";
/// The verdict's file in the session's folder.
const VERDICT: &str = "verdict.json";
/// The largest verdict that is read.
const VERDICT_BYTES_MAX: u64 = 1024 * 1024;

/// What a session of a role came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It gave something.
    Output(Product),
    /// It gave nothing that can be used.
    NoOutput {
        /// Why.
        why: String,
        /// Its agent is asked once more at once.
        repairable: bool,
    },
}

/// A file that is to be published.
pub(super) struct Published {
    /// Its name in the output folder.
    pub(super) name: String,
    /// All of it.
    pub(super) text: String,
}

/// The folder that a session of a role writes in.
pub(super) fn staging(folder: &Path, session: &SessionId) -> PathBuf {
    folder.join(ATTEMPTS).join(session.as_str())
}

/// The folder that it has for what it needs meanwhile.
pub(super) fn temporary(folder: &Path, session: &SessionId) -> PathBuf {
    folder.join(TEMPORARY).join(session.as_str())
}

fn tray(folder: &Path, session: &SessionId) -> PathBuf {
    folder.join(TRAYS).join(session.as_str())
}

/// What was found before, if a crash came after it.
pub(super) fn verdict(session_folder: &Path) -> io::Result<Option<Verdict>> {
    use std::io::Read;
    let file = match File::open(session_folder.join(VERDICT)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(VERDICT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// Keeps what a session came to, with the files of it.
pub(super) fn keep(
    session_folder: &Path,
    folder: &Path,
    session: &SessionId,
    verdict: &Verdict,
    all: &[Published],
) -> io::Result<()> {
    if let Verdict::Output(_) = verdict {
        let tray = tray(folder, session);
        files::fresh(&tray)?;
        for file in all {
            write(&tray.join(&file.name), file.text.as_bytes())?;
        }
        File::open(&tray)?.sync_all()?;
    }
    fs::create_dir_all(session_folder)?;
    let made = session_folder.join(format!("{VERDICT}.new"));
    let _ = fs::remove_file(&made);
    write(&made, &serde_json::to_vec(verdict)?)?;
    fs::rename(&made, session_folder.join(VERDICT))?;
    File::open(session_folder)?.sync_all()
}

/// Brings the files of a verdict to where they belong, as far as they are not there yet.
pub(super) fn publish(folder: &Path, session: &SessionId, verdict: &Verdict) -> io::Result<()> {
    let Verdict::Output(product) = verdict else { return Ok(()) };
    crash::point("publish:before");
    let tray = tray(folder, session);
    for (n, name) in product.files.iter().enumerate() {
        match fs::rename(tray.join(name), folder.join(name)) {
            // Done before a crash.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
        if n == 0 {
            crash::point("publish:half");
        }
    }
    File::open(folder)?.sync_all()?;
    let _ = fs::remove_dir_all(&tray);
    crash::point("publish:after");
    Ok(())
}

/// Removes what a session needed meanwhile, and what was published of its own folder. The rest of that stays for people.
pub(super) fn tidy(folder: &Path, session: &SessionId, published: Option<&Product>) {
    let _ = fs::remove_dir_all(temporary(folder, session));
    let staging = staging(folder, session);
    for name in published.into_iter().flat_map(|product| &product.files) {
        let _ = fs::remove_file(staging.join(name));
    }
    // Only what is empty goes.
    for folder in [&staging, &folder.join(TEMPORARY), &folder.join(ATTEMPTS), &folder.join(TRAYS)] {
        let _ = fs::remove_dir(folder);
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(names: &[&str]) -> (Verdict, Vec<Published>) {
        let files = names.iter().map(|name| (*name).to_owned()).collect();
        let all = names.iter().map(|name| Published { name: (*name).to_owned(), text: format!("of {name}") });
        (Verdict::Output(Product { files, findings: Some(2) }), all.collect())
    }

    #[test]
    fn whatever_was_done_before_is_gone_on_with() {
        let root = tempfile::tempdir().unwrap();
        let (session_folder, folder) = (root.path().join("session"), root.path().join("out"));
        let session = SessionId::new("s-1").unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.md"), "of an earlier attempt").unwrap();
        let (verdict_kept, all) = output(&["a.md", "a.findings.json"]);
        assert_eq!(verdict(&session_folder).unwrap(), None);
        keep(&session_folder, &folder, &session, &verdict_kept, &all).unwrap();
        // A crash before the verdict was whole: it is simply done again.
        keep(&session_folder, &folder, &session, &verdict_kept, &all).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a.md")).unwrap(), "of an earlier attempt");
        // A crash after the first of two.
        fs::rename(tray(&folder, &session).join("a.md"), folder.join("a.md")).unwrap();
        for _ in 0..2 {
            let again = verdict(&session_folder).unwrap().unwrap();
            assert_eq!(again, verdict_kept);
            publish(&folder, &session, &again).unwrap();
            for name in ["a.md", "a.findings.json"] {
                assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), format!("of {name}"));
            }
            assert!(!tray(&folder, &session).exists());
        }
    }
}
