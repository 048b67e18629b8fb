//! The properties, groups and value rules of one object type.

mod rule;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::time::iso;

pub(crate) use rule::Rule;

/// A property to be made, in HubSpot's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProperty {
    pub name: String,
    pub label: String,
    #[serde(default)]
    pub description: String,
    pub group_name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub field_type: String,
    #[serde(default)]
    pub options: Vec<Choice>,
    #[serde(default)]
    pub has_unique_value: bool,
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub display_order: i64,
    #[serde(default)]
    pub form_field: bool,
}

/// One option of a property that has a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    pub label: String,
    pub value: String,
    pub display_order: i64,
    pub hidden: bool,
}

impl NewProperty {
    /// A line of text, in the group that every contact property of ours is in.
    pub fn text(name: &str, label: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            group_name: "leadline".to_owned(),
            kind: "string".to_owned(),
            field_type: "text".to_owned(),
            ..Self::default()
        }
    }

    /// A list with one choice.
    pub fn choice(name: &str, label: &str, values: &[&str]) -> Self {
        let options = values.iter().enumerate().map(|(at, value)| Choice::new(value, value, at));
        Self {
            kind: "enumeration".to_owned(),
            field_type: "select".to_owned(),
            options: options.collect(),
            ..Self::text(name, label)
        }
    }

    pub fn unique(mut self) -> Self {
        self.has_unique_value = true;
        self
    }
}

impl Choice {
    pub(crate) fn new(value: &str, label: &str, at: usize) -> Self {
        let display_order = i64::try_from(at).unwrap_or(i64::MAX);
        Self { label: label.to_owned(), value: value.to_owned(), display_order, hidden: false }
    }
}

/// A property as the portal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Property {
    pub(crate) name: Arc<str>,
    pub(crate) definition: NewProperty,
    pub(crate) read_only: bool,
    pub(crate) hubspot_defined: bool,
    pub(crate) archived: bool,
    pub(crate) sensitive: bool,
    /// HubSpot needs a moment before a new property can be written.
    pub(crate) usable_at: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl Property {
    pub(crate) fn new(definition: NewProperty, now: i64) -> Self {
        Self {
            name: definition.name.as_str().into(),
            definition,
            read_only: false,
            hubspot_defined: false,
            archived: false,
            sensitive: false,
            usable_at: now,
            created_at: now,
            updated_at: now,
        }
    }

    /// Several options at once, written as `a;b`.
    pub(crate) fn takes_several(&self) -> bool {
        self.definition.field_type == "checkbox"
    }

    pub(crate) fn option_at(&self, value: &str) -> Option<i64> {
        let option = self.definition.options.iter().find(|option| option.value == value);
        option.map(|option| option.display_order)
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!(self.definition);
        json["calculated"] = json!(false);
        json["archived"] = json!(self.archived);
        json["hubspotDefined"] = json!(self.hubspot_defined);
        json["externalOptions"] = json!(self.definition.name == "hubspot_owner_id");
        json["createdAt"] = json!(iso(self.created_at));
        json["updatedAt"] = json!(iso(self.updated_at));
        json["dataSensitivity"] = json!(if self.sensitive { "sensitive" } else { "non_sensitive" });
        json["modificationMetadata"] = json!({
            "archivable": !self.hubspot_defined, "readOnlyDefinition": self.hubspot_defined,
            "readOnlyOptions": false, "readOnlyValue": self.read_only,
        });
        json
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) label: String,
}

/// A field that an admin made required for new records, always or only beside another value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Required {
    pub(crate) property: String,
    /// Property and value that make it required.
    #[serde(default)]
    pub(crate) when: Option<(String, String)>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Schema {
    pub(crate) properties: BTreeMap<Arc<str>, Property>,
    /// The names of the unique ones: every value that is written asks for them.
    unique: Vec<Arc<str>>,
    pub(crate) groups: Vec<Group>,
    pub(crate) required: Vec<Required>,
    /// By property.
    pub(crate) rules: BTreeMap<String, Vec<Rule>>,
}

impl Schema {
    pub(crate) fn add(&mut self, property: Property) {
        if property.definition.has_unique_value {
            self.unique.push(Arc::clone(&property.name));
        }
        self.properties.insert(Arc::clone(&property.name), property);
    }

    /// A property that reads and writes see at `now`.
    pub(crate) fn usable(&self, name: &str, now: i64) -> Option<&Property> {
        self.properties.get(name).filter(|property| !property.archived && property.usable_at <= now)
    }

    /// Was this property made to hold unique values?
    pub(crate) fn is_key(&self, name: &str, now: i64) -> bool {
        self.unique.iter().any(|unique| &**unique == name) && self.usable(name, now).is_some()
    }

    pub(crate) fn unique_count(&self) -> usize {
        let ours = self.properties.values().filter(|property| !property.hubspot_defined);
        ours.filter(|property| property.definition.has_unique_value).count()
    }

    pub(crate) fn custom_count(&self) -> usize {
        self.properties.values().filter(|property| !property.hubspot_defined && !property.archived).count()
    }

    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups.iter().any(|group| group.name == name)
    }

    pub(crate) fn add_group(&mut self, name: &str, label: &str) {
        if !self.has_group(name) {
            self.groups.push(Group { name: name.to_owned(), label: label.to_owned() });
        }
    }
}
