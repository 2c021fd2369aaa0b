//! An agent that plants everything that git can run, and a witness that none of it ran.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::fixture::{World, write};
use crate::git::*;

#[test]
fn nothing_that_an_agent_planted_runs() {
    let world = World::new();
    let workdir = world.workdir("s-1");
    let witness = world.home.join("witness");
    let trap = world.home.join("trap");
    fs::write(
        &trap,
        format!(
            "#!/bin/sh\necho \"$0 $@\" >> '{}'\ncat\n",
            witness.display().to_string().replace('\'', "'\\''")
        ),
    )
    .unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("'{}'", trap.display().to_string().replace('\'', "'\\''"));
    let dir = workdir.path.join(".git");
    let hooks = [
        "pre-commit",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-push",
        "commit-msg",
        "prepare-commit-msg",
        "post-merge",
        "pre-merge-commit",
        "pre-auto-gc",
        "post-rewrite",
        "fsmonitor-watchman",
        "pre-receive",
        "update",
        "post-receive",
        "post-update",
        "applypatch-msg",
    ];
    for folder in [dir.join("hooks"), workdir.path.join("own hooks")] {
        fs::create_dir_all(&folder).unwrap();
        for hook in hooks {
            fs::copy(&trap, folder.join(hook)).unwrap();
        }
    }
    // A nested repository that is in the index as a link, with traps of its own.
    let nested = workdir.path.join("nested");
    fs::create_dir(&nested).unwrap();
    world.git(&nested, &["init", "-q"]);
    world.commit(&nested, "n", "n");
    world.commit(&workdir.path, "done.txt", "done\n");
    write(&workdir.path, ".gitattributes", "* filter=evil diff=evil merge=evil\n*.txt text eol=lf ident\n");
    write(&workdir.path, "a.txt", "changed $Id$\n");
    for (name, value) in [
        ("core.fsmonitor", command.as_str()),
        ("core.hooksPath", "own hooks"),
        ("core.sshCommand", &command),
        ("core.pager", &command),
        ("core.editor", &command),
        ("core.alternateRefsCommand", &command),
        ("core.gitProxy", &command),
        ("core.askPass", &command),
        ("filter.evil.clean", &command),
        ("filter.evil.smudge", &command),
        ("filter.evil.process", &command),
        ("filter.evil.required", "true"),
        ("diff.external", &command),
        ("diff.evil.command", &command),
        ("diff.evil.textconv", &command),
        ("merge.evil.driver", &command),
        ("gpg.program", &command),
        ("commit.gpgSign", "true"),
        ("uploadpack.packObjectsHook", &command),
        ("credential.helper", &command),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", "/nowhere"),
        ("remote.origin.uploadpack", &command),
        ("extensions.partialClone", "origin"),
        ("alias.rev-list", &format!("!{command}")),
    ] {
        world.git(&workdir.path, &["config", "--file", ".git/config", name, value]);
    }
    world.git(&nested, &["config", "core.fsmonitor", &command]);
    write(&nested, "n", "changed");
    let _ = fs::remove_file(&witness);
    world.git(&workdir.path, &["ls-files", "--error-unmatch", "nested"]);
    world.try_git(&workdir.path, &["status"]);
    assert!(witness.exists(), "the traps do not work");
    fs::remove_file(&witness).unwrap();

    let seen = so_far(&world.repo(), &world.root, &workdir).unwrap();
    assert!(seen.text.contains("+changed $Id"), "{}", seen.text);
    let evidence = world.collect(&workdir);
    assert_eq!(evidence.leftovers, Leftovers::Committed);
    let (from, to) = world.prepared(&evidence.tip);
    assert_eq!(world.advance(from.as_ref(), &to), Advance::Advanced);
    write(&workdir.path, "late.txt", "late");
    assert!(matches!(world.salvage(&workdir), Salvage::Saved { .. }));
    workdir::remove(&world.repo(), &world.root, &workdir).unwrap();
    assert_eq!(fs::read_to_string(&witness).unwrap_or_default(), "");
    assert!(fs::read_to_string(world.at.join("a.txt")).unwrap().starts_with("changed $Id"));
}
