//! Criterion 6 of the reviews: the dashboard shows convoys, and what their agents do, as it happens.

use convoy_testkit::fake_agent::{Case, Script, Step};

use crate::browser::Browser;
use crate::room::{Room, outside, text};

#[test]
fn criterion_6_the_dashboard_shows_convoys_and_their_agents_as_it_happens() {
    let env = outside();
    let hold = Room::hold(&env, "go");
    let steps = vec![Step::Print("I look at it".to_owned()), hold];
    let room = Room::around(env, "", &Script { cases: vec![Case { steps, ..Case::default() }] });
    let browser = Browser::new(&room);

    // It is started there, and is there at once.
    let form = browser.page("/start?template=code-review");
    let fields = form.form("/start/preview");
    let mut fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.push(("files", "*.md"));
    let preview = browser.post("/start/preview", &fields);
    browser.submit(&preview, "/start", &[]);
    let convoy = text(&room.json("list")[0], "/id").to_owned();
    let place = format!("/convoys/{convoy}");
    assert!(browser.page("/").body.contains(&place));

    // Each agent has its own state and its own output.
    room.env.wait_witness("start", 3);
    let page = browser.page(&place);
    for (role, state) in [("correctness", "running"), ("security", "running"), ("synthesis", "pending")] {
        let shown = page.between(&format!("id=\"role-{role}\""), "</tr>");
        assert!(shown.contains(state), "{role}: {shown}");
    }
    for role in room.json(&format!("status {convoy}"))["roles"].as_array().unwrap() {
        if role["status"] == "running" {
            let issue = text(role, "/issue_id");
            browser.follow(&format!("/api/work/{issue}/output/stream"), "I look at it");
        }
    }

    // It is stopped there, which ends its agents, and the page says so.
    browser.submit(&page, &format!("{place}/stop"), &[]);
    room.until("convoy.stopped", "");
    assert!(browser.page(&place).body.contains("stopped"));
}
