//! The nouns of Leadline: ids, time, accounts, events, deliveries. Values only, no I/O.

pub mod access;
pub mod account;
pub mod alert;
pub mod delivery;
pub mod erasure;
pub mod event;
pub mod fill;
pub mod id;
pub mod lane;
pub mod message;
pub mod outcome;
pub mod portal;
pub mod replay;
pub mod share;
pub mod time;
pub mod waiver;
pub mod wish;

/// A state as the word that stands for it in the store, in JSON and in texts.
pub fn word<T: serde::Serialize>(state: &T) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a state is a word, not {other:?}"),
    }
}
