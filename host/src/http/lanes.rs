//! `/v1/lanes`, and the pauses of lanes, accounts and everything, for the operator's programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use super::guard::needing;
use super::reach::{account, account_or_all};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::lane::PauseScope;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/v1/lanes", get(list));
    let change = OpenApiRouter::new()
        .route("/v1/lanes/{id}/pause", post(pause_lane))
        .route("/v1/lanes/{id}/resume", post(resume_lane))
        .route("/v1/accounts/{account}/pause", post(pause_account))
        .route("/v1/accounts/{account}/resume", post(resume_account));
    let everything =
        OpenApiRouter::new().route("/v1/lanes/pause", post(pause_all)).route("/v1/lanes/resume", post(resume_all));
    needing(Right::Read, read).merge(needing(Right::Change, change)).merge(needing(Right::Operate, everything))
}

/// Whose lanes are listed.
#[derive(Deserialize)]
struct Whose {
    /// Slug or id.
    account: Option<String>,
}

async fn list(State(app): State<Arc<App>>, actor: Actor, Query(whose): Query<Whose>) -> Result<Json<Value>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    let lanes = app.store.lanes(account.as_ref(), (app.clock)()).await?;
    Ok(Json(json!({ "data": lanes, "pauses": pauses(&app, &actor).await?, "next": null })))
}

async fn pause_all(State(app): State<Arc<App>>, actor: Actor) -> Result<Json<Value>, ApiError> {
    pause(&app, &actor, &PauseScope::All).await
}

async fn resume_all(State(app): State<Arc<App>>, actor: Actor) -> Result<Json<Value>, ApiError> {
    resume(&app, &actor, &PauseScope::All).await
}

async fn pause_lane(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    pause(&app, &actor, &lane(&app, &actor, &id).await?).await
}

async fn resume_lane(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    resume(&app, &actor, &lane(&app, &actor, &id).await?).await
}

async fn pause_account(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    pause(&app, &actor, &PauseScope::Account(account(&app, &actor, &name).await?.id)).await
}

async fn resume_account(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    resume(&app, &actor, &PauseScope::Account(account(&app, &actor, &name).await?.id)).await
}

async fn pause(app: &App, actor: &Actor, scope: &PauseScope) -> Result<Json<Value>, ApiError> {
    app.store.pause(scope, (app.clock)()).await?;
    Ok(Json(json!({ "data": pauses(app, actor).await? })))
}

async fn resume(app: &App, actor: &Actor, scope: &PauseScope) -> Result<Json<Value>, ApiError> {
    app.store.resume(scope).await?;
    app.wake.plan.notify_one();
    app.wake.deliver.notify_one();
    Ok(Json(json!({ "data": pauses(app, actor).await? })))
}

/// What stands still, as far as it concerns who asks.
async fn pauses(app: &App, actor: &Actor) -> Result<Value, ApiError> {
    let pauses = app.store.pauses().await?;
    let concerns = |scope: &PauseScope| match (scope, actor.own_account()) {
        (PauseScope::All, _) | (_, None) => true,
        (PauseScope::Account(account) | PauseScope::Lane(account, _), Some(own)) => account == own,
    };
    let pauses = pauses.iter().filter(|(scope, _)| concerns(scope));
    Ok(pauses.map(|(scope, since)| json!({ "scope": scope, "since": since })).collect())
}

async fn lane(app: &App, actor: &Actor, id: &str) -> Result<PauseScope, ApiError> {
    let found = app.store.lane(id).await?;
    let found = found.filter(|scope| matches!(scope, PauseScope::Lane(account, _) if actor.reaches(account)));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no lane `{id}`")))
}
