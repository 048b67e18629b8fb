//! Which property of a portal takes what the transformations write to another one: what may be chosen, and what a choice
//! leaves behind. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::policy::PolicyError;
use crate::contract::manifest::PropertyDefinition;
use crate::fit::{self, PropertyState};
use crate::model::account::{Names, Policy};
use crate::model::portal::{COMPANY, CONTACT, DEAL, PortalSchema, object_type_id};
use crate::plan::{cut, is_property_name};
use crate::store::Bound;

/// The names of a connection with those that are asked for. A property that is given its own name has no other any more.
///
/// # Errors
/// Why one cannot be chosen: [`PolicyError`].
pub(super) fn chosen(
    policy: &Policy,
    asked: Names,
    bound: &[Bound],
    schema: &PortalSchema,
) -> Result<Names, PolicyError> {
    let mut after = policy.clone();
    let mut set = Vec::new();
    for (object, names) in asked {
        let object_type = object_type_id(&object);
        let of_type = after.names.entry(object_type.to_owned()).or_default();
        for (planned, name) in names {
            if let Some(wrong) = [&planned, &name].into_iter().find(|one| !is_property_name(one)) {
                return Err(PolicyError::Property(cut(wrong)));
            }
            if planned == name {
                of_type.remove(&planned);
            } else if of_type.insert(planned.clone(), name.clone()).as_ref() != Some(&name) {
                // One that stays may have lost its property or its transformation meanwhile.
                set.push((object_type.to_owned(), planned));
            }
        }
    }
    after.names.retain(|_, names| !names.is_empty());
    for (object_type, planned) in &set {
        check(&after, (object_type, planned), bound, schema)?;
    }
    Ok(after.names)
}

/// Whether a property may have the name that the policy gives it.
fn check(
    policy: &Policy,
    (object_type, planned): (&str, &str),
    bound: &[Bound],
    schema: &PortalSchema,
) -> Result<(), PolicyError> {
    let name = policy.name_of(object_type, planned).unwrap_or(planned);
    let defined: Vec<_> = bound
        .iter()
        .flat_map(|one| &one.manifest.properties)
        .filter(|one| object_type_id(&one.object_type) == object_type)
        .collect();
    let found = schema.objects.get(object_type).and_then(|properties| properties.get(name));
    let keys = ["email", policy.contact_key.as_str(), policy.deal_key.as_str()];
    // What recognises a record is no place for another value.
    if keys.contains(&name) || found.is_some_and(|found| found.unique) {
        return Err(PolicyError::Key(name.to_owned()));
    }
    let meant: Vec<_> = defined.iter().filter(|one| one.name == planned).collect();
    if meant.iter().any(|one| one.unique) {
        return Err(PolicyError::Key(planned.to_owned()));
    }
    if meant.is_empty() {
        return Err(PolicyError::NotWritten(planned.to_owned()));
    }
    let mut others = policy.names.get(object_type).into_iter().flatten().filter(|(other, _)| *other != planned);
    // What every deal has, whatever its transformation writes beside.
    let is_of_deals = object_type == DEAL && ["dealname", "pipeline", "dealstage"].contains(&name);
    let is_written = is_of_deals || defined.iter().any(|one| one.name == name);
    if is_written || others.any(|(other, theirs)| other == name || theirs == name) {
        return Err(PolicyError::Taken(name.to_owned()));
    }
    meant.into_iter().try_for_each(|definition| fits(definition, name, schema))
}

/// Whether a property of the portal takes what is meant for the one that a transformation names.
fn fits(definition: &PropertyDefinition, name: &str, schema: &PortalSchema) -> Result<(), PolicyError> {
    let other = PropertyDefinition { name: name.to_owned(), ..definition.clone() };
    let why = match fit::compare(&other, schema) {
        PropertyState::Fine | PropertyState::Wider { .. } => return Ok(()),
        PropertyState::Missing => "HubSpot has no such property".to_owned(),
        state @ (PropertyState::Archived { .. }
        | PropertyState::ReadOnly
        | PropertyState::WrongType { .. }
        | PropertyState::NotUnique
        | PropertyState::OptionsMissing { .. }
        | PropertyState::Unknown) => state.sentence(&other).trim_end_matches('.').to_owned(),
    };
    Err(PolicyError::Unfit { planned: definition.name.clone(), name: other.name, why })
}

/// The names under which values went before a choice, and go no more after it.
pub(super) fn left(before: &Names, after: &Names) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    for (object_type, of_type) in before.iter().chain(after) {
        for planned in of_type.keys() {
            let name = |names: &Names| names.get(object_type).and_then(|of| of.get(planned)).unwrap_or(planned).clone();
            let (old, new) = (name(before), name(after));
            if old != new {
                left.insert(old);
            }
        }
    }
    left
}

/// Each choice in a line, for the history: `contact.vehicle_of_interest → vehicle_interest`.
pub(super) fn words(names: &Names) -> Vec<String> {
    let word = |object_type: &str| match object_type {
        CONTACT => "contact".to_owned(),
        COMPANY => "company".to_owned(),
        DEAL => "deal".to_owned(),
        other => other.to_owned(),
    };
    let of_type = |(object_type, names): (&String, &BTreeMap<String, String>)| {
        let line = |(planned, name): (&String, &String)| format!("{}.{planned} → {name}", word(object_type));
        names.iter().map(line).collect::<Vec<_>>()
    };
    names.iter().flat_map(of_type).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::contract::manifest::{Manifest, PropertyKind};
    use crate::model::portal::{PropertyInfo, PropertyOption};

    fn names(object: &str, pairs: &[(&str, &str)]) -> Names {
        let pairs = pairs.iter().map(|(planned, name)| ((*planned).to_owned(), (*name).to_owned()));
        [(object.to_owned(), pairs.collect())].into()
    }

    fn bound() -> Vec<Bound> {
        let property = |object_type: &str, name: &str, kind, options: &[&str], unique| PropertyDefinition {
            object_type: object_type.into(),
            name: name.into(),
            label: name.into(),
            description: String::new(),
            kind,
            options: options.iter().map(|option| (*option).into()).collect(),
            unique,
        };
        let properties = vec![
            property("contact", "vehicle_of_interest", PropertyKind::Text, &[], false),
            property("contact", "budget_range", PropertyKind::Text, &[], false),
            property("contact", "lead_priority", PropertyKind::Choice, &["high", "low"], false),
            property("contact", "leadline_lead_id", PropertyKind::Text, &[], true),
            property("deal", "vehicle_of_interest", PropertyKind::Text, &[], false),
        ];
        let manifest = Manifest {
            name: "own".into(),
            summary: String::new(),
            event_types: Vec::new(),
            settings_schema: "{}".into(),
            properties,
        };
        vec![Bound { label: "own@1".into(), event_type: "lead.captured.v1".into(), manifest, settings: Value::Null }]
    }

    fn portal() -> PortalSchema {
        let text = PropertyInfo { kind: "string".into(), field_type: "text".into(), ..PropertyInfo::default() };
        let option = PropertyOption { value: "high".into(), label: "High".into() };
        let choice = PropertyInfo { kind: "enumeration".into(), options: vec![option], ..PropertyInfo::default() };
        let properties = [
            ("vehicle", text.clone()),
            ("car", text.clone()),
            ("budget_range", text.clone()),
            ("old_car", PropertyInfo { archived: true, ..text.clone() }),
            ("seen", PropertyInfo { read_only: true, ..text.clone() }),
            ("vin", PropertyInfo { unique: true, ..text.clone() }),
            ("urgency", choice),
            ("email", text.clone()),
            ("own_id", text),
        ];
        let properties = properties.into_iter().map(|(name, info)| (name.to_owned(), info)).collect();
        PortalSchema { objects: [(CONTACT.to_owned(), properties)].into(), ..PortalSchema::default() }
    }

    #[test]
    fn only_a_property_that_can_take_the_values_is_chosen_and_each_for_one() {
        let before = Policy { contact_key: "own_id".into(), ..Policy::default() };
        let before = Policy { names: names(CONTACT, &[("budget_range", "car")]), ..before };
        let choose = |object: &str, planned: &str, name: &str| {
            let asked = names(object, &[(planned, name)]);
            chosen(&before, asked, &bound(), &portal()).map_err(|error| error.to_string())
        };
        for (planned, name, refused) in [
            ("vehicle_of_interest", "Vehicle", "`Vehicle` is no internal name"),
            ("Vehicle", "vehicle", "`Vehicle` is no internal name"),
            ("vehicle_of_interest", "email", "`email` recognises records"),
            ("vehicle_of_interest", "own_id", "`own_id` recognises records"),
            ("vehicle_of_interest", "vin", "`vin` recognises records"),
            ("leadline_lead_id", "vehicle", "`leadline_lead_id` recognises records"),
            ("trim", "vehicle", "no transformation in use writes a property `trim`"),
            ("vehicle_of_interest", "budget_range", "`budget_range` takes another value"),
            ("vehicle_of_interest", "car", "`car` takes another value"),
            ("vehicle_of_interest", "nowhere", "for `vehicle_of_interest`: HubSpot has no such property"),
            ("vehicle_of_interest", "old_car", "`old_car` is archived in HubSpot"),
            ("vehicle_of_interest", "seen", "takes no values for it"),
            ("vehicle_of_interest", "urgency", "and single-line text is needed"),
            ("lead_priority", "urgency", "The option `low` of `urgency` is missing"),
        ] {
            let told = choose("contact", planned, name).unwrap_err();
            assert!(told.contains(refused) && !told.ends_with('.'), "{planned} → {name}: {told}");
        }
        let told = choose("deal", "vehicle_of_interest", "dealname").unwrap_err();
        assert!(told.contains("`dealname` takes another value"), "{told}");
        let told = choose("deal", "vehicle_of_interest", "vehicle").unwrap_err();
        assert!(told.contains("Nobody knows whether HubSpot has `vehicle`"), "{told}");
        let both = names(CONTACT, &[("budget_range", "car"), ("vehicle_of_interest", "vehicle")]);
        assert_eq!(choose("contact", "vehicle_of_interest", "vehicle"), Ok(both));
        let wider = choose(CONTACT, "lead_priority", "vehicle").unwrap();
        assert_eq!(wider[CONTACT]["lead_priority"], "vehicle", "text takes every value");
        let stays = Policy { names: names(CONTACT, &[("trim", "nowhere")]), ..Policy::default() };
        let again = chosen(&stays, stays.names.clone(), &bound(), &portal()).map_err(|error| error.to_string());
        assert_eq!(again, Ok(stays.names), "whoever sends all that there is changes nothing");
        assert_eq!(choose("contact", "budget_range", "budget_range"), Ok(Names::new()));
        assert_eq!(choose("contact", "budget_range", "vehicle"), Ok(names(CONTACT, &[("budget_range", "vehicle")])));
    }

    #[test]
    fn what_a_choice_leaves_is_where_values_went_before() {
        let none = Names::new();
        let one = |name: &str| names(CONTACT, &[("vehicle_of_interest", name)]);
        for (before, after, expected) in [
            (&none, &none, None),
            (&none, &one("vehicle"), Some("vehicle_of_interest")),
            (&one("vehicle"), &one("vehicle"), None),
            (&one("vehicle"), &one("car"), Some("vehicle")),
            (&one("vehicle"), &none, Some("vehicle")),
        ] {
            assert_eq!(left(before, after), expected.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
        }
        assert_eq!(words(&one("vehicle")), ["contact.vehicle_of_interest → vehicle"]);
        assert_eq!(words(&names("2-77", &[("a", "b")])), ["2-77.a → b"]);
    }
}
