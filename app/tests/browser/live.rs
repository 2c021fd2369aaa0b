//! A page that changes while somebody is at it: what is typed, opened or has the focus stays, and no line is lost.

use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, commit, outside, says, text};
use crate::visit::Visit;

#[test]
fn what_somebody_does_on_a_page_outlasts_its_changes() {
    let env = outside();
    let mut lands = vec![Room::hold(&env, "land")];
    lands.extend(commit("a.txt", "done\n"));
    let asks = vec![Room::hold(&env, "ask"), says(&["blocked", "which database?"])];
    let script = Script::default().issue("gt-a", lands).issue("gt-b", asks);
    let room = Room::around(env, "", &script);
    room.convoy("up");
    room.launch_new("gt-a", "");
    room.launch_new("gt-b", "");
    room.env.wait_witness("start", 2);
    let Some(mut visit) = Visit::new(&room.env) else { return };

    // Who stands second in a list is not touched when the first one goes.
    visit.page("/");
    visit.browser.see("#link", "live");
    visit.browser.see("section[aria-labelledby=running] li", "Do gt-a");
    visit.browser.focus("section[aria-labelledby=running] a", "Do gt-b");
    room.open("land");
    visit.browser.gone("section[aria-labelledby=running] li", "Do gt-a");
    visit.browser.see("a:focus", "Do gt-b");

    // A note comes above a form in which somebody types, and the commands below it are others.
    visit.page("/issues/gt-b");
    visit.browser.see("#link", "live");
    visit.browser.click("summary", "Have it wait");
    visit.browser.fill("main input[name=needs]", "gt-a");
    visit.browser.focus("h1 ~ p, nav a", "");
    room.open("ask");
    visit.browser.see("p.note", "which database?");
    assert_eq!(visit.browser.value("details[open] input[name=needs]"), "gt-a");
    let copies = visit.browser.attributes(".copy", "aria-label");
    let commands = visit.browser.attributes("[data-copy]", "data-copy");
    let commands: Vec<String> = commands.iter().map(|line| format!("Copy {line}")).collect();
    assert_eq!(copies, commands);
    visit.browser.click(".copy", "Copy");
    visit.browser.see(".copy", "Copied");

    // A click beside a dialog is no answer to it.
    visit.browser.click("summary", "Close");
    visit.browser.fill("dialog input[name=note]", "not any more");
    visit.browser.tap(2, 2);
    assert_eq!(visit.browser.value("dialog input[name=note]"), "not any more");
    visit.browser.press("Escape");
    visit.browser.gone("dialog", "");

    for path in ["/issues", "/mail"] {
        visit.page(path);
        visit.browser.press("/");
        visit.browser.see("form.chooser select:focus", "");
    }
    assert_eq!(visit.browser.errors(), Vec::<String>::new());
}

#[test]
fn what_an_agent_printed_before_its_box_was_there_stays_in_it() {
    let env = outside();
    let steps = [
        Step::Print("the first line".to_owned()),
        Room::hold(&env, "more"),
        Step::Print("the second line".to_owned()),
        Room::hold(&env, "never"),
    ];
    let room = Room::around(env, "", &Script::default().issue("gt-a", steps));
    room.convoy("up");
    room.issues("gt-a");
    let made = room.json("create Work gt-a");
    let Some(mut visit) = Visit::new(&room.env) else { return };
    let convoy = text(&made, "/id");
    visit.page(&format!("/convoys/{convoy}"));
    visit.browser.see("#link", "live");
    let _run = room.env.start(["run", convoy]);
    visit.browser.see("pre.live", "the first line");
    // The page has been told all that happened; from now on there are only lines.
    room.open("more");
    let box_of = visit.browser.see("pre.live", "the second line");
    assert_eq!(box_of.trim_end(), "the first line\nthe second line");
    assert_eq!(visit.browser.errors(), Vec::<String>::new());
}
