//! What an agent has to write beside its own folders, where it is confined: its conversations, its caches.
//!
//! A place is an absolute path, or begins with `~` (the home directory) or `$NAME` (a variable of the agent). One that ends in `/` is
//! a folder, and is made when it is not there; another that is not there is left out, because a confinement is of what
//! exists. A place whose variable is not set is left out too.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use super::preset::{Error, wrong};

/// Refuses what is no place.
pub(super) fn checked(agent: &str, places: Vec<String>) -> Result<Vec<String>, Error> {
    for place in &places {
        let begins = place.starts_with('/')
            || place == "~"
            || place.starts_with("~/")
            || place
                .strip_prefix('$')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
        let climbs = Path::new(place).components().any(|part| part == Component::ParentDir);
        if !begins || climbs || place.contains('\0') {
            let reason = format!(
                "{place:?} is no place; a path such as \"~/.cache/prog/\" or \"$PROG_HOME/\" is expected"
            );
            return Err(wrong(agent, "writable", reason));
        }
        // Whatever may be written there decides what a person's own shell does next.
        if ["/", "~", "~/"].contains(&place.as_str()) {
            return Err(wrong(agent, "writable", format!("{place:?} would be everything")));
        }
    }
    Ok(places)
}

/// The paths of places, for an agent with this environment. Folders that are missing are made.
pub(crate) fn paths(places: &[String], env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    places.iter().filter_map(|place| path(place, env)).collect()
}

fn path(place: &str, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let below = |name: &str, rest: &str| {
        let root = env.get(name).filter(|value| Path::new(value).is_absolute())?;
        Some(Path::new(root).join(rest.trim_start_matches('/')))
    };
    let path = if let Some(rest) = place.strip_prefix('~') {
        below("HOME", rest)?
    } else if let Some(rest) = place.strip_prefix('$') {
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        below(name, rest)?
    } else {
        PathBuf::from(place)
    };
    if place.ends_with('/') && !path.exists() {
        // One that cannot be made cannot be written either; the agent will say so.
        let _ = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    }
    path.exists().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_below_home_and_variables() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().to_str().unwrap().to_owned();
        fs::write(root.path().join("there"), "").unwrap();
        let env = BTreeMap::from([
            ("HOME".to_owned(), home.clone()),
            ("OWN".to_owned(), format!("{home}/own")),
            ("RELATIVE".to_owned(), "own".to_owned()),
        ]);
        let places = [
            "~/made/deep/",
            "~/there",
            "~/missing",
            "$OWN/",
            "$OWN/x/",
            "$UNSET/",
            "$RELATIVE/",
            "/dev/null",
        ];
        let found = paths(&places.map(str::to_owned), &env);
        let shown: Vec<String> =
            found.iter().map(|path| path.to_string_lossy().replace(&home, "~")).collect();
        assert_eq!(shown, ["~/made/deep/", "~/there", "~/own/", "~/own/x/", "/dev/null"]);
        assert!(root.path().join("made/deep").is_dir());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let refused = |place: &str| checked("a", vec![place.to_owned()]).unwrap_err().to_string();
        for place in ["cache", "~other/x", "$", "$1", "", "~/../x", "/", "~", "~/"] {
            assert!(refused(place).starts_with("agents.a.writable: "), "{place}");
        }
    }
}
