use super::structure::Template;
use super::*;

/// Writes descriptors bit by bit.
#[derive(Default, Clone)]
struct Writer(Vec<bool>);

impl Writer {
    fn bits(mut self, value: u32, count: u32) -> Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn text(self, digits: &str) -> Self {
        let digits = digits.bytes().filter(|it| *it != b' ');
        digits.fold(self, |writer, digit| writer.bits(u32::from(digit - b'0'), 1))
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |chunk: &[bool]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(chunk.get(at) == Some(&true)));
        self.0.chunks(8).map(byte).collect()
    }
}

fn head(starts: bool, ends: bool, template: u32, number: u16) -> Writer {
    let writer = Writer::default().bits(starts.into(), 1).bits(ends.into(), 1);
    writer.bits(template, 6).bits(number.into(), 16)
}

/// Two spatial layers of one temporal layer, four templates from number `first` on: key and delta of each
/// layer; two decode targets, each with its chain; sizes.
fn structure(first: u32) -> Writer {
    Writer::default()
        .bits(first, 6)
        .bits(2 - 1, 5)
        // S0, S0, S1, S1.
        .text("00 10 00 11")
        // Switch for both; Switch, Required; not present, Switch (twice).
        .text("10 10  10 11  00 10  00 10")
        // None; 2 back; 1 back; 1 and 2 back.
        .text("0  1 0001 0  1 0000 0  1 0000 1 0001 0")
        // Two chains of at most two: ns(3) = 2; each target has its own.
        .text("11  0 1")
        .text("0000 0000  0010 0001  0001 0001  0001 0001")
        .text("1")
        .bits(319, 16)
        .bits(179, 16)
        .bits(639, 16)
        .bits(359, 16)
}

fn key(first: u32, number: u16) -> Vec<u8> {
    // With a structure and nothing else.
    let mut writer = head(true, false, first, number).text("1 0 0 0 0");
    writer.0.extend(structure(first).0);
    writer.bytes()
}

fn plain(template: u32, number: u16) -> Vec<u8> {
    head(true, true, template, number).bytes()
}

#[test]
fn a_key_frame_brings_the_structure() {
    let mut structures = Structures::default();
    assert_eq!(structures.read(&plain(60, 100)).err(), Some(Unread::NoStructure));
    let frame = structures.read(&key(60, 100)).expect("sound");
    assert!(frame.starts && !frame.ends && frame.has_structure && frame.starts_key_frame());
    assert_eq!((frame.number, frame.spatial, frame.temporal), (100, 0, 0));
    assert_eq!(
        (frame.size, frame.structure.size()),
        (Some((320, 180)), Some((640, 360)))
    );
    assert_eq!(frame.active_targets, 0b11);
    let structure = structures.newest().expect("is known");
    assert_eq!(
        (structure.targets(), structure.all_targets(), structure.chains()),
        (2, 3, 2)
    );
    assert_eq!(
        (structure.layers(0), structure.layers(1), structure.layers(2)),
        (Some((0, 0)), Some((1, 0)), None)
    );
    assert_eq!(
        (structure.chain_of(0), structure.chain_of(1), structure.chain_of(2)),
        (Some(0), Some(1), None)
    );
    assert_eq!((structure.size_of(1), structure.size_of(2)), (Some((640, 360)), None));
}

#[test]
fn frames_are_read_by_their_templates() {
    use Indication::{NotPresent, Required, Switch};
    let mut structures = Structures::default();
    structures.read(&key(62, 65_535)).expect("sound");
    // Template numbers wrap at 64, frame numbers at 65,536.
    for (template, number, spatial, indications, references, chains) in [
        (62, 65_535, 0, [Switch, Switch], &[][..], [0, 0]),
        (0, 0, 1, [NotPresent, Switch], &[1], [1, 1]),
        (63, 1, 0, [Switch, Required], &[2], [2, 1]),
        (1, 2, 1, [NotPresent, Switch], &[1, 2], [1, 1]),
    ] {
        let frame = structures.read(&plain(template, number)).expect("sound");
        assert_eq!((frame.number, frame.spatial), (number, spatial), "{template}");
        assert_eq!(
            [0, 1].map(|target| frame.indications.of(target)),
            indications,
            "{template}"
        );
        assert_eq!(
            (frame.references.as_slice(), &frame.chains[..2]),
            (references, &chains[..])
        );
        assert!(frame.starts && frame.ends && !frame.starts_key_frame());
    }
    assert_eq!(
        structures.read(&plain(2, 3)).err(),
        Some(Unread::NoStructure),
        "no such template"
    );
    let frame = structures.read(&plain(0, 4)).expect("sound");
    assert_eq!(frame.indications.present(), 0b10);
    assert_eq!(frame.indications.of(31), NotPresent);
    assert_eq!(frame.indications.of(200), NotPresent);
}

#[test]
fn a_frame_may_say_otherwise_than_its_template() {
    let mut structures = Structures::default();
    structures.read(&key(0, 10)).expect("sound");
    let own = head(true, false, 1, 11)
        .text("0 1 1 1 1")
        // Active: the second only. Discardable, Required.
        .text("10  01 11")
        // 3, 100 and 3,000 back, in 4, 8 and 12 bits.
        .text("01 0010  10 01100011  11 101110110111  00")
        .text("11111111 00000101");
    let frame = structures.read(&own.bytes()).expect("sound");
    assert_eq!(frame.active_targets, 2);
    assert_eq!(
        [0, 1].map(|target| frame.indications.of(target)),
        [Indication::Discardable, Indication::Required]
    );
    assert_eq!(
        (frame.references.as_slice(), &frame.chains[..2]),
        (&[3, 100, 3000][..], &[255, 5][..])
    );
    // Active targets stay so until something else is said; a late frame doesn't change them.
    assert_eq!(structures.read(&plain(1, 12)).expect("sound").active_targets, 2);
    let late = head(true, false, 1, 9).text("0 1 0 0 0  01").bytes();
    assert_eq!(
        structures.read(&late).err(),
        Some(Unread::NoStructure),
        "from before the structure"
    );
    let newer = head(true, false, 1, 20).text("0 1 0 0 0  01").bytes();
    structures.read(&newer).expect("sound");
    let late = head(true, false, 1, 15).text("0 1 0 0 0  11").bytes();
    assert_eq!(structures.read(&late).expect("sound").active_targets, 3);
    assert_eq!(structures.read(&plain(1, 21)).expect("sound").active_targets, 1);
    structures.read(&key(4, 30)).expect("sound");
    assert_eq!(
        structures.read(&plain(5, 31)).expect("sound").active_targets,
        3,
        "all again"
    );
}

#[test]
fn late_packets_are_read_by_the_structure_of_their_time() {
    let mut structures = Structures::default();
    structures.read(&key(0, 10)).expect("sound");
    structures.read(&key(10, 20)).expect("sound");
    let late = structures.read(&plain(3, 19)).expect("by the one before");
    assert_eq!((late.spatial, late.references.as_slice()), (1, &[1, 2][..]));
    assert_eq!(structures.read(&plain(3, 21)).err(), Some(Unread::NoStructure));
    assert!(structures.read(&plain(13, 21)).is_ok());
    // A copy of a key frame's packet that comes late changes nothing.
    structures.read(&key(0, 10)).expect("sound");
    assert!(structures.read(&plain(13, 22)).is_ok());
    assert!(structures.read(&plain(3, 19)).is_ok());
}

#[test]
fn a_structure_lasts_as_long_as_no_other_comes() {
    let mut structures = Structures::default();
    structures.read(&key(0, 60_000)).expect("sound");
    for step in 1..200_u16 {
        let number = 60_000_u16.wrapping_add(step.wrapping_mul(1000));
        assert!(structures.read(&plain(1, number)).is_ok(), "{number}");
    }
    let number = 60_000_u16.wrapping_add(200_u16.wrapping_mul(1000));
    structures.read(&key(8, number)).expect("sound");
    assert!(structures.read(&plain(9, number.wrapping_add(1))).is_ok());
    // A sender that begins anew counts from elsewhere, be it ahead or behind.
    for jump in [30_000, 40_000] {
        let number = number.wrapping_add(jump);
        structures.read(&key(16, number)).expect("sound");
        assert!(structures.read(&plain(17, number.wrapping_add(1))).is_ok(), "{jump}");
        assert_eq!(
            structures.read(&plain(9, number.wrapping_add(2))).err(),
            Some(Unread::NoStructure)
        );
    }
}

#[test]
fn what_is_cut_off_is_refused_and_changes_nothing() {
    let whole = key(0, 10);
    for len in 0..whole.len() {
        let mut structures = Structures::default();
        let refused = structures.read(&whole[..len]).err();
        let expected = if len == MANDATORY {
            Unread::NoStructure
        } else {
            Unread::Malformed
        };
        assert_eq!(refused, Some(expected), "{len}");
        assert!(structures.newest().is_none());
    }
    let own = head(true, false, 1, 11)
        .text("0 1 1 1 1  10 01 11 01 0010 00 11111111 00000101")
        .bytes();
    for len in MANDATORY + 1..own.len() {
        let mut structures = Structures::default();
        structures.read(&whole).expect("sound");
        assert_eq!(structures.read(&own[..len]).err(), Some(Unread::Malformed), "{len}");
    }
}

#[test]
fn what_is_larger_than_av1_is_refused() {
    let read = |writer: Writer| Structure::read(&mut Bits::new(&writer.bytes()));
    let beginning = || Writer::default().bits(0, 6).bits(0, 5);
    // Five spatial layers; nine temporal ones; 65 templates.
    assert_eq!(read(beginning().text("10 10 10 10 11").bits(0, 32).bits(0, 32)), None);
    assert_eq!(
        read(beginning().text(&"01".repeat(8)).text("11").bits(0, 32).bits(0, 32)),
        None
    );
    assert_eq!(read((0..64).fold(beginning(), |it, _| it.text("00")).text("11")), None);
    // 64 templates of one target are as many as there can be.
    let most = (0..63).fold(beginning(), |it, _| it.text("00")).text("11");
    let most = (0..8)
        .fold(most, |it, _| it.bits(0x5555, 16))
        .bits(0, 32)
        .bits(0, 32)
        .text("0 0");
    let most = read(most).expect("sound");
    assert_eq!(most.template(63).map(Template::layers), Some((0, 0)));
    // A ninth reference.
    let references = |count: usize| {
        let writer = beginning().text("11  11").text(&"1 0000 ".repeat(count));
        read(writer.text("0  0 0"))
    };
    assert!(references(8).is_some() && references(9).is_none());
    // 32 targets with 32 chains.
    let widest = Writer::default()
        .bits(0, 6)
        .bits(31, 5)
        .text("11")
        .text(&"10".repeat(32))
        .text("0");
    let widest = widest
        .text("111111")
        .text(&"11111".repeat(32))
        .text(&"1111".repeat(32))
        .text("0");
    let widest = read(widest).expect("sound");
    assert_eq!(
        (widest.targets(), widest.chains(), widest.all_targets()),
        (32, 32, u32::MAX)
    );
    assert_eq!((widest.chain_of(31), widest.size()), (Some(31), None));
}
