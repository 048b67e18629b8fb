//! What HubSpot does, one short test for each behaviour, over plain HTTP.
//!
//! Every test says which behaviours of `BEHAVIOUR.md` it proves. Those that need no knob, clock or act
//! run against `Portal::any`: a live portal, if `LEADLINE_HUBSPOT_TOKEN` is set, else a simulated one.
//! A live portal must have the properties of the default transformation; what the tests make there
//! has fresh keys, and is deleted again. `LEADLINE_HUBSPOT_URL` is for a portal that is elsewhere.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

/// Names the behaviours that a test proves. What needs the simulator's own means is skipped when
/// the suite looks at a live portal.
macro_rules! proves {
    ($numbers:literal) => {};
    ($numbers:literal, simulated) => {
        if crate::support::is_live() {
            eprintln!("skipped: {} needs the simulator", $numbers);
            return;
        }
    };
}

mod support;

mod behaviours;
mod live;

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
