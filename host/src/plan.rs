//! From the actions that a transformation returned to the plan that is stored: checked, so that what is carried out
//! later cannot surprise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::actions::{Action, Contact, MatchKey, Property};
use crate::digest::sha256_hex;
use crate::model::portal::{COMPANY, CONTACT, DEAL, NOTE};

/// Actions of one event: a contact, a deal, a note and room for what a custom transformation adds.
pub const ACTIONS_MAX: usize = 50;
/// Properties of one action. A portal has at most 1,000 custom ones for an object.
pub const PROPERTIES_MAX: usize = 250;
/// HubSpot's own limit for a text value, in characters.
pub const VALUE_CHARS_MAX: usize = 65_536;
/// HubSpot's own limit for a property's internal name.
pub const NAME_BYTES_MAX: usize = 100;

/// What is carried out for one event on one connection. Stored before the first call, never changed after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// The sender's id of the lead: it recognises a contact whose address HubSpot refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<String>,
}

impl Plan {
    /// The contact, where no e-mail address recognises it: of one person there may be several such contacts.
    pub fn contact_without_email(&self) -> Option<&Contact> {
        let contact = self.actions.iter().find_map(|action| match action {
            Action::UpsertContact(contact) => Some(contact),
            _ => None,
        })?;
        matches!(contact.key, MatchKey::Unique(_)).then_some(contact)
    }

    /// The phone number of such a contact.
    pub fn phone_without_email(&self) -> Option<&str> {
        let is_phone = |property: &&Property| ["phone", "mobilephone"].contains(&property.name.as_str());
        let properties = &self.contact_without_email()?.properties;
        properties.iter().find(is_phone).map(|property| property.value.as_str())
    }
}

/// The object type of the record that an action writes.
pub fn object_type(action: &Action) -> &str {
    match action {
        Action::UpsertContact(_) => CONTACT,
        Action::UpsertDeal(_) => DEAL,
        Action::AddNote(_) => NOTE,
        Action::UpsertObject(object) => &object.object_type,
    }
}

/// The person that the plan is about, as a hash: the queue keeps a person's leads in order without knowing them.
pub fn key_hash(actions: &[Action]) -> Option<String> {
    let (name, value) = actions.iter().find_map(|action| match action {
        Action::UpsertContact(contact) => Some(contact.key.parts()),
        _ => None,
    })?;
    Some(person_hash(name, value))
}

/// The same of a contact's key property and its value.
pub fn person_hash(name: &str, value: &str) -> String {
    let mut hash = sha256_hex(format!("{name}={}", value.trim().to_lowercase()).as_bytes());
    // Enough to tell the people of one portal apart; a clash only makes two of them wait for each other.
    hash.truncate(16);
    hash
}

/// An action that breaks the rules of the contract. Positions count from 0.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("it returned {0} actions; at most {ACTIONS_MAX} are accepted")]
    TooManyActions(usize),
    #[error("action {action} has {count} properties; at most {PROPERTIES_MAX} are accepted")]
    TooManyProperties { action: usize, count: usize },
    #[error(
        "action {action} names `{name}`, which is no property name: lower-case letters, digits and `_`, 100 bytes at most"
    )]
    Name { action: usize, name: String },
    #[error("action {action} writes `{name}` twice")]
    Twice { action: usize, name: String },
    #[error("action {action} gives `{name}` {chars} characters; HubSpot takes {VALUE_CHARS_MAX}")]
    ValueTooLong { action: usize, name: String, chars: usize },
    #[error("action {action} has no {what}")]
    Missing { action: usize, what: &'static str },
    #[error("action {action} refers to action {target}, which is not an earlier {wanted}")]
    Reference { action: usize, target: u32, wanted: &'static str },
    #[error("action {action} is a note about no contact, company or deal, and HubSpot would show it nowhere")]
    NoteNowhere { action: usize },
    #[error("action {action} is a note at {at} ms, which is no date")]
    Time { action: usize, at: i64 },
    #[error("action {action} names the object type `{name}`; it takes a type id such as `2-3453932`")]
    ObjectType { action: usize, name: String },
}

/// The plan for `actions`; values that would clear a property are left out of it.
///
/// # Errors
/// The first rule that an action breaks.
pub fn plan(mut actions: Vec<Action>, lead_id: Option<String>) -> Result<Plan, Invalid> {
    if actions.len() > ACTIONS_MAX {
        return Err(Invalid::TooManyActions(actions.len()));
    }
    for (action, kind) in actions.iter().enumerate() {
        check(action, kind, &actions)?;
    }
    actions.iter_mut().filter_map(Action::properties_mut).for_each(drop_empty);
    Ok(Plan { actions, lead_id })
}

/// Puts the properties of an action under the names by which they are written. Where the action writes under such a name
/// itself, that value stands: what gave way to it is returned.
pub fn rename(properties: &mut Vec<Property>, names: &BTreeMap<String, String>) -> Vec<Property> {
    if names.is_empty() {
        return Vec::new();
    }
    let own: Vec<_> = properties.iter().map(|property| property.name.clone()).collect();
    let gives_way = |property: &mut Property| names.get(&property.name).is_some_and(|name| own.contains(name));
    let gone = properties.extract_if(.., gives_way).collect();
    for property in properties {
        if let Some(name) = names.get(&property.name) {
            property.name.clone_from(name);
        }
    }
    gone
}

/// Takes out the deals, and the notes that would be about nothing else. Says whether there were any.
pub fn leave_out_deals(actions: &mut Vec<Action>) -> bool {
    if !actions.iter().any(|action| object_type(action) == DEAL) {
        return false;
    }
    // Where each action stands now; none where it is taken out.
    let mut places: Vec<Option<u32>> = Vec::with_capacity(actions.len());
    for mut action in std::mem::take(actions) {
        let targets = action.refers_to_mut();
        let was_about = targets.as_ref().is_some_and(|targets| !targets.is_empty());
        let mut is_about = was_about;
        if let Some(targets) = targets {
            targets.retain_mut(|target| match places.get(*target as usize) {
                Some(Some(place)) => {
                    *target = *place;
                    true
                }
                Some(None) => false,
                None => true, // not an earlier one, which is refused later
            });
            is_about = !targets.is_empty();
        }
        let is_note = matches!(action, Action::AddNote(_));
        if object_type(&action) == DEAL || (is_note && was_about && !is_about) {
            places.push(None);
        } else {
            places.push(u32::try_from(actions.len()).ok());
            actions.push(action);
        }
    }
    true
}

/// An empty value clears a property in HubSpot, and a lead never clears anything.
fn drop_empty(properties: &mut Vec<Property>) {
    properties.retain(|property| !property.value.is_empty());
}

fn check(action: usize, kind: &Action, actions: &[Action]) -> Result<(), Invalid> {
    check_properties(action, kind.properties())?;
    let missing = |what| Invalid::Missing { action, what };
    match kind {
        Action::UpsertContact(contact) => check_key(action, contact.key.parts())?,
        Action::UpsertDeal(deal) => {
            check_key(action, (&deal.key.name, &deal.key.value))?;
            for (what, value) in [("name", &deal.name), ("pipeline", &deal.pipeline), ("stage", &deal.stage)] {
                if value.is_empty() {
                    return Err(missing(what));
                }
                check_length(action, what, value)?;
            }
        }
        Action::UpsertObject(object) => {
            check_key(action, object.key.parts())?;
            let is_id = object.object_type.split_once('-').is_some_and(|(kind, id)| {
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                digits(kind) && digits(id)
            });
            if !is_id {
                return Err(Invalid::ObjectType { action, name: cut(&object.object_type) });
            }
        }
        Action::AddNote(note) => {
            if note.body.trim().is_empty() {
                return Err(missing("body"));
            }
            if note.about.is_empty() {
                return Err(missing("record that it is about"));
            }
            if jiff::Timestamp::from_millisecond(note.at).is_err() {
                return Err(Invalid::Time { action, at: note.at });
            }
        }
    }
    let wanted = if matches!(kind, Action::UpsertDeal(_)) { "contact" } else { "record" };
    for &target in kind.refers_to() {
        let fits = (target as usize) < action
            && match &actions[target as usize] {
                Action::UpsertContact(_) => true,
                Action::UpsertDeal(_) | Action::UpsertObject(_) => wanted == "record",
                Action::AddNote(_) => false,
            };
        if !fits {
            return Err(Invalid::Reference { action, target, wanted });
        }
    }
    if let Action::AddNote(note) = kind
        && !note.about.iter().any(|target| takes_notes(&actions[*target as usize]))
    {
        return Err(Invalid::NoteNowhere { action });
    }
    Ok(())
}

fn check_key(action: usize, (name, value): (&str, &str)) -> Result<(), Invalid> {
    check_name(action, name)?;
    if value.trim().is_empty() {
        return Err(Invalid::Missing { action, what: "value of its match key" });
    }
    check_length(action, name, value)
}

fn check_properties(action: usize, properties: &[Property]) -> Result<(), Invalid> {
    if properties.len() > PROPERTIES_MAX {
        return Err(Invalid::TooManyProperties { action, count: properties.len() });
    }
    let mut names: Vec<&str> = Vec::with_capacity(properties.len());
    for property in properties {
        check_name(action, &property.name)?;
        check_length(action, &property.name, &property.value)?;
        if names.contains(&property.name.as_str()) {
            return Err(Invalid::Twice { action, name: property.name.clone() });
        }
        names.push(&property.name);
    }
    Ok(())
}

fn check_name(action: usize, name: &str) -> Result<(), Invalid> {
    if is_property_name(name) { Ok(()) } else { Err(Invalid::Name { action, name: cut(name) }) }
}

/// Whether HubSpot takes this as the internal name of a property.
pub fn is_property_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain)
}

fn check_length(action: usize, name: &str, value: &str) -> Result<(), Invalid> {
    // Bytes bound characters, so most values are never counted.
    if value.len() > VALUE_CHARS_MAX {
        let chars = value.chars().count();
        if chars > VALUE_CHARS_MAX {
            return Err(Invalid::ValueTooLong { action, name: name.to_owned(), chars });
        }
    }
    Ok(())
}

/// Somebody else's text in an error: short, and without characters that move a cursor.
pub fn cut(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Whether a note can be tied to the record while it is created.
fn takes_notes(action: &Action) -> bool {
    match action {
        Action::UpsertContact(_) | Action::UpsertDeal(_) => true,
        Action::UpsertObject(object) => [CONTACT, COMPANY, DEAL].contains(&object.object_type.as_str()),
        Action::AddNote(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Deal, Note, Object, PropertyValue, WritePolicy};

    fn property(name: &str, value: &str) -> Property {
        Property { name: name.to_owned(), value: value.to_owned(), policy: WritePolicy::Always }
    }

    fn contact(properties: Vec<Property>) -> Action {
        Action::UpsertContact(Contact { key: MatchKey::Email("a@example.com".to_owned()), properties })
    }

    fn deal(stage: &str, contacts: Vec<u32>) -> Action {
        let key = PropertyValue { name: "leadline_deal_key".to_owned(), value: "lead_1".to_owned() };
        Action::UpsertDeal(Deal {
            key,
            name: "Car".to_owned(),
            pipeline: "p".to_owned(),
            stage: stage.to_owned(),
            properties: vec![],
            contacts,
        })
    }

    fn note(body: &str, about: Vec<u32>) -> Action {
        Action::AddNote(Note { body: body.to_owned(), at: 0, about })
    }

    fn object(object_type: &str) -> Action {
        let key = MatchKey::Unique(PropertyValue { name: "k".to_owned(), value: "v".to_owned() });
        Action::UpsertObject(Object {
            object_type: object_type.to_owned(),
            key,
            properties: vec![],
            associated_with: vec![],
        })
    }

    #[test]
    fn a_contact_without_an_address_is_told_by_its_key() {
        let unique =
            MatchKey::Unique(PropertyValue { name: "leadline_lead_id".to_owned(), value: "lead_1".to_owned() });
        let without = |properties| Action::UpsertContact(Contact { key: unique.clone(), properties });
        let phone = || vec![property("city", "Bern"), property("phone", "+1 305 555 0187")];
        for (action, is_without, number) in [
            (contact(phone()), false, None),
            (without(vec![]), true, None),
            (without(phone()), true, Some("+1 305 555 0187")),
            (note("hello", vec![]), false, None),
        ] {
            let plan = Plan { actions: vec![action], lead_id: None };
            assert_eq!((plan.contact_without_email().is_some(), plan.phone_without_email()), (is_without, number));
        }
    }

    #[test]
    fn honest_actions_make_a_plan_and_empty_values_are_left_out() {
        let actions = vec![
            contact(vec![property("firstname", "Ana"), property("phone", "")]),
            deal("s", vec![0]),
            note("hi", vec![0, 1]),
            object("2-1"),
        ];
        let plan = plan(actions, None).unwrap();
        assert_eq!(plan.actions[0].properties(), [property("firstname", "Ana")]);
        assert_eq!(super::plan(vec![], None), Ok(Plan { actions: vec![], lead_id: None }));
    }

    #[test]
    fn a_property_is_written_under_another_name_unless_that_one_is_written_already() {
        fn told(properties: &[Property]) -> Vec<&str> {
            properties.iter().map(|property| property.name.as_str()).collect()
        }
        let names = [("vehicle_of_interest", "vehicle"), ("budget_range", "budget")];
        let names: BTreeMap<_, _> = names.into_iter().map(|(name, to)| (name.to_owned(), to.to_owned())).collect();
        for (before, after, gone) in [
            (vec!["phone"], vec!["phone"], vec![]),
            (vec!["vehicle_of_interest", "phone"], vec!["vehicle", "phone"], vec![]),
            (vec!["vehicle_of_interest", "vehicle"], vec!["vehicle"], vec!["vehicle_of_interest"]),
            (vec!["budget", "budget_range", "vehicle_of_interest"], vec!["budget", "vehicle"], vec!["budget_range"]),
        ] {
            // The value tells which of the two it was.
            let mut properties: Vec<_> = before.iter().map(|name| property(name, name)).collect();
            let gave_way = rename(&mut properties, &names);
            assert_eq!((told(&properties), told(&gave_way)), (after, gone));
            assert!(properties.iter().all(|one| one.value == one.name || names.get(&one.value) == Some(&one.name)));
            let mut again = properties.clone();
            assert!(rename(&mut again, &names).is_empty() && again == properties, "once is enough");
        }
        let mut untouched = vec![property("vehicle_of_interest", "x")];
        assert!(rename(&mut untouched, &BTreeMap::new()).is_empty() && untouched[0].name == "vehicle_of_interest");
    }

    #[test]
    fn each_broken_rule_is_named_with_its_action() {
        let many = (0..251).map(|n| property(&format!("p{n}"), "v")).collect();
        let rows = [
            (vec![contact(vec![]); 51], "it returned 51 actions; at most 50 are accepted"),
            (vec![contact(many)], "action 0 has 251 properties; at most 250 are accepted"),
            (
                vec![contact(vec![property("First Name", "x")])],
                "action 0 names `First Name`, which is no property name: lower-case letters, digits and `_`, 100 bytes at most",
            ),
            (
                vec![contact(vec![property("", "x")])],
                "action 0 names ``, which is no property name: lower-case letters, digits and `_`, 100 bytes at most",
            ),
            (vec![contact(vec![property("a", "x"), property("a", "y")])], "action 0 writes `a` twice"),
            (
                vec![contact(vec![property("a", &"é".repeat(65_537))])],
                "action 0 gives `a` 65537 characters; HubSpot takes 65536",
            ),
            (vec![contact(vec![]), deal("", vec![0])], "action 1 has no stage"),
            (vec![contact(vec![]), note(" ", vec![0])], "action 1 has no body"),
            (vec![contact(vec![]), note("hi", vec![])], "action 1 has no record that it is about"),
            (vec![note("hi", vec![0])], "action 0 refers to action 0, which is not an earlier record"),
            (
                vec![contact(vec![]), note("hi", vec![0]), note("ho", vec![1])],
                "action 2 refers to action 1, which is not an earlier record",
            ),
            (
                vec![contact(vec![]), note("hi", vec![4_000_000_000])],
                "action 1 refers to action 4000000000, which is not an earlier record",
            ),
            (
                vec![contact(vec![]), deal("s", vec![0]), deal("s", vec![1])],
                "action 2 refers to action 1, which is not an earlier contact",
            ),
            (
                vec![object("contact")],
                "action 0 names the object type `contact`; it takes a type id such as `2-3453932`",
            ),
        ];
        for (actions, expected) in rows {
            assert_eq!(plan(actions, None).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn without_deals_a_plan_keeps_its_references() {
        let contact = || contact(vec![]);
        let deal = |contacts: Vec<u32>| deal("s", contacts);
        let note = |about: &[u32]| note("n", about.to_vec());
        for (before, after) in [
            (vec![contact(), note(&[0])], vec![contact(), note(&[0])]),
            (vec![contact(), deal(vec![0]), note(&[0, 1])], vec![contact(), note(&[0])]),
            (vec![contact(), deal(vec![0]), note(&[1]), contact(), note(&[3])], vec![contact(), contact(), note(&[1])]),
            (vec![deal(vec![]), contact(), note(&[9])], vec![contact(), note(&[9])]),
        ] {
            let mut actions = before.clone();
            assert_eq!(leave_out_deals(&mut actions), before.len() != after.len());
            assert_eq!(actions, after, "{before:?}");
        }
    }
}
