//! Who has one offer and gets one answer (WHIP, WHEP) brings a picture, and watches what is brought: before it comes,
//! after it changes hands, through a change of network.

use std::time::Duration;

use media_server::core::{Request, Transport};
use protocol::control::{AnswerBody, BUSY, IceCredentials};
use protocol::grants::Encryption;
use protocol::grants::MediaSource::{self, Camera, Microphone};
use protocol::problem::Problem;
use protocol::signal::SubscribedTrack;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};

use crate::client::{Client, Encoder, Link};
use crate::sim::{MS, SIGNALING, World, room};

const SECOND: Duration = Duration::from_secs(1);
const BOTH: [MediaSource; 2] = [Camera, Microphone];

fn kind(source: MediaSource) -> MediaKind {
    if source.is_video() {
        MediaKind::Video
    } else {
        MediaKind::Audio
    }
}

impl World {
    fn add_caller(&mut self, name: &str) {
        let port = 1000 * (self.clients.len() as u16 + 1);
        let client = Client::new(Self::grant(name, &[]).participant, port);
        self.clients.entry(name.to_owned()).or_insert(client);
    }

    /// Brings picture and sound in one exchange.
    fn ingest(&mut self, name: &str) -> Result<(), Problem> {
        self.add_caller(name);
        let now = self.now;
        let mut link = Link::new(self.client(name).address(), Transport::Udp, now);
        let mut changes = link.rtc.sdp_api();
        let encoders = BOTH.map(|source| {
            let mid = changes.add_media(kind(source), Direction::SendOnly, Some("me".into()), None, None);
            Encoder::new(source, mid)
        });
        let (offer, pending) = changes.apply().expect("an offer");
        link.drain(now);
        let grant = Self::grant(name, &BOTH);
        let sdp = offer.to_sdp_string();
        let answer = published(self.ask(SIGNALING, Request::Ingest { grant, sdp }))?;
        let answer = SdpAnswer::from_sdp_string(&answer).expect("an answer");
        link.rtc.sdp_api().accept_answer(pending, answer).expect("fits");
        link.drain(now);
        let client = self.client(name);
        client.up = Some(link);
        client.encoders = encoders.into();
        Ok(())
    }

    /// Watches with a section for each of `sources`. Gives the answer.
    fn watch(&mut self, name: &str, sources: &[MediaSource]) -> Result<String, Problem> {
        self.add_caller(name);
        let now = self.now;
        let mut link = Link::new(self.client(name).address(), Transport::Udp, now);
        let mut changes = link.rtc.sdp_api();
        let mids: Vec<_> = sources
            .iter()
            .map(|source| changes.add_media(kind(*source), Direction::RecvOnly, None, None, None))
            .collect();
        let (offer, pending) = changes.apply().expect("an offer");
        link.drain(now);
        let grant = Self::grant(name, &[]);
        let sdp = offer.to_sdp_string();
        let sdp = published(self.ask(SIGNALING, Request::Watch { grant, sdp }))?;
        let answer = SdpAnswer::from_sdp_string(&sdp).expect("an answer");
        link.rtc.sdp_api().accept_answer(pending, answer).expect("fits");
        link.drain(now);
        let track = |(mid, source): (_, &MediaSource)| SubscribedTrack {
            mid: format!("{mid}"),
            source: *source,
            ..track_of("anybody")
        };
        let client = self.client(name);
        client.tracks = mids.into_iter().zip(sources).map(track).collect();
        client.down = Some(link);
        Ok(sdp)
    }

    /// How many packets of a source a watcher has got so far.
    fn seen(&mut self, name: &str, source: MediaSource) -> usize {
        self.client(name).got("anybody", source).arrivals.len()
    }

    fn ice(&mut self, name: &str, restart: Option<IceCredentials>) -> AnswerBody {
        let participant = self.client(name).id.clone();
        let request = Request::Ice {
            room: room(),
            participant,
            restart,
        };
        self.ask(SIGNALING, request)
    }
}

fn track_of(whose: &str) -> SubscribedTrack {
    SubscribedTrack {
        mid: String::new(),
        track: protocol::ids::TrackId::random(),
        participant: World::grant(whose, &[]).participant,
        role: protocol::grants::RoomRole::Guest,
        source: Camera,
    }
}

fn published(answer: AnswerBody) -> Result<String, Problem> {
    match answer {
        AnswerBody::Published { sdp } => Ok(sdp),
        AnswerBody::Error { problem } => Err(problem),
        other => panic!("{other:?}"),
    }
}

/// The value of an SDP attribute's first line.
fn value<'a>(sdp: &'a str, name: &str) -> &'a str {
    let mut lines = sdp.lines();
    lines.find_map(|line| line.strip_prefix(name)).expect(name).trim()
}

#[test]
fn who_watches_before_anything_is_brought_sees_it_when_it_comes() {
    let mut world = World::new(1);
    let answer = world.watch("yui", &BOTH).expect("an answer");
    assert_eq!(answer.matches("a=sendonly").count(), 2, "{answer}");
    let streams: Vec<&str> = answer.lines().filter(|it| it.starts_with("a=msid:live ")).collect();
    assert_eq!(streams.len(), 2, "picture and sound are one stream: {answer}");
    world.run(2 * SECOND);
    assert_eq!((world.seen("yui", Camera), world.seen("yui", Microphone)), (0, 0));
    world.ingest("obs").expect("taken");
    world.run(3 * SECOND);
    assert!(world.client("yui").got("anybody", Camera).assert_whole() > 200);
    assert!(world.client("yui").got("anybody", Microphone).assert_whole() > 100);
    assert!(
        world.events().next().is_none(),
        "callers hear no news, and nobody else is there"
    );
}

#[test]
fn a_watcher_stays_when_the_picture_changes_hands() {
    let mut world = World::new(2);
    world.ingest("obs").expect("taken");
    world.watch("yui", &BOTH).expect("an answer");
    world.run(2 * SECOND);
    assert!(world.seen("yui", Camera) > 100);
    assert_eq!(world.leave("obs"), AnswerBody::Ok);
    world.run(SECOND);
    let before = (world.seen("yui", Camera), world.seen("yui", Microphone));
    world.run(2 * SECOND);
    assert_eq!(
        (world.seen("yui", Camera), world.seen("yui", Microphone)),
        before,
        "silence"
    );
    world.ingest("another").expect("taken");
    world.run(2 * SECOND);
    let after = (world.seen("yui", Camera), world.seen("yui", Microphone));
    assert!(
        after.0 > before.0 + 100 && after.1 > before.1 + 50,
        "{before:?} {after:?}"
    );
    let got = world.client("yui").got("anybody", Camera);
    let numbers: Vec<u64> = got.packets.keys().copied().collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "one stream without a gap"
    );
}

#[test]
fn one_brings_at_a_time_and_who_is_silent_makes_room() {
    let mut world = World::new(3);
    world.ingest("obs").expect("taken");
    world.watch("yui", &BOTH).expect("an answer");
    world.run(SECOND);
    let problem = world.ingest("another").expect_err("busy");
    assert!(problem.is(BUSY) && problem.status == 409, "{problem:?}");
    // Its machine is gone without a word.
    world.client("obs").up = None;
    world.client("obs").encoders.clear();
    world.run(8 * SECOND);
    world.ingest("another").expect("taken");
    let before = world.seen("yui", Camera);
    world.run(SECOND);
    assert!(world.seen("yui", Camera) > before + 30);
    assert_eq!(world.sfu.counters().participants, 2);
}

#[test]
fn a_caller_is_out_as_soon_as_its_connection_closes() {
    let mut world = World::new(4);
    world.ingest("obs").expect("taken");
    world.watch("yui", &BOTH).expect("an answer");
    world.run(SECOND);
    world.client("yui").hang_up();
    world.run(100 * MS);
    assert_eq!(world.sfu.counters().participants, 1);
    world.client("obs").hang_up();
    world.run(100 * MS);
    assert_eq!(world.sfu.counters().rooms, 0);
}

#[test]
fn a_watcher_comes_back_by_another_network() {
    let mut world = World::new(5);
    world.ingest("obs").expect("taken");
    let answer = world.watch("yui", &BOTH).expect("an answer");
    world.run(SECOND);
    let AnswerBody::Ice { ufrag, fragment: None } = world.ice("yui", None) else {
        panic!("its ICE session");
    };
    assert_eq!(ufrag, value(&answer, "a=ice-ufrag:"));

    let now = world.now;
    let address = world.client("yui").address();
    let link = world.client("yui").down.as_mut().expect("a connection");
    link.address = address;
    let candidate = str0m::Candidate::builder().udp().host(address).build();
    let mut changes = link.rtc.sdp_api();
    changes.ice_restart(false);
    let (offer, pending) = changes.apply().expect("an offer");
    let offer = offer.to_sdp_string();
    let credentials = IceCredentials {
        ufrag: value(&offer, "a=ice-ufrag:").to_owned(),
        pwd: value(&offer, "a=ice-pwd:").to_owned(),
    };
    let AnswerBody::Ice {
        ufrag: new,
        fragment: Some(fragment),
    } = world.ice("yui", Some(credentials))
    else {
        panic!("a new ICE session");
    };
    assert_ne!(new, ufrag);
    assert!(fragment.contains("a=candidate:"), "{fragment}");
    let pwd = value(&answer, "a=ice-pwd:").to_owned();
    let answer = answer
        .replace(&ufrag, value(&fragment, "a=ice-ufrag:"))
        .replace(&pwd, value(&fragment, "a=ice-pwd:"));
    let answer = SdpAnswer::from_sdp_string(&answer).expect("an answer");
    let link = world.client("yui").down.as_mut().expect("a connection");
    link.rtc.sdp_api().accept_answer(pending, answer).expect("fits");
    // The restart has dropped those of the old network.
    link.rtc.add_local_candidate(candidate.expect("a candidate"));
    link.drain(now);
    world.run(SECOND);
    let before = world.seen("yui", Camera);
    world.run(SECOND);
    assert!(world.seen("yui", Camera) > before + 60, "at the new address");
    assert_eq!(world.sfu.counters().participants, 2);
}

#[test]
fn a_sealed_room_takes_no_callers() {
    let mut world = World::new(6);
    world.encryption = Encryption::Require;
    world.enter("aoi", &[Camera]);
    let refused = [world.watch("yui", &BOTH).map(drop), world.ingest("obs")];
    for problem in refused.map(|it| it.expect_err("refused")) {
        assert_eq!((problem.status, problem.field.as_deref()), (403, Some("encryption")));
    }
    let open = |mut grant: protocol::grants::MediaGrant| {
        grant.encryption = Encryption::Off;
        grant
    };
    let request = Request::Ingest {
        grant: open(World::grant("obs", &BOTH)),
        sdp: "v=0\r\n".to_owned(),
    };
    let problem = published(world.ask(SIGNALING, request)).expect_err("refused");
    assert_eq!(problem.status, 403);
    assert_eq!(world.sfu.counters().participants, 1);
}

#[test]
fn offers_that_make_no_sense_open_nothing() {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let section = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\n";
    let offers = [
        (String::new(), 422),
        (head.to_owned(), 422),
        (format!("{head}{section}"), 400),
        (format!("{head}{}", section.repeat(9)), 422),
    ];
    let mut world = World::new(7);
    for (sdp, status) in offers {
        let grant = World::grant("yui", &[]);
        let request = Request::Watch {
            grant,
            sdp: sdp.clone(),
        };
        let problem = published(world.ask(SIGNALING, request)).expect_err("refused");
        assert_eq!(problem.status, status, "{sdp:?}: {problem:?}");
        let grant = World::grant("obs", &BOTH);
        let problem = published(world.ask(SIGNALING, Request::Ingest { grant, sdp })).expect_err("refused");
        assert!(problem.status == 400 || problem.status == 422, "{problem:?}");
    }
    let unknown = world.ask(
        SIGNALING,
        Request::Ice {
            room: room(),
            participant: World::grant("yui", &[]).participant,
            restart: None,
        },
    );
    assert!(matches!(unknown, AnswerBody::Error { problem } if problem.status == 404));
    assert_eq!(world.sfu.counters().rooms, 0);
}

/// As libdatachannel, which OBS uses, describes its connection: what belongs to ICE and DTLS stands above the sections.
const FROM_OBS: &str = "v=0\r\no=rtc 1234567890 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    a=group:LS 0 1\r\na=msid-semantic:WMS *\r\na=setup:actpass\r\na=ice-ufrag:Uw5N\r\n\
    a=ice-pwd:Ms9Ue5kjGQh4vJxbVhTs3r\r\na=ice-options:trickle\r\na=fingerprint:sha-256 \
    6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=ssrc:11 cname:stream\r\n\
    a=ssrc:11 msid:stream stream-audio\r\na=msid:stream stream-audio\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=ssrc:12 cname:stream\r\n\
    a=ssrc:12 msid:stream stream-video\r\na=msid:stream stream-video\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n\
    a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\n\
    a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n";

#[test]
fn an_offer_as_obs_writes_it_is_taken_and_one_of_unknown_codecs_is_not() {
    let mut world = World::new(8);
    let ingest = |world: &mut World, sdp: &str| {
        let grant = World::grant("obs", &BOTH);
        let sdp = sdp.to_owned();
        published(world.ask(SIGNALING, Request::Ingest { grant, sdp }))
    };
    let answer = ingest(&mut world, FROM_OBS).expect("taken");
    assert_eq!(answer.matches("a=recvonly").count(), 2, "{answer}");
    assert!(answer.contains("a=rtpmap:96 H264/90000") && answer.contains("a=rtpmap:111 opus/48000/2"));
    assert!(answer.contains("a=setup:passive") && answer.contains("a=ice-lite"));
    assert_eq!(world.sfu.counters().tracks, 2);
    assert_eq!(world.leave("obs"), AnswerBody::Ok);

    let unknown = FROM_OBS.replace("H264/90000", "H265/90000");
    let problem = ingest(&mut world, &unknown).expect_err("refused");
    assert_eq!(problem.status, 406, "{problem:?}");
    assert_eq!(world.sfu.counters().rooms, 0);
}
