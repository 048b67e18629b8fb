//! The form of a version's settings: from the schema in its manifest and the live portal to fields that a page or a terminal
//! draws. Pure. Titles and help are a guest author's texts; whoever shows them escapes them.

mod read;

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::portal::{CONTACT, PortalSchema, object_type_id};

pub use read::{read, typed};

/// Groups within groups that are drawn; what is deeper is edited as JSON.
const DEPTH_MAX: usize = 8;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SettingsField)]
pub struct Field {
    /// Where it stands in the settings, as a JSON pointer.
    pub pointer: String,
    pub title: String,
    pub help: String,
    pub kind: FieldKind,
    pub required: bool,
    /// What it is now, or its default; null where it is not set.
    pub value: Value,
    /// What it may be, where that is a list.
    pub choices: Vec<Choice>,
    /// The choices would come from the portal, which did not show them.
    pub choices_unknown: bool,
    /// Of a group.
    #[schema(no_recursion)]
    pub fields: Vec<Field>,
}

/// How a setting is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    Number,
    /// A whole number.
    Integer,
    Toggle,
    /// One of the choices.
    Choice,
    /// Any of the choices.
    Choices,
    /// A list of texts.
    Texts,
    /// Names and values.
    Map,
    Group,
    /// Anything else, as JSON.
    Json,
    Pipeline,
    Stage,
    Owner,
    Property,
}

/// One thing that a setting may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Choice {
    pub value: String,
    pub label: String,
    /// Of a stage: only beside this pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// The members of an object in the order in which its author wrote them.
#[derive(Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// What of a schema makes a group.
#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow, default)]
    properties: Members<'a>,
    #[serde(default)]
    required: Vec<String>,
}

/// The fields of a schema, in its order, with what the settings say now. A portal that was not read leaves its lists open.
///
/// # Errors
/// When the text is no schema; a version's was checked when it was installed.
pub fn form(schema: &str, settings: &Value, portal: Option<&PortalSchema>) -> serde_json::Result<Vec<Field>> {
    fields("", schema, settings, portal, 0)
}

fn fields(
    pointer: &str,
    schema: &str,
    settings: &Value,
    portal: Option<&PortalSchema>,
    depth: usize,
) -> serde_json::Result<Vec<Field>> {
    let group: Group<'_> = serde_json::from_str(schema)?;
    let field = |(name, raw): (String, &RawValue)| {
        let property: Value = serde_json::from_str(raw.get())?;
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{pointer}/{escaped}");
        let value = settings.get(&name).or_else(|| property.get("default")).cloned().unwrap_or(Value::Null);
        let kind = if depth < DEPTH_MAX { kind(&property) } else { FieldKind::Json };
        let choices = choices(kind, &property, portal);
        Ok(Field {
            title: property["title"].as_str().unwrap_or(&name).to_owned(),
            help: property["description"].as_str().unwrap_or_default().to_owned(),
            required: group.required.contains(&name),
            choices_unknown: choices.is_none(),
            choices: choices.unwrap_or_default(),
            fields: match kind {
                FieldKind::Group => fields(&pointer, raw.get(), &value, portal, depth + 1)?,
                _ => Vec::new(),
            },
            pointer,
            kind,
            value,
        })
    };
    group.properties.0.into_iter().map(field).collect()
}

fn kind(property: &Value) -> FieldKind {
    match property["format"].as_str() {
        Some("hubspot-pipeline") => return FieldKind::Pipeline,
        Some("hubspot-stage") => return FieldKind::Stage,
        Some("hubspot-owner") => return FieldKind::Owner,
        Some("hubspot-property") => return FieldKind::Property,
        _ => {}
    }
    let items = &property["items"];
    match property["type"].as_str() {
        _ if property["enum"].is_array() => FieldKind::Choice,
        Some("string") => FieldKind::Text,
        Some("number") => FieldKind::Number,
        Some("integer") => FieldKind::Integer,
        Some("boolean") => FieldKind::Toggle,
        Some("array") if items["enum"].is_array() => FieldKind::Choices,
        Some("array") if items["type"] == "string" => FieldKind::Texts,
        Some("object") if property["properties"].is_object() => FieldKind::Group,
        Some("object") if property["additionalProperties"].is_object() => FieldKind::Map,
        _ => FieldKind::Json,
    }
}

/// What a field may be; none where the portal would have to say so and did not.
fn choices(kind: FieldKind, property: &Value, portal: Option<&PortalSchema>) -> Option<Vec<Choice>> {
    let choice = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned(), within: None };
    let listed = |list: &Value| {
        let values = list.as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        values.map(|value| choice(&text(value), &text(value))).collect::<Vec<_>>()
    };
    match kind {
        FieldKind::Choice => Some(listed(&property["enum"])),
        FieldKind::Choices => Some(listed(&property["items"]["enum"])),
        FieldKind::Map => Some(listed(&property["additionalProperties"]["enum"])),
        FieldKind::Pipeline => {
            let live = portal?.pipelines.as_ref()?.iter().filter(|pipeline| !pipeline.archived);
            Some(live.map(|pipeline| choice(&pipeline.id, &pipeline.label)).collect())
        }
        FieldKind::Stage => {
            let live = portal?.pipelines.as_ref()?.iter().filter(|pipeline| !pipeline.archived);
            let stages = live.flat_map(|pipeline| {
                let usable = pipeline.stages.iter().filter(|stage| !stage.archived && stage.writable);
                usable.map(|stage| Choice { within: Some(pipeline.id.clone()), ..choice(&stage.id, &stage.label) })
            });
            Some(stages.collect())
        }
        FieldKind::Owner => Some(portal?.owners.as_ref()?.iter().map(|owner| choice(&owner.id, &owner.name)).collect()),
        FieldKind::Property => {
            let object_type = object_type_id(property["x-object-type"].as_str().unwrap_or(CONTACT));
            let writable =
                portal?.objects.get(object_type)?.iter().filter(|(_, info)| !info.archived && !info.read_only);
            Some(writable.map(|(name, info)| choice(name, &info.label)).collect())
        }
        FieldKind::Text
        | FieldKind::Number
        | FieldKind::Integer
        | FieldKind::Toggle
        | FieldKind::Texts
        | FieldKind::Group
        | FieldKind::Json => Some(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::portal::{Owner, Pipeline, PropertyInfo, Stage};
    use serde_json::json;

    fn portal() -> PortalSchema {
        let stage =
            |id: &str, archived, writable| Stage { id: id.into(), label: id.to_uppercase(), archived, writable };
        let stages = vec![stage("new", false, true), stage("old", true, true), stage("locked", false, false)];
        let pipeline =
            |id: &str, archived| Pipeline { id: id.into(), label: id.to_uppercase(), archived, stages: stages.clone() };
        let property = |read_only| PropertyInfo { label: "City".into(), read_only, ..PropertyInfo::default() };
        let contact = [("city".to_owned(), property(false)), ("createdate".to_owned(), property(true))].into();
        PortalSchema {
            objects: [(CONTACT.to_owned(), contact)].into(),
            pipelines: Some(vec![pipeline("cars", false), pipeline("gone", true)]),
            owners: Some(vec![Owner { id: "7".into(), name: "Ana".into(), email: String::new() }]),
        }
    }

    #[test]
    fn every_kind_of_setting_is_asked_for_in_its_own_way() {
        use FieldKind::{
            Choice, Choices, Integer, Json, Map, Number, Owner, Pipeline, Property, Stage, Text, Texts, Toggle,
        };
        let rows = [
            (json!({ "type": "string" }), Text, vec![]),
            (json!({ "type": "number" }), Number, vec![]),
            (json!({ "type": "integer" }), Integer, vec![]),
            (json!({ "type": "boolean" }), Toggle, vec![]),
            (json!({ "type": "string", "enum": ["a", "b"] }), Choice, vec!["a", "b"]),
            (json!({ "type": "array", "items": { "enum": ["x"] } }), Choices, vec!["x"]),
            (json!({ "type": "array", "items": { "type": "string" } }), Texts, vec![]),
            (json!({ "type": "object", "additionalProperties": { "enum": ["high"] } }), Map, vec!["high"]),
            (json!({ "type": "object", "properties": {} }), FieldKind::Group, vec![]),
            (json!({ "oneOf": [] }), Json, vec![]),
            (json!({ "type": "string", "format": "hubspot-pipeline" }), Pipeline, vec!["cars"]),
            (json!({ "type": "string", "format": "hubspot-stage" }), Stage, vec!["new"]),
            (json!({ "type": "string", "format": "hubspot-owner" }), Owner, vec!["7"]),
            (json!({ "type": "string", "format": "hubspot-property" }), Property, vec!["city"]),
        ];
        for (property, kind, choices) in rows {
            let schema = json!({ "properties": { "a/b": property }, "required": ["a/b"] }).to_string();
            let field = form(&schema, &json!({}), Some(&portal())).unwrap().remove(0);
            let values: Vec<_> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
            assert_eq!((field.kind, values, field.choices_unknown), (kind, choices, false), "{schema}");
            assert_eq!((field.pointer.as_str(), field.title.as_str(), field.required), ("/a~1b", "a/b", true));
            let unread = form(&schema, &json!({}), None).unwrap().remove(0);
            let from_portal = [Pipeline, Stage, Owner, Property].contains(&kind);
            assert_eq!(unread.choices_unknown, from_portal, "{schema}");
        }
    }

    #[test]
    fn a_field_shows_what_is_set_else_the_default_and_groups_hold_theirs() {
        let schema = r#"{ "properties": { "deal": { "title": "Deal", "description": "Of a lead.", "type": "object",
            "properties": {
                "stage": { "type": "string", "format": "hubspot-stage" },
                "key": { "type": "string", "default": "lead" }
            } } } }"#;
        let group = form(schema, &json!({ "deal": { "stage": "new" } }), Some(&portal())).unwrap().remove(0);
        assert_eq!((group.title.as_str(), group.help.as_str()), ("Deal", "Of a lead."));
        let inner: Vec<_> = group.fields.iter().map(|field| (field.pointer.as_str(), field.value.clone())).collect();
        assert_eq!(inner, [("/deal/stage", json!("new")), ("/deal/key", json!("lead"))]);
        assert_eq!(group.fields[0].choices[0].within.as_deref(), Some("cars"));
    }
}
