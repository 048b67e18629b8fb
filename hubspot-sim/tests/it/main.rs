//! What HubSpot does, one short test for each behaviour, over plain HTTP.
//!
//! Tests that need no knob run against `Portal::any`: a live portal, if `HUBSPOT_BASE_URL` and
//! `HUBSPOT_TOKEN` name one that has the properties of the default transformation, else a simulated one.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod support;

mod creates;
mod faults;
mod findings;
mod frame;
mod inspection;
mod limits;
mod links;
mod notes;
mod oauth;
mod pages;
mod people;
mod properties;
mod reads;
mod search;
mod settings;
mod singles;
mod state;
mod steering;
mod upserts;
mod values;
