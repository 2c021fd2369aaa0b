//! A person's checkout of the base branch: what is in it is never lost, and never held up for long.

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, SOON, outside, shell, text};

fn edits_the_library() -> Script {
    Script::always([shell("sed -i 's/two/zwei/' src/lib.txt"), Step::Commit("Say zwei".into())])
}

/// Waits until the merge of `gt-a` is held up by the checkout.
fn held_up(room: &Room) {
    let came = room.follow("merge.blocked").printed("src/lib.txt", SOON);
    assert!(came, "{}", room.story());
    let why = room.json("why gt-a");
    assert_eq!(why["reasons"][0]["code"], "checkout_in_the_way", "{why:#}");
    assert!(text(&why, "/reasons/0/text").contains("src/lib.txt"), "{why:#}");
    assert_eq!(text(&room.issue("gt-a"), "/status"), "submitted");
}

#[test]
fn other_edits_stay_where_they_are() {
    let room = Room::new(&edits_the_library());
    let repo = room.repo();
    repo.write("README.md", "# Edited by a person\n");
    repo.write("staged.txt", "staged\n");
    repo.git(["add", "staged.txt"]);
    repo.write("new.txt", "untracked\n");
    let convoy = room.launch_new("gt-a", "");
    room.lands(&convoy);
    assert_eq!(repo.read("src/lib.txt"), "one\nzwei\nthree\n");
    assert_eq!(repo.read("README.md"), "# Edited by a person\n");
    assert_eq!(repo.git(["status", "--porcelain"]), " M README.md\nA  staged.txt\n?? .convoy/\n?? new.txt");
}

#[test]
fn an_edit_in_the_way_is_named_and_the_merge_goes_on_when_it_is_committed() {
    let room = Room::new(&edits_the_library());
    let repo = room.repo();
    repo.write("src/lib.txt", "one\ntwo\nthree\nfour, by a person\n");
    let convoy = room.launch_new("gt-a", "");
    held_up(&room);
    let stranded = room.json("stranded");
    assert_eq!(stranded[0]["category"], "needs human", "{stranded:#}");
    assert_eq!(repo.read("src/lib.txt"), "one\ntwo\nthree\nfour, by a person\n");
    repo.git(["commit", "-q", "-m", "Four", "--", "src/lib.txt"]);
    // The lines touch each other, so this is a conflict, and the worker's business again.
    room.lands(&convoy);
    assert!(repo.read("src/lib.txt").contains("four, by a person"), "{}", repo.read("src/lib.txt"));
    assert!(repo.read("src/lib.txt").contains("zwei"));
    assert_eq!(room.worker("gt-a")["failures"], 0, "no attempt was charged");
}

#[test]
fn an_edit_in_the_way_is_stashed_and_the_merge_goes_on() {
    let room = Room::new(&edits_the_library());
    let repo = room.repo();
    repo.write("src/lib.txt", "one\n2\nthree\n");
    let convoy = room.launch_new("gt-a", "");
    held_up(&room);
    repo.git(["stash", "-q"]);
    room.lands(&convoy);
    assert_eq!(repo.read("src/lib.txt"), "one\nzwei\nthree\n");
    assert_eq!(repo.git(["stash", "list"]).lines().count(), 1);
    let worker = room.worker("gt-a");
    assert_eq!((&worker["attempt"], &worker["failures"]), (&1.into(), &0.into()));
}

#[test]
fn a_file_that_git_does_not_know_is_not_overwritten() {
    let room = Room::new(&Script::works());
    let repo = room.repo();
    repo.write("gt-a.txt", "a person's own\n");
    let convoy = room.launch_new("gt-a", "");
    assert!(room.follow("merge.blocked").printed("gt-a.txt", SOON), "{}", room.story());
    assert_eq!(repo.read("gt-a.txt"), "a person's own\n");
    // Held up over a restart too.
    room.convoy("down");
    room.convoy("up");
    assert_eq!(text(&room.issue("gt-a"), "/status"), "submitted");
    std::fs::rename(repo.path().join("gt-a.txt"), repo.path().join("mine.txt")).unwrap();
    room.lands(&convoy);
    assert_eq!((repo.read("gt-a.txt"), repo.read("mine.txt")), ("done\n".into(), "a person's own\n".into()));
}

#[test]
fn a_merge_that_a_person_is_in_is_not_disturbed() {
    let room = Room::new(&Script::works());
    let repo = room.repo();
    repo.git(["switch", "-q", "-c", "side"]);
    repo.write("side.txt", "side\n");
    repo.commit("Side");
    repo.git(["switch", "-q", "main"]);
    repo.write("other.txt", "other\n");
    repo.commit("Other");
    repo.git(["merge", "-q", "--no-commit", "--no-ff", "side"]);
    let convoy = room.launch_new("gt-a", "");
    assert!(room.follow("merge.blocked").printed("a merge is under way", SOON), "{}", room.story());
    repo.git(["commit", "-q", "-m", "Merge side by hand"]);
    room.lands(&convoy);
    assert_eq!(
        repo.git(["log", "--first-parent", "--format=%s"]),
        "Merge gt-a: Do gt-a\nMerge side by hand\nOther\nBegin"
    );
}

#[test]
fn what_a_person_clears_away_while_nobody_is_up_is_seen_by_the_next_engine() {
    let room = Room::new(&edits_the_library());
    let repo = room.repo();
    repo.write("src/lib.txt", "one\n2\nthree\n");
    let convoy = room.launch_new("gt-a", "");
    held_up(&room);
    room.convoy("down");
    repo.git(["checkout", "-q", "--", "src/lib.txt"]);
    room.convoy("up");
    room.lands(&convoy);
    assert_eq!(repo.read("src/lib.txt"), "one\nzwei\nthree\n");
}

#[test]
fn another_checkout_of_the_base_is_watched_as_well() {
    let env = outside();
    let repo = env.repo();
    repo.git(["switch", "-q", "--detach"]);
    repo.git(["worktree", "add", "-q", "../linked", "main"]);
    let room = Room::around(env, "", &edits_the_library());
    let linked = room.env.repo_at(&room.env.root().join("linked"));
    linked.write("src/lib.txt", "one\n2\nthree\n");
    let convoy = room.launch_new("gt-a", "");
    held_up(&room);
    linked.git(["checkout", "-q", "--", "src/lib.txt"]);
    room.lands(&convoy);
    assert_eq!(linked.read("src/lib.txt"), "one\nzwei\nthree\n");
}

#[test]
fn edits_elsewhere_do_not_have_the_gates_run_again() {
    let gates = "[gates.count]\ncommand = [\"sh\", \"-c\", \"echo run >> $HOME/gates\"]\n";
    let room = Room::with(gates, &edits_the_library());
    let repo = room.repo();
    repo.write("src/lib.txt", "one\n2\nthree\n");
    let convoy = room.launch_new("gt-a", "");
    held_up(&room);
    for n in 0..20 {
        repo.write("README.md", &format!("{n}\n"));
        repo.git(["status", "-s"]);
    }
    repo.write("src/lib.txt", "one\ntwo\nthree\n");
    room.lands(&convoy);
    let runs = std::fs::read_to_string(room.env.home().join("gates")).unwrap().lines().count();
    assert_eq!(runs, 2, "once before it was held up, once when it landed");
}
