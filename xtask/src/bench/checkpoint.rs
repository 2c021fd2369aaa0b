//! A checkpoint of a session in a repository of many files, as the engine makes it: the repository is opened, the
//! reference of the state asked for one of this name, the WIP commit of the workdir made, the files that differ counted,
//! and the commit on the reference made that has it. Against what a person's `git stash create` takes in the same workdir.
//!
//! The stash leaves untracked files out, which a checkpoint has, and is kept nowhere.

use std::path::Path;

use convoy_engine::git::state::{Change, Put, StatePath, StateRef, Written, differing, of_workdir};
use convoy_engine::git::workdir::{self, Base, Request, Root};
use convoy_engine::git::{Branch, Git, Identity, Key, Message, Oid, Repo};
use convoy_engine::os::spawn::Environment;
use convoy_testkit::env::TestEnv;

use super::floor::run;
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair};
use super::room::binary;

/// The size of the repository: folders, and files in each.
const FOLDERS: usize = 200;
const FILES: usize = 100;
/// How many files an agent changes between two checkpoints, and how many it adds.
const CHANGED: usize = 10;
/// Checkpoints in each round.
const TIMES: usize = 10;
/// How many of the files that differ a checkpoint names.
const NAMED: usize = 200;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let (mut rounds, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..wanted.rounds {
        let (round, quiet) = round()?;
        rounds.push(round);
        idle.push(quiet);
    }
    Ok(vec![
        Figure::ratio("checkpoint, 20,000 files", &rounds, 50, "git stash create", Goal::AtMost(1.5)),
        Figure::ratio("a look that finds nothing new", &idle, 50, "git stash create", Goal::None),
    ])
}

fn round() -> Result<(Pair, Pair)> {
    let env = TestEnv::new(binary());
    let at = env.root().join("many");
    let git = |dir: &Path, words: &[&str]| {
        let mut command = env.command("git", dir);
        command.args(["-c", "user.name=B", "-c", "user.email=b@example"]).args(words);
        run(command)
    };
    for folder in 0..FOLDERS {
        let dir = at.join(format!("src/m{}/d{folder}", folder % 20));
        std::fs::create_dir_all(&dir)?;
        for file in 0..FILES {
            std::fs::write(dir.join(format!("f{file}.txt")), format!("file {folder} {file}\n").repeat(20))?;
        }
    }
    git(&at, &["init", "-q", "-b", "main"])?;
    git(&at, &["add", "-A"])?;
    git(&at, &["commit", "-q", "-m", "first"])?;

    let program = Git::new(&Environment::new(
        env.command("git", &at)
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))),
    ))?;
    let repo = Repo::open(&program, &at)?;
    let root = Root::open(&env.root().join("workdirs"))?;
    let main = Branch::new("main")?;
    let base = repo.resolve(&main)?.ok_or("the branch has a commit")?;
    let request = Request {
        key: Key::new("s-1")?,
        base: Base::Commit(base),
        base_branch: Some(main),
        onto: None,
        branch: Some(Branch::new("convoy/c/1")?),
        continue_from: None,
        wip: None,
        identity: Identity::new("Agent", "agent@example")?,
    };
    let workdir = workdir::create(&repo, &root, &request)?;
    let message = Message::new("Checkpoint");
    let (mut pair, mut quiet) = (Pair::default(), Pair::default());
    quiet.of.time(|| of_workdir(&repo, &root, &workdir, &message))?;
    for n in 0..TIMES {
        for file in 0..CHANGED {
            let dir = workdir.path.join(format!("src/m{file}/d{file}"));
            std::fs::write(dir.join(format!("f{file}.txt")), format!("changed {n}\n"))?;
            std::fs::write(dir.join(format!("new{n}.txt")), "new\n")?;
        }
        let carried: Oid = pair.of.time(|| -> Result<Oid> {
            let repo = Repo::open_at(&program, &at)?;
            let state = StateRef::new(&repo);
            let path = StatePath::checkpoint("epic", &format!("ckpt-{n}"))?;
            if state.read_one(&path)?.is_some() {
                return Err("it is there before it is made".into());
            }
            let wip = of_workdir(&repo, &root, &workdir, &message)?;
            let carried = wip.carried().cloned().ok_or("there is a commit")?;
            let tree = wip.tree.as_ref().ok_or("there is a tree")?;
            let (_, changed) = differing(&repo, &workdir.base, tree, NAMED)?;
            let content = format!("{{\"wip_commit\":\"{carried}\",\"files\":{changed}}}\n").into_bytes();
            let change = Change { path, put: Put::Once(content) };
            match state.write(&[change], std::slice::from_ref(&carried), &message)? {
                Written::Commit(_) => Ok(carried),
                Written::Already => Err("it is new".into()),
            }
        })?;
        let held = repo.has(&carried)?;
        pair.anchor.time(|| git(&workdir.path, &["stash", "create"]))?;
        quiet.of.time(|| of_workdir(&repo, &root, &workdir, &message))?;
        if !held {
            return Err("the checkpoint is not there".into());
        }
    }
    quiet.anchor = pair.anchor.clone();
    Ok((pair, quiet))
}
