//! What an account may set about contacts and notes, in every transformation that uses this mapping.

use super::text;
use crate::settings::{Settings, Texts, invalid};
use crate::{Refusal, WritePolicy};

/// The schema of [`ContactSettings`], as an object of properties for [`crate::settings::schema`].
pub const CONTACT_FIELDS: &str = include_str!("contact_settings.json");

/// Settings about contacts. Everything may be missing; the schema has the words for people.
#[derive(Debug, Default)]
pub struct ContactSettings<'a> {
    /// Where a number without a country code is at home, such as `US`.
    pub country: Option<&'a str>,
    /// The currency of a budget that names none.
    pub default_currency: Option<&'a str>,
    /// The first name of a contact of whom only a phone number is known.
    pub placeholder_first_name: Option<&'a str>,
    /// From a lead's status to an option of the portal.
    pub status_map: Texts<'a>,
    /// From a lead's priority to `high`, `medium` or `low`.
    pub priority_map: Texts<'a>,
    /// One more property that takes the lead's origin.
    pub origin_property: Option<&'a str>,
    /// A property that takes the customer's consent.
    pub consent_property: Option<&'a str>,
    /// The option of HubSpot's `hs_legal_basis` that a lead with a consent gets.
    pub legal_basis: Option<&'a str>,
    /// Write policies by property, where an account wants another one.
    pub policies: Texts<'a>,
}

impl<'a> ContactSettings<'a> {
    /// Takes the fields about contacts out of the settings.
    pub fn read(settings: &'a Settings) -> Result<Self, Refusal> {
        Ok(Self {
            country: settings.text("country")?,
            default_currency: settings.text("default_currency")?,
            placeholder_first_name: settings.text("placeholder_first_name")?,
            status_map: settings.texts("status_map")?,
            priority_map: settings.texts("priority_map")?,
            origin_property: settings.text("origin_property")?,
            consent_property: settings.text("consent_property")?,
            legal_basis: settings.text("legal_basis")?,
            policies: settings.texts("policies")?,
        })
    }

    /// The currency of a budget that names none.
    pub fn currency(&self) -> &'a str {
        self.default_currency.unwrap_or("USD")
    }

    /// The first name of a contact of whom only a phone number is known.
    pub fn placeholder(&self) -> &'a str {
        self.placeholder_first_name.unwrap_or("Chat visitor")
    }

    /// When a property may take the place of what the CRM holds: as the account wants it, else
    /// `usual`.
    pub fn policy(&self, property: &str, usual: WritePolicy) -> WritePolicy {
        match self.policies.get(property) {
            Some("always") => WritePolicy::Always,
            Some("on-create") => WritePolicy::OnCreate,
            Some("if-empty") => WritePolicy::IfEmpty,
            // The schema knows these three.
            Some(_) | None => usual,
        }
    }
}

/// Refuses a property that a setting may not name: the CRM keeps it itself and would refuse the whole
/// record, or this mapping writes something else to it.
pub fn check_target(setting: &str, property: &str, taken: &[&str]) -> Result<(), Refusal> {
    let kept_by_crm = ["hs_analytics_", "hs_object_", "notes_last_"];
    if kept_by_crm.iter().any(|prefix| property.starts_with(prefix)) {
        return Err(invalid(
            setting,
            &text::joined(&["names `", property, "`, which HubSpot keeps itself; name another property"]),
        ));
    }
    if taken.contains(&property) {
        return Err(invalid(
            setting,
            &text::joined(&["names `", property, "`, which takes another value; name another property"]),
        ));
    }
    Ok(())
}
