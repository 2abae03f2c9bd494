//! The program before the camera that a screen's player shares, a real Redis behind it: its pictures are counted, what happens
//! to the player is named and survived, and the area is unknown meanwhile.

mod office;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use frames::socket::Listener;
use frames::{End, Format, Picture, Writer, writer};
use protocol::congestion::{AreaState, CameraReport, CameraStatus, Level};
use protocol::ids::{CameraId, ScreenId};
use protocol::setup::{Answer, Ask};
use test_camera::{Painter, View};
use test_trace::Budget;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use office::{LIMIT, Office, TEXT, look_again};

const SIZE: [usize; 2] = [320, 240];

/// From one picture to the next.
const EVERY: Duration = Duration::from_millis(100);

/// An office that counts with the camera of its screen, and gives it up after three seconds.
async fn office() -> Office {
    let heights = "person_heights = [[0.3, 0.3], [0.9, 0.4]]";
    assert!(TEXT.contains(heights));
    let text = TEXT
        .replace(heights, "person_heights = [[0.4, 0.2], [0.9, 0.4]]\nwatchdog = \"3s\"")
        .replace("SOURCE", "screen:lobby");
    let screen = "[[screen]]\nid = \"lobby\"\nname = { ja = \"ロビー\" }\nlayout = \"lobby.json\"\n\
                  camera = { source = \"/dev/video0\" }\n";
    let mut office = Office::with(&format!("{text}{screen}")).await;
    office.allowed.players.push(format!("@{}", name(&office)).into());
    office.start_vision();
    office
}

/// Where the screen's player shares its camera.
fn name(office: &Office) -> String {
    let screen = ScreenId::new("lobby").expect("valid");
    frames::name_of(&office.config.screen_home(&screen)).expect("a name")
}

/// What a screen's player does with its camera: one person walks before it. It ends when it is dropped.
struct Player {
    is_over: Arc<AtomicBool>,
    /// Holds its pictures back.
    is_mute: Arc<AtomicBool>,
    /// So long ago it says that it had each picture, in milliseconds.
    age_ms: Arc<AtomicU64>,
    sharing: Option<JoinHandle<()>>,
}

impl Player {
    fn start(office: &Office) -> Self {
        let listener = Listener::bind(&name(office)).expect("bound");
        let (is_over, is_mute, age_ms) = <(Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let (over, mute, age) = (Arc::clone(&is_over), Arc::clone(&is_mute), Arc::clone(&age_ms));
        let sharing = std::thread::spawn(move || {
            let (mut readers, mut painter, begun) = (Vec::<Writer>::new(), Painter::default(), Instant::now());
            let view = View {
                size: SIZE,
                ..View::default()
            };
            while !over.load(Ordering::Relaxed) {
                if let Some(socket) = listener.accept(EVERY).expect("waited") {
                    readers.push(Writer::new(socket, SIZE[0] * SIZE[1] * 3).expect("a writer"));
                }
                if mute.load(Ordering::Relaxed) {
                    continue;
                }
                let at = begun.elapsed();
                let bytes = painter.draw(&view, at.as_secs_f64());
                let picture = Picture {
                    format: Format::Bgr,
                    width: SIZE[0] as u32,
                    height: SIZE[1] as u32,
                    at,
                    taken_ms: runtime::now().0 - age.load(Ordering::Relaxed),
                };
                readers.retain_mut(|reader| match reader.put(&picture, &bytes, SIZE[0] * 3) {
                    Ok(()) => true,
                    Err(End::Gone) => false,
                    Err(error) => panic!("{error}"),
                });
            }
        });
        Self {
            is_over,
            is_mute,
            age_ms,
            sharing: Some(sharing),
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(sharing) = self.sharing.take() {
            let ended = sharing.join();
            assert!(ended.is_ok() || std::thread::panicking(), "it has failed");
        }
    }
}

fn counts(people: u32) -> impl Fn(&AreaState) -> bool {
    move |state| state.count == Some(people)
}

fn is_unknown(state: &AreaState) -> bool {
    state.version > 0 && state.count.is_none() && state.level == Level::Unknown
}

fn is(status: CameraStatus) -> impl Fn(&CameraReport) -> bool {
    move |report| report.status == status
}

async fn wait_for_words(office: &Office, words: &str) {
    let end = Instant::now() + LIMIT;
    while !office.log().contains(words) {
        assert!(Instant::now() < end, "{words}: {}", office.log());
        look_again().await;
    }
}

#[tokio::test]
async fn people_before_a_screen_are_counted_and_a_player_that_comes_late_or_goes_is_named_and_found_again() {
    let office = office().await;
    wait_for_words(&office, "the player of screen lobby isn't running on this machine").await;
    office.wait_for_report("lost", is(CameraStatus::Lost)).await;
    assert!(office.log().contains("[screen.camera]"), "{}", office.log());

    let player = Player::start(&office);
    office.wait_for("one person", counts(1)).await;

    drop(player);
    office.wait_for("unknown", is_unknown).await;
    wait_for_words(&office, "the player of screen lobby has ended").await;
    let _player = Player::start(&office);
    office.wait_for("counted again", counts(1)).await;
}

#[tokio::test]
async fn a_count_is_as_old_as_the_picture_that_the_player_had() {
    let office = office().await;
    let player = Player::start(&office);
    office.wait_for("one person", counts(1)).await;
    player.age_ms.store(7_000, Ordering::Relaxed);
    let is_old = |state: &AreaState| {
        let now = runtime::now().0;
        state.count.is_some() && state.observed_at.is_some_and(|at| now - at.0 >= 7_000)
    };
    office.wait_for("a count of seven seconds ago", is_old).await;
}

#[tokio::test]
async fn a_player_that_gives_nothing_is_left_and_what_it_says_is_in_the_log() {
    let office = office().await;
    let player = Player::start(&office);
    office.wait_for("one person", counts(1)).await;
    player.is_mute.store(true, Ordering::Relaxed);
    office.wait_for("unknown", is_unknown).await;
    wait_for_words(&office, "it gave no picture for 3s").await;
    player.is_mute.store(false, Ordering::Relaxed);
    office.wait_for("counted again", counts(1)).await;
    drop(player);
    office.wait_for("unknown", is_unknown).await;

    let screen = ScreenId::new("lobby").expect("valid");
    let name = frames::name_of(&office.config.screen_home(&screen)).expect("a name");
    let listener = Listener::bind(&name).expect("bound");
    let socket = listener.accept(LIMIT);
    let socket = socket.expect("waited").expect("it comes again");
    writer::give_up(&socket, "Cannot identify device '/dev/video0'.").expect("said");
    wait_for_words(
        &office,
        "the player of screen lobby: Cannot identify device '/dev/video0'.",
    )
    .await;
}

#[tokio::test]
async fn it_is_set_up_in_the_browser_as_other_cameras_are() {
    let mut office = office().await;
    office.allow_answers(Budget::once(16_000), Some([64, 48]));
    let _player = Player::start(&office);
    office.wait_for("one person", counts(1)).await;
    let camera = CameraId::new("north").expect("valid");
    let stream = UnixStream::connect(office.config.vision_socket())
        .await
        .expect("it listens");
    let (reader, mut writer) = stream.into_split();
    let ask = serde_json::to_string(&Ask::Picture { camera }).expect("json");
    writer.write_all(format!("{ask}\n").as_bytes()).await.expect("asked");
    let line = tokio::time::timeout(LIMIT, BufReader::new(reader).lines().next_line()).await;
    let line = line.expect("in time").expect("heard").expect("an answer");
    match serde_json::from_str(&line).expect("an answer") {
        Answer::Picture(still) => {
            assert_eq!(still.of, [320, 240]);
            assert!(still.height <= 48, "{}", still.height);
        }
        other => panic!("{other:?}"),
    }
}
