//! A property as a manifest defines it against the one that the portal has.

use serde::Serialize;

use crate::contract::manifest::{PropertyDefinition, PropertyKind};
use crate::model::portal::{PortalSchema, PropertyInfo, object_type_id};

/// From this likeness on, a property of the portal is offered in place of a missing one.
const LIKENESS_MIN: f64 = 0.6;

/// How the portal's property stands to the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PropertyState {
    Fine,
    /// It is of another type, which takes every value all the same.
    Wider {
        found: String,
        wanted: String,
    },
    Missing,
    /// Creating it brings the old one back, as it was: what of it would not fit.
    Archived {
        #[schema(no_recursion)]
        differs: Option<Box<PropertyState>>,
    },
    ReadOnly,
    WrongType {
        found: String,
        wanted: String,
    },
    /// It was not made for unique values, and that cannot be changed.
    NotUnique,
    OptionsMissing {
        options: Vec<String>,
    },
    /// The portal did not show us the properties of this object type.
    Unknown,
}

/// What the portal has for a definition.
pub fn compare(definition: &PropertyDefinition, schema: &PortalSchema) -> PropertyState {
    let Some(properties) = schema.objects.get(object_type_id(&definition.object_type)) else {
        return PropertyState::Unknown;
    };
    match properties.get(&definition.name) {
        None => PropertyState::Missing,
        Some(found) if found.archived => {
            let old = compare_live(definition, found);
            PropertyState::Archived { differs: old.is_trouble().then(|| Box::new(old)) }
        }
        Some(found) => compare_live(definition, found),
    }
}

fn compare_live(definition: &PropertyDefinition, found: &PropertyInfo) -> PropertyState {
    if found.read_only {
        return PropertyState::ReadOnly;
    }
    let (kind, field_type) = hubspot_kind(definition.kind);
    let words = || (words_of(&found.kind, &found.field_type), words_of(kind, field_type));
    let takes_all = found.kind == kind && (field_type != "checkbox" || found.takes_several());
    if !takes_all && found.kind != "string" {
        let (found, wanted) = words();
        return PropertyState::WrongType { found, wanted };
    }
    if definition.unique && !found.unique {
        return PropertyState::NotUnique;
    }
    if !takes_all {
        let (found, wanted) = words();
        return PropertyState::Wider { found, wanted };
    }
    let missing: Vec<_> = definition.options.iter().filter(|option| !found.has_option(option)).cloned().collect();
    if missing.is_empty() { PropertyState::Fine } else { PropertyState::OptionsMissing { options: missing } }
}

impl PropertyState {
    /// Whether values are lost as long as it stays so.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Fine | Self::Wider { .. } | Self::Unknown => false,
            Self::Missing
            | Self::Archived { .. }
            | Self::ReadOnly
            | Self::WrongType { .. }
            | Self::NotUnique
            | Self::OptionsMissing { .. } => true,
        }
    }

    /// The state in one or two words.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Wider { .. } => "another type",
            Self::Missing => "missing",
            Self::Archived { .. } => "archived",
            Self::ReadOnly => "read-only",
            Self::WrongType { .. } => "wrong type",
            Self::NotUnique => "not unique",
            Self::OptionsMissing { .. } => "options missing",
            Self::Unknown => "not known",
        }
    }

    /// What is so, as a sentence about the property.
    pub fn sentence(&self, definition: &PropertyDefinition) -> String {
        let name = format!("`{}`", definition.name);
        match self {
            Self::Fine => format!("{name} exists."),
            Self::Wider { found, wanted } => {
                format!("{name} is {found} in HubSpot, where {wanted} was meant; every value fits all the same.")
            }
            Self::Missing => format!("HubSpot has no property {name}: its values are left out of every lead."),
            Self::Archived { differs: None } => format!("{name} is archived in HubSpot: its values are left out."),
            Self::Archived { differs: Some(old) } => {
                format!("{name} is archived in HubSpot, and what comes back does not fit: {}", old.sentence(definition))
            }
            Self::ReadOnly => format!("HubSpot fills {name} itself and takes no values for it."),
            Self::WrongType { found, wanted } => format!("{name} is {found} in HubSpot, and {wanted} is needed."),
            Self::NotUnique => {
                format!("{name} does not hold unique values in HubSpot, so it cannot recognise a record.")
            }
            Self::OptionsMissing { options } => {
                let options: Vec<_> = options.iter().map(|option| format!("`{option}`")).collect();
                let (noun, verb) = if options.len() == 1 { ("option", "is") } else { ("options", "are") };
                format!("The {noun} {} of {name} {verb} missing in HubSpot.", options.join(", "))
            }
            Self::Unknown => {
                format!(
                    "Nobody knows whether HubSpot has {name}: it did not show us the properties of this object type."
                )
            }
        }
    }

    /// What to do about it. Empty where nothing is to be done.
    pub fn way_out(&self) -> String {
        match self {
            Self::Fine | Self::Wider { .. } => String::new(),
            Self::Missing => "Let it be created (`leadline property create`), or create it in HubSpot.".to_owned(),
            Self::Archived { differs: None } => {
                "Restore it in HubSpot, or let it be created: HubSpot then brings the old one back.".to_owned()
            }
            Self::Archived { differs: Some(old) } => {
                format!("Restore it in HubSpot first. {}", old.way_out())
            }
            Self::ReadOnly => "Choose another property in the settings.".to_owned(),
            Self::WrongType { wanted, .. } => {
                format!("Change its type to {wanted} in HubSpot, or give that property another internal name.")
            }
            Self::NotUnique => "Choose another key property for the connection. Archiving this one does not help: \
                creating the name again brings it back as it is."
                .to_owned(),
            Self::OptionsMissing { .. } => {
                "Add them in HubSpot, or let them be added (`leadline property create --options`).".to_owned()
            }
            Self::Unknown => "Re-authorize HubSpot with the permission to read properties.".to_owned(),
        }
    }
}

/// HubSpot's `type` and `fieldType` of a kind.
pub fn hubspot_kind(kind: PropertyKind) -> (&'static str, &'static str) {
    match kind {
        PropertyKind::Text => ("string", "text"),
        PropertyKind::MultiLineText => ("string", "textarea"),
        PropertyKind::Number => ("number", "number"),
        PropertyKind::YesNo => ("bool", "booleancheckbox"),
        PropertyKind::Date => ("date", "date"),
        PropertyKind::DateTime => ("datetime", "date"),
        PropertyKind::Choice => ("enumeration", "select"),
        PropertyKind::Choices => ("enumeration", "checkbox"),
    }
}

/// A kind as HubSpot's people call it.
pub fn words_of_kind(kind: PropertyKind) -> String {
    let (kind, field_type) = hubspot_kind(kind);
    words_of(kind, field_type)
}

/// A type as HubSpot's people call it.
fn words_of(kind: &str, field_type: &str) -> String {
    match (kind, field_type) {
        ("string", "textarea") => "multi-line text",
        ("string", "phonenumber") => "a phone number",
        ("string", "html") => "rich text",
        ("string", _) => "single-line text",
        ("number", _) => "a number",
        ("bool", _) => "a yes-or-no check box",
        ("date", _) => "a date",
        ("datetime", _) => "a date with a time",
        ("enumeration", "checkbox") => "a set of check boxes",
        ("enumeration", _) => "a drop-down",
        (other, _) => return format!("of type `{other}`"),
    }
    .to_owned()
}

/// A property that the portal has already and that looks like the missing one: `vehicle_interest` for
/// `vehicle_of_interest`. Its name and label. `is_free`: nothing else of a lead goes there.
pub fn suggestion<'a>(
    definition: &PropertyDefinition,
    schema: &'a PortalSchema,
    is_free: impl Fn(&str) -> bool,
) -> Option<(&'a str, &'a str)> {
    let properties = schema.objects.get(object_type_id(&definition.object_type))?;
    let wanted = [words(&definition.name), words(&definition.label)];
    let likeness = |name: &str, found: &PropertyInfo| {
        let found = [words(name), words(&found.label)];
        let pairs = wanted.iter().flat_map(|wanted| found.iter().map(move |found| likeness(wanted, found)));
        pairs.fold(0.0, f64::max)
    };
    properties
        .iter()
        .filter(|(name, found)| {
            **name != definition.name
                && !found.archived
                && !found.unique
                && is_free(name)
                && !compare_live(definition, found).is_trouble()
        })
        .map(|(name, found)| (likeness(name, found), name.as_str(), found.label.as_str()))
        .filter(|(likeness, ..)| *likeness >= LIKENESS_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name, label)| (name, label))
}

/// The words of a name that carry its meaning.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut words: Vec<_> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !matches!(*word, "" | "of" | "the" | "a" | "hs"))
        .map(str::to_owned)
        .collect();
    words.sort();
    words.dedup();
    words
}

/// The share of the words that both have.
fn likeness(one: &[String], other: &[String]) -> f64 {
    let both = one.iter().filter(|word| other.contains(word)).count();
    let all = one.len() + other.len() - both;
    if all == 0 { 0.0 } else { both as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::portal::{CONTACT, PropertyOption};
    use std::collections::BTreeMap;

    fn wanted(kind: PropertyKind, options: &[&str], unique: bool) -> PropertyDefinition {
        PropertyDefinition {
            object_type: "contact".into(),
            name: "p".into(),
            label: "P".into(),
            description: String::new(),
            kind,
            options: options.iter().map(|option| (*option).into()).collect(),
            unique,
        }
    }

    fn has(kind: &str, field_type: &str, options: &[&str]) -> PropertyInfo {
        let option = |value: &&str| PropertyOption { value: (*value).into(), label: (*value).into() };
        PropertyInfo {
            kind: kind.into(),
            field_type: field_type.into(),
            options: options.iter().map(option).collect(),
            ..PropertyInfo::default()
        }
    }

    fn portal(properties: &[(&str, PropertyInfo)]) -> PortalSchema {
        let properties: BTreeMap<_, _> =
            properties.iter().map(|(name, found)| ((*name).to_owned(), found.clone())).collect();
        PortalSchema { objects: BTreeMap::from([(CONTACT.to_owned(), properties)]), ..PortalSchema::default() }
    }

    #[test]
    fn definitions_are_compared_with_what_is_there() {
        use PropertyKind::{Choice, Choices, MultiLineText, Number, Text, YesNo};
        let text = || wanted(Text, &[], false);
        let choice = || wanted(Choice, &["high", "low"], false);
        let rows = [
            (text(), Some(has("string", "text", &[])), "fine"),
            (text(), Some(has("string", "textarea", &[])), "fine"),
            (text(), None, "missing"),
            (text(), Some(has("enumeration", "select", &["a"])), "wrong type"),
            (text(), Some(PropertyInfo { read_only: true, ..has("string", "text", &[]) }), "read-only"),
            (text(), Some(PropertyInfo { archived: true, ..has("string", "text", &[]) }), "archived"),
            (wanted(MultiLineText, &[], false), Some(has("string", "text", &[])), "fine"),
            (wanted(Number, &[], false), Some(has("string", "text", &[])), "another type"),
            (wanted(YesNo, &[], false), Some(has("bool", "booleancheckbox", &[])), "fine"),
            (choice(), Some(has("enumeration", "select", &["high", "low", "none"])), "fine"),
            (choice(), Some(has("enumeration", "radio", &["high", "low"])), "fine"),
            (choice(), Some(has("enumeration", "select", &["High", "low"])), "options missing"),
            (choice(), Some(has("string", "text", &[])), "another type"),
            (choice(), Some(has("number", "number", &[])), "wrong type"),
            (wanted(Choices, &["a"], false), Some(has("enumeration", "select", &["a"])), "wrong type"),
            (wanted(Text, &[], true), Some(has("string", "text", &[])), "not unique"),
            (wanted(Text, &[], true), Some(PropertyInfo { unique: true, ..has("string", "text", &[]) }), "fine"),
        ];
        for (definition, found, expected) in rows {
            let schema = found.as_ref().map_or_else(|| portal(&[]), |found| portal(&[("p", found.clone())]));
            let state = compare(&definition, &schema);
            assert_eq!(state.label(), expected, "{definition:?} {found:?}");
            assert_eq!(state.way_out().is_empty(), !state.is_trouble(), "{expected}");
            assert!(state.sentence(&definition).contains("`p`") && state.sentence(&definition).ends_with('.'));
        }
        assert_eq!(compare(&text(), &PortalSchema::default()), PropertyState::Unknown);
    }

    #[test]
    fn an_archived_one_says_whether_it_would_fit() {
        let archived = |found: PropertyInfo| portal(&[("p", PropertyInfo { archived: true, ..found })]);
        let definition = wanted(PropertyKind::Choice, &["high"], false);
        assert_eq!(
            compare(&definition, &archived(has("enumeration", "select", &["high"]))),
            PropertyState::Archived { differs: None }
        );
        let state = compare(&definition, &archived(has("number", "number", &[])));
        assert!(matches!(&state, PropertyState::Archived { differs: Some(old) } if old.label() == "wrong type"));
        assert_eq!(
            state.sentence(&definition),
            "`p` is archived in HubSpot, and what comes back does not fit: `p` is a number in HubSpot, and a drop-down is needed."
        );
    }

    #[test]
    fn a_likely_property_is_suggested() {
        let rows = [
            ("vehicle_of_interest", "Vehicle of Interest", "vehicle_interest", "Vehicle interest", true),
            ("vehicle_of_interest", "Vehicle of Interest", "car", "The vehicle of interest", true),
            ("budget_range", "Budget Range", "hs_lead_status", "Lead Status", false),
            ("lead_priority", "Lead Priority", "hs_lead_status", "Lead Status", false),
            ("dealership_name", "Dealership Name", "company", "Company Name", false),
        ];
        for (name, label, other, other_label, suggested) in rows {
            let definition =
                PropertyDefinition { name: name.into(), label: label.into(), ..wanted(PropertyKind::Text, &[], false) };
            let found = PropertyInfo { label: other_label.into(), ..has("string", "text", &[]) };
            let schema = portal(&[(other, found), ("email", has("string", "text", &[]))]);
            assert_eq!(suggestion(&definition, &schema, |_| true).is_some(), suggested, "{name} {other}");
            assert_eq!(suggestion(&definition, &schema, |name| name != other), None, "{other} has its own value");
        }
    }
}
