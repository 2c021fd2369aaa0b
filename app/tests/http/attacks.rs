//! What others may try: somebody on another site, in another workspace, at another name, with something old or altered.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use convoy_testkit::fake_agent::Script;
use serde_json::json;

use crate::api::working;
use crate::client::{Answer, Ask, Site};
use crate::room::{Room, outside, text};

/// The path of the link that lets a browser in.
fn link(room: &Room) -> String {
    let shown = room.json("dashboard --print");
    let link = text(&shown, "/link").to_owned();
    format!("/{}", link.splitn(4, '/').nth(3).unwrap())
}

/// What a browser is known by from then on.
fn cookie(site: &Site, room: &Room) -> String {
    let answer = site.stranger("GET", &link(room)).send().is(200);
    let cookie = &answer.headers["set-cookie"];
    for needed in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(needed), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

/// The mark in the forms of a page.
fn mark(site: &Site, cookie: &str) -> String {
    let page = site.stranger("GET", "/issues").header("Cookie", cookie).send().is(200).body;
    let (_, rest) = page.split_once("name=\"_form\"").expect("a form");
    rest.split('"').nth(1).unwrap().to_owned()
}

fn form<'a>(site: &'a Site, cookie: &str, mark: &str) -> Ask<'a> {
    let body = format!("title=Forged&_form={mark}");
    site.stranger("POST", "/issues")
        .header("Cookie", cookie)
        .body("application/x-www-form-urlencoded", body.as_bytes())
}

#[test]
fn nobody_comes_in_under_another_name_or_from_another_site() {
    let (room, site) = working();
    let foreign = format!("evil.example:{}", site.address.rsplit_once(':').unwrap().1);
    for host in [foreign.as_str(), "evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example"] {
        let answer = site.ask("GET", "/api/convoys").header("Host", host).send();
        assert!(matches!(answer.status, 400 | 421), "{host}: {}", answer.status);
        assert!(!answer.body.starts_with('['), "{host}");
        assert!(
            matches!(site.stranger("GET", "/health").header("Host", host).send().status, 400 | 421),
            "{host}"
        );
    }
    let ours = format!("http://{}", site.address);
    for (origin, status) in [
        (ours.as_str(), 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("https://127.0.0.1", 403),
        ("http://127.0.0.1:1", 403),
    ] {
        let answer = site.ask("GET", "/api/convoys").header("Origin", origin).send().is(status);
        assert!(answer.headers.keys().all(|name| !name.starts_with("access-control")), "{answer:?}");
    }
    // What a browser asks before it sends something from elsewhere is not answered with leave.
    let preflight = site
        .stranger("OPTIONS", "/api/issues")
        .header("Origin", "http://evil.example")
        .header("Access-Control-Request-Method", "POST")
        .send();
    assert_eq!(preflight.status, 403);
    assert!(preflight.headers.keys().all(|name| !name.starts_with("access-control")), "{preflight:?}");
    assert_eq!(room.events("issue.").len(), 0);
}

#[test]
fn a_form_is_taken_only_from_our_own_pages() {
    let (room, site) = working();
    let (mine, other) = (cookie(&site, &room), cookie(&site, &room));
    let (right, others) = (mark(&site, &mine), mark(&site, &other));
    let ours = format!("http://{}", site.address);
    let refused = |ask: Ask<'_>| {
        ask.send().is(403);
    };
    refused(form(&site, &mine, &right).header("Origin", "http://evil.example"));
    refused(form(&site, &mine, &right).header("Origin", "null"));
    refused(form(&site, &mine, ""));
    refused(form(&site, &mine, &others));
    refused(form(&site, &mine, &others).header("Origin", &ours));
    refused(form(&site, &mine, &"0".repeat(64)));
    // The mark where it is not looked for, in a body that is no form.
    let body = json!({"title": "Forged", "_form": right});
    refused(site.stranger("POST", "/api/issues").header("Cookie", &mine).json(&body));
    refused(
        site.stranger("POST", "/api/issues")
            .header("Cookie", &mine)
            .body("text/plain", b"{\"title\":\"Forged\"}"),
    );
    assert_eq!(room.events("issue.").len(), 0);
    let sent = form(&site, &mine, &right).header("Origin", &ours).send();
    assert!(matches!(sent.status, 200 | 303), "{}", sent.status);
    assert_eq!(room.events("issue.created").len(), 1);
    let by_script =
        site.stranger("POST", "/api/issues").header("Cookie", &mine).header("X-Convoy-Form", &right);
    by_script.json(&json!({"title": "Ours"})).send().is(201);
}

#[test]
fn a_stream_is_opened_only_from_our_own_pages() {
    let (room, site) = working();
    room.issues("gt-a");
    let convoy = text(&room.json("create Work gt-a"), "/id").to_owned();
    let path = format!("/api/convoys/{convoy}/stream");
    let mine = cookie(&site, &room);
    let ask = || site.stranger("GET", &path).upgrade().header("Cookie", &mine);
    let ours = format!("http://{}", site.address);
    ask().header("Origin", "http://evil.example").send().is(403);
    ask().header("Origin", "null").send().is(403);
    ask().send().is(403);
    site.stranger("GET", &path).upgrade().header("Origin", &ours).send().is(401);
    ask().header("Origin", &ours).send().is(101);
    let events = site.stranger("GET", "/api/events").header("Cookie", &mine);
    events.header("Origin", "http://evil.example").send().is(403);
}

#[test]
fn only_the_token_of_this_workspace_opens_it() {
    let (room, site) = working();
    let other = Room::new(&Script::default());
    let elsewhere = Site::up(&other);
    let with =
        |value: &str| site.stranger("GET", "/api/convoys").header("Authorization", value).send().status;
    assert_eq!(site.stranger("GET", "/api/convoys").send().is(401).error(), "unauthorized");
    assert_eq!(with(&format!("Bearer {}", site.token)), 200);
    let cut = &site.token[..site.token.len() - 1];
    for wrong in [
        format!("Bearer {}", elsewhere.token),
        format!("Bearer {cut}"),
        format!("Bearer {}x", site.token),
        format!("Basic {}", site.token),
        site.token.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
    ] {
        assert_eq!(with(&wrong), 401, "{wrong}");
    }
    for path in ["/", "/convoys", "/api/openapi.json", "/api/events", "/metrics", "/api/nothing", "/nothing"]
    {
        site.stranger("GET", path).send().is(401);
    }
    // What says nothing of the work may be seen by whoever calls this machine by its name.
    let health = site.stranger("GET", "/health").send().is(200).value();
    assert_eq!(health, json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
    let daemon = room.json("daemon status");
    for (path, mode) in [("/socket", 0o600), ("/token_file", 0o600)] {
        let file = std::fs::metadata(text(&daemon, path)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, mode, "{path}");
    }
    site.by_socket(site.stranger("GET", "/api/convoys").header("Host", "convoy")).is(200);
}

#[test]
fn a_link_lets_one_browser_in_once_and_not_for_long() {
    let mut env = outside();
    env.with_clock();
    let room = Room::around(env, "", &Script::default());
    let site = Site::up(&room);
    let open = |path: &str| site.stranger("GET", path).send();
    let first = link(&room);
    let altered = |at: usize| {
        let mut text = first.clone().into_bytes();
        let at = text.len() - at;
        text[at] = if text[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(text).unwrap()
    };
    for path in [altered(1), altered(70), "/login?code=".to_owned(), "/login".to_owned()] {
        let answer = open(&path);
        assert!(matches!(answer.status, 400 | 401), "{path}: {}", answer.status);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    open(&first).is(200);
    open(&first).is(401);
    let late = link(&room);
    room.env.advance(Duration::from_secs(301));
    open(&late).is(401);
    // A cookie is good for long, not for ever, and only as it was given.
    let mine = cookie(&site, &room);
    let with = |cookie: &str| site.stranger("GET", "/api/convoys").header("Cookie", cookie).send().status;
    assert_eq!(with(&mine), 200);
    let (name, value) = mine.split_once('=').unwrap();
    let (until, proof) = value.split_once('.').unwrap();
    let later: u64 = until.parse::<u64>().unwrap() + 1_000_000;
    assert_eq!(with(&format!("{name}={later}.{proof}")), 401);
    assert_eq!(with(&format!("{name}={value}0")), 401);
    assert_eq!(with(&format!("other={value}")), 401);
    let code = link(&room).split_once('=').unwrap().1.to_owned();
    assert_eq!(with(&format!("{name}={code}")), 401, "a link is no cookie");
    room.env.advance(Duration::from_secs(31 * 24 * 3600));
    assert_eq!(with(&mine), 401);
}

#[test]
fn who_tries_too_often_is_told_to_wait_and_keeps_nobody_out() {
    let (_room, site) = working();
    let wrong = || site.stranger("GET", "/api/convoys").header("Authorization", "Bearer wrong").send();
    for _ in 0..20 {
        wrong().is(401);
    }
    let answer = wrong().is(429);
    assert_eq!(answer.error(), "busy");
    let wait: u64 = answer.headers["retry-after"].parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    site.stranger("GET", "/login?code=1.2.3").send().is(429);
    site.get("/api/convoys").is(200);
    site.stranger("GET", "/api/convoys").send().is(401);
}

#[test]
fn no_part_of_an_address_leads_to_a_file() {
    let (_room, site) = working();
    let document = site.get("/api/openapi.json").value();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.contains('{') {
            continue;
        }
        for method in item.as_object().unwrap().keys() {
            for bad in [
                "..%2f..%2f..%2fetc%2fpasswd",
                "%2fetc%2fpasswd",
                "%2e%2e",
                "..%5c..%5c",
                "a%00b",
                "%00",
                "a%0d%0aSet-Cookie:%20x=1",
                "%ff%fe",
                "..;",
                &"a".repeat(300),
            ] {
                let mut at = path.clone();
                while let (Some(open), Some(close)) = (at.find('{'), at.find('}')) {
                    at.replace_range(open..=close, bad);
                }
                let ask = site.ask(&method.to_uppercase(), &at);
                let ask = if method == "get" { ask } else { ask.json(&json!({})) };
                let ask =
                    if path.ends_with("/stream") && !path.contains("output") { ask.upgrade() } else { ask };
                let answer: Answer = ask.send();
                assert!(
                    matches!(answer.status, 400 | 404),
                    "{method} {at}: {} {}",
                    answer.status,
                    answer.body
                );
                answer.error();
                assert!(!answer.body.contains("root:") && !answer.headers.contains_key("set-cookie"), "{at}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
    for page in [
        "/assets/x/..%2f..%2fmod.rs",
        "/assets/..%2f..%2f/style.css",
        "/convoys/..%2f..%2fetc%2fpasswd",
        "/issues/%00",
    ] {
        let answer = site.get(page);
        assert!(!answer.body.contains("root:"), "{page}");
        assert!(matches!(answer.status, 200 | 400 | 404), "{page}: {}", answer.status);
    }
}

#[test]
fn what_is_asked_for_without_a_body_has_none() {
    let (_room, site) = working();
    for path in ["/api/convoys", "/health", "/", "/metrics"] {
        let answer = site.ask("HEAD", path).send().is(200);
        assert_eq!(answer.body, "");
        for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin")] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"), "{path}");
        assert!(!answer.headers["content-security-policy"].contains("unsafe"), "{path}");
    }
    site.ask("OPTIONS", "/api/convoys").send().is(405);
    site.ask("TRACE", "/api/convoys").send().is(405);
}
