//! The contract with beads: the adapter against the stand-in in both of its forms, and against the real `bd` where one
//! is on the PATH.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use convoy_core::event::IssueChange;
use convoy_core::id::{IssueId, RigName};
use convoy_core::issue::{DependencyType, IssueType, NewIssue};
use convoy_core::time::Span;
use convoy_core::tracker::{Push, Pushed, Seen, Standing, Step};
use convoy_engine::os::program;
use convoy_engine::os::spawn::Environment;
use convoy_engine::tracker::{Beads, Error, Told};
use convoy_testkit::fake_bd::{self, Manners, lock_file, manners_file};
use rustix::fs::{FlockOperation, flock};

/// Text that a terminal, a shell, a parser of options or of JSON could fall for.
const HOSTILE: &str = "--force; $(rm -rf /) `x` \"quoted\" \\ \u{1b}[31mred\u{7} '%s' \u{202e}x";

/// A folder with beads in it, and a home.
struct Room {
    root: tempfile::TempDir,
    program: PathBuf,
}

fn environment(root: &Path) -> Environment {
    let path = OsString::from("/usr/local/bin:/usr/bin:/bin");
    Environment::new([("PATH".into(), path), ("HOME".into(), root.join("home").into())])
}

impl Room {
    fn of(program: &Path) -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["home", "repo"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let room = Self { root, program: program.to_owned() };
        #[expect(clippy::disallowed_methods, reason = "tests start programs")]
        let mut command = std::process::Command::new(program);
        command.env_clear().envs(environment(room.root.path()).iter()).current_dir(room.dir());
        let made = command.args(["init", "--prefix", "bd"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        room
    }
    fn fake() -> Self {
        Self::of(fake_bd::path())
    }
    fn dir(&self) -> PathBuf {
        self.root.path().join("repo")
    }
    fn behave(&self, manners: &Manners) {
        std::fs::write(manners_file(&self.dir()), serde_json::to_string(manners).unwrap()).unwrap();
    }
    fn beads_within(&self, limit_ms: i64) -> Beads {
        let command = [self.program.display().to_string()];
        let env = environment(self.root.path());
        Beads::new(rig(), &self.dir(), &command, &env, Span::from_millis(limit_ms))
    }
    fn beads(&self) -> Beads {
        self.beads_within(30_000)
    }
}

/// Does the same with each kind of `bd`.
fn each(test: impl Fn(&Room)) {
    let bare = Room::fake();
    test(&bare);
    let wrapped = Room::fake();
    wrapped.behave(&Manners { envelope: true, ..Manners::default() });
    test(&wrapped);
    #[expect(clippy::disallowed_methods, reason = "the real program is where the person who tests has it")]
    let path = std::env::var_os("PATH");
    match program::find("bd", path.as_deref()) {
        Some(bd) => test(&Room::of(&bd)),
        None => skip("no real bd is on the PATH; the stand-in was tested in both of its forms"),
    }
}

#[expect(clippy::print_stderr, reason = "a test that was not run says so")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

fn rig() -> RigName {
    RigName::new("tools").unwrap()
}

fn new(title: &str) -> NewIssue {
    NewIssue {
        id: IssueId::new("x-1").unwrap(),
        rig: rig(),
        title: title.to_owned(),
        body: String::new(),
        issue_type: IssueType::Task,
        priority: 2,
        labels: Default::default(),
        parent: None,
        needs: Default::default(),
        acceptance: Vec::new(),
        step: None,
    }
}

#[track_caller]
fn told(beads: &Beads, seen: &Seen, steps: Vec<Step>) -> Seen {
    let push = Push { issue: seen.issue.id.clone(), standing: seen.standing, steps: steps.clone() };
    match beads.tell(&push) {
        Told::Pushed(Pushed { steps: done, error: None, .. }) => assert_eq!(done.len(), steps.len()),
        other => panic!("{other:?}"),
    }
    beads.show(&seen.issue.id).unwrap()
}

#[test]
fn lists_are_whole() {
    each(|room| {
        let beads = room.beads();
        assert_eq!(beads.list().unwrap().issues, []);
        let made: Vec<Seen> =
            (0..60).map(|n| beads.create(&new(&format!("T {n}")), false).unwrap()).collect();
        told(&beads, &made[0], vec![Step::Close { reason: "Dropped: enough".into() }]);
        let list = beads.list().unwrap();
        assert_eq!((list.issues.len(), list.skipped), (60, 0), "more than its default limit");
        let closed = list.issues.iter().find(|seen| seen.issue.id == made[0].issue.id).unwrap();
        assert_eq!(closed.standing, Standing::Closed);
        assert_eq!(closed.reason.as_deref(), Some("Dropped: enough"));
        assert!(closed.closed_at.is_some() && closed.created_at.is_some());
        assert!(beads.version().is_some());
    });
}

#[test]
fn what_is_told_is_so() {
    each(|room| {
        let beads = room.beads();
        let (first, other) =
            (beads.create(&new("A"), false).unwrap(), beads.create(&new("B"), false).unwrap());
        let on = other.issue.id;
        let change = IssueChange {
            title: Some("New".into()),
            body: Some("one\ntwo".into()),
            priority: Some(0),
            issue_type: Some(IssueType::Bug),
            acceptance: Some(vec!["it works".into(), "it is quick".into()]),
            ..IssueChange::default()
        };
        let label = "convoy:hq-cv-abc12".to_owned();
        let kind = DependencyType::Blocks;
        let assignee = "tools/w-12345".to_owned();
        let seen = told(
            &beads,
            &first,
            vec![
                Step::Edit { change: change.clone() },
                Step::Label { label: label.clone() },
                Step::Need { on: on.clone(), kind },
                Step::Take { assignee: assignee.clone() },
            ],
        );
        let issue = &seen.issue;
        assert_eq!((issue.title.as_str(), issue.body.as_str()), ("New", "one\ntwo"));
        assert_eq!((issue.priority, issue.issue_type, issue.acceptance.len()), (0, IssueType::Bug, 2));
        assert!(issue.labels.contains(&label));
        assert_eq!(issue.needs.get(&on), Some(&kind), "show names its fields otherwise than list");
        let list = beads.list().unwrap();
        let listed = list.issues.iter().find(|one| one.issue.id == issue.id).unwrap();
        assert_eq!(listed.issue.needs, issue.needs);
        assert_eq!((seen.standing, seen.assignee.as_ref()), (Standing::InProgress, Some(&assignee)));

        let seen = told(
            &beads,
            &seen,
            vec![Step::Unlabel { label: label.clone() }, Step::Unneed { on: on.clone() }, Step::Release],
        );
        assert!(!seen.issue.labels.contains(&label) && seen.issue.needs.is_empty());
        assert_eq!((seen.standing, &seen.assignee), (Standing::Open, &None));

        // Blocked, and closed nevertheless; then again, as after a crash.
        let seen = told(&beads, &seen, vec![Step::Need { on, kind }]);
        let close = || vec![Step::Close { reason: "Merged in abc".into() }];
        let seen = told(&beads, &seen, close());
        assert_eq!((seen.standing, seen.reason.as_deref()), (Standing::Closed, Some("Merged in abc")));
        let seen = told(&beads, &seen, close());
        let seen = told(&beads, &seen, vec![Step::Reopen]);
        assert_eq!(seen.standing, Standing::Open);
        told(&beads, &seen, vec![Step::Edit { change: IssueChange { body: Some(String::new()), ..change } }]);
    });
}

#[test]
fn what_somebody_else_moved_meanwhile_is_not_undone() {
    each(|room| {
        let beads = room.beads();
        let seen = beads.create(&new("A"), false).unwrap();
        told(&beads, &seen, vec![Step::Close { reason: "Completed".into() }]);
        let steps = vec![Step::Take { assignee: "tools/w-12345".into() }];
        let push = Push { issue: seen.issue.id.clone(), standing: Standing::Open, steps };
        assert!(matches!(beads.tell(&push), Told::Changed(now) if now.standing == Standing::Closed));
        assert_eq!(beads.show(&seen.issue.id).unwrap().standing, Standing::Closed);
    });
}

#[test]
fn hostile_text_arrives_as_it_is() {
    each(|room| {
        let beads = room.beads();
        let long = "x".repeat(300_000);
        let issue = NewIssue { body: format!("{HOSTILE}\n{long}"), ..new(HOSTILE) };
        let seen = beads.create(&issue, false).unwrap();
        assert_eq!(seen.issue.title, HOSTILE);
        assert_eq!(seen.issue.body, issue.body);
        let seen = told(&beads, &seen, vec![Step::Close { reason: HOSTILE.into() }]);
        assert_eq!(seen.reason.as_deref(), Some(HOSTILE));
    });
}

#[test]
fn ids_are_opaque() {
    let room = Room::fake();
    let beads = room.beads();
    for id in ["MIN-123", "bd-a3f8.1", "my-proj-9x"] {
        let issue = NewIssue { id: IssueId::new(id).unwrap(), ..new("T") };
        assert_eq!(beads.create(&issue, true).unwrap().issue.id.as_str(), id);
    }
    // One that could leave its folder, or names a convoy, is not ours to touch.
    let file = room.dir().join(".beads/embeddeddolt/issues.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = r#"{"../x-1":{"id":"../x-1","title":"T"},"hq-cv-abcde":{"id":"hq-cv-abcde","title":"T","flavour":7},"#;
    std::fs::write(&file, text.replacen('{', more, 1)).unwrap();
    let list = beads.list().unwrap();
    assert_eq!((list.issues.len(), list.skipped), (3, 2));
}

#[test]
fn a_lock_is_waited_for_but_not_for_ever() {
    let room = Room::fake();
    room.behave(&Manners { lock_wait_ms: 0, ..Manners::default() });
    let beads = room.beads_within(20_000);
    let seen = beads.create(&new("A"), false).unwrap();
    let file = std::fs::File::options().append(true).open(lock_file(&room.dir())).unwrap();
    flock(&file, FlockOperation::LockExclusive).unwrap();
    let error = room.beads_within(300).list().unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| told(&beads, &seen, vec![Step::Close { reason: "Completed".into() }]));
        // It has been refused before it is let in.
        let calls = fake_bd::calls_file(&room.dir());
        let before = std::fs::read_to_string(&calls).unwrap().lines().count();
        let more = || std::fs::read_to_string(&calls).unwrap().lines().count() > before + 2;
        assert!(convoy_testkit::wait::until(&calls, std::time::Duration::from_secs(20), more));
        flock(&file, FlockOperation::Unlock).unwrap();
        assert_eq!(waiting.join().unwrap().standing, Standing::Closed);
    });
}

#[test]
fn one_that_does_not_end_is_ended_with_all_that_it_started() {
    let room = Room::fake();
    room.behave(&Manners { lingers: true, ..Manners::default() });
    let error = room.beads_within(1500).list().unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    let sleeps = || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let of_room = |dir: &Path| std::fs::read_link(dir.join("cwd")).is_ok_and(|cwd| cwd == room.dir());
        entries.filter(|entry| of_room(&entry.path())).count()
    };
    // A killed process is gone when it was collected, which somebody else does.
    let gone = (0..1000).any(|_| {
        std::thread::yield_now();
        sleeps() == 0
    });
    assert!(gone, "it left something running");
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let room = Room::fake();
    for garbage in
        ["", "not json", "{\"id\":", "[1,2]", "[{\"title\":\"no id\"}]", "\"text\"", "[{\"id\":7}]"]
    {
        room.behave(&Manners { garbage: Some(garbage.to_owned()), ..Manners::default() });
        let error = room.beads().list().unwrap_err();
        assert!(matches!(error, Error::Garbage { .. }), "{garbage:?}: {error}");
    }
    room.behave(&Manners { flood: 80 * 1024 * 1024, ..Manners::default() });
    let error = room.beads().list().unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    room.behave(&Manners { refuse: Some("the disk is blocked by gremlins".into()), ..Manners::default() });
    let error = room.beads().list().unwrap_err();
    assert!(matches!(&error, Error::Refused { said, .. } if said.contains("gremlins")), "{error}");
}

#[test]
fn what_is_not_there_or_not_known_is_said() {
    let room = Room::fake();
    for version in ["0.49.1", "3.0.0", "", "next"] {
        room.behave(&Manners { version: version.to_owned(), ..Manners::default() });
        let error = room.beads().list().unwrap_err();
        assert!(matches!(error, Error::Version { .. }), "{version}: {error}");
    }
    for version in ["1.0.3", "v2.1.0"] {
        room.behave(&Manners { version: version.to_owned(), ..Manners::default() });
        room.beads().list().unwrap();
    }
    let env = environment(room.root.path());
    let none = Beads::new(rig(), &room.dir(), &["no-such-bd".to_owned()], &env, Span::from_secs(5));
    assert!(matches!(none.list().unwrap_err(), Error::NoProgram { .. }));
    // A folder above has data, which is not this one's.
    let below = room.dir().join("below");
    std::fs::create_dir(&below).unwrap();
    let command = [fake_bd::path().display().to_string()];
    let below = Beads::new(rig(), &below, &command, &env, Span::from_secs(5));
    assert!(matches!(below.list().unwrap_err(), Error::NoData { .. }));
}
