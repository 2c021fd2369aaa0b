//! The one place that reads a clock.
//!
//! Wall time goes into events, for people; it may jump. Deadlines are kept on the monotonic clock, which also
//! counts suspended time, so that no timer fires because somebody set the date.

use convoy_core::time::{Span, Time};

/// Wall-clock time.
#[expect(clippy::disallowed_methods, reason = "the owner of the clock")]
pub fn now() -> Time {
    Time::from_millis(jiff::Timestamp::now().as_millisecond().saturating_add(advance::millis()))
}

/// Has somebody told whenever a test advances the clock; `then` says whether there is still anybody to tell.
pub(crate) fn on_advance(then: impl Fn() -> bool + Send + 'static) {
    advance::on(then);
}

/// Where tests let time pass: `CONVOY_CLOCK` names a file with the milliseconds that wall time is ahead. Only in builds
/// with debug assertions; a release has none of it. Deadlines of agents are on the clock since boot, and do not move.
#[cfg(debug_assertions)]
mod advance {
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;

    use crate::os::watch::Watcher;
    use crate::tasks::{self, Kind};

    #[expect(clippy::disallowed_methods, reason = "a switch for tests, which must reach into any depth")]
    fn file() -> Option<&'static Path> {
        static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
        FILE.get_or_init(|| std::env::var_os("CONVOY_CLOCK").map(PathBuf::from)).as_deref()
    }

    pub(super) fn millis() -> i64 {
        let Some(file) = file() else { return 0 };
        std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    pub(super) fn on(then: impl Fn() -> bool + Send + 'static) {
        let Some(dir) = file().and_then(Path::parent) else { return };
        let Ok(watcher) = Watcher::new([dir]) else { return };
        let _ = tasks::start(Kind::Watch, move || {
            let mut known = 0;
            while watcher.wait().is_ok() {
                let now = millis();
                if now != known && !then() {
                    return;
                }
                known = now;
            }
        });
    }
}

#[cfg(not(debug_assertions))]
mod advance {
    pub(super) fn millis() -> i64 {
        0
    }

    pub(super) fn on(_then: impl Fn() -> bool + Send + 'static) {}
}

/// A point on the boot-time clock, meaningful on this machine until it restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant {
    nanos: i128,
}

impl Instant {
    /// This moment.
    pub fn now() -> Self {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self { nanos: i128::from(t.tv_sec) * 1_000_000_000 + i128::from(t.tv_nsec) }
    }
    /// This moment later by `span`.
    pub fn plus(self, span: Span) -> Self {
        Self { nanos: self.nanos + i128::from(span.as_millis()) * 1_000_000 }
    }
    /// Milliseconds since the machine booted, for files that another process of the same boot reads.
    pub fn boot_millis(self) -> u64 {
        u64::try_from(self.nanos / 1_000_000).unwrap_or(0)
    }
    /// How much time is left until this moment; zero if it is past.
    pub fn left(self) -> std::time::Duration {
        let nanos = (self.nanos - Self::now().nanos).max(0);
        std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
    /// How much time there is from this moment to a later one; none if that is not later.
    pub fn until(self, later: Self) -> std::time::Duration {
        let nanos = (later.nanos - self.nanos).max(0);
        std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
    /// How much time has gone by since this moment.
    pub fn elapsed(self) -> std::time::Duration {
        let nanos = (Self::now().nanos - self.nanos).max(0);
        std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
