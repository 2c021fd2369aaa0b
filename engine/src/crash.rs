//! Where a test lets this process die: `CONVOY_CRASH=<point>@<n>` kills it with SIGKILL at the nth time that the
//! named point is reached. Only in builds with debug assertions; a release has none of it.

/// Reaches a crash point.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "a switch for tests, which must reach into any depth")]
pub(crate) fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("CONVOY_CRASH").ok()?;
        let (point, n) = text.split_once('@')?;
        Some((point.to_owned(), n.parse().ok()?))
    });
    if let Some((point, n)) = wanted
        && point == name
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *n
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Reaches a crash point; nothing in a release.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
