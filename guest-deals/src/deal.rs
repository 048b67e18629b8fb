//! The deal of a lead.

use guest_sdk::mapping::{ContactSettings, Facts, check_target, moment};
use guest_sdk::{Deal, Lead, Properties, Refusal, Timestamp, WritePolicy};

use crate::settings::DealSettings;
use crate::{amount, key, title};

/// What the contract has fields for, so that no default value can stand in their place.
const TAKEN: [&str; 4] = ["dealname", "pipeline", "dealstage", key::PROPERTY];

/// The deal to create, or the one that its key finds. Everything is written on create only: from
/// then on the deal belongs to the seller, and a second chat must not undo an agreed price or date.
/// The setting `policies` may say otherwise, by property.
pub(crate) fn deal(
    lead: &Lead,
    facts: &Facts,
    at: Timestamp,
    about_contacts: &ContactSettings<'_>,
    settings: &DealSettings<'_>,
) -> Result<Deal, Refusal> {
    if facts.lead_id.is_empty() {
        return Err(Refusal::Invalid("the lead has no id that its deal could be recognized by".into()));
    }
    let key = key::key(facts, settings.key);
    let name = title::title(settings.name_template.unwrap_or(title::TEMPLATE), facts)?;
    let mut deal = Deal::by_unique(key::PROPERTY, key).named(name).in_stage(settings.pipeline, settings.stage);
    let mut set = |property: &str, value: Option<&str>| {
        if let Some(value) = value {
            deal.set(property, value, about_contacts.policy(property, WritePolicy::OnCreate));
        }
    };

    // First, so that what this lead says takes the place of a default.
    for (property, value) in settings.default_properties.iter() {
        check_target("default_properties", property, &TAKEN)?;
        set(property, Some(value));
    }
    let amount = amount::amount(lead.budget.as_ref(), about_contacts.currency(), settings);
    let close = settings.close_in_days.map(|days| moment::day(moment::days_later(at, days)));
    let values = [("amount", amount.as_deref()), ("closedate", close.as_deref()), ("hubspot_owner_id", settings.owner)];
    for (property, value) in values {
        set(property, value);
    }
    Ok(deal)
}
