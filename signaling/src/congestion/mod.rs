//! How crowded the office is, for everybody: page, stream, API. `feed` holds what is known, `routes` tell it.

mod feed;
mod model;
mod routes;

pub(crate) use feed::{Feed, follow};
pub(crate) use routes::{page_routes, stream_routes};
