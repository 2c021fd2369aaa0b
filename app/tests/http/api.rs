//! The interface for programs: the same as the command line's `--json`, with HTTP's own words for pages, marks and errors.

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::client::Site;
use crate::room::{Room, commit, outside, text};
use crate::streams::all;

/// A workspace with an agent that waits, and an engine that serves it.
pub(crate) fn working() -> (Room, Site) {
    let env = outside();
    let mut steps = vec![Step::Print("begun".into()), Room::hold(&env, "go")];
    steps.extend(commit("a.txt", "a\n"));
    let room = Room::around(env, "", &Script::always(steps));
    let site = Site::up(&room);
    (room, site)
}

#[test]
fn what_is_asked_is_answered_as_the_command_line_does() {
    let (room, site) = working();
    room.issues("gt-a gt-b:gt-a gt-c");
    let convoy = room.launch("gt-a gt-b --owner mayor/");
    room.until("session.started", "s-");
    // The agent prints when it likes: everything else stands still now.
    let same = |path: &str, words: &str| {
        let (answer, printed) = (site.get(path).is(200).value(), room.json(words));
        assert_eq!(answer, printed, "{path} and {words}");
    };
    same("/api/convoys", "list");
    same(&format!("/api/convoys/{convoy}"), &format!("status {convoy}"));
    same(&format!("/api/convoys/{}", &convoy[..10]), &format!("status {convoy}"));
    same("/api/issues", "issue list");
    same("/api/issues?status=closed", "issue list --status closed");
    same("/api/issues?ready=true", "issue list --ready");
    same("/api/issues/gt-b", "issue show gt-b");
    same("/api/why/gt-b", "why gt-b");
    same("/api/stranded", "stranded");
    same("/api/queue", "mq list");
    same("/api/costs", "cost report");
    same(&format!("/api/costs?convoy={convoy}"), &format!("cost report --convoy {convoy}"));
    same("/api/costs/budgets", "cost budget");
    same("/api/mail", "mail inbox");
    same("/api/outbox", "mail outbox");
    same("/api/templates", "template list");
    same("/api/templates/code-review", "template show code-review");
    same("/api/rigs", "rig list");
    same("/api/engine", "daemon status");
    let work = site.get("/api/work").is(200).value();
    assert_eq!(work[0]["id"], room.json("work list")[0]["id"]);
    let session = text(&work, "/0/session_id").to_owned();
    assert_eq!(site.get(&format!("/api/sessions/{session}")).is(200).value()["id"], json!(session));
    assert_eq!(site.get("/api/sessions").is(200).value()[0]["id"], json!(session));
    let events = site.get("/api/events/page?limit=3").is(200).value();
    assert_eq!(events["events"], json!(all(&room)[..3]));
    let more = site.get(&format!("/api/events/page?since={}&type=convoy.", events["seq"])).value();
    assert_eq!(more["events"][0]["type"], "convoy.created");
    room.open("go");
}

#[test]
fn things_are_made_once_and_changed_and_closed() {
    let (room, site) = working();
    let ask = |key: &str| {
        site.ask("POST", "/api/issues")
            .header("Idempotency-Key", key)
            .json(&json!({"title": "Do it", "id": "gt-a", "labels": ["x"]}))
    };
    let made = ask("k1").send().is(201);
    assert_eq!((made.headers["location"].as_str(), made.value()), ("/api/issues/gt-a", room.issue("gt-a")));
    assert_eq!(ask("k1").send().is(200).value(), made.value(), "the same order");
    assert_eq!(ask("k2").send().is(409).error(), "conflict");
    let did = site.ask("PATCH", "/api/issues/gt-a").json(&json!({"priority": 0})).send().is(200).value();
    assert_eq!(did, json!({"id": "gt-a", "ok": true, "changed": true, "note": null, "error": null}));
    assert_eq!(room.issue("gt-a")["priority"], 0);
    let convoy = site.post("/api/convoys", &json!({"name": "Work", "issues": ["gt-a"]})).is(201).value();
    let id = text(&convoy, "/id");
    assert_eq!(convoy, room.json(&format!("status {id}")));
    room.issues("gt-b");
    let added = site.post(&format!("/api/convoys/{id}/add"), &json!({"issues": ["gt-b", "gt-none"]}));
    assert!(matches!(added.status, 207 | 404), "{}", added.body);
    site.post(&format!("/api/convoys/{id}/add"), &json!({"issues": ["gt-b"]})).is(200);
    site.post("/api/issues/gt-a/close", &json!({"reason": "dropped"})).is(200);
    site.post("/api/issues/gt-b/close", &json!({})).is(200);
    assert_eq!(room.json(&format!("status {id}"))["status"], "landed");
    site.ask("POST", &format!("/api/convoys/{id}/reopen")).send().is(200);
    room.issues("gt-d");
    let other = site.post("/api/convoys", &json!({"name": "Other", "issues": ["gt-d"]})).is(201).value();
    let id = text(&other, "/id");
    site.post(&format!("/api/convoys/{id}/close"), &json!({"reason": "enough"})).is(200);
    assert_eq!(room.json(&format!("status {id}"))["close_reason"], "enough");
    let note = json!({"to": "--human", "subject": "Hello", "body": "there"});
    let sent = site.post("/api/mail", &note).is(201).value();
    let path = format!("/api/mail/{}", text(&sent, "/id"));
    site.ask("POST", &format!("{path}/read")).send().is(200);
    assert!(site.get(&path).is(200).value()["read_at"].is_string());
    site.ask("POST", &format!("{path}/archive")).send().is(200);
    site.ask("PUT", "/api/costs/budgets").json(&json!({"day": true, "budget_usd": "5"})).send().is(200);
    assert_eq!(room.json("cost budget --day")["limit"]["usd"], "5.00");
}

#[test]
fn work_is_begun_stopped_and_retried() {
    let (room, site) = working();
    room.issues("gt-a");
    let slung = site.post("/api/work", &json!({"issues": ["gt-a"]})).is(200).value();
    assert_eq!(slung[0]["changed"], true);
    room.until("session.started", "s-");
    assert_eq!(site.post("/api/work/gt-a/nudge", &json!({"text": "hurry"})).is(422).error(), "refused");
    // It would be said twice, whatever a key promises.
    let keyed = site.ask("POST", "/api/work/gt-a/nudge").header("Idempotency-Key", "k");
    assert_eq!(keyed.json(&json!({"text": "hurry"})).send().is(400).error(), "invalid");
    site.ask("POST", "/api/work/gt-a/stop").send().is(202);
    room.until("worker.stopped", "w-");
    assert_eq!(site.ask("POST", "/api/work/gt-a/stop").send().is(200).value()["changed"], false);
    room.open("go");
    site.ask("POST", "/api/work/gt-a/retry").send().is(202);
    room.until("convoy.landed", "hq-");
    // All that it printed, by parts.
    let (mut at, mut lines) = (0, Vec::new());
    loop {
        let part = site.get(&format!("/api/work/gt-a/output?offset={at}&limit=1")).is(200).value();
        lines.extend(part["lines"].as_array().unwrap().iter().map(|line| text(line, "/text").to_owned()));
        at = part["next"].as_u64().unwrap();
        if part["ended"] == true {
            break;
        }
    }
    assert_eq!(lines, ["begun"]);
}

#[test]
fn lists_come_by_pages_and_say_where_the_next_is() {
    let (room, site) = working();
    room.issues("gt-a gt-b gt-c gt-d gt-e");
    let (mut path, mut ids) = ("/api/issues?limit=2&rig=home".to_owned(), Vec::new());
    for left in [3, 1, 0] {
        let page = site.get(&path).is(200);
        assert_eq!(page.headers["x-total-count"], "5");
        ids.extend(page.value().as_array().unwrap().iter().map(|issue| text(issue, "/id").to_owned()));
        let link = page.headers.get("link");
        assert_eq!(link.is_some(), left > 0, "{link:?}");
        if let Some(link) = link {
            let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
            assert!(next.starts_with("/api/issues?limit=2&rig=home&skip="), "{next}");
            path = next.to_owned();
        }
    }
    assert_eq!(ids, ["gt-a", "gt-b", "gt-c", "gt-d", "gt-e"]);
    for bad in ["limit=0", "limit=1001", "limit=x", "skip=-1", "nothing=1", "limit=1&limit=2"] {
        assert_eq!(site.get(&format!("/api/issues?{bad}")).is(400).error(), "invalid", "{bad}");
    }
}

#[test]
fn who_has_it_already_is_sent_nothing() {
    let (room, site) = working();
    room.issues("gt-a");
    let first = site.get("/api/issues/gt-a").is(200);
    let mark = &first.headers["etag"];
    assert_eq!(first.headers["cache-control"], "private, no-cache");
    let again = |mark: &str| site.ask("GET", "/api/issues/gt-a").header("If-None-Match", mark).send();
    let same = again(mark).is(304);
    assert_eq!((same.body.as_str(), &same.headers["etag"]), ("", mark));
    again(&format!("\"x\", W/{mark}")).is(304);
    again("\"x\"").is(200);
    room.convoy("issue update gt-a --priority 0");
    assert_ne!(&again(mark).is(200).headers["etag"], mark);
}

#[test]
fn whatever_is_wrong_is_said_in_one_shape() {
    let (room, site) = working();
    room.issues("gt-a gt-ab");
    let kind = |answer: crate::client::Answer| (answer.status, answer.error());
    let post = |body: &str| site.ask("POST", "/api/issues").body("application/json", body.as_bytes()).send();
    let is = |status: u16, kind: &str| (status, kind.to_owned());
    assert_eq!(kind(post("{")), is(400, "invalid"));
    assert_eq!(kind(post("{\"title\": 1}")), is(400, "invalid"));
    assert_eq!(kind(post("{\"title\": \"a\", \"colour\": 1}")), is(400, "invalid"));
    assert_eq!(kind(post("{}")), is(400, "invalid"));
    let form = site.ask("POST", "/api/issues").body("application/x-www-form-urlencoded", b"title=a");
    assert_eq!(kind(form.send()), is(415, "unsupported"));
    assert_eq!(kind(site.get("/api/issues/gt-zzz")), is(404, "not_found"));
    assert_eq!(kind(site.get("/api/nothing")), is(404, "not_found"));
    assert_eq!(kind(site.get("/nothing")), is(404, "not_found"));
    assert_eq!(kind(site.ask("DELETE", "/api/issues/gt-a").send()), is(405, "not_allowed"));
    assert_eq!(kind(site.get("/api/convoys/check")), is(405, "not_allowed"));
    assert_eq!(kind(site.post("/api/convoys/hq-cv-none/stop", &json!({}))), is(404, "not_found"));
    assert_eq!(kind(site.get("/api/costs?epic=a&convoy=b")), is(400, "invalid"));
    assert_eq!(kind(site.get("/api/events?since=x")), is(400, "invalid"));
    let socket = site.ask("GET", "/api/work/gt-a/stream?colour=red").upgrade();
    assert_eq!(kind(socket.send()), is(400, "invalid"));
    // Only callers at the socket, whom the system knows, speak for others.
    let as_mayor = |method: &str, path: &str| site.ask(method, path).header("Convoy-Actor", "mayor/");
    assert_eq!(
        kind(as_mayor("POST", "/api/issues/gt-a/close").json(&json!({})).send()),
        is(403, "forbidden")
    );
    let by_socket = as_mayor("POST", "/api/issues/gt-a/close").json(&json!({})).without("Authorization");
    site.by_socket(by_socket).is(200);
    assert_eq!(room.events("issue.closed")[0]["actor"], "mayor/");
}

#[test]
fn figures_are_there_for_prometheus() {
    let (room, site) = working();
    room.issues("gt-a gt-b");
    room.convoy("issue close gt-b");
    site.get("/api/issues");
    site.get("/secret/of/somebody");
    let text = site.get("/metrics").is(200);
    assert!(text.headers["content-type"].starts_with("text/plain; version=0.0.4"));
    for line in [
        "convoy_issues{status=\"open\"} 1",
        "convoy_issues{status=\"closed\"} 1",
        "convoy_sessions_live 0",
        "convoy_spent_today_dollars 0.000000",
        "convoy_http_requests_total{route=\"/api/issues\",method=\"GET\",status=\"200\"} 1",
        "convoy_http_requests_total{route=\"other\",method=\"GET\",status=\"404\"} 1",
    ] {
        assert!(text.body.lines().any(|found| found == line), "{line}\n{}", text.body);
    }
    assert!(!text.body.contains("secret"), "{}", text.body);
    let memory = text.body.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(memory.unwrap().parse::<u64>().unwrap() > 1_000_000);
    // Each figure is described once, before its lines.
    let described: Vec<&str> = text.body.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let mut names: Vec<&str> = described.iter().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_template_is_planned_and_started() {
    let (room, site) = working();
    room.convoy("config set defaults.agent fake");
    let new = |dry_run: bool| json!({"template": "code-review", "files": ["**"], "dry_run": dry_run});
    let plan = site.post("/api/convoys/start", &new(true)).is(200).value();
    assert_eq!((&plan["dry_run"], plan["roles"].as_array().unwrap().is_empty()), (&json!(true), false));
    assert_eq!(room.json("list"), json!([]));
    let convoy = site.post("/api/convoys/start", &new(false)).is(201);
    let view = convoy.value();
    assert_eq!(convoy.headers["location"], format!("/api/convoys/{}", text(&view, "/id")));
    assert_eq!(view["template"], "code-review");
    let id = text(&view, "/id");
    let output: Value = site.get(&format!("/api/convoys/{id}/output")).is(200).value();
    assert_eq!(output["convoy_id"], json!(id));
    let role = text(&view, "/roles/0/role");
    assert_eq!(site.get(&format!("/api/convoys/{id}/output/{role}")).is(422).error(), "refused");
    site.ask("POST", &format!("/api/convoys/{id}/stop")).send().is(202);
    assert_eq!(site.post("/api/convoys/start", &json!({"template": "none"})).is(404).error(), "not_found");
}
