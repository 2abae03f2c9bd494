//! Data messages reach those whom they are for, who learn from the node whom they are from; what isn't allowed is refused
//! and its sender is told why.

use std::time::Duration;

use media_server::core::DataDrop;
use protocol::data::{DataAnswer, DataMessage, MAX_BODY};
use protocol::grants::DataGrant::{self, Receive, ToAll, ToStaff};
use protocol::grants::MediaSource::{Camera, Microphone};
use protocol::grants::RoomRole;
use protocol::ids::ParticipantId;
use str0m::channel::{ChannelConfig, Reliability};

use crate::sim::{MS, World};

fn three(seed: u64) -> World {
    let mut world = World::new(seed);
    world.enter_talking("aoi", &[Camera, Microphone], ToAll);
    world.enter_talking("ren", &[Microphone], ToAll);
    world.enter_talking("yui", &[], ToAll);
    world.run_until_talking(&["aoi", "ren", "yui"]);
    world
}

#[test]
fn a_message_reaches_all_others_or_one_and_says_whom_it_is_from() {
    let mut world = three(1);
    let to_all = world.say("aoi", "mine", None, "こんにちは".as_bytes());
    let to_one = world.say("yui", "lossy", Some("ren"), b"psst");
    world.run(Duration::from_millis(300));
    let ren: Vec<_> = world.chat("ren").heard.iter().collect();
    assert_eq!(ren.len(), 2, "{ren:?}");
    let from = |name: &str| *ren.iter().find(|it| it.from == name).expect("heard");
    let (public, private) = (from("aoi"), from("yui"));
    assert_eq!(
        (public.number, public.is_private, public.channel.as_str()),
        (to_all, false, "reliable")
    );
    assert_eq!(public.body, "こんにちは".as_bytes());
    assert_eq!(
        (private.number, private.is_private, private.channel.as_str()),
        (to_one, true, "lossy")
    );
    assert_eq!(world.chat("yui").numbers(), [to_all]);
    assert!(world.chat("aoi").heard.is_empty(), "nobody hears oneself");
    assert_eq!(world.chat("aoi").taken(), [to_all]);
    assert!(
        world.chat("yui").answers.is_empty(),
        "nothing is said about a lossy one"
    );
    let data = world.sfu.counters().data;
    assert_eq!((data.messages_in, data.messages_out), (2, 3));
    // The media went on meanwhile.
    assert!(world.client("ren").got("aoi", Camera).assert_whole() > 0);
}

#[test]
fn a_sender_can_not_say_who_it_is() {
    let mut world = three(2);
    // What is the receiver's name on the way to the node is never the sender's on the way out.
    let forged = DataMessage {
        number: 9,
        peer: Some(ParticipantId::new("ren").unwrap()),
        is_private: false,
        body: b"aoi:",
    };
    assert!(world.write("yui", "mine", true, &forged.write()));
    world.run(Duration::from_millis(300));
    assert_eq!(world.chat("ren").heard.len(), 1);
    assert_eq!(world.chat("ren").heard[0].from, "yui");
    assert!(world.chat("aoi").heard.is_empty());
}

#[test]
fn what_is_too_large_unreadable_or_for_nobody_is_refused_by_its_number() {
    let mut world = three(3);
    let largest = world.say("aoi", "mine", None, &vec![1; MAX_BODY]);
    let too_large = world.say("aoi", "mine", None, &vec![1; MAX_BODY + 1]);
    let to_nobody = world.say("aoi", "mine", Some("nobody"), b"x");
    let to_oneself = world.say("aoi", "mine", Some("aoi"), b"x");
    assert!(world.write("aoi", "mine", true, b"\x02\0\0\0\0\0\0"));
    assert!(world.write("aoi", "mine", true, b"\x01\x08\0\0\0\x63\0"));
    assert!(world.write("aoi", "mine", false, b"hello"));
    world.run(Duration::from_millis(500));
    assert_eq!(world.chat("aoi").taken(), [largest]);
    let kind = |number, status, kind: &str| (number, status, kind.to_owned());
    assert_eq!(
        world.chat("aoi").refused(),
        [
            kind(Some(too_large), 413, "too-large"),
            kind(Some(to_nobody), 404, "no-receiver"),
            kind(Some(to_oneself), 404, "no-receiver"),
            kind(None, 400, "bad-message"),
            kind(Some(0x63), 400, "bad-message"),
            kind(None, 400, "bad-message"),
        ]
    );
    assert_eq!(world.chat("ren").numbers(), [largest]);
    let drops = |reason| world.sfu.counters().data.drops(reason);
    assert_eq!(drops(DataDrop::Oversize), 1);
    assert_eq!(drops(DataDrop::NoReceiver), 2);
    assert_eq!(drops(DataDrop::Malformed), 3);
    // Nobody's connection suffered.
    let after = world.say("aoi", "mine", None, b"after");
    world.run(Duration::from_millis(300));
    assert_eq!(world.chat("yui").numbers(), [largest, after]);
}

#[test]
fn who_may_not_send_is_told_why_and_its_channel_is_closed() {
    for grant in [DataGrant::None, Receive] {
        let mut world = World::new(4);
        world.enter_talking("aoi", &[Microphone], ToAll);
        world.enter_talking("ren", &[Microphone], grant);
        world.run(Duration::from_secs(2));
        let refused = world.chat("ren").refused();
        assert_eq!(refused.len(), 2, "one for each channel: {refused:?}");
        for (number, status, kind) in refused {
            assert_eq!((number, status, kind.as_str()), (None, 403, "not-granted"));
        }
        let DataAnswer::Refused { problem, .. } = &world.chat("ren").answers[0].1 else {
            panic!("not refused")
        };
        assert_eq!(problem.field.as_deref(), Some("data"));
        assert!(world.chat("ren").up.is_empty(), "{grant:?}: closed");
        assert_eq!(world.sfu.counters().data.drops(DataDrop::NotGranted), 2);
        // The sound goes both ways all the same, and who may receive does.
        assert!(world.client("aoi").got("ren", Microphone).assert_whole() > 10);
        let number = world.say("aoi", "mine", None, b"hello");
        world.run(Duration::from_millis(300));
        let heard = world.chat("ren").numbers();
        assert_eq!(heard, if grant == Receive { vec![number] } else { vec![] });
        assert_eq!(world.chat("ren").down.len(), if grant == Receive { 2 } else { 0 });
    }
}

#[test]
fn a_connection_has_data_channels_only_where_somebody_may_use_them() {
    let mut world = World::new(5);
    world.enter("aoi", &[Microphone]);
    world.enter("ren", &[Microphone]);
    world.run(Duration::from_secs(1));
    // One who may receive is offered none while nobody may send.
    let mut grant = World::grant("yui", &[]);
    grant.data = Receive;
    world.join_with(grant);
    world.run(Duration::from_secs(1));
    assert!(world.chat("yui").down.is_empty());
    world.enter_talking("mei", &[], ToAll);
    world.run(Duration::from_secs(1));
    assert_eq!(world.chat("yui").down.len(), 2, "now somebody may");
    assert!(world.chat("ren").down.is_empty());
}

#[test]
fn who_may_send_to_staff_reaches_only_staff() {
    let mut world = World::new(6);
    world.enter_talking("guest", &[], ToStaff);
    world.enter_talking("other", &[], ToAll);
    let mut grant = World::grant("staff", &[]);
    grant.data = ToAll;
    grant.role = RoomRole::Staff;
    world.join_with(grant);
    world.client("staff").chat.is_wanted = true;
    world.publish("staff", &[]).expect("published");
    world.run_until_talking(&["guest", "other", "staff"]);
    let to_all = world.say("guest", "mine", None, b"a question");
    let to_one = world.say("guest", "mine", Some("other"), b"hello");
    let answer = world.say("staff", "mine", None, b"an answer");
    world.run(Duration::from_millis(300));
    assert_eq!(world.chat("staff").numbers(), [to_all]);
    assert_eq!(world.chat("other").numbers(), [answer]);
    assert_eq!(world.chat("guest").numbers(), [answer]);
    assert_eq!(
        world.chat("guest").refused(),
        [(Some(to_one), 403, "not-granted".to_owned())]
    );
}

#[test]
fn who_sends_too_fast_is_refused_and_harms_nobody() {
    let mut world = three(7);
    // A page that minds no window: 2 Mbyte in 2 s.
    for _ in 0..100 {
        let chunk = DataMessage {
            number: 1,
            peer: None,
            is_private: false,
            body: &[3; MAX_BODY],
        };
        world.write("aoi", "mine", true, &chunk.write());
        world.run(20 * MS);
    }
    let answer = world.say("ren", "mine", None, b"still here");
    world.run(Duration::from_secs(3));
    let drops = world.sfu.counters().data.drops(DataDrop::TooFast);
    let refused = world.chat("aoi").refused();
    assert!(drops > 10 && refused.len() as u64 == drops, "{drops}: {refused:?}");
    assert!(
        refused
            .iter()
            .all(|(_, status, kind)| (*status, kind.as_str()) == (429, "too-fast"))
    );
    // No more than was allowed: a burst, a debt, and the rate for the time.
    let passed = world.sfu.counters().data.bytes_out / 2;
    assert!(passed < (256 + 128 + 6 * 128) * 1024, "{passed}");
    assert!(
        world
            .chat("yui")
            .heard
            .iter()
            .any(|it| it.from == "ren" && it.number == answer)
    );
}

#[test]
fn a_stream_that_nobody_may_use_leads_nowhere() {
    let mut world = three(9);
    let now = world.now;
    let link = world.client("yui").up.as_mut().expect("a connection");
    let far = link.rtc.direct_api().create_data_channel(ChannelConfig {
        label: "far".to_owned(),
        negotiated: Some(1000),
        ..ChannelConfig::default()
    });
    link.drain(now);
    world.run(100 * MS);
    let forged = DataMessage {
        number: 1,
        peer: None,
        is_private: false,
        body: b"from afar",
    };
    let link = world.client("yui").up.as_mut().expect("a connection");
    let mut channel = link.rtc.channel(far).expect("it is open at its end");
    assert!(channel.write(true, &forged.write()).expect("it is written"));
    world.run(Duration::from_secs(2));
    let number = world.say("aoi", "mine", None, b"undisturbed");
    world.run(Duration::from_millis(300));
    assert_eq!(world.chat("ren").numbers(), [number]);
    assert_eq!(world.sfu.counters().data.messages_in, 1);
    assert!(world.client("ren").got("aoi", Camera).assert_whole() > 0);
}

#[test]
fn further_channels_are_closed_once_there_are_too_many() {
    let mut world = three(8);
    let now = world.now;
    let link = world.client("yui").up.as_mut().expect("a connection");
    for n in 0..10 {
        link.rtc.direct_api().create_data_channel(ChannelConfig {
            label: format!("more-{n}"),
            reliability: Reliability::Reliable,
            ..ChannelConfig::default()
        });
    }
    link.drain(now);
    world.run(Duration::from_secs(2));
    assert_eq!(world.chat("yui").up.len(), 8);
    assert_eq!(world.chat("yui").refused().len(), 4);
    let number = world.say("yui", "more-0", None, b"x");
    world.run(Duration::from_millis(300));
    assert_eq!(world.chat("ren").numbers(), [number]);
}
