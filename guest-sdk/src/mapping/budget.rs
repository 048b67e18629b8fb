//! A budget as one line of text, and its bounds in order.

use super::{number, text};
use crate::Budget;

/// As the customer put it, else "25,000–30,000 USD", "from 25,000 USD" or "up to 30,000 USD".
/// `currency` is taken where the budget names none.
pub fn range(budget: &Budget, currency: &str) -> Option<String> {
    if let Some(text) = text::optional_line(budget.text.as_ref()) {
        return Some(text);
    }
    let currency = text::optional_line(budget.currency.as_ref()).unwrap_or_else(|| currency.into());
    let (word, first, second) = match bounds(budget) {
        (Some(min), Some(max)) => ("", min, Some(max).filter(|&max| max != min)),
        (Some(min), None) => ("from ", min, None),
        (None, Some(max)) => ("up to ", max, None),
        (None, None) => return None,
    };
    let mut range = String::from(word);
    number::push_grouped(&mut range, first);
    if let Some(second) = second {
        range.push('–');
        number::push_grouped(&mut range, second);
    }
    range.push(' ');
    range.push_str(&currency);
    Some(range)
}

/// The lower and the upper bound. Widgets send 0 for "no bound", and some send the two the wrong way
/// round.
pub fn bounds(budget: &Budget) -> (Option<u64>, Option<u64>) {
    let known = |bound: Option<u64>| bound.filter(|&amount| amount > 0);
    match (known(budget.min), known(budget.max)) {
        (Some(min), Some(max)) => (Some(min.min(max)), Some(min.max(max))),
        bounds => bounds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_reads_as_a_range() {
        for (text, min, max, currency, expected) in [
            ("around 28k out the door", Some(25_000), Some(30_000), "USD", Some("around 28k out the door")),
            ("", Some(25_000), Some(30_000), "USD", Some("25,000–30,000 USD")),
            ("", Some(30_000), Some(25_000), "USD", Some("25,000–30,000 USD")),
            ("", Some(25_000), None, "", Some("from 25,000 EUR")),
            ("", None, Some(30_000), "CAD", Some("up to 30,000 CAD")),
            ("", Some(0), Some(30_000), "USD", Some("up to 30,000 USD")),
            ("", Some(900), Some(900), "USD", Some("900 USD")),
            ("", Some(1), Some(1_234_567), "USD", Some("1–1,234,567 USD")),
            (" ", None, Some(0), "USD", None),
            ("", None, None, "USD", None),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let budget = Budget { text: some(text), min, max, currency: some(currency) };
            assert_eq!(range(&budget, "EUR").as_deref(), expected, "{budget:?}");
        }
    }
}
