//! The nouns of Leadline: ids, time, accounts, events, deliveries. Values only, no I/O.

pub mod account;
pub mod delivery;
pub mod event;
pub mod id;
pub mod lane;
pub mod time;
