//! A real Redis that ends with the test, and waiting for what it comes to hold.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::office::LIMIT;

/// Ends with the test, whatever becomes of it.
pub struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Redis {
    pub fn start(socket: &Path, dir: &Path) -> Self {
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(socket)
            .arg("--dir")
            .arg(dir)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        Self(child)
    }
}

pub async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let reached = tokio::time::timeout(LIMIT, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    reached.await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"));
}
