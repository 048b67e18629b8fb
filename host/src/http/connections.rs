//! `/v1/connections`: an account's HubSpot portal, for the operator's programs.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use super::guard::needing;
use super::reach::{account, connection, read};
use crate::app::App;
use crate::connection::consent::{self, Wish};
use crate::connection::scopes::Feature;
use crate::connection::{UseError, check, choose, ending};
use crate::model::access::{Actor, Right};
use crate::model::account::ConnectionState;
use crate::store::Waiting;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/v1/connections", get(list)).route("/v1/connections/{id}", get(show));
    let change = OpenApiRouter::new()
        .route("/v1/connections/{id}/check", post(look))
        .route("/v1/connections/{id}/pause", post(pause))
        .route("/v1/connections/{id}/resume", post(resume))
        .route("/v1/connections/{id}/disconnect", post(disconnect))
        .route("/v1/accounts/{account}/connect", post(connect));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

async fn list(State(app): State<Arc<App>>, actor: Actor) -> Result<Json<Value>, ApiError> {
    let connections = app.store.connections(actor.own_account()).await?;
    Ok(Json(json!({ "data": connections, "next": null })))
}

async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "data": connection(&app, &actor, &id).await? })))
}

/// Asks HubSpot, and says what is wrong.
async fn look(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let connection = connection(&app, &actor, &id).await?;
    let checked = check::check(&app.store, &app.hubspot, &connection, &*app.clock).await?;
    Ok(Json(json!({ "data": checked })))
}

async fn pause(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    ending::pause(&app.store, &connection(&app, &actor, &id).await?).await.map_err(refused)?;
    show(State(app), actor, Path(id)).await
}

async fn resume(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    ending::resume(&app.store, &connection(&app, &actor, &id).await?, (app.clock)()).await.map_err(refused)?;
    app.wake.deliver.notify_one();
    show(State(app), actor, Path(id)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    waiting: Waiting,
}

async fn disconnect(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let End { waiting } = read(&body, "Send {\"waiting\": \"send\"}, with send, hold or discard.")?;
    let found = connection(&app, &actor, &id).await?;
    let ended = ending::disconnect(&app.store, &app.hubspot, &found, waiting, &*app.clock).await.map_err(refused)?;
    let fresh = connection(&app, &actor, &id).await?;
    Ok(Json(json!({ "data": { "connection": fresh, "ended": ended } })))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Connect {
    /// To ask permission for, beside what is in use.
    features: Vec<Feature>,
    transformation: Option<String>,
    settings: Option<Value>,
}

/// Makes a link for whoever may connect the account.
async fn connect(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(account): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    const FIX: &str = "Send {}, or {\"features\": [\"create_contact_properties\"]}.";
    let wanted: Connect = if body.is_empty() { Connect::default() } else { read(&body, FIX)? };
    let (Some(public_url), Some(_)) = (&app.public_url, app.hubspot.app()) else {
        let text = "this service is not set up as a HubSpot app".to_owned();
        return Err(ApiError::Conflict(
            text,
            "Start it with `--hubspot-client-id`, `--hubspot-client-secret-file` and `--public-url`.",
        ));
    };
    let account = self::account(&app, &actor, &account).await?;
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
    let wish = Wish { connection: live, features: &wanted.features, transformation };
    let invitation = consent::invite(&app.store, &account, wish, (app.clock)()).await?;
    Ok(Json(json!({ "data": { "link": invitation.link(public_url), "expires_at": invitation.expires_at } })))
}

pub(super) fn refused(error: ending::EndError) -> ApiError {
    match error {
        ending::EndError::State { .. } => ApiError::Conflict(error.to_string(), "Look at its state."),
        ending::EndError::LeadsWait(_) => {
            ApiError::Conflict(error.to_string(), "Wait until they are sent, or choose `hold` or `discard`.")
        }
        ending::EndError::Store(error) => error.into(),
    }
}
