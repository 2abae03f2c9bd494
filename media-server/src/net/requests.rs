//! What signaling asks, as the room's worker understands it.
//!
//! Invariant: a token's grant is in a request only when the token was checked.

use protocol::control::RequestBody;
use protocol::grants::MediaGrant;
use protocol::problem::Problem;
use protocol::signal::{MAX_VIEWS, TrackView};

use crate::core::Request;

/// What a room's worker is asked; none: the node answers by itself. `granted` checks a token and gives what it grants.
///
/// # Errors
/// When a token isn't good, or something is out of bounds.
pub fn for_worker(
    body: RequestBody,
    granted: impl Fn(&str) -> Result<MediaGrant, Problem>,
) -> Result<Option<Request>, Problem> {
    Ok(Some(match body {
        RequestBody::Hello { .. } | RequestBody::Ping | RequestBody::Status | RequestBody::Drain { .. } => {
            return Ok(None);
        }
        RequestBody::Join { token, has_connections } => Request::Join {
            grant: granted(&token)?,
            has_connections,
        },
        RequestBody::Ingest { token, sdp } => Request::Ingest {
            grant: granted(&token)?,
            sdp,
        },
        RequestBody::Watch { token, sdp } => Request::Watch {
            grant: granted(&token)?,
            sdp,
        },
        RequestBody::Ice {
            room,
            participant,
            restart,
        } => Request::Ice {
            room,
            participant,
            restart,
        },
        RequestBody::Publish {
            room,
            participant,
            sdp,
            tracks,
        } => Request::Publish {
            room,
            participant,
            sdp,
            tracks,
        },
        RequestBody::Answer {
            room,
            participant,
            revision,
            sdp,
        } => Request::Answer {
            room,
            participant,
            revision,
            sdp,
        },
        RequestBody::View {
            room,
            participant,
            tracks,
        } => {
            check_views(&tracks)?;
            Request::View {
                room,
                participant,
                tracks,
            }
        }
        RequestBody::Restart { room, participant } => Request::Restart { room, participant },
        RequestBody::Mute {
            room,
            participant,
            source,
            muted,
        } => Request::Mute {
            room,
            participant,
            source,
            muted,
        },
        RequestBody::Leave { room, participant } => Request::Leave { room, participant },
        RequestBody::Kick { room, participant } => Request::Kick { room, participant },
        RequestBody::CloseRoom { room } => Request::CloseRoom { room },
    }))
}

fn check_views(tracks: &[TrackView]) -> Result<(), Problem> {
    if tracks.len() <= MAX_VIEWS {
        return Ok(());
    }
    Err(Problem::new(400, "too-many-views", "映像の数が多すぎます")
        .with_detail(format!(
            "tracks が {} 件あります。{MAX_VIEWS} 件以下にしてください。",
            tracks.len()
        ))
        .with_field("tracks"))
}
