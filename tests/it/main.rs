//! What Leadline promises, one file a promise, through the real service against the real simulator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod guests;
mod postgres_server;
mod proxy;
mod support;

mod access;
mod answers;
mod api;
mod author;
mod blocked;
mod cli;
mod clock;
mod components;
mod conformance;
mod connection;
mod contract;
mod crash;
mod database;
mod delivery;
mod examples;
mod fairness;
mod freeze;
mod fuzz;
mod hostile;
mod ingest;
mod load;
mod network;
mod outage;
mod pace;
mod passed;
mod pauses;
mod probe;
mod process;
mod properties;
mod replay;
mod retention;
mod retry;
mod rollout;
mod sandbox;
mod senders;
mod toolchains;
mod traps;
mod uploads;
mod versions;
