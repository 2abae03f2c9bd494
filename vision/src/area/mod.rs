//! What is said of places rather than of pictures: several cameras of one area made into one count (`join`), people
//! counted at the doors (`doors`), who waits (`queue`), who stands before a screen (`presence`); `watch`
//! puts them together.
//!
//! All pure: time is an argument, and nothing here knows a picture.

pub mod doors;
pub mod join;
pub mod presence;
pub mod queue;
pub mod watch;
