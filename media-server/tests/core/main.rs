//! The core with clients of flesh and blood (str0m again, as a browser would be) on a simulated network: no
//! socket, no clock, seeded loss. Each file is named by what it promises.

#![allow(clippy::unwrap_used, missing_docs)]

mod client;
#[path = "../../fuzz/src/entries/mod.rs"]
mod entries;
mod sim;

mod a_late_joiner_starts_sane;
mod a_muted_track_forwards_nothing;
mod grants_are_enforced;
mod lips_and_voice_stay_together;
mod media_survives_loss;
mod mutated_input_harms_nobody;
mod real_encoders_are_understood;
mod signaling_may_die;
mod strangers_disturb_nobody;
mod who_leaves_is_gone;
