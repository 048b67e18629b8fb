//! A portal's schema as we keep it: what its objects can hold, its pipelines and its owners.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Object types are always written as ids.
pub const CONTACT: &str = "0-1";
pub const COMPANY: &str = "0-2";
pub const DEAL: &str = "0-3";
pub const NOTE: &str = "0-46";

/// The id of an object type that may be written as a word, as manifests do.
pub fn object_type_id(name: &str) -> &str {
    match name {
        "contact" => CONTACT,
        "company" => COMPANY,
        "deal" => DEAL,
        id => id,
    }
}

/// Everything that a lead may be checked against before a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortalSchema {
    /// Properties by object type id and name, archived ones too. A type that was not asked for is absent.
    pub objects: BTreeMap<String, BTreeMap<String, PropertyInfo>>,
    /// Of deals; none where they were not asked for, or the scope is missing.
    pub pipelines: Option<Vec<Pipeline>>,
    /// None where they were not asked for, or the scope is missing.
    pub owners: Option<Vec<Owner>>,
}

/// One property of a portal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertyInfo {
    pub label: String,
    /// HubSpot's `type`: `string`, `number`, `date`, `datetime`, `enumeration`, `bool`.
    pub kind: String,
    /// HubSpot's `fieldType`, such as `text` or `select`.
    pub field_type: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PropertyOption>,
    pub unique: bool,
    /// HubSpot fills it, or calculates it.
    pub read_only: bool,
    pub archived: bool,
    /// Rules of the portal's admin that can be checked here: HubSpot's `ruleType` and its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<(String, Vec<String>)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertyOption {
    pub value: String,
    pub label: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pipeline {
    pub id: String,
    pub label: String,
    pub archived: bool,
    /// In the order of the portal.
    pub stages: Vec<Stage>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stage {
    pub id: String,
    pub label: String,
    pub archived: bool,
    /// Whether the API may put a deal there.
    pub writable: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// What records take. The user id is another number, and is refused there.
    pub id: String,
    pub name: String,
    pub email: String,
}
