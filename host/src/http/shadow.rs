//! `/v1/shadow-runs`: a version beside the one in force, on the account's last leads.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use super::guard::needing;
use super::reach::{owner, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::rollout;
use crate::shadow::{self, EVENTS_MAX};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/v1/shadow-runs/{id}", get(show));
    let change = OpenApiRouter::new().route("/v1/shadow-runs", post(create));
    needing(Right::Read, read).merge(needing(Right::Transform, change))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    /// The account's slug or id, or the connection's id.
    account: String,
    /// Such as `deals@3`.
    version: String,
    settings: Option<Value>,
    /// Leads to try it on, the newest.
    events: Option<u32>,
    by: Option<String>,
}

/// It begins here and ends by itself; who asked looks again.
async fn create(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<(StatusCode, Json<Value>), ApiError> {
    let asked: Create = read(&body, "Send {\"account\": \"acme\", \"version\": \"deals@3\", \"events\": 500}.")?;
    let (account, connection) = owner(&app, &actor, &asked.account).await?;
    let choice = rollout::choose(&app.store, &account, &connection, &asked.version, asked.settings).await?;
    let by = asked.by.as_deref().unwrap_or(&actor.name);
    let events = asked.events.unwrap_or(EVENTS_MAX).clamp(1, EVENTS_MAX);
    let run = shadow::begin(&app.store, &connection, &choice, events, by, (app.clock)()).await?;
    let answer = json!({ "data": run });
    tokio::spawn(async move {
        let id = run.id.clone();
        let clock = app.clock.clone();
        if let Err(error) = shadow::carry_out(&app.store, &app.transformer, run, &choice, move || clock()).await {
            tracing::error!("shadow run {id} could not be finished: {error:#}");
        }
    });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let run = app.store.shadow_run(&id).await?;
    let run = run.filter(|run| actor.reaches(&run.account_id));
    let run = run.ok_or_else(|| ApiError::NotFound(format!("there is no shadow run `{id}`")))?;
    Ok(Json(json!({ "data": run })))
}
