//! One camera at work: a process that reads it, and a thread on which a [`Counter`] turns what it gives into readings.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use protocol::config::{Config, SoundCamera};

use crate::camera::address::{Address, AddressError};
use crate::camera::capture::Pace;
use crate::camera::mailbox::{Mailbox, Taken};
use crate::camera::supervise::{self, Plan, Post, Retry};
use crate::camera::wire::Order;
use crate::counter::{Counter, Reading};

/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);

/// How a camera is to be read by `program`'s task `capture`. `source`: the camera's, with its password; `config`: where screens
/// have their folders.
///
/// # Errors
/// [`AddressError`] naming the field.
pub fn plan_for(camera: &SoundCamera, source: String, config: &Config, program: &Path) -> Result<Plan, AddressError> {
    let every = Pace::per_second(camera.frames_per_second).every;
    let address = Address::new(&source)?;
    let screen_home = match &address {
        Address::Screen(screen) => Some(config.screen_home(screen)),
        _ => None,
    };
    Ok(Plan {
        program: program.to_owned(),
        camera: camera.id.to_string(),
        is_live: address.is_live(),
        order: Order {
            source,
            screen_home,
            film_speed: camera.film_frames_per_second,
            every,
            is_at_full_speed: camera.full_speed,
            parent: nix::unistd::getpid().as_raw(),
        },
        limit: camera.watchdog.max(every * 3),
        retry: Retry::default(),
    })
}

/// One place for what is to be taken next. Full: the newer one takes it, for whoever sets a camera up twice means the second.
#[derive(Debug)]
struct Newest<T>(Arc<Mutex<Option<T>>>);

impl<T> Newest<T> {
    fn put(&self, new: T) {
        let older = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(new);
        // A detector may take its time to go; nobody waits for the lock meanwhile.
        drop(older);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A camera at work.
#[derive(Debug)]
pub struct Worker {
    posts: Mailbox<Post>,
    counting: JoinHandle<()>,
    next: Newest<Counter>,
}

impl Worker {
    /// Starts reading and counting. Readings go to `tell`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(plan: Plan, mut counter: Counter, tell: impl Fn(Reading) + Send + 'static) -> std::io::Result<Self> {
        let posts = Mailbox::default();
        supervise::start(plan, posts.clone())?;
        let next = Newest::<Counter>(Arc::default());
        let (inbox, coming) = (posts.clone(), Newest(Arc::clone(&next.0)));
        let span = tracing::Span::current();
        let counting = thread::Builder::new().name("count".to_owned()).spawn(move || {
            let _inside = span.enter();
            loop {
                let taken = inbox.take(TICK);
                let is_last = matches!(taken, Taken::Closed);
                if let Some(newest) = coming.take() {
                    counter = newest.instead_of(&counter);
                }
                if let Some(reading) = counter.take(taken, Instant::now(), runtime::now()) {
                    tell(reading);
                }
                if is_last {
                    return;
                }
            }
        })?;
        Ok(Self { posts, counting, next })
    }

    /// Whether it counts no more, though nobody has stopped it: a bug.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.counting.is_finished()
    }

    /// Counts on with this, while the camera is read on: it is set up differently from now on.
    pub fn exchange(&self, counter: Counter) {
        self.next.put(counter);
    }

    /// Stops; the last reading has no count, because nobody looks any more.
    pub fn stop(&self) {
        self.posts.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_set_ups_that_nobody_has_taken_yet_the_newest_is_taken_once() {
        let next = Newest(Arc::default());
        assert_eq!(next.take(), None);
        let first = Arc::new(1);
        next.put(Arc::clone(&first));
        next.put(Arc::new(2));
        assert_eq!(Arc::strong_count(&first), 1, "an older one isn't kept");
        assert_eq!((next.take().as_deref(), next.take()), (Some(&2), None));
    }
}
