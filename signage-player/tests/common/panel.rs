//! Recordings of touch panels as text, in the lines of evemu: `A: axis min max fuzz flat` (hexadecimal axis) and
//! `E: seconds type code value` (hexadecimal type and code).

use std::path::Path;
use std::time::Duration;

use protocol::config::Touch;
use signage_player::touch::Phase;
use signage_player::touch::decode::{Decoder, Found, Protocol, Raw};
use signage_player::touch::mapping::{Axis, Mapping};
use signage_player::touch::panel::{Abilities, Panel};

pub struct Recording {
    pub panel: Panel,
    pub events: Vec<(Duration, Raw)>,
}

/// A contact of a recording: when, what, where in shares of the picture.
pub type Told = (Duration, u32, Phase, (f64, f64));

pub fn recording(name: &str) -> Recording {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/panels").join(name))
}

/// Reads a file, also one that `evemu-record` has written.
pub fn read(file: &Path) -> Recording {
    let text = std::fs::read_to_string(file).expect("a recording");
    let mut abilities = Abilities {
        // Every recording of ours is of a device with BTN_TOUCH.
        keys: [0x14a].into(),
        is_direct: true,
        ..Abilities::default()
    };
    let mut events = Vec::new();
    for line in text.lines() {
        // What an event means stands after it.
        let line = line.split_once('#').map_or(line, |(line, _)| line);
        let words: Vec<&str> = line.split_whitespace().collect();
        let hex = |word: &str| u16::from_str_radix(word, 16).expect("hexadecimal");
        match words.as_slice() {
            ["N:", name @ ..] => abilities.name = name.join(" "),
            ["A:", axis, min, max, ..] => {
                let range = Axis {
                    min: min.parse().expect("a number"),
                    max: max.parse().expect("a number"),
                };
                abilities.axes.insert(hex(axis), (range, 0));
            }
            ["E:", at, kind, code, value] => {
                let at = Duration::from_secs_f64(at.parse().expect("seconds"));
                let (kind, code) = (hex(kind), hex(code));
                let value = value.parse().expect("a number");
                // Through the kernel's own record and back: what `struct input_event` can carry.
                let event = evdev::InputEvent::new(kind, code, value);
                let (kind, code, value) = (event.event_type().0, event.code(), event.value());
                events.push((at, Raw { kind, code, value }));
            }
            // The device's number, its properties, and what it can: the axes say enough.
            [] | ["I:" | "P:" | "B:", ..] => {}
            _ => panic!("{line}"),
        }
    }
    let panel = abilities.panel(false).expect("a touch panel");
    Recording { panel, events }
}

impl Recording {
    /// Plays it through a decoder; `slot`: what the kernel says after a loss. In the panel's units.
    pub fn found(&self, slot: i32) -> Vec<(Duration, Found)> {
        let mut decoder = Decoder::new(self.panel.protocol);
        let (mut all, mut found) = (Vec::new(), Vec::new());
        for (at, raw) in &self.events {
            if decoder.take(*raw, &mut found) {
                decoder.go_on(match self.panel.protocol {
                    Protocol::Slots(_) => Protocol::Slots(slot),
                    other => other,
                });
            }
            all.extend(found.drain(..).map(|it| (*at, it)));
        }
        all
    }

    /// The same in shares of the picture.
    pub fn told(&self, config: &Touch) -> Vec<Told> {
        let mapping = Mapping::new(self.panel.x, self.panel.y, config);
        let place = |(at, it): (Duration, Found)| (at, it.number, it.phase, mapping.place(it.x, it.y));
        self.found(0).into_iter().map(place).collect()
    }
}
