//! A version beside the one in force, on real leads: what would change, what would fail, what it would use. Guests are pure,
//! so it costs fuel and nothing is sent.

mod changes;

pub use changes::{Change, compare};
