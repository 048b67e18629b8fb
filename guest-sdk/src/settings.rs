//! Settings: reading an account's values out of the JSON, and the schema from which the host checks
//! them and draws their form.
//!
//! ```
//! use guest_sdk::settings::Settings;
//!
//! let settings = Settings::parse(r#"{"country": "US", "status_map": {"hot": "CONNECTED"}}"#)?;
//! assert_eq!(settings.text("country")?, Some("US"));
//! assert_eq!(settings.texts("status_map")?.get("hot"), Some("CONNECTED"));
//! assert_eq!(settings.text("currency")?, None);
//! # Ok::<(), guest_sdk::Refusal>(())
//! ```

mod document;
mod reader;

use crate::Refusal;
use crate::mapping::text;
use document::{Document, Node, Value};

/// An account's settings. A generic deserializer would make a guest a third larger and could not say
/// which setting is wrong.
#[derive(Debug)]
pub struct Settings(Document);

impl Settings {
    /// Reads a JSON object.
    pub fn parse(json: &str) -> Result<Self, Refusal> {
        match reader::read(json) {
            Some(document) if document.is_object() => Ok(Self(document)),
            Some(_) | None => Err(Refusal::Invalid("the settings are not a JSON object".into())),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.member(name) {
            None => Ok(None),
            Some((Value::Text(text), _)) => Ok(Some(self.0.text(text))),
            Some(_) => Err(invalid(name, "is not a text")),
        }
    }

    /// A text that must be there.
    pub fn required_text(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| invalid(name, "is missing"))
    }

    /// A whole number from 0.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.0.member(name) {
            None => Ok(None),
            Some((Value::Number(number), _)) => Ok(Some(*number)),
            Some(_) => Err(invalid(name, "is not a whole number")),
        }
    }

    /// A list of texts; empty if it is missing.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        let texts = match self.0.member(name) {
            None => return Ok(Vec::new()),
            Some((Value::List, items)) => self.named_texts(items),
            Some(_) => None,
        };
        let texts = texts.ok_or_else(|| invalid(name, "is not a list of texts"))?;
        Ok(texts.into_iter().map(|(_, text)| text).collect())
    }

    /// An object of texts; empty if it is missing.
    pub fn texts(&self, name: &str) -> Result<Texts<'_>, Refusal> {
        let texts = match self.0.member(name) {
            None => return Ok(Texts::default()),
            Some((Value::Object, members)) => self.named_texts(members),
            Some(_) => None,
        };
        texts.map(Texts).ok_or_else(|| invalid(name, "is not an object of texts"))
    }

    /// Names and texts, if all are texts.
    fn named_texts(&self, nodes: &[Node]) -> Option<Vec<(&str, &str)>> {
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Value::Text(text) = &node.value else {
                return None;
            };
            texts.push((self.0.text(&node.name), self.0.text(text)));
        }
        Some(texts)
    }
}

/// Refuses the event because of a setting: what is wrong with it, to be read after its name.
pub fn invalid(setting: &str, what: &str) -> Refusal {
    Refusal::Invalid(text::joined(&["setting `", setting, "` ", what]))
}

/// Names and texts, such as a map from one word to another, in the order of the settings.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Texts<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Texts<'a> {
    /// The text under a name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|&(known, _)| known == name).map(|(_, text)| text)
    }

    /// The text under a name, in whatever case either was typed.
    pub fn get_ignoring_case(&self, name: &str) -> Option<&'a str> {
        let name = name.trim_ascii();
        self.iter().find(|(known, _)| known.trim_ascii().eq_ignore_ascii_case(name)).map(|(_, text)| text)
    }

    /// All names and texts.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().copied()
    }
}

impl<'a, const N: usize> From<[(&'a str, &'a str); N]> for Texts<'a> {
    fn from(pairs: [(&'a str, &'a str); N]) -> Self {
        Self(pairs.into())
    }
}

/// A JSON Schema of an object. Each of `fields` is a JSON object of properties, so that two
/// transformations share the ones they have in common; `rest` is what else the schema says, such as
/// `"required": ["pipeline"]`.
pub fn schema(title: &str, fields: &[&str], rest: &[&str]) -> String {
    let mut schema = String::from(
        r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": ""#,
    );
    schema.push_str(title);
    schema.push_str(
        r#"",
  "type": "object",
  "additionalProperties": false,
  "properties": {"#,
    );
    let mut comma = "";
    for object in fields {
        schema.push_str(comma);
        schema.push_str(inside(object));
        comma = ",";
    }
    schema.push_str("\n  }");
    for keyword in rest {
        schema.push_str(",\n  ");
        schema.push_str(keyword);
    }
    schema.push_str("\n}");
    schema
}

/// The members of a JSON object, without its braces.
fn inside(object: &str) -> &str {
    let members = object.trim_ascii().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    members.map_or(object, str::trim_ascii_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_or_refused_by_name() {
        let settings = Settings::parse(
            r#"{"text": "US", "number": 30, "list": ["high", "low"], "texts": {"Hot": "high"}, "null": null}"#,
        )
        .unwrap();
        assert_eq!(settings.text("text"), Ok(Some("US")));
        assert_eq!(settings.number("number"), Ok(Some(30)));
        assert_eq!(settings.list("list"), Ok(vec!["high", "low"]));
        assert_eq!(settings.texts("texts"), Ok(Texts::from([("Hot", "high")])));
        assert_eq!(settings.texts("texts").unwrap().get("hot"), None);
        assert_eq!(settings.texts("texts").unwrap().get_ignoring_case(" hot "), Some("high"));

        for name in ["missing", "null"] {
            assert_eq!(settings.text(name), Ok(None));
            assert_eq!(settings.number(name), Ok(None));
            assert_eq!(settings.list(name), Ok(vec![]));
            assert_eq!(settings.texts(name), Ok(Texts::default()));
        }

        assert_eq!(settings.required_text("missing"), Err(invalid("missing", "is missing")));
        assert_eq!(settings.text("number"), Err(invalid("number", "is not a text")));
        assert_eq!(settings.number("text"), Err(invalid("text", "is not a whole number")));
        assert_eq!(settings.list("texts"), Err(invalid("texts", "is not a list of texts")));
        assert_eq!(settings.texts("list"), Err(invalid("list", "is not an object of texts")));
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        for settings in ["", "[]", "null", "\"US\"", "{", r#"{"country": "US"} x"#] {
            assert!(Settings::parse(settings).is_err(), "{settings}");
        }
    }
}
