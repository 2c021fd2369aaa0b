//! Who may do what: looked at for every request and every upgrade, before any handler.
//!
//! Whoever comes by the engine's socket is the user, which the system has checked. Whoever comes by the port has to call
//! this machine by a name of its own (`Host`: otherwise a name of somebody else may lead here), must not come from
//! another page (`Origin`), and has to know the token or have a cookie that was given for it. With a cookie, which
//! browsers send by themselves, what changes something also needs the mark of our own forms.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use convoy_engine::clock::Instant;

use super::error::Error;
use super::site::Site;

/// The largest form, in bytes: an issue's text of 1 MiB, encoded for a form, with room.
const FORM_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The header in which a script of ours sends the mark.
const MARK_HEADER: &str = "x-convoy-form";
/// The field in which a form of ours sends it.
const MARK_FIELD: &str = "_form";

/// How many may try to come in with what is not right, in how long, before they are told to wait.
const TRIES_MAX: usize = 20;
/// In how long.
const TRIES_FOR: Duration = Duration::from_secs(60);

/// By which way a request came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// The engine's socket.
    Socket,
    /// The port.
    Port,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// What forms for this visitor have to carry; nothing if no form needs a mark.
    pub(crate) mark: String,
}

/// Nothing is loaded from anywhere else, no script or style stands in a page, nobody frames it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets a request through to its handler, or answers it.
pub(super) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let mut response = match admit(&site, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.response(&headers),
    };
    let out = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        out.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not "no-referrer": with that, browsers send `Origin: null` with our own forms too.
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    response
}

async fn admit(site: &Site, mut request: Request) -> Result<Request, Error> {
    let way = request.extensions().get::<Way>().copied().unwrap_or(Way::Port);
    if way == Way::Socket {
        request.extensions_mut().insert(Visitor { mark: String::new() });
        return Ok(request);
    }
    let headers = request.headers();
    let host = text(headers, &header::HOST).unwrap_or_default().to_lowercase();
    if !is_ours(site, &host) {
        return Err(Error::new(
            StatusCode::MISDIRECTED_REQUEST,
            "forbidden",
            "this machine is not called by that name here",
        )
        .hint("names that are allowed besides: daemon.hosts in .convoy/config.toml"));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let ours = origin.to_str().is_ok_and(|origin| origin.to_lowercase() == format!("http://{host}"));
        if !ours {
            return Err(Error::new(StatusCode::FORBIDDEN, "forbidden", "this was sent from another site"));
        }
    }
    if super::server::is_public(request.uri().path()) {
        request.extensions_mut().insert(Visitor { mark: String::new() });
        return Ok(request);
    }
    if let Some(given) = text(headers, &header::AUTHORIZATION) {
        let token = given.strip_prefix("Bearer ").unwrap_or_default().trim();
        if site.0.secret.is_token(token) {
            request.extensions_mut().insert(Visitor { mark: String::new() });
            return Ok(request);
        }
        return Err(site.0.strangers.answer("this is not the token of this workspace"));
    }
    let Some(cookie) = cookie(site, headers) else {
        // Whoever shows nothing has not tried anything.
        let tried = headers.get_all(header::COOKIE).iter().any(|line| is_named(site, line));
        return Err(if tried {
            site.0.strangers.answer("this is no cookie of this workspace")
        } else {
            stranger("nobody here knows you")
        });
    };
    let upgrade = headers.contains_key(header::UPGRADE);
    if upgrade && !headers.contains_key(header::ORIGIN) {
        return Err(Error::new(StatusCode::FORBIDDEN, "forbidden", "an upgrade has to say where it is from"));
    }
    let mark = site.0.secret.form(&cookie);
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        request = marked(site, &cookie, request).await?;
    }
    request.extensions_mut().insert(Visitor { mark });
    Ok(request)
}

/// Those who tried to come in with what is not right.
#[derive(Default)]
pub(super) struct Strangers(Mutex<VecDeque<Instant>>);

impl Strangers {
    /// What one more of them is told. Whoever has the right token is let in at any time: nobody can keep a person out by
    /// trying wrong ones.
    pub(super) fn answer(&self, why: &str) -> Error {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tries.front().is_some_and(|try_| try_.elapsed() >= TRIES_FOR) {
            tries.pop_front();
        }
        if tries.len() < TRIES_MAX {
            tries.push_back(Instant::now());
            return stranger(why);
        }
        let wait = tries.front().map_or(TRIES_FOR, |first| TRIES_FOR.saturating_sub(first.elapsed()));
        Error::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "too many have tried to come in with what is not right",
        )
        .hint(format!("try again in {} s", wait.as_secs() + 1))
        .after(wait.as_secs() + 1)
    }
}

fn stranger(why: &str) -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "unauthorized", why)
        .hint("a browser is let in by the link of 'convoy dashboard'")
        .hint(
            "a program sends 'Authorization: Bearer <token>'; 'convoy daemon status' says where the token is",
        )
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_ours(site: &Site, host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    site.0.hosts.contains(host) || (!name.is_empty() && site.0.hosts.contains(name))
}

/// The cookie of ours that a browser sent.
fn cookie(site: &Site, headers: &HeaderMap) -> Option<String> {
    let name = site.0.secret.cookie_name();
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, value)| *key == name && site.0.secret.is_cookie(value))?;
    Some(value.to_owned())
}

/// Whether a line of cookies has one that is called like ours.
fn is_named(site: &Site, line: &HeaderValue) -> bool {
    let name = site.0.secret.cookie_name();
    let pairs = line.to_str().unwrap_or_default().split(';');
    pairs.filter_map(|pair| pair.trim().split_once('=')).any(|(key, _)| key == name)
}

/// A request that changes something, if it carries the mark: in a header, or as a field of its form.
async fn marked(site: &Site, cookie: &str, request: Request) -> Result<Request, Error> {
    let wrong = || {
        Error::new(StatusCode::FORBIDDEN, "forbidden", "this was not sent by a form of this page")
            .hint("load the page again, and try once more")
    };
    let header = request.headers().get(MARK_HEADER).and_then(|value| value.to_str().ok());
    if let Some(given) = header {
        return if site.0.secret.is_form(cookie, given) { Ok(request) } else { Err(wrong()) };
    }
    let kind = text(request.headers(), &header::CONTENT_TYPE).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(wrong());
    }
    let (parts, body) = request.into_parts();
    let bytes: Bytes = axum::body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| {
        Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "this is larger than any form of this page")
    })?;
    let fields = form_fields(&bytes);
    let given = fields.iter().find(|(name, _)| name == MARK_FIELD).map(|(_, value)| value.as_str());
    if given.is_some_and(|given| site.0.secret.is_form(cookie, given)) {
        Ok(Request::from_parts(parts, Body::from(bytes)))
    } else {
        Err(wrong())
    }
}

/// The fields of a form, as they were sent.
fn form_fields(bytes: &[u8]) -> Vec<(String, String)> {
    serde_urlencoded::from_bytes(bytes).unwrap_or_default()
}
