//! Opus with repetitions.

use media_server::core::codec::red::newest;

/// A payload. What is taken for the newest block is what its headers leave at its end.
pub fn repetitions(data: &[u8]) {
    let Some(block) = newest(data) else { return };
    assert!(!block.is_empty() && data.ends_with(block));
    // Before it: a header of four bytes for each older block, one of a byte for the newest, and the older blocks.
    let before = data.len() - block.len();
    let older = data.iter().step_by(4).take_while(|first| **first & 0x80 != 0).count();
    assert!(before > 4 * older, "{before} bytes for {older} headers");
    let lengths = data.chunks_exact(4).take(older);
    let told: usize = lengths
        .map(|it| usize::from(u16::from_be_bytes([it[2], it[3]]) & 0x3ff))
        .sum();
    assert_eq!(before, 4 * older + 1 + told);
}
