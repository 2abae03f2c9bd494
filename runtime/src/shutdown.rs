//! One way to stop, everywhere: a signal or a call starts it, every task hears of it, the last one out
//! ends the program.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Told to stop? And who is still at it? Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// One that nothing starts but [`Shutdown::start`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that also SIGTERM and SIGINT start.
    ///
    /// # Errors
    /// When the signals can't be listened to.
    pub fn on_signals() -> std::io::Result<Self> {
        let shutdown = Self::new();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let token = shutdown.token.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
                () = token.cancelled() => {}
            }
            token.cancel();
        });
        Ok(shutdown)
    }

    /// Tells everybody to stop.
    pub fn start(&self) {
        self.token.cancel();
    }

    /// Whether everybody was told to stop.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until everybody is told to stop.
    pub async fn started(&self) {
        self.token.cancelled().await;
    }

    /// Runs a task that [`Shutdown::finished`] waits for. The task itself watches [`Shutdown::started`].
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// After the start: waits until all tasks have ended, at most `limit`. False: some were still at it.
    pub async fn finished(&self, limit: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_and_the_last_one_out_ends_it() {
        let shutdown = Shutdown::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let told = shutdown.clone();
        shutdown.spawn(async move {
            told.started().await;
            let _ = receiver.await;
        });
        shutdown.start();
        assert!(
            !shutdown.finished(Duration::from_millis(20)).await,
            "one task is still at it"
        );
        sender.send(()).expect("the task waits");
        assert!(shutdown.finished(Duration::from_secs(5)).await);
    }
}
