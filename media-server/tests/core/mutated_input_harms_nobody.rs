//! The fuzzers' entries, with known input that was changed a little: quick, seeded, and without a fuzzer.
//! (`./madoguchi fuzz` runs the fuzzers themselves.)

use impair::Random;

use crate::entries::{self, seeds};

/// Changes bytes by chance.
struct Mutator(Random);

impl Mutator {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.next() % limit.max(1) as u64) as usize
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
    let mut mutator = Mutator(Random::new(5));
    for round in 0..rounds {
        let mut bytes = seeds[round % seeds.len()].clone();
        let other = &seeds[mutator.below(seeds.len())];
        mutator.mutate(&mut bytes, other);
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

#[test]
fn callers_are_taken_or_refused() {
    throw("callers", &seeds::callers(), 400, entries::callers);
}

#[test]
fn dependency_descriptors_mean_the_same_to_who_has_seen_none_before() {
    throw("dependencies", &seeds::dependencies(), 20_000, entries::dependencies);
}

#[test]
fn frames_are_read_as_they_were_written() {
    throw("frames", &seeds::frames(), 20_000, entries::frames);
}

#[test]
fn repetitions_are_told_from_what_is_new() {
    throw("repetitions", &seeds::repetitions(), 20_000, entries::repetitions);
}

#[test]
fn whatever_is_reported_the_estimate_stays_in_its_bounds() {
    throw("reports", &seeds::reports(), 20_000, entries::reports);
}
