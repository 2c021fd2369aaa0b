//! The one place that draws randomness.

/// A fresh seed.
#[expect(clippy::disallowed_methods, reason = "the owner of randomness")]
pub fn seed() -> u64 {
    fastrand::u64(..)
}

/// Fills `bytes` with what nobody can guess.
///
/// # Errors
/// When the system has none.
pub fn secret(bytes: &mut [u8]) -> std::io::Result<()> {
    let mut at = 0;
    while at < bytes.len() {
        at += rustix::rand::getrandom(&mut bytes[at..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(())
}
