//! Mistakes that can be built into the driver and its world, to see that the checks notice them.

/// A mistake. Each was made by somebody (`convoy up` of others), and each breaks a promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bug {
    /// Recovery takes "no run record" for dead, and lets the next attempt start, without making the record itself.
    NoFence,
    /// A process is recognised by its pid alone.
    PidOnly,
    /// The session directory is named after the issue, and used again by the next attempt.
    NamesReused,
    /// A supervisor is launched without looking whether its issue is still to be worked on.
    RetryClosed,
    /// Processes that the engine starts inherit its lock.
    LockInherited,
    /// A supervisor starts its agent first and makes the run record after.
    SpawnBeforeClaim,
    /// The observations of a failed append are forgotten instead of being looked at again.
    ForgetsUnknown,
    /// Leftovers of a killed supervisor are not killed before the session counts as lost.
    NoReap,
    /// Directories that the log does not know are left alone when the engine starts.
    IgnoresUnknown,
    /// A supervisor leaves it to the engine to stop an agent that has spent what it may.
    SpendsOn,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NoFence,
        Self::PidOnly,
        Self::NamesReused,
        Self::RetryClosed,
        Self::LockInherited,
        Self::SpawnBeforeClaim,
        Self::ForgetsUnknown,
        Self::NoReap,
        Self::IgnoresUnknown,
        Self::SpendsOn,
    ];
}
