//! Data channels of a connection (RFC 8831).
//!
//! Invariant: a channel that was told of as open is told of as closed before nothing more comes by it; what is written
//! was taken whole, or not at all.

use std::time::Instant;

use str0m::channel::{ChannelConfig, ChannelData, ChannelId, Reliability};

use super::{Drain, Peer, PeerEvent};

/// The largest message that is read, in bytes. Larger ones break the connection they come by, as the offer and the answer
/// say; between the largest that is passed on and this their sender is told.
pub(super) const MAX_READ: u32 = 64 * 1024;

/// A channel that has no more than so many bytes on the way takes more.
const LOW: usize = 8 * 1024;

/// Whether a channel keeps what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// All of it, in order.
    Reliable,
    /// What gets lost isn't sent again.
    Lossy,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is on its way.
    Taken,
    /// Too much is on the way already, and [`PeerEvent::ChannelLow`] follows; or the channel isn't open.
    Full,
    /// The other end takes no message so large.
    Never,
}

impl Delivery {
    /// Of a channel as its opener described it: what may lose something is lossy.
    fn of(config: &ChannelConfig) -> Self {
        match config.reliability {
            Reliability::Reliable => Self::Reliable,
            Reliability::MaxPacketLifetime { .. } | Reliability::MaxRetransmits { .. } => Self::Lossy,
        }
    }

    /// The channel by which the server sends.
    pub(super) fn config(self) -> ChannelConfig {
        let (label, ordered, reliability) = match self {
            Self::Reliable => ("reliable", true, Reliability::Reliable),
            Self::Lossy => ("lossy", false, Reliability::MaxRetransmits { retransmits: 0 }),
        };
        ChannelConfig {
            label: label.to_owned(),
            ordered,
            reliability,
            ..ChannelConfig::default()
        }
    }

    /// How many bytes may be on the way by one channel: what is lossy had better be lost than late.
    fn most_on_the_way(self) -> usize {
        match self {
            Self::Reliable => 32 * 1024,
            Self::Lossy => 16 * 1024,
        }
    }
}

impl Peer {
    /// Sends a message.
    pub fn write(
        &mut self,
        channel: ChannelId,
        delivery: Delivery,
        is_binary: bool,
        message: &[u8],
        now: Instant,
        drain: &mut Drain,
    ) -> Written {
        let Some(mut open) = self.rtc.channel(channel) else {
            return Written::Full;
        };
        let on_the_way = open.buffered_amount();
        if on_the_way > LOW && on_the_way + message.len() > delivery.most_on_the_way() {
            return Written::Full;
        }
        let written = open.write(is_binary, message);
        self.tick(now, drain);
        match written {
            Ok(true) => Written::Taken,
            Ok(false) => Written::Full,
            Err(error) => {
                tracing::debug!(%error, "a message can't be sent");
                Written::Never
            }
        }
    }

    /// How many bytes of what was written the other end doesn't have yet.
    pub fn on_the_way(&mut self, channel: ChannelId) -> usize {
        self.rtc.channel(channel).map_or(0, |mut open| open.buffered_amount())
    }

    /// Closes a channel.
    pub fn close_channel(&mut self, channel: ChannelId, now: Instant, drain: &mut Drain) {
        self.rtc.direct_api().close_data_channel(channel);
        self.tick(now, drain);
    }

    /// A channel was opened, by either end.
    pub(super) fn channel_opened(&mut self, channel: ChannelId) -> Option<PeerEvent> {
        let mut open = self.rtc.channel(channel)?;
        let delivery = Delivery::of(open.config()?);
        open.set_buffered_amount_low_threshold(LOW);
        Some(PeerEvent::ChannelOpen {
            channel,
            delivery,
            is_ours: self.channels.contains(&channel),
        })
    }
}

/// A message as the room sees it.
pub(super) fn message(data: ChannelData) -> PeerEvent {
    PeerEvent::Message {
        channel: data.id,
        is_binary: data.binary,
        bytes: data.data,
    }
}
