//! HubSpot: how to ask, and what its answers mean. Knows paths and error codes; knows neither store nor queue.

mod answer;
mod client;
mod fold;
mod links;
mod notes;
mod objects;

pub use answer::{BadProperty, Meaning, Pause, RateLimit, Reply, error_of, first_error, no_effect};
pub use client::{HubSpot, Portal, Request};
pub use fold::{Found, Input, Target, fold};
pub use links::{associate, association_type, notes_of, read_notes_of};
pub use notes::{NoteInput, create_notes, created_notes, find_marker, marker, read_notes};
pub use objects::{
    Judged, batch_create, batch_read, batch_update, batch_upsert, found, found_one, judge, normalized, read_one,
    update_one,
};

pub use crate::model::portal::{COMPANY, CONTACT, DEAL, NOTE};

/// Inputs of one batch call.
pub const BATCH_MAX: usize = 100;

/// The version of the API that stands in the paths of a new connection.
pub const API_VERSION: &str = "2026-09";
