//! The contact of a lead: which property takes which fact, and when it may take the place of what
//! the CRM holds.

use super::facts::Facts;
use super::settings::{ContactSettings, check_target};
use crate::{Contact, Properties, Refusal, WritePolicy};

/// What this mapping fills itself, so that a setting cannot name it a second time.
const TAKEN: [&str; 14] = [
    "email",
    "leadline_lead_id",
    "firstname",
    "lastname",
    "phone",
    "vehicle_of_interest",
    "budget_range",
    "hs_lead_status",
    "lead_priority",
    "lead_origin_channel",
    "dealership_name",
    "dealership_slug",
    "hs_legal_basis",
    "lifecyclestage",
];

/// The contact to create or update. Its key is the e-mail address, else the lead's id, so that a
/// repeat never makes a second contact.
///
/// | property | policy | why |
/// |---|---|---|
/// | `email`, `leadline_lead_id` | on create | keys: they recognise a contact, they do not change one |
/// | `firstname`, `lastname`, `phone` | if empty | about the person: what somebody corrected stays |
/// | `hs_lead_status` | on create | a seller moves it on |
/// | `lifecyclestage` | always | the CRM moves it forward only, so a customer stays one |
/// | vehicle, budget, priority, origin, dealership, consent | always | about this lead: the latest counts |
/// | the account's own origin property, the legal basis of a consent | if empty | people may keep it by hand |
///
/// The setting `policies` overrides all but the keys.
pub fn contact(facts: &Facts, settings: &ContactSettings<'_>) -> Result<Contact, Refusal> {
    if facts.name.is_none() && facts.phone.is_none() && facts.email.is_none() && facts.unusable.is_empty() {
        return Err(Refusal::Skip("lead.no_identity: the lead has no name, email or phone".into()));
    }
    let mut contact = match &facts.email {
        Some(address) => Contact::by_email(address),
        None if facts.lead_id.is_empty() => {
            return Err(Refusal::Invalid("the lead has no id, and no email to be recognized by".into()));
        }
        None => Contact::by_unique("leadline_lead_id", &facts.lead_id),
    };
    let (origin, consent) = (settings.origin_property, settings.consent_property);
    for (setting, property) in [("origin_property", origin), ("consent_property", consent)] {
        if let Some(property) = property {
            check_target(setting, property, &TAKEN)?;
        }
    }
    let name = facts.name.as_ref();
    // HubSpot creates no contact without a name or an address.
    let placeholder = (name.is_none() && facts.email.is_none()).then(|| settings.placeholder());
    // A table, because a call for each would make a guest 2 KB larger.
    let values = [
        ("firstname", name.map(|name| name.first.as_str()), WritePolicy::IfEmpty),
        ("lastname", name.and_then(|name| name.last.as_deref()), WritePolicy::IfEmpty),
        ("firstname", placeholder, WritePolicy::OnCreate),
        ("phone", facts.phone.as_deref(), WritePolicy::IfEmpty),
        ("vehicle_of_interest", facts.vehicle.as_deref(), WritePolicy::Always),
        ("budget_range", facts.budget.as_deref(), WritePolicy::Always),
        ("hs_lead_status", facts.status.as_deref(), WritePolicy::OnCreate),
        ("lead_priority", facts.priority, WritePolicy::Always),
        ("lead_origin_channel", facts.origin.as_deref(), WritePolicy::Always),
        ("dealership_name", facts.dealership_name.as_deref(), WritePolicy::Always),
        ("dealership_slug", facts.dealership_slug.as_deref(), WritePolicy::Always),
        ("lifecyclestage", Some("lead"), WritePolicy::Always),
        ("hs_legal_basis", facts.consent.as_ref().and(settings.legal_basis), WritePolicy::IfEmpty),
        (origin.unwrap_or_default(), origin.and(facts.origin.as_deref()), WritePolicy::IfEmpty),
        (consent.unwrap_or_default(), consent.and(facts.consent.as_deref()), WritePolicy::Always),
    ];
    for (property, value, usual) in values {
        if let Some(value) = value {
            contact.set(property, value, settings.policy(property, usual));
        }
    }
    Ok(contact)
}
