//! JSON Schema, in one place: event data against the schema of its type, settings against that of a transformation.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::cut;

/// A place in a JSON document that breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[error("{}: {detail}", if pointer.is_empty() { "the whole document" } else { pointer })]
pub struct Violation {
    /// JSON pointer; empty for the document itself.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// At most this many violations are reported: people mend the first ones and try again.
const VIOLATIONS_MAX: usize = 10;
/// A violation quotes the value; a longer text is cut.
const DETAIL_CHARS_MAX: usize = 300;

/// An event type that we know: its name as sent and the schema of its `data`.
pub struct EventType {
    pub name: &'static str,
    pub schema: &'static str,
    validator: jsonschema::Validator,
}

/// The catalogue of event types. Any other type is accepted, stored and skipped.
pub static EVENT_TYPES: LazyLock<Vec<EventType>> = LazyLock::new(|| {
    [
        ("lead.captured.v1", include_str!("../schemas/lead.captured.v1.json")),
        ("carousel.clicked.v1", include_str!("../schemas/carousel.clicked.v1.json")),
        ("session.initiated.v1", include_str!("../schemas/session.initiated.v1.json")),
    ]
    .into_iter()
    .map(|(name, schema)| EventType {
        name,
        schema,
        validator: Settings::compile(schema).expect("our own schemas are valid").validator,
    })
    .collect()
});

/// The name of each event type that we know.
pub fn event_type_names() -> Vec<&'static str> {
    EVENT_TYPES.iter().map(|known| known.name).collect()
}

/// What breaks the schema of the event type; nothing for a type without one.
pub fn event_violations(event_type: &str, data: &Value) -> Vec<Violation> {
    EVENT_TYPES
        .iter()
        .find(|known| known.name == event_type)
        .map_or_else(Vec::new, |known| violations(&known.validator, data))
}

/// The settings that a transformation takes, as its manifest describes them.
pub struct Settings {
    validator: jsonschema::Validator,
    schema: Value,
}

/// Why a text is no schema of settings.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("the settings schema is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the settings schema is not a JSON Schema: {0}")]
    Schema(String),
}

impl Settings {
    /// Compiles a schema (draft 2020-12). References outside the document are refused, and patterns cannot backtrack.
    ///
    /// # Errors
    /// When the text is no JSON, or no JSON Schema.
    pub fn compile(schema: &str) -> Result<Self, SchemaError> {
        let schema: Value = serde_json::from_str(schema)?;
        let validator = jsonschema::draft202012::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&schema)
            .map_err(|error| SchemaError::Schema(cut(&error.to_string(), DETAIL_CHARS_MAX)))?;
        Ok(Self { validator, schema })
    }

    /// `settings` with the schema's defaults filled in, checked.
    ///
    /// # Errors
    /// Every place that breaks the schema, up to ten.
    pub fn complete(&self, mut settings: Value) -> Result<Value, Vec<Violation>> {
        fill_defaults(&self.schema, &mut settings);
        match violations(&self.validator, &settings) {
            broken if broken.is_empty() => Ok(settings),
            broken => Err(broken),
        }
    }
}

/// Puts in the `default` of each absent property, nested objects included.
fn fill_defaults(schema: &Value, value: &mut Value) {
    let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object_mut()) else {
        return;
    };
    for (name, property) in properties {
        if let Some(default) = property.get("default") {
            object.entry(name.clone()).or_insert_with(|| default.clone());
        }
        if let Some(inner) = object.get_mut(name) {
            fill_defaults(property, inner);
        }
    }
}

fn violations(validator: &jsonschema::Validator, value: &Value) -> Vec<Violation> {
    let broken = validator.iter_errors(value).take(VIOLATIONS_MAX);
    broken
        .map(|error| Violation {
            pointer: error.instance_path().to_string(),
            detail: cut(&error.to_string(), DETAIL_CHARS_MAX),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn event_data_is_judged_by_the_schema_of_its_type() {
        let rows = [
            ("lead.captured.v1", json!({"id": "lead_1", "email": null}), vec![]),
            ("lead.captured.v1", json!({"email": "a@example.com"}), vec![""]),
            ("lead.captured.v1", json!({"id": "lead_1", "vehicle": {"year": "2024"}}), vec!["/vehicle"]),
            ("lead.captured.v1", json!({"id": 7, "budget": {"min": -1}}), vec!["/budget/min", "/id"]),
            ("lead.captured.v1", json!([1]), vec![""]),
            ("carousel.clicked.v1", json!({"session_id": "s"}), vec![""]),
            ("session.initiated.v1", json!({"id": "s", "page": "https://example.com"}), vec![]),
            ("something.else.v9", json!(17), vec![]),
        ];
        for (event_type, data, expected) in rows {
            let mut found: Vec<_> = event_violations(event_type, &data).into_iter().map(|v| v.pointer).collect();
            found.sort();
            assert_eq!(found, expected, "{event_type} {data}");
        }
    }

    #[test]
    fn settings_are_completed_and_checked() {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["pipeline"], "properties": {
            "pipeline": {"type": "string"},
            "days": {"type": "integer", "default": 30},
            "note": {"type": "object", "properties": {"title": {"type": "string", "default": "Chat"}}}}});
        let settings = Settings::compile(&schema.to_string()).unwrap();
        assert_eq!(
            settings.complete(json!({"pipeline": "p", "note": {}})),
            Ok(json!({"pipeline": "p", "days": 30, "note": {"title": "Chat"}}))
        );
        assert_eq!(settings.complete(json!({})).unwrap_err()[0].pointer, "");
        assert_eq!(settings.complete(json!({"pipeline": 7})).unwrap_err()[0].pointer, "/pipeline");
        assert_eq!(settings.complete(json!({"pipeline": "p", "stage": 1})).unwrap_err().len(), 1);
    }

    #[test]
    fn a_schema_may_not_reach_outside_itself() {
        for schema in ["{", "[]", r#"{"type":"nonsense"}"#, r#"{"$ref":"https://example.com/schema.json"}"#] {
            assert!(Settings::compile(schema).is_err(), "{schema}");
        }
    }
}
