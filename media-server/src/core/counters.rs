//! What happened, counted. Plain numbers: the shell makes metrics of them.

/// Why a datagram or packet went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// A datagram or payload larger than is forwarded.
    Oversize,
    /// A datagram from an address that never proved itself, or for a connection that isn't there.
    Stranger,
    /// A datagram that is none of WebRTC's.
    Garbage,
    /// Media of a section that no track was named for.
    Unnamed,
    /// Media of a muted track.
    Muted,
    /// Media before a subscriber's first key frame, or older than where it began.
    NotStarted,
    /// Media of a codec that a subscriber's connection doesn't carry.
    NoCodec,
    /// Media that waited for a subscriber's narrow link behind too much else.
    TooSlow,
    /// Media for a worker that has too much to do.
    WorkerFull,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Oversize,
        Self::Stranger,
        Self::Garbage,
        Self::Unnamed,
        Self::Muted,
        Self::NotStarted,
        Self::NoCodec,
        Self::TooSlow,
        Self::WorkerFull,
    ];

    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Oversize => "oversize",
            Self::Stranger => "stranger",
            Self::Garbage => "garbage",
            Self::Unnamed => "unnamed",
            Self::Muted => "muted",
            Self::NotStarted => "not_started",
            Self::NoCodec => "no_codec",
            Self::TooSlow => "too_slow",
            Self::WorkerFull => "worker_full",
        }
    }
}

/// Why a data message, or a channel for them, went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataDrop {
    /// Its sender may not send, or not to this receiver, or opened too many channels.
    NotGranted,
    /// It can't be read.
    Malformed,
    /// It is larger than is passed on.
    Oversize,
    /// Its sender sends more than anybody may.
    TooFast,
    /// Nobody of its receiver's name receives messages.
    NoReceiver,
    /// So much waits for a receiver that this one misses it.
    Full,
    /// A newer one on a lossy channel took its place.
    Late,
    /// A receiver's end takes none so large.
    Unfit,
    /// An answer whose receiver doesn't read.
    Unanswered,
}

impl DataDrop {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NotGranted,
        Self::Malformed,
        Self::Oversize,
        Self::TooFast,
        Self::NoReceiver,
        Self::Full,
        Self::Late,
        Self::Unfit,
        Self::Unanswered,
    ];

    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotGranted => "not_granted",
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::TooFast => "too_fast",
            Self::NoReceiver => "no_receiver",
            Self::Full => "full",
            Self::Late => "late",
            Self::Unfit => "unfit",
            Self::Unanswered => "unanswered",
        }
    }
}

/// What happened to data messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataCounters {
    /// Messages from participants.
    pub messages_in: u64,
    /// Bytes of them.
    pub bytes_in: u64,
    /// Messages to participants.
    pub messages_out: u64,
    /// Bytes of them.
    pub bytes_out: u64,
    drops: [u64; DataDrop::ALL.len()],
}

impl DataCounters {
    /// Counts a drop.
    pub fn dropped(&mut self, reason: DataDrop) {
        self.dropped_many(reason, 1);
    }

    /// Counts so many drops.
    pub fn dropped_many(&mut self, reason: DataDrop, count: u64) {
        self.drops[reason as usize] += count;
    }

    /// Drops for this reason.
    #[must_use]
    pub fn drops(&self, reason: DataDrop) -> u64 {
        self.drops[reason as usize]
    }

    fn add(&mut self, other: &Self) {
        self.messages_in += other.messages_in;
        self.bytes_in += other.bytes_in;
        self.messages_out += other.messages_out;
        self.bytes_out += other.bytes_out;
        for (mine, theirs) in self.drops.iter_mut().zip(other.drops) {
            *mine += theirs;
        }
    }
}

/// What happened since the start, and what is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Rooms now.
    pub rooms: u64,
    /// Participants now.
    pub participants: u64,
    /// Published tracks now.
    pub tracks: u64,
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Media packets from publishers.
    pub packets_in: u64,
    /// Media packets to subscribers.
    pub packets_forwarded: u64,
    /// Media packets to other workers.
    pub packets_relayed: u64,
    /// Participants now who are served by another worker than their room's.
    pub spilled: u64,
    /// Packets that subscribers asked for again (RFC 4585 §6.2.1).
    pub nacks_in: u64,
    /// NACK messages to publishers. Brought up to date every few seconds.
    pub nacks_out: u64,
    /// Key frames that subscribers asked for.
    pub key_frames_asked: u64,
    /// Key-frame requests that went to publishers.
    pub key_frames_requested: u64,
    /// Media packets that subscribers' feedback reported as lost.
    pub packets_missed: u64,
    /// Media packets sent again to subscribers.
    pub packets_resent: u64,
    /// Tracks now that are held back from a subscriber whose link is too narrow.
    pub held_back: u64,
    /// Participants now by the quality of their connections: lost, poor, good, excellent.
    pub qualities: [u64; 4],
    /// Subscribers' links now by their estimated bandwidth: as many as [`LINK_BOUNDS_BPS`], and those above.
    pub links: [u64; LINK_BOUNDS_BPS.len() + 1],
    /// The sum of these estimates, in bits a second.
    pub links_bps: u64,
    /// Data messages.
    pub data: DataCounters,
    drops: [u64; DropReason::ALL.len()],
}

/// Upper bounds, in bits a second, by which links are counted.
pub const LINK_BOUNDS_BPS: [u64; 7] = [150_000, 300_000, 600_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000];

impl Counters {
    /// Counts a subscriber's link by its estimate.
    pub(crate) fn count_link(&mut self, bps: u64) {
        let bucket = LINK_BOUNDS_BPS.iter().position(|bound| bps <= *bound);
        self.links[bucket.unwrap_or(LINK_BOUNDS_BPS.len())] += 1;
        self.links_bps += bps;
    }

    /// Counts a drop.
    pub fn dropped(&mut self, reason: DropReason) {
        self.drops[reason as usize] += 1;
    }

    /// Drops for this reason.
    #[must_use]
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }

    /// Together with another worker's.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        let fields = [
            (&mut self.rooms, other.rooms),
            (&mut self.participants, other.participants),
            (&mut self.tracks, other.tracks),
            (&mut self.datagrams_in, other.datagrams_in),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.datagrams_out, other.datagrams_out),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.packets_in, other.packets_in),
            (&mut self.packets_forwarded, other.packets_forwarded),
            (&mut self.packets_relayed, other.packets_relayed),
            (&mut self.spilled, other.spilled),
            (&mut self.nacks_in, other.nacks_in),
            (&mut self.nacks_out, other.nacks_out),
            (&mut self.key_frames_asked, other.key_frames_asked),
            (&mut self.key_frames_requested, other.key_frames_requested),
            (&mut self.packets_missed, other.packets_missed),
            (&mut self.packets_resent, other.packets_resent),
            (&mut self.held_back, other.held_back),
            (&mut self.links_bps, other.links_bps),
        ];
        for (mine, theirs) in fields {
            *mine += theirs;
        }
        self.data.add(&other.data);
        for (mine, theirs) in self.qualities.iter_mut().zip(other.qualities) {
            *mine += theirs;
        }
        for (mine, theirs) in self.links.iter_mut().zip(other.links) {
            *mine += theirs;
        }
        for (mine, theirs) in self.drops.iter_mut().zip(other.drops) {
            *mine += theirs;
        }
        self
    }
}
