//! What `convoy skill` prints of each skill.

use convoy_api::Code;
use convoy_engine::skills::{Error as Why, Folder, Found};
use schemars::JsonSchema;
use serde::Serialize;

use super::texts::Text;
use crate::cli::context::Context;
use crate::error::{DONE, Error, PARTIAL};
use crate::text;

/// A skill in a folder, for scripts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SkillView {
    /// Its name.
    id: String,
    /// Whether it is as asked for.
    ok: bool,
    /// Whether it was changed by this.
    changed: bool,
    /// In words, what it is or what was done.
    note: Option<String>,
    /// Why not.
    error: Option<WhyNot>,
    /// Its file.
    path: String,
    /// How it stood before: absent, current, older, changed, foreign; unknown if it cannot be told.
    found: &'static str,
    /// What it is for.
    description: &'static str,
}

/// An error, as everywhere.
#[derive(Debug, Serialize, JsonSchema)]
struct WhyNot {
    code: &'static str,
    message: String,
    hint: Option<String>,
}

/// What came of it.
pub(super) enum Told {
    /// It was done.
    Done(&'static str),
    /// There was nothing to do.
    Same(&'static str),
}

impl SkillView {
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// It and what it is for.
    pub(super) fn for_people(&self) -> String {
        let told = match (&self.note, &self.error) {
            (Some(note), _) => note.clone(),
            (None, Some(why)) => why.message.clone(),
            (None, None) => String::new(),
        };
        format!("  {} ({})\n{}", self.id, text::line(&told), text::indented(self.description, "      "))
    }
}

/// A skill as it was found, and what came of it.
pub(super) fn of(
    text: &Text,
    folder: &Folder,
    found: Result<Found, Why>,
    told: impl Fn(Found) -> Told,
) -> SkillView {
    let state = match &found {
        Ok(Found::Absent) => "absent",
        Ok(Found::Current) => "current",
        Ok(Found::Older) => "older",
        Ok(Found::Changed) | Err(Why::Theirs { sealed: true, .. }) => "changed",
        Ok(Found::Foreign) | Err(Why::Theirs { sealed: false, .. }) => "foreign",
        Err(Why::Link { .. } | Why::NotOne { .. } | Why::Io { .. }) => "unknown",
    };
    let (ok, changed, note, error) = match found {
        Ok(found) => match told(found) {
            Told::Done(what) => (true, true, Some(what.to_owned()), None),
            Told::Same(what) => (true, false, Some(what.to_owned()), None),
        },
        // That a person's own words stay is what they expect.
        Err(why @ Why::Theirs { sealed: true, .. }) => {
            (true, false, Some(format!("left as it is: {why} (--force does it all the same)")), None)
        }
        Err(why) => (false, false, None, Some(why_not(&why))),
    };
    let path = folder.file(text.name).to_string_lossy().into_owned();
    SkillView { id: text.name.into(), ok, changed, note, error, path, found: state, description: text.about }
}

fn why_not(why: &Why) -> WhyNot {
    let (code, hint) = match why {
        Why::Theirs { .. } => (Code::Conflict, Some("rename it, or write over it with --force")),
        Why::Link { .. } | Why::NotOne { .. } => {
            (Code::Refused, Some("say with --dir where the skills are to go in truth"))
        }
        Why::Io { .. } => (Code::Refused, None),
    };
    WhyNot { code: code.name(), message: convoy_engine::explain(why), hint: hint.map(str::to_owned) }
}

/// Prints what came of each; the exit status follows from it.
pub(super) fn print(ctx: &mut Context, views: &[SkillView], dry_run: bool) -> Result<u8, Error> {
    ctx.out.json(views)?;
    let people = if ctx.out.json { &[] } else { views };
    for view in people {
        let would = if dry_run && view.changed { "would be " } else { "" };
        match &view.error {
            None => {
                let note = view.note.as_deref().unwrap_or_default();
                let path = if view.changed { format!(": {}", text::line(&view.path)) } else { String::new() };
                ctx.out.say(&format!("{} {would}{}{path}\n", view.id, text::line(note)))?;
            }
            Some(why) => {
                let error = Error::refused(format!("{}: {}", view.id, why.message));
                let error = why.hint.iter().fold(error, |error, hint| error.hint(hint));
                ctx.out.error(&error);
            }
        }
    }
    let wrong = views.iter().filter(|view| !view.ok);
    let conflict =
        |view: &SkillView| view.error.as_ref().is_some_and(|why| why.code == Code::Conflict.name());
    Ok(match wrong.clone().count() {
        0 => DONE,
        n if n < views.len() => PARTIAL,
        _ if wrong.clone().all(conflict) => Code::Conflict.exit_status(),
        _ => Code::Refused.exit_status(),
    })
}
