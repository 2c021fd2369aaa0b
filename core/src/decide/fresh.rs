//! Fresh ids, from randomness that the caller brings.

use crate::id::{
    CheckpointId, ConvoyId, DeliveryId, EpicName, IssueId, NoticeId, SessionId, WorkerId, base36,
};
use crate::state::State;

/// A stream of pseudo-random numbers (SplitMix64) from a seed that the dispatcher draws.
#[derive(Clone, Debug)]
pub struct Entropy(u64);

impl Entropy {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// An id that is not taken yet; each try draws afresh.
    fn free<T>(&mut self, prefix: &str, digits: usize, taken: impl Fn(&T) -> bool) -> T
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Debug,
    {
        loop {
            let text = format!("{prefix}-{}", base36(self.draw(), digits));
            let id: T = text.parse().expect("a validated prefix and base-36 digits make a valid id");
            if !taken(&id) {
                return id;
            }
        }
    }
    /// An issue's id: three digits, more when the workspace is crowded.
    pub(super) fn issue(&mut self, state: &State, prefix: &str) -> IssueId {
        let crowd = state.issues.len().saturating_mul(16);
        let digits = (3..12).find(|digits| 36usize.pow(*digits) > crowd).unwrap_or(12);
        self.free(prefix, digits as usize, |id| state.issues.contains_key(id))
    }
    pub(super) fn convoy(&mut self, state: &State) -> ConvoyId {
        self.free("hq-cv", 5, |id| state.convoys.contains_key(id))
    }
    pub(super) fn worker(&mut self, state: &State) -> WorkerId {
        self.free("w", 5, |id| state.workers.contains_key(id))
    }
    pub(super) fn session(&mut self, state: &State) -> SessionId {
        self.free("s", 8, |id| state.sessions.contains_key(id) || state.own_sessions.contains_key(id))
    }
    /// A name for an epic that nobody named.
    pub(super) fn epic(&mut self, state: &State) -> EpicName {
        self.free("epic", 6, |name| state.knows_epic(name))
    }
    pub(super) fn checkpoint(&mut self, state: &State) -> CheckpointId {
        self.free("ckpt", 8, |id| state.checkpoints.contains_key(id))
    }
    pub(super) fn notice(&mut self, state: &State) -> NoticeId {
        self.free("n", 8, |id| state.notices.contains_key(id))
    }
    pub(super) fn delivery(&mut self, state: &State) -> DeliveryId {
        self.free("d", 8, |id| state.deliveries.contains_key(id))
    }
}
