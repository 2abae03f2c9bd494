//! A publisher's end of a connection: camera and microphone.
//!
//! Invariant: sequence numbers, counters and transport-wide numbers grow by one with every packet made,
//! whether the kernel took it or not; what is resent is made anew from what is known of it, byte for byte.

mod batch;

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use crate::ledger::Ledger;
use crate::pacing::{BURST_GAP, Camera, PICTURES};
use crate::payload::{self, Place, Tag};
use crate::rtcp;
use crate::rtp::Draft;
use crate::sdp::{self, Codec, Section};
use crate::srtp::Outbound;

pub use batch::{Batch, Way};

/// Between sender reports.
const REPORT: Duration = Duration::from_secs(1);

/// Between packets of sound.
const SOUND: Duration = Duration::from_millis(20);

/// Packets that can be resent. When full, the oldest can't be any more.
const MEMORY: usize = 512;

/// Packets of a track that name their section, until the other end must know. (RFC 8843 §9.2)
const NAMED: u32 = 100;

/// Seconds from NTP's epoch to Unix's. (RFC 5905 §6)
const NTP_EPOCH: u64 = 2_208_988_800;

/// What a connection sends.
#[derive(Debug)]
pub struct Sender {
    publisher: u32,
    camera: Camera,
    video: Option<Out>,
    audio: Option<Out>,
    transport_id: Option<u8>,
    level_id: Option<u8>,
    transport_seq: u16,
    is_on: bool,
    pictures: u16,
    /// The steady beat of pictures; each goes out around it.
    beat: Instant,
    next_sound: Instant,
    next_report: Instant,
    /// Bursts that wait for their time. At most one picture's.
    bursts: VecDeque<Burst>,
    recent: VecDeque<Sent>,
}

/// A track on its way.
#[derive(Debug)]
struct Out {
    payload_type: u8,
    ssrc: u32,
    /// Payload type, source and next number of resent packets.
    resent: Option<(u8, u32, u64)>,
    mid: Vec<u8>,
    mid_id: Option<u8>,
    index: u64,
    ticks_per_ms: u64,
    base: u32,
    /// Of the packets that are made now.
    time: u32,
    packets: u32,
    bytes: u32,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    at: Instant,
    packets: u32,
    is_first: bool,
    is_last: bool,
    is_key: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    seq: u16,
    time: u32,
    marker: bool,
    tag: Tag,
    place: Place,
}

impl Sender {
    /// A publisher; it sends nothing before [`Sender::learn`] and [`Sender::turn_on`].
    #[must_use]
    pub fn new(publisher: u32, camera: Camera, now: Instant) -> Self {
        Self {
            publisher,
            camera,
            video: None,
            audio: None,
            transport_id: None,
            level_id: None,
            transport_seq: 0,
            is_on: false,
            pictures: 0,
            beat: now,
            next_sound: now,
            next_report: now,
            bursts: VecDeque::new(),
            recent: VecDeque::new(),
        }
    }

    /// Learns sources from the own offer, and codecs and extensions from the answer.
    pub fn learn(&mut self, offer: &[Section], answer: &[Section]) {
        for (own, agreed) in offer.iter().zip(answer) {
            self.transport_id = agreed.extension(sdp::TRANSPORT_WIDE).or(self.transport_id);
            self.level_id = agreed.extension(sdp::AUDIO_LEVEL).or(self.level_id);
            let codec = if own.is_video { Codec::Vp8 } else { Codec::Opus };
            let (Some(payload_type), Some(ssrc)) = (agreed.payload_type(codec), own.ssrcs.first()) else {
                continue;
            };
            let resent = agreed.payload_type(Codec::Rtx).zip(own.resent);
            let out = Some(Out {
                payload_type,
                ssrc: own.resent.map_or(*ssrc, |(media, _)| media),
                resent: resent.map(|(payload_type, (_, ssrc))| (payload_type, ssrc, 1)),
                mid: own.mid.as_bytes().to_vec(),
                mid_id: agreed.extension(sdp::MID),
                index: 1000,
                ticks_per_ms: if own.is_video { 90 } else { 48 },
                base: ssrc.wrapping_mul(31),
                time: 0,
                packets: 0,
                bytes: 0,
            });
            if own.is_video {
                self.video = out;
            } else {
                self.audio = out;
            }
        }
    }

    /// The publisher's number.
    #[must_use]
    pub fn publisher(&self) -> u32 {
        self.publisher
    }

    /// Begins to send, the first picture after `phase`.
    pub fn turn_on(&mut self, phase: Duration, now: Instant, ledger: &Ledger) {
        self.is_on = true;
        if let Some(out) = &mut self.audio {
            out.time = out.time_at(ledger.ns(now));
        }
        self.beat = now + phase;
        self.next_sound = now + phase * 2;
        self.next_report = now + phase * 3;
        self.bursts.clear();
        // A picture of before is none that a decoder could go on with.
        self.camera.ask_key();
    }

    /// Sends no more.
    pub fn turn_off(&mut self) {
        self.is_on = false;
        self.bursts.clear();
    }

    /// Sends so many packets of video a second from the next picture on.
    pub fn set_rate(&mut self, packets_per_second: f64) {
        self.camera.set_rate(packets_per_second);
    }

    /// Whether this source's pictures can't be decoded without a key picture.
    pub fn picture_loss(&mut self, ssrc: u32) {
        if self.video.as_ref().is_some_and(|it| it.ssrc == ssrc) {
            self.camera.ask_key();
        }
    }

    /// When [`Sender::send`] wants to be called; nothing: it sends nothing.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let video = self
            .video
            .as_ref()
            .map(|_| self.bursts.front().map_or(self.beat, |it| it.at));
        let audio = self.audio.as_ref().map(|_| self.next_sound);
        video.into_iter().chain(audio).min().filter(|_| self.is_on)
    }

    /// Sends what is due.
    pub fn send(&mut self, srtp: &Outbound, way: Way<'_>, now: Instant, ledger: &mut Ledger, batch: &mut Batch) {
        if !self.is_on {
            return;
        }
        if self.audio.is_some() && now >= self.next_sound {
            self.next_sound = later(self.next_sound + SOUND, now);
            self.sound(srtp, way, now, ledger, batch);
        }
        if self.video.is_some() && self.bursts.is_empty() && now >= self.beat {
            self.take_picture(now, ledger);
        }
        while let Some(burst) = self.bursts.front().copied().filter(|it| it.at <= now) {
            self.bursts.pop_front();
            self.burst(burst, srtp, way, now, ledger, batch);
        }
        batch.flush(way, ledger);
    }

    /// Makes a picture's bursts, and moves the beat on.
    fn take_picture(&mut self, now: Instant, ledger: &Ledger) {
        let picture = self.camera.picture();
        let count = picture.bursts.len();
        let bursts = picture.bursts.iter().enumerate().map(|(n, packets)| Burst {
            at: now + BURST_GAP * n as u32,
            packets: *packets,
            is_first: n == 0,
            is_last: n + 1 == count,
            is_key: picture.is_key,
        });
        self.bursts.extend(bursts);
        self.pictures = self.pictures.wrapping_add(1);
        if let Some(out) = &mut self.video {
            out.time = out.time_at(ledger.ns(now));
        }
        let jitter = self.camera.jitter_us();
        let step_us = 1_000_000 / i64::from(PICTURES) + jitter;
        self.beat = later(self.beat + Duration::from_micros(step_us.unsigned_abs()), now);
    }

    fn burst(
        &mut self,
        burst: Burst,
        srtp: &Outbound,
        way: Way<'_>,
        now: Instant,
        ledger: &mut Ledger,
        batch: &mut Batch,
    ) {
        let Some(out) = &mut self.video else { return };
        let sent_ns = ledger.ns(now);
        for n in 0..burst.packets {
            let sent = Sent {
                seq: out.index as u16,
                time: out.time,
                marker: burst.is_last && n + 1 == burst.packets,
                tag: Tag {
                    publisher: self.publisher,
                    is_video: true,
                    counter: ledger.count_sent(self.publisher, true),
                    sent_ns,
                },
                place: Place {
                    picture: self.pictures,
                    is_first: burst.is_first && n == 0,
                    is_key: burst.is_key,
                },
            };
            let number = self.transport_seq.to_be_bytes();
            self.transport_seq = self.transport_seq.wrapping_add(1);
            out.packet(sent, self.transport_id.map(|id| (id, number)), None, srtp, batch);
            batch.close(way, ledger);
            if self.recent.len() == MEMORY {
                self.recent.pop_front();
            }
            self.recent.push_back(sent);
        }
    }

    fn sound(&mut self, srtp: &Outbound, way: Way<'_>, now: Instant, ledger: &mut Ledger, batch: &mut Batch) {
        let Some(out) = &mut self.audio else { return };
        out.time = out.time.wrapping_add(960);
        let counter = ledger.count_sent(self.publisher, false);
        let sent = Sent {
            seq: out.index as u16,
            time: out.time,
            marker: false,
            tag: Tag {
                publisher: self.publisher,
                is_video: false,
                counter,
                sent_ns: ledger.ns(now),
            },
            place: Place {
                picture: 0,
                is_first: true,
                is_key: false,
            },
        };
        let number = self.transport_seq.to_be_bytes();
        self.transport_seq = self.transport_seq.wrapping_add(1);
        // Speech at -30 dBov and its pauses. (RFC 6464 §3)
        let level = if counter % 200 < 150 { 0x80 | 30 } else { 90 };
        let level = self.level_id.map(|id| (id, level));
        out.packet(sent, self.transport_id.map(|id| (id, number)), level, srtp, batch);
        batch.close(way, ledger);
    }

    /// The server misses packets: sends those that are remembered again. (RFC 4588)
    pub fn resend(
        &mut self,
        ssrc: u32,
        missing: &[u16],
        srtp: &Outbound,
        way: Way<'_>,
        ledger: &mut Ledger,
        batch: &mut Batch,
    ) {
        let Some(out) = self.video.as_mut().filter(|it| it.ssrc == ssrc) else {
            return;
        };
        for sent in self.recent.iter().filter(|it| missing.contains(&it.seq)) {
            let number = self.transport_seq.to_be_bytes();
            if out.resend(*sent, self.transport_id.map(|id| (id, number)), srtp, batch) {
                self.transport_seq = self.transport_seq.wrapping_add(1);
                ledger.tally.resent += 1;
                batch.close(way, ledger);
            }
        }
        batch.flush(way, ledger);
    }

    /// Appends sender reports, if they are due.
    pub fn report(&mut self, now: Instant, ledger: &Ledger, out: &mut Vec<u8>) {
        if !self.is_on || now < self.next_report {
            return;
        }
        self.next_report = now + REPORT;
        let ntp = ntp_now();
        for track in self.video.iter().chain(&self.audio).filter(|it| it.packets > 0) {
            let time = track.time_at(ledger.ns(now));
            rtcp::write_sender_report(track.ssrc, ntp, time, track.packets, track.bytes, out);
        }
    }
}

impl Out {
    /// The source's clock, which runs with the bench's. RTP time is 32 bits.
    fn time_at(&self, ns: u64) -> u32 {
        self.base.wrapping_add((ns / 1000 * self.ticks_per_ms / 1000) as u32)
    }

    /// Makes a packet at the end of the batch.
    fn packet(
        &mut self,
        sent: Sent,
        transport: Option<(u8, [u8; 2])>,
        level: Option<(u8, u8)>,
        srtp: &Outbound,
        batch: &mut Batch,
    ) {
        let index = self.index;
        self.index += 1;
        let header = self.header(sent, (self.payload_type, self.ssrc, index), transport, level, batch);
        if sent.tag.is_video {
            payload::write_video(&sent.tag, sent.place, &mut batch.bytes);
        } else {
            payload::write_audio(&sent.tag, &mut batch.bytes);
        }
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add((batch.len() - header) as u32);
        batch.seal(srtp, header, self.ssrc, index);
    }

    /// The same packet again, on the resending stream. False: there is none.
    fn resend(&mut self, sent: Sent, transport: Option<(u8, [u8; 2])>, srtp: &Outbound, batch: &mut Batch) -> bool {
        let Some((payload_type, ssrc, index)) = self.resent else {
            return false;
        };
        self.resent = Some((payload_type, ssrc, index + 1));
        let header = self.header(sent, (payload_type, ssrc, index), transport, None, batch);
        batch.bytes.extend_from_slice(&sent.seq.to_be_bytes());
        payload::write_video(&sent.tag, sent.place, &mut batch.bytes);
        batch.seal(srtp, header, ssrc, index);
        true
    }

    fn header(
        &self,
        sent: Sent,
        (payload_type, ssrc, index): (u8, u32, u64),
        transport: Option<(u8, [u8; 2])>,
        level: Option<(u8, u8)>,
        batch: &mut Batch,
    ) -> usize {
        let level = level.map(|(id, value)| (id, [value]));
        let mut extensions: [(u8, &[u8]); 3] = [(0, &[]); 3];
        let mut count = 0;
        let mid = self.mid_id.filter(|_| self.packets < NAMED && !self.mid.is_empty());
        let all = [
            mid.map(|id| (id, self.mid.as_slice())),
            transport.as_ref().map(|(id, value)| (*id, value.as_slice())),
            level.as_ref().map(|(id, value)| (*id, value.as_slice())),
        ];
        for extension in all.into_iter().flatten() {
            extensions[count] = extension;
            count += 1;
        }
        let draft = Draft {
            marker: sent.marker,
            payload_type,
            seq: index as u16,
            time: sent.time,
            ssrc,
            extensions: &extensions[..count],
        };
        draft.write(&mut batch.bytes)
    }
}

/// The next time of a beat; one that fell far behind begins anew.
fn later(at: Instant, now: Instant) -> Instant {
    if at + Duration::from_millis(100) < now { now } else { at }
}

fn ntp_now() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs() + NTP_EPOCH) << 32 | fraction
}
