//! Remote consultations (遠隔相談): `model` what they look like to whom, `access` who of the staff may see and change them,
//! `rules` what may happen to them, `people` who sits in one and may be in its room, `acts` what those may do there, `wait`
//! how long a wait will be, `service` the same in the store, `routes` links and their pages.

pub(crate) mod access;
pub(crate) mod acts;
pub(crate) mod model;
pub(crate) mod people;
mod routes;
pub(crate) mod rules;
pub(crate) mod service;
mod trail;
pub(crate) mod wait;

pub(crate) use routes::{routes, unknown_link};
