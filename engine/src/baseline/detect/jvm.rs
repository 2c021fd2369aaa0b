//! Maven and Gradle: by the project's own wrapper if it has one.

use super::{Found, Tree};
use crate::baseline::Kind;

const GRADLE: [&str; 4] = ["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"];

pub(super) fn find(tree: &Tree) -> Vec<Found> {
    let program = |wrapper: &'static str, own: &'static str, tool: &'static str| {
        if tree.has(wrapper) { own } else { tool }
    };
    let mut found = Vec::new();
    if tree.has("pom.xml") {
        let maven = program("mvnw", "./mvnw", "mvn");
        found.push(Found::new("maven-test", Kind::Test, "pom.xml", &[maven, "-B", "-q", "test"]));
    }
    if let Some(file) = tree.first(&GRADLE) {
        let gradle = program("gradlew", "./gradlew", "gradle");
        // A daemon would outlive the gate, and be killed with it.
        let words = [gradle, "--no-daemon", "--console=plain", "test"];
        found.push(Found::new("gradle-test", Kind::Test, file, &words));
    }
    found
}
