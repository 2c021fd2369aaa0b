//! Every page, with something on it that is hard to show: on a phone and on a desk, light and dark, with and without scripts.

use convoy_testkit::browser::Scheme;
use convoy_testkit::fake_agent::{Script, Step};

use crate::room::{Room, commit, outside, says, text};
use crate::visit::Visit;

/// The windows that people have.
const WINDOWS: [(u32, u32); 2] = [(360, 740), (1440, 900)];
/// The most that a page may weigh that is seen for the first time, in bytes.
const WEIGHT_MAX: u64 = 60 * 1024;

/// A workspace in which something landed, something needs a person, and somebody is at work. The ids that pages need.
fn room() -> (Room, Vec<String>) {
    let env = outside();
    let long = format!("{} <script>alert(1)</script> {}", "x".repeat(300), "日本語".repeat(40));
    let at_work = [Step::Print(long.clone()), Room::hold(&env, "go")];
    let script = Script::default()
        .issue("gt-a", commit("a.txt", "done\n"))
        .issue("gt-b", [says(&["blocked", "<img src=x onerror=alert(1)> which database?"])])
        .issue("gt-c", at_work);
    let room = Room::around(env, "", &script);
    room.convoy("up");
    for (id, title) in [("gt-a", "Do the first"), ("gt-b", "<b>Which</b> database"), ("gt-c", long.as_str())]
    {
        room.env.convoy(["issue", "create", title, "--id", id, "-q"]).ok();
    }
    let landed = room.launch("gt-a");
    room.lands(&landed);
    let asks = room.launch("gt-b");
    room.until("issue.needs_human", "which database?");
    let works = room.launch("gt-c");
    room.env.wait_witness("waiting", 1);
    let workers = ["gt-a", "gt-b", "gt-c"].map(|issue| text(&room.worker(issue), "/id").to_owned());
    let notice = text(&room.json("mail inbox")[0], "/id").to_owned();
    let mut paths: Vec<String> = ["/", "/convoys", "/convoys?status=landed", "/convoys/new", "/start"]
        .iter()
        .chain(&["/start?template=code-review", "/issues", "/work", "/costs", "/mail", "/doctor"])
        .map(|path| (*path).to_owned())
        .collect();
    paths.extend([landed, asks, works].map(|id| format!("/convoys/{id}")));
    paths.extend(["gt-a", "gt-b", "gt-c"].map(|id| format!("/issues/{id}")));
    paths.extend(workers.map(|id| format!("/work/{id}")));
    paths.push(format!("/mail/{notice}"));
    (room, paths)
}

#[test]
fn every_page_fits_every_window_and_keeps_nobody_out() {
    let (room, paths) = room();
    let Some(mut visit) = Visit::new(&room.env) else { return };
    for (width, height) in WINDOWS {
        visit.browser.size(width, height);
        for scheme in [Scheme::Light, Scheme::Dark] {
            visit.browser.scheme(scheme);
            for path in &paths {
                visit.page(path);
                visit.browser.see("h1, h2", "");
                visit.is_fine(&format!("{path} at {width} pixels, {scheme:?}"));
            }
        }
    }
    // What is not there says so on a page like any other.
    let url = format!("{}/convoys/hq-cv-none", visit.site);
    assert_eq!(visit.browser.open(&url), 404);
    visit.browser.see("h1", "hq-cv-none");
    assert_eq!(visit.browser.faults(), Vec::<String>::new());
    room.open("go");
}

#[test]
fn pages_are_light_and_can_be_read_without_any_script() {
    let (room, paths) = room();
    let Some(mut visit) = Visit::new(&room.env) else { return };
    for path in &paths {
        // Somebody who was never there has nothing kept.
        visit.browser.fresh(false);
        visit.enter(&room.env);
        let with_all = visit.browser.bytes();
        assert!((1..WEIGHT_MAX).contains(&with_all), "the first page weighs {with_all}");
        visit.page(path);
        let weighs = visit.browser.bytes();
        assert!(weighs < WEIGHT_MAX, "{path} weighs {weighs}");
        let main = visit.browser.see("main", "");
        assert!(main.len() > 20, "{path}: {main:?}");
        assert_eq!(visit.browser.errors(), Vec::<String>::new(), "{path}");
    }
    // What is asked for before something is ended works without scripts too.
    let works = paths.iter().filter(|path| path.starts_with("/convoys/hq-")).nth(2).unwrap();
    visit.page(works);
    visit.browser.click("summary", "Stop");
    visit.browser.click("details[open] button", "Stop");
    visit.browser.see("main", "It is being stopped");
    room.until("worker.stopped", "w-");
}
