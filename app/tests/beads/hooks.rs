//! Hooks of beads call us, and those of somebody else stay as they are.

use std::os::unix::fs::PermissionsExt as _;

use convoy_testkit::fake_bd::calls_file;
use convoy_testkit::wait;

use crate::room::{Room, SOON};

#[test]
fn a_close_lands_a_convoy_without_an_engine_and_without_a_command() {
    let room = Room::new();
    let id = room.bd().create("A", &[]);
    room.convoy("tracker notify");
    let convoy = room.create(&[&id]);
    let done = room.json("tracker hook install tools");
    assert_eq!(done["changed"].as_array().unwrap().len(), 3, "{done}");
    assert_eq!(room.json("tracker hook install tools")["same"].as_array().unwrap().len(), 3);
    let lists = || room.bd().calls().iter().filter(|call| call.starts_with("list")).count();
    let before = lists();
    room.bd().run(["close", &id]).ok();
    assert!(wait::until(&calls_file(&room.tools()), SOON, || lists() > before), "the hook does not call");
    assert_eq!(room.landed_by(&convoy), "tracker");
}

#[test]
fn those_of_somebody_else_are_left_alone() {
    let room = Room::new();
    let hooks = room.tools().join(".beads/hooks");
    std::fs::create_dir(&hooks).unwrap();
    let theirs = "#!/bin/sh\necho mine\n";
    std::fs::write(hooks.join("on_close"), theirs).unwrap();
    let run = room.env.convoy(["tracker", "hook", "install", "tools"]).ok();
    assert!(run.stderr.contains("left alone"), "{}", run.shown());
    assert_eq!(std::fs::read_to_string(hooks.join("on_close")).unwrap(), theirs);
    let mode = std::fs::metadata(hooks.join("on_create")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    room.convoy("tracker hook remove tools");
    assert_eq!(std::fs::read_to_string(hooks.join("on_close")).unwrap(), theirs);
    assert!(!hooks.join("on_create").exists());
    room.env.convoy(["tracker", "hook", "install", "home"]).exits(1);
    room.env.convoy(["tracker", "hook", "install", "nowhere"]).exits(3);
}
