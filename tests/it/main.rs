//! What Leadline promises, one file a promise, through the real service against the real simulator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod guests;
mod support;

mod answers;
mod blocked;
mod cli;
mod components;
mod conformance;
mod connection;
mod crash;
mod delivery;
mod examples;
mod freeze;
mod ingest;
mod outage;
mod pace;
mod passed;
mod pauses;
mod properties;
mod replay;
mod retention;
mod retry;
mod sandbox;
mod traps;
