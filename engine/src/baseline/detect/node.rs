//! npm, pnpm, Yarn and Bun: only scripts that `package.json` has.

use serde_json::Value;

use super::{Found, Tree};
use crate::baseline::Kind;

const FILE: &str = "package.json";

/// Names that the check of types goes by, the usual one first.
const TYPECHECK: [&str; 5] = ["typecheck", "type-check", "check-types", "check:types", "tsc"];
/// What `npm init` writes in the place of a test.
const NO_TEST: &str = "no test specified";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manager {
    Npm,
    Pnpm,
    Yarn,
    Bun,
}

impl Manager {
    const ALL: [Self; 4] = [Self::Npm, Self::Pnpm, Self::Yarn, Self::Bun];

    fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn => "yarn",
            Self::Bun => "bun",
        }
    }

    /// Its lock files.
    fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["package-lock.json", "npm-shrinkwrap.json"],
            Self::Pnpm => &["pnpm-lock.yaml"],
            Self::Yarn => &["yarn.lock"],
            Self::Bun => &["bun.lock", "bun.lockb"],
        }
    }

    /// The one that `packageManager` names, else that of the lock file, else npm.
    fn of(tree: &Tree, package: &Value) -> Self {
        let named = package.get("packageManager").and_then(Value::as_str).unwrap_or_default();
        let named = named.split('@').next().unwrap_or_default();
        // A project that moved away from npm may have left its lock file behind: npm's counts last.
        let by_lock = [Self::Pnpm, Self::Yarn, Self::Bun, Self::Npm];
        let lock = || by_lock.into_iter().find(|one| tree.first(one.locks()).is_some());
        Self::ALL.into_iter().find(|one| one.name() == named).or_else(lock).unwrap_or(Self::Npm)
    }

    /// What installs exactly what is locked.
    fn install(self, tree: &Tree) -> &'static [&'static str] {
        let locked = tree.first(self.locks()).is_some();
        match self {
            Self::Npm if locked => &["npm", "ci", "--no-audit", "--no-fund"],
            Self::Npm => &["npm", "install", "--no-audit", "--no-fund"],
            Self::Pnpm if locked => &["pnpm", "install", "--frozen-lockfile"],
            Self::Pnpm => &["pnpm", "install"],
            Self::Yarn if locked && tree.has(".yarnrc.yml") => &["yarn", "install", "--immutable"],
            Self::Yarn if locked => &["yarn", "install", "--frozen-lockfile"],
            Self::Yarn => &["yarn", "install"],
            Self::Bun if locked => &["bun", "install", "--frozen-lockfile"],
            Self::Bun => &["bun", "install"],
        }
    }
}

pub(super) fn find(tree: &Tree) -> Vec<Found> {
    if !tree.has(FILE) {
        return Vec::new();
    }
    let package: Value =
        serde_json::from_str(tree.text(FILE).trim_start_matches('\u{feff}')).unwrap_or_default();
    let manager = Manager::of(tree, &package);
    let script =
        |name: &str| package.get("scripts")?.get(name)?.as_str().filter(|text| !text.trim().is_empty());
    let gate = |what: &str, kind: Kind, script: &str| {
        let name = manager.name();
        Found::new(&format!("{name}-{what}"), kind, FILE, &[name, "run", script])
    };
    let mut found = Vec::new();
    if let Some(name) = TYPECHECK.into_iter().find(|name| script(name).is_some()) {
        found.push(gate("typecheck", Kind::Typecheck, name));
    }
    if script("lint").is_some() {
        found.push(gate("lint", Kind::Lint, "lint"));
    }
    if script("test").is_some_and(|text| !text.contains(NO_TEST)) {
        found.push(gate("test", Kind::Test, "test"));
    }
    let depends = ["dependencies", "devDependencies"]
        .iter()
        .any(|key| package.get(*key).and_then(Value::as_object).is_some_and(|some| !some.is_empty()));
    // A fresh copy has nothing installed, unless the person's own list of included files brings it.
    if depends && !found.is_empty() && !tree.has_folder("node_modules") {
        let name = format!("{}-install", manager.name());
        found.iter_mut().for_each(|one| one.after = Some(name.clone()));
        found.push(Found::new(&name, Kind::Setup, FILE, manager.install(tree)));
    }
    found
}
