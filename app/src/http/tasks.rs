//! The one place that starts tasks, and that lets a call block.

use std::future::Future;

use convoy_api::{Code, Failure};

/// Starts a task that nobody waits for: one connection, one stream. It ends when its caller or the engine does.
#[expect(clippy::disallowed_methods, reason = "the owner of tasks")]
pub(super) fn start(task: impl Future<Output = ()> + Send + 'static) {
    tokio::task::spawn(task);
}

/// Makes a call that blocks on a thread where that keeps nobody waiting.
#[expect(clippy::disallowed_methods, reason = "the owner of blocking calls")]
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => Err(Failure::new(Code::Unavailable, format!("the engine could not answer: {error}"))),
    }
}
