//! A stateful HubSpot stand-in. It never forgives what HubSpot refuses, and where HubSpot's
//! behaviour is not known, the strict reading is the default and a knob gives the other.
//!
//! A call goes from `server` through `exchange` (faults, call log) to `api` (one file a group of
//! paths), which reads and writes a `portal`. Every change of a record goes through `write`.

// The edges, from the handle inward.
mod options;
mod simulator;

mod exchange;
mod oauth;
mod server;

mod inspect;
mod pages;

// What a call does, and to what.
mod api;
mod write;

mod portal;
mod preset;
mod state;
mod world;

// What stands in its way, and what is told about it.
mod act;
mod condition;
mod fault;
mod knobs;
mod scope;

mod call;
mod finding;

// What all of them are made of.
mod answer;
mod request;
mod turn;

mod html;
mod random;
mod time;

pub use act::Act;
pub use call::Call;
pub use fault::{End, Fault, Match, Then};
pub use finding::{Finding, FindingKind};
pub use knobs::{Knobs, Outage, Plan};
pub use oauth::{Install, OAuthApp};
pub use options::{Clock, Options};
pub use portal::record::{Change, Record, Source};
pub use portal::schema::{Choice, NewProperty};
pub use preset::Preset;
pub use simulator::{Portal, Simulator};
