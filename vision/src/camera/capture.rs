//! The capture process, `vision capture`: it reads one camera until there is nothing more to read, and ends.
//!
//! It is told what to read on its standard input ([`Order`]), and gives pictures on its standard output. A call into
//! the camera may hang for ever: then whoever started it ends it. Two threads, so that a camera is always read, also
//! while the worker is slow to take a picture: between them waits the newest one.

use std::io::{self, BufRead as _, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _};

use super::address::{Address, redact};
use super::mailbox::{Mailbox, Taken};
use super::opencv_source::OpenCvSource;
use super::screen_source::ScreenSource;
use super::wire::{Head, LONGEST_REASON, Order};
use super::{CameraError, Frame, FrameSource, PictureSize};

/// An order is at most so many bytes long.
const LONGEST_ORDER: u64 = 10_000;

/// The writing thread looks so often whether there is something to write.
const TICK: Duration = Duration::from_secs(1);

/// How often pictures are handed on, at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// From one picture to the next.
    pub every: Duration,
}

impl Pace {
    /// So many pictures a second.
    #[must_use]
    pub fn per_second(pictures: f64) -> Self {
        Self {
            every: Duration::from_secs_f64(1.0 / pictures.clamp(0.01, 240.0)),
        }
    }
}

/// When is the next picture due? Pictures keep to the beat, so that five a second of a seven-a-second film
/// are five and not three and a half.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    every: Duration,
    /// So much too early is in time.
    early: Duration,
    due: Duration,
}

impl Beat {
    /// The first picture is due at once.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            every: pace.every,
            early: Duration::ZERO,
            due: Duration::ZERO,
        }
    }

    /// The same for a camera, whose pictures are never quite in time: of one that gives as many as are looked at none is left.
    #[must_use]
    pub fn of_a_camera(pace: Pace) -> Self {
        Self {
            early: pace.every / 4,
            ..Self::new(pace)
        }
    }

    /// Whether the picture of `at` is to be looked at. If so, the next one is due a beat later.
    pub fn is_due(&mut self, at: Duration) -> bool {
        if at + self.early < self.due {
            return false;
        }
        self.due += self.every;
        if self.due <= at {
            self.due = at + self.every;
        }
        true
    }
}

/// Does what the line on `input` orders: pictures to `output`, and at the end the reason, without the address.
///
/// # Errors
/// When the order can't be read, or nobody takes what is written.
pub fn run(input: impl Read, output: impl Write + Send + 'static) -> io::Result<()> {
    let mut line = String::new();
    io::BufReader::new(input.take(LONGEST_ORDER)).read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "vision capture is told by vision what to read",
        )
    })?;
    drop(line);
    // Without its parent this process would read for nobody, and keep a device busy; also while it hangs.
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    if nix::unistd::getppid().as_raw() != order.parent {
        return Ok(());
    }
    let posts = Mailbox::default();
    let writer = {
        let posts = posts.clone();
        thread::Builder::new().name("write".to_owned()).spawn(move || {
            let written = write_all(&posts, output);
            posts.close();
            written
        })?
    };
    let ended = Address::new(&order.source)
        .map_err(CameraError::from)
        .and_then(|address| open(&address, &order))
        .and_then(|mut source| read(&mut *source, &order, &posts));
    if let Err(error) = ended {
        posts.put_after(Said::Failure(redact(&error.to_string(), &order.source)));
    }
    posts.close();
    writer.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

fn open(address: &Address, order: &Order) -> Result<Box<dyn FrameSource>, CameraError> {
    Ok(match (address, &order.screen_home) {
        (Address::Screen(screen), Some(home)) => Box::new(ScreenSource::open(screen, home)?),
        _ => Box::new(OpenCvSource::open(address, order.film_speed)?),
    })
}

/// What goes out.
enum Said {
    Frame(Frame),
    Failure(String),
}

/// Reads until the source fails (an error) or nobody wants pictures any more.
fn read(source: &mut dyn FrameSource, order: &Order, posts: &Mailbox<Said>) -> Result<(), CameraError> {
    let pace = Pace { every: order.every };
    let mut beat = if source.is_live() {
        Beat::of_a_camera(pace)
    } else {
        Beat::new(pace)
    };
    let mut start = Instant::now();
    loop {
        let at = source.advance()?;
        if !beat.is_due(at) {
            continue;
        }
        let mut taken = source.taken().unwrap_or_else(runtime::now);
        let is_whole = order.is_at_full_speed && !source.is_live();
        if !source.is_live() && !is_whole {
            let now = Instant::now();
            // A machine that can't keep up plays the film slower rather than catch up for ever.
            start = start.max(now.checked_sub(at + order.every).unwrap_or(start));
            if posts.is_closed_within((start + at).saturating_duration_since(now)) {
                return Ok(());
            }
            taken = runtime::now();
        }
        let mut picture = source.picture()?;
        // Before anybody copies it, or sends what the other end would refuse.
        PictureSize::check(picture.cols(), picture.rows())?;
        if picture.typ() != opencv::core::CV_8UC3 {
            return Err(CameraError::Colours);
        }
        if !picture.is_continuous() {
            picture = Mat::try_clone(&picture)?;
        }
        let frame = Said::Frame(Frame { picture, at, taken });
        let is_wanted = if is_whole {
            posts.put_after(frame)
        } else {
            posts.put(frame)
        };
        if !is_wanted {
            return Ok(());
        }
    }
}

fn write_all(posts: &Mailbox<Said>, mut output: impl Write) -> io::Result<()> {
    loop {
        match posts.take(TICK) {
            Taken::Message(Said::Frame(frame)) => {
                let bytes = frame.picture.data_bytes().map_err(io::Error::other)?;
                let side = |pixels| u32::try_from(pixels).unwrap_or(0);
                let head = Head::Picture {
                    width: side(frame.picture.cols()),
                    height: side(frame.picture.rows()),
                    at: frame.at,
                    taken: frame.taken,
                };
                output.write_all(&head.to_bytes())?;
                output.write_all(bytes)?;
                output.flush()?;
            }
            Taken::Message(Said::Failure(mut reason)) => {
                reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
                output.write_all(&Head::Failure(reason.len()).to_bytes())?;
                output.write_all(reason.as_bytes())?;
                return output.flush();
            }
            Taken::Nothing => {}
            Taken::Closed => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_a_second_of_seven_are_five() {
        let mut beat = Beat::new(Pace::per_second(5.0));
        let taken = (0..70)
            .filter(|frame| beat.is_due(Duration::from_secs_f64(f64::from(*frame) / 7.0)))
            .count();
        assert_eq!(taken, 50);
    }

    #[test]
    fn of_a_camera_that_gives_as_many_as_are_looked_at_none_is_left() {
        let mut beat = Beat::of_a_camera(Pace::per_second(5.0));
        let times = (0..50_u64).map(|number| number * 200 + [0, 15, 3, 20, 9][number as usize % 5]);
        assert!(times.map(Duration::from_millis).all(|at| beat.is_due(at)));
        // Three times as many are a third.
        let mut beat = Beat::of_a_camera(Pace::per_second(5.0));
        let taken = (0..150_u64).filter(|number| beat.is_due(Duration::from_millis(number * 1000 / 15)));
        assert_eq!(taken.count(), 50);
    }

    #[test]
    fn a_gap_is_not_caught_up() {
        let mut beat = Beat::new(Pace::per_second(5.0));
        assert!(beat.is_due(Duration::ZERO));
        assert!(beat.is_due(Duration::from_secs(60)));
        assert!(!beat.is_due(Duration::from_millis(60_100)));
        assert!(beat.is_due(Duration::from_millis(60_200)));
    }

    #[test]
    fn without_an_order_it_says_who_gives_them() {
        let error = run(&b"rtsp://office:secret@192.0.2.7\n"[..], io::sink()).expect_err("no order");
        assert!(error.to_string().contains("told by vision") && !error.to_string().contains("secret"));
    }
}
