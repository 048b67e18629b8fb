//! What HubSpot does, one short test for each behaviour, over plain HTTP.
//!
//! Tests that need no knob run against `Portal::any`: a live portal, if `HUBSPOT_BASE_URL` and
//! `HUBSPOT_TOKEN` name one that has the properties of the default transformation, else a simulated one.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod support;

mod frame;
mod limits;
mod reads;
mod upserts;
mod values;
mod creates;
mod singles;
mod notes;
mod links;
mod properties;
mod settings;
mod faults;
mod people;
mod findings;
mod inspection;
mod pages;
