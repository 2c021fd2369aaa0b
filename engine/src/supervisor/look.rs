//! Looking at an agent through its supervisor: the engine's side of its vitals.

use std::time::Duration;

use convoy_core::health::{Look, Vitals};
use convoy_core::time::Span;

use super::client::{Client, Error};
use super::files::SessionDir;

/// Over how long it is seen whether an agent's processes work, at most.
const WINDOW: Duration = Duration::from_secs(10);
/// The same for a person who waits for it.
const SHORT_WINDOW: Duration = Duration::from_millis(250);

/// One look. That processes do nothing is seen over a while, and only if it matters: nothing was heard for longer than
/// `quiet`, and no tool is at work. `pause` waits, and says whether to go on; else there is no look.
///
/// # Errors
/// When nobody listens, or the supervisor is of a version that does not know.
pub fn look(
    dir: &SessionDir,
    quiet: Span,
    pause: impl FnOnce(Duration) -> bool,
) -> Result<Option<Look>, Error> {
    let first = vitals(dir)?;
    let silent = Span::from_millis(i64::try_from(first.silent_ms).unwrap_or(i64::MAX));
    if silent < quiet || first.tool.is_some() {
        return Ok(Some(Look { vitals: first, ..Look::default() }));
    }
    let quiet = Duration::from_millis(u64::try_from(quiet.as_millis()).unwrap_or_default());
    if !pause(WINDOW.min(quiet / 4)) {
        return Ok(None);
    }
    let vitals = vitals(dir)?;
    let window = vitals.at.since(first.at).as_millis().max(1);
    let cpu_ms = vitals.cpu_ms.saturating_sub(first.cpu_ms);
    Ok(Some(Look { cpu_ms, window_ms: u64::try_from(window).unwrap_or(1), vitals, changed_at: None }))
}

/// The same for a person who asks, and waits for the answer.
///
/// # Errors
/// As of `look`.
pub fn look_now(dir: &SessionDir, quiet: Span) -> Result<Option<Look>, Error> {
    look(dir, quiet, |window| {
        std::thread::park_timeout(window.min(SHORT_WINDOW));
        true
    })
}

fn vitals(dir: &SessionDir) -> Result<Vitals, Error> {
    Client::connect(dir)?.vitals()
}
