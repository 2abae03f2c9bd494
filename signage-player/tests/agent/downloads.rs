//! Contents: how they come, and what becomes of wrong ones.

use std::time::Duration;

use protocol::screen::ScreenFrame;
use signage_player::agent::digest;
use tokio::time::timeout;

use crate::{LIMIT, Mood, Set, arrived, hash, manifest, next, noise, shown};

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke_off() {
    let bytes = noise(300_000, 1);
    let set = Set::new(&[&bytes]).await;
    set.office
        .moods
        .lock()
        .expect("lock")
        .extend([Mood::BreakOff, Mood::Fail, Mood::BreakOff]);
    let (mut events, shutdown) = set.start();
    let first = next(&mut events, shown).await;
    assert_eq!(first, "first", "nothing was on show: at once, as far as it goes");
    assert_eq!(next(&mut events, arrived).await, "0.png");
    assert_eq!(set.read(&bytes), bytes);
    let ranges = set.office.ranges.lock().expect("lock").clone();
    assert_eq!(ranges[0], None);
    let resumed = ranges.iter().flatten().filter(|range| **range != "bytes=0-").count();
    assert!(resumed >= 1, "it went on and did not begin anew: {ranges:?}");
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn bytes_that_are_not_what_they_should_be_never_get_a_name() {
    let (good, bad) = (noise(50_000, 2), noise(60_000, 3));
    let set = Set::new(&[&good, &bad]).await;
    // The server has other bytes than the manifest promises, for good.
    set.office
        .contents
        .lock()
        .expect("lock")
        .insert(hash(&bad), noise(60_000, 4));
    let (mut events, shutdown) = set.start();
    assert_eq!(next(&mut events, arrived).await, "0.png");
    let manifest = set.office.manifest.lock().expect("lock").clone().expect("one");
    let cache = set.cache();
    crate::common::wait_for_async("two tries", LIMIT, || {
        set.office.ranges.lock().expect("lock").len() >= 3
    })
    .await;
    assert!(cache.has(&manifest.contents["0.png"]));
    crate::common::wait_for_async("the fault with the item's name", LIMIT, || {
        let faults = set.faults.all();
        faults
            .iter()
            .any(|fault| fault.starts_with("1.png: ") && fault.contains("set aside"))
    })
    .await;
    assert!(!cache.path(&manifest.contents["1.png"]).expect("a hash").exists());
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn one_lie_is_found_out_and_the_truth_taken_next_time() {
    let bytes = noise(80_000, 5);
    let set = Set::new(&[&bytes]).await;
    set.office
        .moods
        .lock()
        .expect("lock")
        .extend([Mood::BreakOff, Mood::Lie]);
    let (mut events, shutdown) = set.start();
    next(&mut events, arrived).await;
    assert_eq!(set.read(&bytes), bytes);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn another_layout_takes_over_only_when_it_is_whole() {
    let (old, new) = (noise(1_000, 6), noise(200_000, 7));
    let mut set = Set::new(&[&old]).await;
    let (mut events, shutdown) = set.start();
    next(&mut events, arrived).await;
    // The server comes up with another layout and is in a bad mood.
    let second = manifest("second", &[&new]);
    set.office
        .contents
        .lock()
        .expect("lock")
        .insert(hash(&new), new.clone());
    *set.office.manifest.lock().expect("lock") = Some(second.clone());
    set.office
        .moods
        .lock()
        .expect("lock")
        .extend([Mood::BreakOff, Mood::Fail]);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    let (mut events, shutdown) = set.start();
    assert_eq!(next(&mut events, shown).await, "second");
    assert_eq!(set.read(&new), new, "never without its content");
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    let kept = set.cache().current().manifest;
    assert_eq!(kept, Some(second.clone()), "the next start begins with it");

    // And the next connection says which manifest is held, so that it isn't sent again.
    while set.heard.try_recv().is_ok() {}
    let (_events, shutdown) = set.start();
    let hello = timeout(LIMIT, set.heard.recv())
        .await
        .expect("in time")
        .expect("a frame");
    assert!(
        matches!(hello, ScreenFrame::Hello { manifest: Some(held), .. } if Some(&held) == digest(&second).as_ref())
    );
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn the_least_recently_used_makes_room_and_what_is_on_show_never_does() {
    let [old, older, new] = [noise(300_000, 1), noise(300_000, 2), noise(300_000, 3)];
    let mut set = Set::new(&[&new, &old]).await;
    set.budget = 700_000;
    let cache = set.cache();
    let now = std::time::SystemTime::now();
    for (bytes, age) in [(&old, 10), (&older, 500)] {
        let path = cache.contents_dir().join(hash(bytes));
        std::fs::write(&path, bytes).expect("written");
        let file = std::fs::File::options().write(true).open(path).expect("opens");
        file.set_modified(now - Duration::from_secs(age)).expect("set");
    }
    cache.store(&manifest("first", &[&old])).expect("stored");
    let (mut events, shutdown) = set.start();
    next(&mut events, shown).await;
    assert_eq!((set.read(&old), set.read(&new)), (old.clone(), new.clone()));
    assert!(
        !cache.contents_dir().join(hash(&older)).exists(),
        "nobody wants it any more"
    );

    // Now nothing may go: what is on show stays, and what doesn't fit is named.
    let large = noise(600_000, 4);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    set.office
        .contents
        .lock()
        .expect("lock")
        .insert(hash(&large), large.clone());
    *set.office.manifest.lock().expect("lock") = Some(manifest("second", &[&large, &new]));
    let (mut events, shutdown) = set.start();
    assert_eq!(next(&mut events, shown).await, "second");
    let faults = set.faults.all();
    assert!(
        faults.iter().any(|it| it.starts_with("0.png: there is no room")),
        "{faults:?}"
    );
    assert_eq!(set.read(&new), new);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}
