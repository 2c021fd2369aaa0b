//! The one place that draws randomness.

/// A fresh seed.
#[expect(clippy::disallowed_methods, reason = "the owner of randomness")]
pub fn seed() -> u64 {
    fastrand::u64(..)
}
