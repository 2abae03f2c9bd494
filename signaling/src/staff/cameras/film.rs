//! A film that an admin brings, to try a camera's set-up on it: a recording of people.
//!
//! Invariants: it is taken only where the office has said so; it lies in memory (memfd_create(2)) and on no disk, so that it is
//! gone when it is let go of, and when this server ends in whatever way; it is held for the one trial that it was brought for, by
//! who brought it, and for `vision.film_held_for` at most; that it was brought is in the audit log before its first byte is
//! written, and that it was deleted afterwards.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use infer::MatcherType;
use protocol::setup::{Answer, Ask, Film, Geometry, LARGEST_FILM, Why};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use store::audit::{Event, What};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

use super::asked::{Asked, away};
use super::{look, said};
use crate::app::App;
use crate::limits::BODY;
use crate::problem::{Fault, Refusal};
use crate::vision;

/// Where a film is brought.
pub(super) const PATH: &str = "/staff/cameras/one/{id}/film";
/// By so many of its first bytes a film is known.
const HEAD: usize = 4096;
/// Memory that a film leaves to all else on this machine, in bytes.
const LEFT: u64 = 256 * 1024 * 1024;
/// While somebody tries another film, the worker is asked again so often.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Whether a film is brought to this path.
pub(crate) fn is_brought_to(path: &str) -> bool {
    let camera = path.strip_prefix("/staff/cameras/one/");
    camera.is_some_and(|camera| camera.strip_suffix("/film").is_some_and(|id| !id.contains('/')))
}

/// POST /staff/cameras/one/{id}/film: what is drawn, then the film. One line of JSON, when it is counted.
pub(super) async fn take(asked: Asked, headers: HeaderMap, mut form: Multipart) -> Result<Response, Refusal> {
    let app = Arc::clone(&asked.app);
    if !app.config.vision.film_uploads {
        return Err(Fault::NotFound.into());
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST_FILM + 2 * BODY as u64) {
        return Ok(refused(Why::TooLarge));
    }
    let largest = length.unwrap_or(LARGEST_FILM);
    let Ok(place) = Arc::clone(&app.films).try_acquire_owned() else {
        return Ok(refused(Why::Busy));
    };
    if !vision::is_there(&app.config).await {
        return Ok(away());
    }
    let geometry = look::sound(&asked, geometry_of(&mut form).await?).await?;
    let Ok(Some(mut field)) = form.next_field().await else {
        return Err(Fault::BadRequest.into());
    };
    let until = Instant::now() + app.config.vision.film_held_for;
    if !has_room(largest) {
        return Ok(refused(Why::NoSpace));
    }
    let mut held = match Held::begin(&asked, place).await? {
        Ok(held) => held,
        Err(error) => return Ok(refused(not_taken(&error))),
    };
    let taken = timeout_at(until, held.fill(&mut field)).await;
    if let Err(why) = taken.unwrap_or(Err(Why::TooLong)) {
        drop(held);
        pass_by(&mut field, until).await;
        return Ok(refused(why));
    }
    asked.write_down(asked.event(What::CameraTried)).await?;
    let ask = Ask::Trial {
        camera: asked.camera.id.clone(),
        geometry,
        film: held.film(),
    };
    Ok(look::later(async move {
        let answer = timeout_at(until, tried(&app, &ask)).await;
        drop(held);
        answer.unwrap_or(Answer::Refused { why: Why::TooLong })
    }))
}

fn refused(why: Why) -> Response {
    let status = match why {
        Why::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Why::Busy => StatusCode::CONFLICT,
        Why::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::BAD_REQUEST,
    };
    said(status, &Answer::Refused { why })
}

/// The form's first part: what is drawn, in JSON.
async fn geometry_of(form: &mut Multipart) -> Result<Geometry, Refusal> {
    let Ok(Some(mut field)) = form.next_field().await else {
        return Err(Fault::BadRequest.into());
    };
    let mut json = Vec::new();
    while let Ok(Some(piece)) = field.chunk().await {
        json.extend_from_slice(&piece);
        if json.len() > BODY {
            return Err(Fault::TooLarge.into());
        }
    }
    serde_json::from_slice(&json).map_err(|_| Fault::BadRequest.into())
}

/// Lets the rest of what is refused go by, so that the browser reads the answer.
async fn pass_by(field: &mut Field<'_>, until: Instant) {
    let mut bytes = 0;
    while bytes <= LARGEST_FILM
        && let Ok(Ok(Some(piece))) = timeout_at(until, field.chunk()).await
    {
        bytes += piece.len() as u64;
    }
}

/// What the worker says of it, when it has time for it.
async fn tried(app: &App, ask: &Ask) -> Answer {
    loop {
        let answer = match vision::ask(&app.config, ask).await {
            Ok(mut answers) => answers.next().await.ok().flatten(),
            Err(_) => None,
        };
        match answer {
            Some(Answer::Refused { why: Why::Busy }) => sleep(ASK_AGAIN).await,
            Some(answer) => return answer,
            None => return Answer::Refused { why: Why::CantCount },
        }
    }
}

fn not_taken(error: &io::Error) -> Why {
    tracing::error!(%error, "the memory for a film that was brought can't be had");
    Why::NoSpace
}

/// A file in memory, which no other user may open.
fn open() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("madoguchi-film", flags)?);
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Whether the machine has the memory for so many bytes, and some more. Where it doesn't say how much it has, it has.
fn has_room(bytes: u64) -> bool {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let Some(available) = available(&meminfo) else {
        return true;
    };
    let has_room = available >= bytes.saturating_add(LEFT);
    if !has_room {
        tracing::error!(
            available,
            bytes,
            "there is too little memory for a film that is brought"
        );
    }
    has_room
}

/// `MemAvailable` of /proc/meminfo (proc(5)), in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Whether a file that begins so is a film. Lists of other files, which a decoder would go and open, aren't.
fn is_film(head: &[u8]) -> bool {
    infer::get(head).is_some_and(|kind| kind.matcher_type() == MatcherType::Video)
}

/// A film that is held. Dropped, it is deleted, and the log told.
struct Held {
    app: Arc<App>,
    /// There until it is dropped.
    file: Option<tokio::fs::File>,
    descriptor: u32,
    deleted: Option<Event>,
    /// One film at a time: until it is deleted.
    place: Option<OwnedSemaphorePermit>,
}

impl Held {
    async fn begin(asked: &Asked, place: OwnedSemaphorePermit) -> Result<io::Result<Self>, Refusal> {
        asked.write_down(asked.event(What::CameraFilmBrought)).await?;
        let app = Arc::clone(&asked.app);
        Ok(open().map(|file| Self {
            // A descriptor is never negative.
            descriptor: u32::try_from(file.as_raw_fd()).unwrap_or_default(),
            file: Some(tokio::fs::File::from_std(file)),
            deleted: Some(asked.event(What::CameraFilmDeleted)),
            place: Some(place),
            app,
        }))
    }

    /// As the worker opens it.
    fn film(&self) -> Film {
        Film::Held(self.descriptor)
    }

    /// Takes the film in.
    async fn fill(&mut self, field: &mut Field<'_>) -> Result<(), Why> {
        let Some(file) = &mut self.file else {
            return Err(Why::NoSpace);
        };
        let (mut head, mut size) = (Vec::with_capacity(HEAD), 0);
        while let Some(piece) = field.chunk().await.map_err(|_| Why::BrokenOff)? {
            size += piece.len() as u64;
            if size > LARGEST_FILM {
                return Err(Why::TooLarge);
            }
            if head.len() < HEAD {
                head.extend_from_slice(&piece[..piece.len().min(HEAD - head.len())]);
                if head.len() == HEAD && !is_film(&head) {
                    return Err(Why::NotAFilm);
                }
            }
            file.write_all(&piece).await.map_err(|error| not_taken(&error))?;
        }
        if !is_film(&head) {
            return Err(Why::NotAFilm);
        }
        file.flush().await.map_err(|error| not_taken(&error))?;
        // It stays what was brought, whoever opens it.
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        fcntl_add_seals(file, seals).map_err(|error| not_taken(&error.into()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(file), Some(deleted)) = (self.file.take(), self.deleted.take()) else {
            return;
        };
        let (app, place) = (Arc::clone(&self.app), self.place.take());
        // Whoever brought it may have gone in the middle of it: what is being written then is waited for.
        self.app.shutdown.spawn(async move {
            drop(file.into_std().await);
            drop(place);
            crate::audit::write(&app, deleted).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_film_lies_in_memory_and_is_gone_with_its_holder() {
        let mut file = open().expect("opened");
        file.write_all(b"somebody").expect("written");
        // As the worker opens it.
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let place = std::fs::read_link(&path).expect("held").display().to_string();
        assert!(place.starts_with("/memfd:madoguchi-film"), "{place}");
        let mut bytes = String::new();
        File::open(&path)
            .expect("held")
            .read_to_string(&mut bytes)
            .expect("read");
        assert_eq!(bytes, "somebody");
        let mode = file.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "other users may not open it");
        drop(file);
        let is_gone = std::fs::read_link(&path).map_or(true, |now| now.display().to_string() != place);
        assert!(is_gone, "let go of");
    }

    #[test]
    fn memory_that_is_there_is_read_and_a_film_leaves_some() {
        let meminfo = "MemTotal:       16262088 kB\nMemFree:          493416 kB\nMemAvailable:   12031996 kB\n";
        assert_eq!(available(meminfo), Some(12_031_996 * 1024));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(!has_room(u64::MAX / 2), "no machine has so much");
    }

    #[test]
    fn films_are_known_and_lists_of_other_files_are_none() {
        let avi = b"RIFF\0\0\0\0AVI LIST".to_vec();
        let mp4 = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
        for film in [avi, mp4] {
            assert!(is_film(&film));
        }
        let list = b"#EXTM3U\n#EXTINF:1,\nhttp://192.0.2.7/\n";
        for other in [
            &list[..],
            b"ffconcat version 1.0\nfile '/etc/passwd'\n",
            b"\x89PNG\r\n\x1a\n....",
            b"",
        ] {
            assert!(!is_film(other), "{other:?}");
        }
    }

    #[test]
    fn only_where_films_are_brought_a_request_may_take_long() {
        assert!(is_brought_to("/staff/cameras/one/north/film"));
        for path in [
            "/staff/cameras/one/film",
            "/staff/cameras/one/a/b/film",
            "/staff/cameras/one/north/trial",
        ] {
            assert!(!is_brought_to(path), "{path}");
        }
    }
}
