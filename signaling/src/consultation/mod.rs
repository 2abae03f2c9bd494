//! Remote consultations (遠隔相談): `model` what they look like to whom, `access` who of the staff may see and change them,
//! `rules` what may happen to them,
//! `service` the same in the store, `routes` links and their pages.

pub(crate) mod access;
pub(crate) mod model;
mod routes;
pub(crate) mod rules;
pub(crate) mod service;

pub(crate) use routes::{routes, unknown_link};
