//! Permits: a limit on how much of something goes on at once.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A number of permits.
pub(crate) struct Permits {
    free: Mutex<usize>,
    changed: Condvar,
}

impl Permits {
    pub(crate) fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), changed: Condvar::new() }
    }
    /// Runs `work` with a permit, waiting for one first.
    pub(crate) fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        self.take();
        let result = work();
        self.give_back();
        result
    }
    /// Takes a permit, waiting for one.
    pub(crate) fn take(&self) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
    }
    /// Gives a permit back.
    pub(crate) fn give_back(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }
    /// Waits until so many are free, but no longer than `limit`.
    pub(crate) fn wait_free(&self, count: usize, limit: Duration) {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.changed.wait_timeout_while(free, limit, |free| *free < count);
    }
}
