//! `/v1/replays`: leads that are sent once more, for the operator's programs.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use super::guard::needing;
use super::reach::{account, account_or_all, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::replay::{Change, Filter, Replay};
use crate::replay::{self, Wish};

/// Replays that one answer lists at most, the newest.
const LISTED_MAX: u32 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/v1/replays", get(list)).route("/v1/replays/{id}", get(show));
    let change = OpenApiRouter::new()
        .route("/v1/replays", post(create))
        .route("/v1/replays/{id}/pause", post(pause))
        .route("/v1/replays/{id}/resume", post(resume))
        .route("/v1/replays/{id}/cancel", post(cancel));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Slug or id.
    account: String,
    #[serde(default)]
    filter: Filter,
    /// Whether what was delivered is sent once more.
    #[serde(default)]
    again: bool,
    rate: Option<u32>,
    /// Only say what it would come to.
    #[serde(default)]
    dry_run: bool,
}

async fn create(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<Json<Value>, ApiError> {
    let asked: Create = read(&body, "Send {\"account\": \"acme\", \"filter\": {\"state\": \"failed\"}}.")?;
    let account = account(&app, &actor, &asked.account).await?;
    let wish = Wish { filter: asked.filter, again: asked.again, rate: asked.rate };
    let now = (app.clock)();
    if asked.dry_run {
        let estimate = replay::estimate(&app.store, &account, &wish, now).await?;
        return Ok(Json(json!({ "data": { "estimate": estimate } })));
    }
    Ok(Json(json!({ "data": replay::create(&app.store, &account, &wish, now).await? })))
}

/// Whose replays are listed.
#[derive(Deserialize)]
struct Whose {
    /// Slug or id.
    account: Option<String>,
}

async fn list(State(app): State<Arc<App>>, actor: Actor, Query(whose): Query<Whose>) -> Result<Json<Value>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    let replays = app.store.replays(account.as_ref(), LISTED_MAX).await?;
    Ok(Json(json!({ "data": replays, "next": null })))
}

async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let replay = found(&app, &actor, &id).await?;
    let skipped = app.store.skipped_leads(&replay).await?;
    Ok(Json(json!({ "data": { "replay": replay, "skipped": skipped } })))
}

async fn pause(state: State<Arc<App>>, actor: Actor, id: Path<String>) -> Result<Json<Value>, ApiError> {
    change(state, actor, id, Change::Pause).await
}

async fn resume(state: State<Arc<App>>, actor: Actor, id: Path<String>) -> Result<Json<Value>, ApiError> {
    change(state, actor, id, Change::Resume).await
}

async fn cancel(state: State<Arc<App>>, actor: Actor, id: Path<String>) -> Result<Json<Value>, ApiError> {
    change(state, actor, id, Change::Cancel).await
}

async fn change(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    change: Change,
) -> Result<Json<Value>, ApiError> {
    replay::change(&app.store, &found(&app, &actor, &id).await?, change, (app.clock)()).await?;
    Ok(Json(json!({ "data": found(&app, &actor, &id).await? })))
}

async fn found(app: &App, actor: &Actor, id: &str) -> Result<Replay, ApiError> {
    let found = app.store.replay(id).await?.filter(|replay| actor.reaches(&replay.account_id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no replay `{id}`")))
}
