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
        "setsid sh -c 'echo ready > ready; sleep 1000' & (exec env -u CONVOY_SESSION sleep 1000) & wait",
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

#[test]
fn forms_are_those_that_were_published() {
    use crate::supervisor::protocol::{OwnReport, Reply, Request};
    let exit = r#"{"epoch":7,"code":0,"signal":null,"kind":{"stopped":"wall_time"},"detail":null,"leaked":1,"result":{"ok":true,"error":null,"cost":450,"tokens":{"input":1,"output":2,"cache_read":3,"cache_write":4},"denied":0},"last_n":2,"dropped_bytes":0,"elapsed_ms":5,"started_at":"2026-11-21T04:31:24.669+00:00","ended_at":"2026-11-21T04:31:25.172+00:00"}"#;
    same::<Exit>(exit);
    for report in [
        r#"{"kind":"started","pid":10142,"start_ticks":281456}"#,
        r#"{"kind":"usage","message_id":"m","model":"x","tokens":{"input":1,"output":2,"cache_read":3,"cache_write":4}}"#,
        r#"{"kind":"stopping","why":"storage"}"#,
        r#"{"kind":"retrying","status":529,"delay_ms":100}"#,
    ] {
        same::<Observation>(&format!(
            r#"{{"n":1,"at":"2026-11-21T04:31:24.670+00:00","epoch":7,"report":{report}}}"#
        ));
    }
    same::<crate::supervisor::files::RunRecord>(
        r#"{"version":1,"by":"fence","boot_id":"b","pid":3,"start_ticks":4,"at":"2026-11-21T04:31:24.670+00:00"}"#,
    );
    same::<Spec>(
        r#"{"version":1,"session":"s-1","epoch":7,"worker":"w-1","issue":"gt-1","convoy":null,"argv":["x"],"workdir":"/w","env":{"PATH":"/bin"},"prompt":"stdin","translator":"claude","limits":{"wall_ms":1,"silence_ms":null,"spend_micros":2,"output_bytes":3},"stop":[{"signal":"INT","wait_ms":5000}],"runtime":"tmux","prices":{}}"#,
    );
    same::<Request>(r#"{"subscribe":{"after":3}}"#);
    same::<Request>(r#"{"stop":{"epoch":7}}"#);
    same::<Request>(r#"{"nudge":{"epoch":7,"text":"x","by":null}}"#);
    same::<Request>(r#"{"report":{"done":{"no_change":true,"note":null}}}"#);
    same::<Request>(r#"{"report":{"checkpoint":{"note":"x"}}}"#);
    same::<Request>(r#"{"report":{"escalated":{"reason":"x"}}}"#);
    same::<Request>(r#"{"report":{"conversation":{"id":"c","model":null}}}"#);
    same::<Request>(r#"{"report":{"waiting":{"what":"x"}}}"#);
    same::<Request>(r#"{"report":"alive"}"#);
    same::<Reply>(r#"{"ok":{"version":1}}"#);
    same::<Reply>(r#"{"error":{"code":"stale","message":"x"}}"#);
    // From another version: less, or more, than is known here.
    let short: OwnReport = serde_json::from_str(r#"{"done":{"mood":"fine"}}"#).unwrap();
    assert_eq!(short, OwnReport::Done { no_change: false, note: None });
    let unknown: Report = serde_json::from_str(r#"{"kind":"from_the_future","x":1}"#).unwrap();
    assert_eq!(unknown, Report::Unknown);
}

/// What was published is read, and written as it was: fields may have been added since, none changed or left out.
fn same<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str) {
    let written = serde_json::to_value(serde_json::from_str::<T>(text).unwrap()).unwrap();
    let published: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(holds(&written, &published), "{written:#}\ndoes not hold\n{published:#}");
}

fn holds(written: &serde_json::Value, published: &serde_json::Value) -> bool {
    match (written, published) {
        (serde_json::Value::Object(written), serde_json::Value::Object(published)) => {
            published.iter().all(|(key, value)| written.get(key).is_some_and(|new| holds(new, value)))
        }
        (written, published) => written == published,
    }
}
