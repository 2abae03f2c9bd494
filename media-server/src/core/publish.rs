//! What a participant may bring: its offer held against its grant.
//!
//! Invariant: a section becomes a track only when it is named, granted, of the right kind and named once.

use std::collections::BTreeSet;
use std::time::Instant;

use protocol::control::AnswerBody;
use protocol::grants::MediaSource;
use protocol::problem::Problem;
use protocol::signal::PublishTrack;

use super::engine::{EngineError, Mid, PeerKind, Rid};
use super::layers::{MAX_LAYERS, Track};
use super::participant::{self, Up};
use super::room::Room;
use super::sfu::{Asker, Shared};
use super::{Seat, Side};

/// The longest `mid` that is taken, in bytes. Browsers number from 0.
const MAX_MID: usize = 16;

/// The longest layer's name that is taken, in bytes.
const MAX_RID: usize = 8;

/// What concerns grants in an offer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Names the connection that wrote it: it stays the same in all of its offers. (RFC 8829 §5.2.1)
    pub(crate) session: String,
    sections: Vec<Section>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    kind: String,
    mid: String,
    is_rejected: bool,
    /// `sendonly`, `recvonly`, `inactive`; empty: both ways.
    direction: String,
    rids: Vec<String>,
}

impl Outline {
    /// How many sections there are, of whatever kind.
    pub(crate) fn len(&self) -> usize {
        self.sections.len()
    }

    /// Whether data channels can be opened.
    fn has_data(&self) -> bool {
        self.sections
            .iter()
            .any(|it| it.kind == "application" && !it.is_rejected)
    }

    /// What somebody publishes who doesn't say it: the first picture is a camera, the first sound a microphone.
    pub(crate) fn first_tracks(&self) -> Vec<PublishTrack> {
        let kinds = [("video", MediaSource::Camera), ("audio", MediaSource::Microphone)];
        let first = |(kind, source): (&str, MediaSource)| {
            let mut sent = self.live().filter(|it| it.kind == kind && it.direction != "recvonly");
            let mid = sent.next()?.mid.clone();
            Some(PublishTrack { mid, source })
        };
        kinds.into_iter().filter_map(first).collect()
    }

    /// The sections in which media can be received, and whether it is a picture.
    pub(crate) fn receiving(&self) -> Vec<(Mid, bool)> {
        let received = self.live().filter(|it| it.direction != "sendonly");
        let media = received.filter(|it| it.kind == "video" || it.kind == "audio");
        media
            .map(|it| (Mid::from(it.mid.as_str()), it.kind == "video"))
            .collect()
    }

    fn live(&self) -> impl Iterator<Item = &Section> {
        let is_named = |it: &&Section| (1..=MAX_MID).contains(&it.mid.len());
        let used = self
            .sections
            .iter()
            .filter(|it| !it.is_rejected && it.direction != "inactive");
        used.filter(is_named)
    }
}

impl Room {
    /// A participant offers what it publishes.
    pub(crate) fn publish(
        &mut self,
        to: Asker,
        seat: Seat,
        sdp: &str,
        tracks: &[PublishTrack],
        now: Instant,
        shared: &mut Shared,
    ) {
        match self.take_offer(seat, &outline(sdp), sdp, tracks, now, shared) {
            Ok(answer) => shared.answer(to, AnswerBody::Published { sdp: answer }),
            Err(problem) => return shared.refuse(to, problem),
        }
        self.refresh_others(seat, now, shared);
    }

    /// Takes an *up* offer and gives its answer. What others are shown is the caller's to bring in line.
    pub(crate) fn take_offer(
        &mut self,
        seat: Seat,
        outline: &Outline,
        sdp: &str,
        tracks: &[PublishTrack],
        now: Instant,
        shared: &mut Shared,
    ) -> Result<String, Problem> {
        let (key, encryption) = (self.key, self.encryption);
        let Some(participant) = self.participants.get_mut(&seat) else {
            return Err(gone());
        };
        participant.heard(now);
        let kind = match participant.called_with {
            Some(_) => PeerKind::Called,
            None => encryption.into(),
        };
        let sections = check(outline, tracks, &participant.granted)?;
        // The same connection says more, or a new one takes its place.
        let mut up = match participant.up.take() {
            Some(up) if up.session == outline.session => up,
            old => {
                participant.up = old;
                Up {
                    peer: shared.peer(key, kind, (seat, Side::Up), now),
                    session: outline.session.clone(),
                    sections: Vec::new(),
                    has_data: false,
                    is_connected: false,
                }
            }
        };
        let answer = match up.peer.accept_offer(sdp, now, &mut shared.drain) {
            Ok(answer) => answer,
            Err(error) => {
                if participant.up.is_none() && !up.sections.is_empty() {
                    participant.up = Some(up);
                } else {
                    shared.close(up.peer, now);
                }
                return Err(bad_sdp(&error));
            }
        };
        up.sections = sections;
        up.has_data = outline.has_data();
        // An ICE restart gave the connection a new name.
        let name = up.peer.ufrag();
        shared.demux.name(up.peer.key(), name, now);
        let sections = up.sections.clone();
        if let Some(old) = participant.up.replace(up) {
            shared.close(old.peer, now);
        }
        participant.closed = participant.closed.filter(|side| *side == Side::Down);
        // A track with other layers is another track.
        participant.tracks.retain(|source, track| {
            let section = sections.iter().find(|it| it.source == *source);
            section.is_some_and(|it| track.has_layers(&it.rids))
        });
        for section in sections {
            let track = participant.tracks.entry(section.source);
            track.or_insert_with(|| Track::new(&section.rids)).told_rids = None;
        }
        Ok(answer)
    }
}

/// Reads an offer's outline. Whether it is sound as a whole is the engine's to say.
pub(crate) fn outline(sdp: &str) -> Outline {
    let mut outline = Outline::default();
    for line in sdp.lines().map(str::trim_end) {
        if let Some(origin) = line.strip_prefix("o=") {
            // Username and session id; the version behind them grows with each offer.
            outline.session = origin.split(' ').take(2).collect::<Vec<_>>().join(" ");
        } else if let Some(media) = line.strip_prefix("m=") {
            let mut words = media.split(' ');
            outline.sections.push(Section {
                kind: words.next().unwrap_or_default().to_owned(),
                is_rejected: words.next() == Some("0"),
                ..Section::default()
            });
        } else if let Some(section) = outline.sections.last_mut() {
            if let Some(mid) = line.strip_prefix("a=mid:") {
                mid.clone_into(&mut section.mid);
            }
            if line == "a=bundle-only" {
                // Port 0 means something else there. (RFC 9143 §6)
                section.is_rejected = false;
            }
            if let "a=sendonly" | "a=recvonly" | "a=inactive" = line {
                line[2..].clone_into(&mut section.direction);
            }
            if let Some(simulcast) = line.strip_prefix("a=simulcast:") {
                section.rids = sent_layers(simulcast);
            }
        }
    }
    outline
}

/// The names of the layers that a publisher will send. (RFC 8853 §5.1)
fn sent_layers(simulcast: &str) -> Vec<String> {
    let mut words = simulcast.split_ascii_whitespace();
    while let Some(direction) = words.next() {
        let list = words.next().unwrap_or_default();
        if direction == "send" {
            // Of alternatives the first counts; one that begins paused is one all the same.
            let first = |it: &str| {
                it.split(',')
                    .next()
                    .unwrap_or_default()
                    .trim_start_matches('~')
                    .to_owned()
            };
            return list.split(';').map(first).collect();
        }
    }
    Vec::new()
}

/// Which section carries which source, in which layers.
///
/// # Errors
/// A [`Problem`] that names the track at fault.
pub(crate) fn check(
    outline: &Outline,
    tracks: &[PublishTrack],
    granted: &[MediaSource],
) -> Result<Vec<participant::Section>, Problem> {
    let mut seen = BTreeSet::new();
    let mut sections = Vec::new();
    for track in tracks {
        let name = source_name(track.source);
        if !granted.contains(&track.source) {
            return Err(not_granted(track.source));
        }
        let bad = |detail: String| Err(bad_track(detail));
        if !seen.insert(track.source) {
            return bad(format!("{name} が二度あります。一つずつにしてください。"));
        }
        let found = outline.sections.iter().find(|it| it.mid == track.mid);
        let Some(section) = found.filter(|it| !it.is_rejected && it.mid.len() <= MAX_MID) else {
            return bad(format!("{name}: mid {:?} の m= 行がSDPにありません。", track.mid));
        };
        let expected = if track.source.is_video() { "video" } else { "audio" };
        if section.kind != expected {
            return bad(format!(
                "{name}: mid {:?} は {} です。{expected} が必要です。",
                track.mid, section.kind
            ));
        }
        if section.rids.len() > MAX_LAYERS {
            return bad(format!(
                "{name}: サイマルキャストの層が {} あります。{MAX_LAYERS} 以下にしてください。",
                section.rids.len()
            ));
        }
        if let Some(rid) = section.rids.iter().find(|it| !is_layer_name(it)) {
            return bad(format!(
                "{name}: 層の名前 {rid:?} は使えません。英数字、「-」、「_」で {MAX_RID} 文字以内にしてください。"
            ));
        }
        let mid = Mid::from(track.mid.as_str());
        if sections.iter().any(|it: &participant::Section| it.mid == mid) {
            return bad(format!("mid {:?} が二つの track に使われています。", track.mid));
        }
        sections.push(participant::Section {
            mid,
            source: track.source,
            rids: section.rids.iter().map(|it| Rid::from(it.as_str())).collect(),
        });
    }
    Ok(sections)
}

fn is_layer_name(rid: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
    (1..=MAX_RID).contains(&rid.len()) && rid.bytes().all(is_plain)
}

/// The source's name, as in messages.
fn source_name(source: MediaSource) -> &'static str {
    match source {
        MediaSource::Camera => "camera",
        MediaSource::Microphone => "microphone",
        MediaSource::Screen => "screen",
    }
}

/// A source that the token doesn't name.
pub(crate) fn not_granted(source: MediaSource) -> Problem {
    let name = source_name(source);
    Problem::new(403, "not-granted", "この映像・音声は送信できません")
        .with_detail(format!("入室の許可に {name} が含まれていません。"))
        .with_field(name)
}

fn bad_track(detail: String) -> Problem {
    Problem::new(400, "bad-track", "送信する映像・音声の指定に誤りがあります")
        .with_detail(detail)
        .with_field("tracks")
}

/// Who isn't there.
pub(crate) fn gone() -> Problem {
    Problem::new(404, "not-in-room", "この参加者は入室していません")
}

/// An SDP that can't be taken.
pub(crate) fn bad_sdp(error: &EngineError) -> Problem {
    Problem::new(400, "bad-sdp", "接続の情報（SDP）を受け取れませんでした")
        .with_detail(error.to_string())
        .with_field("sdp")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 42 3 IN IP4 127.0.0.1\r\ns=-\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=simulcast:recv x send q;~h,v;f\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:4\r\na=simulcast:send a;b;c;d;e\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:5\r\na=simulcast:send a;a.b\r\n";

    fn track(mid: &str, source: MediaSource) -> PublishTrack {
        PublishTrack {
            mid: mid.to_owned(),
            source,
        }
    }

    #[test]
    fn what_is_named_and_granted_is_taken() {
        let outline = outline(OFFER);
        assert_eq!(outline.session, "- 42");
        let tracks = [track("0", MediaSource::Microphone), track("1", MediaSource::Camera)];
        let granted = [MediaSource::Camera, MediaSource::Microphone];
        let sections = check(&outline, &tracks, &granted).expect("good");
        let found: Vec<_> = sections.iter().map(|it| (it.mid, it.source, it.rids.len())).collect();
        let expected = [
            (Mid::from("0"), MediaSource::Microphone, 0),
            (Mid::from("1"), MediaSource::Camera, 0),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn layers_are_taken_in_the_publisher_s_order() {
        let sections = check(
            &outline(OFFER),
            &[track("2", MediaSource::Camera)],
            &[MediaSource::Camera],
        );
        let rids = sections.expect("good").remove(0).rids;
        assert_eq!(rids, ["q", "h", "f"].map(Rid::from));
    }

    #[test]
    fn every_other_track_is_refused_by_name() {
        use MediaSource::{Camera, Microphone, Screen};
        let outline = outline(OFFER);
        let refused = |tracks: &[PublishTrack]| {
            let problem = check(&outline, tracks, &[Camera, Microphone]).expect_err("refused");
            (problem.status, problem.detail.unwrap_or_default())
        };
        let (status, detail) = refused(&[track("1", Screen)]);
        assert!(status == 403 && detail.contains("screen"), "{detail}");
        for (tracks, word) in [
            (vec![track("7", Camera)], "\"7\""),
            (vec![track("3", Camera)], "\"3\""),
            (vec![track("0", Camera)], "audio"),
            (vec![track("4", Camera)], "サイマルキャスト"),
            (vec![track("5", Camera)], "\"a.b\""),
            (vec![track("1", Camera), track("1", Camera)], "二度"),
        ] {
            let (status, detail) = refused(&tracks);
            assert!(status == 400 && detail.contains(word), "{word}: {detail}");
        }
    }
}
