//! Each widget's picture against a stored one, by a [`judge`]; and contact sheets ([`sheet`]) of each widget in each language,
//! in a wide and an upright zone, with letters of 100 and 200 %.
//! `UPDATE_GOLDEN=1 cargo test -p signage-player --test golden` draws them anew.
#![allow(clippy::expect_used)]

mod common;

#[path = "golden/boards.rs"]
mod boards;
#[path = "golden/judge.rs"]
mod judge;
#[path = "golden/keys.rs"]
mod keys;
#[path = "golden/missed.rs"]
mod missed;
#[path = "golden/notices.rs"]
mod notices;
#[path = "golden/picture.rs"]
mod picture;
#[path = "golden/places.rs"]
mod places;
#[path = "golden/screens.rs"]
mod screens;
#[path = "golden/sheet.rs"]
mod sheet;
#[path = "golden/stand_in.rs"]
mod stand_in;
#[path = "golden/texts.rs"]
mod texts;
