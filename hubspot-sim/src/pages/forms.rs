//! Forms that need no script: what each field is, how it is drawn, and what it sends as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::answer::Refusal;
use crate::html::escape;
use crate::request::{Request, pairs};

/// One field of a form. Its name may be a path, such as `property.name`.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Left out when it is empty.
    Optional,
    Number,
    Share,
    /// Yes or no.
    Flag,
    /// A line `name=value` each.
    Pairs,
    Choice(&'static [&'static str]),
}

pub(super) const fn field(name: &'static str, label: &'static str, kind: Kind) -> Field {
    Field { name, label, kind }
}

/// A form that posts to the page it stands on. `given` fills fields in.
pub(super) fn draw(
    hidden: &[(&str, &str)],
    fields: &[Field],
    given: &BTreeMap<String, String>,
    button: &str,
) -> String {
    let hidden = hidden
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value)));
    let inputs = fields.iter().map(|field| {
        let value = escape(given.get(field.name).map(String::as_str).unwrap_or_default());
        format!("<label>{} {}</label>", escape(field.label), input(field, &value))
    });
    format!(
        "<form method=\"post\">{}{}<button>{}</button></form>",
        hidden.collect::<String>(),
        inputs.collect::<String>(),
        escape(button)
    )
}

fn input(field: &Field, value: &str) -> String {
    let name = field.name;
    match field.kind {
        Kind::Text | Kind::Optional => format!("<input name=\"{name}\" value=\"{value}\">"),
        Kind::Number => format!("<input name=\"{name}\" value=\"{value}\" inputmode=\"numeric\" size=\"8\">"),
        Kind::Share => format!("<input name=\"{name}\" value=\"{value}\" inputmode=\"decimal\" size=\"5\">"),
        Kind::Flag => format!("<input type=\"checkbox\" name=\"{name}\" value=\"true\">"),
        Kind::Pairs => format!("<textarea name=\"{name}\" rows=\"2\" placeholder=\"name=value\">{value}</textarea>"),
        Kind::Choice(values) => {
            let options = values.iter().map(|value| format!("<option>{value}</option>"));
            format!("<select name=\"{name}\">{}</select>", options.collect::<String>())
        }
    }
}

/// The fields of a form that was sent.
pub(super) fn sent(request: &Request) -> BTreeMap<String, String> {
    pairs(&String::from_utf8_lossy(&request.body)).into_iter().collect()
}

/// The form as the JSON that the inspection API would have taken.
pub(super) fn to_json(fields: &[Field], sent: &BTreeMap<String, String>) -> Result<Value, Refusal> {
    let mut body = Value::Object(Map::new());
    for field in fields {
        let text = sent.get(field.name).map(String::as_str).unwrap_or_default().trim();
        if let Some(value) = value(field, text)? {
            let mut at = &mut body;
            for part in field.name.split('.') {
                at = &mut at[part];
            }
            *at = value;
        }
    }
    Ok(body)
}

fn value(field: &Field, text: &str) -> Result<Option<Value>, Refusal> {
    let bad = || Refusal::bare(400, format!("{}: {text} is no number", field.label));
    Ok(match field.kind {
        Kind::Optional | Kind::Number | Kind::Share if text.is_empty() => None,
        Kind::Text | Kind::Optional | Kind::Choice(_) => Some(json!(text)),
        Kind::Number => Some(json!(text.parse::<i64>().map_err(|_| bad())?)),
        Kind::Share => Some(json!(text.parse::<f64>().map_err(|_| bad())?)),
        Kind::Flag => Some(json!(text == "true")),
        Kind::Pairs => {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            Some(lines.map(|(name, value)| (name.trim().to_owned(), json!(value.trim()))).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Kind, field, to_json};

    #[test]
    fn fields_become_json() {
        let fields = [
            field("match.path", "Path", Kind::Optional),
            field("match.method", "Method", Kind::Optional),
            field("times", "Times", Kind::Number),
            field("apply", "Apply", Kind::Flag),
            field("properties", "Values", Kind::Pairs),
        ];
        let sent = [("match.path", "/batch"), ("match.method", ""), ("times", "2"), ("properties", "a=1\nb = x=y")];
        let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let expected =
            json!({"match": {"path": "/batch"}, "times": 2, "apply": false, "properties": {"a": "1", "b": "x=y"}});
        assert_eq!(to_json(&fields, &sent).unwrap(), expected);
        let wrong = [("times".to_owned(), "often".to_owned())].into();
        assert!(to_json(&fields, &wrong).is_err());
    }
}
