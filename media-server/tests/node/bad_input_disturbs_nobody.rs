//! What comes over real sockets and proves nothing is dropped and counted, and the call goes on.

use tokio::net::UdpSocket;

use crate::callers::{self, Publisher, Watcher, until};
use crate::camera::Layer;
use crate::office::{Office, Signaling};

/// The most that UDP carries over IPv4, in bytes.
const LARGEST: usize = 65_507;

struct Call {
    office: Office,
    _signaling: Signaling,
    aoi: Publisher,
    ren: Watcher,
    stranger: UdpSocket,
}

impl Call {
    async fn begin() -> Self {
        let office = Office::open().await;
        let signaling = office.signaling().await;
        let layers = vec![Layer::new(None, 360, 500_000)];
        let aoi = callers::publish(&office, &signaling, ("aoi", office.udp), layers).await;
        let ren = callers::watch(&office, &signaling, "ren", office.udp).await;
        until("pictures", || ren.seen().decoder.frames.len() > 30).await;
        Self {
            office,
            _signaling: signaling,
            aoi,
            ren,
            stranger: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    async fn drops(&self, reason: &str) -> u64 {
        let name = format!("media_drops_total{{reason=\"{reason}\"}}");
        self.office.metric(&name).await
    }

    /// Waits until so many more were dropped for this reason.
    async fn dropped(&self, reason: &str, before: u64, more: u64) {
        for _ in 0..1000 {
            if self.drops(reason).await >= before + more {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{reason}: {} of {before} + {more}", self.drops(reason).await);
    }

    async fn send(&self, from: &UdpSocket, bytes: &[u8]) {
        from.send_to(bytes, self.office.udp).await.unwrap();
    }

    /// What the publisher sent so far.
    fn tape(&self) -> Vec<Vec<u8>> {
        self.aoi.sent().tape.clone()
    }

    /// The picture and the voice go on, and nothing in them is amiss.
    async fn assert_undisturbed(&self) {
        let shown = self.ren.seen().decoder.frames.len();
        until("pictures go on", || self.ren.seen().decoder.frames.len() > shown + 45).await;
        let seen = self.ren.seen();
        assert!(seen.decoder.faults.is_empty(), "{:?}", seen.decoder.faults);
        let (first, last) = (
            seen.voices.keys().next().unwrap(),
            seen.voices.keys().next_back().unwrap(),
        );
        let share = seen.voices.len() as f64 / f64::from(last - first + 1);
        assert!(share > 0.98, "{share} of the voice came");
    }

    async fn close(self) {
        drop((self.aoi, self.ren));
        self.office.close().await;
    }
}

/// RTP or RTCP. (RFC 7983 §7)
fn is_media(bytes: &[u8]) -> bool {
    (128..192).contains(&bytes[0])
}

/// RTP only. (RFC 5761 §4)
fn is_rtp(bytes: &[u8]) -> bool {
    is_media(bytes) && !(192..224).contains(&bytes[1])
}

/// A binding request. (RFC 8489 §5)
fn is_check(bytes: &[u8]) -> bool {
    bytes[..2] == [0, 1]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_datagrams_there_are_stay_outside() {
    let call = Call::begin().await;
    let (strangers, oversize) = (call.drops("stranger").await, call.drops("oversize").await);
    for first in [0x80, 0x00, 0x16, 0x40] {
        let mut bytes = vec![0; LARGEST];
        bytes[0] = first;
        for from in [&call.stranger, &call.aoi.socket] {
            for _ in 0..5 {
                call.send(from, &bytes).await;
            }
        }
    }
    // Each is too large, whoever sends it.
    call.dropped("oversize", oversize, 40).await;
    assert_eq!(call.drops("stranger").await, strangers);
    call.assert_undisturbed().await;
    call.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_is_not_taken_again() {
    let call = Call::begin().await;
    let strangers = call.drops("stranger").await;
    let media: Vec<Vec<u8>> = call.tape().into_iter().filter(|it| is_media(it)).collect();
    assert!(media.len() > 60);
    for bytes in &media {
        call.send(&call.aoi.socket, bytes).await;
        call.send(&call.stranger, bytes).await;
    }
    call.dropped("stranger", strangers, media.len() as u64).await;
    call.assert_undisturbed().await;
    // A datagram is on the tape a moment after it was sent: what was taken in is counted first.
    let taken_in = call.office.metric("media_packets_total{direction=\"in\"}").await;
    until("the tape", || {
        call.aoi.sent().tape.iter().filter(|it| is_rtp(it)).count() as u64 >= taken_in
    })
    .await;
    let voices = call.ren.seen().voices.len();
    assert!(voices <= call.aoi.sent().voices as usize);
    call.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_name_or_source_proves_no_address() {
    let call = Call::begin().await;
    let tape = call.tape();
    let check = tape.iter().find(|it| is_check(it)).unwrap();
    let packet = tape.iter().find(|it| is_rtp(it)).unwrap();
    // The name of a connection that is there, with a signature that doesn't hold: over another transaction, cut off, and
    // none at all.
    let mut forged = check.clone();
    forged[12] ^= 0xff;
    let mut bare = check[..20].to_vec();
    let name = attribute(check, 0x0006).unwrap();
    bare.extend_from_slice(name);
    bare[2..4].copy_from_slice(&(name.len() as u16).to_be_bytes());
    let strangers = call.drops("stranger").await;
    let mut sent = 0;
    for check in [&forged[..], &check[..check.len() - 8], &bare] {
        call.send(&call.stranger, check).await;
        // Its source is known too; the address is not.
        for _ in 0..10 {
            call.send(&call.stranger, packet).await;
            sent += 1;
        }
    }
    call.dropped("stranger", strangers, sent).await;
    let mut answer = [0; 64];
    let answered = call.stranger.try_recv_from(&mut answer);
    if let Ok((len, from)) = answered {
        // At most it is told that this doesn't hold: an answer, and no larger than what it sent.
        assert_eq!(
            (from, answer[..2] == [0x01, 0x11]),
            (call.office.udp, true),
            "{:02x?}",
            &answer[..len]
        );
    }
    call.assert_undisturbed().await;
    call.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overheard_check_takes_nobody_s_media_away() {
    let call = Call::begin().await;
    let strangers = call.drops("stranger").await;
    let tapes = [call.tape(), call.ren.seen().tape.clone()];
    let checks: Vec<_> = tapes.iter().flatten().filter(|it| is_check(it)).collect();
    for check in &checks {
        call.send(&call.stranger, check).await;
    }
    call.dropped("stranger", strangers, checks.len() as u64).await;
    call.assert_undisturbed().await;
    let answered = call.stranger.try_recv_from(&mut [0; 2048]);
    assert!(answered.is_err(), "{answered:?}");
    call.close().await;
}

/// An attribute of a STUN message, with its head and padding. (RFC 8489 §14)
fn attribute(message: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = message.get(20..)?;
    while rest.len() >= 4 {
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]])).next_multiple_of(4);
        let (this, behind) = rest.split_at_checked(4 + len)?;
        if this[..2] == kind.to_be_bytes() {
            return Some(this);
        }
        rest = behind;
    }
    None
}
