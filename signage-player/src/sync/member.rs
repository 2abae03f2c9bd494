//! This screen as a member of its group: hears the others' beacons, follows the leader's clock, and puts into [`Group`] what the
//! stage looks at. Touches no socket of its own but GStreamer's clocks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_net as gst_net;
use protocol::ids::ScreenId;
use protocol::screen::{self, InGroup, Role};

use super::clock::Clock;
use super::discipline::{Correction, Discipline};
use super::election::{Election, Said, Standing};
use super::plan::Told;
use super::wire::{Beacon, Key, Leader, MAX_ZONES};
use super::{Group, Other, State, tick};

/// By a beacon alone a clock is known to some milliseconds: what is less than two ticks off is left to the network clock.
const COARSE_TICKS: i64 = 2;
/// A clock that answers later says too little.
const ROUND_TRIP_LIMIT: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// So many of a screen's earlier lives are remembered; with more, the oldest is forgotten.
const PAST_LIVES: usize = 16;

/// Another screen, as it was heard last.
struct Peer {
    beacon: Beacon,
    /// Its earlier lives, each with its last number: what somebody says again is not taken.
    past: VecDeque<(u64, u64)>,
}

impl Peer {
    /// The last number that was heard of a life.
    fn last(&self, life: u64) -> Option<u64> {
        let current = (self.beacon.life, self.beacon.number);
        let mut known = std::iter::once(&current).chain(&self.past);
        known.find(|(it, _)| *it == life).map(|(_, number)| *number)
    }

    /// Takes a newer beacon. Gives whether another life has begun.
    fn take(&mut self, beacon: Beacon) -> bool {
        let before = std::mem::replace(&mut self.beacon, beacon);
        if before.life == self.beacon.life {
            return false;
        }
        self.past.retain(|(life, _)| *life != self.beacon.life);
        self.past.push_back((before.life, before.number));
        if self.past.len() > PAST_LIVES {
            self.past.pop_front();
        }
        true
    }
}

/// The leader's clock over the network.
struct Remote {
    leader: Leader,
    clock: gst_net::NetClientClock,
    measured_at: Option<Duration>,
}

/// This screen.
pub struct Member {
    group: Group,
    clock: Arc<Clock>,
    settings: screen::Group,
    key: Key,
    life: u64,
    number: u64,
    provider: gst_net::NetTimeProvider,
    election: Election,
    peers: BTreeMap<ScreenId, Peer>,
    discipline: Discipline,
    remote: Option<Remote>,
    /// With whom it is in step.
    aligned: Option<Leader>,
}

impl Member {
    /// A member that begins now; its clock can be read from here on.
    ///
    /// # Errors
    /// When the group's key is none, or the clock can't be offered at the screen's address.
    pub fn new(group: Group, clock: Arc<Clock>, settings: screen::Group) -> Result<Self> {
        let key = data_encoding::HEXLOWER
            .decode(settings.key.as_bytes())
            .context("the group's key is not hexadecimal")?;
        // Any free port: who reads a clock takes another port for another clock.
        let host = settings.address.ip().to_string();
        let provider = gst_net::NetTimeProvider::new(clock.as_gst(), Some(&host), 0)
            .with_context(|| format!("its clock can't be offered at {host}"))?;
        let mut state = group.lock();
        state.is_on = true;
        state.is_listening = true;
        drop(state);
        Ok(Self {
            group,
            clock,
            key: Key::new(&key),
            life: rand::random(),
            number: 0,
            provider,
            election: Election::new(settings.screen.clone(), Duration::ZERO),
            peers: BTreeMap::new(),
            discipline: Discipline::default(),
            remote: None,
            aligned: None,
            settings,
        })
    }

    /// What this screen is now, as a datagram.
    pub fn beacon(&mut self) -> Vec<u8> {
        self.number += 1;
        let said = self.election.said();
        let state = self.group.lock();
        let zones = state.own.iter().take(MAX_ZONES);
        let beacon = Beacon {
            group: self.settings.name.clone(),
            from: self.settings.screen.clone(),
            life: self.life,
            number: self.number,
            leads: said.leads,
            settled: said.is_settled,
            follows: self.aligned.clone(),
            clock_port: u16::try_from(self.provider.port()).unwrap_or(0),
            clock_ns: self.clock.now(),
            shift: state.shift,
            zones: zones.map(|(key, plan)| (key.clone(), *plan)).collect(),
        };
        drop(state);
        self.key.seal(&beacon)
    }

    /// A datagram arrived. Gives where to answer at once: to one that has just begun.
    pub fn hear(&mut self, datagram: &[u8], now: Duration) -> Option<std::net::SocketAddr> {
        let beacon = match self.key.open(datagram) {
            Ok(beacon) => beacon,
            Err(error) => {
                tracing::debug!("a datagram isn't taken: {error}");
                return None;
            }
        };
        let address = *self.settings.others.get(&beacon.from)?;
        if beacon.group != self.settings.name {
            return None;
        }
        let is_new = match self.peers.get_mut(&beacon.from) {
            Some(peer) if peer.last(beacon.life).is_some_and(|last| beacon.number <= last) => return None,
            Some(peer) => peer.take(beacon.clone()),
            None => {
                let peer = Peer {
                    beacon: beacon.clone(),
                    past: VecDeque::new(),
                };
                self.peers.insert(beacon.from.clone(), peer);
                true
            }
        };
        let said = Said {
            leads: beacon.leads,
            is_settled: beacon.settled,
        };
        self.election.hear(&beacon.from, said, now);
        self.stand(now);
        self.align(&beacon);
        self.share();
        is_new.then_some(address)
    }

    /// Time passed.
    pub fn look(&mut self, now: Duration) {
        self.stand(now);
        self.steer(now);
        self.share();
        self.report(now);
    }

    /// Sees what this screen is, and begins to be that.
    fn stand(&mut self, now: Duration) {
        if !self.election.look(now) {
            return;
        }
        let standing = self.election.standing().clone();
        tracing::info!(group = %self.settings.name, ?standing, "in the group");
        if standing == Standing::Leads {
            self.aligned = Some(Leader {
                screen: self.settings.screen.clone(),
                life: self.life,
            });
        }
        if !matches!(standing, Standing::Follows(_)) {
            self.remote = None;
            self.clock.set_rate(self.discipline.steady());
        }
    }

    /// A leader's beacon: takes over its ticks as far as a beacon tells them, and reads its clock from now on.
    fn align(&mut self, beacon: &Beacon) {
        if *self.election.standing() != Standing::Follows(beacon.from.clone()) {
            return;
        }
        let leader = Leader {
            screen: beacon.from.clone(),
            life: beacon.life,
        };
        if self.remote.as_ref().is_some_and(|remote| remote.leader == leader) {
            return;
        }
        let mut state = self.group.lock();
        let theirs = beacon.clock_ns.saturating_add(tick::nanos(beacon.shift));
        let ours = self.clock.now().saturating_add(tick::nanos(state.shift));
        let ticks = tick::nearest(theirs.saturating_sub(ours));
        if ticks.abs() >= COARSE_TICKS {
            state.shift += ticks;
        }
        drop(state);
        self.aligned = Some(leader.clone());
        self.discipline.begin();
        let Some(address) = self.settings.others.get(&beacon.from) else {
            return;
        };
        let host = address.ip().to_string();
        let port = i32::from(beacon.clock_port);
        let clock = gst_net::NetClientClock::new(None, &host, port, gst::ClockTime::ZERO);
        clock.set_round_trip_limit(ROUND_TRIP_LIMIT.nseconds());
        self.remote = Some(Remote {
            leader,
            clock,
            measured_at: None,
        });
    }

    /// Brings the clock nearer to the leader's.
    fn steer(&mut self, now: Duration) {
        let Some(remote) = &mut self.remote else { return };
        let shift_of_leader = self
            .peers
            .get(&remote.leader.screen)
            .filter(|peer| peer.beacon.life == remote.leader.life)
            .map(|peer| peer.beacon.shift);
        let (true, Some(shift)) = (remote.clock.is_synced(), shift_of_leader) else {
            return;
        };
        let Some(theirs) = compare(&remote.clock, &self.clock) else {
            return;
        };
        let passed = now.saturating_sub(remote.measured_at.replace(now).unwrap_or(now));
        let mut state = self.group.lock();
        let offset = theirs.saturating_add(tick::nanos(shift) - tick::nanos(state.shift));
        match self.discipline.measured(offset, passed, now) {
            Correction::Ticks(ticks) => {
                tracing::info!(ticks, "the group's ticks are counted anew");
                state.shift += ticks;
            }
            Correction::Rate(ppb) => {
                self.election.settle();
                self.clock.set_rate(ppb);
            }
        }
    }

    /// Puts what others say of zones where the stage looks.
    fn share(&mut self) {
        let leader = self.leader();
        let heard: Vec<ScreenId> = self.election.heard().cloned().collect();
        let mut others: BTreeMap<String, Vec<(bool, &ScreenId, Other)>> = BTreeMap::new();
        for id in &heard {
            let Some(Peer { beacon, .. }) = self.peers.get(id) else {
                continue;
            };
            let is_leader = leader.as_ref() == Some(id);
            // Ticks mean the same to those in step with one leader only.
            let in_step = leader.is_some() && beacon.follows.as_ref().map(|it| &it.screen) == leader.as_ref();
            if !is_leader && !in_step {
                continue;
            }
            let is_before = leader.as_ref() != Some(&self.settings.screen) && (is_leader || *id < self.settings.screen);
            for (zone, plan) in &beacon.zones {
                let told = Told {
                    teller: beacon.life,
                    plan: *plan,
                };
                let other = Other { told, is_before };
                others.entry(zone.clone()).or_default().push((!is_leader, id, other));
            }
        }
        let sorted = others.into_iter().map(|(zone, mut all)| {
            all.sort_by_key(|(is_after, id, _)| (*is_after, *id));
            (zone, all.into_iter().map(|(_, _, other)| other).collect())
        });
        let sorted = sorted.collect();
        let mut state = self.group.lock();
        state.others = sorted;
        state.is_listening = *self.election.standing() == Standing::Listening;
    }

    fn leader(&self) -> Option<ScreenId> {
        match self.election.standing() {
            Standing::Leads => Some(self.settings.screen.clone()),
            Standing::Follows(leader) => Some(leader.clone()),
            Standing::Listening | Standing::Orphaned => None,
        }
    }

    fn report(&mut self, now: Duration) {
        let heard = u32::try_from(self.election.heard().count()).unwrap_or(u32::MAX);
        let role = match self.election.standing() {
            Standing::Listening => Role::Listening,
            Standing::Leads if heard == 0 => Role::Alone,
            Standing::Leads => Role::Leads,
            Standing::Follows(_) | Standing::Orphaned => Role::Follows,
        };
        let error = self.remote.is_some().then(|| self.discipline.error(now)).flatten();
        let report = InGroup {
            role,
            leader: self.leader(),
            heard,
            error_us: error.map(|nanos| nanos.div_ceil(1_000)),
            ..nobody(&self.settings)
        };
        self.group.lock().report = Some(report);
    }
}

/// The leader's clock minus this one's, in nanoseconds, read as nearly at once as can be; `None`: it can't be read now.
fn compare(theirs: &gst_net::NetClientClock, ours: &Clock) -> Option<i64> {
    let read = || {
        let before = ours.now();
        let theirs = i64::try_from(theirs.time().nseconds()).ok()?;
        let after = ours.now();
        Some((after - before, theirs - (before + (after - before) / 2)))
    };
    // Where this thread was put aside between the two, another try is nearer.
    (0..3)
        .filter_map(|_| read())
        .min_by_key(|(took, _)| *took)
        .map(|(_, offset)| offset)
}

fn nobody(settings: &screen::Group) -> InGroup {
    InGroup {
        group: settings.name.clone(),
        role: Role::Alone,
        leader: None,
        heard: 0,
        others: u32::try_from(settings.others.len()).unwrap_or(u32::MAX),
        error_us: None,
    }
}

impl Group {
    /// This screen is in no group any more.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        let (base, own) = (state.base, std::mem::take(&mut state.own));
        *state = State {
            base,
            own,
            ..State::default()
        };
    }

    /// It is in a group, and can't speak with it.
    pub(super) fn play_alone(&self, settings: &screen::Group) {
        let mut state = self.lock();
        state.is_on = true;
        state.is_listening = false;
        state.others.clear();
        state.report = Some(nobody(settings));
    }
}
