//! What the doctor says of routes, and of notices that did not arrive.

use convoy_api::{Answer, Query, Service};
use convoy_core::view::DeliveryStatus;

use super::{Doctor, Health};
use crate::config::{Config, Route, Way, host};
use crate::notify::DESKTOP_PROGRAM;
use crate::os::program;

/// How many failures are told one by one; the outbox has them all.
const TOLD_MAX: usize = 10;

impl Doctor<'_> {
    /// Whether each route could be taken from here.
    pub(super) fn routes(&mut self, config: &Config) {
        let routes = match config.routes() {
            Ok(routes) => routes,
            Err(failure) => return self.failed("routes", &failure),
        };
        for route in routes.iter() {
            let what = match &route.way {
                Way::Desktop => "a desktop notification".to_owned(),
                Way::Webhook { url, secret_env: Some(_) } => format!("a signed webhook at {}", host(url)),
                Way::Webhook { url, secret_env: None } => format!("a webhook at {}, not signed", host(url)),
                Way::Command { argv } => format!("the command {:?}", argv[0]),
            };
            let whose = routes.of(&route.name).join(", ");
            let detail = format!("{} for {whose}: {what}", route.name);
            match self.lacks(route) {
                None => self.say("route", Health::Ok, detail, None),
                Some((lack, fix)) => {
                    self.say("route", Health::Warning, format!("{detail}; {lack}"), Some(&fix));
                }
            }
        }
    }

    /// What a route needs and is not there, and what would mend it.
    fn lacks(&self, route: &Route) -> Option<(String, String)> {
        let path = self.env.get("PATH");
        match &route.way {
            Way::Desktop if program::find(DESKTOP_PROGRAM, path).is_none() => {
                let lack = format!("the program {DESKTOP_PROGRAM:?} is not installed");
                Some((lack, "install it (the package is called libnotify-bin or libnotify)".to_owned()))
            }
            Way::Webhook { secret_env: Some(name), .. } if self.env.text(name).is_none() => {
                let fix =
                    format!("set {name} where the engine is started, then 'convoy down' and 'convoy up'");
                Some((format!("{name} is not set here"), fix))
            }
            Way::Command { argv } => {
                let name = &argv[0];
                let file = if name.contains('/') {
                    self.workspace.root().join(name).display().to_string()
                } else {
                    name.clone()
                };
                let lack = || (format!("there is no program {name:?}"), "correct notify.routes".to_owned());
                program::find(&file, path).is_none().then(lack)
            }
            Way::Desktop | Way::Webhook { .. } => None,
        }
    }

    /// Deliveries that were given up, or fail and are tried again.
    pub(super) fn undelivered(&mut self, service: &dyn Service) {
        let deliveries = match service.ask(Query::Outbox { all: false }) {
            Ok(Answer::Outbox { deliveries }) => deliveries,
            Ok(_) => return,
            Err(failure) => return self.failed("notifications", &failure),
        };
        let count = |failed: bool| {
            let of = |status| (status == DeliveryStatus::Failed) == failed;
            deliveries.iter().filter(|delivery| of(delivery.status)).count()
        };
        let waiting = count(false);
        if waiting > 0 {
            let detail = format!("{waiting} on their way; see: convoy mail outbox");
            self.say("notifications", Health::Ok, detail, None);
        }
        let failing = deliveries.iter().filter(|delivery| delivery.last_error.is_some());
        for delivery in failing.clone().take(TOLD_MAX) {
            let why = delivery.last_error.as_deref().unwrap_or_default();
            let then = match delivery.next_at {
                Some(at) => format!("is tried again at {at}"),
                None => "was given up".to_owned(),
            };
            let (id, to) = (&delivery.id, &delivery.to);
            let tries =
                if delivery.tries == 1 { "1 try".to_owned() } else { format!("{} tries", delivery.tries) };
            let detail = format!(
                "{id} to {to} by {} {then} after {tries}: {why} ({})",
                delivery.route, delivery.subject
            );
            let fix =
                format!("convoy mail retry {id}; or let it be: convoy mail archive {}", delivery.notice_id);
            self.say("notifications", Health::Warning, detail, Some(&fix));
        }
        let more = failing.count().saturating_sub(TOLD_MAX);
        if more > 0 {
            let detail = format!("{more} more");
            self.say("notifications", Health::Warning, detail, Some("convoy mail outbox"));
        }
    }
}
