//! Engines that die while a role is launched, looked at or published: it is done once, and all of it.

use convoy_testkit::fake_agent::{Script, Step as Deed};

use super::*;
use crate::room::SOON;

#[test]
fn whatever_moment_an_engine_dies_at_a_report_is_published_once() {
    for point in
        ["launch:before", "launch:after", "publish:before", "publish:half", "publish:after", "publish:left"]
    {
        let findings = Deed::Write {
            path: "$CONVOY_OUTPUT_DIR/a.findings.json".into(),
            content: r#"{"findings": []}"#.into(),
        };
        let room = Room::new(&Script::always([Deed::Output("# Report\n".into()), findings]));
        let mut serve = room.env.command(env!("CARGO_BIN_EXE_convoy"), &room.env.dir());
        serve.args(["daemon", "serve"]).env("CONVOY_CRASH", format!("{point}@1"));
        let engine = room.env.spawn(serve);
        room.env.wait_for(room.env.dir().join(".convoy/state/socket"));
        let convoy = begin(&room, vec![role("a").gives(OutputKind::Findings)]);
        assert_eq!(engine.wait(SOON).status, 137, "{point} was not reached");
        room.convoy("up");
        let ended = ended(&room, &convoy);
        assert_eq!(ended["a"]["status"], "completed", "{point}: {:#}\n{}", ended["a"], room.story());
        assert_eq!(all_published(&room, &convoy), ["a.findings.json", "a.md"], "{point}");
        assert_eq!(published(&room, &convoy, "a.md"), "# Report\n", "{point}");
        let starts = room.env.witness().into_iter().filter(|seen| seen["event"] == "start").count();
        assert_eq!(starts, 1, "{point}: the agent was started again");
        assert_eq!(ended["a"]["attempts"], 1, "{point}");
        let folder = outputs(&room, &convoy);
        for name in [".trays", ".tmp"] {
            assert!(!folder.join(name).exists(), "{point}: {name} is left");
        }
    }
}
