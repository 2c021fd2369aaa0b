//! Pages and command line say the same of a workspace in which everything has happened.

use convoy_testkit::fake_agent::{Case, Script, Step};
use serde_json::{Value, json};

use crate::browser::{Browser, Page, text_of};
use crate::room::{Room, commit, outside, text};

/// Convoys in every state: landed, stuck, at work until the gate `go` opens, staged, abandoned, only tracking, of a
/// template.
pub(crate) fn busy() -> Room {
    let env = outside();
    let hold = Room::hold(&env, "go");
    let case =
        |issue: &str, steps: Vec<Step>| Case { issue: Some(issue.to_owned()), steps, ..Case::default() };
    let spent = json!({ "status": "running", "costUsd": 0.42, "updatedAt": "2026-01-01T00:00:00Z" });
    let script = Script {
        cases: vec![
            case("gt-bad", vec![Step::Print("I give up".to_owned()), Step::Exit(1)]),
            case("gt-slow", vec![Step::Print("I am at it".to_owned()), hold]),
            case("gt-a", [&[Step::SignalFile(spent)], commit("done.txt", "done\n").as_slice()].concat()),
            Case { steps: commit("done.txt", "done\n").to_vec(), ..Case::default() },
        ],
    };
    let room = Room::around(env, "[budget]\non_unmetered = \"allow\"\nday = 20.0\n", &script);
    let landed = room.launch_new("gt-a", "--budget 3");
    room.lands(&landed);
    let stuck = room.launch_new("gt-bad gt-next:gt-bad", "");
    room.stalls(&stuck);
    room.launch_new("gt-slow gt-after:gt-slow gt-last:gt-after,gt-slow", "--budget 2.5 --due 2d");
    room.env.wait_witness("start", 3);
    room.until("session.started", "");
    room.issues("gt-s1 gt-s2:gt-s1 gt-t1 gt-c1");
    room.convoy("stage gt-s1 gt-s2");
    let abandoned = room.json("create Given gt-c1");
    room.convoy(&format!("close {} --reason enough", text(&abandoned, "/id")));
    room.convoy("create Later gt-t1");
    room
}

fn usd(value: &Value) -> String {
    format!("value=\"{}\">${}</data>", value["micros"], text(value, "/usd"))
}

/// The number of the event up to which a page is true.
fn seq(page: &Page) -> u64 {
    page.between("name=\"convoy-seq\" content=\"", "\"").parse().unwrap()
}

/// A page, and what the command line says at the same number: agents go on while both are read.
fn at_one_number(room: &Room, browser: &Browser, path: &str, command: &str) -> (Page, Value) {
    let mut page = browser.page(path);
    for _ in 0..100 {
        let said = room.json(command);
        let after = browser.page(path);
        if seq(&after) == seq(&page) {
            return (page, said);
        }
        page = after;
    }
    panic!("{path} was never twice of one number");
}

#[test]
fn every_convoy_is_shown_as_the_command_line_has_it() {
    let room = busy();
    let browser = Browser::new(&room);
    let (list, convoys) = at_one_number(&room, &browser, "/convoys?status=all", "list --all");
    let convoys = convoys.as_array().unwrap();
    assert_eq!(convoys.len(), 6, "{convoys:#?}");
    assert!(convoys.iter().any(|convoy| text(convoy, "/spent/usd") == "0.42"), "{convoys:#?}");
    for convoy in convoys {
        let (id, title) = (text(convoy, "/id"), text(convoy, "/title"));
        let row = list.body.split("<tr>").find(|row| row.contains(&format!("/convoys/{id}\""))).unwrap();
        let (done, total) = (&convoy["completed"], &convoy["total"]);
        let stuck = convoy["failed"].as_u64() > Some(0) && text(convoy, "/status") == "open";
        let word = if stuck { "needs you" } else { text(convoy, "/status") };
        for said in [format!(">{done}/{total}<"), usd(&convoy["spent"]), format!(" {word}<")] {
            assert!(row.contains(&said), "{said} of {id}: {row}");
        }
        assert!(text_of(row).contains(title), "{row}");

        let (page, shown) =
            at_one_number(&room, &browser, &format!("/convoys/{id}"), &format!("status {id}"));
        assert_eq!(shown["id"], convoy["id"]);
        assert_eq!(text_of(page.between("<h1>", "</h1>")), title);
        assert!(page.body.contains(&usd(&shown["spent"])), "{}", page.body);
        if let Some(budget) = shown["budget"].as_object() {
            assert!(page.body.contains(&usd(&Value::Object(budget.clone()))), "{}", page.body);
        }
        let rows = page.between("aria-labelledby=\"work\"", "</section>");
        for issue in shown["tracked"].as_array().unwrap() {
            let id = text(issue, "/id");
            let row = rows
                .split("<tr>")
                .skip(1)
                .find(|row| row.contains(&format!("href=\"/issues/{id}\"")))
                .unwrap();
            assert!(text_of(row).contains(text(issue, "/title")), "{row}");
            assert!(text_of(row).contains(&text(issue, "/status").replace('_', " ")), "{row}");
            assert_eq!(row.contains("waits"), issue["blocked"] == true, "{row}");
            if let Some(worker) = issue["worker"].as_str() {
                assert!(text_of(row).contains(worker), "{row}");
            }
        }
    }
    room.open("go");
}

#[test]
fn the_overview_says_what_needs_somebody_what_runs_what_it_costs_and_what_landed() {
    let room = busy();
    let browser = Browser::new(&room);
    let (page, stranded) = at_one_number(&room, &browser, "/", "stranded");
    let figures = text_of(page.between("class=\"figures\"", "</div>"));
    let needs: Vec<&Value> = stranded
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| {
            !["ready but unassigned", "waiting for capacity", "overdue"].contains(&text(one, "/category"))
        })
        .collect();
    assert_eq!(needs.len(), 1, "{stranded:#}");
    assert!(figures.contains(&format!("{}needs you", needs.len())), "{figures}");
    assert!(figures.contains("1running") && figures.contains("1landed today"), "{figures}");
    assert!(figures.contains("of $20.00"), "{figures}");
    let shown = page.between("id=\"needs\"", "</section>");
    for need in needs {
        let said = text_of(shown);
        for key in ["/title", "/detail", "/command", "/convoy_id"] {
            assert!(said.contains(text(need, key)), "{key} of {need:#}: {said}");
        }
    }
    let running = text_of(page.between("id=\"running\"", "</section>"));
    let worker = room.worker("gt-slow");
    assert!(running.contains("Do gt-slow") && running.contains(text(&worker, "/name")), "{running}");
    let landed = text_of(page.between("id=\"landed\"", "</section>"));
    assert!(landed.contains("1/1") && landed.contains("landed"), "{landed}");
    // What came to nothing can be tried again from here.
    assert!(page.body.contains("action=\"/work/gt-bad/retry\""), "{}", page.body);
    room.open("go");
}

#[test]
fn the_graph_the_workers_and_what_happened_are_on_the_page_of_a_convoy() {
    let room = busy();
    let browser = Browser::new(&room);
    let id = room.worker("gt-slow");
    let convoy = text(&id, "/convoy_id");
    let page = browser.page(&format!("/convoys/{convoy}"));
    // Three boxes, three lines: after needs slow, last needs both.
    assert_eq!(page.body.matches("<path class=\"edge\"").count(), 3, "{}", page.body);
    let graph = page.between("<figure", "</figure>");
    for issue in ["gt-slow", "gt-after", "gt-last"] {
        assert!(graph.contains(&format!("href=\"/issues/{issue}\"")), "{graph}");
    }
    assert!(page.body.contains(&format!("data-output=\"{}\"", text(&id, "/id"))), "{}", page.body);
    assert!(page.body.contains(&format!("data-stream=\"/api/convoys/{convoy}/stream\"")));
    let told = text_of(page.between("id=\"timeline\"", "</section>"));
    assert!(told.contains("agent started") && told.contains("started"), "{told}");
    // Of a closed one too, although much has happened since.
    let landed = room.json("list --status landed");
    let id = text(&landed[0], "/id");
    let page = browser.page(&format!("/convoys/{id}"));
    // Nothing is printed there any more, and what happens elsewhere is none of its business.
    assert!(page.body.contains(&format!("data-convoy=\"{id}\"")) && !page.body.contains("data-stream"));
    assert!(text_of(page.between("id=\"timeline\"", "</section>")).contains("landed, noticed by"));
    let evidence = text_of(page.between("id=\"evidence\"", "</section>"));
    let commit = text(&room.issue("gt-a"), "/evidence/merge_commit").to_owned();
    assert!(evidence.contains(&commit[..12]), "{evidence}");
    room.open("go");
}

#[test]
fn the_first_page_of_all_says_how_to_begin_and_what_is_not_there_is_a_page_too() {
    let room = Room::new(&Script::default());
    let browser = Browser::new(&room);
    let page = browser.page("/");
    assert!(page.body.contains("href=\"/start?template=code-review\""), "{}", page.body);
    for path in ["/convoys", "/convoys?status=staged", "/convoys/new", "/start"] {
        browser.page(path);
    }
    for (path, status) in
        [("/convoys/hq-cv-nope", 404), ("/convoys?status=odd", 400), ("/start?template=nope", 404)]
    {
        let page = browser.get(path);
        assert_eq!(page.status, status, "{path}: {}", page.body);
        assert!(
            page.body.contains("<h1>") && page.header("content-type").unwrap().starts_with("text/html"),
            "{path}"
        );
    }
    // Otherwise a browser sends forms of ours with an origin that is nobody's.
    assert_eq!(page.header("referrer-policy").as_deref(), Some("same-origin"));
    let size = |path: &str| browser.page(path).body.len();
    let links = |what: &str| page.body.split('"').find(|part| part.ends_with(what)).unwrap().to_owned();
    let weight = size("/") + size(&links("/style.css")) + size(&links("/live.js"));
    assert!(weight < 60_000, "{weight}");
}
