//! A client's end of data messages, as a page's: channels on its *up* connection to send by, those of the server on its
//! *down* connection to receive by.

use std::collections::BTreeMap;
use std::time::Instant;

use protocol::data::{DataAnswer, DataMessage, WINDOW};
use str0m::Event;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};

use crate::client::{Client, Link};
use crate::sim::World;

/// What came to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub at: Instant,
    pub from: String,
    pub is_private: bool,
    pub number: u32,
    pub body: Vec<u8>,
    pub channel: String,
}

#[derive(Debug, Default)]
pub struct Chat {
    /// It opens channels when it publishes.
    pub is_wanted: bool,
    pub up: BTreeMap<String, ChannelId>,
    pub down: BTreeMap<String, ChannelId>,
    pub heard: Vec<Heard>,
    pub answers: Vec<(Instant, DataAnswer)>,
    next: u32,
}

impl Chat {
    pub fn add_channels(changes: &mut str0m::change::SdpApi<'_>) {
        changes.add_channel("mine".to_owned());
        changes.add_channel_with_config(ChannelConfig {
            label: "lossy".to_owned(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            ..ChannelConfig::default()
        });
    }

    pub fn hear_up(&mut self, events: &[Event], now: Instant) {
        for event in events {
            match event {
                Event::ChannelOpen(id, label) => drop(self.up.insert(label.clone(), *id)),
                Event::ChannelClose(id) => self.up.retain(|_, it| it != id),
                Event::ChannelData(data) => {
                    assert!(!data.binary, "the server answers in text");
                    let answer = serde_json::from_slice(&data.data).expect("an answer");
                    self.answers.push((now, answer));
                }
                _ => {}
            }
        }
    }

    pub fn hear_down(&mut self, events: &[Event], now: Instant) {
        for event in events {
            match event {
                Event::ChannelOpen(id, label) => drop(self.down.insert(label.clone(), *id)),
                Event::ChannelClose(id) => self.down.retain(|_, it| it != id),
                Event::ChannelData(data) => {
                    assert!(data.binary, "messages are binary");
                    let message = DataMessage::read(&data.data).expect("a message");
                    let channel = self.down.iter().find(|(_, id)| **id == data.id);
                    self.heard.push(Heard {
                        at: now,
                        from: message.peer.expect("a sender").to_string(),
                        is_private: message.is_private,
                        number: message.number,
                        body: message.body.to_vec(),
                        channel: channel.expect("an open channel").0.clone(),
                    });
                }
                _ => {}
            }
        }
    }

    /// What was said, without its circumstances.
    pub fn numbers(&self) -> Vec<u32> {
        self.heard.iter().map(|it| it.number).collect()
    }

    /// The numbers that were answered as taken by all.
    pub fn taken(&self) -> Vec<u32> {
        let whole = |it: &DataAnswer| match it {
            DataAnswer::Taken { number, missed, .. } if missed.is_empty() => Some(*number),
            _ => None,
        };
        self.answers.iter().filter_map(|(_, it)| whole(it)).collect()
    }

    /// The kinds of problems that were answered, and of which numbers.
    pub fn refused(&self) -> Vec<(Option<u32>, u16, String)> {
        let refused = |it: &DataAnswer| match it {
            DataAnswer::Refused { number, problem } => {
                let kind = problem.kind.rsplit(':').next().unwrap().to_owned();
                Some((*number, problem.status, kind))
            }
            DataAnswer::Taken { .. } => None,
        };
        self.answers.iter().filter_map(|(_, it)| refused(it)).collect()
    }

    fn answered(&self, number: u32) -> bool {
        self.answers.iter().any(|(_, it)| match it {
            DataAnswer::Taken { number: it, .. } => *it == number,
            DataAnswer::Refused { number: it, .. } => *it == Some(number),
        })
    }
}

/// Sends as a page that minds the window: gives how many of the messages are on their way.
pub struct Stream {
    pub from: &'static str,
    pub size: usize,
    pub sent: Vec<u32>,
    pub limit: usize,
}

impl Stream {
    pub fn step(&mut self, world: &mut World) {
        let chat = &world.client(self.from).chat;
        let open: usize = self.sent.iter().filter(|it| !chat.answered(**it)).count() * self.size;
        if self.sent.len() < self.limit && open + self.size <= WINDOW {
            let number = world.say(self.from, "mine", None, &vec![7; self.size]);
            self.sent.push(number);
        }
    }
}

impl World {
    /// Joins with a grant for data, and opens channels.
    pub fn enter_talking(
        &mut self,
        name: &str,
        sources: &[protocol::grants::MediaSource],
        data: protocol::grants::DataGrant,
    ) {
        let mut grant = Self::grant(name, sources);
        grant.data = data;
        self.join_with(grant);
        self.client(name).chat.is_wanted = true;
        self.publish(name, sources).expect("published");
    }

    /// Sends a message; gives its number.
    pub fn say(&mut self, name: &str, channel: &str, to: Option<&str>, body: &[u8]) -> u32 {
        let chat = &mut self.client(name).chat;
        chat.next += 1;
        let number = chat.next;
        let message = DataMessage {
            number,
            peer: to.map(|it| it.parse().expect("a name")),
            is_private: false,
            body,
        };
        assert!(self.write(name, channel, true, &message.write()), "the channel is full");
        number
    }

    /// Writes anything. False: its own queue is full.
    pub fn write(&mut self, name: &str, channel: &str, is_binary: bool, bytes: &[u8]) -> bool {
        let now = self.now;
        let client = self.client(name);
        let id = *client.chat.up.get(channel).expect("an open channel");
        let link: &mut Link = client.up.as_mut().expect("a connection");
        let is_taken = link
            .rtc
            .channel(id)
            .expect("it is open")
            .write(is_binary, bytes)
            .unwrap();
        let events = link.drain(now);
        client.hear_up(&events, now);
        is_taken
    }

    /// Waits until these can send, and each is heard by those that receive.
    #[track_caller]
    pub fn run_until_talking(&mut self, names: &[&str]) {
        let limit = std::time::Duration::from_secs(5);
        self.run_until("channels", limit, |world| {
            let mut all = names.iter().map(|name| world.clients.get(*name).expect("a client"));
            all.all(|it: &Client| it.chat.up.len() == 2 && it.chat.down.len() == 2)
        });
    }

    pub fn chat(&self, name: &str) -> &Chat {
        &self.clients.get(name).expect("a client").chat
    }
}
