//! The local socket on which the office's server asks for what setting up a camera takes ([`protocol::setup`]).
//!
//! Who may ask is the kernel's word: the socket lies in a folder that only the office's user may enter, and each connection's
//! peer is looked at. Invariant: whatever is asked ends by itself, at the latest after [`LONGEST_WATCH_S`].

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protocol::config::Config;
use protocol::ids::CameraId;
use protocol::setup::{Answer, Ask, Film, LONGEST_LINE, LONGEST_WATCH_S, Why};
use runtime::Shutdown;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::trial;
use super::window::Window;

/// As many may ask at once. Full: who comes then is hung up on.
const ASKING: usize = 16;
/// A question that takes longer to arrive is none.
const ARRIVES: Duration = Duration::from_secs(5);
/// A camera gives enough pictures for a still in this time, or gives none.
const STILL_COMES: Duration = Duration::from_secs(16);
/// Boxes are told no more often than this.
const BOXES_EVERY: Duration = Duration::from_millis(200);

struct Office {
    config: Arc<Config>,
    windows: BTreeMap<CameraId, Arc<Window>>,
    /// One film at a time.
    trials: Semaphore,
}

/// Answers until the shutdown.
pub async fn serve(config: Arc<Config>, windows: BTreeMap<CameraId, Arc<Window>>, shutdown: Shutdown) {
    let path = config.vision_socket();
    let listener = match listen(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("{}: cameras can't be set up in the browser: {error}", path.display());
            return;
        }
    };
    let office = Arc::new(Office {
        config,
        windows,
        trials: Semaphore::new(1),
    });
    let places = Arc::new(Semaphore::new(ASKING));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.started() => break,
        };
        let Ok((stream, _)) = accepted else {
            // No more files, for instance: others end.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let office = Arc::clone(&office);
        shutdown.spawn({
            let shutdown = shutdown.clone();
            async move {
                let _place = place;
                tokio::select! {
                    answered = answer(&office, stream) => if let Err(error) = answered {
                        tracing::debug!(%error, "who asked has gone");
                    },
                    () = shutdown.started() => {}
                }
            }
        });
    }
    let _ = fs::remove_file(&path);
}

/// Listens in a folder that only this user may enter.
fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    // One that another run has left.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    UnixListener::bind(path)
}

/// Whether a peer is this program's own user, or the machine's.
fn is_ours(stream: &UnixStream) -> io::Result<bool> {
    let uid = stream.peer_cred()?.uid();
    Ok(uid == 0 || uid == nix::unistd::geteuid().as_raw())
}

async fn answer(office: &Office, stream: UnixStream) -> io::Result<()> {
    if !is_ours(&stream)? {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let asker = stream.peer_cred()?.pid();
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    let mut limited = (&mut reader).take(LONGEST_LINE as u64);
    tokio::time::timeout(ARRIVES, limited.read_line(&mut line)).await??;
    let ask: Ask = serde_json::from_str(&line)?;
    tokio::select! {
        done = reply(office, ask, asker, &mut writer) => done,
        () = hung_up(&mut reader) => Ok(()),
    }
}

/// When the other side has gone, or says more than its question.
async fn hung_up(reader: &mut BufReader<OwnedReadHalf>) {
    let _ = reader.read_u8().await;
}

async fn say(writer: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

async fn reply(office: &Office, ask: Ask, asker: Option<i32>, writer: &mut OwnedWriteHalf) -> io::Result<()> {
    let answer = match ask {
        Ask::Picture { camera } => match still(office, &camera).await {
            Ok(still) => Answer::Picture(still),
            Err(why) => Answer::Refused { why },
        },
        Ask::Watch { camera, seconds } => match office.windows.get(&camera) {
            Some(window) => return show(window, seconds.min(LONGEST_WATCH_S), writer).await,
            None => Answer::Refused { why: Why::NoCamera },
        },
        Ask::Trial { camera, geometry, film } => match tried(office, &camera, geometry, &film, asker).await {
            Ok(counted) => Answer::Counted(counted),
            Err(why) => Answer::Refused { why },
        },
    };
    say(writer, &answer).await
}

async fn still(office: &Office, camera: &CameraId) -> Result<protocol::setup::Still, Why> {
    let window = office.windows.get(camera).ok_or(Why::NoCamera)?;
    let asked = window.ask()?;
    match tokio::time::timeout(STILL_COMES, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Err(Why::NoPicture),
    }
}

async fn show(window: &Window, seconds: u64, writer: &mut OwnedWriteHalf) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut boxes = window.watch();
    // A camera with a picture at any time would never let the time be up by itself.
    while Instant::now() < end
        && let Ok(Ok(())) = tokio::time::timeout_at(end, boxes.changed()).await
    {
        let newest = boxes.borrow_and_update().clone();
        if let Some(newest) = newest {
            say(writer, &Answer::Boxes(newest)).await?;
        }
        tokio::time::sleep(BOXES_EVERY).await;
    }
    Ok(())
}

async fn tried(
    office: &Office,
    camera: &CameraId,
    geometry: protocol::setup::Geometry,
    film: &Film,
    asker: Option<i32>,
) -> Result<protocol::setup::Counted, Why> {
    let camera = office.config.camera(camera).ok_or(Why::NoCamera)?;
    let film = match film {
        Film::Named(name) => trial::film_of(office.config.vision.films.as_deref(), name),
        Film::Held(descriptor) => trial::held_by(asker, *descriptor),
    };
    let film = film.ok_or(Why::NoFilm)?;
    let _one = office.trials.try_acquire().map_err(|_| Why::Busy)?;
    trial::run(&office.config, camera, geometry, film).await
}
