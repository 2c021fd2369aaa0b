//! Programs that the tests need and that a system package brings.

use crate::chore;

/// Makes sure that a program is there. Root on a Debian gets the packages; everyone else is told.
pub(crate) fn need(name: &str, question: &str, packages: &[&str], why: &str) -> Result<(), String> {
    if chore::has(name, question) {
        return Ok(());
    }
    let list = packages.join(" ");
    let missing = format!("{name} is missing ({why})");
    if !(chore::has("apt-get", "--version") && is_root()) {
        return Err(format!("{missing}: install {list}"));
    }
    chore::say(format_args!("{missing}: apt-get install {list}"));
    let mut install = chore::program("apt-get", ["install", "-y", "--no-install-recommends"]);
    install.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    if chore::succeed(install).is_err() {
        // A fresh machine has no package lists, or old ones.
        chore::succeed(chore::program("apt-get", ["update", "-q"]))?;
        let mut again = chore::program("apt-get", ["install", "-y", "--no-install-recommends"]);
        again.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
        chore::succeed(again)?;
    }
    if chore::has(name, question) { Ok(()) } else { Err(format!("{missing}, also after installing {list}")) }
}

fn is_root() -> bool {
    let output = chore::program("id", ["-u"]).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
