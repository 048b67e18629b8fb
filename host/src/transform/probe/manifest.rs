//! What a version says of itself, before anybody reads it: known event types, and a schema of settings that is safe to
//! check settings against.

use serde_json::Value;

use crate::contract::manifest::Manifest;
use crate::schema::{Settings, event_type_names};
use crate::transform::check::{UploadError, words};

/// The stock schemas have some 4 KB; the form that is made of it has to stay one that a person can fill in.
const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// How deep a schema may be nested: walking it is recursive.
const SCHEMA_DEPTH_MAX: usize = 32;
/// Steps through a schema with its references followed: they may double at each level.
const SCHEMA_STEPS_MAX: usize = 20_000;
/// HubSpot has a thousand custom properties for an object; somebody has to agree to each.
const PROPERTIES_MAX: usize = 250;
/// Names, labels and descriptions are for people.
const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Every event type that there is, and some to spare.
const EVENT_TYPES_MAX: usize = 50;

/// Checks a manifest, and compiles its schema of settings.
pub(super) fn settings(manifest: &Manifest) -> Result<Settings, UploadError> {
    let refused = |problem: String| UploadError::Describe { problem };
    texts(manifest).map_err(refused)?;
    event_types(&manifest.event_types).map_err(refused)?;
    if manifest.settings_schema.len() > SCHEMA_BYTES_MAX {
        let found = manifest.settings_schema.len().div_ceil(1024);
        let most = SCHEMA_BYTES_MAX / 1024;
        return Err(refused(format!("returns a settings schema of {found} KiB; at most {most} KiB")));
    }
    let schema: Value = serde_json::from_str(&manifest.settings_schema)
        .map_err(|error| refused(format!("returns a settings schema that is not JSON: {error}")))?;
    let mut walk = Walk { root: &schema, open: Vec::new(), steps: 0 };
    walk.through(&schema, 0).map_err(|problem| refused(format!("returns a settings schema that {problem}")))?;
    Settings::compile(&manifest.settings_schema)
        .map_err(|error| refused(format!("is not sound: {}", words(&error.to_string()))))
}

fn texts(manifest: &Manifest) -> Result<(), String> {
    let Manifest { name, summary, event_types, settings_schema: _, properties } = manifest;
    if event_types.len() > EVENT_TYPES_MAX {
        return Err(format!("names {} event types; at most {EVENT_TYPES_MAX}", event_types.len()));
    }
    if properties.len() > PROPERTIES_MAX {
        return Err(format!("names {} properties; at most {PROPERTIES_MAX}", properties.len()));
    }
    let own = [("name", name), ("summary", summary)];
    let of_properties = properties.iter().flat_map(|property| {
        [("property's name", &property.name), ("label", &property.label), ("description", &property.description)]
    });
    for (what, text) in own.into_iter().chain(of_properties) {
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("returns a {what} of {} bytes; at most {TEXT_BYTES_MAX}", text.len()));
        }
    }
    let nameless = properties.iter().position(|property| property.name.trim().is_empty());
    nameless.map_or(Ok(()), |index| Err(format!("names no name for its property {index}")))
}

fn event_types(named: &[String]) -> Result<(), String> {
    let known = event_type_names();
    if named.is_empty() {
        return Err(format!("names no event type; known are {}", known.join(", ")));
    }
    match named.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(format!("names the event type `{}`; known are {}", words(unknown), known.join(", "))),
        None => Ok(()),
    }
}

/// A walk through everything that checking settings may come through.
struct Walk<'a> {
    root: &'a Value,
    /// The references that are being followed: one that is met again leads in a circle.
    open: Vec<&'a str>,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn through(&mut self, value: &'a Value, depth: usize) -> Result<(), String> {
        self.steps += 1;
        if depth > SCHEMA_DEPTH_MAX {
            return Err(format!("is nested deeper than {SCHEMA_DEPTH_MAX}, references included"));
        }
        if self.steps > SCHEMA_STEPS_MAX {
            return Err(format!("has more than {SCHEMA_STEPS_MAX} parts, references included"));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.through(item, depth + 1)),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| match (name.as_str(), member) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(target)) => self.follow(name, target, depth),
                ("$id" | "$anchor" | "$dynamicAnchor", Value::String(_)) if depth > 0 => {
                    Err(format!("has `{name}`, which moves what references mean; use `$ref` to `#/$defs/…`"))
                }
                _ => self.through(member, depth + 1),
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn follow(&mut self, name: &str, target: &'a str, depth: usize) -> Result<(), String> {
        let inside = target.strip_prefix('#').filter(|pointer| name == "$ref" && pointer.starts_with('/'));
        let Some(found) = inside.and_then(|pointer| self.root.pointer(pointer)) else {
            return Err(format!("refers to `{}`; only `#/…`, to what it holds itself, can be followed", words(target)));
        };
        if self.open.contains(&target) {
            return Err(format!("refers to `{}` in a circle", words(target)));
        }
        self.open.push(target);
        self.through(found, depth + 1)?;
        self.open.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(change: impl FnOnce(&mut Manifest)) -> Option<String> {
        let mut manifest = Manifest {
            name: "acme".to_owned(),
            summary: "Contacts".to_owned(),
            event_types: vec!["lead.captured.v1".to_owned()],
            settings_schema: r#"{"type":"object"}"#.to_owned(),
            properties: vec![],
        };
        change(&mut manifest);
        settings(&manifest).err().map(|error| error.to_string())
    }

    fn schema(schema: &Value) -> Option<String> {
        refusal(|manifest| manifest.settings_schema = schema.to_string())
    }

    #[test]
    fn a_manifest_is_refused_with_what_is_wrong_in_it() {
        let known = "known are lead.captured.v1, carousel.clicked.v1, session.initiated.v1";
        let rows: [(Option<String>, &str); 6] = [
            (
                refusal(|manifest| manifest.event_types = vec!["lead.captured".to_owned()]),
                &format!("`describe` names the event type `lead.captured`; {known}"),
            ),
            (refusal(|manifest| manifest.event_types.clear()), &format!("`describe` names no event type; {known}")),
            (
                refusal(|manifest| manifest.settings_schema = " ".repeat(64 * 1024 + 1)),
                "`describe` returns a settings schema of 65 KiB; at most 64 KiB",
            ),
            (
                refusal(|manifest| manifest.settings_schema = "{".to_owned()),
                "`describe` returns a settings schema that is not JSON: EOF while parsing an object at line 1 column 1",
            ),
            (
                refusal(|manifest| manifest.name = "a".repeat(5000)),
                "`describe` returns a name of 5000 bytes; at most 4096",
            ),
            (refusal(|_| ()), ""),
        ];
        for (found, expected) in rows {
            assert_eq!(found.unwrap_or_default(), expected);
        }
    }

    #[test]
    fn checking_settings_never_leaves_the_schema_nor_goes_on_for_ever() {
        let deep = (0..40).fold(json!({"type": "string"}), |inner, _| json!({"properties": {"a": inner}}));
        let doubled: serde_json::Map<_, _> = (0..20)
            .map(|level| {
                let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
                (format!("d{level}"), json!({"allOf": [next, next]}))
            })
            .chain([("d20".to_owned(), json!({}))])
            .collect();
        let rows = [
            (
                json!({"$ref": "https://example.com/schema.json"}),
                "refers to `https://example.com/schema.json`; only `#/…`, to what it holds itself, can be followed",
            ),
            (
                json!({"$ref": "file:///etc/passwd"}),
                "refers to `file:///etc/passwd`; only `#/…`, to what it holds itself, can be followed",
            ),
            (json!({"$ref": "#"}), "refers to `#`; only `#/…`, to what it holds itself, can be followed"),
            (json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}), "refers to `#/$defs/a` in a circle"),
            (json!({"$dynamicRef": "#a"}), "refers to `#a`; only `#/…`, to what it holds itself, can be followed"),
            (
                json!({"$defs": {"a": {"$id": "https://example.com"}}}),
                "has `$id`, which moves what references mean; use `$ref` to `#/$defs/…`",
            ),
            (deep, "is nested deeper than 32, references included"),
            (json!({"$ref": "#/$defs/d0", "$defs": doubled}), "is nested deeper than 32, references included"),
        ];
        for (given, expected) in rows {
            assert_eq!(
                schema(&given),
                Some(format!("`describe` returns a settings schema that {expected}")),
                "{given}"
            );
        }
        assert_eq!(
            schema(&json!({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}})),
            None
        );
    }

    #[test]
    fn a_pattern_cannot_backtrack() {
        let found = schema(&json!({"properties": {"a": {"type": "string", "pattern": "^(a+)+\\1$"}}}));
        assert!(found.is_some_and(|text| text.starts_with("`describe` is not sound: ")));
        let long = "a".repeat(100_000) + "!";
        let manifest = json!({"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}).to_string();
        let schema = Settings::compile(&manifest).unwrap();
        assert_eq!(schema.complete(json!({ "a": long })).unwrap_err()[0].pointer, "/a");
    }
}
