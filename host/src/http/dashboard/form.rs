//! The form of a version's settings as a page draws it: the same for whoever enables a version and for whoever changes the
//! mapping. `parts/setting.html` has a way for each kind.

use serde_json::Value;

use crate::form::{Field, FieldKind};
use crate::schema::Violation;

/// One field of the form, as deep as it stands.
pub(super) struct Drawn {
    pub(super) field: Field,
    pub(super) depth: usize,
    pub(super) wrong: Option<String>,
}

impl Drawn {
    /// What ties a label to its field: the pointer, as far as an id takes it.
    pub(super) fn id(&self) -> String {
        self.field
            .pointer
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' })
            .collect()
    }

    /// How it is asked for, in one of the ways that the template knows.
    pub(super) fn way(&self) -> &'static str {
        match self.field.kind {
            FieldKind::Group => "group",
            FieldKind::Toggle => "toggle",
            FieldKind::Choices => "choices",
            FieldKind::Texts | FieldKind::Map | FieldKind::Json => "lines",
            FieldKind::Number | FieldKind::Integer => "number",
            FieldKind::Choice | FieldKind::Pipeline | FieldKind::Stage | FieldKind::Owner | FieldKind::Property
                if !self.field.choices_unknown =>
            {
                "choice"
            }
            _ => "text",
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.field.value == Value::Bool(true)
    }

    pub(super) fn has(&self, value: &str) -> bool {
        match &self.field.value {
            Value::Array(values) => values.iter().any(|one| one == value),
            Value::String(one) => one == value,
            other => *other.to_string() == *value,
        }
    }

    /// What stands in a field of text.
    pub(super) fn text(&self) -> String {
        match (&self.field.value, self.field.kind) {
            (Value::Null, _) => String::new(),
            (Value::String(text), _) => text.clone(),
            (Value::Array(values), FieldKind::Texts) => {
                values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
            }
            (Value::Object(members), FieldKind::Map) => {
                let line =
                    |(name, value): (&String, &Value)| format!("{name} = {}", value.as_str().unwrap_or_default());
                members.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            (other, FieldKind::Json) => serde_json::to_string_pretty(other).unwrap_or_default(),
            (other, _) => other.to_string(),
        }
    }
}

/// The fields of a form, each before those of its group, with what is wrong about it.
pub(super) fn drawn_fields(fields: &[Field], violations: &[Violation]) -> Vec<Drawn> {
    let mut all = Vec::new();
    flat(fields, 0, violations, &mut all);
    all
}

fn flat(fields: &[Field], depth: usize, violations: &[Violation], all: &mut Vec<Drawn>) {
    for field in fields {
        let wrong = violations.iter().find(|violation| violation.pointer == field.pointer);
        let wrong = wrong.map(|violation| violation.detail.clone());
        all.push(Drawn { field: Field { fields: Vec::new(), ..field.clone() }, depth, wrong });
        flat(&field.fields, depth + 1, violations, all);
    }
}
