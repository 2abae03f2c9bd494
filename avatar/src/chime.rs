//! The door chime that plays where there is no voice: made by arithmetic, so there is no file to carry.

use crate::pcm::Pcm;

/// The notes: when they begin in seconds, and their pitch in Hz (E5, then C5).
const NOTES: [(f64, f64); 2] = [(0.0, 659.255), (0.42, 523.251)];
/// The partials of a struck bar: pitch as a multiple, loudness, and time constant of the decay in seconds.
const PARTIALS: [(f64, f64, f64); 3] = [(1.0, 1.0, 0.38), (2.0, 0.22, 0.20), (3.93, 0.10, 0.08)];
const LENGTH: f64 = 1.7;
const ATTACK: f64 = 0.006;
const RELEASE: f64 = 0.15;
/// The loudest sum of the partials comes to half of full scale with this.
const LEVEL: f64 = 0.33;

/// A soft two-note chime, 1.7 s long, its peak 6 dB or more below full scale.
///
/// `rate` is in samples a second; below 8000 it is taken as 8000.
pub fn chime(rate: u32) -> Pcm {
    let rate = rate.max(8000);
    let count = (LENGTH * f64::from(rate)) as usize;
    let samples = (0..count)
        .map(|n| {
            let t = n as f64 / f64::from(rate);
            let sum: f64 = NOTES.iter().map(|(begin, pitch)| note(t - begin, *pitch)).sum();
            let fade = ((LENGTH - t) / RELEASE).min(1.0);
            (sum * fade * LEVEL * f64::from(i16::MAX)) as i16
        })
        .collect();
    Pcm { samples, rate }
}

fn note(t: f64, pitch: f64) -> f64 {
    if t < 0.0 {
        return 0.0;
    }
    let attack = (t / ATTACK).min(1.0);
    let tone = |(multiple, level, decay): &(f64, f64, f64)| {
        level * (-t / decay).exp() * (std::f64::consts::TAU * pitch * multiple * t).sin()
    };
    attack * PARTIALS.iter().map(tone).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of the energy at this pitch (Goertzel's algorithm).
    fn energy_at(samples: &[i16], rate: u32, pitch: f64) -> f64 {
        let factor = 2.0 * (std::f64::consts::TAU * pitch / f64::from(rate)).cos();
        let (mut a, mut b) = (0.0, 0.0);
        for sample in samples {
            (a, b) = (f64::from(*sample) + factor * a - b, a);
        }
        a * a + b * b - factor * a * b
    }

    #[test]
    fn two_notes_one_after_the_other_neither_clipped_nor_clicking() {
        for rate in [8000, 22050, 48000] {
            let pcm = chime(rate);
            assert_eq!(pcm.rate, rate);
            let peak = pcm.samples.iter().map(|s| s.unsigned_abs()).max().expect("samples");
            assert!((8000..16400).contains(&peak), "peak {peak}");
            assert!(pcm.samples[0].abs() < 200 && pcm.samples[pcm.samples.len() - 1].abs() < 50);
            let part =
                |from: f64, to: f64| &pcm.samples[(from * f64::from(rate)) as usize..(to * f64::from(rate)) as usize];
            let (first, second) = (part(0.05, 0.4), part(0.75, 1.1));
            assert!(energy_at(first, rate, 659.255) > 20.0 * energy_at(first, rate, 523.251));
            assert!(energy_at(second, rate, 523.251) > energy_at(second, rate, 659.255));
        }
        assert_eq!(chime(0).rate, 8000);
    }
}
