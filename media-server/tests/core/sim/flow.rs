//! How time goes by: what each millisecond carries between clients and workers, and what clients answer.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

use impair::Exits;
use media_server::core::{Remote, Request, Transport};
use protocol::control::AnswerBody;
use protocol::signal::SubscribedTrack;
use str0m::change::SdpOffer;

use super::{MS, SIGNALING, Wire, World, room, server};
use crate::client::Link;

impl World {
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    /// Runs until the condition holds.
    #[track_caller]
    pub fn run_until(&mut self, what: &str, limit: Duration, mut holds: impl FnMut(&mut Self) -> bool) {
        let until = self.now + limit;
        while !holds(self) {
            assert!(self.now < until, "{what}: not within {limit:?}");
            self.step();
        }
    }

    /// Puts a datagram on the wire to the SFU.
    pub fn inject(&mut self, from: SocketAddr, bytes: Vec<u8>) {
        let source = Remote {
            transport: Transport::Udp,
            address: from,
        };
        self.sfu.handle_datagram(source, server(), &bytes, self.now);
        self.collect();
    }

    fn step(&mut self) {
        self.now += MS;
        let now = self.now;
        while self.wires.peek().is_some_and(|Reverse((at, _, _))| *at <= now) {
            let Reverse((_, _, wire)) = self.wires.pop().unwrap();
            self.arrive(wire);
        }
        for sfu in std::iter::once(&mut self.sfu).chain(&mut self.more) {
            if sfu.next_timeout().is_some_and(|at| at <= now) {
                sfu.handle_timeout(now);
            }
        }
        let before = self.frames.len();
        self.collect();
        self.deliver_frames(before);
        let ms = now.duration_since(self.start).as_millis();
        let names: Vec<String> = self.clients.keys().cloned().collect();
        for name in names {
            self.tick_client(&name, ms);
        }
    }

    fn tick_client(&mut self, name: &str, ms: u128) {
        let (start, now) = (self.start, self.now);
        let client = self.client(name);
        if let Some(link) = client.up.as_mut() {
            if link.is_connected {
                for encoder in client.encoders.iter_mut().filter(|it| it.is_running) {
                    encoder.encode(link, ms, now);
                }
                if let Some(camera) = client.camera.as_mut() {
                    camera.capture(link, start, now);
                }
                if let Some(camera) = client.svc_camera.as_mut() {
                    camera.capture(link, start, now);
                }
            }
            let events = link.drain(now);
            client.hear_up(&events, now);
        }
        client.ask_key_frames(now);
        if let Some(link) = client.down.as_mut() {
            let events = link.drain(now);
            client.hear_down(events, now);
        }
        let mut out: Vec<Wire> = Vec::new();
        for link in [client.up.as_mut(), client.down.as_mut()].into_iter().flatten() {
            out.extend(link.out.drain(..));
        }
        for wire in out {
            self.send(wire);
        }
    }

    fn arrive(&mut self, wire: Wire) {
        let now = self.now;
        if wire.to.ip() == server().ip() {
            if let Some(tape) = &mut self.tape {
                tape.push(wire.clone());
            }
            let source = Remote {
                transport: wire.transport,
                address: wire.from,
            };
            let worker = usize::from(wire.to.port() - server().port());
            self.worker(worker).handle_datagram(source, wire.to, &wire.bytes, now);
            let before = self.frames.len();
            self.collect();
            self.deliver_frames(before);
            return;
        }
        for client in self.clients.values_mut() {
            if let Some(link) = client.up.as_mut().filter(|it| it.address == wire.to) {
                let events = link.receive(&wire, now);
                client.hear_up(&events, now);
            } else if let Some(link) = client.down.as_mut().filter(|it| it.address == wire.to) {
                let events = link.receive(&wire, now);
                client.hear_down(events, now);
            }
        }
    }

    pub(super) fn collect(&mut self) {
        // What one worker says may have another one say something.
        loop {
            let workers = std::iter::once(&mut self.sfu).chain(&mut self.more);
            let mut relays = Vec::new();
            for (worker, sfu) in workers.enumerate() {
                sfu.flush(self.now);
                relays.extend(std::iter::from_fn(|| sfu.poll_relay()).map(|(to, relay)| (worker, to, relay)));
            }
            if relays.is_empty() {
                break;
            }
            for (from, to, relay) in relays {
                if self.loses_relayed_media && relay.is_media() {
                    self.worker(from).count_lost_between_workers();
                    continue;
                }
                let now = self.now;
                self.worker(to).handle_relay(from, relay, now);
            }
        }
        let mut wires = Vec::new();
        for sfu in std::iter::once(&mut self.sfu).chain(&mut self.more) {
            while let Some(told) = sfu.poll_frame() {
                self.frames.push(told);
            }
            let outbox = std::mem::take(sfu.outbox());
            wires.extend(outbox.iter().map(|datagram| Wire {
                transport: datagram.path.transport,
                from: datagram.path.ours,
                to: datagram.path.theirs,
                bytes: datagram.bytes.to_vec(),
            }));
        }
        for wire in wires {
            self.send(wire);
        }
    }

    fn send(&mut self, wire: Wire) {
        if self.random.chance() < self.loss {
            return;
        }
        let (pipes, client) = if wire.to.ip() == server().ip() {
            (&mut self.from, wire.from)
        } else {
            (&mut self.toward, wire.to)
        };
        let exits = match pipes.get_mut(&(client.port() / 1000)) {
            Some(pipe) => pipe.pass(wire.bytes.len(), self.now, &mut self.random),
            None => Exits {
                at: Some(self.now),
                copy: None,
            },
        };
        for at in [exits.at, exits.copy].into_iter().flatten() {
            self.sent += 1;
            let arrival = (at + self.delay, self.sent, wire.clone());
            self.wires.push(Reverse(arrival));
        }
    }

    pub(super) fn deliver_frames(&mut self, from: usize) {
        let news: Vec<AnswerBody> = self.frames[from..]
            .iter()
            .filter(|(_, frame)| frame.id.is_none())
            .map(|(_, frame)| frame.body.clone())
            .collect();
        for body in news {
            if let AnswerBody::Offer {
                participant,
                revision,
                sdp,
                tracks,
                ..
            } = body
            {
                self.answer_offer(participant.as_str(), revision, &sdp, tracks);
            }
        }
    }

    fn answer_offer(&mut self, name: &str, revision: u32, sdp: &str, tracks: Vec<SubscribedTrack>) {
        let now = self.now;
        let client = self.client(name);
        client.offers.push((revision, tracks.clone()));
        if !client.answers {
            return;
        }
        client.tracks = tracks;
        if client.down.is_none() {
            let address = client.address();
            client.down = Some(Link::new(address, client.transport, now));
        }
        let link = client.down.as_mut().unwrap();
        let offer = SdpOffer::from_sdp_string(sdp).expect("an offer");
        let answer = link.rtc.sdp_api().accept_offer(offer).expect("fits");
        let events = link.drain(now);
        client.hear_down(events, now);
        let request = Request::Answer {
            room: room(),
            participant: client.id.clone(),
            revision,
            sdp: answer.to_sdp_string(),
        };
        assert_eq!(self.ask(SIGNALING, request), AnswerBody::Ok);
    }
}
