//! What goes back: an answer, or a refusal in the envelope that all of HubSpot's errors share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::random::Random;

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Html(String),
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        Self { status, headers: Vec::new(), body: Body::Html(page) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }
}

/// Why a call, or one input of a batch, was not carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: Kind,
    pub(crate) message: Box<str>,
    pub(crate) details: Vec<Detail>,
    pub(crate) context: BTreeMap<&'static str, Vec<String>>,
    pub(crate) retry_after_s: Option<u32>,
}

/// What an envelope says about the kind of refusal it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Unnamed,
    Category(&'static str),
    /// Category and sub-category.
    Categories(&'static str, &'static str),
    /// Any one of these scopes would have sufficed.
    MissingScopes(&'static [&'static str]),
    /// A 429 names the limit, and has no category.
    Policy(&'static str),
}

/// What is wrong with one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) code: String,
    pub(crate) property: String,
    pub(crate) message: String,
}

impl Detail {
    pub(crate) fn new(code: impl Into<String>, property: &str, message: String) -> Self {
        Self { code: code.into(), property: property.to_owned(), message }
    }
}

impl Refusal {
    /// A status and a text, without category: what HubSpot's outer layers answer.
    pub(crate) fn bare(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into().into_boxed_str(), ..Self::default() }
    }

    /// No such path, version or object type.
    pub(crate) fn unknown_path() -> Self {
        Self::bare(404, "Resource not found")
    }

    /// No token, or one that no portal knows any more.
    pub(crate) fn unauthenticated() -> Self {
        Self {
            kind: Kind::Category("INVALID_AUTHENTICATION"),
            ..Self::bare(401, "Authentication credentials not found or not valid.")
        }
    }

    pub(crate) fn missing_scopes(scopes: &'static [&'static str]) -> Self {
        let message = "This app has not been granted all scopes that this call needs.";
        Self { kind: Kind::MissingScopes(scopes), ..Self::bare(403, message) }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self { kind: Kind::Category("VALIDATION_ERROR"), ..Self::bare(400, message) }
    }

    /// Bad property values. The details stand in the message too, as a list in JSON.
    pub(crate) fn bad_values(details: Vec<Detail>) -> Self {
        let list = details.iter().map(|detail| {
            json!({"isValid": false, "error": detail.code, "name": detail.property, "message": detail.message})
        });
        let message = format!("Property values were not valid: {}", Value::Array(list.collect()));
        Self { details, ..Self::validation(message) }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { kind: Kind::Category("OBJECT_NOT_FOUND"), ..Self::bare(404, message) }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { kind: Kind::Category("CONFLICT"), ..Self::bare(409, message) }
    }

    pub(crate) fn with_context(mut self, name: &'static str, values: Vec<String>) -> Self {
        self.context.insert(name, values);
        self
    }

    /// An entry of a batch's `errors`: its details stand in the message only.
    pub(crate) fn entry(&self, trace: Option<&str>) -> Value {
        let mut context = self.context.clone();
        if let Some(trace) = trace {
            context.insert("objectWriteTraceId", vec![trace.to_owned()]);
        }
        let mut entry = self.common();
        entry.insert("context".to_owned(), json!(context));
        Value::Object(entry)
    }

    fn common(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("status".to_owned(), json!("error"));
        fields.insert("message".to_owned(), json!(self.message));
        match self.kind {
            Kind::Unnamed => {}
            Kind::Category(category) => {
                fields.insert("category".to_owned(), json!(category));
            }
            Kind::Categories(category, sub_category) => {
                fields.insert("category".to_owned(), json!(category));
                fields.insert("subCategory".to_owned(), json!(sub_category));
            }
            Kind::MissingScopes(scopes) => {
                let message = "One or more of the following scopes are required.";
                let error = json!({"message": message, "context": {"requiredGranularScopes": scopes}});
                fields.insert("category".to_owned(), json!("MISSING_SCOPES"));
                fields.insert("errors".to_owned(), json!([error]));
                fields.insert("links".to_owned(), json!({"scopes": "https://developers.hubspot.com/scopes"}));
            }
            Kind::Policy(policy) => {
                fields.insert("errorType".to_owned(), json!("RATE_LIMIT"));
                fields.insert("policyName".to_owned(), json!(policy));
            }
        }
        fields
    }

    fn envelope(&self, random: &mut Random) -> Value {
        let mut fields = self.common();
        if let Kind::Policy(_) = self.kind {
            fields.insert("requestId".to_owned(), json!(random.id()));
        }
        if !self.context.is_empty() {
            fields.insert("context".to_owned(), json!(self.context));
        }
        if !self.details.is_empty() {
            let details = self.details.iter().map(|detail| {
                json!({
                    "code": detail.code, "message": detail.message, "in": detail.property,
                    "context": {"propertyName": [detail.property]},
                })
            });
            fields.insert("errors".to_owned(), Value::Array(details.collect()));
        }
        Value::Object(fields)
    }

    pub(crate) fn into_answer(self, random: &mut Random) -> Answer {
        let mut answer = Answer::json(self.status, self.envelope(random));
        let retry_after = self.retry_after_s.map(|seconds| ("Retry-After".to_owned(), seconds.to_string()));
        answer.headers.extend(retry_after);
        answer
    }
}

/// Puts the correlation id into an error's body.
pub(crate) fn correlate(body: &mut Value, id: &str) {
    if let Some(fields) = body.as_object_mut()
        && fields.get("status").is_some_and(|status| status == "error")
    {
        fields.insert("correlationId".to_owned(), json!(id));
    }
}

/// Leaves optional fields of an error out, or of the errors of a batch. Status and message stay.
pub(crate) fn make_sparse(body: &mut Value, random: &mut Random) {
    let Some(fields) = body.as_object_mut() else { return };
    let is_error = fields.get("status").is_some_and(|status| status == "error");
    if is_error {
        fields.retain(|name, _| matches!(name.as_str(), "status" | "message" | "policyName") || random.coin());
    } else if let Some(entries) = fields.get_mut("errors").and_then(Value::as_array_mut) {
        entries.iter_mut().for_each(|entry| make_sparse(entry, random));
    }
}

/// Adds fields that no client can know, to the answer and to each of its results.
pub(crate) fn add_unknown_fields(body: &mut Value) {
    let Some(fields) = body.as_object_mut() else { return };
    if let Some(results) = fields.get_mut("results").and_then(Value::as_array_mut) {
        results.iter_mut().for_each(add_unknown_fields);
    }
    fields.insert("addedLater".to_owned(), json!({"kind": "UNHEARD_OF", "values": [1, null, "x"]}));
}
