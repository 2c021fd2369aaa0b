//! Issues, workers, costs, mail and health: what they say is what the command line says, and their forms do it.

use convoy_testkit::fake_agent::{Case, Script, Step};
use serde_json::Value;

use crate::agree::busy;
use crate::browser::{Browser, text_of};
use crate::room::{Room, commit, outside, text};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> & \u{1b}[31m\u{202e}";
/// What must not come of it anywhere.
const BAD: [&str; 5] = ["<script>alert", "<img src=x", "\u{1b}", "\u{202e}", "\"'><"];

fn usd(value: &Value) -> String {
    format!("value=\"{}\">${}</data>", value["micros"], text(value, "/usd"))
}

#[test]
fn an_issue_is_shown_with_its_neighbours_its_attempts_and_what_shows_that_it_is_done() {
    let room = busy();
    let browser = Browser::new(&room);
    let rows = browser.page("/issues?status=all");
    for issue in room.json("issue list --all").as_array().unwrap() {
        let id = text(issue, "/id");
        let row = rows.body.split("<tr>").find(|row| row.contains(&format!("/issues/{id}\">"))).unwrap();
        let said = text_of(row.split("</tr>").next().unwrap());
        assert!(said.contains(text(issue, "/title")), "{said}");
        assert!(said.contains(&text(issue, "/status").replace('_', " ")), "{said}");
        assert_eq!(said.contains("waits for"), issue["blocked"] == true, "{said}");
        let page = browser.page(&format!("/issues/{id}"));
        assert_eq!(text_of(page.between("<h1>", "</h1>")), text(issue, "/title"));
        let why = room.json(&format!("why {id}"));
        for reason in why["reasons"].as_array().unwrap() {
            assert!(text_of(&page.body).contains(text(reason, "/text")), "{reason:#}: {}", page.body);
            if let Some(command) = reason["command"].as_str() {
                assert!(text_of(&page.body).contains(command), "{command}: {}", page.body);
            }
        }
        let cost = room.json(&format!("cost report --issue {id}"));
        assert!(page.body.contains(&usd(&cost["total"])), "{}", page.body);
    }
    // Both ways.
    let page = browser.page("/issues/gt-after");
    assert!(page.between("id=\"needs\"", "</section>").contains("/issues/gt-slow\""), "{}", page.body);
    assert!(page.between("id=\"needed\"", "</section>").contains("/issues/gt-last\""), "{}", page.body);
    // What shows that it is done.
    let landed = room.issue("gt-a");
    let page = browser.page("/issues/gt-a");
    let evidence = text_of(page.between("id=\"evidence\"", "</section>"));
    for key in ["/evidence/branch", "/evidence/commit", "/evidence/merge_commit"] {
        let value = text(&landed, key);
        let value = if key.ends_with("branch") { value } else { &value[..12] };
        assert!(evidence.contains(value), "{key}: {evidence}");
    }
    assert!(evidence.contains("+1") && evidence.contains("1 file "), "{evidence}");
    // What came of each attempt.
    let page = browser.page("/issues/gt-bad");
    let worker = room.worker("gt-bad");
    let attempts = text_of(page.between("id=\"attempts\"", "</section>"));
    for session in worker["sessions"].as_array().unwrap() {
        assert!(
            attempts.contains(text(session, "/id")) && attempts.contains(text(session, "/why")),
            "{attempts}"
        );
    }
    assert_eq!(browser.get("/issues/gt-nope").status, 404);
    assert_eq!(browser.get("/issues?type=odd").status, 400);
    room.open("go");
}

#[test]
fn issues_are_made_closed_opened_and_given_away_from_pages() {
    let room = Room::new(&Script::works());
    let browser = Browser::new(&room);
    let page = browser.page("/issues");
    let fields = [
        ("title", "From <a> page"),
        ("body", "one\r\ntwo"),
        ("type", "bug"),
        ("priority", "0"),
        ("labels", "x, y"),
    ];
    let made = browser.submit(&page, "/issues", &fields);
    assert_eq!(text_of(made.between("<h1>", "</h1>")), "From <a> page");
    let issues = room.json("issue list");
    let issue = &issues[0];
    let id = text(issue, "/id");
    assert_eq!((text(issue, "/description"), text(issue, "/issue_type")), ("one\ntwo", "bug"));
    assert_eq!((issue["priority"].as_u64(), issue["labels"].as_array().map(Vec::len)), (Some(0), Some(2)));
    room.issues("gt-first");

    let place = format!("/issues/{id}");
    let before = room.story();
    for path in ["close", "reopen", "needs", "sling"] {
        let answer = browser.post(&format!("{place}/{path}"), &[("_form", "x"), ("_back", &place)]);
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
    }
    assert_eq!(room.story(), before);

    let page = browser.page(&place);
    browser.submit(&page, &format!("{place}/needs"), &[("needs", "gt-first")]);
    assert_eq!(room.issue(id)["blocked_by"][0], "gt-first");
    let page = browser.page("/issues/gt-first");
    browser.submit(&page, "/issues/gt-first/close", &[("reason", "dropped"), ("note", "not <now>")]);
    let closed = room.issue("gt-first");
    assert_eq!((text(&closed, "/close_reason"), text(&closed, "/close_note")), ("dropped", "not <now>"));
    let page = browser.page("/issues/gt-first");
    assert!(text_of(&page.body).contains("not <now>"), "{}", page.body);
    let after = browser.submit(&page, "/issues/gt-first/reopen", &[]);
    assert!(after.body.contains("Open again."), "{}", after.body);
    assert_eq!(text(&room.issue("gt-first"), "/status"), "open");

    let page = browser.page("/issues/gt-first");
    browser.submit(&page, "/issues/gt-first/sling", &[("agent", ""), ("model", "")]);
    room.until("issue.closed", "gt-first");
    // An agent that nobody knows: refused as on the command line, and nothing is done.
    let page = browser.page(&place);
    let mark = page.form(&format!("{place}/sling"));
    let mark = mark.iter().find(|(name, _)| name == "_form").unwrap().1.as_str();
    let refused = browser.post(&format!("{place}/sling"), &[("_form", mark), ("agent", "nobody")]);
    assert!((400..500).contains(&refused.status) && refused.body.contains("nobody"), "{}", refused.body);
    assert_eq!(room.issue(id)["worker"], Value::Null);
}

#[test]
fn a_worker_is_shown_with_what_it_says_changes_and_was_told() {
    let env = outside();
    let hold = Room::hold(&env, "go");
    let steps = |more: Step| {
        vec![
            Step::Print(format!("I say {HOSTILE}")),
            Step::Complain("and complain".to_owned()),
            Step::Write { path: "new.txt".to_owned(), content: "<b>not bold</b>\n".to_owned() },
            more,
        ]
    };
    let script = Script {
        cases: vec![
            Case { issue: Some("gt-slow".to_owned()), steps: steps(hold), ..Case::default() },
            Case { steps: commit("done.txt", "done\n").to_vec(), ..Case::default() },
        ],
    };
    let room = Room::around(env, "", &script);
    room.env.convoy(["issue", "create", HOSTILE, "--id", "gt-slow", "--body", HOSTILE]).ok();
    room.launch("gt-slow");
    room.env.wait_witness("start", 1);
    room.until("session.started", "");
    let browser = Browser::new(&room);
    let worker = room.worker("gt-slow");
    let (id, session) = (text(&worker, "/id"), text(&worker, "/session_id"));
    // What it has written is there when its gate is waited for; the log has it line by line.
    let followed = room.env.start(["logs", "gt-slow", "-f"]);
    assert!(followed.printed("and complain", crate::room::SOON), "{}", room.convoy("logs gt-slow").stdout);

    for view in ["conversation", "raw", "changes", "checkpoints", "prompt"] {
        let page = browser.page(&format!("/work/{id}?view={view}"));
        for bad in BAD.iter().chain(&["<b>not"]) {
            assert!(!page.body.contains(bad), "{bad:?} in {view}: {}", page.body);
        }
        assert!(text_of(&page.body).contains(text(&worker, "/name")), "{}", page.body);
    }
    let talk = browser.page(&format!("/work/{id}"));
    assert!(
        text_of(talk.between("class=\"talk\"", "</ol>")).contains("I say <script>alert(1)"),
        "{}",
        talk.body
    );
    assert!(talk.body.contains(&format!("data-output=\"{id}\" data-session=\"{session}\"")), "{}", talk.body);
    assert!(talk.body.contains(&format!("data-stream=\"/api/work/{id}/stream\"")), "{}", talk.body);
    let raw = browser.page(&format!("/work/{id}?raw=1&session={session}"));
    assert!(text_of(&raw.body).contains("and complain"), "{}", raw.body);
    let changes = browser.page(&format!("/work/{id}?view=changes"));
    let told = text_of(&changes.body);
    assert!(
        told.contains("+<b>not bold</b>") && told.contains("new.txt") && told.contains("in the workdir"),
        "{told}"
    );
    let prompt = text_of(&browser.page(&format!("/work/{id}?view=prompt")).body);
    assert!(prompt.contains("convoy done"), "{prompt}");

    let list = browser.page("/work");
    assert!(list.between("id=\"at-work\"", "</section>").contains(&format!("/work/{id}\"")), "{}", list.body);
    assert!(browser.page("/work?all=1").body.contains(&format!("/work/{id}\"")));
    for path in ["/work/gt-nope", "/work/w-nope"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    assert_eq!(browser.get(&format!("/work/{id}?session=s-nope")).status, 404);

    // This agent reads nothing while it works: said as on the command line.
    let mark = talk.form("/work/gt-slow/stop");
    let mark = mark.iter().find(|(name, _)| name == "_form").unwrap().1.as_str();
    let refused = browser.post(&format!("/work/{id}/nudge"), &[("_form", mark), ("text", "hello")]);
    let command = room.env.convoy(["nudge", "gt-slow", "hello"]);
    assert_eq!((refused.status, command.status), (422, 1), "{}", refused.body);
    assert!(command.stderr.contains(&text_of(refused.between("<h1>", "</h1>"))), "{}", command.stderr);
    assert_eq!(browser.post(&format!("/work/{id}/nudge"), &[("text", "hello")]).status, 403);

    let session = text(&room.worker("gt-slow"), "/session_id").to_owned();
    browser.submit(&talk, "/work/gt-slow/stop", &[]);
    room.until("worker.stopped", id);
    room.until("session.over", &session);
    let list = browser.page("/work");
    assert!(list.between("id=\"gave-up\"", "</section>").contains(&format!("/work/{id}\"")), "{}", list.body);
    room.open("go");
    // What landed is shown when its workdir is gone.
    let landed = room.launch_new("gt-b", "");
    room.lands(&landed);
    let id = text(&room.worker("gt-b"), "/id").to_owned();
    room.convoy("workdir clean --all");
    let told = text_of(&browser.page(&format!("/work/{id}?view=changes")).body);
    assert!(told.contains("done.txt") && told.contains("as it landed"), "{told}");
}

#[test]
fn costs_are_those_of_the_report() {
    let cost = |usd: f64| {
        Step::SignalFile(
            serde_json::json!({ "status": "running", "costUsd": usd, "updatedAt": "2026-01-01T00:00:00Z" }),
        )
    };
    let case = |issue: &str, usd: f64| {
        let mut steps = vec![cost(usd)];
        steps.extend(commit(&format!("{issue}.txt"), "done\n"));
        Case { issue: Some(issue.to_owned()), steps, ..Case::default() }
    };
    let script = Script { cases: vec![case("gt-a", 0.25), case("gt-b", 1.5), case("gt-c", 0.0)] };
    let room = Room::with("[budget]\non_unmetered = \"allow\"\nday = 20.0\n", &script);
    let convoy = room.launch_new("gt-a gt-b gt-c", "--budget 5 --epic payments");
    room.lands(&convoy);
    let browser = Browser::new(&room);
    let page = browser.page("/costs");
    let report = room.json("cost report");
    for key in ["total", "reported", "estimated", "self_reported", "carried"] {
        assert!(page.body.contains(&usd(&report[key])), "{key}: {}", page.body);
    }
    for (id, key) in [
        ("days", "by_day"),
        ("models", "by_model"),
        ("epics", "by_epic"),
        ("convoys", "by_convoy"),
        ("workers", "by_worker"),
    ] {
        let part = page.between(&format!("id=\"{id}\""), "</section>");
        let lines = report[key].as_array().unwrap();
        assert!(!lines.is_empty());
        let mut sum = 0;
        for row in part.split("<tr>").skip(2) {
            let value = row.split("data-label=\"Cost\"").nth(1).and_then(|row| row.split("value=\"").nth(1));
            let micros = value.and_then(|value| value.split('"').next()?.parse::<i64>().ok());
            sum += micros.unwrap_or(0);
        }
        assert_eq!(Some(sum), report["total"]["micros"].as_i64(), "{key}: {part}");
    }
    assert!(report["total"]["micros"].as_i64() > Some(0), "{report:#}");
    let budgets = text_of(page.between("id=\"budgets\"", "</section>"));
    assert!(budgets.contains("$20.00") && budgets.contains("$5.00"), "{budgets}");
    assert!(page.body.contains("role=\"img\" aria-label=\"Costs by day: "), "{}", page.body);
    assert!(!page.body.contains("style=\""), "{}", page.body);
}

#[test]
fn mail_is_read_put_away_and_sent_and_looking_changes_nothing() {
    let room = busy();
    let subject = HOSTILE.split(" & ").next().unwrap();
    room.env.convoy(["mail", "send", "--human", "-s", subject, "-m", HOSTILE]).ok();
    let browser = Browser::new(&room);
    let inbox = room.json("mail inbox");
    let page = browser.page("/mail");
    for bad in BAD {
        assert!(!page.body.contains(bad), "{bad:?}: {}", page.body);
    }
    for notice in inbox.as_array().unwrap() {
        let row = page
            .body
            .split("<tr")
            .find(|row| row.contains(&format!("/mail/{}\"", text(notice, "/id"))))
            .unwrap();
        assert_eq!(row.contains("title=\"unread\""), notice["read_at"].is_null(), "{row}");
    }
    let newest = inbox.as_array().unwrap().last().unwrap();
    let place = format!("/mail/{}", text(newest, "/id"));
    let one = browser.page(&place);
    for bad in BAD {
        assert!(!one.body.contains(bad), "{bad:?}: {}", one.body);
    }
    assert_eq!(room.json("mail inbox"), inbox, "looking changes nothing");
    assert_eq!(browser.post(&format!("{place}/read"), &[("_form", "x")]).status, 403);
    browser.submit(&one, &format!("{place}/read"), &[]);
    browser.submit(&one, &format!("{place}/archive"), &[]);
    let after = room.json("mail inbox --all");
    let after = after.as_array().unwrap().last().unwrap();
    assert!(!after["read_at"].is_null() && !after["archived_at"].is_null(), "{after:#}");
    assert!(!browser.page("/mail").body.contains(&format!("{place}\"")));
    assert!(browser.page("/mail?all=1").body.contains(&format!("{place}\"")));

    let page = browser.page("/mail");
    browser.submit(&page, "/mail", &[("to", "mayor/"), ("subject", "Deploy?"), ("body", "now")]);
    assert_eq!(text(&room.json("mail inbox mayor/")[0], "/subject"), "Deploy?");
    assert!(text_of(&browser.page("/mail?box=mayor%2F").body).contains("Deploy?"));
    assert_eq!(browser.get("/mail?box=%20").status, 400);
    assert_eq!(browser.get("/mail/n-nope").status, 404);
    room.open("go");
}

#[test]
fn health_has_the_engine_what_is_stuck_and_the_doctors_checks() {
    let room = busy();
    let browser = Browser::new(&room);
    let page = browser.page("/doctor");
    let status = room.json("daemon status");
    assert!(text_of(&page.body).contains(&status["pid"].to_string()), "{}", page.body);
    for one in room.json("stranded").as_array().unwrap() {
        assert!(text_of(&page.body).contains(text(one, "/detail")), "{one:#}: {}", page.body);
    }
    assert!(!page.body.contains("id=\"checks\""), "they are made when they are asked for");
    let checked = browser.page("/doctor?check=1");
    let shown = text_of(checked.between("id=\"checks\"", "</section>"));
    // A warning is no failure.
    let run = room.env.convoy(["doctor", "--json"]);
    let report = run.json();
    for finding in report["findings"].as_array().unwrap() {
        let detail = text(finding, "/detail");
        // The log has grown by what was looked at in between.
        assert!(text(finding, "/check") == "log" || shown.contains(detail), "{detail}: {shown}");
    }
    assert!(!checked.body.contains("convoy-seq"), "it is not done again by itself");
    room.open("go");
}
