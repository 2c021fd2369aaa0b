//! Webhooks: one POST with the notice as JSON, signed if there is a key.

use std::time::Duration;

use convoy_core::time::Time;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Failed;
use crate::config::host;

/// Statuses of the 400s that ask for another try: a time-out and too many requests.
const TRY_AGAIN: [u16; 2] = [408, 429];

/// `t=<seconds>,v1=<hex>`: HMAC-SHA256 over the seconds, a dot and the body. A receiver that looks at the time too
/// cannot be given an old request again.
pub(super) fn signature(secret: &[u8], now: Time, body: &[u8]) -> String {
    let seconds = now.as_millis().div_euclid(1000);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key may have any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

pub(super) fn post(
    url: &str,
    key: &str,
    signature: Option<&str>,
    body: &[u8],
    limit: Duration,
) -> Result<(), Failed> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        // A redirect would take the notice to a place that nobody configured.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        // Results do not depend on inherited variables.
        .proxy(None)
        .user_agent(concat!("convoy/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut request = agent.post(url).content_type("application/json").header("Idempotency-Key", key);
    if let Some(signature) = signature {
        request = request.header("Convoy-Signature", signature);
    }
    let host = host(url);
    match request.send(body) {
        Ok(response) => judge(response.status().as_u16(), &host),
        // An address can hold a secret, and is not repeated.
        Err(error) => Err(Failed::for_now(format!("{host}: {}", error.to_string().replace(url, "…")))),
    }
}

/// What an answer means. Its text is not kept: it is anybody's.
fn judge(status: u16, host: &str) -> Result<(), Failed> {
    let said = format!("{host} answered {status}");
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(Failed::for_good(format!("{said}: redirects are not followed"))),
        400..=499 if !TRY_AGAIN.contains(&status) => Err(Failed::for_good(said)),
        _ => Err(Failed::for_now(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha256_of_time_and_body() {
        // By `printf '1767118500.{"a":1}' | openssl dgst -sha256 -hmac key`.
        let made = signature(b"key", Time::from_millis(1_767_118_500_123), b"{\"a\":1}");
        assert_eq!(made, "t=1767118500,v1=49861d47f98feb86433e3fd124eb26d070f529e7f4b96eaec006afef7fffb6ea");
    }

    #[test]
    fn answers_mean_what_http_says() {
        let permanent = |status| judge(status, "h").err().map(|failed| failed.permanent);
        for status in [200, 202, 204] {
            assert_eq!(permanent(status), None, "{status}");
        }
        for status in [301, 308, 400, 401, 404, 410] {
            assert_eq!(permanent(status), Some(true), "{status}");
        }
        for status in [408, 429, 500, 502, 503, 100] {
            assert_eq!(permanent(status), Some(false), "{status}");
        }
    }
}
