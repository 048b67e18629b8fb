//! What an account may set about deals, next to what it may set about contacts.

use guest_sdk::Refusal;
use guest_sdk::settings::{Settings, Texts, invalid};

/// The schema of [`DealSettings`], as an object of properties.
pub(crate) const DEAL_FIELDS: &str = include_str!("deal_settings.json");

/// What the schema says beyond its properties: a deal starts somewhere, and a fixed amount is given.
pub(crate) const DEAL_RULES: [&str; 3] = [
    r#""required": ["pipeline", "stage"]"#,
    r#""if": { "properties": { "amount": { "const": "fixed" } }, "required": ["amount"] }"#,
    r#""then": { "required": ["fixed_amount"] }"#,
];

#[derive(Debug)]
pub(crate) struct DealSettings<'a> {
    /// Internal ids, not labels.
    pub(crate) pipeline: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) key: KeyRule,
    pub(crate) name_template: Option<&'a str>,
    pub(crate) amount: AmountRule,
    /// In whole units of the account's currency.
    pub(crate) fixed_amount: Option<u64>,
    pub(crate) close_in_days: Option<u64>,
    pub(crate) owner: Option<&'a str>,
    pub(crate) default_properties: Texts<'a>,
    /// Which priorities make a deal; empty for all.
    pub(crate) only_priorities: Vec<&'a str>,
    /// Which origins make a deal; empty for all.
    pub(crate) only_origins: Vec<&'a str>,
}

/// Who shares a deal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyRule {
    Lead,
    Person,
    PersonAndVehicle,
}

/// What of a budget becomes the amount.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AmountRule {
    Min,
    Middle,
    Max,
    Fixed,
    None,
}

impl<'a> DealSettings<'a> {
    pub(crate) fn read(settings: &'a Settings) -> Result<Self, Refusal> {
        let key = match settings.text("deal_key")? {
            None | Some("lead") => KeyRule::Lead,
            Some("person") => KeyRule::Person,
            Some("person-and-vehicle") => KeyRule::PersonAndVehicle,
            Some(_) => {
                return Err(invalid("deal_key", "is not lead, person or person-and-vehicle"));
            }
        };
        let amount = match settings.text("amount")? {
            Some("min") => AmountRule::Min,
            None | Some("middle") => AmountRule::Middle,
            Some("max") => AmountRule::Max,
            Some("fixed") => AmountRule::Fixed,
            Some("none") => AmountRule::None,
            Some(_) => return Err(invalid("amount", "is not min, middle, max, fixed or none")),
        };
        Ok(Self {
            pipeline: settings.required_text("pipeline")?,
            stage: settings.required_text("stage")?,
            key,
            name_template: settings.text("name_template")?,
            amount,
            fixed_amount: settings.number("fixed_amount")?,
            close_in_days: settings.number("close_in_days")?,
            owner: settings.text("owner")?,
            default_properties: settings.texts("default_properties")?,
            only_priorities: settings.list("only_priorities")?,
            only_origins: settings.list("only_origins")?,
        })
    }
}
