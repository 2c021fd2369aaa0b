//! The engine is killed between every two steps of telling people: before and after an append, between a commit and
//! what follows from it, before a delivery, and between a delivery and its record.

use std::collections::BTreeMap;

use convoy_testkit::fake_agent::Script;
use convoy_testkit::receiver::{Receiver, Reply};
use serde_json::Value;

use crate::room::Room;

const POINTS: [&str; 5] =
    ["append:before", "append:after", "effects:before", "deliver:before", "deliver:after"];
const WHO: [&str; 3] = ["overseer", "ann", "bob"];
/// More than one landing with its deliveries reaches of any point.
const REACHED_MAX: usize = 40;

struct Telling {
    room: Room,
    receiver: Receiver,
}

impl Telling {
    /// A convoy whose last issue is closed, and which the next engine's patrol will find.
    fn new(observers: &str) -> Self {
        let receiver = Receiver::new(&[Reply::Status(503)]);
        let room = Room::bare();
        let route = format!("[{{ webhook = \"{}\" }}]", receiver.url("/"));
        room.init(
            &Script::always([]),
            &format!(
                "[daemon]\nidle_exit = \"20ms\"\n[observers]\n{observers}\n\
                 [notify]\nbackoff = \"1ms\"\nbackoff_max = \"5ms\"\nroutes.\"*\" = {route}\n"
            ),
        );
        room.issues(&["gt-1"]);
        room.convoy(["create", "Deploy", "gt-1", "--notify", "ann", "--notify", "bob", "--notify", "ann"])
            .ok();
        Self { room, receiver }
    }

    /// Every mailbox has one notice, every delivery has arrived, and whatever came more than once had the same key.
    #[track_caller]
    fn check(&self, kills: usize, what: &str) {
        let events = self.room.events_of("convoy.landed");
        assert_eq!(events.len(), 1, "{what}");
        let mut notices = BTreeMap::new();
        for address in WHO {
            let inbox = self.room.convoy(["mail", "inbox", address, "--json"]).ok().json();
            let inbox = inbox.as_array().unwrap();
            assert_eq!(inbox.len(), 1, "{what}: {address}: {inbox:#?}");
            notices.insert(inbox[0]["id"].as_str().unwrap().to_owned(), 0);
        }
        let outbox = self.room.convoy(["mail", "outbox", "--all", "--json"]).ok().json();
        let arrived: Vec<&Value> =
            outbox.as_array().unwrap().iter().map(|delivery| &delivery["status"]).collect();
        assert_eq!(arrived, ["delivered"; 3], "{what}: {outbox:#}");
        for request in self.receiver.got() {
            let key = &request.headers["idempotency-key"];
            *notices.get_mut(key).unwrap_or_else(|| panic!("{what}: {key} is nobody's notice")) += 1;
        }
        assert!(notices.values().all(|count| *count > 0), "{what}: {notices:?}");
        // One was refused; each kill can have come between deliveries under way and their records.
        let most = 4 + kills * WHO.len();
        assert!(notices.values().sum::<usize>() <= most, "{what}: {notices:?}");
    }
}

#[test]
fn mailboxes_are_told_once_and_webhooks_at_least_once() {
    for point in POINTS {
        let mut kills_by_point = 0;
        for n in 1..REACHED_MAX {
            let telling = Telling::new("close = false\nmerger = false\nwitness = false");
            telling.room.convoy(["issue", "close", "gt-1"]).ok();
            let crash = format!("{point}@{n}");
            // The same point again and again, until an engine gets through.
            let mut kills = 0;
            while kills < crate::count(3, 30) && telling.room.life(Some(&crash)) {
                kills += 1;
            }
            telling.room.life(None);
            telling.check(kills, &crash);
            kills_by_point += kills;
            if kills == 0 || n >= crate::count(3, REACHED_MAX) {
                break;
            }
        }
        assert!(kills_by_point > 0, "{point} is never reached");
    }
}

#[test]
fn a_command_that_dies_while_it_lands_a_convoy_tells_once_too() {
    for crash in ["append:before@1", "append:after@1"] {
        let telling = Telling::new("");
        let mut close = telling.room.command(["issue", "close", "gt-1"]);
        close.env("CONVOY_CRASH", crash);
        telling.room.env.run(close).exits(137);
        telling.room.convoy(["issue", "close", "gt-1"]).ok();
        telling.room.convoy(["check"]).ok();
        // What a command leaves to be delivered, an engine does; this one comes first or after it.
        telling.room.convoy(["down"]);
        telling.room.life(None);
        telling.check(1, crash);
    }
}
