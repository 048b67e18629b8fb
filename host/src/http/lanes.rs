//! `/v1/lanes`, and the pauses of lanes, accounts and everything, for the operator's programs.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connections::{account, account_or_all};
use super::error::ApiError;
use crate::app::App;
use crate::model::lane::PauseScope;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/lanes", get(list))
        .route("/v1/lanes/pause", post(pause_all))
        .route("/v1/lanes/resume", post(resume_all))
        .route("/v1/lanes/{id}/pause", post(pause_lane))
        .route("/v1/lanes/{id}/resume", post(resume_lane))
        .route("/v1/accounts/{account}/pause", post(pause_account))
        .route("/v1/accounts/{account}/resume", post(resume_account))
}

/// Whose lanes are listed.
#[derive(Deserialize)]
struct Whose {
    /// Slug or id.
    account: Option<String>,
}

async fn list(State(app): State<Arc<App>>, Query(whose): Query<Whose>) -> Result<Json<Value>, ApiError> {
    let account = account_or_all(&app, whose.account.as_deref()).await?.map(|account| account.id);
    let lanes = app.store.lanes(account.as_ref(), (app.clock)()).await?;
    Ok(Json(json!({ "data": lanes, "pauses": pauses(&app).await?, "next": null })))
}

async fn pause_all(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    pause(&app, &PauseScope::All).await
}

async fn resume_all(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    resume(&app, &PauseScope::All).await
}

async fn pause_lane(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    pause(&app, &lane(&app, &id).await?).await
}

async fn resume_lane(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    resume(&app, &lane(&app, &id).await?).await
}

async fn pause_account(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    pause(&app, &PauseScope::Account(account(&app, &name).await?.id)).await
}

async fn resume_account(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    resume(&app, &PauseScope::Account(account(&app, &name).await?.id)).await
}

async fn pause(app: &App, scope: &PauseScope) -> Result<Json<Value>, ApiError> {
    app.store.pause(scope, (app.clock)()).await?;
    Ok(Json(json!({ "data": pauses(app).await? })))
}

async fn resume(app: &App, scope: &PauseScope) -> Result<Json<Value>, ApiError> {
    app.store.resume(scope).await?;
    app.wake.plan.notify_one();
    app.wake.deliver.notify_one();
    Ok(Json(json!({ "data": pauses(app).await? })))
}

async fn pauses(app: &App) -> Result<Value, ApiError> {
    let pauses = app.store.pauses().await?;
    Ok(pauses.iter().map(|(scope, since)| json!({ "scope": scope, "since": since })).collect())
}

async fn lane(app: &App, id: &str) -> Result<PauseScope, ApiError> {
    app.store.lane(id).await?.ok_or_else(|| ApiError::NotFound(format!("there is no lane `{id}`")))
}
