//! The scripts: `> command` lines, each followed by what comes of it. `--- title` begins afresh.
//!
//! `UPDATE_SCRIPTS=1 cargo test -p convoy-core --test core` writes what came; read the difference before
//! committing it.

use std::fmt::Write as _;
use std::path::Path;

use crate::door::Door;
use crate::perform::perform;
use crate::show::Names;

fn transcript(script: &str) -> String {
    let mut out = String::new();
    let (mut door, mut names) = (Door::new(), Names::default());
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            let lines = perform(&mut door, &mut names, command);
            let _ = writeln!(out, "{line}");
            for line in lines {
                let _ = writeln!(out, "{}", names.hide(&line));
            }
        } else if line.starts_with("--- ") || line.starts_with('#') || line.is_empty() {
            if line.starts_with("--- ") {
                (door, names) = (Door::new(), Names::default());
            }
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/core/scripts").join(name);
    let script = std::fs::read_to_string(&path).expect("the script is there").replace("\r\n", "\n");
    let now = transcript(&script);
    #[expect(clippy::disallowed_methods, reason = "an update is asked for by environment")]
    let update = std::env::var_os("UPDATE_SCRIPTS").is_some();
    if update {
        std::fs::write(&path, now).expect("the script can be written");
    } else if let Some((n, (old, new))) =
        script.lines().chain([""]).zip(now.lines().chain([""])).enumerate().find(|(_, (old, new))| old != new)
    {
        panic!("{name}:{}\n  was: {old}\n  now: {new}\n\nthe whole of it now:\n{now}", n + 1);
    } else {
        assert_eq!(script.lines().count(), now.lines().count(), "{name} has lost lines");
    }
}

macro_rules! scripts {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(concat!(stringify!($name), ".txt"));
        }
    )*};
}

scripts! {
    issues dependencies convoys lifecycle observers sling stage work models capacity verdicts retries conversations merging queue stale mail keys why
    rigs tracker witness routing checkpoints reviews gate sessions budgets says templates triage
}
