//! The API's own description, OpenAPI 3.1: drawn from the handlers, served at `/openapi.json`, and read at `/docs`.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, Tag};
use utoipa_axum::router::OpenApiRouter;

use super::cookie::SESSION_COOKIE;
use super::error::Problem;
use super::manual::Manual;
use super::page::{Frame, quiet};
use super::{guard, ingest, leaving, manual, repeat};
use crate::app::App;
use crate::model::access::Right;

/// Where every answer that is no success is described.
const PROBLEM: &str = "#/components/schemas/Problem";

/// The groups of operations, in the order of the page.
const TAGS: &[(&str, &str)] = &[
    ("Events", "Leads come in here, and each has a fate that can be looked at."),
    ("Deliveries", "Each lead's way to HubSpot: how it stands, its calls, and what took the time."),
    ("Leads", "The list of leads with what became of each, as it happens, as a table, and filters with a name."),
    ("Accounts and sources", "Dealerships, and who signs their events."),
    ("Connections", "An account's HubSpot portal."),
    ("Properties and issues", "What the portal lacks, and what that holds up."),
    ("Lanes", "The queues of accounts and connections, and their pauses."),
    ("Replays", "Leads that are sent once more."),
    ("Transformations", "Versions, the ones in use, and what another one would change."),
    ("Privacy", "What is kept of one shopper: found, taken out, removed; and who must not be written again."),
    ("Alerts", "Rules by which people are told, and what was sent to them."),
    ("Access", "Who may do what, and what was done."),
    ("Operating", "The service itself: for those who run it."),
];

const INTRODUCTION: &str = "Everything that people do in the dashboard and on the command line. \
    A program sends `Authorization: Bearer KEY`; each operation names the right that the key needs. \
    Lists come in pages: `next` goes as `after` to the page behind. \
    What fails is `application/problem+json`, with a `code` for programs and a `fix` for people. \
    Each answer has an `X-Request-Id`: the one that was sent, else a new one; the log knows the request by it. \
    Within `v1` there are only additions; `Deprecation` and `Sunset` announce an end.";

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);
static TEXT: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string(&*DOCUMENT).expect("it is JSON, and has no other keys than texts"));
static MANUAL: LazyLock<Manual> = LazyLock::new(|| Manual::of(&DOCUMENT));

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/openapi.json", get(serve)).route("/docs", get(read))
}

async fn serve() -> Response {
    let mut response = TEXT.as_str().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Template)]
#[template(path = "quiet/manual.html")]
struct Page<'a> {
    frame: Frame,
    about: &'a str,
    groups: &'a [manual::Group],
    schemas: &'a [manual::Schema],
}

async fn read(State(app): State<Arc<App>>) -> Response {
    let (about, groups, schemas) = (&MANUAL.about, &MANUAL.groups, &MANUAL.schemas);
    quiet(
        &app,
        StatusCode::OK,
        &Page { frame: Frame::of(&app, format!("The API of {}", app.brand)), about, groups, schemas },
    )
}

/// The whole description.
pub fn document() -> Value {
    let routes: OpenApiRouter<Arc<App>> = super::managed().merge(ingest::router());
    let document = serde_json::to_value(described(routes.into_openapi()));
    let mut document = document.expect("it is made of texts and numbers");
    let schemas = document["components"]["schemas"].clone();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if method == "post" && operation.get("security").is_some() {
                take_a_key(operation);
            }
            leaving::mark(method, path, operation);
            complete(operation, &schemas);
        }
    }
    document
}

fn described(mut api: OpenApi) -> OpenApi {
    let info = InfoBuilder::new().title("Leadline").version(env!("CARGO_PKG_VERSION")).description(Some(INTRODUCTION));
    api.info = info.build();
    api.tags = Some(
        TAGS.iter()
            .map(|(name, about)| {
                let mut tag = Tag::new(*name);
                tag.description = Some((*about).to_owned());
                tag
            })
            .collect(),
    );
    let [key, session] = guard::SCHEMES;
    let rights = Right::ALL.map(|right| format!("`{}`: {}", crate::model::word(&right), right.title())).join("; ");
    let about = format!("A key of `leadline access key create`. Its rights: {rights}.");
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build();
    let about = "A browser that is signed in. What changes something carries the header `x-csrf-token` too.";
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description(SESSION_COOKIE, about));
    let mut schemas = Vec::new();
    <Problem as utoipa::ToSchema>::schemas(&mut schemas);
    let components = ComponentsBuilder::from(api.components.take().unwrap_or_default())
        .schema_from::<Problem>()
        .schemas_from_iter(schemas)
        .security_scheme(key, SecurityScheme::Http(bearer))
        .security_scheme(session, SecurityScheme::ApiKey(cookie));
    api.components = Some(components.build());
    api
}

/// Says that what changes something may carry a key of its own.
fn take_a_key(operation: &mut Value) {
    let about = "Of your making, such as a UUID: the same request with the same key is done once within 24 hours, and a \
        repeat is given the same answer, with `Idempotency-Replayed: true`. With another body it is a 422; while the first \
        is under way, and where the answer showed a secret, a 409.";
    let key = json!({
        "name": repeat::KEY_HEADER, "in": "header", "required": false, "description": about,
        "schema": { "type": "string", "maxLength": 255 },
    });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(key),
        None => operation["parameters"] = json!([key]),
    }
}

/// Adds what all operations have: the answer that is no success, and an example of each body.
fn complete(operation: &mut Value, schemas: &Value) {
    let bodies = |content: &mut Value| {
        for media in content.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if media.get("example").is_none() && media["schema"]["format"] != "binary" {
                media["example"] = example(&media["schema"], schemas, &mut Vec::new());
            }
        }
    };
    let responses = operation["responses"].as_object_mut();
    for response in responses.into_iter().flat_map(Map::values_mut) {
        if let Some(content) = response.get_mut("content") {
            bodies(content);
        }
    }
    if let Some(content) = operation.pointer_mut("/requestBody/content") {
        bodies(content);
    }
    operation["responses"]["default"] = json!({
        "description": "It was not done, and why",
        "content": { "application/problem+json": { "schema": { "$ref": PROBLEM }, "example": {
            "type": "https://leads.example.com/help/codes/not_found", "title": "Nothing is here", "status": 404,
            "detail": "there is no account `acme`", "code": "not_found", "fix": "Look at the id.",
            "instance": "/v1/accounts/acme", "request_id": "req_019ab0d3a40071008000c2f5a8d1e7b4",
        } } },
    });
}

/// Something that fits a schema, made of the examples of its parts.
fn example(schema: &Value, schemas: &Value, within: &mut Vec<String>) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        if within.iter().any(|known| known == name) {
            return Value::Null;
        }
        within.push(name.to_owned());
        let made = example(&schemas[name], schemas, within);
        within.pop();
        return made;
    }
    for given in [&schema["example"], &schema["examples"][0], &schema["default"], &schema["const"], &schema["enum"][0]]
    {
        if !given.is_null() {
            return given.clone();
        }
    }
    let choices = [&schema["oneOf"], &schema["anyOf"]].into_iter().filter_map(Value::as_array).flatten();
    if let Some(choice) = choices.into_iter().find(|choice| choice["type"] != "null") {
        return example(choice, schemas, within);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let made = parts.iter().map(|part| example(part, schemas, within));
        let fields = made.filter_map(|part| part.as_object().cloned()).flatten();
        return Value::Object(fields.collect());
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    match types[..] {
        ["object"] => fields(schema, schemas, within),
        ["array"] => {
            let items = match schema["prefixItems"].as_array() {
                Some(items) => items.iter().collect(),
                None => vec![&schema["items"]],
            };
            let made = items.into_iter().map(|item| example(item, schemas, within));
            made.filter(|item| !item.is_null()).collect()
        }
        ["string"] => json!("…"),
        ["integer" | "number"] => schema.get("minimum").cloned().unwrap_or(json!(1)),
        ["boolean"] => json!(false),
        // It may be null, or anything.
        _ => Value::Null,
    }
}

fn fields(schema: &Value, schemas: &Value, within: &mut Vec<String>) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let required = |name: &String| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let made = properties.map(|(name, part)| (name.clone(), example(part, schemas, within)));
    Value::Object(made.filter(|(name, made)| !made.is_null() || required(name)).collect())
}
