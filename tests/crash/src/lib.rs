//! The crash campaign: starts the real service, kills it at named points and at random times, starts it again, and
//! compares three records that share no code: what was sent, what HubSpot's stand-in saw, and what the database holds.
//! This file is only a map.

pub mod args;
pub mod campaign;

mod ending;
mod faults;
mod sender;

mod consent;
mod scene;
mod service;

mod dump;
mod portal;

pub mod oracle;

mod clock;
mod random;
