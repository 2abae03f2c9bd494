//! A picture's own numbers toward one subscriber: VP8's and VP9's picture id and `tl0_pic_idx` (RFC 7741 §4.2, RFC 9628
//! §4.2), AV1's frame numbers.
//!
//! Invariant: across layers and pauses they go on by one, as if one encoder had counted; within a run they keep the
//! publisher's own gaps, but for VP8's pictures that were left out on purpose. (VP9's references are counted in them.)

use super::codec::vp8::PictureId;
use super::codec::{Facts, Header};
use super::engine::Patch;
use super::skips::Skips;

/// 15 bits; a publisher that counts in 7 takes the low ones.
const PICTURES: u16 = 0x7fff;

#[derive(Debug, Default)]
pub(crate) struct PictureNumbers {
    /// The newest that went out.
    last: Option<(u16, u8)>,
    /// How far what goes out is from what comes in; none: the next one decides.
    offset: Option<(u16, u8)>,
    /// Since one was first left out: by the publisher's numbers, extended.
    skips: Option<Box<Skips>>,
}

impl PictureNumbers {
    /// What comes next is another encoder's, or follows a pause.
    pub(crate) fn begin(&mut self) {
        self.offset = None;
        self.skips = None;
    }

    /// A picture that came is left out.
    pub(crate) fn skip(&mut self, facts: Option<&Facts>) {
        let (Some(facts), Some((offset, _)), Some((last, _))) = (facts, self.offset, self.last) else {
            return;
        };
        let newest = u64::from(last.wrapping_sub(offset) & PICTURES);
        // Far from 0, so that what is late isn't below it.
        let skips = self
            .skips
            .get_or_insert_with(|| Box::new(Skips::after(u64::from(PICTURES) + 1 + newest)));
        if let Some(number) = extend(facts, skips.newest()) {
            skips.skip(number);
        }
    }

    /// How AV1's frame is called: by 16 bits, and with gaps, for references are counted in them.
    pub(crate) fn name_frame(&mut self, number: u16) -> Patch {
        let last = self.last.map(|it| it.0);
        let next = || last.map_or(0, |last| last.wrapping_add(1).wrapping_sub(number));
        let offset = self.offset.get_or_insert_with(|| (next(), 0)).0;
        let named = number.wrapping_add(offset);
        if last.is_none_or(|last| named.wrapping_sub(last) < 1 << 15) {
            self.last = Some((named, 0));
        }
        Patch((offset != 0).then_some((named, 0)))
    }

    /// How a packet's picture is called.
    pub(crate) fn name(&mut self, facts: Option<&Facts>) -> Patch {
        let Some((id, tl0)) = facts.and_then(|it| Some((it.picture_id?, it.tl0_pic_idx.unwrap_or(0)))) else {
            return Patch::default();
        };
        let (id_offset, tl0_offset) = *self.offset.get_or_insert_with(|| {
            self.last.map_or((0, 0), |(last_id, last_tl0)| {
                (
                    last_id.wrapping_add(1).wrapping_sub(id) & PICTURES,
                    last_tl0.wrapping_add(1).wrapping_sub(tl0),
                )
            })
        });
        let left_out = match (&mut self.skips, facts) {
            (Some(skips), Some(facts)) => {
                let number = extend(facts, skips.newest());
                // What is so late that nobody knows is no good to a decoder under any name.
                number.and_then(|it| skips.pass(it)).unwrap_or(0) as u16
            }
            _ => 0,
        };
        let id = id.wrapping_sub(left_out);
        let named = (id.wrapping_add(id_offset) & PICTURES, tl0.wrapping_add(tl0_offset));
        // What comes late isn't the newest.
        let is_newer = self
            .last
            .is_none_or(|(last, _)| named.0.wrapping_sub(last) & PICTURES < PICTURES / 2);
        if is_newer {
            self.last = Some(named);
        }
        if (id_offset, tl0_offset, left_out) == (0, 0, 0) {
            Patch::default()
        } else {
            Patch(Some(named))
        }
    }
}

/// The number of VP8's picture, extended: the one that is nearest to the newest. Others have none.
fn extend(facts: &Facts, newest: u64) -> Option<u64> {
    let Header::Vp8(descriptor) = facts.header else {
        return None;
    };
    let (id, count) = match descriptor.picture_id? {
        PictureId::Short(id) => (u64::from(id), 1 << 7),
        PictureId::Long(id) => (u64::from(id), 1 << 15),
    };
    let ahead = id.wrapping_sub(newest) & (count - 1);
    Some(if ahead < count / 2 {
        newest + ahead
    } else {
        newest + ahead - count
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::codec::{Video, read};

    /// A descriptor with a 15-bit picture id and `tl0_pic_idx`, and a byte of picture.
    fn facts(id: u16, tl0: u8) -> Facts {
        let [high, low] = id.to_be_bytes();
        read(Video::Vp8, &[0x90, 0xc0, 0x80 | high, low, tl0, 1], false, None).expect("VP8")
    }

    #[test]
    fn numbers_go_on_over_a_switch_and_over_their_wrap() {
        let mut numbers = PictureNumbers::default();
        assert_eq!(
            numbers.name(Some(&facts(0x7ffe, 255))),
            Patch(None),
            "the first encoder's own are kept"
        );
        assert_eq!(numbers.name(Some(&facts(0x7fff, 255))), Patch(None));
        numbers.begin();
        assert_eq!(numbers.name(Some(&facts(500, 9))), Patch(Some((0, 0))));
        assert_eq!(
            numbers.name(Some(&facts(502, 10))),
            Patch(Some((2, 1))),
            "a gap in is a gap out"
        );
        assert_eq!(
            numbers.name(Some(&facts(501, 9))),
            Patch(Some((1, 0))),
            "what is late finds its place"
        );
        numbers.begin();
        assert_eq!(numbers.name(Some(&facts(3, 3))), Patch(Some((3, 2))));
        assert_eq!(numbers.name(None), Patch(None));
    }

    #[test]
    fn frames_go_on_after_the_last_one_of_another_encoder() {
        let mut numbers = PictureNumbers::default();
        assert_eq!(numbers.name_frame(65_535), Patch(None));
        assert_eq!(numbers.name_frame(2), Patch(None), "a gap in is a gap out");
        numbers.begin();
        assert_eq!(numbers.name_frame(900), Patch(Some((3, 0))));
        assert_eq!(numbers.name_frame(905), Patch(Some((8, 0))));
        assert_eq!(
            numbers.name_frame(904),
            Patch(Some((7, 0))),
            "what is late finds its place"
        );
        numbers.begin();
        assert_eq!(numbers.name_frame(9), Patch(None), "by chance it is the next");
    }

    #[test]
    fn pictures_that_are_left_out_leave_no_gap() {
        let mut numbers = PictureNumbers::default();
        numbers.skip(Some(&facts(0x7ffb, 255)));
        assert_eq!(numbers.name(Some(&facts(0x7ffc, 255))), Patch(None));
        // Every second one, over the wrap, and each twice, for its two packets.
        for pair in 0..50_u16 {
            let id = |n: u16| (0x7ffd + 2 * pair + n) & 0x7fff;
            for _ in 0..2 {
                numbers.skip(Some(&facts(id(0), 255)));
            }
            for _ in 0..2 {
                let expected = (0x7ffd + pair) & 0x7fff;
                assert_eq!(numbers.name(Some(&facts(id(1), 255))), Patch(Some((expected, 255))));
            }
        }
        // One that didn't come keeps its place; one that comes late finds it.
        let last = 0x7ffe_u16.wrapping_add(98) & 0x7fff;
        let named = |patch: Patch| patch.0.expect("named").0;
        let next = named(numbers.name(Some(&facts(last + 3, 255))));
        assert_eq!(named(numbers.name(Some(&facts(last + 2, 255)))), next - 1);
        numbers.begin();
        assert_eq!(numbers.name(Some(&facts(9, 3))), Patch(Some((next + 1, 0))));
    }
}
