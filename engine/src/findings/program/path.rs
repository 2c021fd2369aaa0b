//! Paths as programs write them, as paths from the top of the repository.
//!
//! Programs give paths from where they ran, absolute ones, or URIs, with or without the symbolic links on the way
//! resolved. What leads out of the repository is no path of it.

use std::path::{Component, Path, PathBuf};

use super::super::ground::is_path;

/// Where a program ran: the top of a workdir.
#[derive(Clone, Debug)]
pub struct Root {
    /// As it was told, and as the system has it.
    tops: Vec<PathBuf>,
}

impl Root {
    /// The top of a workdir, which need not exist any more.
    pub fn new(top: &Path) -> Self {
        let mut tops = vec![top.to_owned()];
        tops.extend(top.canonicalize().ok().filter(|real| real != top));
        Self { tops }
    }

    /// The path from the top; nothing if it leads outside, or is none.
    pub(super) fn inside(&self, named: &str) -> Option<String> {
        let named = named.trim();
        let plain = match named.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => {
                // `file:///a` and `file://host/a`; another host has other files.
                let (host, path) = rest.split_at(rest.find('/')?);
                (host.is_empty() || host.eq_ignore_ascii_case("localhost")).then(|| decoded(path))??
            }
            Some(_) => return None,
            None => match named.strip_prefix("file:") {
                Some(path) => decoded(path)?,
                None => named.to_owned(),
            },
        };
        self.relative(&plain)
    }

    /// The same of a relative reference of a URI, where a blank is `%20`.
    pub(super) fn inside_uri(&self, named: &str) -> Option<String> {
        if named.contains(':') { self.inside(named) } else { self.relative(&decoded(named.trim())?) }
    }

    fn relative(&self, path: &str) -> Option<String> {
        let path = Path::new(path);
        let path = if path.is_absolute() {
            self.tops.iter().find_map(|top| path.strip_prefix(top).ok())?
        } else {
            path
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => parts.push(part.to_str()?),
                Component::CurDir => {}
                Component::ParentDir => {
                    parts.pop()?;
                }
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(parts.join("/")).filter(|path| is_path(path))
    }
}

/// A path with `%20` and the like as what they stand for.
fn decoded(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = path.get(at + 1..at + 3)?;
            plain.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(plain).ok()
}
