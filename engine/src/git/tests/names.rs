//! Names that are refused, exactly as git refuses them.

use super::fixture::World;
use crate::git::*;

#[test]
fn branches_are_what_git_says() {
    let world = World::empty(&[]);
    let long = "x".repeat(300);
    for text in [
        "main",
        "convoy/a/b-1.2",
        "a@b",
        "ü",
        "-f",
        "--upload-pack=touch pwn",
        "HEAD",
        "@",
        "@{u}",
        "a@{1}",
        "a b",
        "a..b",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "a/",
        "/a",
        "a//b",
        "a.",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "a\tb",
        "a\u{7f}",
        "a\nb",
        "",
    ] {
        let (valid, _) = world.try_git(&world.at, &["check-ref-format", "--branch", text]);
        let expected = valid && text != "@" && text != "HEAD" && !text.contains("@{");
        assert_eq!(Branch::new(text).is_ok(), expected, "{text:?}");
    }
    assert!(Branch::new(long).is_err());
}

#[test]
fn keys_oids_and_identities_cannot_break_out() {
    for bad in ["", "..", "../x", "a/b", "-rf", ".git", "a.lock", "a b", "a\n", "HEAD"] {
        assert!(Key::new(bad).is_err(), "{bad:?}");
    }
    assert!(Key::new("s-1a_B.2").is_ok());
    for bad in ["", "HEAD", "-f", &"g".repeat(40), &"A".repeat(40), &"a".repeat(41)] {
        assert!(Oid::new(bad).is_err(), "{bad:?}");
    }
    assert!(Identity::new("a\nb", "x@y").is_err());
    assert!(Identity::new("a <b", "x@y").is_err());
    assert!(Message::new("x").trailer("a: b", "c").is_err());
}

#[test]
fn the_environment_of_the_caller_is_not_used() {
    let world = World::new();
    let mut environment = crate::os::spawn::Environment::new(std::env::vars_os());
    environment.set("HOME", &world.home);
    environment.set("GIT_DIR", "/nowhere");
    environment.set("GIT_CONFIG_COUNT", "x");
    let git = Git::new(&environment).unwrap();
    assert!(git.version() >= VERSION_MIN);
    assert!(Repo::open(&git, &world.at).is_ok());
    assert!(matches!(Repo::open(&git, &world.home), Err(Error::NotARepository { .. })));
}

#[test]
fn a_command_that_takes_too_long_is_killed() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let program = temp.path().join("git");
    std::fs::write(
        &program,
        "#!/bin/sh\n[ \"$1\" = x ] && exit\necho 'git version 2.47.1' && /bin/sleep 100\n",
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let environment = crate::os::spawn::Environment::new([("PATH".into(), temp.path().into())]);
    let limit = convoy_core::time::Span::from_millis(100);
    assert!(matches!(Git::with_limit(&environment, limit), Err(Error::TimedOut { .. })));
}
