//! What differs between two lists of actions, property by property. Pure.

use std::fmt;

use serde::Serialize;

use crate::contract::Action;
use crate::text::cut;

/// A value in a sentence; a conversation would fill the screen.
const VALUE_CHARS_MAX: usize = 80;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `contact`, `deal`, `note` or `object`.
    pub action: &'static str,
    /// The property or field; none where the whole action is new or gone.
    pub property: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, property, before, after } = self;
        let shown = |value: &Option<String>| match value {
            Some(value) => format!("`{}`", cut(value, VALUE_CHARS_MAX)),
            None => "nothing".to_owned(),
        };
        match property {
            Some(property) => write!(f, "{action}.{property}: {} → {}", shown(before), shown(after)),
            None if after.is_some() => write!(f, "{action} is new"),
            None => write!(f, "{action} is gone"),
        }
    }
}

/// What differs. Actions of a kind are compared in their order.
pub fn compare(before: &[Action], after: &[Action]) -> Vec<Change> {
    let mut changes = Vec::new();
    for label in ["contact", "deal", "note", "object"] {
        let of_kind = |actions: &[Action]| {
            let of_kind = actions.iter().filter(|action| action.label() == label);
            of_kind.map(|action| fields(action, actions)).collect::<Vec<_>>()
        };
        let (old, new) = (of_kind(before), of_kind(after));
        for index in 0..old.len().max(new.len()) {
            match (old.get(index), new.get(index)) {
                (Some(old), Some(new)) => compare_fields(label, old, new, &mut changes),
                (old, new) => {
                    let there = |side: Option<&Vec<_>>| side.map(|_| label.to_owned());
                    changes.push(Change { action: label, property: None, before: there(old), after: there(new) });
                }
            }
        }
    }
    changes
}

type Fields = Vec<(String, String)>;

fn compare_fields(action: &'static str, old: &Fields, new: &Fields, changes: &mut Vec<Change>) {
    let value = |fields: &Fields, name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let mut names: Vec<&String> = old.iter().chain(new).map(|(name, _)| name).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.as_str()));
    for name in names {
        let (before, after) = (value(old, name), value(new, name));
        if before != after {
            changes.push(Change { action, property: Some(name.clone()), before, after });
        }
    }
}

/// Everything that an action says, by name.
fn fields(action: &Action, all: &[Action]) -> Fields {
    let mut fields = Fields::new();
    let mut field = |name: &str, value: String| fields.push((name.to_owned(), value));
    if let Some((name, value)) = action.key() {
        field("key", format!("{name} = {value}"));
    }
    match action {
        Action::UpsertContact(_) => {}
        Action::UpsertDeal(deal) => {
            field("name", deal.name.clone());
            field("pipeline", deal.pipeline.clone());
            field("stage", deal.stage.clone());
        }
        Action::AddNote(note) => {
            field("body", note.body.clone());
            field("at", note.at.to_string());
        }
        Action::UpsertObject(object) => field("object_type", object.object_type.clone()),
    }
    // By kind, so that an action more in front changes nothing here.
    let target = |index: &u32| all.get(*index as usize).map_or_else(|| index.to_string(), |to| to.label().to_owned());
    let targets: Vec<_> = action.refers_to().iter().map(target).collect();
    if !targets.is_empty() {
        field("of", targets.join(", "));
    }
    for property in action.properties() {
        field(&property.name, property.value.clone());
        if property.policy != crate::contract::actions::WritePolicy::Always {
            field(&format!("{} (when)", property.name), property.policy.label().to_owned());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Contact, MatchKey, Note, Property, WritePolicy};

    fn contact(properties: &[(&str, &str, WritePolicy)]) -> Action {
        let property =
            |(name, value, policy): &(&str, &str, WritePolicy)| Property { name: (*name).into(), value: (*value).into(), policy: *policy };
        let key = MatchKey::Email("a@example.com".to_owned());
        Action::UpsertContact(Contact { key, properties: properties.iter().map(property).collect() })
    }

    fn note(body: &str) -> Action {
        Action::AddNote(Note { body: body.to_owned(), at: 7, about: vec![0] })
    }

    #[test]
    fn each_property_that_differs_is_one_change() {
        use WritePolicy::{Always, OnCreate};
        let before = [contact(&[("firstname", "Ana", Always), ("phone", "305", Always)]), note("hello")];
        let rows = [
            (vec![before[0].clone(), before[1].clone()], vec![]),
            // Order within an action says nothing.
            (vec![contact(&[("phone", "305", Always), ("firstname", "Ana", Always)]), note("hello")], vec![]),
            (
                vec![contact(&[("firstname", "Ann", Always), ("city", "Miami", OnCreate)]), note("hello")],
                vec![
                    "contact.firstname: `Ana` → `Ann`",
                    "contact.phone: `305` → nothing",
                    "contact.city: nothing → `Miami`",
                    "contact.city (when): nothing → `on-create`",
                ],
            ),
            (vec![before[0].clone()], vec!["note is gone"]),
            (vec![before[0].clone(), note("hello"), note("more")], vec!["note is new"]),
            (vec![before[0].clone(), note("hi")], vec!["note.body: `hello` → `hi`"]),
        ];
        for (after, expected) in rows {
            let changes: Vec<_> = compare(&before, &after).iter().map(ToString::to_string).collect();
            assert_eq!(changes, expected);
        }
    }
}
