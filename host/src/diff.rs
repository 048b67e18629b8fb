//! In what two answers to one event differ: action by action, property by property. Pure; an author's expectation and
//! a version that is tried out are compared by it, and a person reads the outcome.

mod pair;
mod text;

use serde::{Deserialize, Serialize};

use crate::contract::actions::{Action, MatchKey, Property};
use crate::model::time::Timestamp;
use pair::{Pair, pairs};

pub use text::text;

/// One difference. Without a `before` it was added, without an `after` taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Difference)]
pub struct Change {
    /// The action as people call it, with a number where there are several of its kind: `contact`, `note 2`; `actions`
    /// for what concerns all of them.
    pub action: String,
    /// A property by its name, or a field of the contract: `key`, `name`, `pipeline`, `stage`, `body`, `at`, `of`, `about`.
    /// `policy of …` is a property's write policy, `order` that of properties or actions. None is the action itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// In what `after` differs from `before`; empty exactly when both are equal.
///
/// Actions are paired by kind and key, notes by their text, and what is left by kind, in order. So one that was put in
/// or taken out is one difference, and the others still meet their like. An action that another one names is compared
/// as the pair that it belongs to, not by its position.
pub fn differences(before: &[Action], after: &[Action]) -> Vec<Change> {
    let pairs = pairs(before, after);
    let mut changes = Vec::new();
    for pair in &pairs {
        let label = pair.label.as_str();
        let [old, new] = [pair.before.map(|index| &before[index]), pair.after.map(|index| &after[index])];
        if old.is_none() || new.is_none() {
            let key = |action: Option<&Action>| action.map(|action| key(action).unwrap_or_default());
            changes.push(Change { action: label.to_owned(), part: None, before: key(old), after: key(new) });
        }
        let old = old.map_or_else(Vec::new, |action| fields(action, &pairs, |pair| pair.before));
        let new = new.map_or_else(Vec::new, |action| fields(action, &pairs, |pair| pair.after));
        compare(label, &old, &new, &mut changes);
        let [old, new] = [pair.before.map(|index| &before[index]), pair.after.map(|index| &after[index])]
            .map(|action| action.map_or(&[][..], Action::properties));
        compare_properties(label, old, new, &mut changes);
    }
    compare_order(&pairs, &mut changes);
    changes
}

/// The key by which its record is recognised, as text.
fn key(action: &Action) -> Option<String> {
    let (name, value) = action.key()?;
    let is_address = match action {
        Action::UpsertContact(contact) => matches!(contact.key, MatchKey::Email(_)),
        Action::UpsertObject(object) => matches!(object.key, MatchKey::Email(_)),
        Action::UpsertDeal(_) | Action::AddNote(_) => false,
    };
    // A unique property may be called `email` too, and is another key.
    Some(if is_address { format!("e-mail {value}") } else { format!("{name} {value}") })
}

/// What the contract has fields for, by name.
fn fields(action: &Action, pairs: &[Pair], side: impl Fn(&Pair) -> Option<usize>) -> Vec<(&'static str, String)> {
    let named = |targets: &[u32]| {
        let label = |target: &u32| {
            let pair = pairs.iter().find(|pair| side(pair) == Some(*target as usize));
            pair.map_or_else(|| format!("action {target}"), |pair| pair.label.clone())
        };
        targets.iter().map(label).collect::<Vec<_>>().join(", ")
    };
    let key = ("key", key(action).unwrap_or_default());
    match action {
        Action::UpsertContact(_) => vec![key],
        Action::UpsertDeal(deal) => vec![
            key,
            ("name", deal.name.clone()),
            ("pipeline", deal.pipeline.clone()),
            ("stage", deal.stage.clone()),
            ("of", named(&deal.contacts)),
        ],
        Action::AddNote(note) => {
            vec![("body", note.body.clone()), ("at", moment(note.at)), ("about", named(&note.about))]
        }
        Action::UpsertObject(object) => vec![key, ("of", named(&object.associated_with))],
    }
}

/// The time of a note; one that is no date is shown as the number that it is.
fn moment(millis: i64) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(_) => Timestamp(millis).to_string(),
        Err(_) => format!("{millis} ms"),
    }
}

/// Fields of the same kind of action; where one side is missing, only what says something counts.
fn compare(label: &str, old: &[(&str, String)], new: &[(&str, String)], changes: &mut Vec<Change>) {
    let names = if old.is_empty() { new } else { old };
    let value = |fields: &[(&str, String)], name: &str| {
        fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    };
    let one_sided = old.is_empty() || new.is_empty();
    for (name, known) in names {
        // The key of an action that came or went is said with the action.
        if one_sided && (*name == "key" || known.is_empty()) {
            continue;
        }
        let (before, after) = (value(old, name), value(new, name));
        if before != after {
            changes.push(Change { action: label.to_owned(), part: Some((*name).to_owned()), before, after });
        }
    }
}

fn compare_properties(label: &str, old: &[Property], new: &[Property], changes: &mut Vec<Change>) {
    let mut change = |part: String, before: Option<&str>, after: Option<&str>| {
        let [before, after] = [before, after].map(|value| value.map(str::to_owned));
        changes.push(Change { action: label.to_owned(), part: Some(part), before, after });
    };
    // A name that stands there twice breaks the contract; it is shown all the same.
    let mut left: Vec<&Property> = new.iter().collect();
    let mut order = Vec::new();
    for property in old {
        let Some(found) = left.iter().position(|other| other.name == property.name) else {
            change(property.name.clone(), Some(&property.value), None);
            continue;
        };
        let other = left.remove(found);
        order.push(other);
        if other.value != property.value {
            change(property.name.clone(), Some(&property.value), Some(&other.value));
        }
        if other.policy != property.policy {
            let part = format!("policy of {}", property.name);
            change(part, Some(property.policy.label()), Some(other.policy.label()));
        }
    }
    for property in &left {
        change(property.name.clone(), None, Some(&property.value));
    }
    let added = |property: &&Property| left.iter().any(|other| std::ptr::eq(*other, *property));
    let now: Vec<&Property> = new.iter().filter(|property| !added(property)).collect();
    if !now.iter().zip(&order).all(|(now, then)| std::ptr::eq(*now, *then)) {
        let names =
            |list: &[&Property]| list.iter().map(|property| property.name.as_str()).collect::<Vec<_>>().join(", ");
        change("order".to_owned(), Some(&names(&order)), Some(&names(&now)));
    }
}

/// Actions that both have, in another order.
fn compare_order(pairs: &[Pair], changes: &mut Vec<Change>) {
    let both: Vec<(&Pair, usize)> =
        pairs.iter().filter_map(|pair| pair.before.and(Some((pair, pair.after?)))).collect();
    let mut now = both.clone();
    now.sort_by_key(|(_, after)| *after);
    let names =
        |list: &[(&Pair, usize)]| list.iter().map(|(pair, _)| pair.label.as_str()).collect::<Vec<_>>().join(", ");
    let (before, after) = (names(&both), names(&now));
    if before != after {
        let part = Some("order".to_owned());
        changes.push(Change { action: "actions".to_owned(), part, before: Some(before), after: Some(after) });
    }
}

#[cfg(test)]
mod tests;
