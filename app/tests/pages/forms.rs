//! What forms do: each what it says, and nothing without the mark of the page that it is on.

use convoy_testkit::fake_agent::{Case, Script, Step};

use crate::agree::busy;
use crate::browser::{Browser, text_of};
use crate::room::{Room, outside, text};

#[test]
fn a_convoy_is_stopped_closed_and_opened_again_from_its_page() {
    let room = busy();
    let browser = Browser::new(&room);
    let convoy = text(&room.worker("gt-slow"), "/convoy_id").to_owned();
    let place = format!("/convoys/{convoy}");

    // Without the mark nothing happens, whatever else is right.
    let before = room.story();
    for (path, mark) in [("stop", ""), ("stop", "x"), ("close", "")] {
        let answer = browser.post(&format!("{place}/{path}"), &[("_form", mark), ("_back", &place)]);
        assert_eq!(answer.status, 403, "{}", answer.body);
    }
    assert_eq!(browser.get(&format!("{place}/stop")).status, 405);
    assert_eq!(room.story(), before);

    let page = browser.page(&place);
    let after = browser.submit(&page, &format!("{place}/stop"), &[]);
    assert!(after.body.contains("It is being stopped"), "{}", after.body);
    room.until("worker.stopped", "worker.stopped");
    assert_eq!(text(&room.worker("gt-slow"), "/state"), "stopped");

    let page = browser.page(&place);
    let after = browser.submit(&page, &format!("{place}/close"), &[("reason", "no <longer> wanted")]);
    assert!(text_of(&after.body).contains("no <longer> wanted"), "{}", after.body);
    assert_eq!(room.json(&format!("status {convoy}"))["status"], "abandoned");
    assert_eq!(room.json(&format!("status {convoy}"))["close_reason"], "no <longer> wanted");

    let page = browser.page(&place);
    browser.submit(&page, &format!("{place}/reopen"), &[]);
    assert_eq!(room.json(&format!("status {convoy}"))["status"], "open");
    // Once more is no change, and says so.
    let again = browser.submit(&page, &format!("{place}/reopen"), &[]);
    assert!(again.body.contains("It was so already"), "{}", again.body);
    room.open("go");
}

#[test]
fn what_is_refused_says_why_on_a_page() {
    let room = busy();
    let browser = Browser::new(&room);
    let staged = room.json("list --status staged");
    let id = text(&staged[0], "/id");
    let page = browser.page(&format!("/convoys/{id}"));
    let mut fields: Vec<(String, String)> = page.form(&format!("/convoys/{id}/launch"));
    fields.retain(|(name, _)| name != "_back");
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = browser.post(&format!("/convoys/{id}/land"), &fields);
    assert_eq!(answer.status, 422, "{}", answer.body);
    let command = room.env.convoy(["land", id]);
    assert_eq!(command.status, 1);
    let why = text_of(answer.between("<h1>", "</h1>"));
    assert!(command.stderr.contains(&why), "{why}\n{}", command.stderr);
    room.open("go");
}

#[test]
fn stuck_work_is_tried_again_from_the_overview() {
    let room = busy();
    let browser = Browser::new(&room);
    let before = text(&room.worker("gt-bad"), "/id").to_owned();
    assert!(browser.page(&format!("/work/{before}")).body.contains("action=\"/work/gt-bad/retry\""));
    let page = browser.page("/");
    let after = browser.submit(&page, "/work/gt-bad/retry", &[]);
    assert!(after.body.contains("It is tried again"), "{}", after.body);
    room.until("worker.assigned", "\"actor\":\"overseer\"");
    // Whoever had it before has no say in it any more.
    let worker = browser.page(&format!("/work/{before}"));
    assert!(!worker.body.contains("action=\"/work/gt-bad/retry\""), "{}", worker.body);
    room.open("go");
}

#[test]
fn a_convoy_is_made_of_chosen_issues() {
    let room = Room::new(&Script::default());
    room.issues("gt-a gt-b");
    let browser = Browser::new(&room);
    let page = browser.page("/convoys/new");
    let fields = [("name", "From a page"), ("issue", "gt-a"), ("issue", "gt-b"), ("budget", "4.50")];
    let made = browser.submit(&page, "/convoys", &fields);
    assert_eq!(text_of(made.between("<h1>", "</h1>")), "From a page");
    let convoys = room.json("list");
    assert_eq!((convoys[0]["total"].as_u64(), convoys[0]["budget"]["usd"].as_str()), (Some(2), Some("4.50")));
    let mark = page.form("/convoys");
    let mark = mark.iter().find(|(name, _)| name == "_form").unwrap().1.as_str();
    let refused =
        browser.post("/convoys", &[("_form", mark), ("name", "X"), ("issue", "gt-a"), ("budget", "-1")]);
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("budget: expected"), "{}", refused.body);
}

#[test]
fn a_template_is_previewed_without_a_trace_and_started_once() {
    let env = outside();
    let hold = Room::hold(&env, "go");
    let script = Script {
        cases: vec![Case { steps: vec![Step::Print("I look".to_owned()), hold], ..Case::default() }],
    };
    let room = Room::around(env, "[budget]\non_unmetered = \"allow\"\nday = 1.8\n", &script);
    let browser = Browser::new(&room);
    let page = browser.page("/start?template=code-review");
    let before = room.story();
    let mut fields = page.form("/start/preview");
    fields.extend([("files".to_owned(), "*.md".to_owned()), ("budget".to_owned(), "2".to_owned())]);
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let preview = browser.post("/start/preview", &fields);
    assert_eq!(preview.status, 200, "{}", preview.body);
    for role in ["correctness", "security", "performance", "synthesis"] {
        assert!(preview.body.contains(&format!("id=\"role-{role}\"")), "{}", preview.body);
    }
    assert!(preview.body.contains("value=\"2000000\">$2.00</data>"), "{}", preview.body);
    // Three of four roles begin at once, each with a quarter of its budget.
    let reserved = "value=\"1500000\">$1.50</data> as it begins, <data class=\"num\" value=\"500000\">$0.50</data> for each of 3 roles";
    assert!(preview.body.contains(reserved), "{}", preview.body);
    assert_eq!(room.story(), before);

    let started = browser.submit(&preview, "/start", &[]);
    let convoys = room.json("list");
    assert_eq!(convoys[0]["template"], "code-review");
    assert_eq!(convoys[0]["budget"]["usd"], "2.00");
    assert!(started.body.contains(text(&convoys[0], "/id")), "{}", started.body);
    assert!(started.body.contains("id=\"role-synthesis\""), "{}", started.body);
    // The same form, sent twice.
    browser.submit(&preview, "/start", &[]);
    assert_eq!(room.json("list").as_array().unwrap().len(), 1);
    room.env.wait_witness("start", 3);
    assert_eq!(room.json("cost budget --day")["reserved"]["usd"], "1.50");
    room.open("go");
}
