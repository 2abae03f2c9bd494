//! Accounts, sessions and tries in real Redis, on one server and on a cluster alike.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::office;
use protocol::ids::{SectionId, StaffId};
use protocol::time::UnixMillis;
use store::audit::{self, Event, What, Who};
use store::staff::{self, Account, Change, Role, State, Tries};
use store::{Db, StoreError};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const LIFETIME: Duration = Duration::from_secs(3600);

fn id(text: &str) -> StaffId {
    StaffId::new(text).unwrap()
}

fn account(name: &str, role: Role) -> Account {
    let section = SectionId::new("kosodate").unwrap();
    Account::new(id(name), "窓口 花子".into(), vec![section], role).with_password("hash".into())
}

fn told(what: What, which: &str) -> Event {
    Event::new(Who::Operator, what, which)
}

async fn put(db: &Db, accounts: Vec<Account>) {
    let ward = office();
    let done = staff::change_all(db, &ward, NOW, |_, _| {
        Ok::<_, StoreError>(Change {
            accounts: accounts.clone(),
            events: vec![told(What::AccountsImported, "all")],
        })
    });
    done.await.unwrap().unwrap();
}

on_both!(accounts_change_together_with_the_audit_log);
async fn accounts_change_together_with_the_audit_log(db: &Db) {
    put(db, vec![account("hanako", Role::Staff), account("taro", Role::Lead)]).await;
    let (all, version) = staff::all(db, &office()).await.unwrap();
    assert_eq!((all.len(), version), (2, 1));
    let change = |account: &mut Account| {
        account.disable();
        Some(vec![told(What::AccountDisabled, "hanako")])
    };
    let (changed, is_new) = staff::update(db, &office(), &id("hanako"), NOW, change)
        .await
        .unwrap()
        .unwrap();
    assert!(is_new && changed.state == State::Disabled);
    assert_eq!(staff::get(db, &office(), &id("hanako")).await.unwrap(), Some(changed));
    let nothing = staff::update(db, &office(), &id("hanako"), NOW, |_| None)
        .await
        .unwrap()
        .unwrap();
    assert!(!nothing.1);
    assert!(
        staff::update(db, &office(), &id("nobody"), NOW, |_| None)
            .await
            .unwrap()
            .is_none()
    );
    let entries = audit::read(db, &office(), 0, 10).await.unwrap();
    let words: Vec<_> = entries.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(words, ["accounts.imported", "account.disabled"]);
}

on_both!(of_two_admins_who_disable_each_other_one_is_left);
async fn of_two_admins_who_disable_each_other_one_is_left(db: &Db) {
    put(db, vec![account("a", Role::Admin), account("b", Role::Admin)]).await;
    let disable = async |which: &str| {
        staff::change_all(db, &office(), NOW, |all, _| {
            let mut account = all[&id(which)].clone();
            account.disable();
            let change = Change::of(account, told(What::AccountDisabled, which));
            if change.leaves_an_admin(all) {
                Ok(change)
            } else {
                Err("the last one")
            }
        })
        .await
        .unwrap()
    };
    let (a, b) = tokio::join!(disable("a"), disable("b"));
    assert_eq!([a.is_ok(), b.is_ok()].iter().filter(|it| **it).count(), 1);
    let (all, _) = staff::all(db, &office()).await.unwrap();
    assert_eq!(all.values().filter(|account| account.state == State::Active).count(), 1);
    assert_eq!(audit::len(db, &office()).await.unwrap(), 2);
}

on_both!(many_who_change_one_account_at_once_all_do);
async fn many_who_change_one_account_at_once_all_do(db: &Db) {
    put(db, vec![account("hanako", Role::Staff)]).await;
    let once = async || {
        staff::update(db, &office(), &id("hanako"), NOW, |account| {
            account.epoch += 1;
            Some(vec![told(What::AccountChanged, "hanako")])
        })
        .await
        .unwrap()
        .unwrap()
    };
    let before = staff::get(db, &office(), &id("hanako")).await.unwrap().unwrap().epoch;
    futures_util::future::join_all((0..20).map(|_| once())).await;
    let after = staff::get(db, &office(), &id("hanako")).await.unwrap().unwrap().epoch;
    assert_eq!(after, before + 20);
    assert_eq!(audit::verify(db, &office(), vec![]).await.unwrap().unwrap().seq, 21);
}

async fn open(db: &Db, account: &Account, now: UnixMillis) -> String {
    let opened = staff::open_session(db, &office(), account, "Firefox", false, LIFETIME, now).await;
    opened.unwrap().0
}

async fn is_open(db: &Db, token: &str, now: UnixMillis) -> bool {
    staff::session(db, &office(), token, LIFETIME, now)
        .await
        .unwrap()
        .is_some()
}

on_both!(a_session_holds_while_it_is_used_and_its_account_stays_as_it_is);
async fn a_session_holds_while_it_is_used_and_its_account_stays_as_it_is(db: &Db) {
    let hanako = account("hanako", Role::Staff);
    put(db, vec![hanako.clone()]).await;
    let token = open(db, &hanako, NOW).await;
    let (session, found) = staff::session(db, &office(), &token, LIFETIME, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((session.staff, found), (id("hanako"), hanako.clone()));
    for wrong in [
        "",
        "hanako",
        "hanako.",
        "taro.x",
        &token.replace("hanako", "taro"),
        &token[..token.len() - 1],
    ] {
        assert!(!is_open(db, wrong, NOW).await, "{wrong}");
    }
    // Its use renews it; without it its time is up.
    let used = NOW.plus(LIFETIME - Duration::from_secs(1));
    assert!(is_open(db, &token, used).await);
    let again = used.plus(LIFETIME - Duration::from_secs(1));
    assert!(is_open(db, &token, again).await);
    assert!(!is_open(db, &token, again.plus(LIFETIME)).await);

    // Another role ends it, and all others.
    let second = open(db, &hanako, again).await;
    assert_eq!(staff::count_sessions(db, &office(), &hanako, again).await.unwrap(), 2);
    let (ward, hanako_id) = (office(), id("hanako"));
    let promoted = staff::update(db, &ward, &hanako_id, again, |account| {
        account.set_rights(Role::Lead, account.sections.clone());
        Some(vec![])
    });
    let promoted = promoted.await.unwrap().unwrap().0;
    assert!(!is_open(db, &token, again).await && !is_open(db, &second, again).await);
    assert_eq!(staff::count_sessions(db, &office(), &promoted, again).await.unwrap(), 0);
}

on_both!(sessions_are_listed_and_ended_one_by_one);
async fn sessions_are_listed_and_ended_one_by_one(db: &Db) {
    let hanako = account("hanako", Role::Staff);
    put(db, vec![hanako.clone()]).await;
    let tokens = [
        open(db, &hanako, NOW).await,
        open(db, &hanako, NOW.plus(LIFETIME / 2)).await,
    ];
    let now = NOW.plus(LIFETIME / 2);
    let listed = staff::sessions(db, &office(), &hanako, now).await.unwrap();
    let names: Vec<_> = listed.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(
        names,
        [&tokens[1], &tokens[0]].map(|token| staff::name_of(token).unwrap())
    );
    assert!(
        staff::end_session(db, &office(), &id("hanako"), &names[1])
            .await
            .unwrap()
    );
    assert!(
        !staff::end_session(db, &office(), &id("hanako"), &names[1])
            .await
            .unwrap()
    );
    assert!(!is_open(db, &tokens[0], now).await && is_open(db, &tokens[1], now).await);
    staff::close_session(db, &office(), &tokens[1]).await.unwrap();
    assert!(!is_open(db, &tokens[1], now).await);
    // There are never more than a dozen: the one unused for longest makes place.
    let mut all = Vec::new();
    for n in 0..14 {
        all.push(open(db, &hanako, now.plus(Duration::from_secs(n))).await);
    }
    assert_eq!(staff::count_sessions(db, &office(), &hanako, now).await.unwrap(), 12);
    assert!(!is_open(db, &all[1], now).await && is_open(db, &all[2], now).await);
}

on_both!(tries_cost_longer_and_longer_waits_up_to_a_limit);
async fn tries_cost_longer_and_longer_waits_up_to_a_limit(db: &Db) {
    let hanako = id("hanako");
    let once = async |now, device| staff::try_once(db, &office(), &hanako, device, now).await.unwrap();
    for _ in 1..staff::FREE_TRIES {
        assert_eq!(once(NOW, None).await, Tries::May(Duration::ZERO));
    }
    let (mut now, mut waits) = (NOW, Vec::new());
    for _ in 0..10 {
        let Tries::May(wait) = once(now, None).await else {
            panic!("its wait is over");
        };
        // Too early, by whatever is left; and asking costs nothing more.
        assert_eq!(once(now, None).await, Tries::Wait(wait));
        let almost = now.plus(wait - Duration::from_secs(1));
        assert_eq!(once(almost, None).await, Tries::Wait(Duration::from_secs(1)));
        now = now.plus(wait);
        waits.push(wait.as_secs());
    }
    assert_eq!(waits, [15, 30, 60, 120, 240, 480, 900, 900, 900, 900]);
    // The owner's own browser isn't kept waiting by strangers.
    assert_eq!(once(now, Some("device")).await, Tries::May(Duration::ZERO));
    once(now, None).await;
    staff::clear_tries(db, &office(), &hanako, None).await.unwrap();
    assert_eq!(once(now, None).await, Tries::May(Duration::ZERO));
}

on_both!(who_gave_the_password_is_remembered_once);
async fn who_gave_the_password_is_remembered_once(db: &Db) {
    let hanako = account("hanako", Role::Staff);
    let token = staff::open_pending(db, &office(), &hanako).await.unwrap();
    let pending = staff::pending(db, &office(), &token).await.unwrap().unwrap();
    assert_eq!((pending.staff, pending.epoch), (id("hanako"), hanako.epoch));
    assert!(staff::take_pending(db, &office(), &token).await.unwrap());
    assert!(!staff::take_pending(db, &office(), &token).await.unwrap());
    assert!(staff::pending(db, &office(), &token).await.unwrap().is_none());
}
