//! One golden file per type of event, which must keep parsing for as long as there are logs with it.
//!
//! A new variant needs a sample here and gets its file from `UPDATE_GOLDEN=1`. A file that exists is never
//! written again: a change of its form that cannot read it is a broken contract.

mod samples;
mod templates;

use std::collections::BTreeSet;
use std::path::PathBuf;

use convoy_core::event::{Batch, Event, Key};

use samples::*;

fn type_of(event: &Event) -> String {
    serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn each_type_of_event_has_a_file_that_parses_back() {
    #[expect(clippy::disallowed_methods, reason = "an update is asked for by environment")]
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for event in samples() {
        let path = folder().join(format!("{}.json", type_of(&event)));
        let text = serde_json::to_string_pretty(&event).unwrap() + "\n";
        if update && !path.exists() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden =
            std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
        let old: Event = serde_json::from_str(&golden).expect("an old event must keep parsing");
        assert_eq!(event.name(), type_of(&event), "the name is the type");
        assert_eq!(old, event, "{} means something else now", path.display());
        assert_eq!(golden, text, "{} is written differently now", path.display());
    }
}

#[test]
fn every_file_is_of_a_sample_and_every_variant_has_one() {
    let types: BTreeSet<String> = samples().iter().map(type_of).collect();
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().trim_end_matches(".json").to_owned())
        .collect();
    assert_eq!(types, files);
    // The variants, as they stand in the source: a new one without a sample is noticed.
    let source = include_str!("../../src/event.rs");
    let declared: BTreeSet<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("#[serde(rename = \"")?.strip_suffix("\")]"))
        .map(str::to_owned)
        .collect();
    assert_eq!(declared, types);
}

#[test]
fn events_from_before_a_field_keep_parsing() {
    // Written by the version before `dropped_bytes`, `elapsed_ms`, and what convoys have learned to carry.
    let mut exit: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("session.ended.json")).unwrap()).unwrap();
    for field in ["dropped_bytes", "elapsed_ms"] {
        exit["data"]["exit"].as_object_mut().unwrap().remove(field).unwrap();
    }
    serde_json::from_value::<Event>(exit).expect("it parses without");
    let mut convoy: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("convoy.created.json")).unwrap())
            .unwrap();
    for field in ["agent", "model", "epic", "owned", "due"] {
        convoy["data"]["convoy"].as_object_mut().unwrap().remove(field).unwrap();
    }
    let text = std::fs::read_to_string(folder().join("notice.sent.json")).unwrap();
    let mut notice: serde_json::Value = serde_json::from_str(&text).unwrap();
    notice["data"].as_object_mut().unwrap().remove("deliveries").unwrap();
    notice["data"]["notice"].as_object_mut().unwrap().remove("from").unwrap();
    serde_json::from_value::<Event>(notice).expect("it parses without");
    // Written by the version before the merge queue.
    let mut submitted: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("worker.submitted.json")).unwrap())
            .unwrap();
    for field in ["moved", "batch", "broken", "pause", "request"] {
        submitted["data"]["submission"].as_object_mut().unwrap().remove(field).unwrap();
    }
    serde_json::from_value::<Event>(submitted).expect("it parses without");
    for (file, place, field) in [
        ("worker.learned", "/data/lesson", "conflicts"),
        ("session.prepared", "/data/workdir", "onto"),
        ("issue.closed", "/data/closed/evidence", "request"),
    ] {
        let path = folder().join(format!("{file}.json"));
        let mut event: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        event.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        serde_json::from_value::<Event>(event).expect("it parses without");
    }
    // Fields of a newer version are skipped.
    convoy["data"]["convoy"]["hue"] = "blue".into();
    serde_json::from_value::<Event>(convoy).expect("it parses without");
    let mut worker: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("worker.assigned.json")).unwrap())
            .unwrap();
    for field in ["name", "although_parked", "model_fixed"] {
        worker["data"]["worker"].as_object_mut().unwrap().remove(field).unwrap();
    }
    serde_json::from_value::<Event>(worker).expect("it parses without");
}

#[test]
fn a_batch_and_its_envelopes_round_trip() {
    let key = Some(Key { key: "k".into(), ids: vec!["hq-abc".into()], print: 7 });
    let batch = Batch { at: at(), actor: to(), key, events: samples() };
    let text = serde_json::to_string(&batch).unwrap();
    assert_eq!(serde_json::from_str::<Batch>(&text).unwrap(), batch);
    for (n, envelope) in (5..).zip(batch.envelopes(convoy_core::id::Seq(5))) {
        assert_eq!(envelope.seq.0, n);
        let text = serde_json::to_string(&envelope).unwrap();
        assert_eq!(serde_json::from_str::<convoy_core::event::Envelope>(&text).unwrap(), envelope);
        // A person's own session is no attempt.
        let own = ["opened", "paused", "completed"].map(|name| format!("\"type\":\"session.{name}\""));
        let of_session =
            ["session.", "witness."].iter().any(|kind| text.contains(&format!("\"type\":\"{kind}")));
        let of_attempt = of_session && !own.iter().any(|own| text.contains(own));
        assert_eq!(envelope.epoch.is_some(), of_attempt, "{text}");
    }
}
