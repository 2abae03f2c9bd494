//! Redis is killed and comes back: what was acknowledged is there, and the same connection works again.
#![allow(clippy::unwrap_used)]

mod common;

use common::{eventually, office};
use protocol::config::RedisAt;
use protocol::ids::{SectionId, StaffId};
use protocol::time::UnixMillis;
use store::audit::{Event, What, Who};
use store::private::{PrivateRedis, Purpose};
use store::redis::Wake;
use store::staff::{self, Account, Change, Role};
use store::{Db, StoreError};

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_the_connection_heals() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = PrivateRedis::start(Purpose::Ledger, dir.path()).unwrap();
    let db = Db::connect("ledger", &RedisAt::Server(redis.url())).await.unwrap();
    eventually("redis-server answers", || db.ping()).await;
    let mut wakes = db.listen(store::keys::wake(&office()));
    assert_eq!(wakes.recv().await, Some(Wake::Resync));

    let id = StaffId::new("hanako").unwrap();
    let section = SectionId::new("kosodate").unwrap();
    let account = Account::new(id.clone(), "花子".into(), vec![section], Role::Staff);
    let event = Event::new(Who::Operator, What::AccountInvited, &id);
    let ward = office();
    let written = staff::change_all(&db, &ward, UnixMillis(1), |_, _| {
        Ok::<_, StoreError>(Change::of(account.clone(), event.clone()))
    });
    written.await.unwrap().unwrap();
    assert_eq!(wakes.recv().await, Some(Wake::Topic("staff/hanako".into())));

    let office = office();
    redis.kill().unwrap();
    let error = staff::get(&db, &office, &id).await.expect_err("Redis is dead");
    assert!(
        matches!(error, StoreError::Unavailable { purpose: "ledger", .. }),
        "{error}"
    );

    let _redis = PrivateRedis::start(Purpose::Ledger, dir.path()).unwrap();
    let stored = eventually("the connection heals", || staff::get(&db, &office, &id)).await;
    assert_eq!(stored, Some(account));
    assert_eq!(
        wakes.recv().await,
        Some(Wake::Resync),
        "listeners are told that they missed something"
    );
}

#[tokio::test]
async fn one_redis_may_serve_both_purposes() {
    let dir = tempfile::tempdir().unwrap();
    let redis = PrivateRedis::start(Purpose::Ledger, dir.path()).unwrap();
    let both = RedisAt::Server(redis.url());
    let (ledger, live) = (
        Db::connect("ledger", &both).await.unwrap(),
        Db::connect("live", &both).await.unwrap(),
    );
    eventually("redis-server answers", || ledger.ping()).await;
    let id = protocol::ids::ConsultationId::random();
    store::presence::mark(&live, &office(), &id).await.unwrap();
    assert_eq!(store::audit::head(&ledger, &office()).await.unwrap().seq, 0);
    assert!(
        store::presence::is_present(&ledger, &office(), &id).await.unwrap(),
        "it is one and the same"
    );
}
