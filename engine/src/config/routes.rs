//! `[notify] routes`: where notices go besides their mailboxes.
//!
//! Each route has a name, by which deliveries remember it: a delivery whose route is configured no more is given up,
//! and not sent to another place. A name that is not given is made of what the route is, without its secrets.

use std::collections::BTreeMap;

use convoy_api::{Code, Failure};
use convoy_core::address::Address;
use convoy_core::id::RouteName;
use convoy_core::policy;
use convoy_core::time::Span;
use toml::Value;

use super::Config;
use super::typed::duration;
use crate::log::Hash;

/// The key.
const KEY: &str = "notify.routes";
/// The short way to the one route that most people want.
const DESKTOP: &str = "notify.desktop";
/// The address that stands for every one.
const EVERY: &str = "*";
/// What a route may hold.
const FIELDS: [&str; 6] = ["desktop", "webhook", "command", "secret_env", "name", "timeout"];
/// How long a route may take, unless it says otherwise.
const TIMEOUT_DEFAULT: Span = Span::from_secs(15);
/// The longest that it may say: a delivery has a thread and one of few places for so long.
const TIMEOUT_MAX: Span = Span::from_secs(300);
/// The longest address of a webhook, in bytes.
const URL_BYTES_MAX: usize = 2000;
/// How many routes there may be of one address: each notice to it has so many deliveries.
const ROUTES_MAX: usize = 20;

/// How a notice leaves the workspace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// As a notification of the person's desktop.
    Desktop,
    /// As a signed request.
    Webhook {
        /// Where to. May hold a secret, so it is never printed.
        url: String,
        /// The variable with the key of the signature; not signed without.
        secret_env: Option<String>,
    },
    /// To a program, on its stdin.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
    },
}

/// A route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// How.
    pub way: Way,
    /// The longest that a try may take.
    pub timeout: Span,
}

/// All routes, and whose they are.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Routes {
    by_name: BTreeMap<RouteName, Route>,
    every: Vec<RouteName>,
    by_address: BTreeMap<Address, Vec<RouteName>>,
}

impl Routes {
    /// The route of a name.
    pub fn get(&self, name: &RouteName) -> Option<&Route> {
        self.by_name.get(name)
    }
    /// All routes.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.by_name.values()
    }
    /// Whose a route is, as the configuration writes it.
    pub fn of(&self, name: &RouteName) -> Vec<String> {
        let own = self.by_address.iter().filter(|(_, names)| names.contains(name));
        let every = self.every.contains(name).then(|| EVERY.to_owned());
        every.into_iter().chain(own.map(|(address, _)| address.to_string())).collect()
    }

    /// Whether the person is told on the desktop already, perhaps under another name or with another time.
    fn lead_to_the_desktop(&self) -> bool {
        let own = self.by_address.get(&Address::overseer()).into_iter().flatten();
        let mut routes = self.every.iter().chain(own).filter_map(|name| self.by_name.get(name));
        routes.any(|route| route.way == Way::Desktop)
    }

    fn add(&mut self, address: &str, route: Route) -> Result<(), String> {
        if self.by_name.get(&route.name).is_some_and(|other| *other != route) {
            return Err(format!("two routes have the name {:?}", route.name.as_str()));
        }
        let names = match address {
            EVERY => &mut self.every,
            _ => {
                let address = Address::new(address).map_err(|error| error.to_string())?;
                self.by_address.entry(address).or_default()
            }
        };
        if !names.contains(&route.name) {
            names.push(route.name.clone());
        }
        if names.len() > ROUTES_MAX {
            return Err(format!("at most {ROUTES_MAX} routes of an address"));
        }
        self.by_name.insert(route.name.clone(), route);
        Ok(())
    }
}

impl Config {
    /// The routes.
    ///
    /// # Errors
    /// Names the address, the route and what is wrong with it.
    pub fn routes(&self) -> Result<Routes, Failure> {
        let mut routes = self.routes_by_address()?;
        if self.entry(DESKTOP).is_some() && self.flag(DESKTOP)? && !routes.lead_to_the_desktop() {
            let route = Route { name: made_name(&Way::Desktop), way: Way::Desktop, timeout: TIMEOUT_DEFAULT };
            let added = routes.add(Address::overseer().as_str(), route);
            added.map_err(|what| Failure::new(Code::Invalid, format!("{DESKTOP}: {what}")))?;
        }
        Ok(routes)
    }

    fn routes_by_address(&self) -> Result<Routes, Failure> {
        let Some(entry) = self.entry(KEY) else { return Ok(Routes::default()) };
        let wrong = |what: String| Failure::new(Code::Invalid, format!("{KEY} ({}): {what}", entry.origin));
        let Some(table) = entry.value.as_table() else {
            return Err(wrong("expected a table of addresses".into()));
        };
        let mut routes = Routes::default();
        for (address, list) in table {
            let place = |n: usize| format!("{address:?}, route {}", n + 1);
            let list = list.as_array().ok_or_else(|| {
                wrong(format!("{address:?}: expected a list of routes, such as [{{ desktop = true }}]"))
            })?;
            for (n, value) in list.iter().enumerate() {
                let route = route(value).map_err(|what| wrong(format!("{}: {what}", place(n))))?;
                routes.add(address, route).map_err(|what| wrong(format!("{}: {what}", place(n))))?;
            }
        }
        Ok(routes)
    }

    /// The same for the core, which knows routes by their names only.
    pub(super) fn route_policy(&self) -> Result<policy::Routes, Failure> {
        let routes = self.routes()?;
        Ok(policy::Routes {
            every: routes.every,
            by_address: routes.by_address,
            backoff: self.span("notify.backoff")?,
            backoff_max: self.span("notify.backoff_max")?,
            tries_max: self.number("notify.max_tries", 1)?.unwrap_or(policy::Routes::default().tries_max),
        })
    }
}

fn route(value: &Value) -> Result<Route, String> {
    let table = value.as_table().ok_or("expected a table, such as { desktop = true }")?;
    if let Some(unknown) = table.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let near = FIELDS.into_iter().min_by_key(|known| strsim::damerau_levenshtein(known, unknown));
        return Err(format!("unknown key {unknown:?}; did you mean {:?}?", near.unwrap_or_default()));
    }
    let text = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(format!("{key}: expected text")),
    };
    let secret_env = text("secret_env")?;
    let way = match (table.get("desktop"), text("webhook")?, table.get("command")) {
        (Some(Value::Boolean(true)), None, None) => Way::Desktop,
        (Some(_), None, None) => return Err("desktop: expected true".into()),
        (None, Some(url), None) => {
            check_url(&url)?;
            Way::Webhook { url, secret_env: secret_env.clone() }
        }
        (None, None, Some(argv)) => Way::Command { argv: words(argv)? },
        _ => return Err("expected one of desktop, webhook and command".into()),
    };
    match (&way, &secret_env) {
        (Way::Webhook { .. }, Some(name)) if !is_variable(name) => {
            return Err("secret_env: expected the name of a variable, not the secret itself".into());
        }
        (Way::Desktop | Way::Command { .. }, Some(_)) => return Err("secret_env is for a webhook".into()),
        _ => {}
    }
    let timeout = match text("timeout")? {
        None => TIMEOUT_DEFAULT,
        Some(text) => {
            duration(&text).filter(|span| *span > Span::default() && *span <= TIMEOUT_MAX).ok_or_else(
                || format!("timeout: expected a duration of at most {TIMEOUT_MAX}, such as \"10s\""),
            )?
        }
    };
    let name = match text("name")? {
        Some(name) => RouteName::new(name).map_err(|error| format!("name: {error}"))?,
        None => made_name(&way),
    };
    Ok(Route { name, way, timeout })
}

fn words(value: &Value) -> Result<Vec<String>, String> {
    let words = value.as_array().map(|words| words.iter().map(|word| word.as_str().map(str::to_owned)));
    let words: Option<Vec<String>> = words.and_then(Iterator::collect);
    words
        .filter(|words| words.first().is_some_and(|program| !program.is_empty()))
        .filter(|words| !words.iter().any(|word| word.contains('\0')))
        .ok_or_else(|| "command: expected a program and its arguments, such as [\"prog\", \"arg\"]".into())
}

/// The value is not shown: it may hold a secret.
fn check_url(url: &str) -> Result<(), String> {
    let expected = || "webhook: expected an address such as \"https://example.com/hook\"".to_owned();
    if url.len() > URL_BYTES_MAX || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(expected());
    }
    let uri: ureq::http::Uri = url.parse().map_err(|_| expected())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if known && host && !user { Ok(()) } else { Err(expected()) }
}

fn is_variable(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 100 && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The host of a webhook's address: all of it that is ever shown.
pub(crate) fn host(url: &str) -> String {
    let uri: Option<ureq::http::Uri> = url.parse().ok();
    uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
}

fn made_name(way: &Way) -> RouteName {
    let (kind, what, whole) = match way {
        Way::Desktop => return RouteName::new("desktop").expect("a constant that is a valid name"),
        Way::Webhook { url, .. } => ("webhook", host(url), url.clone()),
        Way::Command { argv } => {
            let program = argv[0].rsplit('/').next().unwrap_or_default();
            ("command", program.to_owned(), argv.join("\0"))
        }
    };
    let hash: String = Hash::of(whole.as_bytes()).0[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let safe: String =
        what.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(40).collect();
    RouteName::new(format!("{kind}-{safe}-{hash}"))
        .or_else(|_| RouteName::new(format!("{kind}-{hash}")))
        .expect("letters, digits and dashes that end in a digit of a hash are a valid name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Route, String> {
        route(&crate::config::value(text).unwrap())
    }

    #[test]
    fn each_kind_is_read_and_named_without_its_secrets() {
        assert_eq!(read("{ desktop = true }").unwrap().name.as_str(), "desktop");
        let hook =
            read(r#"{ webhook = "https://hooks.example.com/T0/secret?x=1", secret_env = "HOOK" }"#).unwrap();
        assert!(hook.name.as_str().starts_with("webhook-hooks-example-com-"), "{}", hook.name);
        assert!(!hook.name.as_str().contains("secret"));
        let other = read(r#"{ webhook = "https://hooks.example.com/T0/other" }"#).unwrap();
        assert_ne!(hook.name, other.name);
        let six = read(r#"{ webhook = "http://[::1]:80/", name = "six" }"#).unwrap();
        assert_eq!((six.name.as_str(), six.timeout), ("six", TIMEOUT_DEFAULT));
        let command = read(r#"{ command = ["./bin/tell me", "x"], timeout = "2s" }"#).unwrap();
        assert!(command.name.as_str().starts_with("command-tell-me-"), "{}", command.name);
        assert_eq!(command.timeout, Span::from_secs(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, what) in [
            ("{}", "expected one of desktop, webhook and command"),
            ("true", "expected a table"),
            ("{ desktop = false }", "desktop: expected true"),
            ("{ desktop = true, webhook = \"https://a\" }", "expected one of"),
            ("{ webhok = \"https://a\" }", "did you mean \"webhook\"?"),
            ("{ webhook = \"ftp://a/\" }", "webhook: expected an address"),
            ("{ webhook = \"https://user:pw@a/\" }", "webhook: expected an address"),
            ("{ webhook = \"https://a/ b\" }", "webhook: expected an address"),
            ("{ webhook = \"/x\" }", "webhook: expected an address"),
            ("{ webhook = \"https://a/\", secret_env = \"s3cret!\" }", "not the secret itself"),
            ("{ desktop = true, secret_env = \"X\" }", "secret_env is for a webhook"),
            ("{ command = [] }", "command: expected a program"),
            ("{ command = \"rm -rf /\" }", "command: expected a program"),
            ("{ desktop = true, timeout = \"1h\" }", "timeout: expected"),
            ("{ desktop = true, name = \"../x\" }", "name: "),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn names_are_unique_and_addresses_are_checked() {
        let mut routes = Routes::default();
        routes.add("--human", read("{ desktop = true }").unwrap()).unwrap();
        routes.add("overseer", read("{ desktop = true }").unwrap()).unwrap();
        routes.add("*", read("{ desktop = true }").unwrap()).unwrap();
        let name = RouteName::new("desktop").unwrap();
        assert_eq!(routes.of(&name), ["*", "overseer"]);
        assert!(routes.add("ann", read("{ command = [\"x\"], name = \"desktop\" }").unwrap()).is_err());
        assert!(routes.add("a b", read("{ desktop = true }").unwrap()).is_err());
    }
}
