//! Whatever people and agents write stays text.

use convoy_testkit::fake_agent::{Case, Script, Step};

use crate::browser::Browser;
use crate::room::{Room, text};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> & \u{1b}[31m\u{202e}";

#[test]
fn nothing_that_somebody_wrote_becomes_markup() {
    let fails = Case { steps: vec![Step::Complain(HOSTILE.to_owned()), Step::Exit(1)], ..Case::default() };
    let room = Room::with("", &Script { cases: vec![fails] });
    let issue = |id: &str, more: &[&str]| {
        let mut words =
            vec!["issue", "create", HOSTILE, "--id", id, "--body", HOSTILE, "--label", "<b>x</b>"];
        words.extend(more);
        room.env.convoy(words).ok();
    };
    issue("gt-a", &[]);
    issue("gt-b", &["--needs", "gt-a"]);
    let made = room.env.convoy(["create", HOSTILE, "gt-a", "gt-b", "--run", "--json"]).ok().json();
    let id = text(&made, "/id");
    room.stalls(id);
    let browser = Browser::new(&room);
    for path in ["/", "/convoys", "/convoys/new", "/start?template=triage", &format!("/convoys/{id}")] {
        let page = browser.page(path);
        for bad in ["<script>alert", "<img src=x", "<b>x</b>", "\u{1b}", "\u{202e}", "\"'><"] {
            assert!(!page.body.contains(bad), "{bad:?} in {path}: {}", page.body);
        }
        assert!(page.body.contains("&lt;script&gt;alert(1)"), "{path}: {}", page.body);
    }
    // What stands in an address is no page either.
    for path in [
        "/convoys/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/?did=%3Cscript%3E",
        "/convoys?status=%3Cscript%3Ealert",
    ] {
        let page = browser.get(path);
        assert!(
            !page.body.contains("<script>alert") && !page.body.contains("<script>\""),
            "{path}: {}",
            page.body
        );
    }
    let closed = room.env.convoy(["close", id, "--reason", HOSTILE]);
    assert_eq!(closed.status, 0);
    let page = browser.page(&format!("/convoys/{id}"));
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
}
