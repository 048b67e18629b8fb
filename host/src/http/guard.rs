//! Who asks, and whether that is allowed. Every managed route is registered through [`needing`], which names the right
//! that it needs; what was done with it is noted here, for all of them.

use std::sync::Arc;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::OpenApiRouter;

use super::cookie::{self, SESSION_COOKIE};
use super::error::ApiError;
use super::limit::Askers;
use super::page::{Frame, quiet};
use super::repeat::{self, Turn};
use super::request;
use crate::access;
use crate::app::App;
use crate::digest::sha256_hex;
use crate::model::access::{Actor, Reach, Right, Role};
use crate::model::id::AuditId;
use crate::store::AuditEntry;
use crate::text::cut;

/// What whoever sends the service's own token is called.
const TOKEN_HOLDER: &str = "API token";
/// A form or a JSON body that is read here; uploads are not.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Of a text that is noted.
const TEXT_CHARS_MAX: usize = 120;
/// The field of a form, and the header of a script, that proves that one of our pages sent it.
pub(super) const CSRF_FIELD: &str = "csrf";
const CSRF_HEADER: &str = "x-csrf-token";
/// What the API's document calls the two ways of being known.
pub(super) const SCHEMES: [&str; 2] = ["api_key", "session"];

/// Stands at an answer whose handler noted by itself what was done, before it was done: it is noted once.
#[derive(Clone, Copy)]
pub(super) struct Noted;

/// Routes that only those with a right may use. Says so in the API's document too.
pub(super) fn needing(right: Right, mut router: OpenApiRouter<Arc<App>>) -> OpenApiRouter<Arc<App>> {
    let scope = crate::model::word(&right);
    for path in router.get_openapi_mut().paths.paths.values_mut() {
        let operations =
            [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten();
        for operation in operations {
            operation.security =
                Some(SCHEMES.iter().map(|scheme| SecurityRequirement::new(*scheme, [scope.clone()])).collect());
        }
    }
    router.route_layer(middleware::from_fn(move |request, next| only_with(right, request, next)))
}

/// Finds out who asks, before any route is tried.
pub(super) async fn recognise(
    State((app, askers)): State<(Arc<App>, Arc<Askers>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let known = match who(&app, request.headers()).await {
        Ok(known) => known,
        Err(error) => return error.into_response(),
    };
    if let Some(mut actor) = known {
        if let Err(wait) = askers.take(&asker(&actor, request.headers())) {
            return ApiError::TooMany { wait }.into_response();
        }
        if let Some(session) = actor.session.as_ref().filter(|_| !request.method().is_safe()) {
            let expected = session.csrf.clone();
            request = match sent_by_our_page(request, &expected).await {
                Ok(request) => request,
                Err(error) => return error.into_response(),
            };
        }
        // Read with each request, so that every process obeys at once, and every page can say so.
        actor.read_only = match app.store.read_only().await {
            Ok(mode) => mode,
            // Who only looks may be told something even while the database is away.
            Err(_) if request.method().is_safe() => None,
            Err(error) => return ApiError::from(error).into_response(),
        };
        request.extensions_mut().insert(actor);
    }
    request.extensions_mut().insert(app);
    next.run(request).await
}

/// Lets nobody begin something by a page that asks for no right while only operators may change something. What somebody
/// began before goes on.
pub(super) async fn unless_read_only(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match app.store.read_only().await {
        Ok(None) => next.run(request).await,
        Ok(Some(mode)) => ApiError::ReadOnly(mode).into_response(),
        Err(error) => ApiError::from(error).into_response(),
    }
}

/// Whoever the headers name. Nobody, where they name nobody; an error, where they name somebody unknown.
pub(super) async fn who(app: &App, headers: &HeaderMap) -> Result<Option<Actor>, ApiError> {
    let now = (app.clock)();
    if let Some(header) = headers.get(header::AUTHORIZATION) {
        let sent = bearer(header.as_bytes()).ok_or(ApiError::NoToken)?;
        if app.api_token.as_ref().is_some_and(|token| is_it(sent, token)) {
            return Ok(Some(Actor::in_role(TOKEN_HOLDER, Role::Operator, Reach::All)));
        }
        let key = std::str::from_utf8(sent).map_err(|_| ApiError::NoToken)?;
        return access::holder(&app.store, key, now).await?.ok_or(ApiError::NoToken).map(Some);
    }
    let Some(secret) = cookie::read(headers, &cookie::name(app, SESSION_COOKIE)) else { return Ok(None) };
    Ok(access::signed_in(&app.store, &secret.into(), now).await?)
}

/// What somebody is known by, as a hash: two keys of the same name are two askers.
pub(super) fn asker(actor: &Actor, headers: &HeaderMap) -> String {
    match (&actor.session, headers.get(header::AUTHORIZATION)) {
        (Some(session), _) => sha256_hex(session.id.as_bytes()),
        (None, sent) => sha256_hex(sent.map_or(&b""[..], HeaderValue::as_bytes)),
    }
}

/// Lets a request through that changes something only if one of our own pages sent it.
async fn sent_by_our_page(request: Request, expected: &str) -> Result<Request, ApiError> {
    if request.headers().get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(ApiError::Stray);
    }
    if request.headers().get(CSRF_HEADER).is_some_and(|sent| is_it(sent.as_bytes(), &expected.to_owned().into())) {
        return Ok(request);
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A form with a file is not read here: the browser itself says where it comes from.
    if kind.starts_with("multipart/form-data")
        && request.headers().get("sec-fetch-site").is_some_and(|site| site == "same-origin")
    {
        return Ok(request);
    }
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(ApiError::Stray);
    }
    let (parts, body) = request.into_parts();
    let bytes = read(body).await?;
    let mut fields = url::form_urlencoded::parse(&bytes);
    let sent = fields.find(|(name, _)| name == CSRF_FIELD).map(|(_, value)| value.into_owned()).unwrap_or_default();
    if !is_it(sent.as_bytes(), &expected.to_owned().into()) {
        return Err(ApiError::Stray);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
        ApiError::BadRequest(format!("the body cannot be read: {error}"), "Send less, and send it to its end.")
    })
}

/// Lets somebody through who has the right, and notes what he did.
async fn only_with(right: Right, request: Request, next: Next) -> Response {
    let app = request.extensions().get::<Arc<App>>().cloned().expect("`recognise` is around every managed route");
    let actor = request.extensions().get::<Actor>().cloned();
    let Some(actor) = actor else { return nobody(&app, request).await };
    if !actor.may(right) {
        return ApiError::NotAllowed { right }.into_response();
    }
    // What needs no more than the right to look changes nothing that is stored, so there is nothing to note.
    if request.method().is_safe() || right == Right::Read {
        return next.run(request).await;
    }
    if let Some(mode) = actor.held_back(right) {
        return ApiError::ReadOnly(mode.clone()).into_response();
    }
    let (note, request) = match note_of(request).await {
        Ok(read) => read,
        Err(error) => return error.into_response(),
    };
    let (request, keyed) = match repeat::look(&app, &actor, request).await {
        Ok(Turn::Plain(request)) => (request, None),
        Ok(Turn::First(request, keyed)) => (request, Some(keyed)),
        Ok(Turn::Again(response)) => return response,
        Err(error) => return error.into_response(),
    };
    let mut response = next.run(request).await;
    if let Some(keyed) = keyed {
        response = repeat::keep(&app, &keyed, response).await;
    }
    let is_noted = response.extensions().get::<Noted>().is_some();
    if !is_noted && (response.status().is_success() || response.status().is_redirection()) {
        let entry = AuditEntry {
            id: AuditId::new((app.clock)()),
            account_id: actor.about().cloned(),
            at: (app.clock)(),
            detail: request::noted(with_change(note.detail, actor.change())),
            actor: actor.name,
            action: note.action,
            subject: note.subject,
        };
        if let Err(error) = app.store.note_action(&entry).await {
            tracing::error!("`{}` by {} could not be noted: {error:#}", entry.action, entry.actor);
        }
    }
    response
}

/// What was asked for, with what was set by it: how it was before, and how it is now.
fn with_change(detail: Value, change: Option<&[Value; 2]>) -> Value {
    let Some(sides) = change else { return detail };
    let mut fields = match detail {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for (name, side) in ["before", "after"].into_iter().zip(sides) {
        fields.insert(name.to_owned(), without_secrets(side.clone()));
    }
    Value::Object(fields)
}

/// A browser is sent to sign in, and comes back; a program is told.
async fn nobody(app: &App, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let says = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !says(header::ACCEPT).contains("text/html") {
        return ApiError::NoToken.into_response();
    }
    if parts.method == Method::GET {
        return Redirect::to(&sign_in_address(&parts.uri)).into_response();
    }
    let is_form = says(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded");
    match read(body).await {
        Ok(bytes) if is_form => unsent(app, &parts.headers, &bytes),
        _ => ApiError::NoToken.into_response(),
    }
}

#[derive(Template)]
#[template(path = "quiet/signed_out.html")]
struct SignedOut {
    frame: Frame,
    /// Names of fields and what was typed into them.
    typed: Vec<(String, String)>,
}

/// The session ended while somebody filled in a form: nothing was done, and what he typed is not lost.
fn unsent(app: &App, headers: &HeaderMap, form: &[u8]) -> Response {
    let typed = url::form_urlencoded::parse(form).filter(|(name, value)| name != CSRF_FIELD && !value.is_empty());
    let typed = typed.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let frame = Frame::of(app, "You were signed out").seen_by(headers);
    quiet(app, StatusCode::UNAUTHORIZED, &SignedOut { frame, typed })
}

/// Where somebody signs in who wanted to go to `wanted`.
fn sign_in_address(wanted: &Uri) -> String {
    let wanted = wanted.path_and_query().map_or("/", |wanted| wanted.as_str());
    let to: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    format!("/sign-in?to={to}")
}

/// What the audit tells of a request.
struct Note {
    action: String,
    subject: String,
    detail: Value,
}

async fn note_of(request: Request) -> Result<(Note, Request), ApiError> {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let action = action(&parts.method, &path);
    let subject = subject(&mut parts).await;
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let says_form = kind.starts_with("application/x-www-form-urlencoded");
    // Some programs call everything a form, uploads too; ours are those of pages.
    let is_form = says_form && !path.starts_with("/v1/");
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let is_long = length.is_some_and(|length: usize| length > BODY_BYTES_MAX);
    // A body that says nothing of its kind is one of ours, of a few JSON fields.
    if is_long || !says_form && !kind.is_empty() && !kind.starts_with("application/json") {
        return Ok((Note { action, subject, detail: Value::Null }, Request::from_parts(parts, body)));
    }
    let bytes = read(body).await?;
    let detail = if is_form {
        let fields = url::form_urlencoded::parse(&bytes);
        Value::Object(fields.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
    } else {
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    };
    let detail = if names_a_shopper(&path) { without_shopper(detail) } else { without_secrets(detail) };
    Ok((Note { action, subject, detail }, Request::from_parts(parts, Body::from(bytes))))
}

/// Whether a route is told whom it is about, by an address or a number, or may be told in somebody's own words. Who
/// fills in a test lead types all that a lead may say.
fn names_a_shopper(path: &str) -> bool {
    const TOLD: [&str; 6] = ["shoppers", "erasures", "suppressions", "privacy", "comments", "notes"];
    path.starts_with("/accounts/{account}/test/") || path.split('/').any(|part| TOLD.contains(&part))
}

/// The same without the shopper: the history is kept, and says why something was done, and not of whom.
fn without_shopper(detail: Value) -> Value {
    const KEPT: [&str; 4] = ["account", "reason", "at_hubspot", "keep_days"];
    match without_secrets(detail) {
        Value::Object(fields) => fields.into_iter().filter(|(name, _)| KEPT.contains(&name.as_str())).collect(),
        _ => Value::Null,
    }
}

/// What a request does, in a word: `connections.pause`.
fn action(method: &Method, path: &str) -> String {
    let parts: Vec<_> =
        path.split('/').filter(|part| !part.is_empty() && *part != "v1" && !part.starts_with('{')).collect();
    let ends_with_a_name = path.ends_with('}') || parts.len() < 2;
    let verb = match *method {
        Method::DELETE => Some("delete"),
        Method::PUT | Method::PATCH => Some("set"),
        _ if ends_with_a_name => Some("create"),
        _ => None,
    };
    parts.into_iter().chain(verb).collect::<Vec<_>>().join(".")
}

/// What it is done to: what stands in the address.
async fn subject(parts: &mut Parts) -> String {
    let Ok(named) = RawPathParams::from_request_parts(parts, &()).await else { return String::new() };
    named.iter().map(|(_, value)| value.chars().take(100).collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Whether a field holds a whole event, or the words that a lead is looked for by: both are a shopper's.
fn is_of_a_shopper(name: &str, value: &Value) -> bool {
    name == "body" || name == "text" || name == "event" && value.is_object()
}

/// Whether a field is a filter of the list of leads, as the end of its address.
fn is_filter(name: &str) -> bool {
    name == "filter" || name == "query"
}

/// A filter of the list of leads without the words that it looks for.
fn without_words(filter: &str) -> String {
    let filter = filter.trim_start_matches('?');
    let pairs = url::form_urlencoded::parse(filter.as_bytes()).filter(|(name, _)| name != "text");
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Whether a field holds what opens something. So may the page to go back to, whose address can end with a ticket.
fn is_secret(name: &str) -> bool {
    const SECRET: [&str; 5] = ["token", "secret", "password", CSRF_FIELD, "key"];
    // The names of the properties by which HubSpot knows a record again.
    const MATCH_KEYS: [&str; 2] = ["contact_key", "deal_key"];
    name == "back" || !MATCH_KEYS.contains(&name) && SECRET.iter().any(|secret| name.contains(secret))
}

/// The same without what nobody should read later.
fn without_secrets(detail: Value) -> Value {
    match detail {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, value)| !is_secret(name) && !is_of_a_shopper(name, value));
            let told = |(name, value): (String, Value)| match value {
                Value::String(filter) if is_filter(&name) => {
                    (name, Value::String(cut(&without_words(&filter), TEXT_CHARS_MAX)))
                }
                value => (name, without_secrets(value)),
            };
            Value::Object(kept.map(told).collect::<Map<_, _>>())
        }
        Value::Array(values) => values.into_iter().map(without_secrets).collect(),
        // A whole event or component says more than what was done, and of whom.
        Value::String(text) => Value::String(cut(&text, TEXT_CHARS_MAX)),
        other => other,
    }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::NoToken.into_response())
    }
}

fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Compares digests, and every byte of them: neither the length nor the place of the first difference shows in the time.
fn is_it(sent: &[u8], token: &SecretString) -> bool {
    let (sent, token) = (Sha256::digest(sent), Sha256::digest(token.expose_secret()));
    sent.iter().zip(token.iter()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = SecretString::from("0123456789abcdef01234567");
        for (header, opens) in [
            ("Bearer 0123456789abcdef01234567", true),
            ("bearer 0123456789abcdef01234567", true),
            ("Bearer 0123456789abcdef0123456", false),
            ("Bearer 0123456789abcdef012345678", false),
            ("Bearer  0123456789abcdef01234567", false),
            ("Bearer ", false),
            ("Basic 0123456789abcdef01234567", false),
            ("", false),
        ] {
            assert_eq!(bearer(header.as_bytes()).is_some_and(|sent| is_it(sent, &token)), opens, "{header:?}");
        }
    }

    #[test]
    fn an_action_is_named_after_its_address() {
        for (method, path, expected) in [
            (Method::POST, "/v1/connections/{id}/pause", "connections.pause"),
            (Method::POST, "/v1/replays", "replays.create"),
            (Method::POST, "/v1/bindings/rollback", "bindings.rollback"),
            (Method::DELETE, "/v1/api-keys/{id}", "api-keys.delete"),
            (Method::PUT, "/v1/people", "people.set"),
            (Method::POST, "/accounts/{account}/leads/{event}/retry", "accounts.leads.retry"),
        ] {
            assert_eq!(action(&method, path), expected, "{path}");
        }
    }

    #[test]
    fn secrets_are_not_noted() {
        let asked = json!({ "name": "x", "token": "t", "nested": { "client_secret": "s", "rate": 5 }, "csrf": "c" });
        assert_eq!(without_secrets(asked), json!({ "name": "x", "nested": { "rate": 5 } }));
        let long = without_secrets(json!({ "reason": "x".repeat(10_000) }));
        let sought = without_secrets(json!({ "text": "maya lind", "filter": "outcome=failed&text=maya+lind" }));
        assert_eq!(sought, json!({ "filter": "outcome=failed" }));
        let saved = without_secrets(json!({ "name": "Failed", "query": "?text=maya+lind&outcome=failed" }));
        assert_eq!(saved, json!({ "name": "Failed", "query": "outcome=failed" }));
        let back = json!({ "theme": "dark", "back": "/accounts/acme/setup?link=ticket" });
        assert_eq!(without_secrets(back), json!({ "theme": "dark" }), "the page to go back to may hold a ticket");
        assert!(long["reason"].as_str().unwrap().chars().count() <= TEXT_CHARS_MAX + 1, "{long}");
    }

    #[test]
    fn the_history_says_how_it_was_before_and_how_it_is_now() {
        let change = [json!({ "keep_days": 30, "token": "t" }), json!(null)];
        let told = with_change(json!({ "keep_days": null }), Some(&change));
        assert_eq!(told, json!({ "keep_days": null, "before": { "keep_days": 30 }, "after": null }));
        assert_eq!(with_change(Value::Null, None), Value::Null);
        // A property by which records are matched is called a key, and opens nothing.
        let keys = |contact: &str| json!({ "contact_key": contact, "deal_key": "own_deal", "api_key": "llk_1" });
        let told = with_change(Value::Null, Some(&[keys("leadline_lead_id"), keys("own_id")]));
        let kept = |contact: &str| json!({ "contact_key": contact, "deal_key": "own_deal" });
        assert_eq!(told, json!({ "before": kept("leadline_lead_id"), "after": kept("own_id") }));
    }

    #[test]
    fn no_shopper_stands_in_the_history() {
        let event = json!({ "account": "acme", "event": { "data": { "name": "Maya" } }, "body": "{\"name\":\"Maya\"" });
        assert_eq!(without_secrets(event), json!({ "account": "acme" }));
        assert_eq!(without_secrets(json!({ "event": "evt_1" })), json!({ "event": "evt_1" }));
        let asked =
            json!({ "account": "acme", "email": "maya@example.com", "confirm": "maya@example.com", "reason": "R-7" });
        assert_eq!(without_shopper(asked), json!({ "account": "acme", "reason": "R-7" }));
        for (path, names) in [
            ("/v1/erasures", true),
            ("/accounts/{account}/privacy/find", true),
            ("/accounts/{account}/test/preview", true),
            ("/accounts/{account}/test/send", true),
            ("/accounts/{account}/alerts/{id}/test", false),
            ("/v1/events", false),
        ] {
            assert_eq!(names_a_shopper(path), names, "{path}");
        }
        let typed = json!({ "name": "Maya", "phone": "+1 305 555 0142", "notes": "call Maya", "deals": "yes" });
        assert_eq!(without_shopper(typed), json!({}));
    }

    #[test]
    fn who_is_unknown_comes_back_to_where_he_wanted_to_go() {
        let wanted = Uri::from_static("/accounts/a/logs?text=maya%20lind&outcome=failed");
        assert_eq!(
            sign_in_address(&wanted),
            "/sign-in?to=%2Faccounts%2Fa%2Flogs%3Ftext%3Dmaya%2520lind%26outcome%3Dfailed"
        );
    }
}
