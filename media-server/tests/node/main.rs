//! A running node: real sockets, the control WebSocket, and peers of another make (the `webrtc` crate).

#![allow(clippy::unwrap_used, missing_docs)]

mod callers;
#[allow(dead_code, reason = "the core's tests look at more of it")]
#[path = "../core/camera.rs"]
mod camera;
mod client;
mod office;
mod peers;
mod redis;
mod tcp_peer;

mod a_call_bears_a_bad_network;
mod a_kicked_participant_stays_out;
mod bad_input_disturbs_nobody;
mod data_passes_between_peers_of_another_make;
mod it_drains_and_ends;
mod it_runs_without_redis_and_registers_when_it_comes;
mod only_signaling_may_speak_to_it;
mod several_workers_share_the_rooms;
mod two_peers_of_another_make_talk;
mod who_has_only_tcp_talks_too;
