//! pytest, ruff and mypy, through uv where the project uses it.

use super::{Found, Tree};
use crate::baseline::Kind;

const PROJECT: &str = "pyproject.toml";

pub(super) fn find(tree: &Tree) -> Vec<Found> {
    let project = tree.text(PROJECT);
    let table: toml::Table = project.parse().unwrap_or_default();
    let tool = |name: &str| table.get("tool").and_then(|tools| tools.get(name)).is_some();
    let section = |file: &str, name: &str| tree.text(file).lines().any(|line| line.trim() == name);
    let uv = tree.has("uv.lock") || tool("uv");

    let is_project = tree.first(&[PROJECT, "setup.py", "setup.cfg", "requirements.txt"]);
    let has_tests = || {
        let is_test = |name: &str| name.starts_with("test_") && name.ends_with(".py");
        ["tests", "test", "."].iter().any(|folder| tree.any_in(folder, is_test))
    };
    let pytest = match () {
        () if tree.has("pytest.ini") => Some("pytest.ini"),
        () if tool("pytest") => Some(PROJECT),
        () if section("setup.cfg", "[tool:pytest]") => Some("setup.cfg"),
        () if section("tox.ini", "[pytest]") => Some("tox.ini"),
        () if tree.has("conftest.py") => Some("conftest.py"),
        () => is_project.filter(|_| has_tests()),
    };
    let ruff = tree.first(&["ruff.toml", ".ruff.toml"]).or_else(|| tool("ruff").then_some(PROJECT));
    let mypy = tree
        .first(&["mypy.ini", ".mypy.ini"])
        .or_else(|| tool("mypy").then_some(PROJECT))
        .or_else(|| section("setup.cfg", "[mypy]").then_some("setup.cfg"));

    let gate = |name: &str, kind: Kind, file: Option<&'static str>, words: &[&str]| {
        let words: Vec<&str> = if uv { [&["uv", "run"], words].concat() } else { words.to_vec() };
        file.map(|file| Found::new(name, kind, file, &words))
    };
    [
        gate("mypy", Kind::Typecheck, mypy, &["mypy", "."]),
        gate("ruff", Kind::Lint, ruff, &["ruff", "check", "."]),
        gate("pytest", Kind::Test, pytest, &["pytest", "-q"]),
    ]
    .into_iter()
    .flatten()
    .collect()
}
