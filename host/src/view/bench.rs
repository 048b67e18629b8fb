//! A version at the bench, as people see it: records as cards, limits as shares, differences as text.

use super::moment::count;
use crate::answer::{Answer, Outcome};
use crate::contract::actions::Action;
use crate::diff;
use crate::model::account::QuotaClass;
use crate::store::RunFigures;
use crate::text::cut;
use crate::transform::Quota;
use crate::workbench::Tried;

/// A longer value is cut on a card; the call below shows it whole.
const VALUE_CHARS_MAX: usize = 300;
/// From this share of a limit on a lead that is a little larger may not get through: the gates close there.
const WARNING_PERCENT: u64 = 60;

/// A record that a lead would write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub kind: &'static str,
    pub title: String,
    /// By what the record is recognised.
    pub key: Option<String>,
    pub rows: Vec<(String, String)>,
    pub text: Option<String>,
}

/// A limit, and what of it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub name: &'static str,
    pub words: String,
    /// Of the limit, at most 100.
    pub percent: u64,
    /// Empty, `warning` or `bad`.
    pub tone: &'static str,
}

/// The cards of an answer, in the order of its actions.
pub fn cards(answer: &Answer) -> Vec<Card> {
    match &answer.outcome {
        Outcome::Actions(actions) => actions.iter().map(card).collect(),
        Outcome::Skip(_) | Outcome::Invalid(_) | Outcome::Failed { .. } => Vec::new(),
    }
}

fn card(action: &Action) -> Card {
    let value = |name: &str| {
        let property = action.properties().iter().find(|property| property.name == name);
        property.map(|property| property.value.clone()).filter(|value| !value.is_empty())
    };
    let name = [value("firstname"), value("lastname")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let title = match action {
        Action::UpsertContact(_) if !name.is_empty() => name,
        Action::UpsertContact(_) => "Contact".to_owned(),
        Action::UpsertDeal(deal) => deal.name.clone(),
        Action::AddNote(_) => "Note".to_owned(),
        Action::UpsertObject(object) => object.object_type.clone(),
    };
    let mut rows = match action {
        Action::UpsertDeal(deal) => {
            vec![("pipeline".to_owned(), deal.pipeline.clone()), ("stage".to_owned(), deal.stage.clone())]
        }
        Action::UpsertContact(_) | Action::AddNote(_) | Action::UpsertObject(_) => Vec::new(),
    };
    rows.extend(action.properties().iter().map(|one| (one.name.clone(), cut(&one.value, VALUE_CHARS_MAX))));
    let text = match action {
        Action::AddNote(note) => Some(note.body.clone()),
        Action::UpsertContact(_) | Action::UpsertDeal(_) | Action::UpsertObject(_) => None,
    };
    Card { kind: action.label(), title, key: action.key().map(|(name, value)| format!("{name} = {value}")), rows, text }
}

/// What of the account's limits a run used.
pub fn used(figures: RunFigures, class: QuotaClass) -> Vec<Used> {
    let quota = Quota::of(class);
    let share = |used: u64, limit: u64| (used.saturating_mul(100) / limit.max(1)).min(100);
    let row = |name, used: u64, limit: u64, words: String| {
        let percent = share(used, limit);
        let tone = match percent {
            100.. => "bad",
            WARNING_PERCENT.. => "warning",
            _ => "",
        };
        Used { name, words, percent, tone }
    };
    let number = |value: u64| count(i64::try_from(value).unwrap_or(i64::MAX));
    let (fuel, memory) = (quota.fuel, quota.memory_bytes as u64);
    let millis = quota.millis();
    vec![
        row("Fuel", figures.fuel, fuel, format!("{} of {}", number(figures.fuel), number(fuel))),
        row(
            "Memory",
            figures.memory_bytes,
            memory,
            format!("{} of {} KiB", number(figures.memory_bytes.div_ceil(1024)), number(memory / 1024)),
        ),
        row(
            "Time",
            figures.micros,
            millis.saturating_mul(1000),
            format!("{} µs of {} ms", number(figures.micros), number(millis)),
        ),
    ]
}

/// In what the second differs from the first, line by line; empty where it does not.
pub fn differences(before: &Answer, after: &Answer) -> String {
    diff::text(&before.differences(after))
}

/// What an answer comes to, in a sentence.
pub fn verdict(tried: &Tried) -> String {
    match &tried.answer.outcome {
        Outcome::Actions(actions) if actions.is_empty() => "It has nothing to send.".to_owned(),
        Outcome::Actions(_) => format!("It would write: {}.", tried.answer.outcome),
        Outcome::Skip(reason) => format!("It would be skipped: {reason}"),
        Outcome::Invalid(reason) => format!("It would be refused: {reason}"),
        Outcome::Failed { code, detail } => format!("{}: {detail}", code.title()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_contact_and_a_note_are_cards() {
        let answer: Answer = serde_json::from_value(json!({ "actions": [
            { "UpsertContact": { "key": { "Email": "maya@example.com" }, "properties": [
                { "name": "firstname", "value": "Maya", "policy": "Always" },
                { "name": "lastname", "value": "Lind", "policy": "Always" }
            ] } },
            { "AddNote": { "about": [0], "at": 7, "body": "hi" } }
        ] }))
        .unwrap();
        let cards = cards(&answer);
        let told: Vec<_> = cards.iter().map(|card| (card.kind, card.title.as_str(), card.key.as_deref())).collect();
        assert_eq!(told, [("contact", "Maya Lind", Some("email = maya@example.com")), ("note", "Note", None)]);
        assert_eq!((cards[0].rows.len(), cards[1].text.as_deref()), (2, Some("hi")));
    }

    #[test]
    fn a_limit_that_comes_near_is_marked() {
        let quota = Quota::of(QuotaClass::Standard);
        for (fuel, percent, tone) in [
            (0, 0, ""),
            (quota.fuel * 59 / 100, 58, ""),
            (quota.fuel * 6 / 10, 60, "warning"),
            (quota.fuel, 100, "bad"),
        ] {
            let figures = RunFigures { fuel, memory_bytes: 1, micros: 1 };
            let rows = used(figures, QuotaClass::Standard);
            assert!(rows[0].percent.abs_diff(percent) <= 1, "{rows:?}");
            assert_eq!(rows[0].tone, tone, "{fuel}");
        }
    }
}
