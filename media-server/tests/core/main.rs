//! The core with clients of flesh and blood (str0m again, as a browser would be) on a simulated network: no
//! socket, no clock, seeded loss. Each file is named by what it promises.

#![allow(clippy::unwrap_used, missing_docs)]

mod camera;
mod chat;
mod client;
#[path = "../../fuzz/src/entries/mod.rs"]
mod entries;
mod network;
mod sim;
mod svc_camera;

mod a_big_room_spills;
mod a_call_goes_on_through_loss;
mod a_late_joiner_starts_sane;
mod a_layer_that_stops_is_left;
mod a_muted_track_forwards_nothing;
mod a_narrow_link_keeps_the_voice;
mod a_slow_receiver_holds_nobody_up;
mod another_network_is_measured_anew;
mod another_network_is_taken;
mod callers_bring_and_watch;
mod codecs_follow_the_rooms_encryption;
mod drained_takes_no_new_rooms;
mod frame_rates_are_steps_too;
mod grants_are_enforced;
mod layers_follow_what_is_shown;
mod lips_and_voice_stay_together;
mod media_survives_loss;
mod messages_reach_the_others;
mod messages_survive_loss;
mod mutated_input_harms_nobody;
mod real_encoders_are_understood;
mod signaling_may_die;
mod signs_are_told;
mod strangers_disturb_nobody;
mod svc_layers_are_chosen;
mod who_has_only_tcp_takes_part;
mod who_is_kicked_stays_out;
mod who_leaves_is_gone;
