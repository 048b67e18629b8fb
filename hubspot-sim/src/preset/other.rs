//! The properties of companies, notes, and an account's own object types.

use super::Access::{Closed, Open};
use super::Kind::{Choice, DateTime, Html, Number, Phone, Text};
use super::Row;

pub(super) const COMPANY_PROPERTIES: &[Row] = &[
    ("name", "Company name", Text, Open),
    ("domain", "Company Domain Name", Text, Open),
    ("phone", "Phone Number", Phone, Open),
    ("city", "City", Text, Open),
    ("country", "Country/Region", Text, Open),
    ("hubspot_owner_id", "Company owner", Choice(&[]), Open),
    ("num_notes", "Number of Sales Activities", Number, Closed),
    ("notes_last_updated", "Last Activity Date", DateTime, Closed),
    ("hs_createdate", "Object create date/time", DateTime, Closed),
    ("hs_lastmodifieddate", "Last Modified Date", DateTime, Closed),
    ("hs_object_id", "Record ID", Number, Closed),
];

pub(super) const NOTE_PROPERTIES: &[Row] = &[
    ("hs_timestamp", "Activity date", DateTime, Open),
    ("hs_note_body", "Note body", Html, Open),
    ("hs_attachment_ids", "Attached file IDs", Text, Open),
    ("hubspot_owner_id", "Activity assigned to", Choice(&[]), Open),
    ("hs_object_source", "Record source detail", Text, Closed),
    ("hs_object_source_id", "Record source ID", Text, Closed),
    ("hs_object_source_label", "Record source", Text, Closed),
    ("hs_createdate", "Create date", DateTime, Closed),
    ("hs_lastmodifieddate", "Last modified date", DateTime, Closed),
    ("hs_object_id", "Record ID", Number, Closed),
];

pub(super) const CUSTOM_PROPERTIES: &[Row] = &[
    ("hubspot_owner_id", "Owner", Choice(&[]), Open),
    ("hs_createdate", "Object create date/time", DateTime, Closed),
    ("hs_lastmodifieddate", "Last modified date", DateTime, Closed),
    ("hs_object_id", "Record ID", Number, Closed),
];
