//! Settings as people write them: `loss=5% delay=20ms rate=300k queue=200ms`.
//!
//! Invariant: what is read is in its range; everything else is refused with the words that were wrong.

use std::time::Duration;

use crate::{Burst, Late, Pipe, Queue};

/// One thing that a pipe does from now on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting {
    /// `rate=300k`, `rate=2M`, `rate=none`: bits a second.
    Rate(Option<u64>),
    /// `queue=200ms`, or in bytes `queue=30000B`.
    Queue(Queue),
    /// `delay=20ms`
    Delay(Duration),
    /// `jitter=30ms`
    Jitter(Duration),
    /// `late=10%/15ms`: so many are held back so long.
    Late(Option<Late>),
    /// `loss=5%`
    Loss(f64),
    /// `burst=0.5%/20%`: how likely one begins, and ends; with a third share, so much is lost in it.
    Burst(Option<Burst>),
    /// `copies=1%`
    Copies(f64),
    /// `cut=yes`, `cut=no`
    Cut(bool),
}

/// Words that aren't a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no setting: such as loss=5% burst=0.5%/20% delay=20ms jitter=30ms late=10%/15ms copies=1% rate=300k queue=200ms cut=yes"
)]
pub struct BadSetting(pub String);

/// Reads settings between spaces or commas.
///
/// # Errors
/// The first that is none.
pub fn settings(text: &str) -> Result<Vec<Setting>, BadSetting> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    words
        .map(|word| Setting::read(word).ok_or_else(|| BadSetting(word.to_owned())))
        .collect()
}

impl Setting {
    fn read(word: &str) -> Option<Self> {
        let (name, value) = word.split_once('=')?;
        let is_none = value == "none";
        Some(match name {
            "rate" if is_none => Self::Rate(None),
            "rate" => Self::Rate(Some(bits(value)?)),
            "queue" => Self::Queue(match value.strip_suffix('B') {
                Some(bytes) => Queue::Bytes(bytes.parse().ok()?),
                None => Queue::Time(duration(value)?),
            }),
            "delay" => Self::Delay(duration(value)?),
            "jitter" => Self::Jitter(duration(value)?),
            "late" if is_none => Self::Late(None),
            "late" => {
                let (share, by) = value.split_once('/')?;
                Self::Late(Some(Late {
                    share: percent(share)?,
                    by: duration(by)?,
                }))
            }
            "loss" => Self::Loss(percent(value)?),
            "burst" if is_none => Self::Burst(None),
            "burst" => {
                let mut shares = value.split('/').map(percent);
                let burst = Burst {
                    begins: shares.next()??,
                    ends: shares.next()??,
                    loses: shares.next().unwrap_or(Some(1.0))?,
                };
                Self::Burst(shares.next().is_none().then_some(burst)?.into())
            }
            "copies" => Self::Copies(percent(value)?),
            "cut" => Self::Cut(match value {
                "yes" => true,
                "no" => false,
                _ => return None,
            }),
            _ => return None,
        })
    }
}

impl Pipe {
    /// A pipe that does this.
    #[must_use]
    pub fn new(settings: &[Setting]) -> Self {
        let mut pipe = Self::default();
        settings.iter().for_each(|it| pipe.set(*it));
        pipe
    }

    /// Changes one thing.
    pub fn set(&mut self, setting: Setting) {
        match setting {
            Setting::Rate(rate) => self.rate_bps = rate,
            Setting::Queue(queue) => self.queue = queue,
            Setting::Delay(delay) => self.delay = delay,
            Setting::Jitter(jitter) => self.jitter = jitter,
            Setting::Late(late) => self.late = late,
            Setting::Loss(loss) => self.loss = loss,
            Setting::Burst(burst) => self.burst = burst,
            Setting::Copies(copies) => self.copies = copies,
            Setting::Cut(is_cut) => self.is_cut = is_cut,
        }
    }
}

/// `5%`: 0.05.
fn percent(text: &str) -> Option<f64> {
    let share = text.strip_suffix('%')?.parse::<f64>().ok()? / 100.0;
    (0.0..=1.0).contains(&share).then_some(share)
}

/// `200ms`, `5s`, `1.5s`; at most an hour.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    (0.0..=3600.0)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

/// `300k`, `2M`, `64000`; never 0.
fn bits(text: &str) -> Option<u64> {
    let (number, unit) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 1_000),
        b'M' => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|rate| *rate > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        let ms = Duration::from_millis;
        let burst = Burst {
            begins: 0.005,
            ends: 0.2,
            loses: 1.0,
        };
        let late = Late { share: 0.1, by: ms(15) };
        let expected = [
            Setting::Loss(0.05),
            Setting::Burst(Some(burst)),
            Setting::Delay(ms(20)),
            Setting::Late(Some(late)),
            Setting::Rate(Some(300_000)),
            Setting::Queue(Queue::Time(ms(200))),
            Setting::Cut(true),
        ];
        let text = "loss=5%, burst=0.5%/20% delay=20ms late=10%/15ms rate=300k queue=200ms cut=yes";
        assert_eq!(settings(text), Ok(expected.to_vec()));
        let partial = Burst { loses: 0.9, ..burst };
        let more = [
            Setting::Rate(None),
            Setting::Queue(Queue::Bytes(30_000)),
            Setting::Burst(Some(partial)),
            Setting::Burst(None),
            Setting::Copies(0.01),
        ];
        let text = "rate=none queue=30000B burst=0.5%/20%/90% burst=none copies=1%";
        assert_eq!(settings(text), Ok(more.to_vec()));
        assert_eq!(settings(""), Ok(vec![]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_words() {
        for word in [
            "loss",
            "loss=5",
            "loss=101%",
            "loss=-1%",
            "loss=NaN%",
            "delay=20",
            "delay=-1ms",
            "delay=1e9s",
            "rate=0",
            "rate=fast",
            "rate=",
            "burst=1%",
            "burst=1%/2%/3%/4%",
            "cut=maybe",
            "weather=bad",
        ] {
            assert_eq!(settings(&format!("loss=1% {word}")), Err(BadSetting(word.to_owned())));
        }
    }
}
