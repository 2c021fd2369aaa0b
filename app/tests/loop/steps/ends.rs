//! How roles end: well, with nothing, badly, never; and that one says nothing about the others.

use convoy_testkit::fake_agent::{Script, Step as Deed};

use super::*;

fn out(text: &str) -> Deed {
    Deed::Output(text.to_owned())
}

fn shell(line: &str) -> Deed {
    Deed::Run(["sh", "-c", line].map(str::to_owned).into())
}

/// Runs roles side by side, each with its deeds, beside one that works.
fn side_by_side(cases: &[(&str, Vec<Deed>)]) -> (Room, String, BTreeMap<String, Value>) {
    let script =
        cases.iter().fold(Script::default(), |script, (name, deeds)| script.or(does(name, deeds.clone())));
    let room = Room::new(&script.or(does("good", [out("Good\n")])));
    let names = cases.iter().map(|(name, _)| *name).chain(["good"]);
    let convoy = begin(&room, names.map(role).collect());
    let ended = ended(&room, &convoy);
    (room, convoy, ended)
}

#[test]
fn only_an_end_that_is_good_with_a_report_is_one() {
    let cases = [
        ("nothing", vec![]),
        ("empty", vec![out("")]),
        ("blank", vec![out(" \n\t\n")]),
        ("status", vec![out("Half a report\n"), Deed::Exit(3)]),
        ("killed", vec![out("Half a report\n"), Deed::Die("KILL".to_owned())]),
        ("ended", vec![Deed::Die("TERM".to_owned())]),
        ("elsewhere", vec![Deed::Write { path: "$CONVOY_OUTPUT_DIR/other.md".into(), content: "x".into() }]),
        ("noise", vec![Deed::Garbage(100_000)]),
        ("bytes", vec![shell("printf '\\377\\376' > \"$CONVOY_OUTPUT_FILE\"")]),
    ];
    let (room, convoy, ended) = side_by_side(&cases);
    for (name, why, code) in [
        ("nothing", "it ended without a report: nothing.md is not there, or empty", Some(0)),
        ("empty", "it ended without a report", Some(0)),
        ("blank", "it ended without a report", Some(0)),
        ("status", "status 3", Some(3)),
        ("killed", "signal 9", None),
        ("ended", "signal 15", None),
        ("elsewhere", "it ended without a report", Some(0)),
        ("noise", "it ended without a report", Some(0)),
        ("bytes", "UTF-8", Some(0)),
    ] {
        let role = &ended[name];
        assert_eq!((&role["status"], role["exit_code"].as_i64()), (&"failed".into(), code), "{role:#}");
        assert!(role["why"].as_str().unwrap().contains(why), "{role:#}");
        assert_eq!(role["output_file"], Value::Null);
    }
    assert_eq!(ended["good"]["status"], "completed");
    assert_eq!(published(&room, &convoy, "good.md"), "Good\n");
    assert_eq!(all_published(&room, &convoy), ["good.md"]);
    // What a failed one wrote is there for people, and is nobody's report.
    for name in ["status", "killed"] {
        assert_eq!(left(&room, &convoy, &ended[name], &format!("{name}.md")), "Half a report\n");
    }
    assert_eq!(room.json("workdir list"), serde_json::json!([]), "checkouts of roles are removed");
}

#[test]
fn a_link_is_no_report() {
    let secret = "/etc/hostname";
    let cases = [
        ("symbolic", vec![shell(&format!("ln -s {secret} \"$CONVOY_OUTPUT_FILE\""))]),
        ("folder", vec![shell("mkdir \"$CONVOY_OUTPUT_FILE\"")]),
        ("pipe", vec![shell("mkfifo \"$CONVOY_OUTPUT_FILE\"")]),
        (
            "twice",
            vec![shell(
                "echo x > \"$CONVOY_OUTPUT_DIR/x\" && ln \"$CONVOY_OUTPUT_DIR/x\" \"$CONVOY_OUTPUT_FILE\"",
            )],
        ),
    ];
    let (room, convoy, ended) = side_by_side(&cases);
    for (name, why) in [
        ("symbolic", "is a link"),
        ("folder", "not a plain file"),
        ("pipe", "not a plain file"),
        ("twice", "another name"),
    ] {
        assert_eq!(ended[name]["status"], "failed", "{:#}", ended[name]);
        assert!(ended[name]["why"].as_str().unwrap().contains(why), "{:#}", ended[name]);
    }
    assert_eq!(all_published(&room, &convoy), ["good.md"]);
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_started() {
    let hang = || vec![Deed::Ignore(vec!["INT".into(), "TERM".into()]), Deed::Hang];
    let orphan = Deed::Orphan { steps: hang(), keep_stdout: true };
    let script = Script::default()
        .or(does("hung", [vec![out("So far\n"), orphan], hang()].concat()))
        .or(does("good", [out("Good\n")]));
    let room = Room::new(&script);
    let hung = role("hung").within(Span::from_millis(1_500));
    let convoy = begin(&room, vec![hung, role("good"), role("next").after("hung").says("{{ inputs.hung }}")]);
    let ended = ended(&room, &convoy);
    assert_eq!(ended["hung"]["status"], "failed", "{:#}", ended["hung"]);
    assert!(ended["hung"]["why"].as_str().unwrap().contains("longer"), "{:#}", ended["hung"]);
    assert_eq!(ended["good"]["status"], "completed");
    assert_eq!(all_published(&room, &convoy), ["good.md"]);
    for seen in room.env.witness() {
        let pid = seen["pid"].as_u64().unwrap();
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{seen:#} lives");
    }
}

#[test]
fn one_whose_findings_cannot_be_read_is_asked_once_to_mend_them() {
    let finding = r#"{"findings": [{"severity": "high", "title": "A hole", "file": "README.md", "line": 1, "quote": "Hello"}]}"#;
    let write =
        |text: &str| Deed::Write { path: "$CONVOY_OUTPUT_DIR/a.findings.json".into(), content: text.into() };
    let report = || out("# Report\n");
    let script = Script::default()
        .or(Case {
            role: Some("a".into()),
            attempt: Some(1),
            steps: vec![report(), write("{\"findings\": [{]")],
            ..Case::default()
        })
        .or(does("a", [Deed::SavePrompt("$CONVOY_OUTPUT_DIR/prompt".into()), report(), write(finding)]))
        .or(does("never", [out("# Nothing that a program could read\n")]));
    let room = Room::new(&script);
    let findings = |name: &str| role(name).gives(OutputKind::Findings);
    let convoy = begin(&room, vec![findings("a"), findings("never")]);
    let ended = ended(&room, &convoy);
    assert_eq!(
        (&ended["a"]["status"], &ended["a"]["findings"], &ended["a"]["attempts"]),
        (&"completed".into(), &1.into(), &2.into()),
        "{:#}",
        ended["a"]
    );
    let told = left(&room, &convoy, &ended["a"], "prompt");
    assert!(told.contains("a.findings.json cannot be read: it is not JSON"), "{told}");
    let list: Value = serde_json::from_str(&published(&room, &convoy, "a.findings.json")).unwrap();
    assert_eq!(list["findings"][0]["title"], "A hole");
    assert_eq!((&ended["never"]["status"], &ended["never"]["attempts"]), (&"failed".into(), &2.into()));
    assert!(ended["never"]["why"].as_str().unwrap().contains("no findings"), "{:#}", ended["never"]);
    assert_eq!(all_published(&room, &convoy), ["a.findings.json", "a.md"]);
}

#[test]
fn a_role_is_tried_as_often_as_its_template_says_and_told_what_was_wrong() {
    let script = Script::default()
        .or(Case {
            attempt: Some(1),
            steps: vec![Deed::Complain("out of luck".into()), Deed::Exit(9)],
            ..Case::default()
        })
        .or(does("a", [Deed::SavePrompt("$CONVOY_OUTPUT_DIR/prompt".into()), out("At last\n")]));
    let room = Room::new(&script);
    let convoy = begin(&room, vec![role("a").but(|role| role.step.max_attempts = Some(2))]);
    let ended = ended(&room, &convoy);
    assert_eq!(
        (&ended["a"]["status"], &ended["a"]["attempts"]),
        (&"completed".into(), &2.into()),
        "{:#}",
        ended["a"]
    );
    let told = left(&room, &convoy, &ended["a"], "prompt");
    assert!(told.contains("exited with status 9") && told.contains("out of luck"), "{told}");
    assert!(told.starts_with("You are a."), "{told}");
}
