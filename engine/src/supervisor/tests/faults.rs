//! What recovery finds, and what can never happen twice.

use convoy_core::report::ExitKind;

use super::*;
use crate::supervisor::launch::{Fenced, Probe, fence, probe, reap_leftovers};

#[test]
fn of_two_supervisors_one_runs() {
    let session = script("echo x >> ../starts; cat");
    session.create();
    let mut all: Vec<Launched> =
        (0..2).map(|_| launch(&program(), &session.dir, &environment()).unwrap()).collect();
    let mut codes: Vec<i32> = all.iter_mut().map(|one| one.child.wait().unwrap().code().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, i32::from(crate::supervisor::STATUS_CLAIMED)]);
    assert_eq!(std::fs::read_to_string(session.root.path().join("starts")).unwrap(), "x\n");
    // Nor does a third, later.
    let third = launch(&program(), &session.dir, &environment()).unwrap().child.wait().unwrap();
    assert_eq!(third.code(), Some(3));
    assert!(matches!(probe(&session.dir).unwrap(), Probe::Ended(exit) if exit.kind == ExitKind::Exited));
    assert_eq!(fence(&session.dir).unwrap(), Fenced::AlreadyStarted);
}

#[test]
fn a_fenced_session_never_starts() {
    let session = script("exit 0");
    session.create();
    assert!(matches!(probe(&session.dir).unwrap(), Probe::NeverStarted));
    assert_eq!(fence(&session.dir).unwrap(), Fenced::Fenced);
    assert_eq!(fence(&session.dir).unwrap(), Fenced::AlreadyStarted);
    let status = launch(&program(), &session.dir, &environment()).unwrap().child.wait().unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(matches!(probe(&session.dir).unwrap(), Probe::Dead(_)));
    assert!(session.dir.started().unwrap().is_none());
    // Also one whose directory was never made, or was lost.
    let absent = SessionDir::new(session.root.path().join("sessions/s-absent"));
    assert!(matches!(probe(&absent).unwrap(), Probe::NeverStarted));
    assert_eq!(fence(&absent).unwrap(), Fenced::Fenced);
}

#[test]
fn what_a_killed_supervisor_leaves_is_found_and_killed() {
    let session = script(
        "setsid sh -c 'echo ready > ready; sleep 1000' & (cd .. && exec env -u CONVOY_SESSION sleep 1000) & (exec env -u CONVOY_SESSION sleep 1000) & wait",
    );
    let ready = session.fifo("ready");
    let mut running = session.launch();
    running.hear(&ready);
    let session = &running.session;
    assert!(matches!(probe(&session.dir).unwrap(), Probe::Live(_)));
    let agent = session.dir.started().unwrap().unwrap().process;
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert!(matches!(probe(&session.dir).unwrap(), Probe::Dead(_)));
    // The agent's own process goes with its supervisor; what it started does not.
    assert!(agent.wait_end(PATIENCE).unwrap());
    assert!(!session.marked().is_empty());
    let bystander = script("");
    let mut other = crate::os::spawn::command("/bin/sleep")
        .arg("1000")
        .current_dir(&bystander.spec.workdir)
        .spawn()
        .unwrap();
    let killed = reap_leftovers(&session.spec.session, &session.spec.workdir).unwrap();
    assert!(killed >= 2, "{killed}");
    assert_eq!(
        process::marked_or_inside(
            crate::supervisor::MARK,
            session.spec.session.as_str(),
            &session.spec.workdir
        ),
        []
    );
    assert_eq!(reap_leftovers(&session.spec.session, &session.spec.workdir).unwrap(), 0);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_stranger_with_the_same_pid_is_left_alone() {
    let session = script("");
    session.create();
    let mut other = crate::os::spawn::command("/bin/sleep").arg("1000").spawn().unwrap();
    let mut record =
        crate::supervisor::files::RunRecord::here(crate::supervisor::files::RunBy::Supervisor).unwrap();
    record.process = Process::of(other.id()).unwrap();
    record.process.start_ticks -= 1;
    assert!(session.dir.claim(&record).unwrap());
    assert!(matches!(probe(&session.dir).unwrap(), Probe::Dead(found) if found == record));
    assert_eq!(reap_leftovers(&session.spec.session, &session.spec.workdir).unwrap(), 0);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_supervisor_of_another_boot_is_dead() {
    let session = script("");
    session.create();
    let mut record =
        crate::supervisor::files::RunRecord::here(crate::supervisor::files::RunBy::Supervisor).unwrap();
    record.boot_id = "another".to_owned();
    assert!(session.dir.claim(&record).unwrap());
    assert!(matches!(probe(&session.dir).unwrap(), Probe::Dead(_)));
}

#[test]
fn damage_is_an_error_but_a_torn_last_line_is_not() {
    let done = script("").finish();
    let dir = &done.session.dir;
    let whole = std::fs::read_to_string(dir.observations()).unwrap();
    std::fs::write(dir.observations(), format!("{whole}{{\"n\":2,\"at\"")).unwrap();
    assert_eq!(dir.observations_after(0).unwrap(), done.observations);
    for damaged in [format!("{whole}{{\"n\":2}}\n"), format!("{whole}{whole}"), format!("x{whole}")] {
        std::fs::write(dir.observations(), damaged).unwrap();
        let error = dir.observations_after(0).unwrap_err().to_string();
        assert!(error.contains("observations.ndjson is damaged at line"), "{error}");
    }
    for name in ["exit.json", "spec.json", "run.json"] {
        std::fs::write(dir.path().join(name), "{\"vers").unwrap();
    }
    assert!(dir.exit().is_err() && dir.spec().is_err() && dir.run_record().is_err() && probe(dir).is_err());
    let status = launch(&program(), dir, &environment()).unwrap().child.wait().unwrap();
    assert_eq!(status.code(), Some(4));
    let log = std::fs::read_to_string(dir.supervisor_log()).unwrap();
    assert!(log.contains("spec.json is damaged at line 1"), "{log}");
}
