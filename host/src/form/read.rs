//! From what a form was sent with back to settings. What was left empty is left out, so that defaults count.

use serde_json::{Map, Value, json};

use super::{Field, FieldKind};
use crate::schema::Violation;

/// The settings that a form says, by the pointers of its fields.
///
/// # Errors
/// The fields that are not what they have to be, each with a sentence.
pub fn read(fields: &[Field], sent: &[(String, String)]) -> Result<Value, Vec<Violation>> {
    let mut violations = Vec::new();
    let settings = group(fields, sent, &mut violations);
    if violations.is_empty() { Ok(settings) } else { Err(violations) }
}

/// The fields with what was typed into them, whether or not it can be read: whoever corrects one thing loses no other.
pub fn typed(fields: &[Field], sent: &[(String, String)]) -> Vec<Field> {
    let one = |field: &Field| {
        let (value, fields) = (as_typed(field, sent), typed(&field.fields, sent));
        Field { value, fields, ..field.clone() }
    };
    fields.iter().map(one).collect()
}

fn as_typed(field: &Field, sent: &[(String, String)]) -> Value {
    let mut all = sent.iter().filter(|(name, _)| *name == field.pointer).map(|(_, value)| value.as_str());
    match field.kind {
        FieldKind::Group => field.value.clone(),
        FieldKind::Toggle => json!(all.next().is_some()),
        FieldKind::Choices => json!(all.collect::<Vec<_>>()),
        FieldKind::Text
        | FieldKind::Number
        | FieldKind::Integer
        | FieldKind::Choice
        | FieldKind::Texts
        | FieldKind::Map
        | FieldKind::Json
        | FieldKind::Pipeline
        | FieldKind::Stage
        | FieldKind::Owner
        | FieldKind::Property => all.next().map_or(Value::Null, |text| json!(text)),
    }
}

fn group(fields: &[Field], sent: &[(String, String)], violations: &mut Vec<Violation>) -> Value {
    let mut members = Map::new();
    for field in fields {
        let value = match field.kind {
            FieldKind::Group => match group(&field.fields, sent, violations) {
                Value::Object(members) if members.is_empty() => None,
                members => Some(members),
            },
            FieldKind::Map => map(field, sent).unwrap_or_else(|detail| {
                violations.push(Violation { pointer: field.pointer.clone(), detail });
                None
            }),
            _ => one(field, sent).unwrap_or_else(|detail| {
                violations.push(Violation { pointer: field.pointer.clone(), detail });
                None
            }),
        };
        if let Some(value) = value {
            members.insert(name(&field.pointer), value);
        }
    }
    Value::Object(members)
}

/// The last part of a pointer, as the member is called.
fn name(pointer: &str) -> String {
    pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

/// Lines of names and values, or each member in a field of its own, under its own pointer.
fn map(field: &Field, sent: &[(String, String)]) -> Result<Option<Value>, String> {
    let mut members = Map::new();
    for (pointer, value) in sent {
        if *pointer == field.pointer {
            for line in value.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let pair = line.split_once('=').ok_or_else(|| format!("`{line}` is not of the form `name = value`"))?;
                members.insert(pair.0.trim().to_owned(), json!(pair.1.trim()));
            }
        } else if is_member(pointer, &field.pointer) && !value.trim().is_empty() {
            members.insert(name(pointer), json!(value.trim()));
        }
    }
    Ok((!members.is_empty()).then_some(Value::Object(members)))
}

/// Whether a pointer leads to a member of what another one leads to.
fn is_member(pointer: &str, of: &str) -> bool {
    pointer.rsplit_once('/').is_some_and(|(group, name)| group == of && !name.is_empty())
}

fn one(field: &Field, sent: &[(String, String)]) -> Result<Option<Value>, String> {
    let mut all = sent.iter().filter(|(name, _)| *name == field.pointer).map(|(_, value)| value.trim());
    let lines = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match field.kind {
        FieldKind::Toggle => return Ok(Some(json!(all.next().is_some()))),
        FieldKind::Choices => {
            let chosen: Vec<_> = all.filter(|value| !value.is_empty()).collect();
            return Ok((!chosen.is_empty()).then(|| json!(chosen)));
        }
        _ => {}
    }
    let text = match all.next() {
        None | Some("") => return Ok(None),
        Some(text) => text,
    };
    Ok(Some(match field.kind {
        FieldKind::Number => json!(text.parse::<f64>().map_err(|_| format!("`{text}` is no number"))?),
        FieldKind::Integer => json!(text.parse::<i64>().map_err(|_| format!("`{text}` is no whole number"))?),
        FieldKind::Texts => {
            let lines: Vec<String> = lines(text);
            json!(lines)
        }
        FieldKind::Json => serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?,
        // A number or a word that is none in JSON stays what it was in the list.
        FieldKind::Choice => text.parse::<i64>().map_or_else(
            |_| json!(text),
            |number| match &field.value {
                Value::Number(_) => json!(number),
                _ => json!(text),
            },
        ),
        _ => json!(text),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::form;
    use super::*;

    const SCHEMA: &str = r#"{ "properties": {
        "deal": { "type": "object", "properties": {
            "stage": { "type": "string", "format": "hubspot-stage" },
            "days": { "type": "integer" },
            "share": { "type": "number" }
        } },
        "on": { "type": "boolean" },
        "which": { "type": "array", "items": { "enum": ["high", "low"] } },
        "words": { "type": "array", "items": { "type": "string" } },
        "map": { "type": "object", "additionalProperties": { "type": "string" } },
        "odd/name": { "oneOf": [] }
    } }"#;

    fn sent(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_becomes_the_settings_that_it_shows() {
        let fields = form(SCHEMA, &json!({}), None).unwrap();
        let rows = [
            (sent(&[]), json!({ "on": false })),
            (
                sent(&[
                    ("/deal/stage", "new"),
                    ("/deal/days", " 30 "),
                    ("/deal/share", "0.5"),
                    ("/on", "yes"),
                    ("/which", "high"),
                    ("/which", "low"),
                    ("/words", "a\r\n\r\n b "),
                    ("/map", "new = NEW\nopen=OPEN"),
                    ("/map/old", "OLD"),
                    ("/map/unset", " "),
                    ("/mapped/x", "y"),
                    ("/odd~1name", "{\"a\": 1}"),
                    ("/unknown", "x"),
                ]),
                json!({
                    "deal": { "stage": "new", "days": 30, "share": 0.5 }, "on": true, "which": ["high", "low"],
                    "words": ["a", "b"], "map": { "new": "NEW", "open": "OPEN", "old": "OLD" }, "odd/name": { "a": 1 },
                }),
            ),
        ];
        for (sent, expected) in rows {
            assert_eq!(read(&fields, &sent), Ok(expected), "{sent:?}");
        }
    }

    #[test]
    fn what_was_typed_stays_in_the_form_whether_or_not_it_can_be_read() {
        let settings = json!({ "deal": { "stage": "new", "days": 30, "share": 0.5 }, "on": true, "which": ["high"] });
        let fields = form(SCHEMA, &settings, None).unwrap();
        let pairs = sent(&[
            ("/deal/stage", "old"),
            ("/deal/days", "many"),
            ("/deal/share", ""),
            ("/which", "low"),
            ("/words", "b\n\nc"),
            ("/map", "no sign"),
            ("/odd~1name", "{"),
        ]);
        let shown = typed(&fields, &pairs);
        let values = |fields: &[Field]| {
            let value = |field: &Field| (field.pointer.clone(), field.value.clone());
            fields.iter().map(value).collect::<Vec<_>>()
        };
        let expected = |rows: &[(&str, Value)]| {
            rows.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect::<Vec<_>>()
        };
        let deal = [("/deal/stage", json!("old")), ("/deal/days", json!("many")), ("/deal/share", json!(""))];
        assert_eq!(values(&shown[0].fields), expected(&deal));
        let rest = [
            ("/on", json!(false)),
            ("/which", json!(["low"])),
            ("/words", json!("b\n\nc")),
            ("/map", json!("no sign")),
            ("/odd~1name", json!("{")),
        ];
        assert_eq!(values(&shown[1..]), expected(&rest));
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_field() {
        let fields = form(SCHEMA, &json!({}), None).unwrap();
        let wrong = sent(&[("/deal/days", "many"), ("/map", "no sign"), ("/odd~1name", "{")]);
        let violations = read(&fields, &wrong).unwrap_err();
        let told: Vec<_> = violations.iter().map(|one| (one.pointer.as_str(), one.detail.as_str())).collect();
        assert_eq!(told[0], ("/deal/days", "`many` is no whole number"));
        assert_eq!(told[1], ("/map", "`no sign` is not of the form `name = value`"));
        assert_eq!(told[2].0, "/odd~1name");
    }
}
