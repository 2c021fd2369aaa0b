//! Notices that go further than a mailbox: webhooks, commands and the desktop, and what fails of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::Script;
use convoy_testkit::receiver::{Received, Receiver, Reply, hmac_sha256};
use serde_json::Value;

use crate::room::{Room, outside, says, text};

const SECRET: &str = "whsec-canary-4711";

/// A workspace with these routes, and pauses that cost a test nothing.
fn room(env: TestEnv, routes: &str) -> Room {
    let pauses = if routes.contains("backoff") { "" } else { "backoff = \"10ms\"\nbackoff_max = \"20ms\"\n" };
    Room::around(env, &format!("[notify]\n{pauses}{routes}"), &Script::always([]))
}

/// Has a convoy of one issue land, and returns its id.
fn land(room: &Room, title: &str) -> String {
    room.env.convoy(["issue", "create", title, "--id", "gt-a"]).ok();
    let id = room.env.convoy(["create", title, "gt-a", "-q"]).ok().stdout.trim().to_owned();
    room.convoy("issue close gt-a");
    id
}

/// A program of the test's, and where it is.
fn program(env: &TestEnv, path: &str, script: &str) {
    let file = env.root().join(path);
    fs::write(&file, script).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn findings(room: &Room) -> Vec<String> {
    let report = room.env.convoy(["doctor", "--json"]).json();
    let all = report["findings"].as_array().unwrap().clone();
    let of_outbox = all.iter().filter(|finding| finding["check"] == "notifications");
    of_outbox.map(|finding| format!("{}: {}", text(finding, "/health"), text(finding, "/detail"))).collect()
}

#[track_caller]
fn check_signature(request: &Received) {
    let header = &request.headers["convoy-signature"];
    let (time, mac) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 1_700_000_000);
    assert_eq!(mac, hmac_sha256(SECRET.as_bytes(), format!("{time}.{}", request.body).as_bytes()));
}

#[test]
fn a_webhook_that_refuses_twice_gets_the_same_notice_again() {
    let receiver = Receiver::new(&[Reply::Status(503), Reply::Hangup]);
    let mut env = outside();
    env.set("HOOK_KEY", SECRET);
    let url = receiver.url("/hook?token=path-canary");
    let room =
        room(env, &format!("routes.\"--human\" = [{{ webhook = \"{url}\", secret_env = \"HOOK_KEY\" }}]"));
    // No engine runs: what waits to be delivered is work, and brings one up.
    let convoy = land(&room, "Deploy v2.0");
    room.until("notice.delivered", "n-");
    let got = receiver.got();
    assert_eq!(got.len(), 3, "{got:#?}");
    let notice = room.json("mail inbox")[0].clone();
    for request in &got {
        assert_eq!(request.path, "/hook?token=path-canary");
        assert_eq!(request.headers["idempotency-key"], text(&notice, "/id"));
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.body, got[0].body, "every try says the same");
        check_signature(request);
    }
    let mut body: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(body.as_object_mut().unwrap().remove("idempotency_key").unwrap(), notice["id"]);
    assert_eq!(body, notice, "the shape is that of a notice");
    assert_eq!((text(&body, "/from"), text(&body, "/convoy_id")), ("convoy", convoy.as_str()));
    let failed = room.events("notice.delivery_failed");
    let tries: Vec<&Value> = failed.iter().map(|event| &event["data"]["attempt"]).collect();
    assert_eq!(tries, [1, 2]);
    assert!(failed.iter().all(|event| event["data"]["retry_at"].is_string()));
    assert_eq!(text(&failed[0], "/data/why"), "127.0.0.1 answered 503");
    assert_eq!(room.events("notice.delivered")[0]["data"]["attempt"], 3);
    assert!(findings(&room).is_empty());
    assert_eq!(room.convoy("mail outbox").stdout, "Nothing waits to be delivered.\n");
    assert_eq!(room.json("mail outbox --all")[0]["status"], "delivered");
    // The key of the signature, and what else may be secret in the address, is told to nobody.
    let told = [room.story(), room.convoy("doctor").stdout, room.convoy("daemon logs").stdout].concat();
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn what_is_refused_for_good_is_seen_everywhere_until_it_is_dealt_with() {
    let receiver = Receiver::new(&[Reply::Status(404), Reply::Redirect]);
    let room = room(
        outside(),
        &format!("routes.\"*\" = [{{ webhook = \"{}\", name = \"pager\" }}]", receiver.url("/")),
    );
    let convoy = land(&room, "Deploy");
    room.until("notice.delivery_failed", "404");
    let shown = room.json("mail outbox --failed")[0].clone();
    assert_eq!((text(&shown, "/status"), text(&shown, "/route")), ("failed", "pager"));
    assert_eq!(
        (text(&shown, "/last_error"), text(&shown, "/convoy_id")),
        ("127.0.0.1 answered 404", convoy.as_str())
    );
    assert_eq!(shown["next_at"], Value::Null);
    let id = text(&shown, "/id");
    let line = "1 notification could not be delivered; see: convoy mail outbox --failed";
    assert!(room.convoy("status").stdout.contains(line));
    assert!(room.convoy("daemon status").stdout.contains(line));
    let [finding] = &findings(&room)[..] else { panic!("{:?}", findings(&room)) };
    assert!(
        finding.starts_with(&format!("warning: {id} to overseer by pager was given up after 1 try")),
        "{finding}"
    );
    // A redirect is not followed: nobody configured where it leads.
    room.convoy(&format!("mail retry {id}"));
    room.until("notice.delivery_failed", "redirects are not followed");
    assert_eq!(receiver.got().len(), 2);
    assert!(receiver.got().iter().all(|request| request.path == "/"));
    // Without an engine the next command brings one up.
    room.convoy("down");
    room.convoy(&format!("mail retry {}", text(&shown, "/notice_id")));
    room.until("notice.delivered", text(&shown, "/notice_id"));
    assert_eq!(receiver.got().len(), 3);
    assert!(findings(&room).is_empty());
    assert!(!room.convoy("status").stdout.contains("could not be delivered"));
    // What nobody wants to have delivered any more is archived.
    receiver.replies(&[Reply::Status(410)]);
    room.convoy("mail send ann -s Hello -m text");
    room.until("notice.delivery_failed", "410");
    let notice = room.json("mail inbox ann")[0].clone();
    room.convoy(&format!("mail archive {}", text(&notice, "/id")));
    assert_eq!(room.json("mail outbox"), serde_json::json!([]));
    assert_eq!(room.json("daemon status")["undelivered"], 0);
    assert_eq!(room.json("mail outbox --all")[1]["status"], "failed");
}

#[test]
fn a_route_that_is_gone_is_given_up_and_not_sent_elsewhere() {
    let receiver = Receiver::new(&[Reply::Status(500)]);
    let elsewhere = Receiver::new(&[]);
    let url = receiver.url("/");
    let room = room(
        outside(),
        &format!("backoff = \"1h\"\nbackoff_max = \"1h\"\nroutes.\"*\" = [{{ webhook = \"{url}\" }}]"),
    );
    land(&room, "Deploy");
    room.until("notice.delivery_failed", "500");
    room.convoy("down");
    let file = room.env.dir().join(".convoy/config.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace(&url, &elsewhere.url("/"))).unwrap();
    let pending = room.json("mail outbox")[0].clone();
    assert_eq!(text(&pending, "/status"), "pending");
    room.convoy(&format!("mail retry {}", text(&pending, "/id")));
    room.until("notice.delivery_failed", "is not configured any more");
    assert_eq!(room.json("mail outbox")[0]["status"], "failed");
    assert!(elsewhere.got().is_empty());
}

#[test]
fn a_webhook_that_says_nothing_runs_out_of_time() {
    let receiver = Receiver::new(&[Reply::Silence]);
    let route = format!("{{ webhook = \"{}\", timeout = \"200ms\" }}", receiver.url("/"));
    let room = room(outside(), &format!("routes.mayor = [{route}]"));
    room.convoy("mail send mayor -s Hello -m text");
    room.until("notice.delivered", "n-");
    assert_eq!(receiver.got().len(), 2);
    assert!(text(&room.events("notice.delivery_failed")[0], "/data/why").contains("timeout"));
}

#[test]
fn a_missing_key_is_said_by_its_name() {
    let receiver = Receiver::new(&[]);
    let route = format!("{{ webhook = \"{}\", secret_env = \"NO_SUCH_KEY\" }}", receiver.url("/"));
    let room = room(outside(), &format!("routes.mayor = [{route}]"));
    room.convoy("mail send mayor -s Hello -m text");
    room.until("notice.delivery_failed", "the engine has no variable NO_SUCH_KEY");
    assert!(receiver.got().is_empty(), "nothing goes out unsigned that should be signed");
}

#[test]
fn a_command_gets_a_hostile_notice_as_data() {
    let mut env = outside();
    env.set("HOOK_KEY", SECRET);
    program(&env, "tell", "#!/bin/sh\necho \"$#\" >args\nenv >seen\ncat >payload\n");
    let command = env.root().join("tell").display().to_string();
    let room = room(env, &format!("routes.\"--human\" = [{{ command = [\"{command}\"] }}]"));
    let title = "x --help $(touch pwned) `touch pwned`; \u{1b}[31m'\"\\ & <b>";
    land(&room, title);
    room.until("notice.delivered", "n-");
    let read = |name: &str| fs::read_to_string(room.env.dir().join(name)).unwrap();
    let payload: Value = serde_json::from_str(&read("payload")).unwrap();
    let notice = room.json("mail inbox")[0].clone();
    assert_eq!(payload["subject"], notice["subject"]);
    assert_eq!(payload["idempotency_key"], notice["id"]);
    assert!(text(&payload, "/subject").contains("$(touch pwned)"));
    assert_eq!(read("args"), "0\n");
    let seen: BTreeMap<String, String> = read("seen")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(seen["CONVOY_NOTICE"], text(&notice, "/id"));
    assert!(!seen.contains_key("HOOK_KEY") && !seen.contains_key("CONVOY_SESSION"), "{seen:?}");
    assert!(!room.env.dir().join("pwned").exists());
}

#[test]
fn a_command_that_fails_or_hangs_is_ended_with_all_it_started() {
    let env = outside();
    let hang = "#!/bin/sh\nif mkdir once; then echo 'no pager today' >&2; exit 3; fi\n\
        if mkdir twice; then setsid sleep 1000 & sleep 1000; fi\nexit 0\n";
    program(&env, "tell", hang);
    let command = env.root().join("tell").display().to_string();
    let room = room(env, &format!("routes.ann = [{{ command = [\"{command}\"], timeout = \"2s\" }}]"));
    room.convoy("mail send ann -s Hello -m text");
    room.until("notice.delivered", "n-");
    let failed = room.events("notice.delivery_failed");
    assert!(
        text(&failed[0], "/data/why").ends_with("failed (exit status: 3): no pager today"),
        "{failed:#?}"
    );
    assert!(text(&failed[1], "/data/why").ends_with("took longer than 2s and was ended"), "{failed:#?}");
    let left: Vec<_> =
        room.env.processes().into_iter().filter(|process| process.command.contains("sleep 1000")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_desktop_is_told_by_its_own_program() {
    let env = outside();
    program(&env, "bin/notify-send", "#!/bin/sh\nfor word; do printf '%s\\n' \"[$word]\"; done >shown\n");
    let room = room(env, "routes.\"--human\" = [{ desktop = true }]");
    land(&room, "A <b> & \\n");
    room.until("notice.delivered", "n-");
    let shown = fs::read_to_string(room.env.dir().join("shown")).unwrap();
    let convoy = room.json("list --all")[0]["id"].clone();
    let expected = format!(
        "[--app-name=Convoy]\n[--urgency=normal]\n[--]\n[Convoy Landed: A <b> & \\n ({})]\n\
         [Issues (1):\n  ✓ gt-a: A &lt;b&gt; &amp; \\\\n\n\nDuration: <1m]\n",
        convoy.as_str().unwrap()
    );
    assert_eq!(shown, expected.replace("<1m]", "&lt;1m]"));
}

/// What a desktop was told: urgency and subject of each notification.
fn desktop(env: &TestEnv) {
    let script = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do case $1 in --urgency=*) u=${1#*=};; esac; shift; done\n\
        echo \"$u: $2\" >>shown\n";
    program(env, "bin/notify-send", script);
}

#[test]
fn one_word_has_landings_and_needs_shown_on_the_desktop_once_each() {
    let env = outside();
    desktop(&env);
    let asks = Script::default().issue("gt-b", [says(&["blocked", "which database?"])]);
    let script = Script { cases: [asks.cases, Script::works().cases].concat() };
    let room = Room::around(env, "[notify]\nbackoff = \"10ms\"\n", &script);
    room.convoy("up");
    room.issues("gt-a gt-b");
    room.convoy("config set notify.desktop true");
    let landed = room.launch("gt-a");
    room.lands(&landed);
    room.launch("gt-b");
    room.until("issue.needs_human", "which database?");
    let delivered = room.follow("notice.delivered");
    let inbox = room.json("mail inbox");
    let notices = inbox.as_array().unwrap();
    assert_eq!(notices.len(), 2, "{inbox:#}");
    for notice in notices {
        assert!(delivered.printed(text(notice, "/id"), crate::room::SOON));
    }
    let shown = fs::read_to_string(room.env.dir().join("shown")).unwrap();
    let mut shown: Vec<&str> = shown.lines().collect();
    shown.sort_unstable();
    let [needs, lands] = &shown[..] else { panic!("once each: {shown:?}") };
    assert!(needs.starts_with("critical: ") && needs.contains("gt-b"), "{needs}");
    assert!(lands.starts_with("normal: Convoy Landed: "), "{lands}");
    // Whoever says more precisely what is wanted is not told twice, and nobody else's notices are shown.
    let precise = "{ '*' = [{ desktop = true, name = \"mine\", timeout = \"5s\" }] }";
    room.env.convoy(["config", "set", "notify.routes", precise]).ok();
    room.convoy("mail send overseer -s Hello -m text");
    let hello =
        room.json("mail inbox").as_array().unwrap().iter().find(|n| n["subject"] == "Hello").unwrap().clone();
    assert!(delivered.printed(text(&hello, "/id"), crate::room::SOON));
    let routes: Vec<Value> =
        room.json("mail outbox --all").as_array().unwrap().iter().map(|d| d["route"].clone()).collect();
    assert_eq!(routes, ["desktop", "desktop", "mine"]);
}

#[test]
fn a_hundred_landings_tell_twenty_subscribers_once_each() {
    let receiver = Receiver::new(&[Reply::Status(503), Reply::Hangup, Reply::Status(429)]);
    let room = room(outside(), &format!("routes.\"*\" = [{{ webhook = \"{}\" }}]", receiver.url("/")));
    room.convoy("up");
    let who: Vec<String> = (0..19).map(|n| format!("sub{n}")).collect();
    let ids: Vec<String> = (0..100).map(|n| format!("gt-{n}")).collect();
    for id in &ids {
        room.env.convoy(["issue", "create", "Do", "--id", id, "-q"]).ok();
        let notify = who.iter().flat_map(|address| ["--notify", address]);
        room.env.convoy(["create", "C", id, "-q"].into_iter().chain(notify)).ok();
    }
    for ids in ids.chunks(10) {
        room.env.convoy(["issue", "close"].into_iter().chain(ids.iter().map(String::as_str))).ok();
    }
    let events = room.follow("notice.delivered");
    for address in who.iter().map(String::as_str).chain(["overseer"]) {
        let inbox = room.json(&format!("mail inbox {address}"));
        let of: std::collections::BTreeSet<&str> =
            inbox.as_array().unwrap().iter().map(|notice| text(notice, "/convoy_id")).collect();
        assert_eq!((inbox.as_array().unwrap().len(), of.len()), (100, 100), "{address}");
    }
    let deliveries = room.json("mail outbox --all");
    let last = deliveries.as_array().unwrap().iter().map(|d| text(d, "/id").to_owned()).collect::<Vec<_>>();
    assert_eq!(last.len(), 2000);
    for id in &last {
        assert!(events.printed(id, crate::room::SOON), "{id} was not delivered");
    }
    let mut keys = BTreeMap::new();
    for request in receiver.got() {
        *keys.entry(request.headers["idempotency-key"].clone()).or_insert(0) += 1;
    }
    assert_eq!(keys.len(), 2000);
    assert_eq!(keys.values().sum::<i32>(), 2003, "three were refused and came again");
}
