//! The OpenAPI document says what there is: every route stands in it, and answers are as it describes them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::working;
use crate::client::Site;
use crate::room::{Room, text};
use crate::schema::faults;

/// Where the routes are made.
const ROUTES: [&str; 2] =
    [include_str!("../../src/http/api/routes.rs"), include_str!("../../src/http/stream/mod.rs")];

/// What follows each of these words, up to the next quote.
fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
}

#[test]
fn every_route_stands_in_the_document() {
    let (_room, site) = working();
    let document = site.get("/api/openapi.json").is(200).value();
    let described: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let made: BTreeSet<&str> = ROUTES.iter().flat_map(|text| quoted(text, ".api_route(")).collect();
    assert_eq!(made, described);
    assert!(made.len() > 50, "{}", made.len());
    let others: Vec<&str> = ROUTES.iter().flat_map(|text| quoted(text, ".route(")).collect();
    assert_eq!(others, ["/api/openapi.json"], "only the document is not described by itself");
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name =
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{name}");
            assert!(operation["responses"]["default"].is_object(), "{name} says nothing of errors");
            let parameters = operation["parameters"]
                .as_array()
                .map_or(0, |all| all.iter().filter(|parameter| parameter["in"] == "path").count());
            assert_eq!(parameters, path.matches('{').count(), "{name}");
        }
    }
    assert_eq!(
        (text(&document, "/info/title"), document["openapi"].as_str().unwrap().starts_with("3.1")),
        ("Convoy", true)
    );
}

/// The values that stand for what a path names.
struct Names {
    convoy: String,
    run: String,
    session: String,
    notice: String,
    role: String,
}

fn filled(room: &Room, site: &Site) -> Names {
    room.convoy("config set budget.on_unmetered allow");
    room.issues("gt-a gt-b:gt-a gt-c");
    let convoy = room.launch("gt-a gt-b --budget 5 --due 3d");
    room.until("session.started", "s-");
    room.convoy("create Tracks gt-c --epic payments");
    let run = room.json("start code-review --files **");
    room.convoy("cost budget 10 --day");
    room.env.convoy(["mail", "send", "--human", "-s", "Hello", "-m", "there"]).ok();
    let notice = text(&room.json("mail inbox"), "/0/id").to_owned();
    let session = text(&site.get("/api/work/gt-a").value(), "/session_id").to_owned();
    Names {
        convoy,
        run: text(&run, "/id").to_owned(),
        session,
        notice,
        role: text(&run, "/roles/0/role").to_owned(),
    }
}

fn real(path: &str, names: &Names) -> String {
    let id = match path.split('/').nth(2).unwrap_or_default() {
        "convoys" if path.contains("output") => &names.run,
        "convoys" => &names.convoy,
        "issues" | "work" => "gt-a",
        "sessions" => &names.session,
        "mail" => &names.notice,
        "rigs" => "home",
        "templates" => "code-review",
        "why" => "gt-b",
        _ => "none",
    };
    path.replace("{id}", id).replace("{role}", &names.role)
}

#[test]
fn answers_are_as_the_document_describes_them() {
    let (room, site) = working();
    let names = filled(&room, &site);
    let document = site.get("/api/openapi.json").value();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("get").filter(|_| !path.ends_with("/stream") && path != "/api/events")
        else {
            continue;
        };
        let answer = site.get(&real(path, &names));
        asked += 1;
        // Its role has written nothing yet.
        let expected = if path.ends_with("{role}") { 422 } else { 200 };
        assert_eq!(answer.status, expected, "{path}: {}", answer.body);
        let status = if expected == 200 { "200" } else { "default" };
        if path == "/metrics" {
            continue;
        }
        let schema = &operation["responses"][status]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path}: {operation:#}");
        let value = answer.value();
        assert_eq!(faults(&document, schema, &value, path), Vec::<String>::new(), "{value:#}");
        let empty = value.as_array().is_some_and(Vec::is_empty);
        assert!(
            !empty || matches!(path.as_str(), "/api/queue" | "/api/stranded" | "/api/outbox"),
            "{path}: nothing to compare"
        );
    }
    assert!(asked > 25, "{asked}");
    // One that is not as described is found.
    let schema = &document["paths"]["/api/issues/{id}"]["get"]["responses"]["200"]["content"]["application/json"]
        ["schema"];
    let mut issue = site.get("/api/issues/gt-a").value();
    issue["priority"] = json!("high");
    issue.as_object_mut().unwrap().remove("title");
    issue["colour"] = Value::Null;
    assert_eq!(faults(&document, schema, &issue, "").len(), 3);
}
