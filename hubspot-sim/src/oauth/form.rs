//! The forms of token calls: how they are read and refused, and what of them a log may keep.

use std::collections::BTreeMap;

use hyper::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::finding::FindingKind;
use crate::request::{Request, pairs};
use crate::turn::Turn;
use crate::world::World;

/// Form fields and answer fields that no log may keep.
const SECRET_FIELDS: [&str; 6] = ["client_secret", "code", "token", "access_token", "refresh_token", "code_verifier"];

const HIDDEN: &str = "(hidden)";

/// A refusal in the words of OAuth, beside HubSpot's own.
pub(super) struct No {
    pub(super) error: &'static str,
    pub(super) status: &'static str,
    pub(super) message: String,
}

pub(super) type Form = BTreeMap<String, String>;

/// The portal that a token call is about, if the code or the token in its form is known.
pub(crate) fn portal_named(world: &World, request: &Request) -> Option<i64> {
    let fields = pairs(std::str::from_utf8(&request.body).ok()?);
    let named = fields.iter().filter(|(name, _)| SECRET_FIELDS.contains(&name.as_str()));
    named.into_iter().find_map(|(_, value)| Some(world.portal_of(value)?.0))
}

/// The same body, form or JSON, with every secret in it replaced.
pub(crate) fn hide_secrets(body: &[u8]) -> Vec<u8> {
    if let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) {
        for (name, value) in &mut fields {
            if SECRET_FIELDS.contains(&name.as_str()) {
                *value = json!(HIDDEN);
            }
        }
        return Value::Object(fields).to_string().into_bytes();
    }
    let text = String::from_utf8_lossy(body);
    let parts = pairs(&text).into_iter().map(|(name, value)| match SECRET_FIELDS.contains(&name.as_str()) {
        true => format!("{name}={HIDDEN}"),
        false => format!("{name}={value}"),
    });
    parts.collect::<Vec<_>>().join("&").into_bytes()
}

pub(super) fn no(error: &'static str, status: &'static str, message: impl Into<String>) -> No {
    No { error, status, message: message.into() }
}

pub(super) fn bad_request(message: impl Into<String>) -> No {
    no("invalid_request", "BAD_REQUEST", message)
}

/// The form in the body: each field once, and nothing in the query.
pub(super) fn form(world: &World, turn: &Turn, request: &Request) -> Result<Form, No> {
    if !request.query.is_empty() {
        return Err(bad_request("the fields of a token call stand in its body, never in the query"));
    }
    let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        let text = format!("a token call takes a form, and this one came as `{content_type}`");
        world.find(portal_named(world, request), FindingKind::TokenCallNotAForm, turn.number, text.clone());
        return Err(bad_request(text));
    }
    let text = std::str::from_utf8(&request.body).map_err(|_| bad_request("the form is not text"))?;
    let mut form = Form::new();
    for (name, value) in pairs(text) {
        if form.insert(name.clone(), value).is_some() {
            return Err(bad_request(format!("the form has {name} twice")));
        }
    }
    Ok(form)
}

/// Refuses a form with other fields than these, or without one of them.
pub(super) fn expect_fields(form: &Form, fields: &[&str]) -> Result<(), No> {
    if let Some(name) = fields.iter().find(|name| form.get(**name).is_none_or(String::is_empty)) {
        return Err(bad_request(format!("missing required field {name}")));
    }
    match form.keys().find(|name| !fields.contains(&name.as_str())) {
        Some(name) => Err(bad_request(format!("unknown field {name}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::hide_secrets;

    #[test]
    fn secrets_are_hidden_in_forms_and_in_json() {
        for (body, hidden) in [
            (
                "grant_type=refresh_token&refresh_token=abc&client_id=x",
                "grant_type=refresh_token&refresh_token=(hidden)&client_id=x",
            ),
            ("code=1&client%5Fsecret=2", "code=(hidden)&client_secret=(hidden)"),
            (r#"{"access_token":"a","hub_id":1}"#, r#"{"access_token":"(hidden)","hub_id":1}"#),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(hide_secrets(body.as_bytes())).unwrap(), hidden);
        }
    }
}
