//! Properties, their groups and their rules: how to ask for them, how to make them, and what of an answer is kept.

use serde_json::{Value, json};

use super::client::{Portal, Request};
use crate::contract::manifest::{PropertyDefinition, PropertyKind};
use crate::fit::hubspot_kind;
use crate::model::portal::{PropertyInfo, PropertyOption};

/// The group that our properties stand in.
const GROUP: &str = "leadline";
/// What people in HubSpot read, whatever we are called.
pub const GROUP_LABEL: &str = "Lead details";
/// The rules that can be checked before a call. The others are left to HubSpot.
const RULES_KEPT: [&str; 4] = ["MAX_LENGTH", "MIN_LENGTH", "MAX_NUMBER", "MIN_NUMBER"];

/// HubSpot shows the properties of an object type in three lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    Live,
    Archived,
    /// Those with sensitive data, which no other list shows.
    Sensitive,
}

impl Shelf {
    pub const ALL: [Self; 3] = [Self::Live, Self::Archived, Self::Sensitive];

    fn query(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Archived => "?archived=true",
            Self::Sensitive => "?dataSensitivity=sensitive",
        }
    }
}

/// Lists the properties of an object type.
pub fn read_properties(portal: &Portal, object_type: &str, shelf: Shelf) -> Request {
    let path = format!("/crm/properties/{}/{object_type}{}", portal.api_version, shelf.query());
    Request::get("properties.list", path)
}

/// Reads one property.
pub fn read_property(portal: &Portal, object_type: &str, name: &str, shelf: Shelf) -> Request {
    let path = format!("/crm/properties/{}/{object_type}/{name}{}", portal.api_version, shelf.query());
    Request::get("properties.get", path)
}

/// Lists the rules that admins set for values.
pub fn read_rules(portal: &Portal, object_type: &str) -> Request {
    Request::get("properties.rules", format!("/crm/property-validations/{}/{object_type}", portal.api_version))
}

/// Lists the groups of properties.
pub fn read_groups(portal: &Portal, object_type: &str) -> Request {
    Request::get("groups.list", format!("/crm/properties/{}/{object_type}/groups", portal.api_version))
}

/// Makes our group.
pub fn create_group(portal: &Portal, object_type: &str) -> Request {
    let path = format!("/crm/properties/{}/{object_type}/groups", portal.api_version);
    Request::write("groups.create", path, json!({ "name": GROUP, "label": GROUP_LABEL }))
}

/// Makes a property. One that is archived comes back as it was instead, and only the answer tells.
pub fn create_property(portal: &Portal, object_type: &str, definition: &PropertyDefinition) -> Request {
    let path = format!("/crm/properties/{}/{object_type}", portal.api_version);
    Request::write("properties.create", path, definition_json(definition))
}

/// Puts this list in place of the options of a property.
pub fn set_options(portal: &Portal, object_type: &str, name: &str, options: &[Value]) -> Request {
    let path = format!("/crm/properties/{}/{object_type}/{name}", portal.api_version);
    Request::patch("properties.update", path, json!({ "options": options }))
}

/// A definition in HubSpot's own words. What we create has the value of an option as its label.
pub fn definition_json(definition: &PropertyDefinition) -> Value {
    let (kind, field_type) = hubspot_kind(definition.kind);
    let mut json = json!({
        "name": definition.name, "label": definition.label, "description": definition.description,
        "groupName": GROUP, "type": kind, "fieldType": field_type,
    });
    let options: Vec<_> = match definition.kind {
        PropertyKind::YesNo => vec![option("Yes", "true", 0), option("No", "false", 1)],
        _ => definition.options.iter().enumerate().map(|(at, value)| option(value, value, at)).collect(),
    };
    if !options.is_empty() {
        json["options"] = json!(options);
    }
    if definition.unique {
        json["hasUniqueValue"] = json!(true);
    }
    json
}

fn option(label: &str, value: &str, at: usize) -> Value {
    json!({ "label": label, "value": value, "displayOrder": at, "hidden": false })
}

/// The options of a property as an answer shows it, with these values behind them. What is there stays as it is.
pub fn with_options(property: &Value, missing: &[String]) -> Vec<Value> {
    let mut options: Vec<_> = property["options"].as_array().into_iter().flatten().map(kept_option).collect();
    for value in missing {
        options.push(option(value, value, options.len()));
    }
    options
}

fn kept_option(shown: &Value) -> Value {
    let mut kept = json!({
        "label": shown["label"], "value": shown["value"], "displayOrder": shown["displayOrder"].as_i64().unwrap_or(-1),
        "hidden": shown["hidden"].as_bool().unwrap_or(false),
    });
    if shown["description"].as_str().is_some_and(|text| !text.is_empty()) {
        kept["description"] = shown["description"].clone();
    }
    kept
}

/// The properties of a list, by name.
pub fn properties_of(body: &Value) -> Vec<(String, PropertyInfo)> {
    body["results"].as_array().into_iter().flatten().filter_map(property_of).collect()
}

/// One property, as a list or an answer of its own shows it.
pub fn property_of(shown: &Value) -> Option<(String, PropertyInfo)> {
    let text = |name: &str| shown[name].as_str().unwrap_or("").to_owned();
    let mut options: Vec<_> = shown["options"].as_array().into_iter().flatten().collect();
    // HubSpot puts what has no place at the end.
    options.sort_by_key(|option| option["displayOrder"].as_u64().unwrap_or(u64::MAX));
    let option = |option: &&Value| {
        let value = option["value"].as_str()?.to_owned();
        Some(PropertyOption { label: option["label"].as_str().unwrap_or(&value).to_owned(), value })
    };
    let is = |value: &Value| value.as_bool() == Some(true);
    let info = PropertyInfo {
        label: text("label"),
        kind: text("type"),
        field_type: text("fieldType"),
        options: options.iter().filter_map(option).collect(),
        unique: is(&shown["hasUniqueValue"]),
        read_only: is(&shown["modificationMetadata"]["readOnlyValue"]) || is(&shown["calculated"]),
        archived: is(&shown["archived"]),
        rules: Vec::new(),
    };
    Some((shown["name"].as_str()?.to_owned(), info))
}

/// The rules that can be checked here, each with the property that it is for.
pub fn rules_of(body: &Value) -> Vec<(String, (String, Vec<String>))> {
    let mut rules = Vec::new();
    for entry in body["results"].as_array().into_iter().flatten() {
        let Some(property) = entry["propertyName"].as_str() else { continue };
        for rule in entry["propertyValidationRules"].as_array().into_iter().flatten() {
            let kind = rule["ruleType"].as_str().unwrap_or("");
            if RULES_KEPT.contains(&kind) {
                let arguments = rule["ruleArguments"].as_array().into_iter().flatten();
                let arguments = arguments.filter_map(|argument| Some(argument.as_str()?.to_owned())).collect();
                rules.push((property.to_owned(), (kind.to_owned(), arguments)));
            }
        }
    }
    rules
}

/// Whether our group is among those of the answer.
pub fn has_group(body: &Value) -> bool {
    body["results"].as_array().into_iter().flatten().any(|group| group["name"] == GROUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_put_into_hubspots_words() {
        let definition = PropertyDefinition {
            object_type: "contact".into(),
            name: "lead_priority".into(),
            label: "Lead Priority".into(),
            description: "Priority level of this lead".into(),
            kind: PropertyKind::Choice,
            options: vec!["high".into(), "low".into()],
            unique: false,
        };
        let expected = json!({
            "name": "lead_priority", "label": "Lead Priority", "description": "Priority level of this lead",
            "groupName": "leadline", "type": "enumeration", "fieldType": "select", "options": [
                { "label": "high", "value": "high", "displayOrder": 0, "hidden": false },
                { "label": "low", "value": "low", "displayOrder": 1, "hidden": false },
            ],
        });
        assert_eq!(definition_json(&definition), expected);
        let unique = PropertyDefinition { kind: PropertyKind::Text, options: vec![], unique: true, ..definition };
        assert_eq!(definition_json(&unique)["hasUniqueValue"], true);
        assert_eq!(definition_json(&unique)["options"], Value::Null);
    }

    #[test]
    fn a_property_is_read_with_its_options_in_the_order_of_the_portal() {
        let shown = json!({ "name": "stage", "label": "Stage", "type": "enumeration", "fieldType": "select", "calculated": false,
            "options": [{ "label": "Last", "value": "z", "displayOrder": -1 }, { "label": "Two", "value": "b", "displayOrder": 1 },
                        { "label": "One", "value": "a", "displayOrder": 0 }],
            "modificationMetadata": { "readOnlyValue": true } });
        let (name, info) = property_of(&shown).unwrap();
        assert_eq!((name.as_str(), info.read_only, info.archived, info.unique), ("stage", true, false, false));
        assert_eq!(info.options.iter().map(|option| option.value.as_str()).collect::<Vec<_>>(), ["a", "b", "z"]);
        assert_eq!(property_of(&json!({ "label": "without a name" })), None);
    }

    #[test]
    fn options_are_added_behind_those_that_are_there() {
        let shown = json!({ "options": [{ "label": "Hot!", "value": "hot", "displayOrder": 4, "hidden": true, "readOnly": false, "description": "now" }] });
        let expected = [
            json!({ "label": "Hot!", "value": "hot", "displayOrder": 4, "hidden": true, "description": "now" }),
            json!({ "label": "cold", "value": "cold", "displayOrder": 1, "hidden": false }),
        ];
        assert_eq!(with_options(&shown, &["cold".to_owned()]), expected);
    }
}
