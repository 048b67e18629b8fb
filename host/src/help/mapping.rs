//! Which part of a lead the stock transformations write to which property, and by which rule. A test runs every example
//! and compares what was written, and under which policy, with this table.

use crate::contract::actions::WritePolicy::{self, Always, IfEmpty, OnCreate};

/// One line of the mapping.
#[derive(Debug)]
pub struct Rule {
    /// Where it comes from: fields of a lead, or settings.
    pub from: &'static [&'static str],
    pub properties: &'static [&'static str],
    pub policy: WritePolicy,
    /// In words, as Markdown.
    pub words: &'static str,
    /// Settings of a transformation that belong to it, by name.
    pub settings: &'static [&'static str],
}

const fn rule(
    from: &'static [&'static str],
    properties: &'static [&'static str],
    policy: WritePolicy,
    words: &'static str,
) -> Rule {
    Rule { from, properties, policy, words, settings: &[] }
}

impl Rule {
    const fn with(self, settings: &'static [&'static str]) -> Self {
        Self { settings, ..self }
    }
}

/// What is written to a contact.
pub const CONTACT: [Rule; 12] = [
    rule(
        &["email"],
        &["email"],
        OnCreate,
        "trimmed, lower case. An address that HubSpot would refuse is left out, reported, and kept in the note as typed",
    ),
    rule(&["id"], &["leadline_lead_id"], OnCreate, "only where there is no usable address"),
    rule(
        &["name"],
        &["firstname", "lastname"],
        IfEmpty,
        "one word is a first name; otherwise the last word is the last name. Particles begin a last name (`van der`, \
         `de la`, `bin`), suffixes stay with it (`Jr.`, `III`); \"Lind, Maya\" is turned round; a Chinese, Japanese or \
         Korean name without a space is kept whole as first name",
    ),
    rule(
        &[],
        &["firstname"],
        OnCreate,
        "a placeholder, where neither name nor address is known: HubSpot would make no contact",
    )
    .with(&["placeholder_first_name"]),
    rule(
        &["phone"],
        &["phone"],
        IfEmpty,
        "E.164 (`+13055550187`) where country and digits make that certain, else as typed",
    )
    .with(&["country"]),
    rule(
        &["vehicle"],
        &["vehicle_of_interest"],
        Always,
        "\"2027 Honda CR-V EX-L\", from what is known, nothing said twice",
    ),
    rule(
        &["budget"],
        &["budget_range"],
        Always,
        "the customer's words; else \"34,000–38,000 USD\", \"from 25,000 USD\", \"up to 30,000 USD\"",
    )
    .with(&["default_currency"]),
    rule(
        &["status"],
        &["hs_lead_status"],
        OnCreate,
        "by `status_map`, else HubSpot's own option of that name (`new` is `NEW`); anything else is left out and reported",
    )
    .with(&["status_map"]),
    rule(
        &["priority"],
        &["lead_priority"],
        Always,
        "`high`, `medium` or `low`, by `priority_map` or as it is; anything else is left out and reported",
    )
    .with(&["priority_map"]),
    rule(&["origin"], &["lead_origin_channel"], Always, "as sent").with(&["origin_property"]),
    rule(&["dealership"], &["dealership_name", "dealership_slug"], Always, "as sent"),
    rule(
        &[],
        &["lifecyclestage"],
        Always,
        "`lead`, but not where HubSpot's own order of stages has the contact further on: a customer stays a customer",
    ),
];

/// What is written to a deal.
pub const DEAL: [Rule; 6] = [
    rule(
        &["deal_key"],
        &["leadline_deal_key"],
        OnCreate,
        "by `deal_key`: the lead, the person, or the person and the vehicle",
    ),
    rule(
        &["name_template"],
        &["dealname"],
        OnCreate,
        "such as `{vehicle} – {name}`; a part that is not known is left out with the text around it",
    ),
    rule(&["pipeline", "stage"], &["pipeline", "dealstage"], OnCreate, "by internal id"),
    rule(
        &["budget", "amount", "fixed_amount"],
        &["amount"],
        OnCreate,
        "by `amount`: the lower or upper bound or the middle of the budget, a fixed amount, or none. A budget in another \
         currency is left out and reported",
    ),
    rule(&["close_in_days"], &["closedate"], OnCreate, "so many days after the event"),
    rule(&["owner"], &["hubspot_owner_id"], OnCreate, "the owner that the settings name"),
];

/// What a policy means.
pub fn meaning(policy: WritePolicy) -> &'static str {
    match policy {
        Always => "whatever HubSpot holds",
        OnCreate => "only while the record is being created",
        IfEmpty => "only where HubSpot holds no value",
    }
}
