//! `convoy issue export`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use convoy_api::{Answer, Code, Failure, Query, Service};

use crate::cli::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// Write all issues as JSONL, with beads' own field names
///
/// One object a line, in order of id. What came from beads comes out as it was, as far as it is still so; what only
/// Convoy knows, the evidence of a close for one, stands below the key 'convoy'.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy issue export                       print them\n  convoy issue export issues.jsonl          write them to a file"
)]
pub(in crate::cli) struct Export {
    /// The file, which is replaced; '-' or none is stdout
    file: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let lines = ctx.with(all)?;
        match self.file.filter(|file| file != Path::new("-")) {
            None => {
                for line in &lines {
                    if ctx.out.is_closed() {
                        break;
                    }
                    ctx.out.json_raw(line)?;
                }
            }
            Some(file) => {
                write(&file, &lines)
                    .map_err(|error| Error::refused(format!("cannot write {}: {error}", file.display())))?;
                let count = text::count(lines.len(), "issue");
                ctx.out.json(&serde_json::json!({ "file": file, "issues": lines.len() }))?;
                ctx.out.say(&format!("Wrote {count} to {}\n", text::line(&file.display().to_string())))?;
            }
        }
        Ok(DONE)
    }
}

/// Page by page.
pub(super) fn all(service: &dyn Service) -> Result<Vec<String>, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        match service.ask(Query::Export { after })? {
            Answer::Export { lines, last } => {
                all.extend(lines);
                match last {
                    Some(last) => after = Some(last),
                    None => return Ok(all),
                }
            }
            _ => {
                return Err(Failure::new(Code::Unavailable, "the engine gave an answer to another question"));
            }
        }
    }
}

/// Whole or not at all: whoever reads the file never sees half of it.
fn write(path: &Path, lines: &[String]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut file = tempfile::Builder::new().prefix(".convoy-export").tempfile_in(folder)?;
    let mut out = std::io::BufWriter::new(file.as_file_mut());
    for line in lines {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    drop(out);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
