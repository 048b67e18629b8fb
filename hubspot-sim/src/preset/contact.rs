//! The properties that contacts have in every HubSpot account, as far as a lead may touch them.

use super::Access::{Closed, Open};
use super::Kind::{Area, Bool, Choice, Date, DateTime, Number, Phone, Several, Text};
use super::Row;

pub(super) const PROPERTIES: &[Row] = &[
    ("email", "Email", Text, Open),
    ("hs_additional_emails", "Additional email addresses", Several(&[]), Closed),
    ("firstname", "First Name", Text, Open),
    ("lastname", "Last Name", Text, Open),
    ("salutation", "Salutation", Text, Open),
    ("phone", "Phone Number", Phone, Open),
    ("mobilephone", "Mobile Phone Number", Phone, Open),
    ("company", "Company Name", Text, Open),
    ("jobtitle", "Job Title", Text, Open),
    ("website", "Website URL", Text, Open),
    ("address", "Street Address", Text, Open),
    ("city", "City", Text, Open),
    ("state", "State/Region", Text, Open),
    ("zip", "Postal Code", Text, Open),
    ("country", "Country/Region", Text, Open),
    ("date_of_birth", "Date of birth", Text, Open),
    ("closedate", "Close Date", DateTime, Open),
    ("message", "Message", Area, Open),
    ("annualrevenue", "Annual Revenue", Text, Open),
    ("numemployees", "Number of Employees", Choice(&[("1-5", "1-5"), ("5-25", "5-25"), ("25-50", "25-50")]), Open),
    ("hs_language", "Preferred language", Choice(&[("de", "German"), ("en", "English"), ("es", "Spanish")]), Open),
    ("hs_legal_basis", "Legal basis for processing contact's data", Several(LEGAL_BASES), Open),
    ("hs_lead_status", "Lead Status", Choice(LEAD_STATUSES), Open),
    ("lifecyclestage", "Lifecycle Stage", Choice(LIFECYCLE_STAGES), Open),
    ("hubspot_owner_id", "Contact owner", Choice(&[]), Open),
    ("hs_persona", "Persona", Choice(&[]), Open),
    ("hs_email_optout", "Unsubscribed from all email", Bool, Open),
    ("start_date", "Start Date", Text, Open),
    ("notes_last_contacted", "Last Contacted", DateTime, Closed),
    ("notes_last_updated", "Last Activity Date", DateTime, Closed),
    ("notes_next_activity_date", "Next Activity Date", DateTime, Closed),
    ("num_notes", "Number of Sales Activities", Number, Closed),
    ("num_contacted_notes", "Number of times contacted", Number, Closed),
    ("hs_analytics_source", "Original Traffic Source", Choice(ANALYTICS_SOURCES), Closed),
    ("hs_latest_source", "Latest Traffic Source", Choice(ANALYTICS_SOURCES), Closed),
    ("hs_object_source", "Record source detail", Text, Closed),
    ("hs_object_source_id", "Record source ID", Text, Closed),
    ("hs_object_source_label", "Record source", Text, Closed),
    ("createdate", "Create Date", DateTime, Closed),
    ("lastmodifieddate", "Last Modified Date", DateTime, Closed),
    ("hs_lastmodifieddate", "Object last modified date/time", DateTime, Closed),
    ("hs_lifecyclestage_lead_date", "Became a Lead Date", Date, Closed),
    ("hs_object_id", "Record ID", Number, Closed),
];

const LIFECYCLE_STAGES: &[(&str, &str)] = &[
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
];

const LEAD_STATUSES: &[(&str, &str)] = &[
    ("NEW", "New"),
    ("OPEN", "Open"),
    ("IN_PROGRESS", "In Progress"),
    ("OPEN_DEAL", "Open Deal"),
    ("UNQUALIFIED", "Unqualified"),
    ("ATTEMPTED_TO_CONTACT", "Attempted to Contact"),
    ("CONNECTED", "Connected"),
    ("BAD_TIMING", "Bad Timing"),
];

const ANALYTICS_SOURCES: &[(&str, &str)] = &[
    ("ORGANIC_SEARCH", "Organic Search"),
    ("PAID_SEARCH", "Paid Search"),
    ("EMAIL_MARKETING", "Email Marketing"),
    ("SOCIAL_MEDIA", "Organic Social"),
    ("REFERRALS", "Referrals"),
    ("OTHER_CAMPAIGNS", "Other Campaigns"),
    ("DIRECT_TRAFFIC", "Direct Traffic"),
    ("OFFLINE", "Offline Sources"),
    ("PAID_SOCIAL", "Paid Social"),
];

const LEGAL_BASES: &[(&str, &str)] = &[
    ("Legitimate interest – prospect/lead", "Legitimate interest – prospect/lead"),
    ("Freely given consent from contact", "Freely given consent from contact"),
    ("Not applicable", "Not applicable"),
];
