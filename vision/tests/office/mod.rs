//! For tests: an office with the program as it runs, a real Redis behind it.

#![allow(dead_code, reason = "each test file uses its part of it")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use protocol::config::Config;
use protocol::congestion::{AreaState, CameraReport};
use protocol::ids::{AreaId, CameraId};
use store::Store;
use store::private::{PrivateRedis, Purpose};

pub const LIMIT: Duration = Duration::from_secs(60);

/// The pace at which a condition is looked at again, so that waiting leaves the cores to what is waited for.
pub async fn look_again() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

pub struct Office {
    pub dir: tempfile::TempDir,
    pub config: Config,
    pub store: Store,
    pub redis: PrivateRedis,
    pub vision: Option<Child>,
}

impl Office {
    pub async fn new(source: &str) -> Self {
        Self::with(&TEXT.replace("SOURCE", source)).await
    }

    /// Of a configuration's text, in which `REDIS` stands for the address.
    pub async fn with(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let redis = PrivateRedis::start(Purpose::Live, dir.path()).expect("redis-server");
        let file = dir.path().join("office.toml");
        let text = text.replace("REDIS", &redis.url());
        std::fs::write(&file, text).expect("written");
        let config = runtime::read_config(&file).expect("sound");
        let store = Store::connect(&config).await.expect("addresses");
        Self {
            dir,
            config,
            store,
            redis,
            vision: None,
        }
    }

    pub fn start_vision(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_vision"))
            .arg("--config")
            .arg(self.dir.path().join("office.toml"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self.dir.path().join("log")).expect("log"))
            .spawn();
        self.vision = Some(child.expect("vision starts"));
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("log")
    }

    pub async fn state(&self) -> Option<AreaState> {
        let area = self.config.area(&AreaId::new("square").expect("valid")).expect("there");
        store::areas::state(&self.store.live, &self.config.office.id, area, runtime::now())
            .await
            .ok()
    }

    pub async fn wait_for(&self, what: &str, is_so: impl Fn(&AreaState) -> bool) -> AreaState {
        let end = Instant::now() + LIMIT;
        loop {
            match self.state().await {
                Some(state) if is_so(&state) => return state,
                state => assert!(Instant::now() < end, "{what}: {state:?}; log: {}", self.log()),
            }
            look_again().await;
        }
    }

    pub async fn report(&self) -> Option<CameraReport> {
        let camera = CameraId::new("north").expect("valid");
        let last = store::cameras::last_report(&self.store.live, &self.config.office.id, &camera).await;
        last.ok().flatten()
    }

    pub async fn wait_for_report(&self, what: &str, is_so: impl Fn(&CameraReport) -> bool) -> CameraReport {
        let end = Instant::now() + LIMIT;
        loop {
            match self.report().await {
                Some(report) if is_so(&report) => return report,
                report => assert!(Instant::now() < end, "{what}: {report:?}; log: {}", self.log()),
            }
            look_again().await;
        }
    }

    /// Asks the program to end as a supervisor does, gives its exit code.
    pub async fn end(&mut self) -> Option<i32> {
        let mut child = self.vision.take().expect("running");
        let pid = child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().expect("kill").success());
        wait_for_end(&mut child).await
    }
}

pub async fn wait_for_end(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        assert!(Instant::now() < end, "it does not end");
        look_again().await;
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if let Some(mut child) = self.vision.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub const TEXT: &str = r#"
[office]
id = "minami"
name = { ja = "南区役所" }
telephone = "000-000-0000"
[paths]
run = "run"
secrets = "secrets"
content = "content"
rigs = "rigs"
[web]
listen = "127.0.0.1:0"
public_url = "https://localhost"
[media]
udp = "127.0.0.1:0"
control = "127.0.0.1:0"
[redis]
ledger = "REDIS"
live = "REDIS"
[[area]]
id = "square"
name = { ja = "広場" }
capacity = 12
moderate_from = 4
busy_from = 7
[[camera]]
id = "north"
area = "square"
source = "SOURCE"
frames_per_second = 10.0
person_heights = [[0.3, 0.3], [0.9, 0.4]]
"#;
