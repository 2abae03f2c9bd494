//! A participant behind a wall that lets no UDP out talks with one of the `webrtc` crate over UDP.

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use crate::office::{LIMIT, Office};
use crate::{peers, tcp_peer};

/// How many packets of each kind are enough.
const ENOUGH: u32 = 60;

/// Takes contents until there are enough of both kinds, in order and whole.
async fn listen(name: &str, mut next: impl AsyncFnMut() -> Option<(bool, Vec<u8>)>) {
    let mut last = [None::<u32>; 2];
    let mut counts = [0; 2];
    while counts.iter().any(|count| *count < ENOUGH) {
        let (is_video, payload) = tokio::time::timeout(LIMIT, next())
            .await
            .expect("media in time")
            .expect("media");
        if payload.is_empty() {
            continue;
        }
        let (from, number) = payload[if is_video { 2 } else { 1 }..].split_at(name.len());
        assert_eq!(from, name.as_bytes());
        let number = u32::from_be_bytes(number.try_into().expect("a number"));
        let (last, count) = (&mut last[usize::from(is_video)], &mut counts[usize::from(is_video)]);
        if let Some(last) = *last {
            assert_eq!(number, last + 1, "in order and whole");
        }
        *last = Some(number);
        *count += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_and_sound_pass_both_ways_between_tcp_and_udp() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let mut ren = peers::enter(&office, &signaling, "ren").await;
    let talking = ren.talk("ren");
    let mut aoi = tcp_peer::enter(&office, &signaling, "aoi").await;
    let ren_hears = listen("aoi", async || {
        let (kind, packet) = ren.received.recv().await?;
        Some((kind == RtpCodecKind::Video, packet.payload.to_vec()))
    });
    let aoi_hears = listen("ren", async || aoi.received.recv().await);
    tokio::join!(ren_hears, aoi_hears);
    assert_eq!(office.metric("media_tcp_connections").await, 2);
    assert_eq!(office.metric("media_drops_total{reason=\"tcp_full\"}").await, 0);

    aoi.drop_out();
    let is_gone = tokio::time::timeout(LIMIT, async {
        while office.metric("media_tcp_connections").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    is_gone.await.expect("its connections are closed");
    talking.abort();
    ren.close().await;
    office.close().await;
}
