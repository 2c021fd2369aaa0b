//! Bringing a notice to the end of a route: a desktop, a webhook, a command.
//!
//! Each try looks at nothing but the notice and the route. What arrives may arrive twice, when an engine dies between
//! a delivery and its record: every try carries the same key, the notice's id.

mod command;
mod desktop;
mod webhook;

use convoy_core::id::DeliveryId;
use convoy_core::view::NoticeView;
use serde::Serialize;

use crate::config::{Route, Way};
use crate::world::World;

pub(crate) use desktop::PROGRAM as DESKTOP_PROGRAM;

/// What is sent: the notice, with the key by which its receiver knows it again.
#[derive(Serialize)]
struct Payload<'a> {
    idempotency_key: &'a str,
    #[serde(flatten)]
    notice: &'a NoticeView,
}

/// Why a notice did not arrive.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Failed {
    /// For a person; without secrets.
    pub(crate) why: String,
    /// Another try would come to the same.
    pub(crate) permanent: bool,
}

impl Failed {
    fn for_now(why: impl Into<String>) -> Self {
        Self { why: why.into(), permanent: false }
    }
    fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), permanent: true }
    }
}

/// Sends a notice by a route, and waits until it has arrived or not.
pub(crate) fn send(
    world: &World,
    route: &Route,
    delivery: &DeliveryId,
    notice: &NoticeView,
) -> Result<(), Failed> {
    // What its reader did meanwhile is no part of it: every try says the same.
    let notice = NoticeView { read_at: None, archived_at: None, ..notice.clone() };
    let payload = Payload { idempotency_key: notice.id.as_str(), notice: &notice };
    let body = serde_json::to_vec(&payload).expect("a notice is plain data");
    let limit =
        std::time::Duration::from_millis(u64::try_from(route.timeout.as_millis()).unwrap_or_default());
    match &route.way {
        Way::Desktop => desktop::show(world, delivery, &notice, limit),
        Way::Webhook { url, secret_env } => {
            let secret = secret_env.as_deref().map(|name| secret(world, name)).transpose()?;
            let signature = secret.map(|secret| webhook::signature(secret, crate::clock::now(), &body));
            webhook::post(url, notice.id.as_str(), signature.as_deref(), &body, limit)
        }
        Way::Command { argv } => {
            let (mark, env) = (command::Mark { delivery, notice: &notice.id }, command::environment(world));
            command::run(&world.workspace, argv, env, &body, &mark, limit)
        }
    }
}

fn secret<'a>(world: &'a World, name: &str) -> Result<&'a [u8], Failed> {
    use std::os::unix::ffi::OsStrExt;
    let value = world.env.get(name).map(OsStrExt::as_bytes).filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        Failed::for_good(format!(
            "the engine has no variable {name}: set it, then 'convoy down' and 'convoy up'"
        ))
    })
}
