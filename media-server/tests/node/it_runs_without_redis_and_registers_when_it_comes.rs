//! A node doesn't need Redis to live, only to be found.

use protocol::config::RedisAt;
use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::MediaSource::Camera;
use store::{Db, nodes};

use crate::office::Office;
use crate::redis::{Redis, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_found_while_redis_is_there_and_serves_always() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let join = RequestBody::Join {
        token: office.media_token("aoi", &[Camera]),
        has_connections: false,
    };
    assert!(
        matches!(signaling.ask(join).await, AnswerBody::Joined { .. }),
        "without Redis"
    );

    let socket = office.dir.path().join("redis-live.sock");
    let redis = Redis::start(&socket, office.dir.path());
    let at = RedisAt::Server(format!("unix://{}", socket.display()));
    let live = Db::connect("live", &at).await.expect("an address");
    let found = async || nodes::alive(&live).await.unwrap_or_default();
    wait_until("it registers", async || {
        let found = found().await;
        found.first().is_some_and(|record| record.participants == 1)
    })
    .await;
    let record = found().await.remove(0);
    assert_eq!((&record.id, record.control), (&office.node_id, office.control));

    drop(redis);
    assert_eq!(
        signaling.ask(RequestBody::Ping).await,
        AnswerBody::Ok,
        "Redis is gone again"
    );
    let _redis = Redis::start(&socket, office.dir.path());
    wait_until("it registers again", async || found().await.len() == 1).await;

    office.close().await;
    assert!(found().await.is_empty(), "it takes itself off the list");
}
