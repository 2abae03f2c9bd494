//! The screen: one permanent output pipeline, items, scenes and the avatar

fn main() {}
