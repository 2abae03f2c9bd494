//! A whole office: two private Redis, a configuration, a running server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use protocol::config::Config;
use protocol::ids::OfficeId;
use runtime::Shutdown;
use runtime::secrets::Secrets;
use signaling::Server;
use store::Store;
use store::private::{PrivateRedis, Purpose};
use tokio::task::JoinHandle;

use super::browser::Browser;
use super::until;

pub struct Office {
    pub dir: tempfile::TempDir,
    pub ledger: Option<PrivateRedis>,
    pub live: Option<PrivateRedis>,
    pub store: Store,
    pub address: SocketAddr,
    pub link_lifetime: &'static str,
    /// More of the configuration: tables at its end, and lines in `[web]`.
    pub tables: String,
    web: &'static str,
    shutdown: Shutdown,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

pub const ORIGIN: &str = "https://madoguchi.example.jp";

impl Office {
    pub async fn open() -> Self {
        Self::open_with("1h").await
    }

    pub async fn open_with(link_lifetime: &'static str) -> Self {
        Self::open_as(link_lifetime, "", "").await
    }

    /// With further tables in its configuration.
    pub async fn open_with_tables(link_lifetime: &'static str, tables: &str) -> Self {
        Self::open_as(link_lifetime, tables, "").await
    }

    /// With more of the configuration: tables at its end, and lines in `[web]`.
    pub async fn open_more(tables: &str, web: &'static str) -> Self {
        Self::open_as("1h", tables, web).await
    }

    /// An office with more lines in its configuration.
    pub async fn open_configured(link_lifetime: &'static str, more: String) -> Self {
        Self::open_as(link_lifetime, &more, "").await
    }

    async fn open_as(link_lifetime: &'static str, tables: &str, web: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = PrivateRedis::start(Purpose::Ledger, &dir.path().join("ledger")).unwrap();
        let live = PrivateRedis::start(Purpose::Live, &dir.path().join("live")).unwrap();
        std::fs::create_dir_all(dir.path().join("content")).unwrap();
        let config = config_with(dir.path(), link_lifetime, 0, (tables, web));
        let store = Store::connect(&config).await.unwrap();
        let mut office = Self {
            dir,
            ledger: Some(ledger),
            live: Some(live),
            store,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            link_lifetime,
            tables: tables.to_owned(),
            web,
            shutdown: Shutdown::new(),
            running: None,
        };
        office.redis_answers().await;
        office.start().await;
        office
    }

    pub async fn redis_answers(&self) {
        until("Redis", || async {
            self.store.ledger.ping().await.ok()?;
            self.store.live.ping().await.ok()
        })
        .await;
    }

    /// Starts the server; again on the same port after a stop.
    pub async fn start(&mut self) {
        self.shutdown = Shutdown::new();
        let more = (self.tables.as_str(), self.web);
        let config = config_with(self.dir.path(), self.link_lifetime, self.address.port(), more);
        let server = Server::bind(config, self.shutdown.clone()).await.unwrap();
        self.address = server.address();
        self.running = Some(tokio::spawn(server.run()));
        // The demo accounts are made in the background.
        until("the demo accounts", || async {
            let id = protocol::ids::StaffId::new("taro").unwrap();
            store::staff::get(&self.store.ledger, &office_id(), &id).await.ok()?
        })
        .await;
    }

    pub async fn stop(&mut self) {
        self.shutdown.start();
        self.running.take().unwrap().await.unwrap().unwrap();
    }

    pub fn secrets(&self) -> Secrets {
        Secrets::open(&self.dir.path().join("secrets")).unwrap()
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.address, &std::fs::read(self.secrets().ca()).unwrap())
    }

    pub fn password(&self, id: &str) -> String {
        let logins = std::fs::read_to_string(self.dir.path().join("secrets/demo-logins.txt")).unwrap();
        let line = logins.lines().find(|line| line.starts_with(id)).unwrap();
        line.split_once(' ').unwrap().1.to_owned()
    }

    /// A browser that is logged in.
    pub async fn staff(&self, id: &str) -> Browser {
        let mut browser = self.browser();
        let status = browser.log_in(id, &self.password(id)).await;
        assert_eq!(status, 303, "{id} logs in");
        browser
    }

    pub fn kill_redis(&mut self) {
        self.ledger.take().unwrap().kill().unwrap();
        self.live.take().unwrap().kill().unwrap();
    }

    pub async fn restart_redis(&mut self) {
        self.ledger = Some(PrivateRedis::start(Purpose::Ledger, &self.dir.path().join("ledger")).unwrap());
        self.live = Some(PrivateRedis::start(Purpose::Live, &self.dir.path().join("live")).unwrap());
        self.redis_answers().await;
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

pub fn office_id() -> OfficeId {
    OfficeId::new("minami").unwrap()
}

pub fn config(dir: &Path, link_lifetime: &str, port: u16) -> Config {
    config_with(dir, link_lifetime, port, ("", ""))
}

/// The same with more: tables at its end, and lines in `[web]`.
pub fn config_with(dir: &Path, link_lifetime: &str, port: u16, (more, web): (&str, &str)) -> Config {
    let text = format!(
        r#"
[office]
id = "minami"
name = {{ ja = "南区役所", en = "Minami Ward Office" }}
telephone = "072-000-0000"
[paths]
run = "run"
secrets = "secrets"
content = "content"
rigs = "rigs"
[web]
listen = "127.0.0.1:{port}"
public_url = "{ORIGIN}"
link_lifetime = "{link_lifetime}"
{web}
[media]
udp = "127.0.0.1:0"
control = "127.0.0.1:0"
[redis]
ledger = "unix://{0}/ledger/redis.sock"
live = "unix://{0}/live/redis.sock"
[[section]]
id = "kosodate"
name = {{ ja = "子育て支援課", en = "Child-rearing Support" }}
[[section]]
id = "kaigo"
name = {{ ja = "介護保険課" }}
[[area]]
id = "lobby-1f"
name = {{ ja = "1階ロビー", en = "1st Floor Lobby" }}
capacity = 12
moderate_from = 4
busy_from = 7
[[screen]]
id = "lobby"
name = {{ ja = "1階ロビー 正面" }}
layout = "lobby.json"
[[demo_staff]]
id = "hanako"
name = "窓口 花子"
section = ["kosodate", "kaigo"]
[[demo_staff]]
id = "kacho"
name = "課長 恵子"
section = "kosodate"
role = "lead"
[[demo_staff]]
id = "jiro"
name = "介護 次郎"
section = "kaigo"
[[demo_staff]]
id = "tsuyaku"
name = "通訳 玲"
section = "kosodate"
role = "interpreter"
[[demo_staff]]
id = "kanri"
name = "管理 一郎"
section = "kosodate"
role = "admin"
[[demo_staff]]
id = "taro"
name = "相談 太郎"
section = ["kaigo", "kosodate"]
[staff]
second_factor = ["lead"]
{more}
"#,
        dir.display()
    );
    Config::parse(Path::new("test.toml"), &text).unwrap().resolve(dir)
}

/// What the audit log says of a thing: who, what, and more of it, the oldest first.
pub async fn trail(office: &Office, which: &str) -> Vec<String> {
    let entries = store::audit::read(&office.store.ledger, &office_id(), 0, 1000)
        .await
        .unwrap();
    let of_it = entries.into_iter().filter(|entry| entry.which == which);
    of_it
        .map(|entry| {
            format!("{} {} {}", entry.who, entry.what, entry.detail)
                .trim_end()
                .to_owned()
        })
        .collect()
}
