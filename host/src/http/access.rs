//! `/v1/api-keys`, `/v1/people`, `/v1/sign-in-links`, `/v1/sessions`, `/v1/audit`: who may do what, and what was done.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use super::guard::needing;
use super::reach::{account_or_all, reach, read};
use crate::access::{
    self, AccessError, LINK_LIFE, NewKey, NewLink, PORTAL_LINK_LIFE, PORTAL_SESSION_LIFE_MAX, SESSION_LIFE,
};
use crate::app::App;
use crate::model::access::{Actor, Reach, Right, Role};
use crate::model::id::AuditId;
use crate::model::time::Timestamp;

/// Entries of the audit that one answer lists at most.
const AUDIT_PAGE: u32 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let access = OpenApiRouter::new()
        .route("/v1/api-keys", get(keys))
        .route("/v1/api-keys", post(make_key))
        .route("/v1/api-keys/{id}", delete(revoke_key))
        .route("/v1/people", get(people))
        .route("/v1/people", post(invite))
        .route("/v1/people/{id}", delete(remove_person))
        .route("/v1/sign-in-links", post(make_link))
        .route("/v1/sessions", get(sessions))
        .route("/v1/sessions/{id}", delete(end_session));
    let read = OpenApiRouter::new().route("/v1/audit", get(audit));
    needing(Right::Access, access).merge(needing(Right::Read, read))
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let text = error.to_string();
        match error {
            AccessError::Store(error) => error.into(),
            AccessError::MoreThanOneHas { .. } => {
                Self::Conflict(text, "Ask for fewer rights, or ask somebody with more.")
            }
            _ => Self::BadRequest(text, "Correct it, and send it again."),
        }
    }
}

/// Whose keys, people and sessions are meant.
#[derive(Deserialize)]
struct Whose {
    /// Slug or id; without one, those of the only account that the asker reaches, or of the house.
    account: Option<String>,
}

async fn keys(State(app): State<Arc<App>>, actor: Actor, Query(whose): Query<Whose>) -> Result<Json<Value>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    Ok(Json(json!({ "data": app.store.api_keys(&reach).await?, "next": null })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeKey {
    account: Option<String>,
    name: String,
    rights: Vec<Right>,
    expires_at: Option<Timestamp>,
}

async fn make_key(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let asked: MakeKey = read(&body, "Send {\"name\": \"reports\", \"rights\": [\"read\"]}.")?;
    let reach = reach(&app, &actor, asked.account.as_deref()).await?;
    let new = NewKey { reach, name: &asked.name, rights: &asked.rights, expires_at: asked.expires_at };
    let (key, text) = access::make_key(&app.store, &actor, new, (app.clock)()).await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": { "key": key, "secret": text.expose_secret() } }))))
}

async fn revoke_key(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<Value>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    match app.store.revoke_api_key(&reach, &id, (app.clock)()).await? {
        true => Ok(Json(json!({ "data": { "id": id, "revoked": true } }))),
        false => Err(ApiError::NotFound(format!("there is no key `{id}` that opens something"))),
    }
}

async fn people(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
) -> Result<Json<Value>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    Ok(Json(json!({ "data": app.store.people(&reach).await?, "next": null })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invite {
    account: Option<String>,
    email: String,
    name: String,
    role: Role,
}

async fn invite(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<(StatusCode, Json<Value>), ApiError> {
    const FIX: &str = "Send {\"email\": \"maya@example.com\", \"name\": \"Maya Lind\", \"role\": \"manager\"}.";
    let asked: Invite = read(&body, FIX)?;
    let reach = reach(&app, &actor, asked.account.as_deref()).await?;
    let who = (asked.email.as_str(), asked.name.as_str(), asked.role);
    let person = access::invite(&app.store, &actor, &reach, who, (app.clock)()).await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": person }))))
}

async fn remove_person(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<Value>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    let people = app.store.people(&reach).await?;
    let nobody = || ApiError::NotFound(format!("there is nobody with the id `{id}`"));
    let person = people.iter().find(|person| person.id.as_str() == id).ok_or_else(nobody)?;
    app.store.remove_person(&reach, person).await?;
    Ok(Json(json!({ "data": { "id": id, "removed": true } })))
}

/// What a link is for: a person's browser, or a frame of the product that asks for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeLink {
    account: Option<String>,
    /// Who is signed in by it, as the history will tell it.
    name: String,
    role: Role,
    #[serde(default)]
    embedded: bool,
    /// How long its session lives.
    session_minutes: Option<u64>,
}

async fn make_link(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let asked: MakeLink = read(&body, "Send {\"account\": \"acme\", \"name\": \"Maya Lind\", \"role\": \"manager\"}.")?;
    let Some(public_url) = &app.public_url else {
        let text = "this service does not know where browsers reach it".to_owned();
        return Err(ApiError::Conflict(text, "Start it with `--public-url`."));
    };
    let reach = match asked.role.is_of_the_house() {
        true => Reach::All,
        false => reach(&app, &actor, asked.account.as_deref()).await?,
    };
    if reach == Reach::All && !actor.may(Right::Operate) {
        return Err(ApiError::NotAllowed { right: Right::Operate });
    }
    let (life, session) = match asked.embedded {
        true => (PORTAL_LINK_LIFE, PORTAL_SESSION_LIFE_MAX),
        false => (LINK_LIFE, SESSION_LIFE),
    };
    let wanted = asked.session_minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let new = NewLink {
        reach,
        name: &asked.name,
        role: asked.role,
        life,
        session: wanted.unwrap_or(session).min(SESSION_LIFE),
        is_embedded: asked.embedded,
    };
    let (text, expires_at) = access::make_link(&app.store, &actor, new, (app.clock)()).await?;
    let link = format!("{public_url}/sign-in/{}", text.expose_secret());
    Ok((StatusCode::CREATED, Json(json!({ "data": { "link": link, "expires_at": expires_at } }))))
}

async fn sessions(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
) -> Result<Json<Value>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    Ok(Json(json!({ "data": app.store.sessions(&reach, (app.clock)()).await?, "next": null })))
}

async fn end_session(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<Value>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    match app.store.end_session(&reach, &id).await? {
        true => Ok(Json(json!({ "data": { "id": id, "ended": true } }))),
        false => Err(ApiError::NotFound(format!("there is no session `{id}`"))),
    }
}

/// Which entries are listed.
#[derive(Deserialize)]
struct Page {
    account: Option<String>,
    /// Only those before this one.
    before: Option<String>,
    limit: Option<u32>,
}

async fn audit(State(app): State<Arc<App>>, actor: Actor, Query(page): Query<Page>) -> Result<Json<Value>, ApiError> {
    let account = account_or_all(&app, &actor, page.account.as_deref()).await?.map(|account| account.id);
    let before = page.before.map(AuditId::stored);
    let limit = page.limit.unwrap_or(50).clamp(1, AUDIT_PAGE);
    let entries = app.store.audit(account.as_ref(), before.as_ref(), limit).await?;
    let next = (entries.len() == limit as usize).then(|| entries.last().map(|entry| entry.id.clone())).flatten();
    Ok(Json(json!({ "data": entries, "next": next })))
}
