//! What a room hears from its connections.
//!
//! Invariant: nothing of a connection that was replaced or closed meanwhile is heard any more.

use std::time::Instant;

use protocol::control::OutReason;

use super::egress::Told;
use super::engine::PeerEvent;
use super::forward::{ask_key_frames, take};
use super::lipsync::Report;
use super::room::Room;
use super::sfu::Shared;
use super::{PeerKey, Seat, Side};

impl Room {
    /// A protected report came by a *down* connection.
    pub(crate) fn receive_report(&mut self, from: PeerKey, bytes: &[u8], now: Instant, shared: &mut Shared) -> bool {
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return false;
        };
        let Some(down) = participant.down.as_mut() else {
            return false;
        };
        let mut wanted = Vec::new();
        let (mut missing, mut lost, mut resent) = (0, 0, 0);
        let is_theirs = down
            .egress
            .receive(bytes, now, &mut shared.drain.outbox, &mut |told| match told {
                Told::KeyFrame(slot) => wanted.push(slot),
                Told::Missing(packets) => missing += packets,
                Told::Lost(packets) => lost += packets,
                Told::Resent(packets) => resent += packets,
            });
        if !is_theirs {
            return false;
        }
        participant.heard(now);
        shared.counters.nacks_in += missing;
        shared.counters.packets_missed += lost;
        shared.counters.packets_resent += resent;
        self.wake_down(from.seat, shared);
        for slot in wanted {
            self.want_key_frame(from.seat, slot, now, shared);
        }
        let down = self.participants.get(&from.seat).and_then(|it| it.down.as_ref());
        if down.is_some_and(|down| down.egress.is_other()) {
            self.share_out(from.seat, now, shared);
        }
        true
    }

    /// A subscriber's decoder can't go on.
    fn want_key_frame(&mut self, seat: Seat, slot: usize, now: Instant, shared: &mut Shared) {
        shared.counters.key_frames_asked += 1;
        let Some(down) = self.participants.get(&seat).and_then(|it| it.down.as_ref()) else {
            return;
        };
        let (layer, target) = (down.layer_of(slot), down.target_of(slot).map(|it| it.encoding));
        let Some((publisher, source)) = down.feed_of(slot).map(|feed| (feed.seat, feed.source)) else {
            return;
        };
        if let Some(track) = self.track_mut(publisher, source)
            && let Some(layer) = layer.or(target).and_then(|it| track.layers.get_mut(it))
        {
            layer.keyframes.want();
            ask_key_frames(self, publisher, now, shared);
        }
    }

    /// Has a *down* connection woken when something of it is due.
    pub(crate) fn wake_down(&mut self, seat: Seat, shared: &mut Shared) {
        if let Some(down) = self.participants.get_mut(&seat).and_then(|it| it.down.as_mut()) {
            shared.wake_down(down);
        }
    }

    /// Takes in what a connection told.
    pub(crate) fn take_in(&mut self, from: PeerKey, event: PeerEvent, now: Instant, shared: &mut Shared) {
        // From a connection that was replaced or closed meanwhile.
        if from.room != self.key || self.peer(from).is_none() {
            return;
        }
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        match event {
            PeerEvent::Packet(packet) => take(self, from.seat, packet, now, shared),
            PeerEvent::Proven { path, is_nominated } => {
                participant.heard(now);
                shared.demux.prove(path.remote(), from);
                if let Some(down) = participant.down.as_mut().filter(|_| from.side == Side::Down)
                    && down.take_path(path, is_nominated, now)
                {
                    self.share_out(from.seat, now, shared);
                }
            }
            PeerEvent::ChannelOpen {
                channel,
                delivery,
                is_ours,
            } => self.channel_opened(from, channel, (delivery, is_ours), now, shared),
            PeerEvent::ChannelClosed(channel) => self.channel_closed(from, channel),
            PeerEvent::ChannelLow(_) => self.channel_low(from, now, shared),
            PeerEvent::Message {
                channel,
                is_binary,
                bytes,
            } => self.take_message(from, channel, (is_binary, &bytes), now, shared),
            PeerEvent::Connected => self.connected(from, now, shared),
            PeerEvent::Closed => self.closed(from, now, shared),
            PeerEvent::Nacks(more) => shared.counters.nacks_out += more,
            PeerEvent::Loss(loss) => participant.health.loss_up = loss,
            PeerEvent::SenderReport {
                mid,
                rid,
                at,
                ntp,
                time,
            } => {
                participant.heard(now);
                participant.clock.report(ntp, at);
                let source = participant.up.as_ref().and_then(|up| up.source_of(mid));
                if let Some(track) = source.and_then(|source| participant.tracks.get_mut(&source))
                    && let Some(layer) = track.layer_of(rid).and_then(|it| track.layers.get_mut(it))
                {
                    layer.report = Some(Report { ntp, time });
                }
            }
        }
    }

    fn connected(&mut self, from: PeerKey, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        participant.heard(now);
        tracing::info!(room = %self.id, participant = %participant.id, side = ?from.side, "connected");
        match from.side {
            Side::Up => {
                if let Some(up) = participant.up.as_mut() {
                    up.is_connected = true;
                }
                ask_key_frames(self, from.seat, now, shared);
            }
            Side::Down => {
                if let Some(down) = participant.down.as_mut() {
                    down.connected();
                }
                self.connect_feeds(from.seat, now, shared);
            }
        }
    }

    fn closed(&mut self, from: PeerKey, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        tracing::info!(room = %self.id, participant = %participant.id, side = ?from.side, "closed by its client");
        if participant.called_with.is_some() {
            // Its one connection: who comes again is another.
            return self.put_out(from.seat, OutReason::Left, now, shared);
        }
        participant.closed = Some(from.side);
        match from.side {
            Side::Up => {
                if let Some(up) = participant.up.take() {
                    shared.close(up.peer, now);
                }
                participant.tracks.clear();
                self.refresh_others(from.seat, now, shared);
            }
            Side::Down => self.drop_down(from.seat, now, shared),
        }
        self.tell_branches(shared);
    }
}
