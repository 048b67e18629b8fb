//! A version at the bench, as people see it: records as cards, limits as shares, differences as text.

use super::moment::count;
use crate::answer::{Answer, Outcome};
use crate::contract::actions::Action;
use crate::diff;
use crate::model::account::QuotaClass;
use crate::operate::guests::Spread;
use crate::picture::boxes::{Boxes, Row, Unit};
use crate::picture::{Drawn, drawn};
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

/// What runs of one version used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// The version, as the picture names it.
    pub name: String,
    pub href: Option<String>,
    pub fuel: Spread,
    pub memory_bytes: Spread,
    pub micros: Spread,
}

impl Runs {
    /// Runs at the bench: whoever looks at them has the version before him, so they lead nowhere.
    pub fn at_bench(name: String, figures: &[RunFigures]) -> Self {
        let spread = |of: fn(&RunFigures) -> u64| Spread::of(figures.iter().map(of).collect());
        Self {
            name,
            href: None,
            fuel: spread(|run| run.fuel),
            memory_bytes: spread(|run| run.memory_bytes),
            micros: spread(|run| run.micros),
        }
    }
}

/// What runs used of each limit: a picture for fuel, time and memory, and in each a box for every version.
pub fn boxes(versions: &[Runs], limits: Quota) -> Vec<(&'static str, Drawn)> {
    let one = |ids: &str, title: &'static str, (unit, limit): (Unit, u64), of: fn(&Runs) -> Spread| {
        let rows = versions.iter().map(|runs| row(runs, of(runs))).collect();
        (title, drawn(ids, &Boxes { title: title.to_owned(), unit, limit: Some(limit), rows }))
    };
    vec![
        one("fuel", "Fuel of a run", (Unit::Fuel, limits.fuel), |runs| runs.fuel),
        one("time", "Time of a run", (Unit::Micros, limits.millis() * 1000), |runs| runs.micros),
        one("memory", "Memory of a run", (Unit::Bytes, limits.memory_bytes as u64), |runs| runs.memory_bytes),
    ]
}

fn row(runs: &Runs, spread: Spread) -> Row {
    Row {
        name: runs.name.clone(),
        least: spread.least,
        low: spread.p25,
        median: spread.p50,
        high: spread.p75,
        most: spread.most,
        href: runs.href.clone(),
    }
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
    fn samples_are_a_box_a_version_against_the_limit_of_the_account() {
        let run = |fuel| RunFigures { fuel, memory_bytes: 3 << 20, micros: 2_000 };
        let this = Runs::at_bench("deals@3".to_owned(), &[5, 1, 4, 2, 3].map(|step| run(step * 1_000_000)));
        let before = Runs::at_bench("deals@2 (in use)".to_owned(), &[run(200_000_000)]);
        let drawn = boxes(&[this, before], Quota::of(QuotaClass::Javascript));
        let titles: Vec<_> = drawn.iter().map(|(title, _)| *title).collect();
        assert_eq!(titles, ["Fuel of a run", "Time of a run", "Memory of a run"]);
        let rows: Vec<_> = drawn[0].1.table.rows.iter().map(|row| row.join(" | ")).collect();
        assert_eq!(
            rows,
            [
                "deals@3 | 1,000,000 | 2,000,000 | 3,000,000 | 4,000,000 | 5,000,000 | 3%",
                "deals@2 (in use) | 200,000,000 | 200,000,000 | 200,000,000 | 200,000,000 | 200,000,000 | 100%",
            ]
        );
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
