//! What the commands of the scripts do that are about mail, routes and deliveries.

use convoy_core::address::Address;
use convoy_core::command::{Observed, Request};
use convoy_core::decide::resolve_notice;
use convoy_core::id::{DeliveryId, RouteName};

use crate::door::Door;
use crate::perform::Words;
use crate::show::Names;

/// The routes from now on, by address.
pub(crate) fn routes(door: &mut Door, words: &Words<'_>) -> Vec<String> {
    let name = |text: &String| RouteName::new(text).unwrap();
    let of = |key: &str| words.list(key).iter().map(name).collect::<Vec<_>>();
    door.policy.routes.every = of("*");
    let addresses = words.named.iter().filter(|(key, _)| *key != "*");
    door.policy.routes.by_address = addresses.map(|(key, _)| (Address::new(key).unwrap(), of(key))).collect();
    Vec::new()
}

/// The text of a notice.
pub(crate) fn body(door: &Door, names: &Names, words: &Words<'_>) -> Vec<String> {
    let id = resolve_notice(&door.state, &names.id(words.bare[1])).unwrap();
    door.state.notices[&id].content.body.lines().map(|line| format!("  | {line}")).collect()
}

/// What a person asks for.
pub(crate) fn request(names: &Names, words: &Words<'_>) -> Request {
    match words.bare[0] {
        "send" => Request::MailSend {
            to: words.bare[1].to_owned(),
            subject: words.get("subject").unwrap_or_default().replace('_', " "),
            body: words.get("body").unwrap_or_default().repeat(words.number("times", 1) as usize),
        },
        "archive" => {
            Request::MailArchive { notices: words.bare[1..].iter().map(|name| names.id(name)).collect() }
        }
        _ => Request::MailRetry { delivery: names.id(words.bare[1]) },
    }
}

/// What came of a try to deliver.
pub(crate) fn observed(door: &Door, words: &Words<'_>, name: &str, how: &str) -> Observed {
    let delivery = DeliveryId::new(name).unwrap();
    let next = door.state.deliveries[&delivery].attempt();
    let attempt = words.number("attempt", u64::from(next)) as u32;
    if how == "ok" {
        return Observed::Delivered { delivery, attempt };
    }
    let why = words.get("why").unwrap_or_default().repeat(words.number("times", 1) as usize);
    Observed::DeliveryFailed { delivery, attempt, why, permanent: words.has("permanent") }
}
