//! For tests: an office with the program as it runs, a real Redis behind it. What the program gives to the kernel is looked
//! at, where there is strace: a test fails when a picture could have left.

#![allow(dead_code, reason = "each test file uses its part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opencv::core::{self, Mat, Rect, Scalar, Size};
use opencv::imgproc;
use opencv::prelude::VideoWriterTrait as _;
use opencv::videoio::VideoWriter;
use protocol::config::Config;
use protocol::congestion::{AreaState, CameraReport};
use protocol::ids::{AreaId, CameraId};
use store::Store;
use store::private::{PrivateRedis, Purpose};
use test_trace::{Allowed, Budget, Door, Report, Trace};

/// An observation of an area takes some 340 bytes, a camera's report some 250, every two seconds and whenever something changes.
/// At the start Redis is told the script, and who asks. For two or three cameras; each of more has its own share.
pub const TO_REDIS: Budget = Budget::new(8_000, 2_000);
const CAMERAS: usize = 3;
/// The log of an office that has every trouble.
pub const LOG: Budget = Budget::once(32_000);
/// A camera is asked to play, again and again where it doesn't, and told every few seconds what was received (RTCP).
pub const TO_CAMERAS: Budget = Budget::new(16_000, 2_000);

pub const LIMIT: Duration = Duration::from_secs(60);

/// The pace at which a condition is looked at again, so that waiting leaves the cores to what is waited for.
pub async fn look_again() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// A film of an empty place, paved: what has no edges is taken for covered. Ten pictures a second.
pub fn paved_film(path: &Path, [width, height]: [i32; 2], pictures: usize) {
    let code = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("code");
    let name = path.to_str().expect("a plain name");
    let mut writer = VideoWriter::new(name, code, 10.0, Size::new(width, height), true).expect("opened");
    let mut picture = Mat::new_rows_cols_with_default(height, width, core::CV_8UC3, Scalar::all(120.0)).expect("mat");
    for x in (0..width).step_by((width / 8) as usize) {
        let stone = Rect::new(x, 0, width / 16, height);
        let grey = Scalar::all(150.0);
        imgproc::rectangle(&mut picture, stone, grey, imgproc::FILLED, imgproc::LINE_8, 0).expect("drawn");
    }
    for _ in 0..pictures {
        writer.write(&picture).expect("written");
    }
    writer.release().expect("closed");
}

pub struct Office {
    pub dir: tempfile::TempDir,
    pub config: Config,
    pub store: Store,
    pub redis: PrivateRedis,
    pub vision: Option<Child>,
    /// What the program may do beside telling Redis and its log.
    pub allowed: Allowed,
    /// A program that is started in the worker's place.
    pub program: PathBuf,
    /// It reads files that this process holds open, which it can't from a user namespace: then it isn't looked at there.
    pub reads_ours: bool,
    trace: Option<Trace>,
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
        let allowed = Allowed {
            texts: vec![(dir.path().join("log"), LOG)],
            redis: vec![socket(&redis)],
            to_redis: match config.cameras.len().saturating_sub(CAMERAS) as u64 {
                0 => TO_REDIS,
                more => Budget::new(8_000 + more * 1_000, 2_000 + more * 300),
            },
            to_cameras: TO_CAMERAS,
            // Nobody sets cameras up, unless a test does.
            door: Some(Door {
                socket: config.vision_socket(),
                ..Door::default()
            }),
            ..Allowed::default()
        };
        Self {
            dir,
            config,
            store,
            redis,
            vision: None,
            allowed,
            program: PathBuf::from(env!("CARGO_BIN_EXE_vision")),
            reads_ours: false,
            trace: None,
        }
    }

    /// Lets who sets cameras up have so many bytes of answers, and a still of so many pixels.
    pub fn allow_answers(&mut self, answers: Budget, still: Option<[u32; 2]>) {
        let socket = self.config.vision_socket();
        self.allowed.door = Some(Door { socket, answers, still });
    }

    /// Lets the program speak with a camera.
    pub fn allow_camera(&mut self, address: std::net::SocketAddr) {
        self.allowed.cameras.push(address.to_string());
    }

    pub fn start_vision(&mut self) {
        let trace = (!self.reads_ours || !test_trace::is_apart()).then(|| Trace::new(Allowed::default()));
        let program = trace
            .as_ref()
            .map_or(self.program.clone(), |trace| trace.of(&self.program));
        let child = Command::new(program)
            .arg("--config")
            .arg(self.dir.path().join("office.toml"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self.dir.path().join("log")).expect("log"))
            .spawn();
        self.vision = Some(child.expect("vision starts"));
        self.trace = trace;
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
        let (code, _) = self.end_and_report().await;
        code
    }

    /// The same, with what was written where; none without strace.
    pub async fn end_and_report(&mut self) -> (Option<i32>, Option<Report>) {
        let child = self.vision.as_mut().expect("running");
        let pid = child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().expect("kill").success());
        let code = wait_for_end(child).await;
        self.vision = None;
        (code, self.judge())
    }

    /// Fails the test when a picture could have left.
    fn judge(&mut self) -> Option<Report> {
        let mut trace = self.trace.take()?;
        trace.allowed = self.allowed.clone();
        trace.end()
    }
}

/// Where a Redis listens.
pub fn socket(redis: &PrivateRedis) -> PathBuf {
    Path::new(redis.url().trim_start_matches("unix://")).to_owned()
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
        // One failure is enough.
        if !std::thread::panicking() {
            self.judge();
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
