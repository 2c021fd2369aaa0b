//! A whole review of code from the page: chosen, started, followed, read; and another one stopped.

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Script, Step};

use crate::desk::{Desk, finding, hears, ranks, reviews};
use crate::room::{outside, text};
use crate::visit::Visit;

const REVIEWERS: [&str; 3] = ["correctness", "security", "performance"];

/// Reviewers that say what they do, are held, and find something each; and whoever sums it up.
fn script(env: &TestEnv) -> Script {
    let mut script = Script::default();
    for (n, name) in REVIEWERS.into_iter().enumerate() {
        let says = format!("{name} reads <b>src/lib.txt</b> \u{1b}[31mslowly\u{1b}[0m");
        let mut steps = vec![Step::Print(says), hears(env, "more"), Step::Print(format!("{name} goes on"))];
        steps.push(hears(env, "go"));
        steps.extend(reviews(name, [finding("high", &format!("What {name} found"), n + 1)]));
        script = script.role(name, steps);
    }
    script.role("synthesis", [ranks(REVIEWERS.len())])
}

#[test]
fn a_review_is_started_followed_and_read_on_its_page_and_another_is_stopped() {
    let env = outside();
    let script = script(&env);
    let desk = Desk::around(env, "", &script);
    let env = &desk.room.env;
    let Some(mut visit) = Visit::new(env) else { return };
    let go = env.root().join("said/go");

    // Chosen from the selector, seen before it is started.
    visit.browser.click("nav a", "Start");
    visit.browser.click("main a", "code-review");
    visit.browser.fill("textarea[name=files]", "src/**");
    visit.is_fine("the form of a template");
    visit.browser.click("button", "Preview");
    visit.browser.see("main", "nothing is started yet");
    visit.browser.see("#role-synthesis", "correctness, security, performance");
    visit.is_fine("the preview");
    assert_eq!(desk.room.json("list --all"), serde_json::json!([]), "nothing was started");
    visit.browser.click("main button", "Start");

    // Three roles run side by side, and their output appears as it is printed: as text, and not executed.
    for name in REVIEWERS {
        visit.browser.see(&format!("#role-{name}"), "running");
        visit.browser.see("pre.live", &format!("{name} reads <b>src/lib.txt</b>"));
    }
    // Nothing happens, but that they go on to print.
    std::fs::write(env.root().join("said/more"), "").unwrap();
    for name in REVIEWERS {
        let seen = visit.browser.see("pre.live", &format!("{name} goes on"));
        assert!(seen.contains(&format!("{name} reads <b>src/lib.txt</b>")), "{seen}");
    }
    let address = visit.browser.address();
    let id = address.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let seen = visit.browser.see("#role-synthesis", "pending");
    assert!(seen.contains("after"), "{seen}");
    visit.is_fine("a review at work");

    // They end, their findings are put in order, and the page says so without being asked.
    std::fs::write(&go, "").unwrap();
    for name in REVIEWERS.into_iter().chain(["synthesis"]) {
        visit.browser.see(&format!("#role-{name}"), "completed");
    }
    for name in REVIEWERS {
        visit.browser.see("main", &format!("What {name} found"));
    }
    assert_eq!(visit.browser.address(), address, "nobody has loaded it again");
    visit.is_fine("a review that is over");
    assert_eq!(text(&desk.status(&id), "/outcome"), "completed");

    // Another one is started at once, and stopped, which is asked for twice.
    std::fs::remove_file(&go).unwrap();
    visit.page("/start?template=code-review");
    visit.browser.click("button", "Start at once");
    visit.browser.see("#role-security", "running");
    let other = visit.browser.address();
    let other = other.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    visit.browser.click("summary", "Stop");
    visit.browser.click("dialog form button", "Stop");
    visit.browser.see("main", "It is being stopped");
    let over = desk.over(&other);
    assert_eq!(over["context"]["stopped_by"], "overseer", "{over:#}");
    for name in REVIEWERS {
        visit.browser.gone(&format!("#role-{name}"), "running");
    }
    visit.is_fine("a review that was stopped");
}
