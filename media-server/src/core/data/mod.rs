//! The way of a data message (see [`protocol::data`]): from a participant's *up* connection to those of the others who
//! may receive it, by their *down* connections.
//!
//! Invariant: who a message is from is written here, and never by its sender. Every message on a reliable channel of who
//! may send is answered once, in order, and its answer waits for nobody who takes nothing; nothing waits for a lossy one.

mod allowance;
mod answers;
mod outlet;
mod post;
mod problems;

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use protocol::data::DataAnswer;
use protocol::grants::DataGrant;

use super::counters::DataDrop;
use super::engine::{ChannelId, Delivery};
use super::room::Room;
use super::sfu::Shared;
use super::{PeerKey, Seat, Side};
use allowance::Allowance;
use answers::{Owed, say};
use outlet::Outlet;

/// Channels that a participant may have open at once.
const MAX_CHANNELS: usize = 8;

/// What a participant has to do with data messages.
#[derive(Debug)]
pub(crate) struct Place {
    grant: DataGrant,
    reliable: Outlet,
    lossy: Outlet,
    /// Of its *up* connection: those by which it sends.
    channels: Vec<Inlet>,
    allowance: Allowance,
    /// In the order of their messages.
    owed: VecDeque<Owed>,
}

/// A channel by which a participant sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Inlet {
    /// Its connection's.
    epoch: u32,
    channel: ChannelId,
    delivery: Delivery,
}

/// What a room knows of its messages.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// For whom so much waits that senders wait too, unless they take nothing.
    full: BTreeSet<Seat>,
    /// To whom answers are owed.
    owing: BTreeSet<Seat>,
}

impl Place {
    /// What the grant gives; none: nothing.
    pub(super) fn granted(grant: DataGrant, now: Instant) -> Option<Box<Self>> {
        grant.may_receive().then(|| {
            Box::new(Self {
                grant,
                reliable: Outlet::new(Delivery::Reliable, now),
                lossy: Outlet::new(Delivery::Lossy, now),
                channels: Vec::new(),
                allowance: Allowance::new(now),
                owed: VecDeque::new(),
            })
        })
    }

    /// Whether it may send.
    pub(super) fn may_send(&self) -> bool {
        self.grant.may_send()
    }

    /// The same participant has come anew: what it didn't get waits for it.
    pub(super) fn inherit(&mut self, mut before: Box<Self>) {
        before.down_closed();
        self.reliable = before.reliable;
        self.allowance = before.allowance;
    }

    /// Its *down* connection is gone.
    pub(super) fn down_closed(&mut self) {
        self.reliable.closed();
        self.lossy.closed();
    }

    fn outlet(&mut self, delivery: Delivery) -> &mut Outlet {
        match delivery {
            Delivery::Reliable => &mut self.reliable,
            Delivery::Lossy => &mut self.lossy,
        }
    }
}

impl Room {
    /// A channel is open.
    pub(super) fn channel_opened(
        &mut self,
        from: PeerKey,
        channel: ChannelId,
        (delivery, is_ours): (Delivery, bool),
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        participant.heard(now);
        let place = participant.data.as_mut();
        if is_ours {
            if let Some(place) = place {
                place.outlet(delivery).opened(channel);
            }
            return self.pump(from.seat, delivery, now, shared);
        }
        let inlet = Inlet {
            epoch: from.epoch,
            channel,
            delivery,
        };
        let refused = match place.filter(|it| it.may_send() && from.side == Side::Up) {
            None => Some((DataDrop::NotGranted, problems::not_granted())),
            Some(place) => {
                place.channels.retain(|it| it.epoch == from.epoch);
                if place.channels.len() < MAX_CHANNELS {
                    place.channels.push(inlet);
                    None
                } else {
                    Some((DataDrop::NotGranted, problems::too_many_channels(MAX_CHANNELS)))
                }
            }
        };
        if let Some((reason, problem)) = refused {
            shared.counters.data.dropped(reason);
            let answer = DataAnswer::Refused { number: None, problem };
            if let Some(peer) = participant.peer(from.side, from.epoch) {
                say(peer, channel, &answer, now, shared);
                peer.close_channel(channel, now, &mut shared.drain);
            }
        }
    }

    /// A channel is closed.
    pub(super) fn channel_closed(&mut self, from: PeerKey, channel: ChannelId) {
        let place = self.participants.get_mut(&from.seat).and_then(|it| it.data.as_mut());
        let Some(place) = place else { return };
        match from.side {
            Side::Up => place
                .channels
                .retain(|it| (it.epoch, it.channel) != (from.epoch, channel)),
            Side::Down => {
                for outlet in [&mut place.reliable, &mut place.lossy] {
                    if outlet.channel() == Some(channel) {
                        outlet.closed();
                    }
                }
            }
        }
    }

    /// A channel takes more again.
    pub(super) fn channel_low(&mut self, from: PeerKey, now: Instant, shared: &mut Shared) {
        if from.side == Side::Down {
            for delivery in [Delivery::Reliable, Delivery::Lossy] {
                self.pump(from.seat, delivery, now, shared);
            }
            self.answer_owed(now, shared);
        }
    }

    /// Whether somebody else could send a participant something now.
    pub(super) fn is_data_wanted(&self, seat: Seat) -> bool {
        let receives = self.participants.get(&seat).is_some_and(|it| it.data.is_some());
        receives
            && self.participants.iter().any(|(other, it)| {
                let may_send = it.data.as_ref().is_some_and(|place| place.may_send());
                *other != seat && may_send && it.up.as_ref().is_some_and(|up| up.has_data)
            })
    }

    /// Looks after what nobody told of: what arrived, what is stuck, and who is gone.
    pub(super) fn tick_data(&mut self, now: Instant, shared: &mut Shared) {
        let all = self.participants.iter();
        let loaded: Vec<Seat> = all
            .filter(|(_, it)| {
                it.data
                    .as_ref()
                    .is_some_and(|it| it.reliable.load() + it.lossy.load() > 0)
            })
            .map(|(seat, _)| *seat)
            .collect();
        for seat in loaded {
            self.pump(seat, Delivery::Reliable, now, shared);
            self.pump(seat, Delivery::Lossy, now, shared);
        }
        let participants = &self.participants;
        self.traffic.full.retain(|seat| participants.contains_key(seat));
        self.answer_owed(now, shared);
    }
}
