//! That the engine leaves, as everybody is told who waits for something.

use tokio::sync::watch;

/// Tells it.
pub(super) struct Leaves(watch::Sender<bool>);

/// Learns of it.
#[derive(Clone)]
pub(super) struct Leaving(watch::Receiver<bool>);

impl Leaves {
    /// It leaves now.
    pub(super) fn now(&self) {
        let _ = self.0.send(true);
    }
}

impl Leaving {
    pub(super) fn channel() -> (Leaves, Self) {
        let (sender, receiver) = watch::channel(false);
        (Leaves(sender), Self(receiver))
    }

    /// Waits until it leaves.
    pub(super) async fn come(mut self) {
        let _ = self.0.wait_for(|leaves| *leaves).await;
    }
}
