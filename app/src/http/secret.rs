//! The workspace's token, and what is made of it: links that let a browser in once, cookies, and the marks by which
//! forms of ours are known. Nothing of that is kept: each carries its own proof.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use convoy_core::time::{Span, Time};
use convoy_engine::{clock, entropy};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How long a link lets somebody in.
const LINK_LASTS: Span = Span::from_secs(300);
/// How long a browser stays known.
const COOKIE_LASTS: Span = Span::from_secs(30 * 24 * 3600);
/// How many random bytes make each link and cookie another.
const NONCE_BYTES: usize = 16;
/// How many used links are remembered; each is forgotten when it has run out anyway.
const USED_MAX: usize = 1000;

/// What a proof is for; one is never good for another.
#[derive(Clone, Copy)]
enum Use {
    Link,
    Cookie,
    Form,
}

impl Use {
    fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Cookie => "cookie",
            Self::Form => "form",
        }
    }
}

/// The token and what was used up.
#[derive(Clone)]
pub(crate) struct Secret {
    token: String,
    /// Links are for one engine: a new one knows nothing of what was used up before.
    engine: String,
    used: Arc<Mutex<BTreeMap<String, Time>>>,
}

impl Secret {
    /// For this engine.
    pub(crate) fn new(token: String, engine: &str) -> Self {
        Self { token, engine: engine.to_owned(), used: Arc::default() }
    }

    /// Whether somebody knows the token.
    pub(super) fn is_token(&self, given: &str) -> bool {
        // Compared by what both make of the same text, so that the time it takes says nothing.
        let of = |token: &str| mac(token, &["token"]);
        of(given).verify_slice(&of(&self.token).finalize().into_bytes()).is_ok()
    }

    /// What lets a browser in once.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn link(&self) -> std::io::Result<String> {
        self.proof(Use::Link, LINK_LASTS)
    }

    /// Whether a link is good, which it is only once.
    pub(super) fn use_link(&self, code: &str) -> bool {
        let Some((until, nonce)) = self.check(Use::Link, code) else { return false };
        let now = clock::now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until > now);
        used.len() < USED_MAX && used.insert(nonce.to_owned(), until).is_none()
    }

    /// By which a browser that was let in is known.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn cookie(&self) -> std::io::Result<(String, Span)> {
        Ok((self.proof(Use::Cookie, COOKIE_LASTS)?, COOKIE_LASTS))
    }

    /// Whether a cookie is one of ours.
    pub(super) fn is_cookie(&self, value: &str) -> bool {
        self.check(Use::Cookie, value).is_some()
    }

    /// By which a form of a browser with this cookie is known to be ours.
    pub(super) fn form(&self, cookie: &str) -> String {
        hex(&mac(&self.token, &[Use::Form.name(), cookie]).finalize().into_bytes())
    }

    /// Whether a form is ours.
    pub(super) fn is_form(&self, cookie: &str, given: &str) -> bool {
        let Some(given) = bytes(given) else { return false };
        mac(&self.token, &[Use::Form.name(), cookie]).verify_slice(&given).is_ok()
    }

    /// The name of the cookie: two workspaces on one machine differ only in their ports, which cookies do not know.
    pub(super) fn cookie_name(&self) -> String {
        let name = hex(&mac(&self.token, &["name"]).finalize().into_bytes());
        format!("convoy_{}", &name[..12])
    }

    fn proof(&self, of: Use, lasts: Span) -> std::io::Result<String> {
        let mut nonce = [0; NONCE_BYTES];
        entropy::secret(&mut nonce)?;
        let until = clock::now().plus(lasts).as_millis().to_string();
        let nonce = hex(&nonce);
        let proof = self.mac(of, &until, &nonce).finalize().into_bytes();
        Ok(format!("{until}.{nonce}.{}", hex(&proof)))
    }

    /// Until when it is good, if it is, and what tells it from others, which nobody can write in two ways.
    fn check<'a>(&self, of: Use, text: &'a str) -> Option<(Time, &'a str)> {
        let mut parts = text.splitn(3, '.');
        let (until, nonce, proof) = (parts.next()?, parts.next()?, bytes(parts.next()?)?);
        self.mac(of, until, nonce).verify_slice(&proof).ok()?;
        let until = Time::from_millis(until.parse().ok()?);
        (until > clock::now()).then_some((until, nonce))
    }

    fn mac(&self, of: Use, until: &str, nonce: &str) -> Hmac<Sha256> {
        let engine = match of {
            Use::Link => self.engine.as_str(),
            Use::Cookie | Use::Form => "",
        };
        mac(&self.token, &[of.name(), engine, until, nonce])
    }
}

fn mac(key: &str, parts: &[&str]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key may have any length");
    for part in parts {
        mac.update(part.as_bytes());
        // A byte that stands in none of them.
        mac.update(&[0]);
    }
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if digits.len().is_multiple_of(2) { digits.chunks(2).map(pair).collect() } else { None }
}
