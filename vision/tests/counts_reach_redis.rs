//! The program as it runs: a film before it, a real Redis behind it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opencv::core::{self, Mat, Scalar, Size};
use opencv::prelude::VideoWriterTrait as _;
use opencv::videoio::VideoWriter;
use protocol::config::Config;
use protocol::congestion::{AreaState, Level};
use protocol::ids::AreaId;
use store::Store;
use store::private::{PrivateRedis, Purpose};

const LIMIT: Duration = Duration::from_secs(60);

/// The pace at which a condition is looked at again, so that waiting leaves the cores to what is waited for.
async fn look_again() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

struct Office {
    dir: tempfile::TempDir,
    config: Config,
    store: Store,
    redis: PrivateRedis,
    vision: Option<Child>,
}

impl Office {
    async fn new(source: &str) -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let redis = PrivateRedis::start(Purpose::Live, dir.path()).expect("redis-server");
        let file = dir.path().join("office.toml");
        let text = TEXT.replace("REDIS", &redis.url()).replace("SOURCE", source);
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

    fn start_vision(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_vision"))
            .arg("--config")
            .arg(self.dir.path().join("office.toml"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self.dir.path().join("log")).expect("log"))
            .spawn();
        self.vision = Some(child.expect("vision starts"));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("log")
    }

    async fn state(&self) -> Option<AreaState> {
        let area = self.config.area(&AreaId::new("square").expect("valid")).expect("there");
        store::areas::state(&self.store.live, &self.config.office.id, area, runtime::now())
            .await
            .ok()
    }

    async fn wait_for(&self, what: &str, is_so: impl Fn(&AreaState) -> bool) -> AreaState {
        let end = Instant::now() + LIMIT;
        loop {
            match self.state().await {
                Some(state) if is_so(&state) => return state,
                state => assert!(Instant::now() < end, "{what}: {state:?}; log: {}", self.log()),
            }
            look_again().await;
        }
    }

    /// Asks the program to end as a supervisor does, gives its exit code.
    async fn end(&mut self) -> Option<i32> {
        let mut child = self.vision.take().expect("running");
        let pid = child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().expect("kill").success());
        wait_for_end(&mut child).await
    }
}

async fn wait_for_end(child: &mut Child) -> Option<i32> {
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

const TEXT: &str = r#"
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

/// Three seconds of an empty place.
fn empty_film(path: &Path) {
    let code = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("code");
    let name = path.to_str().expect("a plain name");
    let mut writer = VideoWriter::new(name, code, 10.0, Size::new(160, 120), true).expect("opened");
    for _ in 0..30 {
        let picture = Mat::new_rows_cols_with_default(120, 160, core::CV_8UC3, Scalar::all(120.0));
        writer.write(&picture.expect("mat")).expect("written");
    }
    writer.release().expect("closed");
}

#[tokio::test]
async fn a_film_becomes_the_areas_state_and_stays_fresh() {
    let mut office = Office::new("film.avi").await;
    empty_film(&office.dir.path().join("film.avi"));
    office.start_vision();
    let first = office.wait_for("a count", |state| state.count == Some(0)).await;
    assert_eq!(first.level, Level::Free);
    let fresher = |state: &AreaState| state.count == Some(0) && state.observed_at > first.observed_at;
    office.wait_for("the same again, fresher", fresher).await;
    assert_eq!(office.end().await, Some(0), "log: {}", office.log());
    office
        .wait_for("nobody looks any more", |state| state.level == Level::Unknown)
        .await;
}

#[tokio::test]
async fn counting_outlives_redis() {
    let mut office = Office::new("film.avi").await;
    empty_film(&office.dir.path().join("film.avi"));
    office.start_vision();
    let before = office.wait_for("a count", |state| state.count == Some(0)).await;
    office.redis.kill().expect("ended");
    let end = Instant::now() + LIMIT;
    while !office.log().contains("counts can't be published") {
        assert!(
            Instant::now() < end,
            "vision notices that Redis is gone: {}",
            office.log()
        );
        look_again().await;
    }
    office.redis = PrivateRedis::start(Purpose::Live, office.dir.path()).expect("redis-server");
    let newer = |state: &AreaState| state.count == Some(0) && state.observed_at > before.observed_at;
    office.wait_for("a new count after Redis is back", newer).await;
    let complaints = office.log().matches("counts can't be published").count();
    assert_eq!(complaints, 1, "one outage is said once: {}", office.log());
}

#[tokio::test]
async fn a_camera_that_is_not_there_makes_the_area_unknown_until_it_comes() {
    let mut office = Office::new("film.avi").await;
    office.start_vision();
    let said = |state: &AreaState| state.version > 0 && state.level == Level::Unknown;
    office.wait_for("unknown is said", said).await;
    assert!(office.log().contains("there is no file"), "{}", office.log());
    empty_film(&office.dir.path().join("film.avi"));
    office.wait_for("the camera came", |state| state.count == Some(0)).await;
}

#[tokio::test]
async fn a_camera_that_hangs_ends_the_program_with_its_own_code() {
    let mut office = Office::new("file://PIPE").await;
    // Opening a pipe that nobody writes to never comes back.
    let pipe = office.dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let file = office.dir.path().join("office.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, text.replace("PIPE", &pipe.to_string_lossy())).expect("written");
    office.start_vision();
    let mut child = office.vision.take().expect("running");
    let code = wait_for_end(&mut child).await;
    assert_eq!(code, Some(i32::from(runtime::EXIT_STALLED)), "log: {}", office.log());
    assert!(office.log().contains("hangs"), "{}", office.log());
}
