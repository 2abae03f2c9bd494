//! Callers: who comes with one offer, gets one answer, and hears no news (WHIP, WHEP). They publish, or watch.
//!
//! Invariant: a caller has exactly one connection, and is out when it closes; at most one who publishes is in a room with
//! a caller that does; there is none in a room whose media the node may not read.

use std::time::{Duration, Instant};

use protocol::control::{AnswerBody, BUSY, IceCredentials, OutReason};
use protocol::grants::{Encryption, MediaGrant};
use protocol::problem::Problem;

use super::down::Down;
use super::engine::PeerKind;
use super::participant::Participant;
use super::publish::{bad_sdp, gone, outline};
use super::room::Room;
use super::sfu::{Asker, Shared};
use super::{Seat, Side};

/// The most sections of a caller's offer.
const MAX_SECTIONS: usize = 8;

/// A room that holds so many takes no more who watch.
const MAX_PARTICIPANTS: usize = 2000;

/// A publisher that is unheard for so long has to make room for the next: most likely it is the same one, come back. Who
/// sends nothing else renews its consent within 6 s (RFC 7675 §5.1).
const UNHEARD_FOR: Duration = Duration::from_secs(7);

/// The stream (RFC 8830) of all that a caller is shown: picture and sound are played in step.
const STREAM: &str = "live";

impl Room {
    /// A caller brings picture and sound.
    pub(crate) fn ingest(&mut self, to: Asker, grant: MediaGrant, sdp: &str, now: Instant, shared: &mut Shared) {
        let grant = MediaGrant {
            subscribe: false,
            ..grant
        };
        match self.take_ingest(grant, sdp, now, shared) {
            Ok(answer) => shared.answer(to, AnswerBody::Published { sdp: answer }),
            Err(problem) => shared.refuse(to, problem),
        }
    }

    /// A caller watches what others publish.
    pub(crate) fn watch(&mut self, to: Asker, grant: MediaGrant, sdp: &str, now: Instant, shared: &mut Shared) {
        let grant = MediaGrant {
            publish: Vec::new(),
            ..grant
        };
        match self.take_watch(grant, sdp, now, shared) {
            Ok(answer) => shared.answer(to, AnswerBody::Published { sdp: answer }),
            Err(problem) => shared.refuse(to, problem),
        }
    }

    /// By which name a caller's connection is called; with `restart` by a new one.
    pub(crate) fn ice(
        &mut self,
        to: Asker,
        seat: Seat,
        restart: Option<&IceCredentials>,
        now: Instant,
        shared: &mut Shared,
    ) {
        match self.take_ice(seat, restart, now, shared) {
            Ok((ufrag, fragment)) => shared.answer(to, AnswerBody::Ice { ufrag, fragment }),
            Err(problem) => shared.refuse(to, problem),
        }
    }

    fn take_ingest(
        &mut self,
        grant: MediaGrant,
        sdp: &str,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<String, Problem> {
        self.check_open(&grant)?;
        let outline = outline(sdp);
        check_size(outline.len())?;
        let tracks = outline.first_tracks();
        if tracks.is_empty() {
            return Err(nothing_in_common("送信する映像・音声がSDPにありません。"));
        }
        self.make_room(now, shared)?;
        let seat = self.seat_caller(grant, sdp, now, shared);
        let taken = self.take_offer(seat, &outline, sdp, &tracks, now, shared);
        let taken = taken.and_then(|answer| {
            let up = self.participants.get(&seat).and_then(|it| it.up.as_ref());
            let is_known = up.is_some_and(|up| up.sections.iter().all(|it| up.peer.has_codec(it.mid)));
            if is_known { Ok(answer) } else { Err(no_codec()) }
        });
        match taken {
            Ok(answer) => {
                self.refresh_others(seat, now, shared);
                Ok(answer)
            }
            Err(problem) => {
                self.remove(seat, now, shared);
                Err(problem)
            }
        }
    }

    fn take_watch(
        &mut self,
        grant: MediaGrant,
        sdp: &str,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<String, Problem> {
        self.check_open(&grant)?;
        if !grant.subscribe {
            return Err(Problem::new(403, "not-granted", "この部屋の映像・音声は受信できません"));
        }
        if self.participants.len() >= MAX_PARTICIPANTS {
            return Err(Problem::new(503, "full", "視聴が混み合っています")
                .with_detail("この中継を視聴できる人数に達しています。しばらくしてから、もう一度お試しください。"));
        }
        let outline = outline(sdp);
        check_size(outline.len())?;
        let receiving = outline.receiving();
        if receiving.is_empty() {
            return Err(nothing_in_common("受信する映像・音声がSDPにありません。"));
        }
        let offer = in_one_stream(sdp);
        let seat = self.seat_caller(grant, &offer, now, shared);
        let mut peer = shared.peer(self.key, PeerKind::Called, (seat, Side::Down), now);
        let answer = match peer.accept_offer(&offer, now, &mut shared.drain) {
            Ok(answer) => answer,
            Err(error) => {
                shared.close(peer, now);
                self.remove(seat, now, shared);
                return Err(bad_sdp(&error));
            }
        };
        let known: Vec<_> = receiving.into_iter().filter(|(mid, _)| peer.has_codec(*mid)).collect();
        if known.is_empty() {
            shared.close(peer, now);
            self.remove(seat, now, shared);
            return Err(no_codec());
        }
        if let Some(participant) = self.participants.get_mut(&seat) {
            participant.down = Some(Down::called(peer, &known, shared.clock, now));
        }
        self.refresh(seat, now, shared);
        Ok(answer)
    }

    fn take_ice(
        &mut self,
        seat: Seat,
        restart: Option<&IceCredentials>,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(String, Option<String>), Problem> {
        let participant = self.participants.get_mut(&seat).ok_or_else(gone)?;
        let offer = participant.called_with.as_deref().ok_or_else(gone)?;
        let restarted = match restart {
            Some(credentials) => Some(with_credentials(offer, credentials)?),
            None => None,
        };
        let up = participant.up.as_mut().map(|up| &mut up.peer);
        let peer = up
            .or_else(|| participant.down.as_mut().map(Down::peer))
            .ok_or_else(gone)?;
        let Some(offer) = restarted else {
            return Ok((peer.ufrag(), None));
        };
        let answer = peer
            .accept_offer(&offer, now, &mut shared.drain)
            .map_err(|error| bad_sdp(&error))?;
        let (key, ufrag) = (peer.key(), peer.ufrag());
        shared.demux.name(key, ufrag.clone(), now);
        if let Some(down) = participant.down.as_mut() {
            down.restarted();
        }
        participant.called_with = Some(offer.into());
        participant.heard(now);
        Ok((ufrag, Some(fragment_of(&answer))))
    }

    fn seat_caller(&mut self, grant: MediaGrant, offer: &str, now: Instant, shared: &mut Shared) -> Seat {
        // The same name again is another caller.
        if let Some(seat) = self.seat_of(&grant.participant) {
            self.put_out(seat, OutReason::Left, now, shared);
        }
        let mut participant = Participant::new(grant, None, now);
        participant.called_with = Some(offer.into());
        self.seat(participant, now, shared)
    }

    /// Callers don't encrypt what they bring, and can't read what is encrypted.
    fn check_open(&self, grant: &MediaGrant) -> Result<(), Problem> {
        if self.encryption == Encryption::Off && grant.encryption == Encryption::Off {
            return Ok(());
        }
        Err(Problem::new(403, "sealed", "この部屋では中継を使えません")
            .with_detail("参加者の間で暗号化される部屋です。WHIP・WHEPでの送信と視聴はできません。")
            .with_field("encryption"))
    }

    /// Puts out the publishers that are silent, unless there is one who isn't.
    fn make_room(&mut self, now: Instant, shared: &mut Shared) -> Result<(), Problem> {
        let publishing = self.participants.iter().filter(|(_, it)| it.up.is_some());
        let (silent, heard): (Vec<_>, Vec<_>) = publishing
            .map(|(seat, it)| (*seat, it.silent_for(now)))
            .partition(|(_, silent_for)| *silent_for >= UNHEARD_FOR);
        if !heard.is_empty() {
            return Err(Problem::new(409, BUSY, "すでに別の映像が送信されています")
                .with_detail("送信できるのは一つだけです。先の送信を終えてから、もう一度お試しください。"));
        }
        for (seat, _) in silent {
            self.put_out(seat, OutReason::Silent, now, shared);
        }
        Ok(())
    }
}

fn check_size(sections: usize) -> Result<(), Problem> {
    if sections <= MAX_SECTIONS {
        return Ok(());
    }
    Err(Problem::new(422, "too-many-sections", "SDPのメディアの数が多すぎます")
        .with_detail(format!(
            "m= 行が {sections} あります。{MAX_SECTIONS} 以下にしてください。"
        ))
        .with_field("sdp"))
}

fn nothing_in_common(detail: &str) -> Problem {
    Problem::new(422, "no-media", "送受信できる映像・音声がありません")
        .with_detail(detail)
        .with_field("sdp")
}

fn no_codec() -> Problem {
    Problem::new(406, "no-codec", "共通のコーデックがありません")
        .with_detail("映像はH.264（Constrained Baseline）、VP8、VP9、AV1のいずれか、音声はOpusにしてください。")
        .with_field("sdp")
}

/// An offer whose sections all name one stream: the answer names it too.
fn in_one_stream(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len() + 128);
    for line in sdp.lines().map(str::trim_end) {
        if line.starts_with("a=msid:") {
            continue;
        }
        out.push_str(line);
        out.push_str("\r\n");
        if let Some(mid) = line.strip_prefix("a=mid:") {
            out.push_str(&format!("a=msid:{STREAM} {STREAM}-{mid}\r\n"));
        }
    }
    out
}

/// An offer with other ICE credentials, and without the candidates of the old ones.
fn with_credentials(offer: &str, credentials: &IceCredentials) -> Result<String, Problem> {
    // RFC 8839 §5.4
    let is_one = |text: &str, least: usize| {
        let is_ice_char = |it: u8| it.is_ascii_alphanumeric() || it == b'+' || it == b'/';
        (least..=256).contains(&text.len()) && text.bytes().all(is_ice_char)
    };
    if !is_one(&credentials.ufrag, 4) || !is_one(&credentials.pwd, 22) {
        return Err(Problem::new(
            400,
            "bad-credentials",
            "ICEの情報（ice-ufrag、ice-pwd）に誤りがあります",
        ));
    }
    let mut out = String::with_capacity(offer.len());
    for line in offer.lines().map(str::trim_end) {
        if line.starts_with("a=candidate:") || line == "a=end-of-candidates" {
            continue;
        }
        if line.starts_with("a=ice-ufrag:") {
            out.push_str(&format!("a=ice-ufrag:{}", credentials.ufrag));
        } else if line.starts_with("a=ice-pwd:") {
            out.push_str(&format!("a=ice-pwd:{}", credentials.pwd));
        } else {
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    Ok(out)
}

/// What an answer says of ICE. (RFC 8840 §9)
fn fragment_of(answer: &str) -> String {
    let mut out = String::new();
    let mut sections = 0;
    for line in answer.lines().map(str::trim_end) {
        let is_head = line.starts_with("m=");
        sections += usize::from(is_head);
        // The first section speaks for the bundle.
        if sections > 1 {
            break;
        }
        let names = ["a=ice-", "a=candidate:", "a=end-of-candidates", "a=mid:", "a=group:"];
        if is_head || names.iter().any(|name| line.starts_with(name)) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 42 3 IN IP4 127.0.0.1\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=msid:a b\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
        a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=rtpmap:111 opus/48000/2\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";

    #[test]
    fn all_sections_are_put_into_one_stream() {
        let lines = in_one_stream(OFFER);
        let streams: Vec<&str> = lines.lines().filter(|it| it.starts_with("a=msid:")).collect();
        assert_eq!(streams, ["a=msid:live live-0", "a=msid:live live-1"]);
    }

    #[test]
    fn a_restart_replaces_credentials_and_candidates_only() {
        let new = IceCredentials {
            ufrag: "new+".to_owned(),
            pwd: "another/another+another".to_owned(),
        };
        let restarted = with_credentials(OFFER, &new).expect("good");
        assert_eq!(restarted.matches("a=ice-ufrag:new+\r\n").count(), 2);
        assert_eq!(restarted.matches("a=ice-pwd:another/another+another\r\n").count(), 2);
        assert!(!restarted.contains("candidate"), "{restarted}");
        assert_eq!(restarted.lines().count(), OFFER.lines().count() - 1);
        for (ufrag, pwd) in [("abc", new.pwd.as_str()), ("abcd", "short"), ("ab\r\ncd", &new.pwd)] {
            let (ufrag, pwd) = (ufrag.to_owned(), pwd.to_owned());
            let refused = with_credentials(OFFER, &IceCredentials { ufrag, pwd });
            assert_eq!(refused.map_err(|it| it.status), Err(400));
        }
    }

    #[test]
    fn a_fragment_has_the_first_section_s_ice_and_nothing_else() {
        assert_eq!(
            fragment_of(OFFER),
            "a=group:BUNDLE 0 1\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
             a=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
        );
    }
}
