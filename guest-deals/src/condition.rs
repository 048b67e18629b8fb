//! Which leads make a deal.

use guest_sdk::Lead;
use guest_sdk::mapping::{Facts, text};

use crate::settings::DealSettings;

/// Whether the lead makes a deal, or the sentence for the log why it does not.
pub(crate) fn met(lead: &Lead, facts: &Facts, settings: &DealSettings<'_>) -> Result<(), String> {
    // A priority that is no option of the CRM may still be one that the account waits for.
    let priority = facts.priority.or(lead.priority.as_deref());
    one_of("priority", priority, &settings.only_priorities)?;
    one_of("origin", facts.origin.as_deref(), &settings.only_origins)
}

fn one_of(what: &str, value: Option<&str>, wanted: &[&str]) -> Result<(), String> {
    if wanted.is_empty() {
        return Ok(());
    }
    let Some(value) = value.map(str::trim) else {
        return Err(text::joined(&["no deal: the lead has no ", what, ", and only some make one"]));
    };
    if wanted.iter().any(|wanted| wanted.trim_ascii().eq_ignore_ascii_case(value)) {
        return Ok(());
    }
    Err(text::joined(&["no deal: the ", what, " `", value, "` is not among those that make one"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_lets_every_lead_make_a_deal() {
        for (value, wanted, expected) in [
            (Some("high"), &[][..], true),
            (None, &[], true),
            (Some("high"), &["high", "medium"], true),
            (Some(" HIGH "), &["high"], true),
            (Some("low"), &["high", "medium"], false),
            (None, &["high"], false),
        ] {
            assert_eq!(one_of("priority", value, wanted).is_ok(), expected, "{value:?} of {wanted:?}");
        }
    }
}
