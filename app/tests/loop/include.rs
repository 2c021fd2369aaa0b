//! Files that a person has beside the repository, in the workdirs of agents.

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, outside, shell};

#[test]
fn an_agent_finds_what_the_person_includes_and_it_never_lands() {
    let env = outside();
    let repo = env.repo();
    repo.write(".gitignore", ".env\nnode_modules/\n");
    repo.write(".worktreeinclude", ".env\nnode_modules/\n");
    repo.commit("Ignore");
    repo.write(".env", "TOKEN=1\n");
    repo.write("node_modules/x/index.js", "x");
    repo.write("other.txt", "mine, and not for agents");
    // It works on with what it finds, and leaves the commit to Convoy.
    let script = Script::always([
        shell("test ! -e other.txt"),
        shell("cp .env found && cat node_modules/x/index.js >> found"),
        Step::Print("done".into()),
    ]);
    let room = Room::around(env, "", &script);
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert_eq!(room.repo().git(["show", "main:found"]), "TOKEN=1\nx");
    let landed = room.repo().git(["ls-tree", "-r", "--name-only", "main"]);
    assert!(!landed.lines().any(|path| path == ".env" || path.starts_with("node_modules")), "{landed}");
    assert_eq!(room.repo().read("other.txt"), "mine, and not for agents");
}

#[test]
fn more_than_may_be_copied_is_for_a_person() {
    let env = outside();
    let repo = env.repo();
    repo.write(".gitignore", "*.bin\n");
    repo.write(".worktreeinclude", "*.bin\n");
    repo.commit("Ignore");
    // A sparse file: its size counts, not what it takes.
    std::fs::File::create(env.dir().join("big.bin")).unwrap().set_len((1 << 30) + 1).unwrap();
    let room = Room::around(env, "", &Script::works());
    let convoy = room.launch_new("gt-a", "");
    let said = room.stalls(&convoy);
    assert!(said.contains(".worktreeinclude names more than 1073741824 bytes"), "{said}");
    assert_eq!(room.env.witness(), Vec::<serde_json::Value>::new());
}
