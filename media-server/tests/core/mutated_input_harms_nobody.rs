//! The fuzzers' entries, with known input that was changed a little: quick, seeded, and without a fuzzer.
//! (`./madoguchi fuzz` runs the fuzzers themselves.)

use crate::entries::{self, seeds};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let len = self.below(24).min(bytes.len() - at);
            match self.below(8) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b'9', b':'][self.below(8)],
                2 if !bytes.is_empty() => bytes[at] = self.below(256) as u8,
                3 => bytes.truncate(at),
                4 => drop(bytes.drain(at..at + len)),
                5 => bytes.insert(at, self.below(256) as u8),
                6 => {
                    let copy = bytes[at..at + len].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
                _ => {
                    let from = self.below(other.len());
                    let end = from + self.below(48).min(other.len() - from);
                    bytes.splice(at..at + len, other[from..end].iter().copied());
                }
            }
        }
    }
}

/// Gives the entry its seeds as they are, then changed. With `MADOGUCHI_SEEDS` set, the seeds are written to that
/// folder for the fuzzers.
fn throw(name: &str, seeds: &[Vec<u8>], rounds: usize, entry: fn(&[u8])) {
    if let Some(folder) = std::env::var_os("MADOGUCHI_SEEDS") {
        let folder = std::path::PathBuf::from(folder).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (index, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{index}")), seed).unwrap();
        }
    }
    for seed in seeds {
        entry(seed);
    }
    let mut random = Random(5);
    for round in 0..rounds {
        let mut bytes = seeds[round % seeds.len()].clone();
        let other = &seeds[random.below(seeds.len())];
        random.mutate(&mut bytes, other);
        entry(&bytes);
    }
}

#[test]
fn the_demultiplexer_leads_strangers_nowhere() {
    throw("demultiplexer", &seeds::demultiplexer(), 20_000, entries::demultiplexer);
}

#[test]
fn payloads_and_their_descriptors_are_read_or_refused() {
    throw("payloads", &seeds::payloads(), 20_000, entries::payloads);
}

#[test]
fn data_messages_and_their_packets_are_read_or_refused() {
    throw("messages", &seeds::messages(), 20_000, entries::messages);
}

#[test]
fn a_connection_bears_what_happens_on_the_way() {
    entries::an_undisturbed_call_connects();
    throw("datagrams", &seeds::datagrams(), 300, entries::datagrams);
}

#[test]
fn every_request_is_answered_once() {
    throw("requests", &seeds::requests(), 1_500, entries::requests);
}

#[test]
fn descriptions_are_taken_or_refused() {
    throw("descriptions", &seeds::descriptions(), 400, entries::descriptions);
}
