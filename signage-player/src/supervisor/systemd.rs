//! What systemd is told (sd_notify(3)): ready with the first frame, then a sign of life for the watchdog each time that
//! more frames have left, and never otherwise.

use std::time::Duration;

use runtime::Shutdown;
use sd_notify::NotifyState;
use tokio::sync::watch;

/// Signs of life are given at most this often.
const EVERY: Duration = Duration::from_secs(1);

/// The way to systemd, where there is one.
#[derive(Debug)]
pub struct Systemd {
    is_there: bool,
}

impl Systemd {
    /// As the environment says (`NOTIFY_SOCKET`).
    #[must_use]
    pub fn from_env() -> Self {
        let mut usec = 0;
        if sd_notify::watchdog_enabled(false, &mut usec) && usec < 5_000_000 {
            tracing::warn!("WatchdogSec of {usec} µs is short: 10 s and more let the picture's process begin anew");
        }
        Self {
            is_there: std::env::var_os("NOTIFY_SOCKET").is_some(),
        }
    }

    /// Tells it about frames until the shutdown.
    pub async fn run(self, mut frames: watch::Receiver<u64>, shutdown: Shutdown) {
        if !self.is_there {
            return;
        }
        let mut is_ready = false;
        loop {
            tokio::select! {
                () = shutdown.started() => break,
                changed = frames.changed() => if changed.is_err() { break },
            }
            let count = *frames.borrow_and_update();
            let status = format!("{count} frames");
            tell(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
            if !std::mem::replace(&mut is_ready, true) {
                tell(&[NotifyState::Ready]);
            }
            tokio::select! {
                () = shutdown.started() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        tracing::warn!("systemd can't be told: {error}");
    }
}
