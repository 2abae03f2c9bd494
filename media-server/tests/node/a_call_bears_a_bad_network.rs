//! A call over real sockets through a network that loses, delays, reorders and narrows. What is judged is what came, not
//! when: the machine has its own delays.

use std::net::SocketAddr;
use std::time::Duration;

use impair::{Direction, Plan, Proxy, settings};

use crate::callers::{self, Publisher, Seen, Watcher, until};
use crate::camera::{Frame, Layer};
use crate::office::{Office, Signaling};

/// Pictures of which a figure is made: five seconds of them.
const PICTURES: usize = 150;
/// How often a figure is made until it is good. A machine that stops for a second loses more than the network that is
/// tested; a fault of ours would be in every one.
const TRIES: usize = 8;
/// How long anything may take before the test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Ticks of the RTP clock from one picture to the next, about.
const PICTURE_TICKS: u32 = 33 * 90;

/// One who publishes, one who watches, each behind a network of their own.
struct Call {
    office: Office,
    _signaling: Signaling,
    of_aoi: Proxy,
    of_ren: Proxy,
    aoi: Publisher,
    ren: Watcher,
}

fn three_layers() -> Vec<Layer> {
    vec![
        Layer::new(Some("q"), 180, 150_000),
        Layer::new(Some("h"), 360, 400_000),
        Layer::new(Some("f"), 720, 900_000),
    ]
}

async fn network(office: &Office, seed: u64, text: &str) -> Proxy {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let plan = Plan {
        seed,
        up: settings(text).unwrap(),
        down: settings(text).unwrap(),
        steps: Vec::new(),
    };
    Proxy::open(any, office.udp, plan).await.unwrap()
}

impl Call {
    /// A call that has run for a moment, over networks that do this, both ways.
    async fn begin(layers: Vec<Layer>, text: &str) -> Self {
        let office = Office::open().await;
        let signaling = office.signaling().await;
        let (of_aoi, of_ren) = (network(&office, 1, text).await, network(&office, 2, text).await);
        let way = ("aoi", of_aoi.address());
        let aoi = callers::publish(&office, &signaling, way, layers).await;
        let ren = callers::watch(&office, &signaling, "ren", of_ren.address()).await;
        until("pictures", || ren.seen().decoder.frames.len() > 60).await;
        Self {
            office,
            _signaling: signaling,
            of_aoi,
            of_ren,
            aoi,
            ren,
        }
    }

    /// Both networks do this from now on, both ways.
    async fn spoil(&self, text: &str) {
        for network in [&self.of_aoi, &self.of_ren] {
            for direction in [Direction::Up, Direction::Down] {
                network.set(direction, settings(text).unwrap()).await;
            }
        }
    }

    /// Waits until the condition holds; says how things are when it never does.
    async fn until(&self, what: &str, mut holds: impl FnMut(&Seen) -> bool) {
        let waiting = until(what, || holds(&self.ren.seen()));
        if tokio::time::timeout(LIMIT, waiting).await.is_err() {
            panic!("waited too long for: {what}; {}", self.state().await);
        }
    }

    /// How things are, for the words of a failed test.
    async fn state(&self) -> String {
        let (of_aoi, of_ren) = (self.of_aoi.report().await, self.of_ren.report().await);
        let resent = self.metric("media_packets_resent_total{direction=\"out\"}").await;
        let asked = self.aoi.sent().key_frames_asked;
        let seen = self.ren.seen();
        let frames = &seen.decoder.frames;
        let last = frames.last().map(|it| (it.height, it.at.elapsed()));
        format!(
            "{} pictures, the last {last:?} ago; {} times asked for a key frame, {asked} reached the publisher; {} of the \
             voice, the most missing in a row {}; {resent} sent again; held back: {:?}; the publisher's network {of_aoi:?}, the watcher's {of_ren:?}",
            frames.len(),
            seen.decoder.asked.len(),
            seen.voices.len(),
            seen.most_missing(),
            seen.paused
        )
    }

    async fn metric(&self, name: &str) -> u64 {
        self.office.metric(name).await
    }

    /// Waits for five seconds of which this holds.
    async fn eventually(&self, what: &str, holds: impl Fn(&Came) -> bool) {
        for _ in 0..TRIES {
            let came = self.measure().await;
            let Came { shown, heard, frozen } = came;
            println!("{what}: {shown:.3} shown, {heard:.3} heard, {frozen:.3} of the time frozen");
            if holds(&came) {
                return;
            }
        }
        panic!("{what}: never in {TRIES} times five seconds");
    }

    /// What comes of the next pictures.
    async fn measure(&self) -> Came {
        let (first, heard) = {
            let seen = self.ren.seen();
            (seen.decoder.frames.len(), seen.voices.len())
        };
        self.until("pictures", |seen| seen.decoder.frames.len() > first + PICTURES)
            .await;
        let state = self.state().await;
        let seen = self.ren.seen();
        assert!(seen.decoder.faults.is_empty(), "{:?}; {state}", seen.decoder.faults);
        let pictures = &seen.decoder.frames[first..];
        let mut numbers = seen.voices.keys().skip(heard);
        let (begin, end) = (numbers.next().unwrap(), numbers.next_back().unwrap());
        let (from, to) = (pictures[0].at, pictures[pictures.len() - 1].at);
        Came {
            shown: share_shown(pictures),
            heard: seen.voices.range(begin..=end).count() as f64 / f64::from(end - begin + 1),
            frozen: seen.decoder.frozen(from, to).as_secs_f64() / (to - from).as_secs_f64(),
        }
    }

    async fn close(self, name: &str) {
        println!("{name}: {}", self.state().await);
        drop((self.aoi, self.ren));
        self.office.close().await;
    }
}

/// What came of a while.
struct Came {
    /// The share of the pictures that were taken which were shown.
    shown: f64,
    /// The share of the voice's packets that came.
    heard: f64,
    /// The share of time in which the picture stood, on this machine.
    frozen: f64,
}

fn share_shown(pictures: &[Frame]) -> f64 {
    let ticks = pictures[pictures.len() - 1].time.wrapping_sub(pictures[0].time);
    let taken = f64::from(ticks) / f64::from(PICTURE_TICKS) + 1.0;
    pictures.len() as f64 / taken
}

#[tokio::test(flavor = "multi_thread")]
async fn five_percent_loss_each_way_costs_next_to_nothing() {
    let call = Call::begin(three_layers(), "delay=20ms").await;
    call.spoil("loss=5%").await;
    // Nobody asks for a voice again on its way to the server, where one packet in twenty is lost.
    call.eventually("five percent", |came| came.shown > 0.98 && came.heard > 0.9)
        .await;
    let lost = call.of_ren.report().await.down.lost;
    assert!(lost > 20, "the network did lose: {lost}");
    assert!(call.metric("media_packets_resent_total{direction=\"out\"}").await >= lost / 2);
    call.close("five percent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bursts_of_loss_are_repaired() {
    let call = Call::begin(three_layers(), "delay=20ms").await;
    call.spoil("burst=0.3%/20%").await;
    call.eventually("bursts", |came| came.shown > 0.97 && came.heard > 0.95)
        .await;
    assert!(call.of_ren.report().await.down.lost > 0);
    call.close("bursts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reordering_and_copies_are_no_loss() {
    let call = Call::begin(three_layers(), "delay=10ms").await;
    let asked = call.aoi.sent().key_frames_asked;
    call.spoil("late=10%/20ms copies=2%").await;
    call.eventually("reordered", |came| came.shown > 0.99 && came.heard > 0.99)
        .await;
    // No storm: neither of key frames, nor of requests for what comes a moment later.
    let asked = call.aoi.sent().key_frames_asked - asked;
    let (late, nacks) = (
        call.of_ren.report().await.down.late,
        call.metric("media_nacks_total{direction=\"in\"}").await,
    );
    println!("reordered: {asked} key frames, {nacks} asked for again, {late} were late");
    assert!(asked <= 3 * TRIES, "{asked} key frames");
    assert!(late > 20 && nacks <= 3 * late, "{nacks} of {late}");
    call.close("reordered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_way_is_only_long() {
    let call = Call::begin(three_layers(), "delay=200ms").await;
    call.eventually("a long way", |came| came.shown > 0.99 && came.heard > 0.99)
        .await;
    call.close("a long way").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_narrows_keeps_the_voice_and_gets_its_picture_back() {
    let call = Call::begin(three_layers(), "delay=20ms").await;
    let down = |text: &'static str| call.of_ren.set(Direction::Down, settings(text).unwrap());
    down("rate=2M queue=200ms").await;
    let is_shown = |seen: &Seen, height| seen.decoder.frames.last().is_some_and(|it| it.height == height);
    call.until("the largest picture", |seen| is_shown(seen, 720)).await;

    down("rate=300k").await;
    call.until("a smaller picture, or words that it is held back", |seen| {
        seen.paused.last() == Some(&true) || is_shown(seen, 180)
    })
    .await;
    call.until("the small picture in motion", |seen| {
        let frames = &seen.decoder.frames;
        frames.len() > 30 && frames[frames.len() - 30..].iter().all(|it| it.height == 180)
    })
    .await;
    call.voice_flows("narrow").await;

    down("rate=2M").await;
    call.until("the largest picture again", |seen| {
        is_shown(seen, 720) && seen.paused.last() != Some(&true)
    })
    .await;
    assert!(call.ren.seen().decoder.faults.is_empty());
    call.assert_no_long_silence().await;
    call.close("narrow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_one_size_that_does_not_fit_is_held_back_and_comes_back() {
    let call = Call::begin(vec![Layer::new(None, 720, 1_000_000)], "delay=20ms").await;
    let down = |text: &'static str| call.of_ren.set(Direction::Down, settings(text).unwrap());
    down("rate=2M queue=200ms").await;
    down("rate=300k").await;
    call.until("words that it is held back", |seen| seen.paused.last() == Some(&true))
        .await;
    call.voice_flows("held back").await;
    let shown = call.ren.seen().decoder.frames.len();
    down("rate=2M").await;
    call.until("words that it is back", |seen| seen.paused.last() == Some(&false))
        .await;
    call.until("the picture", |seen| seen.decoder.frames.len() > shown + 30)
        .await;
    call.assert_no_long_silence().await;
    call.close("held back").await;
}

impl Call {
    /// Half a second at most: a machine that stops sends all at once then, and the queue is full.
    async fn assert_no_long_silence(&self) {
        let missing = self.ren.seen().most_missing();
        assert!(missing <= 25, "{missing} packets in a row; {}", self.state().await);
    }

    /// Waits for four seconds of which the voice came.
    async fn voice_flows(&self, what: &str) {
        let last = |seen: &Seen| seen.voices.last_key_value().map_or(0, |(number, _)| *number);
        for _ in 0..TRIES {
            let begin = last(&self.ren.seen());
            self.until("four seconds of the voice", |seen| last(seen) > begin + 200)
                .await;
            let seen = self.ren.seen();
            let end = last(&seen);
            let share = seen.voices.range(begin + 1..=end).count() as f64 / f64::from(end - begin);
            println!("{what}: {share} of the voice came");
            if share > 0.98 {
                return;
            }
        }
        panic!("{what}: the voice never flows");
    }
}
