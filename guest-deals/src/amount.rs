//! What a deal is worth.

use guest_sdk::mapping::{budget, number, text};
use guest_sdk::{Budget, log};

use crate::settings::{AmountRule, DealSettings};

/// The amount of a deal, as HubSpot takes numbers: no thousands mark, at most one decimal. Where the
/// budget has one bound only, that is the amount, whichever the rule asks for.
pub(crate) fn amount(budget: Option<&Budget>, currency: &str, settings: &DealSettings<'_>) -> Option<String> {
    if matches!(settings.amount, AmountRule::Fixed) {
        return settings.fixed_amount.map(number::text);
    }
    let (min, max) = match budget::bounds(budget?) {
        (Some(min), Some(max)) => (min, max),
        (Some(only), None) | (None, Some(only)) => (only, only),
        (None, None) => return None,
    };
    let amount = match settings.amount {
        AmountRule::Min => number::text(min),
        AmountRule::Middle => middle(min, max),
        AmountRule::Max => number::text(max),
        AmountRule::Fixed | AmountRule::None => return None,
    };
    is_in(currency, budget?, &amount).then_some(amount)
}

/// Whether the budget is in the currency of the deals. A number of another one would be worse than
/// none.
fn is_in(currency: &str, budget: &Budget, amount: &str) -> bool {
    let Some(other) = text::optional_line(budget.currency.as_ref()) else {
        return true;
    };
    if other.eq_ignore_ascii_case(currency) {
        return true;
    }
    let reason = text::joined(&["the budget is in ", &other, ", and the setting `default_currency` says ", currency]);
    log::dropped("amount", amount, &reason);
    false
}

fn middle(min: u64, max: u64) -> String {
    let half = if (max - min) % 2 == 1 { ".5" } else { "" };
    number::text(min.midpoint(max)) + half
}

#[cfg(test)]
mod tests {
    use guest_sdk::settings::Settings;
    use guest_sdk::testing;

    use super::*;

    fn settings(amount: &str) -> Settings {
        Settings::parse(&format!(r#"{{"pipeline": "p", "stage": "s"{amount}}}"#)).unwrap()
    }

    fn budget(min: Option<u64>, max: Option<u64>, currency: &str) -> Budget {
        Budget { text: None, min, max, currency: Some(currency.into()) }
    }

    #[test]
    fn the_rule_picks_from_the_budget() {
        for (rule, min, max, expected) in [
            ("", Some(25_000), Some(30_000), Some("27500")),
            (r#", "amount": "middle""#, Some(25_000), Some(30_001), Some("27500.5")),
            (r#", "amount": "min""#, Some(30_000), Some(25_000), Some("25000")),
            (r#", "amount": "max""#, Some(25_000), Some(30_000), Some("30000")),
            (r#", "amount": "min""#, None, Some(30_000), Some("30000")),
            (r#", "amount": "max""#, Some(25_000), Some(0), Some("25000")),
            (r#", "amount": "max""#, None, None, None),
            (r#", "amount": "none""#, Some(25_000), Some(30_000), None),
            (r#", "amount": "fixed", "fixed_amount": 500"#, Some(25_000), None, Some("500")),
            (r#", "amount": "fixed", "fixed_amount": 500"#, None, None, Some("500")),
        ] {
            let settings = settings(rule);
            let settings = DealSettings::read(&settings).unwrap();
            let amount = amount(Some(&budget(min, max, "usd")), "USD", &settings);
            assert_eq!(amount.as_deref(), expected, "{rule} of {min:?} to {max:?}");
        }
        let settings = settings("");
        assert_eq!(amount(None, "USD", &DealSettings::read(&settings).unwrap()), None);
    }

    #[test]
    fn an_amount_in_another_currency_is_left_out_and_said() {
        let settings = settings("");
        let settings = DealSettings::read(&settings).unwrap();
        let (amount, record) = testing::capture(|| amount(Some(&budget(Some(25_000), None, "CAD")), "USD", &settings));
        assert_eq!(amount, None);
        assert_eq!(
            record.to_string(),
            "dropped amount = 25000: the budget is in CAD, and the setting `default_currency` says USD\n"
        );
    }
}
