//! The disk: full, failing, and a log that is not what it was.

use std::fs;
use std::path::Path;

use convoy_testkit::env::Background;
use convoy_testkit::fake_agent::{Case, Script, Step};

use crate::room::{BIN, Room, lives, pid_of, then_work, work};
use crate::{PATIENCE, count, oracle, skip};

const MB: usize = 1024 * 1024;

/// A workspace whose state is on a small disk of its own, which only its commands see.
struct SmallDisk {
    room: Room,
    /// Holds the namespace.
    _holder: Background,
}

impl SmallDisk {
    fn new(megabytes: usize, script: impl FnOnce(&Room) -> Script, config: &str) -> Option<Self> {
        let mut room = Room::bare();
        let state = room.env.dir().join(".convoy/state");
        fs::create_dir_all(&state).unwrap();
        let mut command = room.env.command("unshare", room.env.root());
        let mount = format!(
            "mount -t tmpfs -o size={megabytes}m,mode=0700 none \"$0\" && echo ready && exec sleep 900"
        );
        command.args(["-m", "sh", "-c", &mount]).arg(&state);
        let holder = room.env.spawn(command);
        if !holder.until(PATIENCE, |text| text.contains("ready") || !lives(holder.pid()))
            || !lives(holder.pid())
        {
            skip("there are no mount namespaces here");
            return None;
        }
        room.inside = Some(holder.pid());
        let script = script(&room);
        room.init(&script, config);
        Some(Self { room, _holder: holder })
    }
    fn free(&self) -> usize {
        let stat = rustix::fs::statvfs(self.room.state()).unwrap();
        usize::try_from(stat.f_bavail * stat.f_frsize).unwrap()
    }
    /// Leaves so many bytes free.
    fn fill(&self, free: usize) {
        let ballast = self.room.state().join("ballast");
        let have = fs::metadata(&ballast).map_or(0, |file| usize::try_from(file.len()).unwrap());
        let wanted = (have + self.free()).saturating_sub(free);
        fs::write(&ballast, vec![1; wanted]).unwrap();
    }
    fn make_room(&self) {
        fs::remove_file(self.room.state().join("ballast")).unwrap();
    }
}

#[test]
fn below_the_reserve_nothing_new_starts_and_what_runs_goes_on() {
    let script = |room: &Room| {
        Script::default()
            .issue("gt-1", then_work([Step::WaitFor(room.at("go"))]))
            .or(Case { steps: work(), ..Case::default() })
    };
    let Some(disk) = SmallDisk::new(16, script, "[limits]\ndisk_reserve = 4194304\n") else { return };
    let room = &disk.room;
    room.issues(&["gt-1", "gt-2"]);
    let first = room.launch(&["gt-1"]);
    room.env.wait_witness("waiting", 1);
    disk.fill(2 * MB);
    // It is recorded; it is only not begun.
    let second = room.launch(&["gt-2"]);
    room.release("go");
    room.wait_events("session.over", 1);
    assert_eq!(room.env.wait_witness("start", 1).len(), 1, "an agent was started on a full disk");
    disk.make_room();
    room.land(&first);
    room.land(&second);
    oracle::check(room, &["gt-1", "gt-2", &first, &second]);
}

#[test]
fn a_full_disk_refuses_what_it_cannot_keep_and_goes_on_by_itself() {
    let script = |room: &Room| Script::always(then_work([Step::WaitFor(room.at("go"))]));
    let Some(disk) = SmallDisk::new(16, script, "[limits]\ndisk_reserve = 1048576\n") else { return };
    let room = &disk.room;
    room.issues(&["gt-1"]);
    let convoy = room.launch(&["gt-1"]);
    let agent = pid_of(&room.env.wait_witness("waiting", 1)[0]);
    let engine = room.engine_pid();
    room.wait_events("session.started", 1);
    disk.fill(0);
    let before = room.events().len();
    let body = "x".repeat(100_000);
    let mut refused = 0;
    // The log has some room of its own.
    for n in 0..200 {
        let run = room.convoy(["issue", "create", "More", "--id", &format!("gt-more{n}"), "--body", &body]);
        if run.status != 0 {
            let run = run.exits(1);
            assert!(run.stderr.contains("disk full, nothing recorded"), "{}", run.shown());
            assert_eq!(room.convoy(["issue", "show", &format!("gt-more{n}")]).status, 3, "it is there");
            refused += 1;
            if refused == 3 {
                break;
            }
        }
    }
    assert_eq!(refused, 3, "the disk is never full: {} events more", room.events().len() - before);
    assert!(lives(agent));
    assert_eq!(room.engine_pid(), engine, "the engine ended");
    // Its end cannot be recorded now.
    room.release("go");
    assert!(crate::room::gone(agent, PATIENCE));
    room.convoy(["issue", "create", "Still full", "--body", &body]).exits(1);
    disk.make_room();
    room.land(&convoy);
    let worker = room.worker("gt-1");
    assert_eq!(
        (&worker["attempt"], &worker["lost"]),
        (&1.into(), &0.into()),
        "what it did was thrown away: {worker}"
    );
    assert_eq!(room.engine_pid(), engine, "it went on without being started again");
    room.convoy(["issue", "create", "After", "--id", "gt-after"]).ok();
    oracle::check(room, &["gt-1", "gt-after", &convoy]);
}

/// Without an engine, too.
#[test]
fn a_command_on_a_full_disk_records_nothing() {
    let Some(disk) = SmallDisk::new(4, |_| Script::works(), "") else { return };
    let room = &disk.room;
    room.issues(&["gt-1"]);
    disk.fill(0);
    let mut made = Vec::new();
    let refused = (0..500).find_map(|n| {
        let id = format!("gt-n{n}");
        let run = room.convoy(["issue", "create", "More", "--id", &id, "--body", &"x".repeat(20_000)]);
        if run.status == 0 {
            made.push(id);
            return None;
        }
        Some((id, run))
    });
    let (id, run) = refused.expect("the disk is never full");
    assert!(run.exits(1).stderr.contains("disk full"));
    disk.make_room();
    room.convoy(["issue", "show", &id]).exits(3);
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    oracle::check(room, &made);
}

/// An engine whose n-th sync of a file of the log fails.
fn failing(room: &Room, file: &str, n: usize) -> Background {
    let mut command = room.env.command("strace", &room.env.dir());
    let inject = format!("inject=fsync,fdatasync:error=EIO:when={n}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject, "-P"]);
    command.arg(room.state().join(file)).args([BIN, "daemon", "serve"]);
    room.env.spawn(command)
}

#[test]
fn a_sync_that_fails_ends_the_engine_at_once() {
    let room = Room::new(&Script::works(), "");
    if room.env.run(room.env.command("strace", room.env.root())).status == 127 {
        return skip("there is no strace");
    }
    let mut made = vec!["gt-0".to_owned()];
    room.issues(&["gt-0"]);
    for n in 1..=count(3, 12) {
        let engine = failing(&room, "log.db-wal", n);
        if !engine.printed("ready", PATIENCE) {
            continue;
        }
        let mut lost = None;
        for m in 0..n + 3 {
            let id = format!("gt-{n}-{m}");
            let run = room.convoy(["issue", "create", "More", "--id", &id]);
            match run.status {
                0 => made.push(id),
                5 => lost = Some(id),
                _ => panic!("{}", run.shown()),
            }
            if lost.is_some() {
                break;
            }
        }
        let lost = lost.unwrap_or_else(|| panic!("sync {n} did not fail"));
        assert_eq!(engine.wait(PATIENCE).status, 70, "the engine went on after a failed sync");
        // It may be there or not, and then it stays so.
        let first = room.convoy(["issue", "show", &lost]).status;
        room.convoy(["up"]).ok();
        assert_eq!(room.convoy(["issue", "show", &lost]).status, first);
        assert!([0, 3].contains(&first));
        room.convoy(["down"]).ok();
    }
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    oracle::check(&room, &made);
}

fn copy(room: &Room, from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let mut copy = room.env.command("cp", room.env.root());
    copy.arg("-a").args([from, to]);
    room.env.run(copy).ok();
}

#[test]
fn a_log_that_lacks_what_was_acknowledged_is_refused() {
    let room = Room::new(&Script::works(), "");
    room.issues(&["gt-1", "gt-2", "gt-3", "gt-4", "gt-5", "gt-6"]);
    let (state, kept) = (room.state(), room.env.root().join("kept"));
    copy(&room, &state, &kept);
    let (mut refused, whole) = (0, room.convoy(["events"]).ok().stdout);
    for file in ["log.db-wal", "log.db"] {
        let Ok(length) = fs::metadata(state.join(file)).map(|file| file.len()) else { continue };
        let step = count(3, 1) as u64;
        let cuts = [1, 2, 7, 100, 511, 512, 513, 1000, 2048, 4096, 8192]
            .into_iter()
            .step_by(usize::try_from(step).unwrap());
        for cut in cuts.filter(|cut| *cut < length) {
            copy(&room, &kept, &state);
            fs::File::options().write(true).open(state.join(file)).unwrap().set_len(length - cut).unwrap();
            let first = room.convoy(["events"]);
            if first.status == 0 {
                // What was cut off held nothing that counts.
                assert_eq!(first.stdout, whole, "{file} - {cut}: events are gone");
                continue;
            }
            refused += 1;
            for args in [&["events"][..], &["issue", "create", "More"], &["up"]] {
                let run = room.convoy(args).exits(1);
                assert!(run.stderr.contains("convoy doctor"), "{file} - {cut}: {}", run.shown());
            }
            let doctor = room.convoy(["doctor", "--json"]).exits(1).json();
            let log = doctor["findings"]
                .as_array()
                .unwrap()
                .iter()
                .find(|f| f["check"] == "log" && f["health"] == "error");
            assert!(log.is_some(), "{file} - {cut}: {doctor}");
        }
    }
    assert!(refused > 2, "there was nothing to cut");
    // The same without a word, and the events that nobody was told of are dropped without one.
    copy(&room, &kept, &state);
    let wal = state.join("log.db-wal");
    let mut bytes = fs::read(&wal).unwrap_or_default();
    let frame: Vec<u8> = bytes.iter().rev().take(700).copied().collect();
    bytes.extend(frame);
    fs::write(&wal, bytes).unwrap();
    room.convoy(["issue", "create", "More", "--id", "gt-7"]).ok();
    oracle::check(&room, &["gt-1", "gt-2", "gt-3", "gt-4", "gt-5", "gt-6", "gt-7"]);
}

/// Each is only a cache, or made when it is needed.
#[test]
fn what_is_derived_can_be_deleted() {
    let room = Room::new(&Script::works(), "");
    room.issues(&["gt-1"]);
    let convoy = room.launch(&["gt-1"]);
    room.land(&convoy);
    room.convoy(["down"]).ok();
    let before = room.convoy(["status", &convoy, "--json"]).ok().stdout;
    for file in ["snapshot", "socket", "lock", "log.ack", "engine.log", "log.db-shm"] {
        let _ = fs::remove_file(room.state().join(file));
        assert_eq!(room.convoy(["status", &convoy, "--json"]).ok().stdout, before, "{file}");
        oracle::check(&room, &["gt-1", &convoy]);
    }
}
