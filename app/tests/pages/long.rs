//! Long lists: each is as long as a page, says how many there are, and leads to the rest.

use std::fmt::Write as _;

use convoy_testkit::fake_agent::Script;

use crate::browser::{Browser, Page, text_of};
use crate::room::{Room, text};

/// How many rows of things there are in a part of a page.
fn rows(part: &str, address: &str) -> usize {
    part.split("<tr").filter(|row| row.contains(address)).count()
}

fn mark(page: &Page, path: &str) -> String {
    page.form(path).into_iter().find(|(name, _)| name == "_form").unwrap().1
}

#[test]
fn a_convoy_of_many_issues_leads_to_all_of_them() {
    let room = Room::new(&Script::default());
    let mut lines = String::new();
    for n in 0..501 {
        writeln!(lines, r#"{{"id":"gt-{n}","title":"Do {n}","status":"open","priority":2}}"#).unwrap();
    }
    lines.push_str(r#"{"id":"gt-other","title":"Something else","status":"open","priority":0}"#);
    let file = room.env.root().join("many.jsonl");
    std::fs::write(&file, lines).unwrap();
    room.env.convoy(["issue", "import", file.to_str().unwrap()]).ok();
    let ids: Vec<String> = (0..501).map(|n| format!("gt-{n}")).collect();
    let made = room.json(&format!("create Many {}", ids.join(" ")));
    let id = text(&made, "/id");
    let browser = Browser::new(&room);
    let page = browser.page(&format!("/convoys/{id}"));
    assert_eq!(rows(page.between("id=\"work\"", "</section>"), "/issues/gt-"), 500);
    let to = page.body.split('"').find(|to| to.starts_with("/issues?convoy=")).unwrap().replace("&amp;", "&");
    let all = browser.page(&to);
    assert!(text_of(&all.body).contains("1–50 of 501"), "{}", all.body);
    assert!(!all.body.contains("gt-other"), "{}", all.body);
    // The next page is of the same, and so is what is chosen there.
    let next = all.between("rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    let next = browser.page(&next);
    assert!(text_of(&next.body).contains("51–100 of 501"), "{}", next.body);
    assert!(next.body.contains(&format!("name=\"convoy\" value=\"{id}\"")), "{}", next.body);
}

#[test]
fn mail_budgets_and_convoys_come_a_page_at_a_time() {
    let room = Room::new(&Script::default());
    room.issues("gt-a");
    let browser = Browser::new(&room);
    let (mail, new) = (browser.page("/mail"), browser.page("/convoys/new"));
    let (of_mail, of_new) = (mark(&mail, "/mail"), mark(&new, "/convoys"));
    for n in 0..51 {
        let (subject, budget) = (format!("Notice {n}."), (n + 1).to_string());
        let fields = [("_form", of_mail.as_str()), ("to", "overseer"), ("subject", &subject), ("body", "x")];
        assert_eq!(browser.post("/mail", &fields).status, 303);
        let fields = [("_form", of_new.as_str()), ("name", &subject), ("issue", "gt-a"), ("budget", &budget)];
        assert_eq!(browser.post("/convoys", &fields).status, 303);
    }
    let (page, next) = (browser.page("/mail"), browser.page("/mail?skip=50"));
    assert!(text_of(&page.body).contains("51 unread of 51"), "{}", page.body);
    assert!(page.body.contains(">Notice 50.<") && !page.body.contains(">Notice 0.<"), "{}", page.body);
    assert!(next.body.contains(">Notice 0.<") && !next.body.contains(">Notice 1.<"), "{}", next.body);

    let over = text(&room.json("list")[0], "/id").to_owned();
    room.convoy(&format!("close {over}"));
    let costs = browser.page("/costs");
    let budgets = costs.between("id=\"budgets\"", "</section>");
    assert!(text_of(budgets).contains("Budgets51") && text_of(budgets).contains("and 1 more"), "{budgets}");
    assert_eq!(rows(budgets, "/convoys/"), 50, "{budgets}");
    assert!(!budgets.contains(&over), "what is over comes last: {budgets}");
}
