//! HubSpot: how to ask, and what its answers mean. Knows paths and error codes; knows neither store nor queue.

mod account;
mod answer;
mod client;
mod fold;
mod links;
mod notes;
mod oauth;
mod objects;
mod pipelines;
mod properties;
mod records;

pub use account::{details, read_details, uninstall};
pub use answer::{BadProperty, Meaning, Pause, RateLimit, Reply, error_of, first_error, no_effect};
pub use client::{HubSpot, Portal, Request};
pub use fold::{Found, Input, Target, fold};
pub use links::{NotesOf, associate, association_type, notes_of, read_notes_of};
pub use notes::{NoteInput, create_notes, created_notes, find_note, is_cut, marker, markers_of, read_notes};
pub use oauth::{Introspection, OAuthApp, TokenFailure, Tokens};
pub use objects::{
    Judged, batch_create, batch_read, batch_update, batch_upsert, erase_contact, found, found_one, judge, normalized,
    update_one,
};
pub use pipelines::{owners_of, pipelines_of, read_owners, read_pipelines};
pub use properties::{
    GROUP_LABEL, Shelf, create_group, create_property, definition_json, has_group, properties_of, property_of,
    read_groups, read_properties, read_property, read_rules, rules_of, set_options, with_options,
};
pub use records::{Change, delete_record, read_records, records_of, update_records};

pub use crate::model::portal::{COMPANY, CONTACT, DEAL, NOTE};

/// Inputs of one batch call.
pub const BATCH_MAX: usize = 100;

/// The version of the API that stands in the paths of a new connection.
pub const API_VERSION: &str = "2026-09";
