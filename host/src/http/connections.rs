//! `/v1/connections`: an account's HubSpot portal, for the operator's programs.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::etag::{expect, tagged, with_tag};
use super::guard::needing;
use super::reach::{account as reached, connection, read};
use super::repeat::ShownOnce;
use crate::account::{self, EventTypeChoice};
use crate::app::App;
use crate::connection::check::Check;
use crate::connection::consent::{self, Wish};
use crate::connection::ending::Ended;
use crate::connection::policy::{Change, PolicyError};
use crate::connection::scopes::Feature;
use crate::connection::setup::{self, Setup};
use crate::connection::standing::{self, Standing};
use crate::connection::{UseError, check, choose, ending, policy};
use crate::model::access::{Actor, Right};
use crate::model::account::{Agreed, Agreement, Connection, ConnectionState, Policy, Waiting};
use crate::model::id::ConnectionId;
use crate::model::time::Timestamp;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(event_types))
        .routes(routes!(policy))
        .routes(routes!(set_up));
    let change = OpenApiRouter::new()
        .routes(routes!(look))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(disconnect))
        .routes(routes!(stay))
        .routes(routes!(connect))
        .routes(routes!(select))
        .routes(routes!(set_policy));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// The connections of all accounts within reach.
#[utoipa::path(
    get,
    path = "/v1/connections",
    tag = "Connections",
    params(Wanted),
    responses((status = 200, description = "The connections", body = List<Connection>)),
    extensions(("x-command" = json!("leadline connection list")))
)]
async fn list(State(app): State<Arc<App>>, actor: Actor, page: Page) -> Result<List<Connection>, ApiError> {
    let connections = app.store.connections(actor.own_account()).await?;
    page.of(connections, |connection| connection.id.as_str())
}

/// One connection, and how it stands: what is left to send before it ends, when a lead went through last, and which leads
/// came while nobody was connected.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The connection", body = Data<Standing>)),
    extensions(("x-command" = json!("leadline connection show CONNECTION")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Standing>, ApiError> {
    let connection = connection(&app, &actor, &id).await?;
    Ok(one(standing::standing(&app.store, &connection).await?))
}

/// What is done to set an account up, and what is left.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/setup",
    tag = "Connections",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "The steps", body = Data<Setup>)),
    extensions(("x-command" = json!("leadline connection setup acme")))
)]
async fn set_up(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(account): Path<String>,
) -> Result<One<Setup>, ApiError> {
    let account = reached(&app, &actor, &account).await?;
    let connection = app.store.connection_of(&account.id).await?;
    Ok(one(setup::setup(&app.store, &account, connection.as_ref()).await?))
}

/// Runs every check in order, with live calls to HubSpot, and says what is wrong and what mends it.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/check",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "What was found", body = Data<Check>)),
    extensions(("x-command" = json!("leadline connection check CONNECTION")))
)]
async fn look(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Check>, ApiError> {
    let connection = connection(&app, &actor, &id).await?;
    let checked = check::check(&app.store, &app.hubspot, &connection, &*app.clock).await?;
    Ok(one(checked))
}

/// Lets deliveries to the portal wait.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/pause",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The connection", body = Data<Connection>)),
    extensions(("x-command" = json!("leadline connection pause CONNECTION")))
)]
async fn pause(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Connection>, ApiError> {
    ending::pause(&app.store, &connection(&app, &actor, &id).await?).await.map_err(refused)?;
    Ok(one(connection(&app, &actor, &id).await?))
}

/// Lets deliveries to the portal go on.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/resume",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The connection", body = Data<Connection>)),
    extensions(("x-command" = json!("leadline connection resume CONNECTION")))
)]
async fn resume(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<Connection>, ApiError> {
    ending::resume(&app.store, &connection(&app, &actor, &id).await?, (app.clock)()).await.map_err(refused)?;
    app.wake.deliver.notify_one();
    Ok(one(connection(&app, &actor, &id).await?))
}

/// What becomes of the leads that wait, and how long one can still think better of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct End {
    waiting: Waiting,
    /// Seconds, 60 at most, in which the connection can be kept. 0: it ends at once, or once everything is sent.
    #[serde(default)]
    undo_s: u32,
}

/// Ends a connection, at once or in a moment, and says what becomes of the leads that wait. With `send` they go on, new ones
/// are skipped, and it ends once none is left, after a quarter of an hour at the latest; until then it can be kept.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/disconnect",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    request_body(content = End, example = json!({ "waiting": "hold", "undo_s": 10 })),
    responses((status = 200, description = "What ended", body = Data<Disconnected>)),
    extensions(("x-command" = json!("leadline connection disconnect CONNECTION --waiting hold")))
)]
async fn disconnect(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<One<Disconnected>, ApiError> {
    const FIX: &str =
        "Send {\"waiting\": \"send\"}, with send, hold or discard, and `undo_s` up to 60 if it may be undone.";
    let End { waiting, undo_s } = read(&body, FIX)?;
    let undo = Duration::from_secs(undo_s.into());
    if undo > ending::UNDO_MAX {
        return Err(ApiError::BadRequest(format!("{undo_s} seconds are too long to think better of it"), FIX));
    }
    let found = connection(&app, &actor, &id).await?;
    let ended = ending::begin(&app.store, &app.hubspot, &found, (waiting, undo), &*app.clock).await.map_err(refused)?;
    app.wake.deliver.notify_one();
    let fresh = connection(&app, &actor, &id).await?;
    let left_to_send = standing::standing(&app.store, &fresh).await?.left_to_send;
    Ok(one(Disconnected { connection: fresh, ended, left_to_send }))
}

/// A connection that ended or is about to, and what was left to do.
#[derive(Serialize, ToSchema)]
struct Disconnected {
    connection: Connection,
    /// None while it can still be kept.
    ended: Option<Ended>,
    /// Leads that are sent before it ends; none where it has ended, or does not wait for them.
    left_to_send: Option<i64>,
}

/// Keeps a connection that is about to end: it is as it was before.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/stay",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The connection", body = Data<Connection>)),
    extensions(("x-command" = json!("leadline connection stay CONNECTION")))
)]
async fn stay(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Connection>, ApiError> {
    let found = connection(&app, &actor, &id).await?;
    ending::stay(&app.store, &found, (app.clock)()).await.map_err(refused)?;
    app.wake.deliver.notify_one();
    Ok(one(connection(&app, &actor, &id).await?))
}

/// A link for whoever may connect the account.
#[derive(Serialize, ToSchema)]
struct Invitation {
    #[schema(example = "https://leads.example.com/connect/hq3b0Yb3v9fJm2kTtJm0c1yqkq0w6m8f3d7s5a2n4zE")]
    link: String,
    expires_at: Timestamp,
}

/// What the account is to be connected for.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Connect {
    /// To ask permission for, beside what is in use.
    features: Vec<Feature>,
    transformation: Option<String>,
    settings: Option<Value>,
}

/// Makes a link for whoever may connect the account to HubSpot.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/connect",
    tag = "Connections",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    request_body(content = Connect, example = json!({ "features": ["create_contact_properties"] })),
    responses((status = 200, description = "The link", body = Data<Invitation>)),
    extensions(("x-command" = json!("leadline connection connect --account acme")))
)]
async fn connect(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(account): Path<String>,
    body: Bytes,
) -> Result<(Extension<ShownOnce>, One<Invitation>), ApiError> {
    const FIX: &str = "Send {}, or {\"features\": [\"create_contact_properties\"]}.";
    let wanted: Connect = if body.is_empty() { Connect::default() } else { read(&body, FIX)? };
    let (Some(public_url), Some(_)) = (&app.public_url, app.hubspot.app()) else {
        let text = "this service is not set up as a HubSpot app".to_owned();
        return Err(ApiError::Conflict(
            text,
            "Start it with `--hubspot-client-id`, `--hubspot-client-secret-file` and `--public-url`.",
        ));
    };
    let account = self::reached(&app, &actor, &account).await?;
    let connections = app.store.connections(Some(&account.id)).await?;
    let live = connections.iter().find(|connection| connection.state != ConnectionState::Disconnected);
    let settings = wanted.settings.unwrap_or_else(|| json!({}));
    if let Some(name) = &wanted.transformation {
        choose(&app.store, &account, name, settings.clone()).await.map_err(|error| match error {
            UseError::Store(error) => error.into(),
            error => ApiError::BadRequest(error.to_string(), "Choose another transformation, or correct its settings."),
        })?;
    }
    let transformation = wanted.transformation.as_deref().map(|name| (name, &settings));
    let now = (app.clock)();
    let asked = Some(Agreement::new(&actor.name, Agreed::Api, now));
    let wish = Wish { connection: live, features: &wanted.features, transformation, asked, back: None };
    let invitation = consent::invite(&app.store, &account, wish, now).await?;
    Ok((Extension(ShownOnce), one(Invitation { link: invitation.link(public_url), expires_at: invitation.expires_at })))
}

/// The event types that there are, and which of them are selected. There are a few: the list has one page.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/event-types",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The event types, with an `ETag`", body = List<EventTypeChoice>)),
    extensions(("x-command" = json!("leadline connection event-types acme")))
)]
async fn event_types(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Response, ApiError> {
    let connection = connection(&app, &actor, &id).await?;
    Ok(chosen(account::event_types(&app.store, &connection).await?))
}

fn chosen(choices: Vec<EventTypeChoice>) -> Response {
    let list = List::whole(choices.clone()).into_response();
    with_tag(&choices, list)
}

/// The event types whose events go to the portal from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Selection {
    types: Vec<String>,
}

/// Selects event types, and no others. Events of the others are skipped, and can be replayed.
#[utoipa::path(
    put,
    path = "/v1/connections/{id}/event-types",
    tag = "Connections",
    params(
        ("id" = ConnectionId, Path, description = "The connection"),
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    request_body(content = Selection, example = json!({ "types": ["lead.captured.v1"] })),
    responses((status = 200, description = "The event types, with an `ETag`", body = List<EventTypeChoice>)),
    extensions(("x-command" = json!("leadline connection event-types acme --select lead.captured.v1")))
)]
async fn select(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    const FIX: &str = "Send {\"types\": [\"lead.captured.v1\"]}, of those that `GET` lists.";
    let Selection { types } = read(&body, FIX)?;
    let connection = connection(&app, &actor, &id).await?;
    expect(&account::event_types(&app.store, &connection).await?, &headers, "the choice of event types")?;
    let before = account::selected_types(&app.store, &connection).await?;
    account::select_event_types(&app.store, &connection, &types, (app.clock)()).await?;
    actor.changes(before, account::selected_types(&app.store, &connection).await?);
    Ok(chosen(account::event_types(&app.store, &connection).await?))
}

/// How leads are written to the portal.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/policy",
    tag = "Connections",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "How leads are written, with an `ETag`", body = Data<Policy>)),
    extensions(("x-command" = json!("leadline connection show CONNECTION")))
)]
async fn policy(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Response, ApiError> {
    Ok(with_policy(&connection(&app, &actor, &id).await?))
}

/// Changes how leads are written from now on. What waited for the old way only goes on.
#[utoipa::path(
    put,
    path = "/v1/connections/{id}/policy",
    tag = "Connections",
    params(
        ("id" = ConnectionId, Path, description = "The connection"),
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    request_body(content = Change, example = json!({ "hold_without_email": true })),
    responses((status = 200, description = "How leads are written now, with an `ETag`", body = Data<Policy>)),
    extensions(("x-command" = json!("leadline connection set CONNECTION --hold-without-email true")))
)]
async fn set_policy(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    const FIX: &str = "Send {\"strict\": true}, of the members that `GET` shows.";
    let asked: Change = read(&body, FIX)?;
    let found = connection(&app, &actor, &id).await?;
    expect(&policy::told(&found), &headers, "how leads are written")?;
    let changed = policy::change(&app.store, &found, asked, (app.clock)()).await?;
    actor.changes(policy::told(&found), policy::told(&changed.connection));
    app.wake.deliver.notify_one();
    Ok(with_policy(&changed.connection))
}

fn with_policy(connection: &Connection) -> Response {
    tagged(&policy::told(connection), &connection.policy)
}

impl From<PolicyError> for ApiError {
    fn from(error: PolicyError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            PolicyError::Property(_) | PolicyError::Version(_) | PolicyError::Key(_) | PolicyError::NotWritten(_) => {
                Self::BadRequest(text, fix)
            }
            PolicyError::Taken(_) | PolicyError::Unfit { .. } => Self::Conflict(text, fix),
            PolicyError::Meanwhile => Self::Changed(text, fix),
            PolicyError::Gone => Self::NotFound(text),
            PolicyError::Store(error) => error.into(),
        }
    }
}

pub(super) fn refused(error: ending::EndError) -> ApiError {
    match error {
        ending::EndError::State { .. } | ending::EndError::Ended(_) => {
            ApiError::Conflict(error.to_string(), "Look at its state; what is disconnected can be connected again.")
        }
        ending::EndError::Store(error) => error.into(),
    }
}
