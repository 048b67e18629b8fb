//! Which permission is needed for what: one table, in HubSpot's words and in plain ones. A permission that is missing
//! switches a feature off, never the connection.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::manifest::Manifest;
use crate::model::account::Connection;
use crate::model::portal::{COMPANY, CONTACT, DEAL, object_type_id};

/// What an account may do with HubSpot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Contacts and their notes: what everybody needs.
    Contacts,
    /// Creating the contact properties that are missing.
    CreateContactProperties,
    Deals,
    /// Creating the deal properties that are missing.
    CreateDealProperties,
    Owners,
    Companies,
    CustomObjects,
}

impl Feature {
    pub const ALL: [Self; 7] = [
        Self::Contacts,
        Self::CreateContactProperties,
        Self::Deals,
        Self::CreateDealProperties,
        Self::Owners,
        Self::Companies,
        Self::CustomObjects,
    ];

    /// The feature, where people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Contacts => "contacts and notes",
            Self::CreateContactProperties => "creating missing contact properties",
            Self::Deals => "deals",
            Self::CreateDealProperties => "creating missing deal properties",
            Self::Owners => "owners",
            Self::Companies => "companies",
            Self::CustomObjects => "custom objects",
        }
    }
}

/// One permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub feature: Feature,
    /// HubSpot's name of it.
    pub scope: &'static str,
    /// What it lets us do.
    pub words: &'static str,
    /// What we do with it.
    pub why: &'static str,
}

const fn permission(feature: Feature, scope: &'static str, words: &'static str, why: &'static str) -> Permission {
    Permission { feature, scope, words, why }
}

/// Every permission. Those of [`Feature::Contacts`] are what the app's file at HubSpot has to call required, and every
/// other one optional.
pub const PERMISSIONS: [Permission; 17] = [
    permission(
        Feature::Contacts,
        "oauth",
        "Know which HubSpot account this is",
        "to write to the right one, and to take the app out again when you disconnect",
    ),
    permission(
        Feature::Contacts,
        "crm.objects.contacts.read",
        "Read contacts",
        "to find the customer who is there already, instead of making a second one",
    ),
    permission(
        Feature::Contacts,
        "crm.objects.contacts.write",
        "Create and change contacts",
        "to put each lead into HubSpot, with the conversation as a note",
    ),
    permission(
        Feature::Contacts,
        "crm.schemas.contacts.read",
        "Read contact properties",
        "to see which fields your account has, before a lead needs them",
    ),
    permission(
        Feature::CreateContactProperties,
        "crm.schemas.contacts.write",
        "Create contact properties",
        "to create the fields that are missing, when you ask for it",
    ),
    permission(Feature::Deals, "crm.objects.deals.read", "Read deals", "to find the deal that is there already"),
    permission(Feature::Deals, "crm.objects.deals.write", "Create and change deals", "to make a deal of a lead"),
    permission(
        Feature::Deals,
        "crm.schemas.deals.read",
        "Read deal properties and pipelines",
        "to offer your pipelines and stages",
    ),
    permission(
        Feature::CreateDealProperties,
        "crm.schemas.deals.write",
        "Create deal properties",
        "to create the field that recognises a deal, if it is missing",
    ),
    permission(
        Feature::Owners,
        "crm.objects.owners.read",
        "Read the list of owners",
        "to give deals the owner that you chose",
    ),
    permission(
        Feature::Companies,
        "crm.objects.companies.read",
        "Read companies",
        "to find the company that is there already",
    ),
    permission(
        Feature::Companies,
        "crm.objects.companies.write",
        "Create and change companies",
        "because your transformation writes them",
    ),
    permission(
        Feature::Companies,
        "crm.schemas.companies.read",
        "Read company properties",
        "to see which fields your account has",
    ),
    permission(
        Feature::CustomObjects,
        "crm.objects.custom.read",
        "Read custom objects",
        "to find the record that is there already",
    ),
    permission(
        Feature::CustomObjects,
        "crm.objects.custom.write",
        "Create and change custom objects",
        "because your transformation writes them",
    ),
    permission(
        Feature::CustomObjects,
        "crm.schemas.custom.read",
        "Read the fields of custom objects",
        "to see which fields your account has",
    ),
    permission(
        Feature::CustomObjects,
        "crm.schemas.custom.write",
        "Create fields of custom objects",
        "to create the fields that are missing, when you ask for it",
    ),
];

/// The permissions of some features, in the order of the table.
pub fn permissions(features: &[Feature]) -> Vec<Permission> {
    PERMISSIONS.into_iter().filter(|permission| features.contains(&permission.feature)).collect()
}

/// What is asked of everybody.
pub fn required() -> Vec<Permission> {
    permissions(&[Feature::Contacts])
}

/// A feature that is off because HubSpot did not permit it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingScope {
    pub scope: &'static str,
    pub feature: Feature,
    pub sentence: String,
}

/// Which features of `needs` a connection has no permission for. Where nobody knows what was granted, nothing is
/// missing: HubSpot's answer will say.
pub fn missing(connection: &Connection, needs: &[Feature]) -> Vec<MissingScope> {
    let lacks = |permission: &Permission| !connection.has_scope(permission.scope);
    let missing = |permission: Permission| MissingScope {
        scope: permission.scope,
        feature: permission.feature,
        sentence: format!(
            "{} is off: HubSpot did not permit “{}” (`{}`). Re-authorize; an admin must agree to it.",
            capitalized(permission.feature.title()),
            permission.words,
            permission.scope
        ),
    };
    permissions(needs).into_iter().filter(lacks).map(missing).collect()
}

/// What an account needs for the transformations that it uses, with their settings.
pub fn needs(bound: &[(Manifest, Value)]) -> Vec<Feature> {
    let mut features = vec![Feature::Contacts];
    for (manifest, settings) in bound {
        let schema: Value = serde_json::from_str(&manifest.settings_schema).unwrap_or_default();
        let types = || manifest.properties.iter().map(|property| object_type_id(&property.object_type));
        let formats = |wanted: &str| fields_of_format(&schema, wanted).any(|name| is_set(&settings[name]));
        if types().any(|name| name == DEAL) || formats("hubspot-pipeline") || formats("hubspot-stage") {
            features.extend([Feature::Deals, Feature::CreateDealProperties]);
        }
        if formats("hubspot-owner") {
            features.push(Feature::Owners);
        }
        if types().any(|name| name == COMPANY) {
            features.push(Feature::Companies);
        }
        if types().any(|name| ![CONTACT, DEAL, COMPANY].contains(&name)) {
            features.push(Feature::CustomObjects);
        }
    }
    features.sort_unstable();
    features.dedup();
    features
}

/// The settings whose value is something of the portal, such as an owner.
fn fields_of_format<'a>(schema: &'a Value, format: &'a str) -> impl Iterator<Item = &'a str> {
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields.filter(move |(_, field)| field["format"] == *format).map(|(name, _)| name.as_str())
}

fn is_set(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{AccountId, ConnectionId};
    use crate::model::time::Timestamp;
    use serde_json::json;

    fn manifest(properties: &[&str], schema: Value) -> Manifest {
        let properties: Vec<_> = properties.iter().map(|object_type| json!({ "object_type": object_type, "name": "x", "label": "X", "description": "", "kind": "Text", "options": [], "unique": false })).collect();
        let manifest = json!({ "name": "m", "summary": "", "event_types": [], "settings_schema": schema.to_string(), "properties": properties });
        serde_json::from_value(manifest).unwrap()
    }

    #[test]
    fn an_account_is_asked_for_what_its_transformations_need() {
        use Feature::{Companies, Contacts, CreateDealProperties, CustomObjects, Deals, Owners};
        let deals =
            json!({ "properties": { "stage": { "format": "hubspot-stage" }, "owner": { "format": "hubspot-owner" } } });
        let rows = [
            (vec![], vec![Contacts]),
            (vec![(manifest(&["contact"], json!({})), json!({}))], vec![Contacts]),
            (vec![(manifest(&["deal"], json!({})), json!({}))], vec![Contacts, Deals, CreateDealProperties]),
            (
                vec![(manifest(&[], deals.clone()), json!({ "stage": "1" }))],
                vec![Contacts, Deals, CreateDealProperties],
            ),
            (
                vec![(manifest(&[], deals.clone()), json!({ "stage": "1", "owner": "7" }))],
                vec![Contacts, Deals, CreateDealProperties, Owners],
            ),
            (vec![(manifest(&[], deals), json!({ "owner": "" }))], vec![Contacts]),
            (vec![(manifest(&["0-2", "2-77"], json!({})), json!({}))], vec![Contacts, Companies, CustomObjects]),
        ];
        for (bound, expected) in rows {
            assert_eq!(needs(&bound), expected);
        }
    }

    #[test]
    fn a_missing_permission_names_its_feature_and_what_to_do() {
        let mut connection = Connection {
            id: ConnectionId::stored("con_1".into()),
            account_id: AccountId::stored("acc_1".into()),
            portal_id: 1,
            state: crate::model::account::ConnectionState::Connected,
            api_version: String::new(),
            auth: crate::model::account::Auth::OAuth,
            expires_at: None,
            scopes: None,
            policy: Default::default(),
            portal: None,
            problem: None,
            checked_at: Timestamp(0),
            ends_at: None,
            ends_since: None,
            ends_waiting: None,
            agreed: None,
            created_at: Timestamp(0),
        };
        assert_eq!(missing(&connection, &Feature::ALL), [], "nobody knows");
        connection.scopes = Some(required().iter().map(|permission| permission.scope.to_owned()).collect());
        assert_eq!(missing(&connection, &[Feature::Contacts]), []);
        let missing = missing(&connection, &[Feature::Contacts, Feature::Owners]);
        let sentence = "Owners is off: HubSpot did not permit “Read the list of owners” (`crm.objects.owners.read`). Re-authorize; an admin must agree to it.";
        assert_eq!(
            missing,
            [MissingScope { scope: "crm.objects.owners.read", feature: Feature::Owners, sentence: sentence.into() }]
        );
    }

    #[test]
    fn no_permission_is_there_twice() {
        for (index, permission) in PERMISSIONS.iter().enumerate() {
            assert!(!PERMISSIONS[..index].iter().any(|earlier| earlier.scope == permission.scope));
        }
        assert_eq!(required().len(), 4);
    }
}
