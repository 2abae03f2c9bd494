//! Real Redis servers for the tests: one private server, or a cluster of three masters.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use protocol::config::RedisAt;
use store::Db;
use store::private::{PrivateRedis, Purpose};

/// A Redis and a connection to it. Ends with the value.
pub struct Server {
    pub db: Db,
    _keep: Keep,
}

enum Keep {
    One(PrivateRedis, tempfile::TempDir),
    Cluster(Vec<Node>, tempfile::TempDir),
}

struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tries until it works, at most half a minute.
pub async fn eventually<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> T {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) if Instant::now() > limit => panic!("{what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

pub async fn single() -> Server {
    let dir = tempfile::tempdir().unwrap();
    let redis = PrivateRedis::start(Purpose::Ledger, dir.path()).unwrap();
    let db = Db::connect("ledger", &RedisAt::Server(redis.url())).await.unwrap();
    eventually("redis-server answers", || db.ping()).await;
    Server {
        db,
        _keep: Keep::One(redis, dir),
    }
}

pub async fn cluster() -> Server {
    let dir = tempfile::tempdir().unwrap();
    let ports = free_ports(3);
    let nodes: Vec<Node> = ports.iter().map(|port| start_node(*port, dir.path())).collect();
    let urls: Vec<String> = ports.iter().map(|port| format!("redis://127.0.0.1:{port}")).collect();
    for url in &urls {
        let client = redis::Client::open(url.as_str()).unwrap();
        eventually("cluster node answers", || async {
            let mut link = client.get_multiplexed_async_connection().await?;
            redis::cmd("PING").query_async::<String>(&mut link).await
        })
        .await;
    }
    let addresses = ports.iter().map(|port| format!("127.0.0.1:{port}"));
    let made = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(addresses)
        .args(["--cluster-replicas", "0", "--cluster-yes"])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "redis-cli: {}",
        String::from_utf8_lossy(&made.stdout)
    );
    let db = eventually("the cluster is up", || async {
        let db = Db::connect("ledger", &RedisAt::Cluster(urls.clone())).await?;
        // Every slot must be served before tests spread keys over all of them.
        for probe in 0..64 {
            let area = protocol::ids::AreaId::new(format!("probe-{probe}")).unwrap();
            store::areas::state(&db, &office(), &self::area(&area), protocol::time::UnixMillis(1)).await?;
        }
        Ok::<_, store::StoreError>(db)
    })
    .await;
    Server {
        db,
        _keep: Keep::Cluster(nodes, dir),
    }
}

/// Ports that are free, and whose cluster bus ports (10,000 above) are free too.
fn free_ports(count: usize) -> Vec<u16> {
    let mut held = Vec::new();
    while held.len() < count {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if port < 50_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            held.push((port, listener));
        }
    }
    held.into_iter().map(|(port, _)| port).collect()
}

fn start_node(port: u16, dir: &Path) -> Node {
    let home = dir.join(port.to_string());
    std::fs::create_dir_all(&home).unwrap();
    let child = Command::new("redis-server")
        .args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--cluster-enabled",
            "yes",
            "--save",
            "",
        ])
        .arg("--dir")
        .arg(&home)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Node(child)
}

pub fn office() -> protocol::ids::OfficeId {
    protocol::ids::OfficeId::new("minami").unwrap()
}

pub fn area(id: &protocol::ids::AreaId) -> protocol::config::Area {
    protocol::config::Area {
        id: id.clone(),
        name: "1階ロビー".into(),
        capacity: 12,
        moderate_from: 5,
        busy_from: 8,
        hysteresis: 1,
        stale_after: Duration::from_secs(30),
        join: protocol::config::Join::Max,
        empties_at: jiff::civil::time(22, 0, 0, 0),
    }
}

/// Runs a test against one server and against a cluster.
#[macro_export]
macro_rules! on_both {
    ($name:ident) => {
        mod $name {
            #[tokio::test]
            async fn on_one_server() {
                super::$name(&$crate::common::single().await.db).await;
            }
            #[tokio::test]
            async fn on_a_cluster() {
                super::$name(&$crate::common::cluster().await.db).await;
            }
        }
    };
}
