//! What makes two leads the same deal.

use guest_sdk::mapping::{Facts, text};
use guest_sdk::{PropertyDefinition, manifest};

use crate::settings::KeyRule;

/// The unique deal property that holds the key.
pub(crate) const PROPERTY: &str = "leadline_deal_key";

pub(crate) fn property() -> PropertyDefinition {
    manifest::unique_text(
        "deal",
        PROPERTY,
        "Leadline Deal Key",
        "Recognizes the deal of a lead, so that sending the lead again never makes a second deal",
    )
}

/// The key of a lead's deal. A person is an email address, else a phone number, else this one lead.
pub(crate) fn key(facts: &Facts, rule: KeyRule) -> String {
    let person = facts.email.as_ref().or(facts.phone.as_ref()).unwrap_or(&facts.lead_id);
    match rule {
        KeyRule::Lead => facts.lead_id.clone(),
        KeyRule::Person => person.clone(),
        KeyRule::PersonAndVehicle => match &facts.vehicle {
            // Typed by people: "Toyota rav4" is the Toyota RAV4 of the week before.
            Some(vehicle) => text::joined(&[person, " ", &vehicle.to_ascii_lowercase()]),
            None => person.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_of_lead_person_or_person_and_vehicle() {
        let (email, phone, car) = ("maya@example.com", "+13055550187", "2024 Toyota RAV4");
        for (email, phone, car, rule, expected) in [
            (email, phone, car, KeyRule::Lead, "lead_1"),
            (email, phone, car, KeyRule::Person, "maya@example.com"),
            ("", phone, car, KeyRule::Person, "+13055550187"),
            ("", "", car, KeyRule::Person, "lead_1"),
            (email, phone, car, KeyRule::PersonAndVehicle, "maya@example.com 2024 toyota rav4"),
            ("", phone, car, KeyRule::PersonAndVehicle, "+13055550187 2024 toyota rav4"),
            (email, phone, "", KeyRule::PersonAndVehicle, "maya@example.com"),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let facts = Facts {
                lead_id: "lead_1".into(),
                email: some(email),
                phone: some(phone),
                vehicle: some(car),
                ..Facts::default()
            };
            assert_eq!(key(&facts, rule), expected);
        }
    }
}
