//! What the agent remembers for a picture that begins anew: the present state, each with its age.
//!
//! Invariant: what is replayed is never younger than it was: live data that nobody vouched for goes away in the
//! picture as if it had not begun anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::congestion::AreaState;
use protocol::ids::AreaId;
use protocol::screen::{LotState, Manifest, QueueState, ToScreen};

use super::ToPicture;
use crate::agent::News;

/// What the server may name at most of each kind; what it says beyond that is not remembered.
const MAX_NAMED: usize = 500;

/// The present state.
#[derive(Debug, Default)]
pub struct Memory {
    manifest: Option<Arc<Manifest>>,
    welcome: Option<(ToScreen, Duration)>,
    notices: Option<(ToScreen, Duration)>,
    remote: Option<(ToScreen, Duration)>,
    areas: BTreeMap<AreaId, AreaState>,
    queues: BTreeMap<String, QueueState>,
    lots: BTreeMap<String, LotState>,
    heard_at: Duration,
}

impl Memory {
    /// Notes a piece of news at `now`. Gives the message that says the same.
    pub fn note(&mut self, news: News, now: Duration) -> ToPicture {
        match news {
            News::Show(manifest) => {
                self.manifest = Some(Arc::clone(&manifest));
                ToPicture::Show {
                    manifest: Box::new((*manifest).clone()),
                }
            }
            News::Arrived(_) => ToPicture::Look,
            News::Said(frame) => {
                self.heard_at = now;
                match &frame {
                    ToScreen::Welcome { .. } => self.welcome = Some((frame.clone(), now)),
                    ToScreen::Notices { .. } => self.notices = Some((frame.clone(), now)),
                    ToScreen::Remote { .. } => self.remote = Some((frame.clone(), now)),
                    ToScreen::Areas { areas } => keep(&mut self.areas, areas, |it| it.area.clone()),
                    ToScreen::Queues { queues } => keep(&mut self.queues, queues, |it| it.queue.clone()),
                    ToScreen::Lots { lots } => keep(&mut self.lots, lots, |it| it.lot.clone()),
                    ToScreen::Manifest { .. }
                    | ToScreen::Error { .. }
                    | ToScreen::Look
                    | ToScreen::Press { .. }
                    | ToScreen::Pong { .. } => {}
                }
                said(frame, Duration::ZERO)
            }
        }
    }

    /// All of it, for a picture that knows nothing, at `now`.
    #[must_use]
    pub fn replay(&self, now: Duration) -> Vec<ToPicture> {
        let age = now.saturating_sub(self.heard_at);
        let mut messages = Vec::new();
        if let Some(manifest) = &self.manifest {
            messages.push(ToPicture::Show {
                manifest: Box::new((**manifest).clone()),
            });
        }
        // The welcome first: it says how the clocks differ.
        for (frame, at) in self.welcome.iter().chain(&self.notices).chain(&self.remote) {
            messages.push(said(frame.clone(), now.saturating_sub(*at)));
        }
        let areas: Vec<_> = self.areas.values().cloned().collect();
        let queues: Vec<_> = self.queues.values().cloned().collect();
        let lots: Vec<_> = self.lots.values().cloned().collect();
        if !areas.is_empty() {
            messages.push(said(ToScreen::Areas { areas }, age));
        }
        if !queues.is_empty() {
            messages.push(said(ToScreen::Queues { queues }, age));
        }
        if !lots.is_empty() {
            messages.push(said(ToScreen::Lots { lots }, age));
        }
        messages
    }
}

fn keep<K: Ord, S: Clone>(held: &mut BTreeMap<K, S>, states: &[S], key: impl Fn(&S) -> K) {
    for state in states {
        if held.len() < MAX_NAMED || held.contains_key(&key(state)) {
            held.insert(key(state), state.clone());
        }
    }
}

fn said(frame: ToScreen, age: Duration) -> ToPicture {
    ToPicture::Said {
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        frame: Box::new(frame),
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::ScreenId;
    use protocol::time::UnixMillis;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn area(version: u64) -> AreaState {
        AreaState {
            version,
            ..AreaState::unknown(AreaId::new("lobby-1f").expect("valid"), 12)
        }
    }

    #[test]
    fn a_picture_that_begins_anew_is_told_the_present_state_with_its_age() {
        let mut memory = Memory::default();
        assert!(memory.replay(at(1)).is_empty());
        let welcome = ToScreen::Welcome {
            screen: ScreenId::new("lobby").expect("valid"),
            now: UnixMillis(1),
            time_zone: "Asia/Tokyo".into(),
        };
        memory.note(News::Said(welcome.clone()), at(10));
        memory.note(News::Said(ToScreen::Areas { areas: vec![area(1)] }), at(11));
        memory.note(News::Said(ToScreen::Areas { areas: vec![area(2)] }), at(12));
        memory.note(News::Said(ToScreen::Pong { now: None }), at(20));
        let replayed = memory.replay(at(25));
        let expected = [
            said(welcome, at(15)),
            // The pong vouched for it.
            said(ToScreen::Areas { areas: vec![area(2)] }, at(5)),
        ];
        assert_eq!(replayed, expected);
    }

    #[test]
    fn a_server_that_names_without_end_is_not_remembered_without_end() {
        let mut memory = Memory::default();
        for number in 0..2000 {
            let lot = LotState {
                lot: number.to_string(),
                free: None,
                places: 1,
                at: UnixMillis(0),
            };
            memory.note(News::Said(ToScreen::Lots { lots: vec![lot] }), at(1));
        }
        assert_eq!(memory.lots.len(), MAX_NAMED);
    }
}
