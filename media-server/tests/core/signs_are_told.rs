//! Who speaks and how well connections work is told to everybody, once, whenever it changes.

use std::time::Duration;

use protocol::control::AnswerBody;
use protocol::grants::MediaSource::{Camera, Microphone};
use protocol::signal::Quality;

use crate::sim::World;

fn speakers(world: &World, to: &str) -> Vec<Vec<String>> {
    let told = world.events().filter_map(|it| match it {
        AnswerBody::Speakers {
            participant, speakers, ..
        } if participant.as_str() == to => Some(speakers.iter().map(ToString::to_string).collect()),
        _ => None,
    });
    told.collect()
}

fn qualities(world: &World, to: &str, of: &str) -> Vec<Quality> {
    let told = world.events().filter_map(|it| match it {
        AnswerBody::ConnectionQuality {
            participant,
            who,
            quality,
            ..
        } if participant.as_str() == to && who.as_str() == of => Some(*quality),
        _ => None,
    });
    told.collect()
}

#[test]
fn who_speaks_is_told_to_all_and_silence_too() {
    let mut world = World::new(1);
    world.enter("aoi", &[Microphone]);
    world.enter("ren", &[Camera]);
    world.run(Duration::from_secs(3));
    for to in ["aoi", "ren"] {
        assert_eq!(speakers(&world, to), [["aoi"]]);
    }
    world.client("aoi").encoders[0].is_running = false;
    world.run(Duration::from_secs(3));
    let nobody: Vec<String> = Vec::new();
    assert_eq!(speakers(&world, "ren").last(), Some(&nobody));
}

#[test]
fn a_lost_connection_is_told_as_lost_and_not_as_a_leave_and_so_is_its_return() {
    let mut world = World::new(2);
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[Camera, Microphone]);
    world.run(Duration::from_secs(5));
    assert_eq!(qualities(&world, "aoi", "ren"), [Quality::Excellent]);
    world.toward("ren").is_cut = true;
    world.from("ren").is_cut = true;
    world.run(Duration::from_secs(6));
    assert_eq!(qualities(&world, "aoi", "ren").last(), Some(&Quality::Lost));
    assert!(
        !world.events().any(|it| matches!(it, AnswerBody::Left { .. })),
        "it may come back"
    );
    world.toward("ren").is_cut = false;
    world.from("ren").is_cut = false;
    world.run(Duration::from_secs(8));
    let told = qualities(&world, "aoi", "ren");
    assert!(told.len() >= 3 && told.last() > Some(&Quality::Lost), "{told:?}");
}

#[test]
fn loss_is_told_in_words_that_do_not_flicker() {
    let mut world = World::new(3);
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[Microphone]);
    world.run(Duration::from_secs(4));
    world.toward("ren").loss = 0.25;
    world.run(Duration::from_secs(10));
    world.toward("ren").loss = 0.0;
    world.run(Duration::from_secs(25));
    let told = qualities(&world, "aoi", "ren");
    assert!(told.contains(&Quality::Poor), "{told:?}");
    assert_eq!(told.last(), Some(&Quality::Excellent), "{told:?}");
    assert!(told.len() <= 6, "{told:?}");
}
