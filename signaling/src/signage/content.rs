//! GET /content/{sha256}: a content's bytes, or a part of them (RFC 9110 §14), for screens.

use std::io::SeekFrom;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::app::App;
use crate::problem::{Fault, Refusal};

/// Bytes read at a time.
const PIECE: u64 = 64 * 1024;

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// First and last byte.
    Range(u64, u64),
    /// Nothing of it is there.
    Unsatisfiable,
}

/// GET and HEAD /content/{sha256}
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    Path(sha256): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    super::screen_of(&app, &headers).await?;
    send(&app, &sha256, &headers).await
}

/// A content, or the part of it that is asked for, to whom may have it.
///
/// # Errors
/// [`Fault::NotFound`].
pub(crate) async fn send(app: &App, sha256: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
    let stored = app.library.find(sha256).ok_or(Fault::NotFound)?;
    let file = File::open(&stored.path).await.map_err(|_| Fault::NotFound)?;
    let metadata = file.metadata().await.map_err(|_| Fault::NotFound)?;
    if !stored.is_still(&metadata) {
        // Changed on the disk since it was hashed: the next manifest names it anew.
        return Err(Fault::NotFound.into());
    }
    let size = stored.content.size;
    let tag = format!("\"{sha256}\"");
    let range = headers.get(header::RANGE).filter(|_| {
        headers
            .get(header::IF_RANGE)
            .is_none_or(|it| it.as_bytes() == tag.as_bytes())
    });
    let part = range.map_or(Part::Whole, |range| part_of(range, size));
    let common = [
        (header::CONTENT_TYPE, stored.content.media_type.clone()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned()),
    ];
    match part {
        Part::Whole => {
            let length = [(header::CONTENT_LENGTH, size.to_string())];
            Ok((common, length, body(file, 0, size).await?).into_response())
        }
        Part::Range(first, last) => {
            let range = [
                (header::CONTENT_LENGTH, (last - first + 1).to_string()),
                (header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}")),
            ];
            let body = body(file, first, last - first + 1).await?;
            Ok((StatusCode::PARTIAL_CONTENT, common, range, body).into_response())
        }
        Part::Unsatisfiable => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response())
        }
    }
}

/// A single range; several, or what can't be understood, are the whole (RFC 9110 §14.2).
fn part_of(header: &HeaderValue, size: u64) -> Part {
    let Some((first, last)) = header
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("bytes="))
        .and_then(|text| text.split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(0) => Part::Unsatisfiable,
            Some(_) if size == 0 => Part::Unsatisfiable,
            Some(length) => Part::Range(size.saturating_sub(length), size - 1),
            None => Part::Whole,
        },
        (first, last) => match (number(first), number(last), last) {
            (Some(first), _, _) if first >= size => Part::Unsatisfiable,
            (Some(first), None, "") => Part::Range(first, size - 1),
            (Some(first), Some(last), _) if last >= first => Part::Range(first, last.min(size - 1)),
            _ => Part::Whole,
        },
    }
}

async fn body(mut file: File, first: u64, length: u64) -> Result<Body, Refusal> {
    if file.seek(SeekFrom::Start(first)).await.is_err() {
        return Err(Fault::Internal.into());
    }
    let pieces = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; usize::try_from(left.min(PIECE)).unwrap_or(0)];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        piece.truncate(read);
        Ok(Some((Bytes::from(piece), (file, left - read as u64))))
    });
    Ok(Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let of = |text: &str, size| part_of(&text.parse().expect("header"), size);
        assert_eq!(of("bytes=0-0", 10), Part::Range(0, 0));
        assert_eq!(of("bytes=2-", 10), Part::Range(2, 9));
        assert_eq!(of("bytes=2-99", 10), Part::Range(2, 9));
        assert_eq!(of("bytes=-3", 10), Part::Range(7, 9));
        assert_eq!(of("bytes=-30", 10), Part::Range(0, 9));
        assert_eq!(of("bytes=10-", 10), Part::Unsatisfiable);
        assert_eq!(of("bytes=-0", 10), Part::Unsatisfiable);
        assert_eq!(of("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(of("bytes=-5", 0), Part::Unsatisfiable);
        for whole in [
            "bytes=5-2",
            "bytes=a-b",
            "lines=1-2",
            "bytes=0-1,3-4",
            "bytes=",
            "bytes=-",
        ] {
            assert_eq!(of(whole, 10), Part::Whole, "{whole}");
        }
    }
}
