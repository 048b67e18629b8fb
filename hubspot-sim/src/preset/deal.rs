//! The properties of deals in every HubSpot account, and the stages of the preset pipelines.

use super::Access::{Closed, Open};
use super::Kind::{Area, Choice, DateTime, Number, Text};
use super::Row;

pub(super) const PROPERTIES: &[Row] = &[
    ("dealname", "Deal Name", Text, Open),
    ("pipeline", "Pipeline", Choice(&[]), Open),
    ("dealstage", "Deal Stage", Choice(&[]), Open),
    ("amount", "Amount", Number, Open),
    ("deal_currency_code", "Currency", Choice(&[("USD", "US Dollar")]), Open),
    ("closedate", "Close Date", DateTime, Open),
    (
        "dealtype",
        "Deal Type",
        Choice(&[("newbusiness", "New Business"), ("existingbusiness", "Existing Business")]),
        Open,
    ),
    ("description", "Deal Description", Area, Open),
    ("hubspot_owner_id", "Deal owner", Choice(&[]), Open),
    ("hs_priority", "Priority", Choice(&[("low", "Low"), ("medium", "Medium"), ("high", "High")]), Open),
    ("hs_next_step", "Next step", Text, Open),
    ("closed_lost_reason", "Closed Lost Reason", Area, Open),
    ("closed_won_reason", "Closed Won Reason", Area, Open),
    ("notes_last_contacted", "Last Contacted", DateTime, Closed),
    ("notes_last_updated", "Last Activity Date", DateTime, Closed),
    ("num_notes", "Number of Sales Activities", Number, Closed),
    ("hs_object_source", "Record source detail", Text, Closed),
    ("hs_object_source_id", "Record source ID", Text, Closed),
    ("hs_object_source_label", "Record source", Text, Closed),
    ("createdate", "Create Date", DateTime, Closed),
    ("hs_createdate", "Object create date/time", DateTime, Closed),
    ("hs_lastmodifieddate", "Last Modified Date", DateTime, Closed),
    ("hs_object_id", "Record ID", Number, Closed),
];

pub(super) const SALES_STAGES: &[(&str, &str, &str)] = &[
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
];

pub(super) const VEHICLE_STAGES: &[(&str, &str, &str)] = &[
    ("new-lead", "New Lead", "0.1"),
    ("appointment", "Appointment Set", "0.3"),
    ("test-drive", "Test Drive", "0.5"),
    ("offer", "Offer Made", "0.8"),
    ("won", "Sold", "1.0"),
    ("lost", "Lost", "0.0"),
];
