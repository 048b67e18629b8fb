//! The custom contact properties that this mapping writes, for manifests.

use super::choice::PRIORITIES;
use crate::PropertyDefinition;
use crate::manifest::{choice, text, unique_text};

const CONTACT: &str = "contact";

/// Names, labels and descriptions are those of the public help page, word for word: what we create
/// and what people create by hand must be the same. The unique one comes last and is our own.
pub fn contact_properties() -> Vec<PropertyDefinition> {
    vec![
        text(CONTACT, "vehicle_of_interest", "Vehicle of Interest", "The vehicle the customer is interested in"),
        text(CONTACT, "budget_range", "Budget Range", "Customer’s budget range for vehicle purchase"),
        choice(CONTACT, "lead_priority", "Lead Priority", "Priority level of this lead", &PRIORITIES),
        text(
            CONTACT,
            "lead_origin_channel",
            "Lead Origin Channel",
            "Channel where the lead originated (e.g., chat_widget)",
        ),
        text(CONTACT, "dealership_name", "Dealership Name", "Name of the dealership this lead is for"),
        text(CONTACT, "dealership_slug", "Dealership Slug", "Dealership identifier"),
        unique_text(
            CONTACT,
            "leadline_lead_id",
            "Leadline Lead ID",
            "Recognizes a lead that came without an email address, so that sending it again never makes a second contact",
        ),
    ]
}
