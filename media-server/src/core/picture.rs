//! A picture's own numbers toward one subscriber: VP8's picture id and `tl0_pic_idx`. (RFC 7741 §4.2)
//!
//! Invariant: across layers and pauses they go on by one, as if one encoder had counted; within a run they keep the
//! publisher's own gaps.

use super::codec::Facts;
use super::engine::Patch;

/// 15 bits; a publisher that counts in 7 takes the low ones.
const PICTURES: u16 = 0x7fff;

#[derive(Debug, Default)]
pub(crate) struct PictureNumbers {
    /// The newest that went out.
    last: Option<(u16, u8)>,
    /// How far what goes out is from what comes in; none: the next one decides.
    offset: Option<(u16, u8)>,
}

impl PictureNumbers {
    /// What comes next is another encoder's, or follows a pause.
    pub(crate) fn begin(&mut self) {
        self.offset = None;
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
        let named = (id.wrapping_add(id_offset) & PICTURES, tl0.wrapping_add(tl0_offset));
        // What comes late isn't the newest.
        let is_newer = self
            .last
            .is_none_or(|(last, _)| named.0.wrapping_sub(last) & PICTURES < PICTURES / 2);
        if is_newer {
            self.last = Some(named);
        }
        if (id_offset, tl0_offset) == (0, 0) {
            Patch::default()
        } else {
            Patch(Some(named))
        }
    }
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
}
